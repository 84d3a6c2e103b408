// Package collectors declares the contract of what reads samples of targets. Each collector lives in a package below this
// one; it turns the samples of one source into regular series and knows nothing of forecasts or decisions.
package collectors

import (
	"context"
	"time"

	"pilotlight/models"
)

// Request asks for all steps that start at or after Start and end at or before End. Start and End are multiples of Step.
type Request struct {
	Start, End time.Time
	Step       time.Duration
	// Signals are what to read; a collector leaves out what it has no source for.
	Signals []models.Signal
}

// TargetData is what a collector found about one target.
type TargetData struct {
	ID     models.TargetID
	Labels map[string]string
	// Series are indexed by models.Signal; the zero Series means that there is nothing of that signal.
	Series [models.NumSignals]models.Series
	// Meta is what the source itself knows about the target.
	Meta Meta
}

// Meta is what a source may know about a target beyond samples; zero values are unknown.
type Meta struct {
	Group     string
	MemoryMB  float64
	ColdStart time.Duration
	// DurationP50 and DurationP99 describe the distribution of the duration of an invocation.
	DurationP50, DurationP99 time.Duration
}

// Problem is something that went wrong without making the rest of the answer unusable.
type Problem struct {
	// Signal is what it is about. Target may be empty: then it is about all targets.
	Signal models.Signal
	Target models.TargetID
	Err    error
}

// Result is the answer of a collector.
type Result struct {
	// Targets are sorted by ID, each ID once.
	Targets []TargetData
	// Problems are failures of single signals or targets, Warnings what the source said besides.
	Problems []Problem
	Warnings []string
}

// Collector reads samples from one source.
type Collector interface {
	// Collect reads the series of all targets of the source. Series never reach outside the request. It returns an error
	// if nothing usable could be read, wrapping models.ErrNoData if the source answered but is empty; a signal that fails
	// while others succeed becomes a Problem instead. Collect stops early when ctx ends. It must be safe for concurrent use.
	Collect(ctx context.Context, req Request) (Result, error)
}
