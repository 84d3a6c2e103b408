package ensemble

// seasonalModels are the default members for series with a season that is short against the horizon: few, cheap and different
// from one another, chosen one by one by how much each improved the combination (docs/forecasting.md).
func seasonalModels() []string {
	return []string{
		"double_season_firm", "double_season_slow", "double_season_steady", "double_season_quick",
		"lag_ridge", "lag_ridge_change", "lag_ridge_long_change", "nearest_windows", "nearest_window", "kernel_windows",
		"kernel_long_windows", "long_median", "long_median_4", "shifted_period", "shifted_periods", "persistence",
	}
}

// whole reports whether the horizon is about a period or more: back-test windows then lie whole periods apart.
func (o *Options) whole() bool { return len(o.Periods) > 0 && o.Periods[0] <= o.Horizon && !o.sparse }
