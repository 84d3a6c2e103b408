package api

import (
	"time"

	"pilotlight/models"
)

// HintSelector is the wire form of models.HintSelector.
type HintSelector struct {
	Targets []string          `json:"targets,omitempty" doc:"Globs of target ids, one of which has to match: * stands for any characters, ? for one."`
	Groups  []string          `json:"groups,omitempty" doc:"Groups, one of which the target has to have."`
	Labels  map[string]string `json:"labels,omitempty" doc:"Labels that the target has to have, each with a glob of its value."`
}

// Hint is the wire form of models.Hint.
type Hint struct {
	ID         string       `json:"id"`
	Selector   HintSelector `json:"selector" doc:"The targets that the event concerns; an empty one is all targets."`
	Start      time.Time    `json:"start"`
	End        time.Time    `json:"end"`
	Recurrence string       `json:"recurrence,omitempty" doc:"Recurrence rule of RFC 5545 for the events after the first, such as FREQ=WEEKLY;BYDAY=FR."`
	TimeZone   string       `json:"time_zone,omitempty" doc:"IANA name of the time zone on whose clocks the recurrence is read; UTC if empty."`
	Except     []time.Time  `json:"except,omitempty" doc:"Starts of events of the recurrence that do not take place."`
	Multiplier float64      `json:"multiplier,omitempty" doc:"How many times the usual load there will be."`
	Floor      int          `json:"floor,omitempty" doc:"Warm instances that there are to be at least, within the limits of each target."`
	Reason     string       `json:"reason,omitempty"`
	Author     string       `json:"author,omitempty"`
	Source     string       `json:"source" enum:"config,api,calendar,advisor"`
	Advisor    string       `json:"advisor,omitempty" doc:"The advisor that gave the hint."`
	Confidence float64      `json:"confidence,omitempty" doc:"How sure the advisor is, 0 to 1."`
	Created    time.Time    `json:"created"`
}

// HintRecord is the wire form of models.HintRecord.
type HintRecord struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	Change string    `json:"change" enum:"added,removed,ended"`
	Hint   Hint      `json:"hint"`
}

// AdviceRecord is the wire form of models.AdviceRecord.
type AdviceRecord struct {
	At        time.Time `json:"at"`
	Advisor   string    `json:"advisor"`
	Model     string    `json:"model,omitempty"`
	Purpose   string    `json:"purpose" doc:"What the model was asked for."`
	Prompt    string    `json:"prompt" doc:"What left the process."`
	Reply     string    `json:"reply,omitempty"`
	Attempts  int       `json:"attempts" doc:"Requests sent; 0 if the answer was known or none was allowed."`
	TokensIn  int       `json:"tokens_in"`
	TokensOut int       `json:"tokens_out"`
	USD       float64   `json:"usd"`
	Seconds   float64   `json:"seconds"`
	Error     string    `json:"error,omitempty"`
	Kept      []Hint    `json:"kept,omitempty"`
	Dropped   []string  `json:"dropped,omitempty" doc:"Why parts of the answer were not taken."`

	Patterns []PatternTrial `json:"patterns,omitempty" doc:"What the back-test said of proposals for forecasters."`
}

func toHint(h *models.Hint) Hint {
	out := Hint{
		ID: h.ID, Selector: HintSelector{Targets: h.Selector.Targets, Groups: h.Selector.Groups, Labels: h.Selector.Labels},
		Start: h.Start.UTC(), End: h.End.UTC(), Recurrence: h.Recurrence, TimeZone: h.TimeZone,
		Multiplier: h.Multiplier, Floor: h.Floor, Reason: h.Reason, Author: h.Author, Source: string(h.Source),
		Advisor: h.Advisor, Confidence: h.Confidence, Created: h.Created.UTC(),
	}
	for _, t := range h.Except {
		out.Except = append(out.Except, t.UTC())
	}
	return out
}

func toAdviceRecord(a *models.AdviceRecord) AdviceRecord {
	out := AdviceRecord{
		At: a.At.UTC(), Advisor: a.Advisor, Model: a.Model, Purpose: a.Purpose, Prompt: a.Prompt, Reply: a.Reply, Attempts: a.Attempts,
		TokensIn: a.TokensIn, TokensOut: a.TokensOut, USD: a.USD, Seconds: a.Seconds, Error: a.Error, Dropped: a.Dropped,
	}
	for i := range a.Kept {
		out.Kept = append(out.Kept, toHint(&a.Kept[i]))
	}
	for i := range a.Patterns {
		out.Patterns = append(out.Patterns, toPatternTrial(&a.Patterns[i]))
	}
	return out
}
