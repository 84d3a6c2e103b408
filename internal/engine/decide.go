package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
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
	// write is the intent to carry out, nil for none.
	write *write
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
		e.show(u, now, sourceErr)
	}()
	if sourceErr == nil {
		u.skip(end)
	}
	u.forecast = nil
	e.observe(ctx, u, now)
	d := e.decide(u, now, sourceErr)
	if e.parts.Allocator.Concerns(u.policy) {
		wanted := d // a copy, so that only a decision that waits takes memory
		p.wanted = &wanted
		return p
	}
	return e.settle(u, d, now)
}

// decide asks the policy.
func (e *Engine) decide(u *unit, now time.Time, sourceErr error) models.Decision {
	set := &e.parts.Settings
	if set.Alone && u.sheet == nil {
		u.sheet, u.notes = &predictor.Sheet{}, &policy.Notes{}
	}
	u.facts = policy.Facts{
		Now: now, Target: &u.target, Mode: set.Mode, ConfigHash: set.ConfigHash,
		DurationP50: u.meta.DurationP50, DurationP99: u.meta.DurationP99,
		Current: u.observation.Capacity, CurrentKnown: u.observed, Pending: u.observation.Pending,
		Levers: u.actuator.Levers(), InstanceRate: actuators.InstanceRate(u.actuator),
		Data:      u.state(now, sourceErr == nil, set.StaleAfter),
		Marks:     u.marks,
		Warming:   u.known < warmupBins || now.Sub(e.started) < set.RestartHold,
		OutOfBand: now.Before(u.foreign.until),
		Paused:    e.pause.Load().Paused,
		Unnamed:   true, // settle names what needs a name
		Unpriced:  set.Unpriced,
		Notes:     u.notes,
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
			if u.unseen.failures > 0 {
				d.Reasons[i].Detail += "; asked again from " + u.unseen.until.Format(time.RFC3339) + " on"
			}
		case models.ReasonOutOfBand:
			d.Reasons[i].Detail = u.foreign.text
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
	if !e.due(u, now) || u.asked.Equal(now) {
		return
	}
	o, err := u.actuator.Observe(ctx, u.target)
	if err != nil && u.observed && actuators.NoTurn(err) {
		return // what was seen before is good enough to decide on: a write looks again
	}
	u.observeErr = err
	if err != nil {
		u.observed, u.observation = false, models.Observation{Ready: -1}
		if ctx.Err() == nil && lasts(actuators.KindOf(err)) {
			u.unseen.refused(u.id, now, err.Error())
		}
		return
	}
	u.unseen = backoff{}
	if o.Assumed {
		o.Capacity = o.Capacity.Merge(u.marks.Set)
	}
	u.observed, u.observation, u.observedAt = true, o, now
	u.measureLead(now)
	e.reconcile(u, now)
	e.noticeForeign(ctx, u, now)
}

// due reports whether the platform is to be asked again.
func (e *Engine) due(u *unit, now time.Time) bool {
	if u.unseen.waits(now) {
		return false // it is still unknown, for the reason that observeErr tells
	}
	return !u.observed || u.observedAt.IsZero() || u.observation.Pending || u.rise.open() ||
		now.Sub(u.observedAt) >= e.settings().ObserveEvery
}

// settle turns a decision into the recommendation and, if the mode lets it, into an intent.
func (e *Engine) settle(u *unit, d models.Decision, now time.Time) plan {
	e.early(u, &d, now)
	v := verdictOf(&d)
	same := u.recorded.set && u.recorded.desired == v.desired && u.recorded.current == v.current
	// The same advice keeps its name, so that an operator can answer it; the journal takes each name once.
	known := v == u.recorded || same && d.Changes()
	switch {
	case known:
		d.ID = u.recordedID
	case d.ID == "":
		d.ID = models.NewID("decision", d.Target, d.At, d.ConfigHash)
	}
	rec := e.recommendation(u)
	*rec = models.Recommendation{Decision: d, Status: models.StatusNone}
	p := plan{unit: u}
	if !known {
		p.record = e.lasting(&rec.Decision)
	}
	if d.Changes() {
		rec.Status = e.statusOf(u, &d, same)
		if same && rec.Status == models.StatusRejected {
			rec.By, rec.Note = u.latest.By, u.latest.Note
		}
		if e.mayAct(d.Mode, rec.Status) {
			p.write = e.intend(u, &d, now)
			p.write.action.Expires = e.beforeNextStep(now, p.write.action.Expires)
		}
	}
	u.latest = rec
	return p
}

// lasting gives a decision reasons of its own, for the journal may keep them.
func (e *Engine) lasting(d *models.Decision) *models.Decision {
	if !e.parts.Settings.Alone {
		return d
	}
	d.Reasons = slices.Clone(d.Reasons)
	for i := range d.Reasons {
		d.Reasons[i].Numbers = slices.Clone(d.Reasons[i].Numbers)
	}
	return d
}

// recommendation returns room for the next recommendation of a unit, which is not the latest one.
func (e *Engine) recommendation(u *unit) *models.Recommendation {
	if !e.parts.Settings.Alone {
		return &models.Recommendation{}
	}
	if u.recommendations == nil {
		u.recommendations = new([2]models.Recommendation)
	}
	u.turn = 1 - u.turn
	return &u.recommendations[u.turn]
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

// intend makes the write that carries a decision out.
func (e *Engine) intend(u *unit, d *models.Decision, now time.Time) *write {
	e.reconcile(u, now) // the platform could not be read: an older intent ends in doubt
	w := e.writeOf(u, d, now)
	w.action.ID, w.worth = models.NewID("action", u.id, now, d.ID), worthOf(u, d)
	return w
}

// writeOf is intend without an effect, and without what only a write needs that is sent.
func (e *Engine) writeOf(u *unit, d *models.Decision, now time.Time) *write {
	set := e.settings()
	return &write{
		unit: u, mode: d.Mode, decided: d.ConfigHash, config: set.ConfigHash, approved: u.approved != nil, looked: now,
		action: models.Action{
			Decision: d.ID, Target: u.id,
			From: d.Current, To: d.Desired, Actuator: u.target.Actuator, Ref: u.target.Ref, Issued: now, Expires: now.Add(set.ActionTTL),
		},
	}
}

// early turns a decision that would not pass the gate into one to hold, so that the reason shows and no intent is recorded.
func (e *Engine) early(u *unit, d *models.Decision, now time.Time) {
	if !d.Changes() || d.Mode == models.ModeDryRun {
		return
	}
	if h := e.obstacle(u, d, now); h != nil {
		d.Desired, d.Reasons = models.Capacity{}, append(d.Reasons, h.reason)
	}
}

// obstacle returns why a decision must not become an intent, or nil. It takes the lease of the target if the decision may.
func (e *Engine) obstacle(u *unit, d *models.Decision, now time.Time) *held {
	w := e.writeOf(u, d, now)
	if h := e.admitWrite(w, now, deciding); h != nil {
		return h
	}
	if e.deps.Lease == nil || d.Mode != models.ModeAuto && u.approved == nil {
		return nil
	}
	return e.takeLease(w)
}

// takeLease takes the lease of the target for as long as the write may take, or returns why it cannot.
func (e *Engine) takeLease(w *write) *held {
	if e.deps.Lease == nil {
		return nil
	}
	set := e.settings()
	if err := e.deps.Lease.Take(w.unit.id, w.action.Issued.Add(set.ActionTTL+set.Interval)); err != nil {
		r := models.Because(models.ReasonLease)
		r.Detail = err.Error()
		return &held{r, models.ErrHeld}
	}
	return nil
}

// beforeNextStep bounds the expiry of an action so that the Step ends before the next one is due: what waits for its turn until
// then is decided anew, with the newest samples, and does not hold the next Step up.
func (e *Engine) beforeNextStep(now, expires time.Time) time.Time {
	const slack = 15 // part of an interval, for the calls that are under way then
	interval := e.settings().Interval
	if next := now.Add(interval - interval/slack); next.Before(expires) {
		return next
	}
	return expires
}
