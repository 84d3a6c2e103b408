package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"pilotlight/models"
)

// PutBack gives targets back the capacity that they had before Pilotlight first changed it, through the gate and with the records of any
// other write, whatever the mode: it is an operator's order. First it pauses all other writes, which stays so afterwards, so that
// nothing is changed again at once. A target that is restored counts as untouched from then on. It can be repeated: what is done
// already is not done again. Another order to pause ends it. tell, unless nil, is told of each target as it is done.
//
// It returns an error if it could not begin; what could not be restored is in the results, which are sorted by target.
func (e *Engine) PutBack(ctx context.Context, order models.RestoreOrder, tell func(models.Restored)) ([]models.Restored, error) {
	e.step.Lock()
	defer e.step.Unlock()
	if !order.DryRun {
		if _, err := e.Pause(ctx, order.By, note(order)); err != nil {
			return nil, fmt.Errorf("restore: %w", err)
		}
		defer e.deps.Gate.restore()()
	}
	units, results := e.touched(order.Targets)
	calls := max(e.settings().Calls, 1)
	done := make([]models.Restored, len(units))
	e.perPlatform(len(units), calls, func(i int) string { return units[i].target.Actuator }, func(i int) {
		u := units[i]
		u.own.Lock()
		defer u.own.Unlock()
		done[i] = e.putBack(ctx, u, &order)
		u.refresh()
		if tell != nil {
			tell(done[i])
		}
	})
	if !order.DryRun {
		e.recordNow(ctx, units...)
		for _, u := range units {
			if e.byID[u.id] == nil {
				e.restored[u.id] = &remembered{marks: u.marks, action: u.open, closed: u.closed, foreign: u.foreign}
			}
		}
	}
	results = append(results, done...)
	slices.SortFunc(results, func(a, b models.Restored) int { return byID(a.Target, b.Target) })
	return results, nil
}

// note is what the pause of an order is recorded with.
func note(order models.RestoreOrder) string {
	if order.Note == "" {
		return "restore: targets get back the capacity they had before"
	}
	return "restore: " + order.Note
}

// touched returns the units of the targets that Pilotlight has changed, or may have, and that were asked for; all if none was. What
// else was asked for is in the results.
func (e *Engine) touched(only []models.TargetID) (units []*unit, results []models.Restored) {
	all := map[models.TargetID]*unit{}
	for id, r := range e.restored {
		if open := r.open(); r.marks.Touched() || open != nil {
			all[id] = e.memento(id, r, open)
		}
	}
	for _, u := range e.units {
		if u.marks.Touched() || u.open != nil {
			all[u.id] = u
		}
	}
	if len(only) == 0 {
		only = slices.Collect(maps.Keys(all))
	}
	only = slices.Clone(only)
	slices.SortFunc(only, byID)
	for _, id := range slices.Compact(only) {
		if u := all[id]; u != nil {
			units = append(units, u)
			continue
		}
		results = append(results, models.Restored{
			Target: id, Status: models.RestoreSame, Why: "Pilotlight has not changed it, or has restored it already",
		})
	}
	return units, results
}

// memento makes a unit of what the journal remembers of a target that no collector has reported.
func (e *Engine) memento(id models.TargetID, r *remembered, open *models.Action) *unit {
	u := &unit{id: id, marks: r.marks, open: open, closed: r.closed, foreign: r.foreign}
	u.target = models.Target{ID: id, Actuator: r.marks.Actuator, Ref: r.marks.Ref}
	if open != nil && u.target.Actuator == "" {
		u.target.Actuator, u.target.Ref = open.Actuator, open.Ref
	}
	u.actuator = e.parts.Actuators[u.target.Actuator]
	u.tell()
	return u
}

// putBack restores one target.
func (e *Engine) putBack(ctx context.Context, u *unit, order *models.RestoreOrder) models.Restored {
	out := models.Restored{Target: u.id, Actuator: u.target.Actuator, Ref: u.target.Ref, Original: u.marks.Original}
	if out.Why = unreachable(ctx, u); out.Why != "" {
		out.Status = models.RestoreFailed
		return out
	}
	now := e.deps.Clock().UTC()
	before := u.marks.Touched()
	u.observedAt, u.asked, u.unseen = time.Time{}, time.Time{}, backoff{}
	e.observe(ctx, u, now)
	out.Current, out.Original = u.observation.Capacity, u.marks.Original
	switch out.Status, out.Why = u.restorable(before, now); {
	case out.Status != models.RestoreDue:
		return out
	case u.observation.Capacity.Satisfies(u.marks.Original):
		return e.release(ctx, u, order, now, &out)
	case order.DryRun:
		return out
	}
	return e.carryBack(ctx, u, order, now, &out)
}

