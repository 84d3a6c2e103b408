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
	// Period is the distance between windows; Long, if above 0, is the period whose phase windows may share.
	Period, Long int
	// Window is how many values make a window.
	Window int
	// Lambda is the penalty, relative to the mean square of the windows.
	Lambda float64
	// Phase is the weight of sharing the phase of the long period, relative to the mean square of the windows.
	Phase float64
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
	ok := opt.Period >= 1 && opt.Period <= MaxPeriod && opt.Long >= 0 && opt.Long <= MaxPeriod && opt.Window >= 1 && opt.Window <= MaxPeriod &&
		opt.Lambda > 0 && opt.Lambda <= 1e6 && opt.Phase >= 0 && opt.Phase <= 1e6
	if !ok {
		return nil, fmt.Errorf("kernel regression %+v; keep period and window in [1, %d], lambda in (0, 1e6] and phase in [0, 1e6]: %w", opt, MaxPeriod, models.ErrInvalid)
	}
	return &Kernel{opt: opt, tape: newTape(opt.Window+kernelDepth*opt.Period, opt.Period)}, nil
}

// Update implements Forecaster.
func (m *Kernel) Update(y float64) { m.tape.push(y) }

// Forecast implements Forecaster; it needs two periods beside the window.
func (m *Kernel) Forecast(dst []float64) error {
	v := m.tape.view()
	p := m.opt.Period
	n := (len(v) - m.opt.Window) / p // windows in the past
	if n < 2 {
		return errWarming
	}
	k := m.examples(v, n)
	for from := 0; from < len(dst); from += p {
		skip := from / p // the youngest windows whose continuation is not known so far ahead
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
			f, mu := 0.0, 0.0
			for c := skip; c < n; c++ {
				x := v[len(v)-(c+1)*p+h]
				if m.opt.Shift {
					x -= k.level[c+1]
				} else {
					x /= k.level[c+1]
				}
				f += w[c-skip] * x
				mu += x
			}
			_ = mu
			if m.opt.Shift {
				f += k.level[0]
			} else {
				f *= k.level[0]
			}
			dst[h] = f
		}
	}
	return nil
}

// kernel holds the inner products of windows: index 0 is the present one, then the past ones, the youngest first.
type kernel struct {
	n     int // past windows
	level []float64
	gram  []float64 // (n+1)², of windows made alike
}

func (m *Kernel) examples(v []float64, n int) *kernel {
	p, w := m.opt.Period, m.opt.Window
	k := &kernel{n: n, level: make([]float64, n+1), gram: make([]float64, (n+1)*(n+1))}
	alike := make([]float64, (n+1)*w)
	for c := range n + 1 {
		win := v[len(v)-c*p-w : len(v)-c*p]
		l := sum(win) / float64(w)
		if !m.opt.Shift && !(l > 0) {
			l = 1
		}
		k.level[c] = l
		row := alike[c*w : (c+1)*w]
		for i, x := range win {
			if m.opt.Shift {
				row[i] = x - l
			} else {
				row[i] = x / l
			}
		}
	}
	for c := range n + 1 {
		for d := 0; d <= c; d++ {
			s := 0.0
			a, b := alike[c*w:(c+1)*w], alike[d*w:(d+1)*w]
			for i, x := range a {
				s += x * b[i]
			}
			k.gram[c*(n+1)+d] = s
			k.gram[d*(n+1)+c] = s
		}
	}
	if m.opt.Phase > 0 && m.opt.Long > 0 {
		// Windows at the same phase are as much more alike as if they shared one more value.
		scale := k.spread() * m.opt.Phase
		for c := range n + 1 {
			for d := range n + 1 {
				if (c-d)*p%m.opt.Long == 0 {
					k.gram[c*(n+1)+d] += scale
				}
			}
		}
	}
	return k
}

// spread is the mean square of the windows about their mean.
func (k *kernel) spread() float64 {
	n1 := k.n + 1
	tr, all := 0.0, 0.0
	for c := range n1 {
		tr += k.gram[c*n1+c]
		for d := range n1 {
			all += k.gram[c*n1+d]
		}
	}
	return max(0, tr/float64(n1)-all/float64(n1*n1))
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
	b.int(o.Long)
	b.int(o.Window)
	b.float(o.Lambda)
	b.float(o.Phase)
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
	o.Period, o.Long, o.Window = r.int(1, MaxPeriod), r.int(0, MaxPeriod), r.int(1, MaxPeriod)
	o.Lambda, o.Phase, o.Shift = r.float(0, 1e6), r.float(0, 1e6), r.bool()
	if r.err != nil {
		return r.err
	}
	fresh, err := NewKernel(o)
	if err != nil {
		return err
	}
	fresh.tape.readInto(r)
	if err := r.done(); err != nil {
		return err
	}
	*m = *fresh
	return nil
}

// Seasons implements MultiSeason.
func (m *Kernel) Seasons() []int { return []int{m.opt.Period, max(m.opt.Long, m.opt.Period)} }
