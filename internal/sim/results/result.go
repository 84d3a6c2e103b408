// Package results says what a backtest came to: as a table for a terminal, as JSON, and as a page of HTML that needs nothing else.
package results

import (
	"cmp"
	"math"
	"slices"
	"time"

	"pilotlight/internal/sim"
)

// Kind says what a row of a report is.
type Kind string

// The kinds.
const (
	// Pilotlight is what is proved or not.
	Pilotlight Kind = "pilotlight"
	// Today is what runs now.
	Today Kind = "today"
	// Baseline is another policy that somebody could run.
	Baseline Kind = "baseline"
	// Oracle knows the future.
	Oracle Kind = "oracle"
)

// Result is what a backtest came to. All numbers are of the time from From to To, before which policies only warm up.
type Result struct {
	// Source is where the history is from.
	Source  string      `json:"source"`
	Setting sim.Setting `json:"setting"`
	// Start is the start of the history.
	Start time.Time `json:"start"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	// LeadSeconds is the time from asking for a warm instance to having it; -1 if targets differ.
	LeadSeconds float64 `json:"lead_s"`
	// KeepAliveSeconds is how long the platform by itself keeps idle instances.
	KeepAliveSeconds float64 `json:"keep_alive_s"`
	// ColdStartPrice is how many GB-seconds of idle memory avoiding a second of cold start is worth.
	ColdStartPrice float64 `json:"cold_start_price"`
	Seed           uint64  `json:"seed"`
	// Prices are in US dollars, as of PricesAsOf.
	Prices     sim.Prices `json:"prices"`
	PricesAsOf string     `json:"prices_as_of,omitempty"`
	ConfigHash string     `json:"config_hash,omitempty"`
	WhatIf     []string   `json:"what_if,omitempty"`
	// Policies are Pilotlight, what runs today, the baselines and the oracles, in this order.
	Policies []Policy `json:"policies"`
	// Curve is Pilotlight at several prices of a cold start, over CurveTargets of the targets.
	Curve        []Point       `json:"curve,omitempty"`
	CurveTargets int           `json:"curve_targets,omitempty"`
	Accuracy     Accuracy      `json:"accuracy"`
	Reasons      []ReasonCount `json:"reasons"`
	Targets      []Target      `json:"targets"`
	// Hours are the cold starts in each hour of the history, before From too.
	Hours Hours `json:"hours"`
	// Warnings are what to know before believing the numbers.
	Warnings []string `json:"warnings,omitempty"`
	// Example is the minutes of one target; it is drawn only.
	Example *sim.PlotData `json:"-"`
}

// Policy is what would have happened under one policy.
type Policy struct {
	Name  string    `json:"name"`
	Kind  Kind      `json:"kind"`
	What  string    `json:"what"`
	Usage sim.Usage `json:"usage"`
	// Burden is idle memory plus cold seconds at their price, in GB-seconds; J is that of Pilotlight's rival today as 1, 0 if
	// there was none.
	Burden float64 `json:"burden_gb_s"`
	J      float64 `json:"j"`
	// OnCurve is the usage of the targets of the curve.
	OnCurve sim.Usage `json:"on_curve"`
}

// Point is Pilotlight at a price of a cold start.
type Point struct {
	ColdStartPrice float64   `json:"cold_start_price"`
	Usage          sim.Usage `json:"usage"`
	// Best is the baseline, of those that could be run, with the least burden at that price, and Ratio the burden of Pilotlight
	// to it: below 1 is better.
	Best  string  `json:"best_baseline"`
	Ratio float64 `json:"ratio"`
}

// Accuracy says how good the forecasts were that the decisions were made from, at the step for which the lead asks.
type Accuracy struct {
	// StepsAhead is how many minutes after the end of the last known one the minute began that was forecast, plus one.
	StepsAhead int `json:"steps_ahead"`
	// Forecasts were scored; Missing were not there, for lack of history.
	Forecasts int `json:"forecasts"`
	Missing   int `json:"missing"`
	// Coverage is the share of minutes that were inside the band of 80 %.
	Coverage float64 `json:"coverage_80"`
	// Loss is the mean quantile loss at 10, 50 and 90 %, in invocations, and PersistenceLoss that of repeating the last minute.
	Loss            float64 `json:"loss"`
	PersistenceLoss float64 `json:"persistence_loss"`
	// Skill is how much smaller the one is than the other: 1 is perfect, 0 no better, below 0 worse.
	Skill float64 `json:"skill"`
}

// ReasonCount is how many of the recorded decisions gave a reason.
type ReasonCount struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
	Count   int    `json:"count"`
}

// Target is one target.
type Target struct {
	// ID is untrusted text.
	ID       string  `json:"id"`
	MemoryMB float64 `json:"memory_mb"`
	// ColdStartSeconds is how long a cold start takes.
	ColdStartSeconds float64 `json:"cold_start_s"`
	// Usages are in the order of the policies of the result.
	Usages   []sim.Usage   `json:"usages"`
	Accuracy Accuracy      `json:"accuracy"`
	Reasons  []ReasonCount `json:"reasons"`
	Samples  []Sample      `json:"samples,omitempty"`
}

// Sample is a decision that changed something.
type Sample struct {
	At      time.Time `json:"at"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Reasons []string  `json:"reasons"`
}

