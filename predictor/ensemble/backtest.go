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
	// low is the least value of a forecast, scale the mean error of seasonal naive; relative says that relative errors count, too.
	low, scale float64
	relative   bool
	// spread[o] is how much the series moved lately, as it was known at origin o; the last entry is that at the end.
	spread []float64
	// now[m] is the path of member m from the end of the series, nil if it has none.
	now [][]float64
	// qpaths[m][l] and qnow[m][l] are the same for the quantile of grid[l], nil if member m knows none.
	qpaths [][][]float64
	qnow   [][][]float64
	// spreadMean is how much the series moves on the whole.
	spreadMean float64
}

// backtest runs the members through the series.
func backtest(y []float64, members []member, opt *Options, low float64) (*record, error) {
	h := opt.Horizon
	r := &record{horizon: h, low: low, relative: opt.whole(), scale: naiveScale(y, 1)}
	if len(opt.Periods) > 0 {
		r.scale = naiveScale(y, opt.Periods[0])
	}
	r.origins = origins(len(y), opt)
	r.actual = make([]float64, len(r.origins)*h)
	for o, at := range r.origins {
		copy(r.actual[o*h:(o+1)*h], y[at:at+h])
	}
	r.spread, r.spreadMean = spreads(y, r.origins)
	for _, m := range members {
		if err := r.run(m, y); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// ready reports whether any member has a forecast.
func (r *record) ready() bool {
	for _, p := range r.now {
		if p != nil {
			return true
		}
	}
	return false
}

// run takes a member through the series and records what it forecasts at the origins and at the end. A member that can choose its
// parameters does so before the first origin and at the end.
func (r *record) run(m member, y []float64) error {
	h := r.horizon
	fitter, _ := m.f.(predictor.Fitter)
	qf, _ := m.f.(predictor.QuantileForecaster)
	var qpath, qnow [][]float64
	if qf != nil {
		qpath, qnow = table(gridLen, len(r.origins)*h), table(gridLen, h)
	}
	path := make([]float64, len(r.origins)*h)
	at := 0
	for o, origin := range r.origins {
		for ; at < origin; at++ {
			m.f.Update(y[at])
		}
		if o == 0 {
			refit(fitter, y[:at])
		}
		if err := ask(m.f, path[o*h:(o+1)*h]); err != nil {
			return err
		}
		askQuantiles(qf, path[o*h:(o+1)*h], window(qpath, o*h, h))
	}
	for ; at < len(y); at++ {
		m.f.Update(y[at])
	}
	refit(fitter, y)
	now := make([]float64, h)
	if err := ask(m.f, now); err != nil {
		return err
	}
	if math.IsNaN(now[0]) {
		now = nil
	} else if !askQuantiles(qf, now, qnow) {
		qnow = nil
	}
	r.qpaths = append(r.qpaths, qpath)
	r.qnow = append(r.qnow, qnow)
	r.names = append(r.names, m.name)
	r.paths = append(r.paths, path)
	r.now = append(r.now, now)
	return nil
}

// refit lets a member choose its parameters; one that cannot yet keeps those it has.
func refit(f predictor.Fitter, y []float64) {
	if f != nil {
		_ = f.Refit(y) // an error changes nothing
	}
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

// spreadRate is the weight of the newest move in the spread.
const spreadRate = 0.1

// spreads returns the recent mean absolute difference between neighbours at each origin and at the end, and that of all.
func spreads(y []float64, at []int) (out []float64, mean float64) {
	out = make([]float64, 0, len(at)+1)
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
			d := math.Abs(v - last)
			s += (d - s) * max(spreadRate, 1/float64(n))
			mean += (d - mean) / float64(n)
		}
		last = v
	}
	for len(out) <= len(at) {
		out = append(out, s)
	}
	return out, mean
}

// table makes rows of numbers.
func table(rows, n int) [][]float64 {
	all := make([]float64, rows*n)
	out := make([][]float64, rows)
	for i := range out {
		out[i] = all[i*n : (i+1)*n]
	}
	return out
}

// window returns n columns of a table.
func window(t [][]float64, from, n int) [][]float64 {
	out := make([][]float64, len(t))
	for i := range out {
		out[i] = t[i][from : from+n]
	}
	return out
}

// askQuantiles gets the quantiles of the grid and reports whether there are any; point is the forecast of the same member.
func askQuantiles(f predictor.QuantileForecaster, point []float64, dst [][]float64) bool {
	if f == nil || math.IsNaN(point[0]) {
		return false
	}
	if err := f.ForecastQuantiles(grid[:], dst); err == nil {
		return true
	}
	for _, row := range dst {
		copy(row, point)
	}
	return true
}
