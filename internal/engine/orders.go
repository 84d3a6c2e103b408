package engine

import (
	"context"
	"fmt"
	"time"

	"pilotlight/models"
)

// Recommendation returns the latest recommendation with that id, or models.ErrNotFound.
func (e *Engine) Recommendation(id string) (models.Recommendation, error) {
	for _, u := range e.view.Load().units {
		if p := u.published.Load(); p != nil && p.status.Latest != nil && p.status.Latest.Decision.ID == id {
			return *p.status.Latest, nil
		}
	}
	return models.Recommendation{}, fmt.Errorf("recommendation %q: only the latest of each target is kept here, see decisions for older ones: %w",
		id, models.ErrNotFound)
}

// Approve carries a pending recommendation out and returns what became of it. It returns models.ErrNotFound for an unknown
// id and models.ErrConflict if the recommendation does not wait for approval.
func (e *Engine) Approve(ctx context.Context, id, by, note string) (models.Recommendation, error) {
	return e.answer(ctx, id, models.Approval{Decision: id, By: by, Note: note, Approved: true})
}

// Reject withdraws a pending recommendation: the same advice is not given again until it changes.
func (e *Engine) Reject(ctx context.Context, id, by, note string) (models.Recommendation, error) {
	return e.answer(ctx, id, models.Approval{Decision: id, By: by, Note: note})
}

// answer records an operator's answer and acts on it.
func (e *Engine) answer(ctx context.Context, id string, a models.Approval) (models.Recommendation, error) {
	u := e.holder(id)
	if u == nil {
		_, err := e.Recommendation(id)
		if err == nil {
			err = models.ErrNotFound
		}
		return models.Recommendation{}, err
	}
	// Between two Steps, so that settings and unit stay as they are. The platform is spoken to while only the unit is held, so that the
	// other targets do not wait for it.
	e.step.Lock()
	u.own.Lock()
	defer u.own.Unlock()
	err := e.answerable(ctx, u, &a)
	e.step.Unlock()
	if err != nil {
		return models.Recommendation{}, err
	}
	// From here on the order is carried out, whether the caller waits for it or not.
	ctx = context.WithoutCancel(ctx)
	now := e.deps.Clock().UTC()
	a.At, a.Target = now, u.id
	rec := *u.latest
	rec.By, rec.Note, rec.Status = a.By, a.Note, models.StatusRejected
	var events []models.Event
	if u.recordedID != id {
		events = append(events, models.NewDecisionEvent(rec.Decision))
	}
	events = append(events, models.NewApprovalEvent(a))
	var w *write
	if a.Approved {
		rec.Status = models.StatusApproved
		if w, err = e.approved(ctx, u, &rec.Decision, now); err != nil {
			return *u.latest, err
		}
		events = append(append(events, u.closed...), models.NewActionEvent(w.action))
	}
	if err = e.insist(ctx, events...); err != nil {
		return *u.latest, fmt.Errorf("the answer could not be recorded, so nothing was done: %w", err)
	}
	u.latest = &rec
	if !a.Approved {
		u.rejectedSize(&rec.Decision, now)
	}
	if a.Approved {
		u.closed = nil
		e.send(ctx, w)
		e.recordNow(ctx, u)
	}
	u.refresh()
	return *u.latest, nil
}

// approved makes the write of an approved decision if the gate and what the platform shows now allow it.
func (e *Engine) approved(ctx context.Context, u *unit, d *models.Decision, now time.Time) (*write, error) {
	w := e.writeOf(u, d, now)
	w.approved = true
	h := e.admitWrite(w, now, deciding)
	if h == nil {
		h = e.takeLease(w)
	}
	if h == nil {
		h = e.lookAgain(ctx, w)
	}
	if h == nil {
		h = e.draw(w)
	}
	if h != nil {
		return nil, fmt.Errorf("recommendation %q: nothing was done: %w: %w", d.ID, h, models.ErrConflict)
	}
	w = e.intend(u, d, now)
	w.approved = true
	return w, nil
}

