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
		}
		*p = e.settle(u, e.confirm(ctx, u, d, now), now)
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
	e.parts.Allocator.Allocate(now, cases)
	return nil
}

// confirm gives a decision its form on the platform, and looks at that again if the decision has become a change and the last
// look is from an earlier Step. If it shows something else, the change waits for the next Step, which shares anew.
func (e *Engine) confirm(ctx context.Context, u *unit, d models.Decision, now time.Time) models.Decision {
	u.reach(&d)
	if !d.Changes() || !u.observedAt.Before(now) {
		return d
	}
	u.observedAt = time.Time{}
	e.observe(ctx, u, now)
	if u.observed && !u.observation.Pending && u.observation.Capacity == d.Current && !now.Before(u.outOfBandUntil) {
		return d
	}
	why := models.Because(models.ReasonCurrentUnknown)
	why.Detail = "the platform shows " + u.observation.Capacity.String() + " now; it is decided anew at the next step"
	return e.hold(u, now, append(d.Reasons, why)...)
}