// unreachable returns why a target cannot even be looked at, or "".
func unreachable(ctx context.Context, u *unit) string {
	switch err := context.Cause(ctx); {
	case err != nil:
		return "it was not its turn yet: " + err.Error()
	case u.actuator == nil && u.target.Actuator == "":
		return "the journal does not say what it is on its platform, since an older version changed it: ask a running daemon, " +
			"with POST /api/v1/restore"
	case u.actuator == nil:
		return fmt.Sprintf("there is no actuator %q in the configuration any more: add it again", u.target.Actuator)
	}
	return ""
}

// restorable returns RestoreDue for a target that has just been looked at and can be restored, else what becomes of it, and why. before
// says that it counted as touched before the look.
func (u *unit) restorable(before bool, now time.Time) (status models.RestoreStatus, why string) {
	m := &u.marks
	switch {
	case !u.observed:
		return models.RestoreFailed, fmt.Sprintf("it could not be read: %v", u.observeErr)
	case u.observation.Pending:
		return models.RestoreFailed, "the platform is still carrying out an earlier change: try again later"
	case before && !m.Touched() && u.foreign.at.Equal(now):
		return models.RestoreLeft, "somebody else has changed it since: " + u.foreign.text
	case !m.Touched():
		return models.RestoreSame, ""
	case m.Original.Levers() == 0:
		return models.RestoreFailed, "what it had before is not known, since the platform did not show it: set it by hand"
	case !m.Original.Levers().Has(m.Set.Levers()):
		why = "only in part: of " + m.Set.String() + ", which was set, not all is known from before"
	}
	return models.RestoreDue, why
}

// release lets go of a target that has its capacity of before already.
func (e *Engine) release(ctx context.Context, u *unit, order *models.RestoreOrder, now time.Time, out *models.Restored) models.Restored {
	out.Status = models.RestoreSame
	if order.DryRun {
		return *out
	}
	before := u.marks
	u.marks = u.marks.Released()
	u.notice(now, models.ReasonRestored, "it has the capacity that it had before Pilotlight: "+before.Original.String(), time.Time{}, before)
	e.recordNow(ctx, u)
	return *out
}

// carryBack writes the capacity of before. Where the memory differs along with something else, that goes first, in a write of its own: a
// change of memory may keep the platform busy for minutes, and what was done of one write in part would look like somebody else's doing.
func (e *Engine) carryBack(ctx context.Context, u *unit, order *models.RestoreOrder, now time.Time, out *models.Restored) models.Restored {
	have, before := u.observation.Capacity, u.marks.Original
	rest := before.Only(^models.LeverMemory)
	if !have.Satisfies(rest) && !have.Satisfies(before.Only(models.LeverMemory)) {
		if e.writeBack(ctx, u, order, now, rest, out); out.Status != models.RestoreDone {
			return *out
		}
		if !u.observed || u.observation.Pending {
			out.Status = models.RestoreFailed
			out.Why = fmt.Sprintf("it has %s again; the memory follows when the platform has carried that out: restore again", rest)
			return *out
		}
	}
	e.writeBack(ctx, u, order, now, before, out)
	return *out
}

// writeBack writes a capacity of before, and puts what becomes of it into out.
func (e *Engine) writeBack(ctx context.Context, u *unit, order *models.RestoreOrder, now time.Time, to models.Capacity, out *models.Restored) {
	d := e.hold(u, now, models.Because(models.ReasonRestored))
	extra := order.By
	if to != u.marks.Original {
		extra += "\x00" + to.String() // another one follows
	}
	d.ID = models.NewID("restore", u.id, now, extra)
	d.Mode, d.Desired = models.ModeAuto, to
	w := e.intend(u, &d, now)
	w.restores, w.approved, w.action.Restores = true, true, true
	if h := e.takeLease(w); h != nil {
		out.Status, out.Why = models.RestoreFailed, h.Error()
		return
	}
	events := append(slices.Clone(u.closed), models.NewDecisionEvent(d), models.NewApprovalEvent(models.Approval{
		Decision: d.ID, Target: u.id, At: now, By: order.By, Approved: true, Note: note(*order),
	}), models.NewActionEvent(w.action))
	if err := e.insist(ctx, events...); err != nil {
		out.Status, out.Why = models.RestoreFailed, "nothing was done, since it could not be recorded: "+err.Error()
		return
	}
	u.closed = nil
	ended := e.send(ctx, w)
	out.Status = models.RestoreDone
	if ended.Status != models.OutcomeApplied {
		out.Status, out.Why = models.RestoreFailed, ended.Error
	}
}
