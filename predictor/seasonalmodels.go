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
		{"double_season", "level, two seasons and fading errors on the logarithm, fixed parameters; good on regular load", true, 0, doubleSeason(DoubleSeasonParams{Alpha: 0.15, Short: 0.12, Long: 0.1, Rho: 0.93})},
		{"double_season_firm", "the same with seasons that hardly change", true, 0, doubleSeason(DoubleSeasonParams{Alpha: 0.15, Short: 0.01, Long: 0.03, Rho: 0.97, Echo: 1})},
		{"double_season_slow", "the same with a slow level", true, 0, doubleSeason(DoubleSeasonParams{Alpha: 0.01, Short: 0.12, Long: 0.1, Rho: 0.5})},
		{"double_season_steady", "the same with a slow level, a quick long season and no fading errors", true, 0, doubleSeason(DoubleSeasonParams{Alpha: 0.01, Short: 0.12, Long: 0.35, Echo: 1})},
		{"double_season_quick", "the same with quick seasons", true, 0, doubleSeason(DoubleSeasonParams{Alpha: 0.05, Short: 0.2, Long: 0.5, Rho: 0.97, Echo: 1})},
		{"lag_ridge", "recursive ridge regression on seasonal lags of the fourth root; good on smooth load", true, 0, lagRidge},
		{"lag_ridge_change", "recursive ridge regression of the change against the short period before", true, 0, lagRidgeChange},
		{"lag_ridge_long_change", "recursive ridge regression of the change of the fourth root against the long period before", true, 0, lagRidgeLongChange},
		{"nearest_windows", "what came after the four past windows most like the last two periods", true, 0, nearest(2, 4, 1.15)},
		{"nearest_window", "what came after the past window most like the last period", true, 0, nearest(1, 1, 1.5)},
		{"kernel_windows", "ridge regression of what follows three periods on what followed such in the past", true, 0, kernelWindows(false)},
		{"kernel_long_windows", "the same with windows of the long period", true, 0, kernelWindows(true)},
		{"long_median", "median of the last three long periods", true, 0, longMedian(3)},
		{"long_median_4", "median of the last four long periods", true, 0, longMedian(4)},
		{"shifted_period", "the last period, moved to the level of its last quarter", true, 0, shiftedPeriod(1, 1, 1)},
		{"shifted_periods", "median of the last four periods, half moved to the level of the last quarter, for a while", true, 0, shiftedPeriod(4, 0.5, 0.95)},
		{"rank1", "shape of the period times a level by ridge regression", true, 0, newRank1},
		{"theta", "smoothed level with half the trend on the series without its short season", true, 0, newTheta},
	}
}

func doubleSeason(p DoubleSeasonParams) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		return NewDoubleSeason(DoubleSeasonOptions{Periods: s.pair(), Scale: ScaleLog1p, Params: p})
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

// briefLags are the near past and a few multiples of the short period.
func briefLags(short int) []int {
	return tidyLags([]int{1, 2, 3, short - 1, short, short + 1, 2 * short, 2*short + 1, 3 * short})
}

func lagRidge(s Setting) (Forecaster, error) {
	short, long := s.seasons()
	return NewLagRidge(LagRidgeOptions{Lags: coreLags(short, long), Season: short, Power: 0.25, Lambda: 3e-4})
}

func lagRidgeChange(s Setting) (Forecaster, error) {
	short, long := s.seasons()
	return NewLagRidge(LagRidgeOptions{Lags: wideLags(short, long), Season: short, Power: 1, Lambda: 0.01, Diff: short})
}

func lagRidgeLongChange(s Setting) (Forecaster, error) {
	short, long := s.seasons()
	return NewLagRidge(LagRidgeOptions{Lags: briefLags(short), Season: short, Power: 0.25, Lambda: 0.01, Diff: long})
}

func nearest(periods, neighbours int, off float64) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		short, long := s.seasons()
		return NewNearest(NearestOptions{Period: short, Long: long, Window: periods * short, Neighbours: neighbours, OffPhase: off})
	}
}

func kernelWindows(wide bool) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		short, long := s.seasons()
		o := KernelOptions{Period: short, Window: 3 * short, Lambda: 0.03, Shift: true}
		if wide {
			o.Window = long
		}
		return NewKernel(o)
	}
}

func longMedian(depth int) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		_, long := s.seasons()
		return NewSeasonalMedian(SeasonalMedianOptions{Period: long, Depth: depth, Decay: 1})
	}
}

func shiftedPeriod(depth int, share, decay float64) func(Setting) (Forecaster, error) {
	return func(s Setting) (Forecaster, error) {
		short, _ := s.seasons()
		return NewSeasonalMedian(SeasonalMedianOptions{Period: short, Depth: depth, Window: max(1, short/4), Share: share, Decay: decay, Add: true})
	}
}

func newRank1(s Setting) (Forecaster, error) {
	short, long := s.seasons()
	return NewRank1(Rank1Options{Period: short, Long: long, Shapes: 4, Lambda: 0.01})
}

func newTheta(s Setting) (Forecaster, error) {
	short, _ := s.seasons()
	return NewTheta(short)
}
