package ensemble

import (
	"errors"
	"math"

	"pilotlight/models"
	"pilotlight/predictor"
)

// member is one forecaster with its name.
type member struct {
	name string
	f    predictor.Forecaster
}

// record holds what every member forecast at every origin, and what came. It knows nothing of the time after the last value.
type record struct {
	horizon int
	names   []string
	// origins are the indices of the first step forecast, increasing.
	origins []int
	// paths[m][o*horizon+h] is what member m forecast at origin o for h+1 steps ahead, NaN if it had no forecast.
	paths [][]float64
	// actual[o*horizon+h] is what came, NaN if it is missing.
	actual []float64
	// low is the least value of a forecast, scale the mean error of seasonal naive.
	low, scale float64
	// spread[o] is how much the series moved lately, as it was known at origin o; the last entry is that at the end.
	spread []float64
	// now[m] is the path of member m from the end of the series, nil if it has none.
	now [][]float64
}

// backtest runs the members through the series.
func backtest(y []float64, members []member, opt *Options, low float64) (*record, error) {
	h := opt.Horizon
	r := &record{horizon: h, origins: origins(len(y), opt), low: low, scale: naiveScale(y, 1)}
	if len(opt.Periods) > 0 {
		r.scale = naiveScale(y, opt.Periods[0])
	}
	r.actual = make([]float64, len(r.origins)*h)
	for o, at := range r.origins {
		copy(r.actual[o*h:(o+1)*h], y[at:at+h])
	}
	r.spread = spreads(y, r.origins)
	for _, m := range members {
		path := make([]float64, len(r.origins)*h)
		at := 0
		for o, origin := range r.origins {
			for ; at < origin; at++ {
				m.f.Update(y[at])
			}
			if err := ask(m.f, path[o*h:(o+1)*h]); err != nil {
				return nil, err
			}
		}
		for ; at < len(y); at++ {
			m.f.Update(y[at])
		}
		now := make([]float64, h)
		if err := ask(m.f, now); err != nil {
			return nil, err
		}
		if math.IsNaN(now[0]) {
			now = nil
		}
		r.names = append(r.names, m.name)
		r.paths = append(r.paths, path)
		r.now = append(r.now, now)
	}
	return r, nil
}

// ask gets the forecast of a member, all NaN if it has none.
func ask(f predictor.Forecaster, dst []float64) error {
	err := f.Forecast(dst)
	if err == nil {
		for _, v := range dst {
			if !(math.Abs(v) <= predictor.MaxValue) {
				err = models.ErrInvalid
				break
			}
		}
	}
	if err == nil {
		return nil
	}
	for i := range dst {
		dst[i] = math.NaN()
	}
	if errors.Is(err, models.ErrInsufficientHistory) || errors.Is(err, models.ErrInvalid) {
		return nil
	}
	return err
}

// The origins of the back-test.
const (
	maxWindows = 16
	// minHistory is how much of the series the first origin leaves to the members at least, in horizons.
	minHistory = 2
)

// origins places the back-test windows: the latest ones, at the same place in the season as the end of the series.
func origins(n int, opt *Options) []int {
	stride := max(1, opt.Horizon/2)
	if len(opt.Periods) > 0 && opt.Periods[0] <= 2*opt.Horizon {
		stride = opt.Periods[0]
	}
	first := minHistory * opt.Horizon
	for _, p := range opt.Periods {
		first = max(first, 2*p)
	}
	first = min(first, n-opt.Horizon)
	var all []int
	for k := maxWindows - 1; k >= 0; k-- {
		if at := n - opt.Horizon - k*stride; at >= max(first, 1) {
			all = append(all, at)
		}
	}
	return all
}

// spreadRate is the weight of the newest move in the spread.
const spreadRate = 0.1

// spreads returns the recent mean absolute difference between neighbours at each origin and at the end.
func spreads(y []float64, at []int) []float64 {
	out := make([]float64, 0, len(at)+1)
	s, last, n := 0.0, math.NaN(), 0
	for i, v := range y {
		for len(out) < len(at) && at[len(out)] == i {
			out = append(out, s)
		}
		if math.IsNaN(v) {
			continue
		}
		if !math.IsNaN(last) {
			n++
			s += (math.Abs(v-last) - s) * max(spreadRate, 1/float64(n))
		}
		last = v
	}
	for len(out) <= len(at) {
		out = append(out, s)
	}
	return out
}
