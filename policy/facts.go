package policy

import (
	"time"

	"pilotlight/models"
)

// Facts are everything that a decision depends on besides the memory of the target.
type Facts struct {
	// Now is when the decision is made. Samples of steps that end later must not have been observed.
	Now        time.Time
	Target     *models.Target
	Mode       models.Mode
	ConfigHash string
	// DurationP50 and DurationP99 are the spread of durations where the source knows it; 0 is unknown.
	DurationP50 time.Duration
	DurationP99 time.Duration
	// Current is the capacity the platform shows, if CurrentKnown; Pending says that it still carries out a change.
	Current      models.Capacity
	CurrentKnown bool
	Pending      bool
	// Levers are those that the platform has.
	Levers models.Lever
	// InstanceRate is how many invocations a second an instance of the floor starts at most, however short they are; 0 is no bound.
	InstanceRate float64
	// Data says how fresh the samples are.
	Data models.DataState
	// Forecast is of invocations, at least of the time that Policy.Reads; if it is nil, NoForecast may say why. DurationForecast is of mean durations, optional.
	Forecast         *models.Forecast
	NoForecast       *models.Reason
	DurationForecast *models.Forecast
	// Ahead is what was announced for the time that the decision is for; nil is nothing.
	Ahead *Ahead
	// Marks are past actions, for the cooldowns.
	Marks models.Marks
	// Warming says that the history does not suffice yet, so the floor must not fall.
	Warming bool
	// OutOfBand says that somebody else changed the capacity recently.
	OutOfBand bool
	// Paused says that an operator stopped all changes.
	Paused bool
	// Unnamed says that the decision needs no ID yet: most decisions of a loop are the same as the one before, whose ID they keep.
	Unnamed bool
	// Unpriced says that nobody reads the price of the decision.
	Unpriced bool
	// Notes, if not nil, is where the reasons of the decision lie, until the next decision with the same Notes.
	Notes *Notes
}

// Bin is what was measured in one step. NaN is unknown.
type Bin struct {
	Start time.Time
	Step  time.Duration
	// Invocations is the number that arrived in the step.
	Invocations float64
	// Duration is their mean duration in seconds.
	Duration float64
	// Concurrency is the mean number in flight.
	Concurrency float64
	// ColdStarts is the number that started cold.
	ColdStarts float64
	// QueueDepth is the number of events that wait.
	QueueDepth float64
}
