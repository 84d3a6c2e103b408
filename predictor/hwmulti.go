package predictor

import (
	"fmt"
	"math"
	"slices"

	"pilotlight/models"
)

var _ Forecaster = (*HoltWintersMulti)(nil)

const hmMagic = "PLHM"

// The states of a season: one each step for short periods, else in bins, because the noise of counts is greater than what
// happens inside a bin.
const (
	dailyStates  = 144 // at most, for the shorter seasons: 10 minutes of a day
	weeklyStates = 84  // for periods above dailyLongest steps: two hours of a week
	dailyLongest = 1440
)

// MultiParams are the parameters of HoltWintersMulti. They are fixed: what must fit the series is measured as it goes by.
type MultiParams struct {
	// Alpha corrects the level at each step.
	Alpha float64
	// Gamma is the share of an error that a season takes in over one period.
	Gamma float64
	// Memory is over how many steps the autocorrelation of the errors is measured.
	Memory int
}

// DefaultMultiParams suit loads by the minute.
func DefaultMultiParams() MultiParams { return MultiParams{Alpha: 0.01, Gamma: 0.3, Memory: 720} }

// HoltWintersMulti is additive Holt-Winters with any number of nested seasons and an autocorrelated error (Taylor 2003, 2010):
//
//	f = l + Σu + ρp,  e = y - f,  l' = l + αe,  u' = u + γe/bin,  p' = ρp + κe
//
// A season that is long has one state for several steps, with interpolation between their middles, so a week of minutes takes
// less than a kilobyte. A season is learnt as a mean over its first period and used from then on. ρ and κ are not fitted but
// follow from the autocovariances of y - l - Σu (see drive).
type HoltWintersMulti struct {
	p       MultiParams
	scale   Scale
	steps   int // values given since the first one, missing ones included
	level   float64
	drive   drive
	seasons [maxPeriods]binnedSeason
	states  []float32
}

// binnedSeason is one season: period steps in bins of bin steps, whose states begin at first.
type binnedSeason struct {
	period, bin, first, n int32
	// pos is the position of the next value in the period, and ready says that a whole period was seen.
	pos   int32
	ready bool
}

// NewHoltWintersMulti makes a model with seasons of these periods in steps, shortest first after sorting; periods below 2 are
// left out, and without any it has a level only. It takes the log1p scale for ScaleAuto.
func NewHoltWintersMulti(periods []int, scale Scale, p MultiParams) (*HoltWintersMulti, error) {
	if !(p.Alpha > 0 && p.Alpha < 1 && p.Gamma >= 0 && p.Gamma <= 1 && p.Memory > 0) {
		return nil, fmt.Errorf("holt-winters parameters %+v are not stable; keep alpha in (0, 1), gamma in [0, 1], memory above 0: %w", p, models.ErrInvalid)
	}
	if scale == ScaleAuto {
		scale = ScaleLog1p
	}
	w := &HoltWintersMulti{p: p, scale: scale}
	i, total := 0, 0
	for _, period := range slices.Compact(slices.Sorted(slices.Values(periods))) {
		switch {
		case period < 2:
			continue
		case period > MaxPeriod || i == maxPeriods:
			return nil, fmt.Errorf("holt-winters periods %v: at most %d, none above %d steps: %w", periods, maxPeriods, MaxPeriod, models.ErrInvalid)
		}
		s := newBinnedSeason(period, total)
		w.seasons[i] = s
		total += int(s.n)
		i++
	}
	w.states = make([]float32, total)
	return w, nil
}

func newBinnedSeason(period, first int) binnedSeason {
	states := dailyStates
	if period > dailyLongest {
		states = weeklyStates
	}
	bin := (period + states - 1) / states
	n := (period + bin - 1) / bin
	return binnedSeason{period: int32(period), bin: int32(bin), first: int32(first), n: int32(n)} //nolint:gosec // at most MaxPeriod
}

// at returns the two states between which position pos lies, and the share of the second.
func (s *binnedSeason) at(pos int32) (a, b int32, w float64) {
	if s.bin == 1 {
		return s.first + pos, s.first + pos, 0
	}
	x := (float64(pos)+0.5)/float64(s.bin) - 0.5
	i := int32(math.Floor(x)) //nolint:gosec // between -1 and n
	w = x - float64(i)
	j := i + 1
	if i < 0 {
		i = s.n - 1
	}
	if j >= s.n {
		j = 0
	}
	return s.first + i, s.first + j, w
}

