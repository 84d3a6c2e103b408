package engine

import (
	"time"

	"pilotlight/models"
)

// rise is an increase of the floor that the platform has not shown ready yet.
type rise struct {
	issued time.Time
	to     int
}

// maxRise is for how long a rise is waited for.
const maxRise = time.Hour

// open reports whether a rise is waited for.
func (r rise) open() bool { return r.to > 0 }

// noteRise begins to measure how long the platform takes for an applied action. A platform that shows everything ready at once
// has nothing to measure, nor has one that does not show what is ready.
func (u *unit) noteRise(a *models.Action, seen bool) {
	to, set := a.To.Warm()
	if !set {
		return
	}
	u.rise = rise{}
	if from, known := a.From.Warm(); known && to > from && seen && u.observation.Ready >= 0 && u.observation.Ready < to {
		u.rise = rise{issued: a.Issued, to: to}
	}
}

// measureLead tells the memory how long a rise took when a look at the platform shows it ready.
func (u *unit) measureLead(now time.Time) {
	if !u.rise.open() {
		return
	}
	took := now.Sub(u.rise.issued)
	floor, set := u.observation.Capacity.Warm()
	switch {
	case set && floor < u.rise.to, took > maxRise:
		u.rise = rise{}
	case u.observation.Ready >= u.rise.to:
		u.memory.NoteLead(took)
		u.rise = rise{}
	}
}
