package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*Nearest)(nil)

const (
	nearMagic    = "PLNN"
	nearestMost  = 8   // neighbours at most
	nearestDepth = 120 // short periods of history searched at most
	maxRescale   = 5   // a past window is scaled by this at most
	tinyDistance = 1e-9
)

// NearestOptions choose a nearest-window model.
type NearestOptions struct {
	// Period is the distance between candidates; Long, if above 0, is the period that candidates should keep.
	Period, Long int
	// Window is how many of the latest values are compared.
	Window int
	// Neighbours is how many of the best candidates are mixed.
	Neighbours int
	// OffPhase multiplies the distance of candidates that are not at a multiple of Long; 1 treats them alike.
	OffPhase float64
}

// Nearest looks for the past windows, at the same place in the season, that were most like the latest values up to a factor,
// and mixes what came after them, scaled to the present, with weights inverse to the distances: nearest-neighbour
// regression on delay vectors (Farmer and Sidorowich 1987; Yakowitz 1987). Update is O(1), Forecast O(n/period · window).
type Nearest struct {
	opt  NearestOptions
	tape tape
}

// NewNearest makes the model.
func NewNearest(opt NearestOptions) (*Nearest, error) {
	if min(opt.Period, opt.Window) < 1 || max(opt.Period, opt.Window, opt.Long) > MaxPeriod || opt.Long < 0 {
		return nil, fmt.Errorf("nearest windows %+v; keep the periods and the window in [1, %d]: %w", opt, MaxPeriod, models.ErrInvalid)
	}
	if opt.Neighbours < 1 || opt.Neighbours > nearestMost || !(opt.OffPhase >= 1 && opt.OffPhase <= 100) {
		return nil, fmt.Errorf("nearest windows %+v; keep neighbours in [1, %d] and off phase in [1, 100]: %w", opt, nearestMost, models.ErrInvalid)
	}
	return &Nearest{opt: opt, tape: newTape(opt.Window+nearestDepth*opt.Period, opt.Period)}, nil
}

// Update implements Forecaster.
func (m *Nearest) Update(y float64) { m.tape.push(y) }

// match is a candidate: how far back it is, its distance and the factor to the present.
type match struct {
	back  int
	dist  float64
	scale float64
}

// Forecast implements Forecaster; it needs one period beside the window.
func (m *Nearest) Forecast(dst []float64) error {
	var room [nearestMost]match
	best := m.search(room[:0])
	if len(best) == 0 {
		return errWarming
	}
	total := 0.0
	for _, c := range best {
		total += 1 / (c.dist + tinyDistance)
	}
	v := m.tape.view()
	n := len(v)
	for h := range dst {
		f := 0.0
		for _, c := range best {
			x := 1 / (c.dist + tinyDistance)
			if i := n - c.back + h; i < n {
				x *= v[i] * c.scale
			} else {
				x *= dst[h-c.back]
			}
			f += x
		}
		dst[h] = f / total
	}
	return nil
}

// search appends the best candidates, the nearest first.
func (m *Nearest) search(best []match) []match {
	v := m.tape.view()
	n, w := len(v), m.opt.Window
	if n < w {
		return best
	}
	now := v[n-w:]
	level, size := sum(now), 0.0
	for _, x := range now {
		size += math.Abs(x)
	}
	for back := m.opt.Period; back+w <= n; back += m.opt.Period {
		c := compare(now, v[n-w-back:n-back], level)
		c.back = back
		c.dist /= size + 1e-12
		if m.opt.Long > 0 && back%m.opt.Long != 0 {
			c.dist *= m.opt.OffPhase
		}
		best = insertMatch(best, c, m.opt.Neighbours)
	}
	return best
}

// compare returns how far the past is from now, whose sum is level, and by what it is scaled to be compared.
func compare(now, past []float64, level float64) match {
	c := match{scale: 1}
	if s := sum(past); level > 0 && s > 0 {
		c.scale = max(1/maxRescale, min(level/s, maxRescale))
	}
	for i, x := range now {
		c.dist += math.Abs(x - past[i]*c.scale)
	}
	return c
}

// insertMatch puts c into its place and keeps at most most.
func insertMatch(best []match, c match, most int) []match {
	switch {
	case len(best) < most:
		best = append(best, c)
	case c.dist < best[most-1].dist:
		best[most-1] = c
	default:
		return best
	}
	for i := len(best) - 1; i > 0 && best[i].dist < best[i-1].dist; i-- {
		best[i], best[i-1] = best[i-1], best[i]
	}
	return best
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *Nearest) MarshalBinary() ([]byte, error) {
	var b writer
	o := m.opt
	for _, v := range []int{o.Period, o.Long, o.Window, o.Neighbours} {
		b.int(v)
	}
	b.float(o.OffPhase)
	m.tape.write(&b)
	return seal(nearMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (m *Nearest) UnmarshalBinary(data []byte) error {
	r, err := unseal(nearMagic, data)
	if err != nil {
		return err
	}
	var o NearestOptions
	o.Period, o.Long, o.Window = r.int(1, MaxPeriod), r.int(0, MaxPeriod), r.int(1, MaxPeriod)
	o.Neighbours, o.OffPhase = r.int(1, nearestMost), r.float(1, 100)
	return restoreTaped(r, m, func() (*Nearest, error) { return NewNearest(o) }, func(fresh *Nearest) *tape { return &fresh.tape })
}

// Seasons implements MultiSeason.
func (m *Nearest) Seasons() []int { return []int{m.opt.Period, max(m.opt.Long, m.opt.Period)} }
