package ensemble

// seasonalModels are the default members for series with a season that is short against the horizon: few, cheap and different
// from one another, chosen one by one by how much each improved the combination (docs/forecasting.md).
func seasonalModels() []string {
	return []string{
		"double_season", "double_season_steady", "double_season_quick", "double_season_firm", "single_season", "lag_ridge",
		"lag_ridge_change", "nearest_windows", "nearest_window", "kernel_windows", "weekly_median", "weekly_level", "daily_shift",
		"seasonal_naive",
	}
}

// whole reports whether the horizon is about a period or more: back-test windows then lie whole periods apart.
func (o *Options) whole() bool { return len(o.Periods) > 0 && o.Periods[0] <= 2*o.Horizon }
