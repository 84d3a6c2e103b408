package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// rehearsal is what a platform said about the latest advice of dry-run mode.
type rehearsal struct {
	// decision is the one that was rehearsed, "" for none.
	decision string
	reason   models.Reason
}

// rehearsable reports whether the platform is to be asked what it thinks of a decision: one of dry-run mode that would change
// something, which the platform was not asked about before.
func (e *Engine) rehearsable(u *unit, d *models.Decision) bool {
	return e.parts.Settings.Rehearse && d.Mode == models.ModeDryRun && d.Changes() && u.rehearsed.decision != d.ID &&
		!e.pause.Load().Paused && actuators.CanRehearse(u.actuator)
}

// recallRehearsal adds to a decision what the platform said about it at an earlier Step.
func (u *unit) recallRehearsal(d *models.Decision) {
	if u.rehearsed.decision == d.ID {
		d.Reasons = append(slices.Clip(d.Reasons), u.rehearsed.reason)
	}
}

// rehearse asks the platforms, in the order and with the bounds of writes, whether they would accept what dry-run mode advises. Each
// decision is rehearsed once; those whose turn does not come in time wait for the next Step.
func (e *Engine) rehearse(ctx context.Context, plans []plan, now time.Time) {
	waiting := make([]*write, len(plans))
	planOf := make(map[*unit]*plan, len(plans))
	for i := range plans {
		waiting[i], planOf[plans[i].unit] = plans[i].rehearse, &plans[i]
	}
	set := e.settings()
	left := e.beforeNextStep(now, now.Add(set.ActionTTL)).Sub(e.deps.Clock())
	if len(plans) == 0 || left <= 0 {
		return
	}
	ctx, done := context.WithTimeout(ctx, left)
	defer done()
	e.dispatch(waiting, func(w *write) {
		if ctx.Err() != nil || e.pause.Load().Paused {
			return
		}
		u := w.unit
		u.own.Lock()
		defer u.own.Unlock()
		err := actuators.Rehearse(ctx, u.actuator, u.target, w.action)
		if err != nil && (ctx.Err() != nil || actuators.NoTurn(err) || errors.Is(err, actuators.ErrUnavailable)) {
			return // the platform has said nothing
		}
		u.rehearsed = rehearsal{w.action.Decision, verdictOfPlatform(err)}
		rec := *u.latest // readers may have the old one
		u.recallRehearsal(&rec.Decision)
		u.latest = &rec
		if p := planOf[u]; p.record != nil {
			p.record = &rec.Decision
		}
		u.refresh()
	})
}

// verdictOfPlatform puts what a platform said into a reason.
func verdictOfPlatform(err error) models.Reason {
	if err == nil {
		return models.Because(models.ReasonRehearsed)
	}
	kind := actuators.KindOf(err)
	r := models.Because(models.ReasonRehearsalRefused)
	if !lasts(kind) && kind != models.KindConflict {
		r = models.Because(models.ReasonRehearsalFailed)
	}
	r.Detail = fmt.Sprintf("%s: %v", kind, err)
	return r
}

// splitRehearsed returns the plans that are settled, and those whose decision is to be rehearsed before it is recorded, so that the
// others do not wait for it.
func splitRehearsed(plans []plan) (settled, rehearsed []plan) {
	if !slices.ContainsFunc(plans, func(p plan) bool { return p.rehearse != nil }) {
		return plans, nil
	}
	for _, p := range plans {
		if p.rehearse != nil {
			rehearsed = append(rehearsed, p)
		} else {
			settled = append(settled, p)
		}
	}
	return settled, rehearsed
}
