package predictor

import "math"

// tape is a history without holes that lies in one piece: a missing value is replaced by the one a period before, or by the
// latest one. It keeps the latest keep values in view; everything a model reads from it must lie there.
type tape struct {
	values []float64
	keep   int
	season int
}

func newTape(keep, season int) tape { return tape{keep: keep, season: max(season, 1)} }

// push appends the value of the next step and reports whether it was a value. Missing values before the first one count for
// nothing.
func (t *tape) push(y float64) bool {
	y = usable(y)
	known := !math.IsNaN(y)
	if !known {
		n := len(t.view())
		switch {
		case n == 0:
			return false
		case n >= t.season:
			y = t.at(t.season)
		default:
			y = t.at(1)
		}
	}
	if len(t.values) >= 2*t.keep {
		n := copy(t.values, t.values[len(t.values)-t.keep+1:])
		t.values = t.values[:n]
	}
	t.values = append(t.values, y)
	return known
}

// view returns the values in view, the latest last. The caller must not change them.
func (t *tape) view() []float64 {
	if n := len(t.values); n > t.keep {
		return t.values[n-t.keep:]
	}
	return t.values
}

// at returns the value of age steps ago, 1 being the latest; it must be in view.
func (t *tape) at(age int) float64 { return t.values[len(t.values)-age] }

func (t *tape) write(w *writer) {
	w.int(t.keep)
	w.int(t.season)
	w.floats(t.view())
}

// maxTape bounds the history of a model.
const maxTape = 1 << 25

// readInto fills the tape, whose size and season the caller knows.
func (t *tape) readInto(r *reader) {
	if keep, season := r.int(1, maxTape), r.int(1, MaxPeriod); r.err == nil && (keep != t.keep || season != t.season) {
		r.fail("a history of %d steps with a season of %d does not fit", keep, season)
	}
	n := r.int(0, min(t.keep, len(r.b)/8))
	if r.err != nil {
		return
	}
	t.values = make([]float64, n)
	for i := range t.values {
		t.values[i] = r.float(-MaxValue, MaxValue)
	}
}

// restoreTaped finishes reading a model whose state is its options, which the reader has given, and a tape: it makes the model anew,
// fills the tape and puts it in the place of dst. It changes nothing on an error.
func restoreTaped[T any](r *reader, dst *T, anew func() (*T, error), tapeOf func(*T) *tape) error {
	if r.err != nil {
		return r.err
	}
	fresh, err := anew()
	if err != nil {
		return err
	}
	tapeOf(fresh).readInto(r)
	if err := r.done(); err != nil {
		return err
	}
	*dst = *fresh
	return nil
}
