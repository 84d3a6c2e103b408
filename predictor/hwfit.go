package predictor

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"

	"pilotlight/models"
)

// minScored is how many values must follow the initial state for a fit.
const minScored = 8

// FitHoltWinters fits a model to y, in time order with NaN for missing values, and leaves it in the state after the last
// value. The initial state comes from opt.Init, the parameters from a bounded Nelder-Mead search unless opt.Params fixes
// them. It returns models.ErrInsufficientHistory for fewer than two periods (and some values to score), and
// models.ErrInvalid for wrong options and for values of zero or below with a multiplicative season.
func FitHoltWinters(y []float64, opt HoltWintersOptions) (*HoltWinters, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	opt = opt.defaults()
	if opt.Scale != ScaleAuto {
		return fitOnScale(y, opt, opt.Scale)
	}
	raw, err := fitOnScale(y, opt, ScaleRaw)
	if err != nil {
		return nil, err
	}
	logged, err := fitOnScale(y, opt, ScaleLog1p)
	if err != nil || raw.absoluteError(y) <= logged.absoluteError(y) {
		return raw, nil //nolint:nilerr // values without a logarithm leave the raw scale
	}
	return logged, nil
}

// fitOnScale is FitHoltWinters on a given scale; opt has its defaults.
func fitOnScale(y []float64, opt HoltWintersOptions, scale Scale) (*HoltWinters, error) {
	z := make([]float64, len(y))
	for i, v := range y {
		v = usable(v)
		if opt.Season == SeasonMultiplicative && v <= 0 {
			return nil, fmt.Errorf("value %v at step %d: %w", v, i, errNotPositive)
		}
		z[i] = scale.to(v)
	}
	initial, start, ok := initialState(z, &opt)
	scored := 0
	for _, v := range z[start:] {
		if !math.IsNaN(v) {
			scored++
		}
	}
	if !ok || scored < minScored {
		return nil, fmt.Errorf("holt-winters fit: %d values after the first %d, period %d; give it 2 periods and %d values: %w",
			scored, start, opt.Period, minScored, models.ErrInsufficientHistory)
	}
	w := &HoltWinters{opt: opt, ready: true}
	w.opt.start = nil
	w.fit.Scale = scale
	if opt.Params != nil {
		w.fit.Params = *opt.Params
	} else {
		w.fit.Params, w.fit.Evaluations = searchParams(z[start:], &opt, &initial)
	}
	w.filter = newHWFilter(&opt, w.fit.Params)
	w.filter.start(&initial)
	for _, v := range z[start:] {
		if e := w.filter.step(v); !math.IsNaN(e) {
			w.fit.SSE += e * e
			w.fit.N++
		}
	}
	if !(w.fit.SSE <= math.MaxFloat64) {
		return nil, fmt.Errorf("holt-winters fit diverged with %+v; fix other parameters: %w", w.fit.Params, models.ErrInvalid)
	}
	return w, nil
}

// absoluteError returns the mean absolute one-step error on the raw scale over the part of y that the fit scored.
func (w *HoltWinters) absoluteError(y []float64) float64 {
	z := make([]float64, len(y))
	for i, v := range y {
		z[i] = w.fit.Scale.to(usable(v))
	}
	initial, start, _ := initialState(z, &w.opt)
	f := newHWFilter(&w.opt, w.fit.Params)
	f.start(&initial)
	sum, n := 0.0, 0
	var dst [1]float64
	for i := start; i < len(y); i++ {
		f.forecast(dst[:])
		f.step(z[i])
		if e := math.Abs(y[i] - w.fit.Scale.back(dst[0])); !math.IsNaN(e) {
			sum += e
			n++
		}
	}
	return sum / float64(n)
}

// hwSearch is the problem that the optimiser solves: parameters are unbounded reals, mapped into their bounds.
type hwSearch struct {
	z      []float64
	opt    *HoltWintersOptions
	origin hwFilter // in the state before z
	filter hwFilter
	ahead  []float64
	evals  int
}

