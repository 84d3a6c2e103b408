package app

import (
	"pilotlight/api"
	"pilotlight/internal/sim"
	"pilotlight/internal/sim/results"
)

// resultOf is the wire form of a result.
func resultOf(r *results.Result) *api.BacktestResult {
	out := &api.BacktestResult{
		Source: r.Source, Setting: string(r.Setting), From: r.From, To: r.To, LeadSeconds: r.LeadSeconds,
		ColdStartPrice: r.ColdStartPrice, ConfigHash: r.ConfigHash, Verdict: r.Verdict(), CurveTargets: r.CurveTargets,
		Policies: []api.BacktestPolicy{}, Curve: []api.BacktestPoint{}, Accuracy: accuracyOf(&r.Accuracy),
		Reasons: []api.BacktestReason{}, Targets: []api.BacktestTarget{}, Warnings: append([]string{}, r.Warnings...),
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		out.Policies = append(out.Policies, api.BacktestPolicy{
			BacktestUsage: usageOf(&p.Usage), Name: p.Name, Kind: string(p.Kind), What: p.What, J: p.J,
		})
	}
	for i := range r.Curve {
		c := &r.Curve[i]
		out.Curve = append(out.Curve, api.BacktestPoint{
			BacktestUsage: usageOf(&c.Usage), ColdStartPrice: c.ColdStartPrice, BestBaseline: c.Best, Ratio: c.Ratio,
		})
	}
	for _, c := range r.Reasons {
		out.Reasons = append(out.Reasons, api.BacktestReason{Code: c.Code, Meaning: c.Meaning, Count: c.Count})
	}
	for _, i := range r.Order()[:min(apiTargets, len(r.Targets))] {
		t := &r.Targets[i]
		out.Targets = append(out.Targets, api.BacktestTarget{
			ID: t.ID, Pilotlight: usageOf(&t.Usages[0]), Today: usageOf(&t.Usages[1]), Accuracy: accuracyOf(&t.Accuracy),
		})
	}
	out.MoreTargets = len(r.Targets) - len(out.Targets)
	return out
}

func usageOf(u *sim.Usage) api.BacktestUsage {
	return api.BacktestUsage{
		Invocations: u.Invocations, ColdStarts: u.ColdStarts, ColdSeconds: u.ColdSeconds, IdleGBs: u.IdleGBs(), USD: u.USD, Changes: u.Decisions,
	}
}

func accuracyOf(a *results.Accuracy) api.BacktestAccuracy {
	return api.BacktestAccuracy{
		StepsAhead: a.StepsAhead, Forecasts: a.Forecasts, Missing: a.Missing, Skill: a.Skill, Coverage80: a.Coverage,
	}
}