// Hours are counts by the hour since the start of the history.
type Hours struct {
	Pilotlight []int64 `json:"pilotlight"`
	Today      []int64 `json:"today"`
}

// Finish computes burdens, ratios and the best baselines from the usages.
func (r *Result) Finish() {
	today := 0.0
	for i := range r.Policies {
		p := &r.Policies[i]
		p.Burden = p.Usage.Burden(r.Setting, r.ColdStartPrice)
		if p.Kind == Today {
			today = p.Burden
		}
	}
	for i := range r.Policies {
		r.Policies[i].J = ratio(r.Policies[i].Burden, today)
	}
	for i := range r.Curve {
		c := &r.Curve[i]
		least := math.Inf(1)
		for k := range r.Policies {
			p := &r.Policies[k]
			if p.Kind != Baseline && p.Kind != Today {
				continue
			}
			if b := p.OnCurve.Burden(r.Setting, c.ColdStartPrice); b < least {
				least, c.Best = b, p.Name
			}
		}
		if c.Best != "" {
			c.Ratio = ratio(c.Usage.Burden(r.Setting, c.ColdStartPrice), least)
		}
	}
}

// Best returns the policy that somebody could run, other than Pilotlight, with the least burden; nil if there is none.
func (r *Result) Best() *Policy {
	var best *Policy
	for i := range r.Policies {
		p := &r.Policies[i]
		if (p.Kind == Baseline || p.Kind == Today) && (best == nil || p.Burden < best.Burden) {
			best = p
		}
	}
	return best
}

// find returns the first policy of a kind, nil if there is none.
func (r *Result) find(k Kind) *Policy {
	for i := range r.Policies {
		if r.Policies[i].Kind == k {
			return &r.Policies[i]
		}
	}
	return nil
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// Sum adds up accuracy and reasons over the targets.
func (r *Result) Sum() {
	counts := map[string]int{}
	r.Accuracy = Accuracy{}
	inside, loss, persistence := 0.0, 0.0, 0.0
	r.Reasons = []ReasonCount{}
	for i := range r.Targets {
		a := &r.Targets[i].Accuracy
		if i == 0 {
			r.Accuracy.StepsAhead = a.StepsAhead
		}
		n := float64(a.Forecasts)
		r.Accuracy.Forecasts += a.Forecasts
		r.Accuracy.Missing += a.Missing
		inside, loss, persistence = inside+n*a.Coverage, loss+n*a.Loss, persistence+n*a.PersistenceLoss
		for _, c := range r.Targets[i].Reasons {
			if at, ok := counts[c.Code]; ok {
				r.Reasons[at].Count += c.Count
			} else {
				counts[c.Code] = len(r.Reasons)
				r.Reasons = append(r.Reasons, c)
			}
		}
	}
	SortReasons(r.Reasons)
	if n := float64(r.Accuracy.Forecasts); n > 0 {
		r.Accuracy.Coverage, r.Accuracy.Loss, r.Accuracy.PersistenceLoss = inside/n, loss/n, persistence/n
		if persistence > 0 {
			r.Accuracy.Skill = 1 - loss/persistence
		}
	}
}

// SortReasons puts the most frequent first, and equally frequent ones in the order of their codes.
func SortReasons(list []ReasonCount) {
	slices.SortFunc(list, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
}

// Order returns the targets by the cold starts that they have today, the most first.
func (r *Result) Order() []int {
	out := make([]int, len(r.Targets))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int {
		return cmp.Compare(r.Targets[b].Usages[1].ColdStarts, r.Targets[a].Usages[1].ColdStarts)
	})
	return out
}

// Idle is the idle memory that somebody pays for, in GB-seconds: that of the floor only where the platform keeps others for free.
func (r *Result) Idle(u sim.Usage) float64 {
	if r.Setting == sim.Customer {
		return u.ProvIdleGBs
	}
	return u.IdleGBs()
}

// IdleName is what Idle is called.
func (r *Result) IdleName() string {
	if r.Setting == sim.Customer {
		return "paid idle GB-s"
	}
	return "idle GB-s"
}
