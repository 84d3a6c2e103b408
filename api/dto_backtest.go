package api

import "time"

// BacktestRequest says what to replay. Everything may be left out.
type BacktestRequest struct {
	_ struct{} `json:"-" additionalProperties:"false"`

	Trace          string     `json:"trace,omitempty" maxLength:"100" doc:"Name of a recorded trace, which only the demo has; left out, the history is that of the configured collectors."`
	From           *time.Time `json:"from,omitempty" example:"2026-01-05T00:00:00Z" doc:"Start of the history; 14 days before its end if left out, or all of a trace."`
	To             *time.Time `json:"to,omitempty" example:"2026-01-19T00:00:00Z" doc:"End of the history; now if left out."`
	Warmup         string     `json:"warmup,omitempty" maxLength:"20" example:"48h" doc:"First part of the history that is not counted; 48h of more than four days if left out."`
	Setting        string     `json:"setting,omitempty" enum:"customer,provider" doc:"Whose view: customer, for whom the platform keeps idle instances at no charge (the default), or provider, who pays for all warmth."`
	Current        string     `json:"current,omitempty" maxLength:"60" example:"fixed-10" doc:"What runs today, by the name of a baseline: on-demand, fixed-N, floor-N, hpa, kpa, aws-target-tracking, ..."`
	Lead           string     `json:"lead,omitempty" maxLength:"20" example:"60s" doc:"Time until a raised floor is ready, for all targets; as configured if left out."`
	ColdStartPrice *float64   `json:"cold_start_price,omitempty" minimum:"0" maximum:"1000000000" doc:"GB-seconds of idle memory that avoiding a second of cold start is worth; as configured if left out."`
	WhatIf         []string   `json:"what_if,omitempty" maxItems:"50" nullable:"false" example:"[\"policy.hysteresis=0.2\"]" doc:"Values of the configuration to try, as path=value, below policy, predictor, engine or targets."`
	Curve          []float64  `json:"curve,omitempty" maxItems:"8" nullable:"false" doc:"Prices of a cold start for the trade-off curve; none if left out."`
}

// Backtest is one that was asked for.
type Backtest struct {
	ID       string          `json:"id"`
	State    string          `json:"state" enum:"queued,running,done,failed,cancelled"`
	Progress float64         `json:"progress" doc:"From 0 to 1."`
	Created  time.Time       `json:"created"`
	Started  *time.Time      `json:"started,omitempty"`
	Finished *time.Time      `json:"finished,omitempty"`
	By       string          `json:"by,omitempty" doc:"The operator who asked."`
	Error    string          `json:"error,omitempty" doc:"Why it failed. Untrusted text."`
	Request  BacktestRequest `json:"request"`
	Result   *BacktestResult `json:"result,omitempty" doc:"Only of a single backtest that is done."`
}

// BacktestResult is what a backtest came to.
type BacktestResult struct {
	Source         string           `json:"source" doc:"Where the history is from."`
	Setting        string           `json:"setting"`
	From           time.Time        `json:"from" doc:"Counting begins here."`
	To             time.Time        `json:"to"`
	LeadSeconds    float64          `json:"lead_s" doc:"-1: it differs by target."`
	ColdStartPrice float64          `json:"cold_start_price"`
	ConfigHash     string           `json:"config_hash,omitempty"`
	Verdict        string           `json:"verdict" doc:"In a sentence."`
	Policies       []BacktestPolicy `json:"policies" nullable:"false" doc:"Pilotlight, what runs today, baselines, and oracles, which know the future."`
	Curve          []BacktestPoint  `json:"curve" nullable:"false" doc:"Pilotlight at several prices of a cold start."`
	CurveTargets   int              `json:"curve_targets" doc:"How many of the targets the curve is over."`
	Accuracy       BacktestAccuracy `json:"accuracy"`
	Reasons        []BacktestReason `json:"reasons" nullable:"false" doc:"Why decisions were made, the most frequent first."`
	Targets        []BacktestTarget `json:"targets" nullable:"false" doc:"Those with the most cold starts today, at most 1000."`
	MoreTargets    int              `json:"more_targets" doc:"How many are left out."`
	Warnings       []string         `json:"warnings" nullable:"false" doc:"What to know before believing the numbers. Untrusted text."`
}

// BacktestUsage is what was used and what it cost.
type BacktestUsage struct {
	Invocations int64   `json:"invocations"`
	ColdStarts  int64   `json:"cold_starts"`
	ColdSeconds float64 `json:"cold_seconds"`
	IdleGBs     float64 `json:"idle_gb_s" doc:"GB-seconds of memory without work, also where it is free."`
	USD         float64 `json:"usd"`
	Changes     int64   `json:"changes" doc:"Requests that changed the floor of warm instances."`
}

// BacktestPolicy is what would have happened under one policy.
type BacktestPolicy struct {
	BacktestUsage

	Name string  `json:"name"`
	Kind string  `json:"kind" enum:"pilotlight,today,baseline,oracle"`
	What string  `json:"what" doc:"What it does, in a few words."`
	J    float64 `json:"j" doc:"Idle memory that is paid for, plus the seconds of cold start at their price, relative to today."`
}

// BacktestPoint is Pilotlight at a price of a cold start.
type BacktestPoint struct {
	BacktestUsage

	ColdStartPrice float64 `json:"cold_start_price"`
	BestBaseline   string  `json:"best_baseline" doc:"The best other policy at that price."`
	Ratio          float64 `json:"ratio" doc:"J of Pilotlight to that of the best baseline; below 1 is better."`
}

// BacktestAccuracy says how good the forecasts were.
type BacktestAccuracy struct {
	StepsAhead int     `json:"steps_ahead"`
	Forecasts  int     `json:"forecasts"`
	Missing    int     `json:"missing" doc:"Minutes without a forecast, for lack of history."`
	Skill      float64 `json:"skill" doc:"1 is perfect, 0 no better than repeating the last minute."`
	Coverage80 float64 `json:"coverage_80" doc:"Share of minutes inside the band of 80 %."`
}

// BacktestReason is how many of the recorded decisions gave a reason.
type BacktestReason struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
	Count   int    `json:"count"`
}

// BacktestTarget is one target under Pilotlight and under what runs today.
type BacktestTarget struct {
	ID         string           `json:"id" doc:"Untrusted text."`
	Pilotlight BacktestUsage    `json:"pilotlight"`
	Today      BacktestUsage    `json:"today"`
	Accuracy   BacktestAccuracy `json:"accuracy"`
}
