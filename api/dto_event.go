package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// Approval is the wire form of models.Approval.
type Approval struct {
	Decision string    `json:"decision" doc:"Id of the recommendation."`
	Target   string    `json:"target" doc:"ID of the target. Untrusted text."`
	At       time.Time `json:"at"`
	By       string    `json:"by" doc:"The operator."`
	Approved bool      `json:"approved" doc:"false: rejected."`
	Note     string    `json:"note,omitempty" doc:"Untrusted text."`
}

// Action is the wire form of models.Action.
type Action struct {
	ID       string    `json:"id"`
	Decision string    `json:"decision" doc:"Id of the decision behind it."`
	Target   string    `json:"target" doc:"ID of the target. Untrusted text."`
	From     Capacity  `json:"from" doc:"The capacity seen before."`
	To       Capacity  `json:"to" doc:"The capacity to have."`
	Actuator string    `json:"actuator,omitempty" doc:"The actuator that carries it out."`
	Ref      string    `json:"ref,omitempty" doc:"The target as its platform names it. Untrusted text."`
	Restores bool      `json:"restores,omitempty" doc:"Whether it gives back what was there before Pilotlight."`
	Issued   time.Time `json:"issued" doc:"When the intent was recorded."`
	Expires  time.Time `json:"expires" doc:"From then on it must not be sent any more."`
}

// Marks is the wire form of models.Marks.
type Marks struct {
	LastUp     *time.Time `json:"last_up,omitempty" doc:"When Pilotlight last raised the floor."`
	LastDown   *time.Time `json:"last_down,omitempty" doc:"When Pilotlight last lowered the floor."`
	LastMemory *time.Time `json:"last_memory,omitempty" doc:"When Pilotlight last changed the memory."`
	Set        Capacity   `json:"set" doc:"The capacity Pilotlight last gave."`
	Original   Capacity   `json:"original" doc:"The capacity before Pilotlight first changed it."`
	Actuator   string     `json:"actuator,omitempty" doc:"The actuator that changed it."`
	Ref        string     `json:"ref,omitempty" doc:"What was changed, as its platform names it. Untrusted text."`
	Holder     string     `json:"holder,omitempty" doc:"What held the capacity on the platform then, where the platform makes that anew by itself, such as revisions. Untrusted text."`
}

// Outcome is the wire form of models.Outcome.
type Outcome struct {
	Action   string    `json:"action" doc:"Id of the action."`
	Decision string    `json:"decision" doc:"Id of the decision behind it."`
	Target   string    `json:"target" doc:"ID of the target. Untrusted text."`
	At       time.Time `json:"at"`
	Status   string    `json:"status" enum:"applied,failed,dry_run,paused,held,expired,unknown" doc:"How the action ended. held: a check of the gate held it back."`
	Observed Capacity  `json:"observed" doc:"The capacity read back afterwards."`
	Kind     string    `json:"kind,omitempty" doc:"What kind of error the platform answered."`
	Error    string    `json:"error,omitempty" doc:"What the platform answered. Untrusted text."`
	Held     string    `json:"held,omitempty" doc:"The check of the gate that held the action back: a reason code."`
	Marks    Marks     `json:"marks"`
}

// Notice is the wire form of models.Notice.
type Notice struct {
	Target   string     `json:"target" doc:"ID of the target. Untrusted text."`
	At       time.Time  `json:"at"`
	Code     string     `json:"code" example:"out_of_band_change" doc:"What was noticed: a reason code."`
	Text     string     `json:"text" doc:"The same in words, with its numbers. Untrusted text."`
	Observed Capacity   `json:"observed" doc:"The capacity that the platform showed."`
	Until    *time.Time `json:"until,omitempty" doc:"Until when the target is left alone because of it."`
	Times    int        `json:"times,omitempty" doc:"How often it has happened lately."`
	Before   Marks      `json:"before" doc:"The marks before."`
	Marks    Marks      `json:"marks" doc:"The marks from then on."`
}

// ControlOrder is the wire form of models.Control.
type ControlOrder struct {
	At     time.Time `json:"at"`
	By     string    `json:"by" doc:"The operator."`
	Paused bool      `json:"paused" doc:"Whether writes are held back from then on."`
	Note   string    `json:"note,omitempty" doc:"Untrusted text."`
}

// EventData is the payload of an event: one of the types its schema lists.
type EventData struct{ value any }

// MarshalJSON implements json.Marshaler.
func (d EventData) MarshalJSON() ([]byte, error) { return json.Marshal(d.value) }

// UnmarshalJSON implements json.Unmarshaler; it keeps the payload as it is.
func (d *EventData) UnmarshalJSON(data []byte) error {
	d.value = json.RawMessage(slices.Clone(data))
	return nil
}

