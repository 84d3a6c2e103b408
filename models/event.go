package models

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// EventType names what an Event records. The names are CloudEvents types.
type EventType string

// The types of events.
const (
	EventDecision EventType = "pilotlight.decision"
	EventApproval EventType = "pilotlight.approval"
	EventAction   EventType = "pilotlight.action"
	EventOutcome  EventType = "pilotlight.outcome"
	EventControl  EventType = "pilotlight.control"
	EventNotice   EventType = "pilotlight.notice"
	EventHint     EventType = "pilotlight.hint"
	EventAdvice   EventType = "pilotlight.advice"
)

// EventTypes returns all types.
func EventTypes() []EventType {
	return []EventType{EventDecision, EventApproval, EventAction, EventOutcome, EventControl, EventNotice, EventHint, EventAdvice}
}

// Event is one record of the journal: exactly one of the payloads is set, that of its type.
type Event struct {
	// Seq is the place in the journal, set by the journal.
	Seq uint64
	// ID is unique; recording the same ID again has no effect. It is the id of the decision or action where there is one,
	// prefixed by the type.
	ID   string
	Type EventType
	Time time.Time
	// Target is "" for EventControl, the id of the hint for EventHint, and the name of the advisor for EventAdvice.
	Target TargetID

	Decision *Decision
	Approval *Approval
	Action   *Action
	Outcome  *Outcome
	Control  *Control
	Notice   *Notice
	Hint     *HintRecord
	Advice   *AdviceRecord
}

// NewDecisionEvent records a decision.
func NewDecisionEvent(d Decision) Event {
	return Event{ID: "decision-" + d.ID, Type: EventDecision, Time: d.At, Target: d.Target, Decision: &d}
}

// NewApprovalEvent records an operator's answer.
func NewApprovalEvent(a Approval) Event {
	return Event{ID: "approval-" + a.Decision, Type: EventApproval, Time: a.At, Target: a.Target, Approval: &a}
}

// NewActionEvent records an intent.
func NewActionEvent(a Action) Event {
	return Event{ID: "action-" + a.ID, Type: EventAction, Time: a.Issued, Target: a.Target, Action: &a}
}

// NewOutcomeEvent records how an action ended.
func NewOutcomeEvent(o Outcome) Event {
	return Event{ID: "outcome-" + o.Action, Type: EventOutcome, Time: o.At, Target: o.Target, Outcome: &o}
}

// NewControlEvent records an operator's order.
func NewControlEvent(c Control) Event {
	return Event{ID: "control-" + NewID("control", "", c.At, c.By), Type: EventControl, Time: c.At, Control: &c}
}

// NewNoticeEvent records what was noticed.
func NewNoticeEvent(n Notice) Event {
	return Event{ID: "notice-" + NewID("notice", n.Target, n.At, string(n.Code)), Type: EventNotice, Time: n.At, Target: n.Target, Notice: &n}
}

// NewHintEvent records a change of a hint.
func NewHintEvent(h HintRecord) Event {
	id := TargetID(h.Hint.ID)
	return Event{ID: "hint-" + NewID("hint", id, h.At, string(h.Change)), Type: EventHint, Time: h.At, Target: id, Hint: &h}
}

// NewAdviceEvent records an exchange with a model.
func NewAdviceEvent(a AdviceRecord) Event {
	name := TargetID(a.Advisor)
	return Event{ID: "advice-" + NewID("advice", name, a.At, a.Purpose+a.Prompt), Type: EventAdvice, Time: a.At, Target: name, Advice: &a}
}

