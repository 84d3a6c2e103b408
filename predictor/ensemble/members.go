package ensemble

import (
	"fmt"
	"slices"

	"pilotlight/models"
	"pilotlight/predictor"
)

// defaultModels are the members of an ensemble that nobody chose.
func defaultModels() []string {
	return []string{
		"seasonal_naive", "persistence", "mean_70", "mean_30", "mean", "mean_03", "mean_01", "median_5", "median_15", "median_60",
		"window_15", "window_60", "window_240", "window_period", "window_three_periods", "phase_quantiles",
		"profile_5_20", "profile_30_20", "profile_5", "profile_30", "ridge", "ridge_log", "ridge_lags",
		"double_season", "double_season_slow", "nearest_windows", "rank1",
	}
}

// newMembers makes the members: a seasonal model one for each period.
func newMembers(opt *Options) ([]member, error) {
	names := opt.Models
	if names == nil {
		names = defaultModels()
		if opt.whole() {
			names = seasonalModels()
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
		periods := []int{0}
		if known[i].Seasonal {
			periods = opt.Periods
		}
		for _, p := range periods {
			f, err := known[i].New(predictor.Setting{Step: opt.Step, Period: p, Periods: opt.Periods, Scale: predictor.ScaleLog1p})
			if err != nil {
				return nil, fmt.Errorf("model %s: %w", name, err)
			}
			if _, ok := f.(predictor.MultiSeason); ok {
				all = append(all, member{name, f})
				break
			}
			full := name
			if p > 0 {
				full = fmt.Sprintf("%s_%d", name, p)
			}
			all = append(all, member{full, f})
		}
	}
	return all, nil
}