// value returns the season at a position.
func (w *HoltWintersMulti) value(s *binnedSeason, pos int32) float64 {
	a, b, share := s.at(pos)
	u := float64(w.states[a])
	if share > 0 {
		u += share * (float64(w.states[b]) - u)
	}
	return u
}

// Update implements Forecaster.
func (w *HoltWintersMulti) Update(y float64) {
	z := w.scale.to(usable(y))
	if w.steps == 0 && z != z {
		return // time begins with a value
	}
	w.steps++
	w.correct(z)
	for i := range w.seasons {
		s := &w.seasons[i]
		if s.period == 0 {
			break
		}
		if s.pos++; s.pos == s.period {
			s.pos = 0
			if !s.ready {
				w.begin(s)
			}
		}
	}
}

// correct takes in the value z, or lets the error fade if it is missing.
func (w *HoltWintersMulti) correct(z float64) {
	base := w.level
	for i := range w.seasons {
		if s := &w.seasons[i]; s.ready {
			base += w.value(s, s.pos)
		}
	}
	e := w.drive.step(z-base, w.p.Memory)
	if e != e {
		return
	}
	for i := range w.seasons {
		s := &w.seasons[i]
		if s.period == 0 {
			break
		}
		if !s.ready {
			w.learn(s, z-base)
			continue
		}
		gain := w.p.Gamma / float64(s.bin)
		a, b, share := s.at(s.pos)
		w.states[a] += float32((1 - share) * gain * e)
		if share > 0 {
			w.states[b] += float32(share * gain * e)
		}
	}
	w.level += max(w.p.Alpha, 1/float64(w.steps)) * e
}

// learn averages the remainder into the bin of a season that is not in use yet.
func (w *HoltWintersMulti) learn(s *binnedSeason, r float64) {
	u := &w.states[s.first+s.pos/s.bin]
	*u += float32((r - float64(*u)) / float64(s.pos%s.bin+1))
}

// begin puts a season into use: its mean goes to the level.
func (w *HoltWintersMulti) begin(s *binnedSeason) {
	u := w.states[s.first : s.first+s.n]
	mean := 0.0
	for _, x := range u {
		mean += float64(x) / float64(len(u))
	}
	for i := range u {
		u[i] -= float32(mean)
	}
	s.ready = true
}

// Forecast implements Forecaster; it needs one value.
func (w *HoltWintersMulti) Forecast(dst []float64) error {
	if w.steps == 0 {
		return errWarming
	}
	ar := w.drive.state
	for h := range dst {
		ar *= w.drive.rho
		dst[h] = w.level + ar
	}
	for i := range w.seasons {
		s := &w.seasons[i]
		if !s.ready {
			continue
		}
		pos := s.pos
		for h := range dst {
			dst[h] += w.value(s, pos)
			if pos++; pos == s.period {
				pos = 0
			}
		}
	}
	for h, z := range dst {
		dst[h] = max(-MaxValue, min(w.scale.back(z), MaxValue))
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (w *HoltWintersMulti) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(w.steps)
	b.float(w.level)
	w.drive.write(&b)
	for i := range w.seasons {
		b.int(int(w.seasons[i].period))
		b.int(int(w.seasons[i].pos))
		b.bool(w.seasons[i].ready)
	}
	b.floats32(w.states)
	return seal(hmMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler, for a model of the same periods. It returns models.ErrInvalid, and
// changes nothing, for data that MarshalBinary of such a model did not write.
func (w *HoltWintersMulti) UnmarshalBinary(data []byte) error {
	r, err := unseal(hmMagic, data)
	if err != nil {
		return err
	}
	fresh := *w
	const limit = 1e3 * MaxValue
	fresh.steps = r.int(0, math.MaxInt)
	fresh.level = r.float(-limit, limit)
	fresh.drive.read(r, limit)
	for i := range fresh.seasons {
		s := &fresh.seasons[i]
		if period := r.int(0, MaxPeriod); period != int(s.period) {
			r.fail("a season of %d steps, not %d", period, s.period)
		}
		s.pos = int32(r.int(0, max(0, int(s.period)-1))) //nolint:gosec // at most MaxPeriod
		s.ready = r.bool()
		if s.ready && s.period == 0 {
			r.fail("a season that is not there is ready")
		}
	}
	fresh.states = r.floats32(len(w.states), false)
	if len(fresh.states) != len(w.states) {
		r.fail("%d seasonal states, not %d", len(fresh.states), len(w.states))
	}
	if err := r.done(); err != nil {
		return err
	}
	*w = fresh
	return nil
}
