package engine

import (
	"context"
	"fmt"
	"time"

	"pilotlight/models"
	"pilotlight/policy"
)

// share makes the second pass over the decisions of a Step: what targets have in common is shared between them, and then they are
// settled. Nothing has been recorded or sent before, so that whatever fails in here leaves no limit half kept.
func (e *Engine) share(ctx context.Context, plans []plan, now time.Time, failed map[string]error) {
	var waiting []int
	var cases []policy.Case
	for i := range plans {
		if d := plans[i].wanted; d != nil {
			u := plans[i].unit
			waiting = append(waiting, i)
			cases = append(cases, policy.Case{Policy: u.policy, Facts: &u.facts, Memory: u.memory, Decision: d})
		}
	}
	e.balance.Store(nil)
	if len(waiting) == 0 {
		return
	}
	broken := e.allocate(ctx, now, cases)
	e.each(len(waiting), func(i int) {
		p := &plans[waiting[i]]
		u, d := p.unit, *p.wanted
		u.own.Lock()
		defer u.own.Unlock()
		if broken != nil {
			d = e.hold(u, now, *broken)
			u.fallen.due = false
		}
		u.reach(&d)
		*p = e.settle(u, d, now)
		e.show(u, now, failed[u.source])
	})
}

// allocate asks the policy. If it fails inside, it returns the reason to hold everything.
func (e *Engine) allocate(ctx context.Context, now time.Time, cases []policy.Case) (broken *models.Reason) {
	defer func() {
		if r := recover(); r != nil {
			e.log.ErrorContext(ctx, "sharing of limits failed inside; capacity is held", "targets", len(cases), "panic", fmt.Sprint(r))
			reason := models.Because(models.ReasonPanic)
			reason.Detail = fmt.Sprint(r)
			broken = &reason
		}
	}()
	e.balance.Store(e.parts.Allocator.Allocate(now, cases))
	return nil
}

// draw takes what a write needs of the limits that targets share, or returns why there is no room for it any more: others may have got
// more while it waited.
func (e *Engine) draw(w *write) *held {
	n, ok := w.action.To.Warm()
	if !ok || w.restores {
		return nil
	}
	if why := e.balance.Load().Draw(w.unit.id, n); why != nil {
		return &held{*why, models.ErrHeld}
	}
	return nil
}

// noteShare tells the shared limits what floor a target was seen to have.
func (e *Engine) noteShare(u *unit) {
	if n, ok := u.observation.Capacity.Warm(); ok && u.observed {
		e.balance.Load().Note(u.id, n)
	}
}
