package advisor

import (
	"time"

	"pilotlight/models"
)

// Brief is what the advisor is told. All texts in it are data of others; they are redacted, masked and cut before they are sent.
type Brief struct {
	// Now is the time of the brief, Zone that in which days and hours are meant; nil is UTC.
	Now  time.Time
	Zone *time.Location
	// Step is how far apart the values are that are forecast; periods are counted in it.
	Step time.Duration
	// Subjects are the targets and groups that advice may be about, the most important first.
	Subjects []Subject
	// Hints are known events, those of calendars too. Those that are about no subject are left out.
	Hints []models.Hint
	// Notes are what happened of late: deployments, incidents, alerts.
	Notes []Note
	// Text is what the operator says.
	Text string
	// Members are the names of the forecasters that a pattern may propose.
	Members []string
}

// Subject is a summary of a target or of a group. Values that are not known are NaN.
type Subject struct {
	// Target is the id of a target; where it is empty the subject is the group.
	Target models.TargetID
	// Group is the group of the target, or the group itself.
	Group string
	// Labels are shown only where names are.
	Labels map[string]string
	// Unit is what the load counts, such as "requests per second".
	Unit string
	// HourOfWeek is the mean load by hour of the recent weeks, from Monday 00:00 in the zone of the brief on.
	HourOfWeek []float64
	// RecentHours is the mean load of the last hours, the newest last.
	RecentHours []float64
	// WeekTotals is how much there was in each of the last weeks, the newest last.
	WeekTotals []float64
	// ForecastMean and ForecastHigh are the forecast by hour from now on, and its quantile HighLevel.
	ForecastMean, ForecastHigh []float64
	HighLevel                  float64
	// RelativeError is the sum of the absolute errors of recent forecasts by that of the load, Bias that of the signed ones.
	RelativeError, Bias float64
	// Shifts are when the load left its level of late.
	Shifts []Shift
	// Warm is the present floor of warm instances, MaxWarm its limit; negative is unknown.
	Warm, MaxWarm int
}

// Shift is a change of level.
type Shift struct {
	At       time.Time
	From, To float64
}

// Note is something that happened.
type Note struct {
	At time.Time
	// Kind is what it was, such as deployment, incident or alert.
	Kind string
	// Target and Group say what it was about; both may be empty.
	Target models.TargetID
	Group  string
	Text   string
}

// PatternLabel says how a load behaves.
type PatternLabel string

// The labels of patterns.
const (
	PatternDaily    PatternLabel = "daily"
	PatternWeekly   PatternLabel = "weekly"
	PatternTimer    PatternLabel = "timer"
	PatternBursty   PatternLabel = "bursty"
	PatternSporadic PatternLabel = "sporadic"
	PatternSteady   PatternLabel = "steady"
	PatternTrend    PatternLabel = "trend"
)

// Pattern is a proposal to forecast a subject in another way. It is to be taken only if the back-test agrees.
type Pattern struct {
	// Target or Group is what it is about.
	Target models.TargetID `json:"target,omitempty"`
	Group  string          `json:"group,omitempty"`
	Label  PatternLabel    `json:"label"`
	// Member is a forecaster of those that the brief allowed, "" proposes none; Period is in steps, 0 proposes none.
	Member     string  `json:"member,omitempty"`
	Period     int     `json:"period,omitempty"`
	Confidence float64 `json:"confidence"`
	Reason     string  `json:"reason,omitempty"`
}

// Reply is what is left of an answer inside the bounds.
type Reply struct {
	// Hints are the multipliers and floors. Their source is the advisor; none is about anything but subjects of the brief.
	Hints []models.Hint
	// Patterns are proposals for the pool of forecasters.
	Patterns []Pattern
	// Clipped says what was brought inside the bounds, Dropped what was not taken, and why.
	Clipped, Dropped []string
}
