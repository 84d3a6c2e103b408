package predictor

import (
	"errors"
	"fmt"

	"pilotlight/models"
)

// MaxPeriod bounds a seasonal period: a year of 5-minute steps.
const MaxPeriod = 366 * 288

// Season says how the season enters.
type Season int

// The kinds of season.
const (
	// SeasonAdditive adds the season to the level. It takes any values.
	SeasonAdditive Season = iota
	// SeasonMultiplicative multiplies the level. It takes values above 0 only.
	SeasonMultiplicative
)

// Trend says how the level moves by itself.
type Trend int

// The kinds of trend.
const (
	// TrendNone holds the level: the best default for load, where an extrapolated trend does more harm than good.
	TrendNone Trend = iota
	// TrendAdditive extrapolates the trend for ever.
	TrendAdditive
	// TrendDamped lets the trend die out.
	TrendDamped
)

// Init says how the first state is found.
type Init int

// The initialisations. Both leave the periods they use out of the loss.
const (
	// InitRobust takes medians over the first half of the periods, at most three: one outlier does not matter.
	InitRobust Init = iota
	// InitClassical takes the level and season from the first period and the trend from the first two, by means.
	InitClassical
)

// Loss says what the parameters minimise.
type Loss int

// The losses.
const (
	// LossSquared is the mean squared error.
	LossSquared Loss = iota
	// LossAbsolute is the mean absolute error, which outliers sway less.
	LossAbsolute
)

// HoltWintersOptions choose a Holt-Winters model. The zero value is smoothing of the level alone, on the raw scale.
type HoltWintersOptions struct {
	// Period is the season's length in steps; below 2 there is none.
	Period int
	// Bin is how many steps share one seasonal state, at least 1 (also meant by 0). Bins smooth the season of noisy counts
	// with long periods, and save memory; bins of several minutes smear what happens on the minute.
	Bin int
	// Season, Trend, Scale, Init and Loss have their documented zero values as defaults.
	Season Season
	Trend  Trend
	Scale  Scale
	Init   Init
	Loss   Loss
	// AR adds an autocorrelated error: after a burst the forecast falls back to the seasonal course instead of staying on
	// the new level. Additive only.
	AR bool
	// Params fixes the parameters; nil lets the fit choose them.
	Params *HoltWintersParams
	// Initial fixes the state before the first value; nil finds it by Init.
	Initial *HoltWintersState
	// LossSteps makes the loss the mean over the forecasts 1 to LossSteps steps ahead; 0 means 1.
	LossSteps int
	// MaxEvaluations bounds the passes of the optimiser over the series; 0 means 300.
	MaxEvaluations int
	// Window bounds the steps of history that Refit uses; 0 means all.
	Window int
	// LossWindow bounds the latest steps that the search for parameters runs over; 0 means all after the initial state. The
	// final state comes from all of them either way.
	LossWindow int

	// start, if not nil, is where the optimiser starts.
	start *HoltWintersParams
}

// Validate says all that is wrong with the options, or returns nil.
func (o *HoltWintersOptions) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("holt-winters "+format+": %w", append(args, models.ErrInvalid)...))
	}
	if o.Period < 0 || o.Period > MaxPeriod {
		bad("period %d is not in [0, %d] steps", o.Period, MaxPeriod)
	}
	if o.Bin < 0 || o.Bin > max(1, o.Period/2) {
		bad("bin %d is not in [0, %d]: at least two bins make a period", o.Bin, max(1, o.Period/2))
	}
	if !o.known() {
		bad("options %+v hold an unknown kind", *o)
	}
	if o.Season == SeasonMultiplicative && !o.canMultiply() {
		bad("season is multiplicative, so give it a period of 2 or more, the raw scale, and no AR")
	}
	if min(o.LossSteps, o.MaxEvaluations, o.Window, o.LossWindow) < 0 {
		bad("loss steps %d, evaluations %d, window %d and loss window %d must not be negative",
			o.LossSteps, o.MaxEvaluations, o.Window, o.LossWindow)
	}
	if o.Initial != nil && len(o.Initial.Season) != o.bins() {
		bad("initial season has %d values, not %d", len(o.Initial.Season), o.bins())
	}
	if o.Params != nil {
		errs = append(errs, o.Params.validate())
	}
	return errors.Join(errs...)
}

// canMultiply reports whether the other options go with a multiplicative season.
func (o *HoltWintersOptions) canMultiply() bool { return !o.AR && o.Period >= 2 && o.Scale == ScaleRaw }

// known reports whether every kind is one of its constants.
func (o *HoltWintersOptions) known() bool {
	in := func(v, last int) bool { return v >= 0 && v <= last }
	return in(int(o.Season), int(SeasonMultiplicative)) && in(int(o.Trend), int(TrendDamped)) &&
		in(int(o.Scale), int(numScales)-1) && in(int(o.Init), int(InitClassical)) && in(int(o.Loss), int(LossAbsolute))
}

func (p *HoltWintersParams) validate() error {
	const slack = 1e-9 // for parameters that come from the classical form
	ok := p.Alpha >= 0 && p.Alpha <= 1 && p.Beta >= 0 && p.Beta <= p.Alpha+slack && p.Gamma >= 0 && p.Gamma <= 1-p.Alpha+slack &&
		p.Phi >= 0 && p.Phi <= 1 && p.Rho >= 0 && p.Rho < 1
	if !ok {
		return fmt.Errorf("holt-winters parameters %+v are not stable; keep alpha and phi in [0, 1], beta in [0, alpha], gamma in [0, 1-alpha], rho in [0, 1): %w",
			*p, models.ErrInvalid)
	}
	return nil
}

// defaults fills in what 0 stands for.
func (o HoltWintersOptions) defaults() HoltWintersOptions {
	o.Bin = max(o.Bin, 1)
	o.LossSteps = max(o.LossSteps, 1)
	if o.MaxEvaluations == 0 {
		o.MaxEvaluations = 300
	}
	return o
}

// period is the length after which positions repeat: 1 without a season.
func (o *HoltWintersOptions) period() int { return max(o.Period, 1) }

// bins is the number of seasonal states: 0 without a season.
func (o *HoltWintersOptions) bins() int {
	if o.Period < 2 {
		return 0
	}
	bin := max(o.Bin, 1)
	return (o.Period + bin - 1) / bin
}

// startParams are parameters that suit noisy counts before any fit.
func (o *HoltWintersOptions) startParams() HoltWintersParams {
	p := HoltWintersParams{Alpha: 0.2, Phi: 1}
	if o.AR {
		p.Alpha, p.Rho = 0.02, 0.8
	}
	if o.Period >= 2 {
		p.Gamma = 0.1
	}
	switch o.Trend {
	case TrendNone:
	case TrendAdditive:
		p.Beta = 0.01
	case TrendDamped:
		p.Beta, p.Phi = 0.01, 0.95
	}
	return p
}
