package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*HoltWinters)(nil)

// errWarming is what forecasters return before they have enough values. It is one value, because Forecast runs every step.
var errWarming = fmt.Errorf("the model still waits for its first values: %w", models.ErrInsufficientHistory)

// errNotPositive is what a multiplicative season returns after a value that it cannot take.
var errNotPositive = fmt.Errorf("a multiplicative season needs values above 0; use the additive one or the log1p scale: %w", models.ErrInvalid)

// HoltWintersParams are the smoothing parameters in error-correction form, where each is the share of the one-step error e
// that goes into its state. In the classical recursions beta is Alpha·beta* and, for an additive season, gamma is (1-Alpha)·gamma*.
type HoltWintersParams struct {
	// Alpha corrects the level, in (0, 1).
	Alpha float64
	// Beta corrects the trend, in [0, Alpha]; 0 without a trend.
	Beta float64
	// Gamma corrects the season, in [0, 1-Alpha]; 0 without a season.
	Gamma float64
	// Phi damps the trend each step, in (0, 1]; 1 without damping.
	Phi float64
	// Rho is the autocorrelation of the errors at one step (Taylor 2003), in [0, 1); 0 switches it off.
	Rho float64
}

// HoltWintersState is the state before the first value: the level, the trend per step and the season, one value for each
// bin of the period, the first one belonging to the first value. It is on the scale of the model.
type HoltWintersState struct {
	Level, Trend float64
	Season       []float64
}

// HoltWinters is exponential smoothing with level, optional (damped) trend and one optional season, in error-correction form:
//
//	additive:       f = l + φb + s + ρp,  l' = l + φb + αe,    b' = φb + βe,    s' = s + γe,  p' = ρp + (1-α-γ)e
//	multiplicative: f = (l + φb)·s,       l' = l + φb + αe/s,  b' = φb + βe/s,  s' = s + γe/(l + φb)
//
// with e = y - f. Without ρ these are the recursions of Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential
// Smoothing" (2008), chapter 2; the term in ρ is the autocorrelated error of Taylor (2003). Update is O(1), Forecast O(h).
type HoltWinters struct {
	opt     HoltWintersOptions
	filter  hwFilter
	ready   bool
	refused bool // a multiplicative season met a value of zero or below
	// warm holds the values of the first period until there is a state.
	warm []float64
	fit  HoltWintersFit
}

// HoltWintersFit says how a model came to its parameters.
type HoltWintersFit struct {
	Params HoltWintersParams
	// Scale is raw or log1p, also if the options said auto.
	Scale Scale
	// SSE is the sum of the squared one-step errors on the model's scale, N their number.
	SSE float64
	N   int
	// Evaluations is how often the optimiser ran through the series.
	Evaluations int
}

// NewHoltWinters makes a model that starts without history: its first period of values becomes the state, by the classical
// initialisation. Without Params it takes defaults that suit noisy counts. ScaleAuto starts as raw.
func NewHoltWinters(opt HoltWintersOptions) (*HoltWinters, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	w := &HoltWinters{opt: opt.defaults()}
	w.fit.Scale = w.opt.Scale
	if w.fit.Scale == ScaleAuto {
		w.fit.Scale = ScaleRaw
	}
	w.fit.Params = w.opt.startParams()
	if w.opt.Params != nil {
		w.fit.Params = *w.opt.Params
	}
	w.filter = newHWFilter(&w.opt, w.fit.Params)
	if w.opt.Initial != nil {
		w.filter.start(w.opt.Initial)
		w.ready = true
	}
	return w, nil
}

// Fit returns the parameters and how they were found.
func (w *HoltWinters) Fit() HoltWintersFit { return w.fit }

// Update implements Forecaster.
func (w *HoltWinters) Update(y float64) {
	y = usable(y)
	if w.filter.multiplicative && y <= 0 {
		w.refused = true
		y = math.NaN()
	}
	z := w.fit.Scale.to(y)
	if w.ready {
		w.filter.step(z)
		return
	}
	if len(w.warm) == 0 && math.IsNaN(z) {
		return // a period begins with a value
	}
	w.warm = append(w.warm, z)
	if len(w.warm) < w.opt.period() {
		return
	}
	if initial, ok := classicalState(w.warm, &w.opt, 1); ok {
		w.filter.start(&initial)
		w.ready = true
	}
	w.warm = nil
}

// Forecast implements Forecaster. A multiplicative season that has met zero or less returns models.ErrInvalid.
func (w *HoltWinters) Forecast(dst []float64) error {
	if w.refused {
		return errNotPositive
	}
	if !w.ready {
		return errWarming
	}
	w.filter.forecast(dst)
	if w.fit.Scale == ScaleLog1p {
		for i, z := range dst {
			dst[i] = ScaleLog1p.back(z)
		}
	}
	return nil
}

// Refit fits the model anew to y, whose last value is the latest one seen, and keeps what it was on an error. It starts from
// the present parameters and uses at most the last periods that opt.Window allows.
func (w *HoltWinters) Refit(y []float64) error {
	opt := w.opt
	if opt.Window > 0 && len(y) > opt.Window {
		y = y[len(y)-opt.Window:]
	}
	opt.start = &w.fit.Params
	fitted, err := FitHoltWinters(y, opt)
	if err != nil {
		return err
	}
	fitted.opt.start = nil
	*w = *fitted
	return nil
}
