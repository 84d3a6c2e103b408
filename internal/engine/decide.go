package engine

import (
	"context"
	"fmt"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
	"pilotlight/policy"
)

// verdict is what a decision comes to: two decisions with the same verdict differ in numbers only, and the journal keeps the
// first of them.
type verdict struct {
	desired models.Capacity
	current models.Capacity
	codes   uint64
	set     bool
}

// verdictOf returns the verdict of a decision.
func verdictOf(d *models.Decision) verdict {
	h := uint64(14695981039346656037) // FNV-1a, written out because the library's takes memory
	for i := range d.Reasons {
		code := d.Reasons[i].Code
		for k := range len(code) {
			h = (h ^ uint64(code[k])) * 1099511628211
		}
		h *= 1099511628211 // a zero byte ends a code
	}
	return verdict{desired: d.Desired, current: d.Current, codes: h, set: true}
}

// plan is what a Step will do about one unit.
type plan struct {
	unit *unit
	// record is the decision to record, nil if the journal has one with the same verdict.
	record *models.Decision
	// action is the intent to carry out, nil for none.
	action *models.Action
	// wanted is a decision that the shared limits may lower, nil if it is settled.
	wanted *models.Decision
}

// work brings one unit up to date and decides. It never panics: a failure inside holds the capacity.
func (e *Engine) work(ctx context.Context, u *unit, now, end time.Time, sourceErr error) (p plan) {
	e.forgetOld(u, end)
	u.own.Lock()
	defer u.own.Unlock()
	p.unit = u
	defer func() {
		if r := recover(); r != nil {
			e.log.ErrorContext(ctx, "decision failed inside; capacity is held", "target", string(u.id), "panic", fmt.Sprint(r))
			reason := models.Because(models.ReasonPanic)
			reason.Detail = fmt.Sprint(r)
			d := e.hold(u, now, reason)
			p = e.settle(u, d, now)
		}
		u.publish(e.parts.Settings.StaleAfter, now, sourceErr)
	}()
	if sourceErr == nil {
		u.skip(end)
	}
	u.forecast = nil
	e.observe(ctx, u, now)
	d := e.decide(u, now, sourceErr)
	if d.Changes() && u.observedAt.Before(now) {
		// The last look is from an earlier Step: look again before changing anything.
		u.observedAt = time.Time{}
		e.observe(ctx, u, now)
		d = e.decide(u, now, sourceErr)
	}
	if e.parts.Allocator.Concerns(u.policy) {
		p.wanted = &d
		return p
	}
	return e.settle(u, d, now)
}

// decide asks the policy.
func (e *Engine) decide(u *unit, now time.Time, sourceErr error) models.Decision {
	set := &e.parts.Settings
	u.facts = policy.Facts{
		Now: now, Target: &u.target, Mode: set.Mode, ConfigHash: set.ConfigHash,
		DurationP50: u.meta.DurationP50, DurationP99: u.meta.DurationP99,
		Current: u.observation.Capacity, CurrentKnown: u.observed, Pending: u.observation.Pending,
		Levers: u.actuator.Levers(), InstanceRate: actuators.InstanceRate(u.actuator),
		Data:      u.state(now, sourceErr == nil, set.StaleAfter),
		Marks:     u.marks,
		Warming:   u.known < warmupBins || now.Sub(e.started) < set.RestartHold,
		OutOfBand: now.Before(u.outOfBandUntil),
		Paused:    e.pause.Load().Paused,
	}
	u.predict(u.policy.Reads(&u.facts, u.memory))
	u.facts.Forecast, u.facts.NoForecast = u.forecast, u.noForecast
	if u.rival != "" {
		reason := models.Because(models.ReasonTargetInTwoPlaces)
		reason.Detail = fmt.Sprintf("collectors %q and %q", u.source, u.rival)
		u.rival = ""
		return e.hold(u, now, reason)
	}
	d := u.policy.Decide(&u.facts, u.memory)
	u.reach(&d)
	explain(&d, u, sourceErr)
	return d
}

// reach gives a decision the form that the platform will show.
func (u *unit) reach(d *models.Decision) {
	if got := actuators.Reach(u.actuator, d.Current, d.Desired); d.Desired.Levers() != 0 && got != d.Desired {
		reason := models.Because(models.ReasonPlatform)
		reason.Detail = fmt.Sprintf("asked for %s, it will show %s", d.Desired, got)
		d.Desired, d.Reasons = got, append(d.Reasons, reason)
	}
}