// Schema implements huma.SchemaProvider.
func (EventData) Schema(r huma.Registry) *huma.Schema {
	s := &huma.Schema{Description: "What happened, by the type of the event."}
	for _, t := range []reflect.Type{
		reflect.TypeFor[Decision](), reflect.TypeFor[Approval](), reflect.TypeFor[Action](), reflect.TypeFor[Outcome](),
		reflect.TypeFor[ControlOrder](), reflect.TypeFor[Notice](), reflect.TypeFor[HintRecord](), reflect.TypeFor[AdviceRecord](),
	} {
		s.OneOf = append(s.OneOf, r.Schema(t, true, ""))
	}
	return s
}

// Event is the wire form of models.Event: the JSON format of CloudEvents 1.0.
type Event struct {
	SpecVersion     string    `json:"specversion" enum:"1.0"`
	ID              string    `json:"id" doc:"Unique."`
	Source          string    `json:"source" format:"uri-reference" example:"/pilotlight"`
	Type            string    `json:"type" enum:"pilotlight.decision,pilotlight.approval,pilotlight.action,pilotlight.outcome,pilotlight.control,pilotlight.notice,pilotlight.hint,pilotlight.advice"`
	Time            time.Time `json:"time"`
	Subject         string    `json:"subject,omitempty" doc:"ID of the target; absent for orders to the whole process. Untrusted text."`
	Sequence        string    `json:"sequence,omitempty" pattern:"^[0-9]{20}$" doc:"Place in the journal."`
	DataContentType string    `json:"datacontenttype" enum:"application/json"`
	Data            EventData `json:"data"`
}

// toEvent returns the wire form; it returns ErrInvalid for an event without the payload of its type.
func toEvent(e *models.Event) (Event, error) {
	out := Event{
		SpecVersion: "1.0", ID: e.ID, Source: models.EventSource, Type: string(e.Type), Time: e.Time.UTC(),
		Subject: string(e.Target), DataContentType: "application/json",
	}
	if e.Seq > 0 {
		out.Sequence = fmt.Sprintf("%020d", e.Seq)
	}
	payload, err := e.Payload()
	if err != nil {
		return Event{}, err
	}
	out.Data.value = toPayload(payload)
	return out, nil
}

// toPayload returns the wire form of the payload of an event.
func toPayload(payload any) any {
	switch p := payload.(type) {
	case *models.Decision:
		return toDecision(p)
	case *models.Approval:
		return Approval{
			Decision: p.Decision, Target: string(p.Target), At: p.At.UTC(), By: p.By, Approved: p.Approved, Note: p.Note,
		}
	case *models.Action:
		return Action{
			ID: p.ID, Decision: p.Decision, Target: string(p.Target), From: toCapacity(p.From), To: toCapacity(p.To),
			Actuator: p.Actuator, Ref: p.Ref, Restores: p.Restores, Issued: p.Issued.UTC(), Expires: p.Expires.UTC(),
		}
	case *models.Outcome:
		return toOutcome(p)
	case *models.Control:
		return ControlOrder{At: p.At.UTC(), By: p.By, Paused: p.Paused, Note: p.Note}
	case *models.Notice:
		return toNotice(p)
	case *models.HintRecord:
		return HintRecord{At: p.At.UTC(), By: p.By, Change: string(p.Change), Hint: toHint(&p.Hint)}
	case *models.AdviceRecord:
		return toAdviceRecord(p)
	default:
		return payload
	}
}

func toNotice(n *models.Notice) Notice {
	return Notice{
		Target: string(n.Target), At: n.At.UTC(), Code: string(n.Code), Text: n.Text, Observed: toCapacity(n.Observed),
		Until: timeOrNone(n.Until), Times: n.Times, Before: toMarks(&n.Before), Marks: toMarks(&n.Marks),
	}
}

func toOutcome(o *models.Outcome) Outcome {
	return Outcome{
		Action: o.Action, Decision: o.Decision, Target: string(o.Target), At: o.At.UTC(), Status: string(o.Status),
		Observed: toCapacity(o.Observed), Kind: string(o.Kind), Error: o.Error,
		Held: string(o.Held), Marks: toMarks(&o.Marks),
	}
}

func toMarks(m *models.Marks) Marks {
	return Marks{
		LastUp: timeOrNone(m.LastUp), LastDown: timeOrNone(m.LastDown), LastMemory: secondsOrNone(m.LastMemory),
		Set: toCapacity(m.Set), Original: toCapacity(m.Original),
		Actuator: m.Actuator, Ref: m.Ref, Holder: m.Holder,
	}
}
