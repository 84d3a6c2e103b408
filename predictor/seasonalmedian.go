package predictor

import (
	"fmt"
	"math"
	"slices"

	"pilotlight/models"
)

var _ Forecaster = (*SeasonalMedian)(nil)

const (
	medianCourseMagic = "PLSM"
	maxDepth          = 16
)

// SeasonalMedianOptions choose a seasonal profile.
type SeasonalMedianOptions struct {
	// Period is the length of the season in steps.
	Period int
	// Depth is over how many of the latest periods the profile is taken.
	Depth int
	// Mean takes the mean of the periods instead of their median.
	Mean bool
	// Window is over how many of the latest values the present level is compared with that of the profile; 0 never shifts.
	Window int
	// Share is how much of the difference in level is believed, in [0, 1].
	Share float64
	// Decay is the factor of the shift each step ahead, in (0, 1]; 1 keeps it.
	Decay float64
	// Add shifts by addition, not by a factor.
	Add bool
}

// SeasonalMedian forecasts the median (or mean) course of the latest periods, moved to the present level:
//
//	f(h) = P(h) · (1 + share·decay^h·(a/b - 1)),  P(h) = median over k of y[t+h-k·period]
//
// with a the mean of the last values and b that of the profile at the same places; or with an added shift. Depth 1 is seasonal naive
// with a level shift. Update is O(1), Forecast O((h + window) · depth).
type SeasonalMedian struct {
	opt  SeasonalMedianOptions
	tape tape
}

// NewSeasonalMedian makes the model.
func NewSeasonalMedian(opt SeasonalMedianOptions) (*SeasonalMedian, error) {
	ok := opt.Period >= 1 && opt.Period <= MaxPeriod && opt.Depth >= 1 && opt.Depth <= maxDepth && opt.Window >= 0 && opt.Window <= MaxPeriod &&
		opt.Share >= 0 && opt.Share <= 1 && opt.Decay > 0 && opt.Decay <= 1
	if !ok {
		return nil, fmt.Errorf("profile %+v; keep period and window in [1, %d], depth in [1, %d], share in [0, 1] and decay in (0, 1]: %w",
			opt, MaxPeriod, maxDepth, models.ErrInvalid)
	}
	return &SeasonalMedian{opt: opt, tape: newTape(opt.Depth*opt.Period+opt.Window, opt.Period)}, nil
}

// Update implements Forecaster.
func (p *SeasonalMedian) Update(y float64) { p.tape.push(y) }

// at returns the profile ahead steps ahead of the latest value; 0 is that of the latest value itself.
func (p *SeasonalMedian) at(ahead int) float64 {
	var room [maxDepth]float64
	got := room[:0]
	n := len(p.tape.view())
	back := p.opt.Period - ahead // steps before the value that comes next, minus one
	for back < 0 {
		back += p.opt.Period
	}
	for ; len(got) < p.opt.Depth && back < n; back += p.opt.Period {
		got = append(got, p.tape.at(back+1))
	}
	if p.opt.Mean {
		return sum(got) / float64(len(got))
	}
	switch len(got) {
	case 1:
		return got[0]
	case 2:
		return (got[0] + got[1]) / 2
	}
	slices.Sort(got)
	return (got[(len(got)-1)/2] + got[len(got)/2]) / 2
}

// Forecast implements Forecaster; it needs one period.
func (p *SeasonalMedian) Forecast(dst []float64) error {
	n := len(p.tape.view())
	if n < p.opt.Period {
		return errWarming
	}
	shift := 0.0
	if w := min(p.opt.Window, n-p.opt.Period); w > 0 {
		a, b := 0.0, 0.0
		for i := range w {
			a += p.tape.at(i + 1)
			b += p.at(-i)
		}
		switch {
		case p.opt.Add:
			shift = p.opt.Share * (a - b) / float64(w)
		case a > 0 && b > 0:
			shift = p.opt.Share * (min(a/b, 10) - 1)
		}
	}
	for h := range dst {
		f := p.at(h + 1)
		shift *= p.opt.Decay
		if p.opt.Add {
			f += shift
		} else {
			f *= 1 + shift
		}
		dst[h] = f
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (p *SeasonalMedian) MarshalBinary() ([]byte, error) {
	var b writer
	o := p.opt
	b.int(o.Period)
	b.int(o.Depth)
	b.int(o.Window)
	b.float(o.Share)
	b.float(o.Decay)
	b.bool(o.Mean)
	b.bool(o.Add)
	p.tape.write(&b)
	return seal(medianCourseMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (p *SeasonalMedian) UnmarshalBinary(data []byte) error {
	r, err := unseal(medianCourseMagic, data)
	if err != nil {
		return err
	}
	var o SeasonalMedianOptions
	o.Period, o.Depth, o.Window = r.int(1, MaxPeriod), r.int(1, maxDepth), r.int(0, MaxPeriod)
	o.Share, o.Decay = r.float(0, 1), r.float(math.SmallestNonzeroFloat64, 1)
	o.Mean, o.Add = r.bool(), r.bool()
	return restoreTaped(r, p, func() (*SeasonalMedian, error) { return NewSeasonalMedian(o) }, func(fresh *SeasonalMedian) *tape { return &fresh.tape })
}

// Seasons implements MultiSeason.
func (p *SeasonalMedian) Seasons() []int { return []int{p.opt.Period} }
