package models

import "time"

// DataState says how fresh the samples of a target are.
type DataState string

// The states of a target's data.
const (
	DataFresh   DataState = "fresh"
	DataStale   DataState = "stale"
	DataMissing DataState = "missing"
)

// TargetStatus is the latest that is known about a target.
type TargetStatus struct {
	Target Target
	// Data says how fresh the samples are; LastSample is the end of the newest step with a value, zero if there is none.
	Data       DataState
	LastSample time.Time
	// Invocations, Duration and Concurrency are the latest values of these signals; NaN is unknown.
	Invocations float64
	Duration    float64
	Concurrency float64
	// Observation is the state on the platform; Observed says whether it could be read.
	Observation Observation
	Observed    bool
	// Latest is the latest recommendation; nil before the first decision.
	Latest *Recommendation
	// Sizing is what right-sizing makes of its memory; nil if the use of memory is not measured.
	Sizing *SizeAdvice
	// Problems are what stands in the way, in words that say what to do.
	Problems []string
}

// RefusedTarget is something that a collector has found and that cannot be used.
type RefusedTarget struct {
	// ID is what the collector calls it. Untrusted text.
	ID        TargetID
	Collector string
	// Why says what to change.
	Why string
}

// PauseState says whether writes are paused, since when and by whom.
type PauseState struct {
	Paused bool
	Since  time.Time
	By     string
	Note   string
}
