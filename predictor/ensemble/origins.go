package ensemble

import "slices"

// The origins of the back-test.
const (
	maxWindows = 16
	// minHistory is how much of the series the first origin leaves to the members at least, in horizons.
	minHistory = 2
	// The recent plan has so many windows so many steps apart, and so many at the same place in the past periods.
	recentOrigins = 25
	recentStride  = 15
	phaseOrigins  = 10
	phaseOffset   = 72 // and this part of a period before and after: 20 minutes of a day
)

// origins places the back-test windows, in increasing order. Those of the recent plan give the quantiles. The point forecast
// takes the same, but where the horizon is about a period or more only windows at the same place in the period as the end.
func origins(n int, opt *Options) (at []int, aligned []bool) {
	first := minHistory * opt.Horizon
	for _, p := range opt.Periods {
		first = max(first, 2*p)
	}
	first = max(1, min(first, n-opt.Horizon))
	if opt.whole() {
		at = wholePlan(n, opt)
	} else {
		at = recentPlan(n, opt)
	}
	at = slices.DeleteFunc(at, func(o int) bool { return o < first || o+opt.Horizon > n })
	slices.Sort(at)
	at = slices.Compact(at)
	for range at {
		aligned = append(aligned, true)
	}
	return at, aligned
}

// wholePlan places the latest windows at the same place in the period as the end of the series.
func wholePlan(n int, opt *Options) (at []int) {
	for k := range maxWindows {
		at = append(at, n-opt.Horizon-k*opt.Periods[0])
	}
	return at
}

// recentPlan places windows shortly after one another, and at the same place in the past periods.
func recentPlan(n int, opt *Options) (at []int) {
	for k := range recentOrigins {
		at = append(at, n-opt.Horizon-k*recentStride)
	}
	if len(opt.Periods) > 0 {
		for k := range phaseOrigins {
			same := n - (k+1)*opt.Periods[0]
			at = append(at, same-opt.Periods[0]/phaseOffset, same, same+opt.Periods[0]/phaseOffset)
		}
	}
	return at
}
