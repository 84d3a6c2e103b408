package ensemble

import "slices"

// The origins of the back-test.
const (
	maxWindows = 16
	// enoughWindows is from how many windows on more history for the members is worth more than more windows.
	enoughWindows = 7
	// minHistory is how much of the series the first origin leaves to the members at least, in horizons.
	minHistory = 2
	// The recent plan has so many windows so many steps apart, and so many at the same place in the past periods.
	recentOrigins = 25
	recentStride  = 15
	phaseOrigins  = 10
	phaseOffset   = 72 // and this part of a period before and after: 20 minutes of a day
)

// origins places the back-test windows, in increasing order. Where the horizon is a period or more they lie at the same place in the
// period as the end, else shortly after one another and at the same place in the past periods.
func origins(n int, opt *Options) []int {
	longest := 0
	for _, p := range opt.Periods {
		longest = max(longest, p)
	}
	first := max(minHistory*opt.Horizon, 2*longest)
	var at []int
	if opt.whole() {
		at = wholePlan(n, opt)
		// Members do well after two long periods; but few windows are worse than windows after a shorter history.
		if few := n - opt.Horizon - (enoughWindows-1)*(at[0]-at[1]); first > few {
			first = max(few, longest+opt.Horizon)
		}
	} else {
		at = recentPlan(n, opt)
		first = recentFirst(n, opt)
	}
	first = max(1, min(first, n-opt.Horizon))
	at = slices.DeleteFunc(at, func(o int) bool { return o < first || o+opt.Horizon > n })
	slices.Sort(at)
	return slices.Compact(at)
}

// wholePlan places the latest windows at the same place in the period as the end of the series, the latest first. Short periods are
// skipped so that neighbours share no more than about half of their steps.
func wholePlan(n int, opt *Options) (at []int) {
	p := opt.Periods[0]
	stride := p * max(1, opt.Horizon/(2*p))
	for k := range maxWindows {
		at = append(at, n-opt.Horizon-k*stride)
	}
	return at
}

// recentFirst is the first window of the recent plan: after two short periods, because a week must not cost two weeks of minutes all
// their windows, and even earlier, but after one, if else the recent windows were not all there.
func recentFirst(n int, opt *Options) int {
	first := minHistory * opt.Horizon
	if len(opt.Periods) > 0 {
		p := opt.Periods[0]
		all := n - opt.Horizon - (recentOrigins-1)*recentStride
		first = max(first, min(2*p, max(all, p+opt.Horizon)))
	}
	return first
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
