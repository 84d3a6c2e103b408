package engine

import (
	"context"
	"errors"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// carryOut records the decisions of a Step in one go, then records and sends the intents. If the decisions cannot be recorded, none is
// sent.
func (e *Engine) carryOut(ctx context.Context, plans []plan) {
	var events []models.Event
	var acting []*write
	for _, p := range plans {
		events = append(events, p.unit.closed...)
		if p.record != nil {
			events = append(events, models.NewDecisionEvent(*p.record))
		}
		if p.write != nil {
			acting = append(acting, p.write)
		}
	}
	if len(events) > 0 && e.append(ctx, events...) != nil {
		return
	}
	for _, p := range plans {
		if p.record != nil {
			p.unit.recorded, p.unit.recordedID = verdictOf(p.record), p.record.ID
			e.metrics.decided(p.record)
		}
		p.unit.closed = nil
	}
	e.sendAll(ctx, acting)
	units := make([]*unit, len(acting))
	for i, w := range acting {
		units[i] = w.unit
	}
	e.recordNow(ctx, units...)
}

// recordNow records in one go what could not be, or need not be, recorded before: above all how the writes ended that were not sent.
// What cannot be recorded now is kept for the next Step.
func (e *Engine) recordNow(ctx context.Context, units ...*unit) {
	var events []models.Event
	for _, u := range units {
		events = append(events, u.closed...)
	}
	if len(events) == 0 || e.insist(ctx, events...) != nil {
		return
	}
	for _, u := range units {
		u.closed = nil
	}
}

// withdraw keeps, for the next time the journal can be written, that an intent was not sent because the journal could not. Part
// of what failed may be in the journal; recording it again has no effect.
func (u *unit) withdraw(a *models.Action) {
	u.closed = append(u.closed, models.NewActionEvent(*a), models.NewOutcomeEvent(models.Outcome{
		Action: a.ID, Decision: a.Decision, Target: u.id, At: a.Issued, Status: models.OutcomeExpired,
		Error: "the journal could not be written, so the action was not sent", Marks: u.marks,
	}))
}

// recordTimeout bounds the writing of what must be recorded even though its caller has gone.
const recordTimeout = 10 * time.Second

// append writes to the journal and remembers whether that works.
func (e *Engine) append(ctx context.Context, events ...models.Event) error {
	err := e.deps.Journal.Append(ctx, events...)
	if err == nil {
		if e.journalErr.Swap(nil) != nil {
			e.log.InfoContext(ctx, "journal works again")
		}
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return err // the caller has gone, which says nothing about the journal
	}
	if e.journalErr.Swap(&err) == nil {
		e.log.ErrorContext(ctx, "journal cannot be written; nothing is changed on any platform until it can", "err", err)
	}
	e.metrics.journalFailed()
	return err
}

// insist is append for what must be recorded even if ctx has ended.
func (e *Engine) insist(ctx context.Context, events ...models.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return e.append(ctx, events...)
}

// send carries out an intent that is in the journal, reads back and records the outcome. What the gate holds back is not sent, and
// its outcome is recorded later, along with those of others. It returns the outcome as far as it is known.
func (e *Engine) send(ctx context.Context, w *write) models.Outcome {
	u, a := w.unit, &w.action
	out := models.Outcome{Action: a.ID, Decision: a.Decision, Target: u.id}
	h := e.admitWrite(w, e.deps.Clock(), sending)
	if h == nil {
		h = e.lookAgain(ctx, w)
	}
	if h == nil {
		h = e.draw(w)
	}
	if h != nil {
		e.finish(u, &out, h)
		u.closed = append(u.closed, models.NewOutcomeEvent(out))
		return out
	}
	if u.fallen.on {
		u.fallen.next = e.deps.Clock().UTC().Add(u.fallen.every)
	}
	err := u.actuator.Apply(e.lastLook(ctx, w), u.target, *a)
	now := e.finishing(u, &out, err)
	// What was held back before the first request needs no reading back, which would cost a request too.
	seen := (out.Held == "" || w.passed.Load()) && e.readBack(ctx, w, &out)
	if !seen && out.Status == models.OutcomeFailed && (ctx.Err() != nil || mayHaveHappened(out.Kind)) {
		// The next look at the platform tells, in this process or in the next.
		u.open = a
		return out
	}
	u.learn(a, &out, now, seen)
	out.Marks = u.marks
	e.conclude(u, &out)
	if done := models.NewOutcomeEvent(out); e.insist(ctx, done) != nil {
		u.closed = append(u.closed, done)
	}
	return out
}

// learn keeps of an outcome what later decisions and writes need.
func (u *unit) learn(a *models.Action, out *models.Outcome, now time.Time, seen bool) {
	switch {
	case out.Status == models.OutcomeApplied:
		u.marks, u.lost, u.refused = marked(u.marks, a, now), nil, backoff{}
		if seen && !a.Restores {
			u.marks.Holder = u.observation.Holder
		}
		u.noteRise(a, seen)
	case out.Status == models.OutcomeFailed && (lasts(out.Kind) || u.inVain(out)):
		u.refused.refused(u.id, now, out.Error)
		if !lasts(out.Kind) {
			u.lost = a
		}
	case out.Status == models.OutcomeFailed:
		u.lost = a
	}
}

// inVain reports whether the platform was in conflict with the write for the second time in a row, such as one that
// keeps bounds of its own.
func (u *unit) inVain(out *models.Outcome) bool {
	return out.Kind == models.KindConflict && u.lost != nil
}

// finishing fills in how an action ended that returned the error, as far as that is known without a look at the platform.
func (e *Engine) finishing(u *unit, out *models.Outcome, err error) time.Time {
	now := e.deps.Clock().UTC()
	out.At, out.Status, out.Marks = now, statusOfError(err), u.marks
	if err == nil {
		return now
	}
	out.Error = err.Error()
	var h *held
	switch {
	case out.Status == models.OutcomeFailed:
		out.Kind = actuators.KindOf(err)
	case errors.As(err, &h):
		out.Held = h.reason.Code
	default:
		out.Held = heldBy(out.Status)
	}
	return now
}

// heldBy returns the check of the gate that an outcome of that status comes from, if a decorator of the actuator has made it.
func heldBy(status models.OutcomeStatus) models.ReasonCode {
	switch status {
	case models.OutcomeDryRun:
		return models.ReasonDryRun
	case models.OutcomePaused:
		return models.ReasonPaused
	case models.OutcomeExpired:
		return models.ReasonExpired
	case models.OutcomeHeld:
		return models.ReasonUnavailable
	case models.OutcomeApplied, models.OutcomeFailed, models.OutcomeUnknown:
	}
	return ""
}

// finish ends an action that was not sent.
func (e *Engine) finish(u *unit, out *models.Outcome, h *held) {
	e.finishing(u, out, h)
	e.conclude(u, out)
}

// mayHaveHappened reports whether a write that failed so may have had its effect.
func mayHaveHappened(kind models.ErrorKind) bool {
	return kind == models.KindTimeout || kind == models.KindTransient
}

// statusOfError returns how an action ended that returned the error.
func statusOfError(err error) models.OutcomeStatus {
	_, platform := errors.AsType[*actuators.Error](err)
	switch {
	case err == nil:
		return models.OutcomeApplied
	case errors.Is(err, actuators.ErrUnavailable):
		return models.OutcomeHeld
	case platform:
		return models.OutcomeFailed // also if a further try was held back
	case errors.Is(err, models.ErrDryRun):
		return models.OutcomeDryRun
	case errors.Is(err, models.ErrPaused):
		return models.OutcomePaused
	case errors.Is(err, models.ErrExpired):
		return models.OutcomeExpired
	case errors.Is(err, models.ErrHeld):
		return models.OutcomeHeld
	}
	return models.OutcomeFailed
}

// readBack looks at the platform after an action. An accepted action that the platform does not show has failed; one that
// failed but shows was applied. It reports whether the platform could be read.
func (e *Engine) readBack(ctx context.Context, w *write, out *models.Outcome) bool {
	u, a := w.unit, &w.action
	o, err := u.actuator.Observe(ctx, u.target)
	if err != nil {
		// Accepted is what is known; the next Step looks again.
		u.observed, u.observeErr = false, err
		return false
	}
	if o.Assumed {
		// It confirms and refutes nothing: what was answered is all that is known.
		u.observed = false
		return false
	}
	u.observed, u.observation, u.observeErr, u.observedAt = true, o, nil, w.looked
	e.noteShare(u)
	out.Observed = o.Capacity
	shows := o.Capacity.Satisfies(a.To)
	switch {
	case out.Status == models.OutcomeApplied && !shows && !o.Pending:
		out.Status, out.Kind = models.OutcomeFailed, models.KindConflict
		out.Error = "accepted, but the platform shows " + o.Capacity.String()
		if o.Note != "" {
			out.Error += ": " + o.Note
		}
	case shows:
		// Whatever was answered, or held a further try back, it is there.
		out.Status, out.Kind, out.Error, out.Held = models.OutcomeApplied, "", "", ""
	}
	return true
}

// marked returns the marks after an applied action.
func marked(m models.Marks, a *models.Action, now time.Time) models.Marks {
	if a.Restores {
		return m.ReleasedOf(a.To.Levers())
	}
	if a.Actuator != "" || a.Ref != "" {
		m.Actuator, m.Ref = a.Actuator, a.Ref
	}
	// A lever that was set before is not as it was found: only those set for the first time are.
	m.Original = m.Original.Merge(a.From.Only(a.To.Levers() &^ m.Set.Levers() &^ m.Original.Levers()))
	if mb, ok := a.To.Memory(); ok {
		if before, known := a.From.Memory(); !known || before != mb {
			m.LastMemory = now.Unix()
		}
	}
	from, known := a.From.Warm()
	if set, ok := m.Set.Warm(); ok {
		from, known = set, true // what the platform took back by itself and is given again is no rise
	}
	m.Set = m.Set.Merge(a.To)
	if to, ok := a.To.Warm(); ok && known {
		if to > from {
			m.LastUp = now
		} else if to < from {
			m.LastDown = now
		}
	}
	return m
}

// conclude puts the outcome into the recommendation it belongs to.
func (e *Engine) conclude(u *unit, out *models.Outcome) {
	e.metrics.acted(out)
	if u.endWith(out) {
		u.approved = nil
		// The next decision is a new one, even if it says the same.
		u.recorded = verdict{}
	}
}

// endWith tells by the latest recommendation how its action ended, and reports whether it is the latest that the action belongs to.
func (u *unit) endWith(out *models.Outcome) bool {
	if u.latest == nil || u.latest.Decision.ID != out.Decision {
		return false
	}
	rec := *u.latest
	rec.Note = out.Error
	switch out.Status {
	case models.OutcomeApplied:
		rec.Status = models.StatusApplied
	case models.OutcomeFailed, models.OutcomeUnknown:
		rec.Status = models.StatusFailed
	case models.OutcomeExpired:
		rec.Status = models.StatusExpired
	case models.OutcomeDryRun, models.OutcomePaused, models.OutcomeHeld:
		rec.Status = models.StatusAdvised
	}
	u.latest = &rec
	return true
}

// reconcile ends an intent whose outcome was never seen, by what the platform shows. It is never sent again: the next decision
// is made afresh, and waits for its own approval.
func (e *Engine) reconcile(u *unit, now time.Time) {
	if u.open == nil {
		return
	}
	a := *u.open
	u.open = nil
	out := models.Outcome{
		Action: a.ID, Decision: a.Decision, Target: u.id, At: now, Observed: u.observation.Capacity,
		Status: models.OutcomeUnknown, Error: "the outcome was not seen, and the platform does not show it; it is decided anew",
	}
	if u.observation.Capacity.Satisfies(a.To) || u.observation.Pending {
		out.Status, out.Error = models.OutcomeApplied, ""
		u.marks = marked(u.marks, &a, a.Issued)
		u.marks.Holder = u.observation.Holder
	} else {
		u.lost = &a
	}
	out.Marks = u.marks
	e.conclude(u, &out)
	u.closed = append(u.closed, models.NewOutcomeEvent(out))
}
