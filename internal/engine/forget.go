package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pilotlight/models"
)

// rehome forgets what was set if the target is something else on its platform than what was changed, such as another alias: the marks
// say nothing about that. What was changed before stays as it is, and the record tells how it was.
func (u *unit) rehome(now time.Time) {
	m := &u.marks
	if !m.Touched() || m.Actuator == "" && m.Ref == "" || m.Actuator == u.target.Actuator && m.Ref == u.target.Ref {
		return
	}
	before := *m
	if a := u.open; a != nil {
		u.closed = append(u.closed, models.NewOutcomeEvent(models.Outcome{
			Action: a.ID, Decision: a.Decision, Target: u.id, At: now, Status: models.OutcomeUnknown, Marks: before,
			Error: "the outcome was not seen, and the target is something else now",
		}))
	}
	u.marks, u.foreign, u.lost, u.open, u.fallen = m.Released(), foreign{}, nil, nil, fallen{}
	u.observed, u.observation = false, models.Observation{Ready: -1}
	text := fmt.Sprintf("it was %q of actuator %q, which has %s and had %s before Pilotlight, and is %q of actuator %q now",
		before.Ref, before.Actuator, before.Set, before.Original, u.target.Ref, u.target.Actuator)
	u.notice(now, models.ReasonMoved, text, time.Time{}, before)
}

// forgetVanished lets go of targets that no collector has reported for long although it works, along with what was learned about
// them. Their capacity stays as it is, and the journal keeps what a restore needs.
func (e *Engine) forgetVanished(ctx context.Context, now time.Time) {
	after := e.parts.Settings.ForgetAfter
	if after <= 0 {
		return
	}
	var gone []*unit
	for _, u := range e.units {
		if u.vanished(now, after, e.started) && e.works(u.source) {
			gone = append(gone, u)
		}
	}
	if len(gone) == 0 {
		return
	}
	for _, u := range gone {
		u.own.Lock()
		e.forget(ctx, u, now)
		u.own.Unlock()
	}
	e.recordNow(ctx, gone...)
	for _, u := range gone {
		if u.marks.Touched() || u.open != nil || len(u.closed) > 0 {
			e.restored[u.id] = &remembered{marks: u.marks, action: u.open, closed: u.closed, foreign: u.foreign}
		}
	}
	e.units = slices.DeleteFunc(e.units, func(u *unit) bool { return e.byID[u.id] != u })
	for _, s := range e.sources {
		s.waiting = slices.DeleteFunc(s.waiting, func(u *unit) bool { return e.byID[u.id] != u })
	}
}

// vanished reports whether the newest sample is older than that; without any, the start of the engine counts.
func (u *unit) vanished(now time.Time, after time.Duration, started time.Time) bool {
	u.own.Lock()
	defer u.own.Unlock()
	newest := started
	if u.lastSample.After(newest) {
		newest = u.lastSample
	}
	return now.Sub(newest) > after
}

// works reports whether the source of that name could be read at this Step.
func (e *Engine) works(source string) bool {
	for _, s := range e.sources {
		if s.Name == source {
			return s.err == nil
		}
	}
	return false
}

// forget lets go of one unit.
func (e *Engine) forget(ctx context.Context, u *unit, now time.Time) {
	text := "no collector has reported it since " + u.lastSample.Format(time.RFC3339)
	if u.lastSample.IsZero() {
		text = "no collector has reported it since the start"
	}
	if u.marks.Touched() {
		text += "; its capacity stays as it was set, " + u.marks.Set.String() + ": restore gives back what was there before, " + u.marks.Original.String()
	}
	u.notice(now, models.ReasonForgotten, text, time.Time{}, u.marks)
	e.log.InfoContext(ctx, "target forgotten", "target", string(u.id), "why", text)
	delete(e.byID, u.id)
	if e.parts.Settings.CheckpointEvery <= 0 {
		return
	}
	if err := e.deps.State.SaveState(ctx, "target/"+string(u.id), nil); err != nil {
		e.log.WarnContext(ctx, "saved state of a forgotten target could not be removed", "target", string(u.id), "err", err)
	}
}
