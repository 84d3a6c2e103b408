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
}
