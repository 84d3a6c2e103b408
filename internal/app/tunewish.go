package app

import (
	"fmt"
	"math"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
	"pilotlight/policy"
)

// wish is the objective, as it is measured on a simulated platform.
type wish struct {
	text    string
	setting sim.Setting
	// price is what a second of cold start is worth in GB-seconds, usd what it is worth in dollars if that is above 0.
	price, usd float64
	// monthly is what warmth may cost in a month, of each target if perTarget; 0 is no bound.
	monthly   float64
	perTarget bool
	// allowed is the share of invocations of each function that may start cold, nil without bound.
	allowed []float64
	// perGBs is the price of a warm GB-second.
	perGBs float64
}

// wishOf reads the objective of a policy for the functions of a trace.
func wishOf(c *policy.Config, t *trace.Trace, setting sim.Setting) wish {
	o := &c.Objective
	w := wish{
		text: fmt.Sprintf("a second of cold start is worth %v GB-seconds", c.ColdStartPrice), setting: setting, price: c.ColdStartPrice,
		perTarget: o.Scope == policy.ScopeTarget, perGBs: c.Prices.WarmGBSecond(),
	}
	switch {
	case o.ColdStartUSD > 0:
		w.usd, w.text = o.ColdStartUSD, fmt.Sprintf("a second of cold start is worth %v USD", o.ColdStartUSD)
	case o.ColdStartShare > 0:
		w.text = fmt.Sprintf("at most %v %% of invocations start cold", 100*o.ColdStartShare)
		for range t.Functions {
			w.allowed = append(w.allowed, o.ColdStartShare)
		}
	case o.P99Latency > 0:
		w.text = fmt.Sprintf("99 %% of invocations take at most %s", o.P99Latency.Std())
		for i := range t.Functions {
			w.allowed = append(w.allowed, latencyShare(&t.Functions[i], o.P99Latency.Std()))
		}
	case o.MonthlyUSD > 0:
		w.monthly, w.text = o.MonthlyUSD, fmt.Sprintf("warm instances cost at most %v USD a month", o.MonthlyUSD)
	}
	return w
}

// searches reports whether the policy searches for a price.
func (w *wish) searches() bool { return w.allowed != nil || w.monthly > 0 }

// latencyShare is the share of cold starts that a p99 with start-up included allows: the formula of docs/policy.md, with a lognormal
// duration by the p50 and p99 of the function, or an exponential one by its mean. Where no number of instances helps, any share is.
func latencyShare(f *trace.Function, p99 time.Duration) float64 {
	const tail, z99 = 0.01, 2.3263478740408408
	survival := func(seconds float64) float64 {
		ms := 1000 * seconds
		switch {
		case ms <= 0:
			return 1
		case f.P50MS > 0 && f.P99MS > f.P50MS:
			sigma := math.Log(f.P99MS/f.P50MS) / z99
			return math.Erfc(math.Log(ms/f.P50MS)/(sigma*math.Sqrt2)) / 2
		case f.AvgMS > 0:
			return math.Exp(-ms / f.AvgMS)
		}
		return 0
	}
	warm, cold := survival(p99.Seconds()), survival(p99.Seconds()-f.ColdStart(unknownColdStart).Seconds())
	if warm > tail || cold <= tail {
		return 1
	}
	return min((tail-warm)/(cold-warm), 1)
}

// measure is what a trial comes to.
type measure struct {
	Invocations int64   `json:"invocations"`
	ColdStarts  int64   `json:"cold_starts"`
	ColdSeconds float64 `json:"cold_seconds"`
	// PaidIdleGBs is idle memory that somebody pays for, WarmUSD the list price of warmth in a month of 30 days.
	PaidIdleGBs float64 `json:"paid_idle_gb_s"`
	WarmUSD     float64 `json:"warm_usd_per_month"`
	// Excess is by which part of it the objective is missed, 0 if it is met or has no bound.
	Excess float64 `json:"excess"`
	// Cost is what is to be small once the objective is met: with a price, idle memory plus cold seconds at that price; with a share
	// or a latency, idle memory; with a month's money, cold seconds.
	Cost float64 `json:"cost"`
}

// of measures some functions in some parts of the time, which are so many minutes together.
func (w *wish) of(functions []int, usages map[int][]sim.Usage, first, last, minutes int) measure {
	var sum sim.Usage
	allowed := 0.0
	for _, i := range functions {
		for k := first; k < last; k++ {
			u := &usages[i][k]
			sum.Add(u)
			if w.allowed != nil {
				allowed += w.allowed[i] * float64(u.Invocations)
			}
		}
	}
	warm := sum.ProvisionedGBs
	if w.setting == sim.Provider {
		warm += sum.OnDemandIdleGBs
	}
	m := measure{
		Invocations: sum.Invocations, ColdStarts: sum.ColdStarts, ColdSeconds: sum.ColdSeconds, PaidIdleGBs: sum.Burden(w.setting, 0),
		WarmUSD: warm * w.perGBs * 30 * 24 * 60 / float64(max(minutes, 1)),
	}
	over := func(x, bound float64) float64 { return max(x/max(bound, 1e-9)-1, 0) }
	switch {
	case w.usd > 0:
		m.Cost = sum.USD + w.usd*sum.ColdSeconds
	case w.allowed != nil:
		m.Cost, m.Excess = m.PaidIdleGBs, over(float64(sum.ColdStarts), max(allowed, 0.5))
	case w.monthly > 0:
		bound := w.monthly
		if w.perTarget {
			bound *= float64(len(functions))
		}
		m.Cost, m.Excess = m.ColdSeconds, over(m.WarmUSD, bound)
	default:
		m.Cost = sum.Burden(w.setting, w.price)
	}
	return m
}

// better reports whether a measure is better: nearer to the objective, and where both meet it, cheaper by more than nothing.
func (m *measure) better(than *measure) bool {
	mine, other := m.Excess, than.Excess
	if mine <= slack {
		mine = 0
	}
	if other <= slack {
		other = 0
	}
	if mine != other {
		return mine < other
	}
	return m.Cost < (1-minGain)*than.Cost
}
