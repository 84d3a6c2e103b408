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

// hwClip is how many deviations of an error the level and the seasons take in.
const hwClip = 2.5

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
	shape  *multiShape
	steps  int // values given since the first one, missing ones included
	level  float64
	drive  drive
	states []float32
}

// multiShape is what a model and its copies have in common.
type multiShape struct {
	p       MultiParams
	scale   Scale
	seasons []binnedSeason // shortest first
	states  int
}

// binnedSeason is one season: period steps in n bins of bin steps, whose states begin at first.
type binnedSeason struct{ period, bin, first, n int }

// NewHoltWintersMulti makes a model with seasons of these periods in steps, shortest first after sorting; periods below 2 are
// left out, and without any it has a level only. It takes the log1p scale for ScaleAuto.
func NewHoltWintersMulti(periods []int, scale Scale, p MultiParams) (*HoltWintersMulti, error) {
	if !(p.Alpha > 0 && p.Alpha < 1 && p.Gamma >= 0 && p.Gamma <= 1 && p.Memory > 0) {
		return nil, fmt.Errorf("holt-winters parameters %+v are not stable; keep alpha in (0, 1), gamma in [0, 1], memory above 0: %w", p, models.ErrInvalid)
	}
	if scale == ScaleAuto {
		scale = ScaleLog1p
	}
	shape := &multiShape{p: p, scale: scale}
	for _, period := range slices.Compact(slices.Sorted(slices.Values(periods))) {
		switch {
		case period < 2:
			continue
		case period > MaxPeriod || len(shape.seasons) == maxPeriods:
			return nil, fmt.Errorf("holt-winters periods %v: at most %d, none above %d steps: %w", periods, maxPeriods, MaxPeriod, models.ErrInvalid)
		}
		s := newBinnedSeason(period, shape.states)
		shape.seasons = append(shape.seasons, s)
		shape.states += s.n
	}
	return &HoltWintersMulti{shape: shape, states: make([]float32, shape.states)}, nil
}

// twin implements twinner.
func (w *HoltWintersMulti) twin() Forecaster {
	return &HoltWintersMulti{shape: w.shape, states: make([]float32, len(w.states))}
}

func newBinnedSeason(period, first int) binnedSeason {
	states := dailyStates
	if period > dailyLongest {
		states = weeklyStates
	}
	bin := (period + states - 1) / states
	return binnedSeason{period: period, bin: bin, first: first, n: (period + bin - 1) / bin}
}

// at returns the two states between which position pos lies, and the share of the second.
func (s *binnedSeason) at(pos int) (a, b int, w float64) {
	if s.bin == 1 {
		return s.first + pos, s.first + pos, 0
	}
	x := (float64(pos)+0.5)/float64(s.bin) - 0.5
	i := int(math.Floor(x))
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
func (w *HoltWintersMulti) value(s *binnedSeason, pos int) float64 {
	a, b, share := s.at(pos)
	u := float64(w.states[a])
	if share > 0 {
		u += share * (float64(w.states[b]) - u)
	}
	return u
}

// ready reports whether the model has seen a whole period of the season.
func (w *HoltWintersMulti) ready(s *binnedSeason) bool { return w.steps >= s.period }

// Update implements Forecaster.
func (w *HoltWintersMulti) Update(y float64) {
	z := w.shape.scale.to(usable(y))
	if w.steps == 0 && z != z {
		return // time begins with a value
	}
	w.correct(z)
	w.steps++
	for i := range w.shape.seasons {
		if s := &w.shape.seasons[i]; w.steps == s.period {
			w.begin(s)
		}
	}
}

// correct takes in the value z, or lets the error fade if it is missing.
func (w *HoltWintersMulti) correct(z float64) {
	seasons := w.shape.seasons
	base := w.level
	for i := range seasons {
		s := &seasons[i]
		switch pos := w.steps % s.period; {
		case w.ready(s):
			base += w.value(s, pos)
		case pos%s.bin == 0: // what a bin without values stays at
			w.states[s.first+pos/s.bin] = float32(w.level)
		}
	}
	e := w.drive.step(z-base, w.shape.p.Memory)
	if e != e {
		return
	}
	// A burst must not bend the level and the seasons, which take long to forget (Gelper, Fried and Croux 2010: Huber's psi).
	if limit := hwClip * math.Sqrt(w.drive.c0); w.drive.n > driveYoung {
		e = max(-limit, min(e, limit))
	}
	for i := range seasons {
		s := &seasons[i]
		pos := w.steps % s.period
		if !w.ready(s) {
			w.learn(s, pos, z-base+w.level)
			continue
		}
		gain := w.shape.p.Gamma / float64(s.bin)
		a, b, share := s.at(pos)
		w.states[a] += float32((1 - share) * gain * e)
		if share > 0 {
			w.states[b] += float32(share * gain * e)
		}
	}
	w.level += max(w.shape.p.Alpha, 1/float64(w.steps+1)) * e
}

// learn averages what the seasons in use leave into the bin of a season that is not in use yet.
func (w *HoltWintersMulti) learn(s *binnedSeason, pos int, r float64) {
	u := &w.states[s.first+pos/s.bin]
	*u += float32((r - float64(*u)) / float64(pos%s.bin+1))
}

// begin puts a season into use: the mean of its period becomes the level, and the error takes up what that changes now, so
// that the forecast of the next step stays what it was.
func (w *HoltWintersMulti) begin(s *binnedSeason) {
	u := w.states[s.first : s.first+s.n]
	mean := 0.0
	for _, x := range u {
		mean += float64(x) / float64(len(u))
	}
	for i := range u {
		u[i] -= float32(mean)
	}
	w.drive.state += w.level - mean - w.value(s, w.steps%s.period)
	w.level = mean
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
	for i := range w.shape.seasons {
		s := &w.shape.seasons[i]
		if !w.ready(s) {
			continue
		}
		pos := w.steps % s.period
		for h := range dst {
			dst[h] += w.value(s, pos)
			if pos++; pos == s.period {
				pos = 0
			}
		}
	}
	for h, z := range dst {
		dst[h] = max(-MaxValue, min(w.shape.scale.back(z), MaxValue))
	}
	return nil
}

// forecastSome implements someForecaster.
func (w *HoltWintersMulti) forecastSome(steps []int, dst []float64) error {
	if w.steps == 0 {
		return errWarming
	}
	ar, at := w.drive.state, 0
	for _, h := range steps {
		for ; at <= h; at++ {
			ar *= w.drive.rho
		}
		dst[h] = w.level + ar
	}
	for i := range w.shape.seasons {
		s := &w.shape.seasons[i]
		if !w.ready(s) {
			continue
		}
		now := w.steps % s.period
		for _, h := range steps {
			dst[h] += w.value(s, (now+h)%s.period)
		}
	}
	for _, h := range steps {
		dst[h] = max(-MaxValue, min(w.shape.scale.back(dst[h]), MaxValue))
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (w *HoltWintersMulti) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(w.steps)
	b.float(w.level)
	w.drive.write(&b)
	b.int(len(w.shape.seasons))
	for _, s := range w.shape.seasons {
		b.int(s.period)
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
	if n := r.int(0, maxPeriods); n != len(w.shape.seasons) {
		r.fail("%d seasons, not %d", n, len(w.shape.seasons))
	}
	for _, s := range w.shape.seasons {
		if period := r.int(0, MaxPeriod); period != s.period {
			r.fail("a season of %d steps, not %d", period, s.period)
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