// explain adds to the reasons of a decision what only the engine knows.
func explain(d *models.Decision, u *unit, sourceErr error) {
	for i := range d.Reasons {
		switch d.Reasons[i].Code { //nolint:exhaustive // the other reasons need no more words
		case models.ReasonMissingHold, models.ReasonMissingFloor, models.ReasonMissingScaleUp:
			if sourceErr != nil {
				d.Reasons[i].Detail = failure(u.source, sourceErr)
			}
		case models.ReasonCurrentUnknown:
			if u.observeErr != nil {
				d.Reasons[i].Detail = u.observeErr.Error()
			}
		}
	}
}

// hold is a decision that changes nothing.
func (e *Engine) hold(u *unit, now time.Time, why ...models.Reason) models.Decision {
	return models.Decision{
		ID: models.NewID("decision", u.id, now, ""), Target: u.id, At: now, Mode: e.parts.Settings.Mode,
		Current: u.observation.Capacity, Reactive: -1, Predicted: -1, Reasons: why, ConfigHash: e.parts.Settings.ConfigHash,
	}
}

// observe reads the platform if the last look is too old, and notices what somebody else changed.
func (e *Engine) observe(ctx context.Context, u *unit, now time.Time) {
	set := &e.parts.Settings
	if u.observed && !u.observedAt.IsZero() && now.Sub(u.observedAt) < set.ObserveEvery && !u.observation.Pending && !u.rise.open() {
		return
	}
	o, err := u.actuator.Observe(ctx, u.target)
	u.observeErr = err
	if err != nil {
		u.observed, u.observation = false, models.Observation{Ready: -1}
		return
	}
	u.observed, u.observation, u.observedAt = true, o, now
	u.measureLead(now)
	e.reconcile(u, now)
	if u.marks.Set.Levers() == 0 || o.Pending || o.Capacity.Satisfies(u.marks.Set) {
		return
	}
	e.log.WarnContext(ctx, "somebody else changed the capacity; backing off", "target", string(u.id),
		"set", u.marks.Set.String(), "observed", o.Capacity.String(), "until", now.Add(set.OutOfBandBackoff))
	e.metrics.outOfBand()
	u.marks.Set = models.Capacity{}
	u.outOfBandUntil = now.Add(set.OutOfBandBackoff)
}

// settle turns a decision into the recommendation and, if the mode lets it, into an intent.
func (e *Engine) settle(u *unit, d models.Decision, now time.Time) plan {
	v := verdictOf(&d)
	same := u.recorded.set && u.recorded.desired == v.desired && u.recorded.current == v.current
	// The same advice keeps its name, so that an operator can answer it; the journal takes each name once.
	known := v == u.recorded || same && d.Changes()
	if known {
		d.ID = u.recordedID
	}
	rec := &models.Recommendation{Decision: d, Status: models.StatusNone}
	p := plan{unit: u}
	if !known {
		p.record = &rec.Decision
	}
	if d.Changes() {
		rec.Status = e.statusOf(u, &d, same)
		if same && rec.Status == models.StatusRejected {
			rec.By, rec.Note = u.latest.By, u.latest.Note
		}
		if e.mayAct(d.Mode, rec.Status) {
			a := e.intend(u, &d, now)
			p.action = &a
		}
	}
	u.latest = rec
	return p
}

// mayAct reports whether a recommendation of that status is carried out at once. While the journal cannot be written nothing
// is, because no intent would be durable.
func (e *Engine) mayAct(mode models.Mode, status models.RecommendationStatus) bool {
	switch {
	case e.pause.Load().Paused, e.journalErr.Load() != nil:
		return false
	case mode == models.ModeAuto:
		return true
	}
	return status == models.StatusApproved
}

// statusOf returns the status of a decision that would change something.
func (e *Engine) statusOf(u *unit, d *models.Decision, same bool) models.RecommendationStatus {
	switch d.Mode {
	case models.ModeApprove:
		if same && u.latest.Status == models.StatusRejected {
			return models.StatusRejected
		}
		if a := u.approved; a != nil && a.Decision == d.ID && d.At.Before(a.At.Add(e.parts.Settings.ActionTTL)) {
			return models.StatusApproved
		}
		return models.StatusPending
	case models.ModeAuto:
		return models.StatusPending
	case models.ModeDryRun:
		return models.StatusAdvised
	}
	return models.StatusAdvised
}

// intend makes the action that carries a decision out.
func (e *Engine) intend(u *unit, d *models.Decision, now time.Time) models.Action {
	e.reconcile(u, now) // the platform could not be read: an older intent ends in doubt
	return models.Action{
		ID: models.NewID("action", u.id, now, d.ID), Decision: d.ID, Target: u.id,
		From: d.Current, To: d.Desired, Issued: now, Expires: now.Add(e.parts.Settings.ActionTTL),
	}
}
