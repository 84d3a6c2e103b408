package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// Events is a page of the audit trail.
type Events struct {
	Items []Event `json:"items" nullable:"false" doc:"Newest first."`
	Next  string  `json:"next,omitempty" doc:"The cursor of the next page, which is older; absent on the last one."`
}

// EventSelection is how a request chooses events.
type EventSelection struct {
	Type   []string `query:"type" nullable:"false" enum:"pilotlight.decision,pilotlight.approval,pilotlight.action,pilotlight.outcome,pilotlight.control,pilotlight.notice,pilotlight.hint,pilotlight.advice" example:"[\"pilotlight.decision\"]" doc:"Only these types, separated by commas."`
	Target string   `query:"target" maxLength:"256" doc:"Only of this target."`
}

// types returns the types selected; none means all.
func (e *EventSelection) types() []models.EventType {
	var out []models.EventType
	for _, name := range e.Type {
		out = append(out, models.EventType(name))
	}
	return out
}

type decisionsInput struct {
	Page
	EventSelection
	From time.Time `query:"from" example:"2026-01-05T00:00:00Z" doc:"Only events at or after this time."`
	To   time.Time `query:"to" example:"2026-01-06T00:00:00Z" doc:"Only events before this time."`
}

type decisionsOutput struct {
	Link string `header:"Link" doc:"The next page, with rel=next."`
	Body Events
}

func (s *server) registerDecisions() {
	register(s, huma.Operation{
		OperationID: "list-decisions", Method: http.MethodGet, Path: prefix + "/decisions", Tags: []string{"Audit"},
		Summary: "Read the audit trail",
		Description: "Every decision and what became of it: approvals, actions (the intent, recorded before it is sent), outcomes, " +
			"and the orders to pause and resume. Newest first. Each item is a CloudEvent.",
	}, s.listDecisions)
}

func (s *server) listDecisions(ctx context.Context, in *decisionsInput) (*decisionsOutput, error) {
	before, err := decodeSeqCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := checkRange(in.From, in.To); err != nil {
		return nil, err
	}
	events, more, err := s.deps.Audit.Query(ctx, models.EventFilter{
		Types: in.types(), Target: models.TargetID(in.Target), From: in.From, To: in.To, Before: before, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := &decisionsOutput{Body: Events{Items: make([]Event, 0, len(events))}}
	for i := range events {
		event, err := toEvent(&events[i])
		if err != nil {
			s.log.ErrorContext(ctx, "event left out", "error", err)
			continue
		}
		out.Body.Items = append(out.Body.Items, event)
	}
	if more > 0 {
		out.Body.Next = encodeCursor(cursorEvent, strconv.FormatUint(more, 10))
		out.Link = in.link(out.Body.Next)
	}
	return out, nil
}
