package predictor

import "slices"

// MultiSeason is implemented by forecasters that choose for themselves among the periods of Setting.Periods: one of them
// serves all the periods of a series.
type MultiSeason interface {
	Forecaster
	// Seasons are the periods it uses, in steps, ascending.
	Seasons() []int
}

var (
	_ MultiSeason = (*DoubleSeason)(nil)
	_ MultiSeason = (*LagRidge)(nil)
	_ MultiSeason = (*Nearest)(nil)
	_ MultiSeason = (*Kernel)(nil)
	_ MultiSeason = (*Rank1)(nil)
	_ MultiSeason = (*SeasonalMedian)(nil)
)

// seasons returns the short and the long period of a setting, both the same if there is but one. Of three or more it takes
// the two lowest, but leaves out one that is less than a third of the next: half a day adds nothing to a day.
func (s *Setting) seasons() (short, long int) {
	if len(s.Periods) == 0 {
		return s.Period, s.Period
	}
	p := slices.Sorted(slices.Values(s.Periods))
	for len(p) > 2 && 3*p[0] > p[1] {
		p = p[1:]
	}
	return p[0], p[min(1, len(p)-1)]
}

// pair returns the periods of a setting as a list of one or two.
func (s *Setting) pair() []int {
	short, long := s.seasons()
	if short == long {
		return []int{short}
	}
	return []int{short, long}
}

// maxNearLags bounds the lags before the first period in a regression on all of them.
const maxNearLags = 26

// seasonalModels are models for series whose seasons are short against the forecast, such as hourly load: each is cheap, and they differ
// from one another, which is what a combination lives on.
func seasonalModels() []Model {
	return []Model{
		{"double_season", "level, two seasons and fading errors on the logarithm, fixed parameters; good on regular load", true, 0, doubleSeason(ScaleLog1p, DoubleSeasonParams{0.15, 0.12, 0.1, 0.93})},
		{"double_season_steady", "the same with a slow level and quick seasons", true, 0, doubleSeason(ScaleLog1p, DoubleSeasonParams{0.01, 0.12, 0.35, 0})},
		{"double_season_quick", "the same with a quick long season", true, 0, doubleSeason(ScaleLog1p, DoubleSeasonParams{0.05, 0.2, 0.5, 0.97})},
		{"double_season_firm", "the same with seasons that hardly change", true, 0, doubleSeason(ScaleLog1p, DoubleSeasonParams{0.15, 0.01, 0.03, 0.97})},
		{"single_season", "level, the short season and fading errors on the logarithm, fixed parameters", true, 0, singleSeason(DoubleSeasonParams{0.01, 0.07, 0, 0.93})},
		{"lag_ridge", "recursive ridge regression on seasonal lags of the fourth root; good on smooth load", true, 0, lagRidge(0.25, 0.003, false, coreLags)},
		{"lag_ridge_change", "recursive ridge regression of the change against the period before", true, 0, lagRidge(1, 0.01, true, wideLags)},
		{"nearest_windows", "what came after the four past windows most like the last two periods", true, 0, nearest(2, 4, 1.15)},
		{"nearest_window", "what came after the past window most like the last period", true, 0, nearest(1, 1, 1.5)},
		{"kernel_windows", "ridge regression of what follows a window on windows of the long period", true, 0, kernelWindows},
		{"weekly_median", "median of the last three long periods", true, 0, longMedian(3, 0)},
		{"weekly_level", "median of the last four long periods, moved to the present level", true, 0, longMedian(4, 0.8)},
		{"daily_shift", "the last period, shifted to the level of its last quarter", true, 0, shortShift},
		{"rank1", "shape of the period times a level by ridge regression", true, 0, newRank1},
	}
}

func doubleSeason(scale Scale, p DoubleSeasonParams) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		return NewDoubleSeason(DoubleSeasonOptions{Periods: s.pair(), Scale: scale, Params: p})
	}
}

func singleSeason(p DoubleSeasonParams) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		return NewDoubleSeason(DoubleSeasonOptions{Periods: s.pair()[:1], Scale: ScaleLog1p, Params: p})
	}
}

// coreLags are the near past and the surroundings of the periods.
func coreLags(short, long int) []int {
	lags := append(SeasonalLags(3, []int{short}, 1, 2), 2*short-1, 2*short, 2*short+1)
	if long > short {
		lags = append(lags, long-1, long, long+1, long+short)
	}
	return tidyLags(lags)
}

// wideLags are the whole last period, if it is not long, and the surroundings of the periods.
func wideLags(short, long int) []int {
	return SeasonalLags(min(short+2, maxNearLags), slices.Compact([]int{short, long}), 1, 2)
}

// tidyLags sorts lags and drops what is twice or no lag.
func tidyLags(lags []int) []int {
	slices.Sort(lags)
	return slices.DeleteFunc(slices.Compact(lags), func(l int) bool { return l < 1 })
}

func lagRidge(power, lambda float64, change bool, lags func(short, long int) []int) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		short, long := s.seasons()
		o := LagRidgeOptions{Lags: lags(short, long), Season: short, Power: power, Lambda: lambda}
		if change {
			o.Diff = short
		}
		return NewLagRidge(o)
	}
}

func nearest(periods, neighbours int, off float64) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		short, long := s.seasons()
		return NewNearest(NearestOptions{Period: short, Long: long, Window: periods * short, Neighbours: neighbours, OffPhase: off})
	}
}

func kernelWindows(s Setting) (Forecaster, error) {
	short, long := s.seasons()
	return NewKernel(KernelOptions{Period: short, Long: long, Window: long, Lambda: 0.03, Shift: true})
}

func longMedian(depth int, share float64) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		_, long := s.seasons()
		o := SeasonalMedianOptions{Period: long, Depth: depth, Decay: 1, Share: share}
		if share > 0 {
			o.Window = long
		}
		return NewSeasonalMedian(o)
	}
}

func shortShift(s Setting) (Forecaster, error) {
	short, _ := s.seasons()
	return NewSeasonalMedian(SeasonalMedianOptions{Period: short, Depth: 1, Window: max(1, short/4), Share: 1, Decay: 1, Add: true})
}

func newRank1(s Setting) (Forecaster, error) {
	short, long := s.seasons()
	return NewRank1(Rank1Options{Period: short, Long: long, Shapes: 2, Lambda: 0.1})
}
