package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// write is an action on its way through the gate.
type write struct {
	unit   *unit
	action models.Action
	// mode is that of its decision, decided the configuration that decided, and config the one in force.
	mode            models.Mode
	decided, config string
	// basis are the marks that were decided by.
	basis models.Marks
	// approved says that an operator has approved it, restores that it puts back what was there before Pilotlight.
	approved, restores bool
	// worth is what the write is worth against others that wait for the same platform.
	worth worth
	// passed says that a request may have been made.
	passed atomic.Bool
	// looked is since when what the platform shows counts as just seen.
	looked time.Time
}

// check is one of the checks that every write passes.
type check struct {
	// code is the reason that is given when it holds a write back.
	code models.ReasonCode
	// early says that a decision which would not pass does not become an intent; the others are asked right before the write only.
	early bool
	// outside says that it is not asked from within the call that writes, because it is about whether to make that call.
	outside bool
	// restoring says that a write which puts back what was there before Pilotlight must pass it too.
	restoring bool
	// holds reports whether the write is held back, and may say more about it.
	holds func(e *Engine, w *write, now time.Time) (held bool, detail string)
	// sentinel is the error that the outcome is told by.
	sentinel error
}

// checks returns all that a write passes, in order; docs/actuators.md lists them. The policy has kept the cooldowns, quotas, budgets
// and bounds before: here only a decision that it made under the configuration in force, and after the last change of the target,
// passes, and the bounds are looked at once more. What targets share is drawn after these checks; see draw. Each is asked when a decision is about to become an intent if early, and all of them again right before
// each request that writes.
func checks() []check {
	return []check{
		{models.ReasonDryRun, false, false, false, holdMode, models.ErrDryRun},
		{models.ReasonPaused, false, false, false, holdPaused, models.ErrPaused},
		{models.ReasonStopped, false, false, true, holdStopped, models.ErrPaused},
		{models.ReasonJournal, false, false, true, holdJournal, models.ErrHeld},
		{models.ReasonApproval, false, false, false, holdApproval, models.ErrHeld},
		{models.ReasonOutdated, true, false, false, holdOutdated, models.ErrHeld},
		{models.ReasonSuperseded, false, false, false, holdSuperseded, models.ErrHeld},
		{models.ReasonOutOfBand, true, false, false, holdForeign, models.ErrHeld},
		{models.ReasonGateBounds, true, false, false, holdBounds, models.ErrHeld},
		{models.ReasonLease, false, false, true, holdLease, models.ErrHeld},
		{models.ReasonBackOff, true, false, false, holdBackOff, models.ErrHeld},
		{models.ReasonUnavailable, true, true, true, holdUnavailable, models.ErrHeld},
		{models.ReasonExpired, false, false, true, holdExpired, models.ErrExpired},
	}
}

func holdMode(e *Engine, w *write, _ time.Time) (bool, string) {
	return w.mode != models.ModeAuto && w.mode != models.ModeApprove || e.settings().Mode == models.ModeDryRun, ""
}

func holdPaused(e *Engine, _ *write, _ time.Time) (bool, string) {
	return e.pause.Load().Paused || e.deps.Gate.paused.Load(), ""
}

func holdStopped(e *Engine, w *write, _ time.Time) (bool, string) {
	return w.restores && e.deps.Gate.stopped.Load(), ""
}

func holdJournal(e *Engine, _ *write, _ time.Time) (bool, string) {
	if err := e.journalErr.Load(); err != nil {
		return true, (*err).Error()
	}
	return false, ""
}

func holdApproval(_ *Engine, w *write, _ time.Time) (bool, string) {
	return w.mode == models.ModeApprove && !w.approved, ""
}

func holdOutdated(_ *Engine, w *write, _ time.Time) (bool, string) {
	return w.decided != w.config, ""
}

