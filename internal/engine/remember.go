package engine

import (
	"context"
	"fmt"

	"pilotlight/models"
)

// remembered is what is known about a target from before the start, or before a reload that let it go.
type remembered struct {
	marks    models.Marks
	marksSeq uint64 // where the journal has the marks
	foreign  foreign
	action   *models.Action
	outcome  string // the action that the newest outcome belongs to
	decision *models.Decision
	approval *models.Approval
	closed   []models.Event // see unit
}

// Restore reads the journal. Call it once before the first Step.
func (e *Engine) Restore(ctx context.Context) error {
	e.step.Lock()
	defer e.step.Unlock()
	var records []models.HintRecord
	err := e.deps.Journal.Latest(ctx, func(ev models.Event) error {
		if ev.Time.After(e.last) {
			e.last = ev.Time
		}
		if ev.Type == models.EventControl {
			state := models.PauseState{Paused: ev.Control.Paused, Since: ev.Control.At, By: ev.Control.By, Note: ev.Control.Note}
			e.setPause(state)
			return nil
		}
		if ev.Type == models.EventHint {
			records = append(records, *ev.Hint)
			return nil
		}
		if ev.Type == models.EventAdvice {
			return nil
		}
		r := e.restored[ev.Target]
		if r == nil {
			r = &remembered{}
			e.restored[ev.Target] = r
		}
		r.take(ev)
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore from the journal: %w", err)
	}
	e.recallHints(ctx, records)
	e.loadMerits(ctx)
	e.loadVariants(ctx)
	e.loadCursors(ctx)
	return nil
}

// take remembers the event.
func (r *remembered) take(ev models.Event) {
	switch ev.Type {
	case models.EventAction:
		r.action = ev.Action
	case models.EventOutcome:
		r.outcome = ev.Outcome.Action
		r.mark(ev.Seq, ev.Outcome.Marks)
	case models.EventNotice:
		r.mark(ev.Seq, ev.Notice.Marks)
		r.foreign.take(ev.Notice)
	case models.EventDecision:
		r.decision = ev.Decision
	case models.EventApproval:
		r.approval = ev.Approval
	case models.EventControl, models.EventHint, models.EventAdvice:
	}
}

// mark remembers the marks of an event unless a later one told others.
func (r *remembered) mark(seq uint64, marks models.Marks) {
	if seq >= r.marksSeq {
		r.marks, r.marksSeq = marks, seq
	}
}

// open returns the action whose outcome was never recorded, or nil.
func (r *remembered) open() *models.Action {
	if r.action != nil && r.action.ID != r.outcome {
		return r.action
	}
	return nil
}