// answerable returns why an answer cannot be taken, or nil.
func (e *Engine) answerable(ctx context.Context, u *unit, a *models.Approval) error {
	mode := e.parts.Settings.Mode
	switch {
	case u.latest == nil || u.latest.Decision.ID != a.Decision:
		return fmt.Errorf("recommendation %q was replaced by a newer one: %w", a.Decision, models.ErrExpired)
	case u.latest.Status != models.StatusPending || mode != models.ModeApprove:
		return fmt.Errorf("recommendation %q is %s and mode is %s: only a pending one in mode approve can be answered: %w",
			a.Decision, u.latest.Status, mode, models.ErrConflict)
	case a.Approved && e.pause.Load().Paused:
		return fmt.Errorf("recommendation %q: resume first: %w: %w", a.Decision, models.ErrPaused, models.ErrConflict)
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("recommendation %q: nothing was done: %w", a.Decision, err)
	}
	return e.valid(&u.latest.Decision)
}

// valid returns an error for a decision that no Step has confirmed lately, or under the present configuration: limits and load
// may be others now.
func (e *Engine) valid(d *models.Decision) error {
	set := &e.parts.Settings
	switch age := e.deps.Clock().Sub(d.At); {
	case d.ConfigHash != set.ConfigHash:
		return fmt.Errorf("recommendation %q was made before the configuration was reloaded: answer the one of the next step: %w",
			d.ID, models.ErrExpired)
	case age > set.Interval+set.ActionTTL:
		return fmt.Errorf("recommendation %q is %s old and no step has confirmed it since: the log says what stops the steps: %w",
			d.ID, age.Round(time.Second), models.ErrExpired)
	}
	return nil
}

// holder returns the unit whose published recommendation has the id, or nil.
func (e *Engine) holder(id string) *unit {
	for _, u := range e.view.Load().units {
		if p := u.published.Load(); p != nil && p.status.Latest != nil && p.status.Latest.Decision.ID == id {
			return u
		}
	}
	return nil
}

// Pause stops all writes at once, those under way excepted. It holds over restarts.
func (e *Engine) Pause(ctx context.Context, by, note string) (models.PauseState, error) {
	// The switch first: it must work even if the journal does not.
	e.deps.Gate.SetPaused(true)
	return e.control(ctx, models.Control{By: by, Note: note, Paused: true})
}

// Resume lets writes through again, as far as the mode permits.
func (e *Engine) Resume(ctx context.Context, by, note string) (models.PauseState, error) {
	return e.control(ctx, models.Control{By: by, Note: note})
}

// control records an order and puts it into force. A pause is in force even if it cannot be recorded.
func (e *Engine) control(ctx context.Context, c models.Control) (models.PauseState, error) {
	e.orders.Lock()
	defer e.orders.Unlock()
	c.At = e.deps.Clock().UTC()
	err := e.insist(ctx, models.NewControlEvent(c))
	if err == nil || c.Paused {
		e.setPause(models.PauseState{Paused: c.Paused, Since: c.At, By: c.By, Note: c.Note})
	}
	switch {
	case err == nil:
		return e.PauseState(), nil
	case c.Paused:
		err = fmt.Errorf("writes are paused, but a restart would forget it, since it could not be recorded; pause again: %w", err)
	default:
		err = fmt.Errorf("the order could not be recorded, so writes are as they were; resume again: %w", err)
	}
	return e.PauseState(), err
}

// setPause puts a state into force.
func (e *Engine) setPause(s models.PauseState) {
	e.pause.Store(&s)
	e.deps.Gate.SetPaused(s.Paused)
	e.metrics.setPaused(s.Paused)
}

// PauseState returns whether writes are paused.
func (e *Engine) PauseState() models.PauseState { return *e.pause.Load() }
