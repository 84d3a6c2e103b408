package predictor

import (
	"encoding/binary"
	"math"
	"slices"
)

// logRing is a ring of the latest values in two bytes each: 0 is zero, the last code a missing value, and the others are
// numbers with a mantissa of 11 bits and an exponent of 5 bits above a unit, so that they are within 0.03 % over 30 octaves,
// and whole numbers up to 4095 exact. The unit is a power of two that follows the greatest value there is.
type logRing struct {
	codes []uint16
	n     int // values there
	next  int // where the next value goes
	unit  int // the exponent of the unit
}

const (
	mantissaBits = 11
	mantissa     = 1 << mantissaBits
	codeMissing  = math.MaxUint16
	codeTop      = codeMissing - 1
	unitBelow    = 28                // how many octaves a fresh unit lies below the value that asked for it
	unitOctaves  = mantissaBits + 31 // how many octaves above the unit have codes
	unitNone     = math.MinInt16     // before the first value above zero
)

// newLogRing makes a ring.
func newLogRing(size int) logRing { return logRing{codes: make([]uint16, size), unit: unitNone} }

// len returns how many values there are.
func (r *logRing) len() int { return r.n }

// push appends the value of the next step, not negative; the oldest falls out if the ring is full.
func (r *logRing) push(y float64) {
	if y > 0 {
		if _, e := math.Frexp(y); e > r.unit+unitOctaves {
			r.rescale(e - unitBelow)
		}
	}
	r.codes[r.next] = encode(y, r.unit)
	r.n = min(r.n+1, len(r.codes))
	if r.next++; r.next == len(r.codes) {
		r.next = 0
		r.settle()
	}
}

// settle lowers the unit, once in a round, when the values have become much smaller.
func (r *logRing) settle() {
	top := 0.0
	for _, c := range r.codes[:r.n] {
		if v := decode(c, r.unit); v > top {
			top = v
		}
	}
	if top == 0 { // nothing left to keep
		r.unit = unitNone
	} else if _, e := math.Frexp(top); e < r.unit+unitBelow/2 {
		r.rescale(e - unitBelow)
	}
}

// rescale changes the unit and all codes with it.
func (r *logRing) rescale(unit int) {
	for i, c := range r.codes[:r.n] {
		r.codes[i] = encode(decode(c, r.unit), unit)
	}
	r.unit = unit
}

// encode returns the nearest code of y; what is above the greatest code gets that one, and what is above zero never gets zero.
func encode(y float64, unit int) uint16 {
	switch {
	case y != y:
		return codeMissing
	case y <= 0:
		return 0
	}
	frac, e := math.Frexp(y) // y = frac·2^e, frac in [0.5, 1)
	e -= unit + mantissaBits // in units, y = mantissa·frac·2^e: a number below mantissa if e is not positive
	if e <= 0 {
		return uint16(max(1, math.RoundToEven(math.Ldexp(frac, e+mantissaBits))))
	}
	code := e<<mantissaBits + int(math.RoundToEven(frac*2*mantissa)) - mantissa
	return uint16(min(code, codeTop)) //nolint:gosec // between 0 and codeTop
}

// decode is the inverse of encode.
func decode(code uint16, unit int) float64 {
	switch code {
	case 0:
		return 0
	case codeMissing:
		return math.NaN()
	}
	e, m := int(code>>mantissaBits), int(code&(mantissa-1))
	if e == 0 {
		return math.Ldexp(float64(m), unit)
	}
	return math.Ldexp(float64(mantissa+m), e-1+unit)
}

// at returns the value of age steps ago, 1 being the latest, or NaN if it is not there.
func (r *logRing) at(age int) float64 {
	if age < 1 || age > r.n {
		return math.NaN()
	}
	i := r.next - age
	if i < 0 {
		i += len(r.codes)
	}
	return decode(r.codes[i], r.unit)
}

// maxRingMedian is the widest window that median takes.
const maxRingMedian = 64

// median returns the median of the latest values that are not missing, at most window of them; ok is false if there is none.
// Codes are in the order of the values, so only the result is decoded.
func (r *logRing) median(window int) (v float64, ok bool) {
	var room [maxRingMedian]uint16
	n, zeros, i := 0, 0, r.next
	for range r.n {
		if i--; i < 0 {
			i += len(r.codes)
		}
		if c := r.codes[i]; c != codeMissing {
			if c == 0 {
				zeros++
			}
			room[n] = c
			if n++; n == window {
				break
			}
		}
	}
	switch {
	case n == 0:
		return 0, false
	case zeros > n/2: // both middle values are among the zeros, and no code is lower
		return 0, true
	}
	codes := room[:n]
	high := nth(codes, n/2)
	low := high
	if n%2 == 0 {
		low = slices.Max(codes[:n/2])
	}
	return (decode(low, r.unit) + decode(high, r.unit)) / 2, true
}

// nth puts the k-th smallest value, k from 0, in its place with none greater before it, and returns it (Hoare 1961).
func nth(v []uint16, k int) uint16 {
	for lo, hi := 0, len(v)-1; lo < hi; {
		pivot := v[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	return v[k]
}

// tail returns all values in time order.
func (r *logRing) tail() []float64 {
	out := make([]float64, r.n)
	for i := range out {
		out[i] = r.at(r.n - i)
	}
	return out
}

func (r *logRing) write(w *writer) {
	w.int(r.n)
	w.int(r.next)
	w.int(r.unit)
	for _, c := range r.codes[:r.n] {
		w.b = binary.LittleEndian.AppendUint16(w.b, c)
	}
}

func (r *logRing) read(rd *reader) {
	r.n = rd.int(0, len(r.codes))
	r.next = rd.int(0, len(r.codes)-1)
	r.unit = rd.int(math.MinInt16, math.MaxInt16)
	if r.n < len(r.codes) && r.next != r.n {
		rd.fail("ring of %d values goes on at %d", r.n, r.next)
	}
	raw := rd.take(2 * r.n)
	for i := range len(raw) / 2 {
		r.codes[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
}