// searchParams returns the parameters with the least loss and the number of passes it took. A coarse grid finds the valley,
// Nelder-Mead goes down. The search is deterministic.
func searchParams(z []float64, opt *HoltWintersOptions, initial *HoltWintersState) (HoltWintersParams, int) {
	starts := searchStarts(opt)
	s := &hwSearch{opt: opt, origin: newHWFilter(opt, starts[0]), ahead: make([]float64, opt.LossSteps)}
	s.origin.start(initial)
	if skip := len(z) - opt.LossWindow; opt.LossWindow > 0 && skip > 0 {
		for _, v := range z[:skip] {
			s.origin.step(v)
		}
		z = z[skip:]
	}
	s.z = z
	best, bestLoss := s.encode(starts[0]), math.Inf(1)
	for _, p := range starts {
		x := s.encode(p)
		if loss := s.loss(x); loss < bestLoss {
			best, bestLoss = x, loss
		}
	}
	settings := &optimize.Settings{
		FuncEvaluations: max(1, opt.MaxEvaluations-s.evals),
		Converger:       &optimize.FunctionConverge{Relative: 1e-7, Iterations: 12 * len(best)},
	}
	result, err := optimize.Minimize(optimize.Problem{Func: s.loss}, best, settings, &optimize.NelderMead{SimplexSize: 0.7})
	// Running out of evaluations is an ordinary end, and any other failure leaves the best of the grid.
	if err == nil && result != nil && result.F < bestLoss {
		best = result.X
	}
	return s.decode(best), s.evals
}

// searchStarts are the points of the coarse grid: the parameters in use if there are any.
func searchStarts(opt *HoltWintersOptions) []HoltWintersParams {
	if opt.start != nil {
		return []HoltWintersParams{*opt.start}
	}
	starts := []HoltWintersParams{opt.startParams()}
	for _, alpha := range []float64{0.02, 0.1, 0.5, 0.8} {
		p := opt.startParams()
		p.Alpha, p.Gamma = alpha, min(p.Gamma, 0.5*(1-alpha))
		p.Beta = min(p.Beta, 0.5*alpha)
		starts = append(starts, p)
	}
	return starts
}

// encode maps parameters to unbounded reals, in the order alpha, beta, phi, gamma, rho of those that are in use.
func (s *hwSearch) encode(p HoltWintersParams) []float64 {
	x := []float64{logit((p.Alpha - hwLow) / (hwHigh - hwLow))}
	if s.opt.Trend != TrendNone {
		x = append(x, logit(p.Beta/p.Alpha))
	}
	if s.opt.Trend == TrendDamped {
		x = append(x, logit((p.Phi-phiLow)/(phiHigh-phiLow)))
	}
	if s.opt.Period >= 2 {
		x = append(x, logit(p.Gamma/(1-p.Alpha)))
	}
	if s.opt.AR {
		x = append(x, logit(p.Rho/rhoHigh))
	}
	return x
}

// The bounds of the search: alpha and gamma stay inside the admissible region of the model.
const (
	hwLow, hwHigh   = 1e-4, 0.9999
	phiLow, phiHigh = 0.8, 0.98
	rhoHigh         = 0.995
)

// decode is the inverse of encode.
func (s *hwSearch) decode(x []float64) HoltWintersParams {
	next := func() float64 {
		v := 1 / (1 + math.Exp(-x[0]))
		x = x[1:]
		return v
	}
	p := HoltWintersParams{Alpha: hwLow + (hwHigh-hwLow)*next(), Phi: 1}
	if s.opt.Trend != TrendNone {
		p.Beta = p.Alpha * next()
	}
	if s.opt.Trend == TrendDamped {
		p.Phi = phiLow + (phiHigh-phiLow)*next()
	}
	if s.opt.Period >= 2 {
		p.Gamma = (1 - p.Alpha) * next()
	}
	if s.opt.AR {
		p.Rho = rhoHigh * next()
	}
	return p
}

// loss runs the filter over the series.
func (s *hwSearch) loss(x []float64) float64 {
	s.evals++
	s.filter.p = s.decode(x)
	s.filter.restart(&s.origin)
	sum, n := 0.0, 0
	for t, v := range s.z {
		if len(s.ahead) > 1 {
			steps := s.ahead[:min(len(s.ahead), len(s.z)-t)]
			s.filter.forecast(steps)
			for h, f := range steps {
				s.add(s.z[t+h]-f, &sum, &n)
			}
			s.filter.step(v)
			continue
		}
		s.add(s.filter.step(v), &sum, &n)
	}
	if loss := sum / float64(n); !math.IsNaN(loss) {
		return loss
	}
	return math.Inf(1)
}

// add adds the loss of an error that is not missing.
func (s *hwSearch) add(e float64, sum *float64, n *int) {
	if e != e {
		return
	}
	if s.opt.Loss == LossAbsolute {
		*sum += math.Abs(e)
	} else {
		*sum += e * e
	}
	*n++
}

// logit maps (0, 1) to the reals; what is outside goes just inside.
func logit(p float64) float64 {
	p = max(1e-4, min(p, 1-1e-4))
	return math.Log(p / (1 - p))
}
