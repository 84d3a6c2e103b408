package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pilotlight/models"
)

// lookShare is the part of an interval that reading the platforms may take before the decisions of a Step: with a platform
// that allows few calls, most of the interval must be left for writes.
const lookShare = 2

// notReadYet says that a target's turn to be read has not come since the start.
const notReadYet = "it has not been read yet: its turn within the calls that the platform allows has not come"

// look reads the platforms ahead of the decisions, if many calls may be under way at a time: first the targets that were never seen,
// then those not seen for the longest. What is not read in time keeps what was seen before, and is among the first next time.
func (e *Engine) look(ctx context.Context, now time.Time) {
	set := e.settings()
	if set.Calls == 0 {
		return
	}
	var waiting []*unit
	for _, u := range e.units {
		u.own.Lock()
		if e.due(u, now) && e.dueByLot(u, now) {
			waiting = append(waiting, u)
		}
		u.asked = now
		u.own.Unlock()
	}
	if len(waiting) == 0 {
		return
	}
	slices.SortStableFunc(waiting, func(a, b *unit) int { return a.observedAt.Compare(b.observedAt) })
	ctx, done := context.WithTimeout(ctx, set.Interval/lookShare)
	defer done()
	e.perPlatform(len(waiting), set.Calls, func(i int) string { return waiting[i].target.Actuator }, func(i int) {
		u := waiting[i]
		u.own.Lock()
		defer u.own.Unlock()
		u.asked = time.Time{}
		e.observe(ctx, u, now)
		u.asked = now
		if !u.observed && ctx.Err() != nil {
			u.observeErr = fmt.Errorf("%s: %w", notReadYet, models.ErrNoData)
		}
	})
}

// dueByLot lets each target come due at a moment of its own in the last fifth of the time that an observation is trusted, so that
// targets which were read together are not read together for ever.
func (e *Engine) dueByLot(u *unit, now time.Time) bool {
	every := e.observeEvery(u)
	if !u.observed || u.observedAt.IsZero() || every == 0 || u.observation.Pending || u.rise.open() {
		return true
	}
	const spread = 0.2
	return now.Sub(u.observedAt) >= time.Duration(float64(every)*(1+spread*fraction(u.id, 1)))
}

// lookAgain looks at the platform before a write if the last look is from before the write was decided. If it shows something
// else, the write is held back and decided anew.
func (e *Engine) lookAgain(ctx context.Context, w *write) *held {
	u := w.unit
	if u.observed && !u.observedAt.Before(w.looked) {
		return nil
	}
	u.observedAt, u.asked = time.Time{}, time.Time{}
	e.observe(ctx, u, w.looked)
	why := models.Because(models.ReasonChanged)
	switch from := w.action.From; {
	case from.Levers() == 0:
		return nil // it was decided on without knowing
	case !u.observed:
		why = models.Because(models.ReasonCurrentUnknown)
		if u.observeErr != nil {
			why.Detail = u.observeErr.Error()
		}
	case u.observation.Pending:
		why = models.Because(models.ReasonPending)
	case u.observation.Capacity != from:
		why.Detail = "it was " + from.String() + " and is " + u.observation.Capacity.String()
	default:
		return nil
	}
	return &held{why, models.ErrHeld}
}