// holdSuperseded holds back what was decided before another change of the target: the cooldowns were reckoned without it.
func holdSuperseded(_ *Engine, w *write, _ time.Time) (bool, string) {
	before, now := &w.basis, &w.unit.marks
	if before.LastUp.Equal(now.LastUp) && before.LastDown.Equal(now.LastDown) {
		return false, ""
	}
	return true, "the last rise was at " + now.LastUp.UTC().Format(time.RFC3339) + ", the last fall at " + now.LastDown.UTC().Format(time.RFC3339)
}

func holdForeign(_ *Engine, w *write, now time.Time) (bool, string) {
	return now.Before(w.unit.foreign.until), w.unit.foreign.text
}

// holdBounds looks at the bounds once more: no defect of a policy may leave them. What the platform makes of a capacity within
// them passes, such as one instance that it always keeps.
func holdBounds(_ *Engine, w *write, _ time.Time) (bool, string) {
	to, limits := w.action.To, &w.unit.target.Limits
	inside := to
	if n, ok := to.Warm(); ok {
		inside = inside.WithWarm(min(max(n, limits.MinWarm), limits.MaxWarm))
	}
	if keep, ok := to.KeepAlive(); ok {
		inside = inside.WithKeepAlive(min(keep, limits.MaxKeepAlive))
	}
	if mb, ok := to.Memory(); ok {
		inside = inside.WithMemory(min(max(mb, int(limits.MinMemoryMB)), int(limits.MaxMemoryMB)))
	}
	if inside == to || actuators.Reach(w.unit.actuator, w.action.From, inside) == to {
		return false, ""
	}
	return true, fmt.Sprintf("%s was asked for, and the limits allow warm %d to %d, keep-alive up to %s, memory %d to %d MB",
		to, limits.MinWarm, limits.MaxWarm, limits.MaxKeepAlive, limits.MinMemoryMB, limits.MaxMemoryMB)
}

func holdLease(e *Engine, w *write, _ time.Time) (bool, string) {
	if e.deps.Lease == nil {
		return false, ""
	}
	if err := e.deps.Lease.Holds(w.unit.id); err != nil {
		return true, err.Error()
	}
	return false, ""
}

func holdBackOff(_ *Engine, w *write, now time.Time) (bool, string) {
	return w.unit.refused.waits(now), w.unit.refused.err
}

func holdUnavailable(_ *Engine, w *write, _ time.Time) (bool, string) {
	if err := actuators.Available(w.unit.actuator); err != nil {
		return true, err.Error()
	}
	return false, ""
}

func holdExpired(_ *Engine, w *write, now time.Time) (bool, string) {
	return !now.Before(w.action.Expires), "it was to be sent before " + w.action.Expires.UTC().Format(time.RFC3339)
}

// held is why the gate held a write back.
type held struct {
	reason   models.Reason
	sentinel error
}

// Error implements error.
func (h *held) Error() string { return h.reason.String() }

// Unwrap returns the sentinel error of the check.
func (h *held) Unwrap() error { return h.sentinel }

// stage is where on its way a write is.
type stage int

// The stages: a decision is about to become an intent, an intent is about to be sent, a request is about to be made.
const (
	deciding stage = iota
	sending
	requesting
)

// admitWrite asks the checks in order and returns the first that holds the write back at that stage, or nil.
func (e *Engine) admitWrite(w *write, now time.Time, at stage) *held {
	for i := range e.checks {
		c := &e.checks[i]
		if at == deciding && !c.early || at == requesting && c.outside || w.restores && !c.restoring {
			continue
		}
		if holds, detail := c.holds(e, w, now); holds {
			r := models.Because(c.code)
			if c.code == models.ReasonBackOff {
				r = w.unit.refused.reason(now)
			}
			r.Detail = detail
			return &held{r, c.sentinel}
		}
	}
	return nil
}

// lastLook returns a context in which the checks are asked again right before each request that writes.
func (e *Engine) lastLook(ctx context.Context, w *write) context.Context {
	return actuators.WithCheck(ctx, func() error {
		if h := e.admitWrite(w, e.deps.Clock(), requesting); h != nil {
			return h
		}
		w.passed.Store(true)
		return nil
	})
}