// eventJSON is the wire form: CloudEvents 1.0 in JSON, with the sequence as extension attribute.
type eventJSON struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            EventType       `json:"type"`
	Time            time.Time       `json:"time"`
	Subject         TargetID        `json:"subject,omitempty"`
	Sequence        string          `json:"sequence,omitempty"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// EventSource is the CloudEvents source of all events.
const EventSource = "/pilotlight"

// MarshalJSON implements json.Marshaler with the JSON format of CloudEvents 1.0.
func (e Event) MarshalJSON() ([]byte, error) {
	payload, err := e.Payload()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID, err)
	}
	out := eventJSON{
		SpecVersion: "1.0", ID: e.ID, Source: EventSource, Type: e.Type, Time: e.Time.UTC(), Subject: e.Target,
		DataContentType: "application/json", Data: data,
	}
	if e.Seq > 0 {
		out.Sequence = fmt.Sprintf("%020d", e.Seq)
	}
	return json.Marshal(out)
}

// Payload returns the payload of the event's type, a pointer. An event without it, or with another one too, is ErrInvalid.
func (e *Event) Payload() (any, error) {
	set := 0
	for _, p := range [...]any{
		orNil(e.Decision), orNil(e.Approval), orNil(e.Action), orNil(e.Outcome), orNil(e.Control), orNil(e.Notice), orNil(e.Hint), orNil(e.Advice),
	} {
		if p != nil {
			set++
		}
	}
	if p := e.part(e.Type); p != nil && set == 1 {
		return p, nil
	}
	return nil, fmt.Errorf("event %s of type %q has no payload of that type, or another one too: %w", e.ID, e.Type, ErrInvalid)
}

// orNil returns a pointer, or nil for a nil one.
func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

// part returns the payload of a type, nil if there is none.
func (e *Event) part(t EventType) any {
	switch t {
	case EventDecision:
		return orNil(e.Decision)
	case EventApproval:
		return orNil(e.Approval)
	case EventAction:
		return orNil(e.Action)
	case EventOutcome:
		return orNil(e.Outcome)
	case EventControl:
		return orNil(e.Control)
	case EventNotice:
		return orNil(e.Notice)
	case EventHint:
		return orNil(e.Hint)
	case EventAdvice:
		return orNil(e.Advice)
	}
	return nil
}

// prepare gives the event an empty payload of a type and returns it, nil for an unknown type.
func (e *Event) prepare(t EventType) any {
	switch t {
	case EventDecision:
		e.Decision = new(Decision)
	case EventApproval:
		e.Approval = new(Approval)
	case EventAction:
		e.Action = new(Action)
	case EventOutcome:
		e.Outcome = new(Outcome)
	case EventControl:
		e.Control = new(Control)
	case EventNotice:
		e.Notice = new(Notice)
	case EventHint:
		e.Hint = new(HintRecord)
	case EventAdvice:
		e.Advice = new(AdviceRecord)
	}
	return e.part(t)
}

// event returns the event without its payload.
func (in *eventJSON) event() (Event, error) {
	out := Event{ID: in.ID, Type: in.Type, Time: in.Time.UTC(), Target: in.Subject}
	if in.SpecVersion != "1.0" || in.ID == "" {
		return Event{}, fmt.Errorf("event %q of CloudEvents version %q: an id and version 1.0 are needed: %w", in.ID, in.SpecVersion, ErrInvalid)
	}
	if string(in.Data) == "null" {
		return Event{}, fmt.Errorf("event %q has no data: %w", in.ID, ErrInvalid)
	}
	if in.Sequence == "" {
		return out, nil
	}
	seq, err := strconv.ParseUint(in.Sequence, 10, 64)
	if err != nil {
		return Event{}, fmt.Errorf("event %q: sequence %q: %w", in.ID, in.Sequence, ErrInvalid)
	}
	out.Seq = seq
	return out, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Event) UnmarshalJSON(data []byte) error {
	var in eventJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	out, err := in.event()
	if err != nil {
		return err
	}
	into := out.prepare(in.Type)
	if into == nil {
		return fmt.Errorf("event %q of unknown type %q: %w", in.ID, in.Type, ErrInvalid)
	}
	if err := json.Unmarshal(in.Data, into); err != nil {
		return fmt.Errorf("event %q: %w", in.ID, err)
	}
	*e = out
	return nil
}

// EventFilter selects events of the journal; zero fields select all.
type EventFilter struct {
	Types  []EventType
	Target TargetID
	// From and To bound the time of the event: From <= time < To; zero is open.
	From, To time.Time
	// Before is a cursor: only events with a smaller Seq; 0 is the end of the journal. Events come newest first.
	Before uint64
	// Limit is the greatest number of events to return, at least 1.
	Limit int
}
