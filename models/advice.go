package models

import "time"

// AdviceKind is what an advice changes.
type AdviceKind string

// The kinds of advice. Each earns its own weight.
const (
	AdviceMultiplier AdviceKind = "multiplier"
	AdviceFloor      AdviceKind = "floor"
	AdvicePattern    AdviceKind = "pattern"
)

// AdviceRecord is one exchange with a model, as it left the process and came back, without secrets. It is recorded durably.
type AdviceRecord struct {
	At time.Time `json:"at"`
	// Advisor is its configured name, Model what the endpoint called itself.
	Advisor string `json:"advisor"`
	Model   string `json:"model,omitempty"`
	// Purpose is what was asked for: advice, hints out of a text, or an explanation.
	Purpose string `json:"purpose"`
	// Prompt and Reply are the texts, cut to a bound. Both are untrusted.
	Prompt string `json:"prompt"`
	Reply  string `json:"reply,omitempty"`
	// Attempts is how many requests were sent, 0 if the answer was known or none was allowed.
	Attempts int `json:"attempts"`
	// TokensIn and TokensOut are what the endpoint counted, or an estimate where it did not; USD is their price.
	TokensIn  int     `json:"tokens_in"`
	TokensOut int     `json:"tokens_out"`
	USD       float64 `json:"usd"`
	// Seconds is how long the exchange took.
	Seconds float64 `json:"seconds"`
	// Error says why there is no answer, "" if there is one.
	Error string `json:"error,omitempty"`
	// Kept are the hints that came of it, Dropped why parts of the answer were not taken.
	Kept    []Hint   `json:"kept,omitempty"`
	Dropped []string `json:"dropped,omitempty"`
	// Patterns are what the back-test said of proposals for forecasters.
	Patterns []PatternTrial `json:"patterns,omitempty"`
}

// HintScore is what came of one kind of hints of one source, scored at every step of their events on all targets: what would have been
// done with them in full, and what without them.
type HintScore struct {
	// Source is the name of the advisor, or the HintSource of hints that people gave.
	Source string     `json:"source"`
	Kind   AdviceKind `json:"kind"`
	// State is shadow, active or muted; Weight is how much advice of the source counts now, from 0 to 1, and Earned how much it would
	// if it were active. They do not concern hints that people gave, which count in full.
	State  string  `json:"state"`
	Weight float64 `json:"weight"`
	Earned float64 `json:"earned"`
	// Events and Steps are how many were scored; a step counts once for each target.
	Events int `json:"events"`
	Steps  int `json:"steps"`
	// CostWith and CostWithout are idle memory plus cold starts at their price, in GB-seconds.
	CostWith    float64 `json:"cost_with_gb_s"`
	CostWithout float64 `json:"cost_without_gb_s"`
	// ColdStarts and IdleGBs are what the costs are made of.
	ColdStartsWith    float64 `json:"cold_starts_with"`
	ColdStartsWithout float64 `json:"cold_starts_without"`
	IdleGBsWith       float64 `json:"idle_with_gb_s"`
	IdleGBsWithout    float64 `json:"idle_without_gb_s"`
	// LossWith and LossWithout are sums of the mean pinball loss of the rate over eight levels, in invocations a second.
	LossWith    float64 `json:"pinball_loss_with"`
	LossWithout float64 `json:"pinball_loss_without"`
	// BenefitUSD is what the advice would have saved in full, and EarnedUSD that times the weight that it had.
	BenefitUSD float64 `json:"benefit_usd"`
	EarnedUSD  float64 `json:"earned_usd"`
}
