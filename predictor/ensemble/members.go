package ensemble

import (
	"fmt"
	"slices"

	"pilotlight/models"
	"pilotlight/predictor"
)

// defaultModels are the members of an ensemble that nobody chose, where windows are many: cheap ones that differ, found by leaving
// out what did not help (docs/forecasting.md).
func defaultModels(opt *Options) []string {
	names := []string{
		"seasonal_naive", "persistence", "mean_70", "mean_30", "mean", "mean_03", "mean_01", "median_5", "median_15", "median_60",
		"window_15", "window_60", "window_240", "window_period", "window_three_periods", "phase_quantiles",
		"profile_5_20", "profile_30_20", "profile_5", "profile_30", "ridge", "ridge_log",
		"double_season", "double_season_slow", "nearest_windows", "rank1",
	}
	if len(opt.Periods) == 0 {
		names = append(names, "ridge_lags")
	}
	if opt.sparse {
		names = append(names, "arrivals") // half as dear as all the others together, and worth it only here
	}
	return names
}

// sparseShare is the share of zeros from which on a series is sparse.
const sparseShare = 0.5

// sparse reports whether most values are zero.
func sparse(y []float64) bool {
	zeros, n := 0, 0
	for _, v := range y {
		if v == v {
			n++
		}
		if v == 0 {
			zeros++
		}
	}
	return float64(zeros) >= sparseShare*float64(n)
}

// newMembers makes the members: a seasonal model one for each period, unless it takes them all.
func newMembers(opt *Options) ([]member, error) {
	names := opt.Models
	if names == nil {
		switch names = defaultModels(opt); {
		case opt.whole():
			names = seasonalModels()
		case len(opt.Periods) > 0 && opt.Periods[0] <= assumedDay:
			names = append(names, "double_season_firm", "double_season_quick", "lag_ridge")
		}
	}
	known := predictor.Models()
	var all []member
	for _, name := range names {
		i := slices.IndexFunc(known, func(m predictor.Model) bool { return m.Name == name })
		if i < 0 {
			var have []string
			for _, m := range known {
				have = append(have, m.Name)
			}
			return nil, fmt.Errorf("model %q is not one of %v: %w", name, have, models.ErrInvalid)
		}
		made, err := membersOf(&known[i], opt)
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the models %v need a season, and none was given or found that fits into the history twice; name one as a period, or add persistence: %w",
			names, models.ErrInsufficientHistory)
	}
	return all, nil
}

// membersOf makes the members of one model.
func membersOf(model *predictor.Model, opt *Options) ([]member, error) {
	set := predictor.Setting{Step: opt.Step, Periods: opt.Periods, Scale: predictor.ScaleLog1p}
	if !model.Seasonal {
		f, err := model.New(set)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", model.Name, err)
		}
		return []member{{model.Name, f}}, nil
	}
	var all []member
	for _, p := range opt.Periods {
		set.Period = p
		f, err := model.New(set)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", model.Name, err)
		}
		if _, ok := f.(predictor.MultiSeason); ok {
			return []member{{model.Name, f}}, nil
		}
		all = append(all, member{fmt.Sprintf("%s_%d", model.Name, p), f})
	}
	return all, nil
}
