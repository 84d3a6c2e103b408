package predictor

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"pilotlight/models"
)

// The binary states all have one frame: a magic of four bytes, a version byte, the payload, and the CRC-32 of all before.
// Numbers are little-endian.
const (
	frameHead    = 5
	frameTail    = 4
	stateVersion = 2
)

// seal puts the payload into a frame.
func seal(magic string, payload []byte) []byte {
	b := make([]byte, 0, frameHead+len(payload)+frameTail)
	b = append(append(append(b, magic...), stateVersion), payload...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// unseal checks the frame and returns a reader of its payload.
func unseal(magic string, data []byte) (*reader, error) {
	if len(data) < frameHead+frameTail || string(data[:4]) != magic {
		return nil, fmt.Errorf("state of %d bytes does not begin with %q; start without it: %w", len(data), magic, models.ErrInvalid)
	}
	if data[4] != stateVersion {
		return nil, fmt.Errorf("state %s has version %d, not %d; start without it: %w", magic, data[4], stateVersion, models.ErrInvalid)
	}
	body, tail := data[:len(data)-frameTail], data[len(data)-frameTail:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(tail) {
		return nil, fmt.Errorf("state %s has a wrong checksum; start without it: %w", magic, models.ErrInvalid)
	}
	return &reader{b: body[frameHead:], magic: magic}, nil
}

// writer appends numbers to a payload.
type writer struct{ b []byte }

func (w *writer) byte(v byte)     { w.b = append(w.b, v) }
func (w *writer) int(v int)       { w.b = binary.AppendVarint(w.b, int64(v)) }
func (w *writer) float(v float64) { w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(v)) }

func (w *writer) bool(v bool) {
	if v {
		w.byte(1)
		return
	}
	w.byte(0)
}

func (w *writer) bytes(v []byte) {
	w.int(len(v))
	w.b = append(w.b, v...)
}

func (w *writer) floats(v []float64) {
	w.int(len(v))
	for _, x := range v {
		w.float(x)
	}
}

func (w *writer) floats32(v []float32) {
	w.int(len(v))
	for _, x := range v {
		w.b = binary.LittleEndian.AppendUint32(w.b, math.Float32bits(x))
	}
}

// reader takes numbers from a payload. After the first error all reads return zero values; err keeps the error.
type reader struct {
	b     []byte
	magic string
	err   error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("state %s: "+format+"; start without it: %w", append(append([]any{r.magic}, args...), models.ErrInvalid)...)
		r.b = nil
	}
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("%d bytes are missing", n-len(r.b))
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) bool() bool { return r.byte() == 1 }

// int reads an integer in [lo, hi].
func (r *reader) int(lo, hi int) int {
	v, n := binary.Varint(r.b)
	if n <= 0 || v < int64(lo) || v > int64(hi) {
		r.fail("integer %d is outside [%d, %d]", v, lo, hi)
		return lo
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) rawFloat() float64 {
	if b := r.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// float reads a finite number in [lo, hi].
func (r *reader) float(lo, hi float64) float64 {
	v := r.rawFloat()
	if r.err == nil && !(v >= lo && v <= hi) {
		r.fail("number %v is outside [%v, %v]", v, lo, hi)
		return lo
	}
	return v
}

func (r *reader) bytes() []byte { return r.take(r.int(0, len(r.b))) }

// floats fills dst, whose length the caller knows, with numbers of at most limit in size.
func (r *reader) floats(dst []float64, limit float64) {
	if n := r.int(0, len(r.b)/8); n != len(dst) && r.err == nil {
		r.fail("%d numbers, not %d", n, len(dst))
	}
	for i := range dst {
		v := r.rawFloat()
		if !(math.Abs(v) <= limit) {
			r.fail("number %v is not usable", v)
		}
		if r.err != nil {
			return
		}
		dst[i] = v
	}
}

// floats32 reads at most most numbers; NaN passes if nan is true, infinities never.
func (r *reader) floats32(most int, nan bool) []float32 {
	n := r.int(0, min(most, len(r.b)/4))
	raw := r.take(4 * n)
	if r.err != nil {
		return nil
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		if x := float64(v[i]); math.IsInf(x, 0) || math.IsNaN(x) && !nan {
			r.fail("number %v is not usable", x)
			return nil
		}
	}
	return v
}

// fill32 fills dst, whose length the caller knows; NaN passes if nan is true, infinities never.
func (r *reader) fill32(dst []float32, nan bool) {
	v := r.floats32(len(dst), nan)
	if len(v) != len(dst) {
		r.fail("%d numbers, not %d", len(v), len(dst))
		return
	}
	copy(dst, v)
}

// done returns the first error, or one if bytes are left over.
func (r *reader) done() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes are left over", len(r.b))
	}
	return r.err
}
