package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*Kernel)(nil)

const (
	kernelMagic = "PLKR"
	kernelDepth = 64 // past windows at most
)

// KernelOptions choose a kernel ridge regression on windows.
type KernelOptions struct {
	// Period is the distance between windows.
	Period int
	// Window is how many values make a window.
	Window int
	// Lambda is the penalty, relative to the mean square of the windows.
	Lambda float64
	// Shift makes windows alike up to a shift instead of up to a factor.
	Shift bool
}

// Kernel regresses what follows a window on the window: the past windows at the same place in the season are the examples,
// made alike by dividing by their means (or subtracting them), and the forecast is
//
//	f = level · (mean course + Σ w_c·(course_c - mean course)),  w = (K + λI)⁻¹·k
//
// with K the inner products of the examples about their mean and k those with the present window: ridge regression in its dual form
// (Saunders, Gammerman and Vovk 1998), which has few examples of many values. Each short period ahead has its own regression, on the
// windows whose continuation reaches so far. Update is O(1).
type Kernel struct {
	opt  KernelOptions
	tape tape
}

// NewKernel makes the model.
func NewKernel(opt KernelOptions) (*Kernel, error) {
	if min(opt.Period, opt.Window) < 1 || max(opt.Period, opt.Window) > MaxPeriod || !(opt.Lambda > 0 && opt.Lambda <= maxLambda) {
		return nil, fmt.Errorf("kernel regression %+v; keep period and window in [1, %d] and lambda in (0, %v]: %w", opt, MaxPeriod, maxLambda, models.ErrInvalid)
	}
	return &Kernel{opt: opt, tape: newTape(opt.Window+kernelDepth*opt.Period, opt.Period)}, nil
}

// Update implements Forecaster.
func (m *Kernel) Update(y float64) { m.tape.push(y) }

// Forecast implements Forecaster; it needs two periods beside the window.
func (m *Kernel) Forecast(dst []float64) error {
	v, p := m.tape.view(), m.opt.Period
	n := (len(v) - m.opt.Window) / p // windows in the past
	if n < 2 {
		return errWarming
	}
	k := m.examples(v, n)
	for from := 0; from < len(dst); from += p {
		skip := from / p // the youngest windows, whose continuation is not known so far ahead
		if n-skip < 2 {
			for h := from; h < len(dst); h++ {
				dst[h] = dst[h-p]
			}
			return nil
		}
		w, ok := k.weights(skip, m.opt.Lambda)
		if !ok {
			return errWarming
		}
		for h := from; h < min(from+p, len(dst)); h++ {
			f := 0.0
			for i, x := range w {
				c := skip + i + 1
				f += x * k.alike(v[len(v)-c*p+h], c)
			}
			dst[h] = max(-MaxValue, min(k.back(f), MaxValue))
		}
	}
	return nil
}

// kernel holds the levels and inner products of windows: index 0 is the present one, then come the past ones, the youngest first.
type kernel struct {
	n     int // past windows
	shift bool
	level []float64
	gram  []float64 // (n+1)², of windows made alike
}

// alike makes a value of window c alike to those of other windows.
func (k *kernel) alike(x float64, c int) float64 {
	if k.shift {
		return x - k.level[c]
	}
	return x / k.level[c]
}

// back turns a value that is alike into one of the present.
func (k *kernel) back(f float64) float64 {
	if k.shift {
		return f + k.level[0]
	}
	return f * k.level[0]
}

// examples compares the present window and n past ones.
func (m *Kernel) examples(v []float64, n int) *kernel {
	p, w := m.opt.Period, m.opt.Window
	k := &kernel{n: n, shift: m.opt.Shift, level: make([]float64, n+1), gram: make([]float64, (n+1)*(n+1))}
	rows := make([]float64, (n+1)*w)
	for c := range n + 1 {
		win := v[len(v)-c*p-w : len(v)-c*p]
		k.level[c] = sum(win) / float64(w)
		if !k.shift && !(k.level[c] > 0) {
			k.level[c] = 1
		}
		for i, x := range win {
			rows[c*w+i] = k.alike(x, c)
		}
	}
	for c := range n + 1 {
		for d := 0; d <= c; d++ {
			s := inner(rows[c*w:(c+1)*w], rows[d*w:(d+1)*w])
			k.gram[c*(n+1)+d] = s
			k.gram[d*(n+1)+c] = s
		}
	}
	return k
}

// inner is the inner product of two vectors of the same length.
func inner(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64 // four sums, because one would wait for each addition
	i := 0
	for ; i+3 < len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// weights returns what each example from skip on weighs; they sum to 1.
func (k *kernel) weights(skip int, lambda float64) ([]float64, bool) {
	n, n1 := k.n-skip, k.n+1
	rowMean := make([]float64, n)
	nowMean, all := 0.0, 0.0
	for i := range n {
		for j := range n {
			rowMean[i] += k.gram[(i+skip+1)*n1+j+skip+1]
		}
		rowMean[i] /= float64(n)
		all += rowMean[i]
		nowMean += k.gram[i+skip+1]
	}
	all /= float64(n)
	nowMean /= float64(n)
	a := make([]float64, n*(n+1)/2)
	b := make([]float64, n)
	tr := 0.0
	at := 0
	for i := range n {
		for j := 0; j <= i; j++ {
			a[at+j] = k.gram[(i+skip+1)*n1+j+skip+1] - rowMean[i] - rowMean[j] + all
		}
		tr += a[at+i]
		at += i + 1
		b[i] = k.gram[i+skip+1] - nowMean - rowMean[i] + all
	}
	tr /= float64(n)
	if !(tr > 1e-12*math.Abs(all)) {
		for i := range b {
			b[i] = 1 / float64(n)
		}
		return b, true
	}
	at = 0
	for i := range n {
		a[at+i] += lambda * tr
		at += i + 1
	}
	if !choleskySolve(a, b) {
		return nil, false
	}
	// About the mean: the forecast is mean + Σ w (x - mean).
	rest := (1 - sum(b)) / float64(n)
	for i := range b {
		b[i] += rest
	}
	return b, true
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *Kernel) MarshalBinary() ([]byte, error) {
	var b writer
	o := m.opt
	b.int(o.Period)
	b.int(o.Window)
	b.float(o.Lambda)
	b.bool(o.Shift)
	m.tape.write(&b)
	return seal(kernelMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (m *Kernel) UnmarshalBinary(data []byte) error {
	r, err := unseal(kernelMagic, data)
	if err != nil {
		return err
	}
	var o KernelOptions
	o.Period, o.Window = r.int(1, MaxPeriod), r.int(1, MaxPeriod)
	o.Lambda, o.Shift = r.float(0, maxLambda), r.bool()
	return restoreTaped(r, m, func() (*Kernel, error) { return NewKernel(o) }, func(fresh *Kernel) *tape { return &fresh.tape })
}

// Seasons implements MultiSeason.
func (m *Kernel) Seasons() []int { return []int{m.opt.Period} }
