package models

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// allowCapacity lets cmp compare capacities, which are comparable values.
func allowCapacity() cmp.Option { return cmp.Comparer(func(a, b Capacity) bool { return a == b }) }

// oneOfEach returns an event of each type.
func oneOfEach() []Event {
	at := t0.Add(90 * time.Second)
	d := Decision{
		ID: "d1", Target: `shop/"checkout" <b>`, At: at, Mode: ModeAuto, Current: Warm(1), Desired: Warm(3).WithKeepAlive(time.Minute),
		Reactive: 2, Predicted: -1, Reasons: []Reason{Because(ReasonReactive, Num("load", 1.5))}, Model: "holt_winters",
		Price: Price{IdleGBs: 1.5, ColdStarts: 0.1}, ConfigHash: "abc",
	}
	return []Event{
		NewDecisionEvent(d),
		NewApprovalEvent(Approval{Decision: "d1", Target: "f", At: at, By: "ops", Approved: true, Note: "fine"}),
		NewActionEvent(Action{ID: "a1", Decision: "d1", Target: "f", From: Warm(1), To: Warm(3), Issued: at, Expires: at.Add(time.Minute)}),
		NewOutcomeEvent(Outcome{
			Action: "a1", Decision: "d1", Target: "f", At: at, Status: OutcomeFailed, Observed: Warm(1), Kind: KindThrottled, Error: "429",
			Marks: Marks{LastUp: at, Set: Warm(3), Original: Warm(0)},
		}),
		NewControlEvent(Control{At: at, By: "ops", Paused: true, Note: "maintenance"}),
		NewNoticeEvent(Notice{
			Target: "f", At: at, Code: ReasonOutOfBand, Text: "set was 3", Observed: Warm(7), Until: at.Add(time.Hour), Times: 2,
			Marks: Marks{LastUp: at},
		}),
		NewHintEvent(HintRecord{At: at, By: "ops", Change: HintAdded, Hint: Hint{
			ID: "h1", Selector: HintSelector{Targets: []string{"shop/*"}, Labels: map[string]string{"tier": "web"}}, Start: at, End: at.Add(time.Hour),
			Recurrence: "FREQ=DAILY", TimeZone: "Europe/Paris", Except: []time.Time{at}, Multiplier: 4, Floor: 2, Reason: "sale", Author: "ops",
			Source: HintAPI, Created: at,
		}}),
		NewAdviceEvent(AdviceRecord{
			At: at, Advisor: "main", Model: "m", Purpose: "advise", Prompt: "p", Reply: "r", Attempts: 1, TokensIn: 2, TokensOut: 3, USD: 0.1,
			Seconds: 1.5, Dropped: []string{"too high"},
		}),
	}
}

func TestEventJSON(t *testing.T) {
	t.Parallel()
	types := map[EventType]bool{}
	for i, e := range oneOfEach() {
		types[e.Type] = true
		e.Seq = uint64(i)
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back Event
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if diff := cmp.Diff(e, back, allowCapacity()); diff != "" {
			t.Errorf("%s came back (-want +got):\n%s", e.Type, diff)
		}
	}
	for _, want := range EventTypes() {
		if !types[want] {
			t.Errorf("type %s is not tested", want)
		}
	}
}

// TestEventIsCloudEvent reads the events with the SDK of the CloudEvents project.
func TestEventIsCloudEvent(t *testing.T) {
	t.Parallel()
	for _, e := range oneOfEach() {
		e.Seq = 42
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var ce cloudevents.Event
		if err := json.Unmarshal(data, &ce); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if err := ce.Validate(); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		if ce.ID() != e.ID || ce.Type() != string(e.Type) || ce.Source() != EventSource || ce.Subject() != string(e.Target) ||
			!ce.Time().Equal(e.Time) || ce.DataContentType() != "application/json" || len(ce.Data()) == 0 {
			t.Errorf("%s reads as %s", data, ce)
		}
		if got := ce.Extensions()["sequence"]; got != "00000000000000000042" {
			t.Errorf("sequence is %v", got)
		}
	}
}

func TestEventIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, e := range oneOfEach() {
		if seen[e.ID] || e.ID == "" {
			t.Errorf("id %q is there twice", e.ID)
		}
		seen[e.ID] = true
	}
	a, b := Control{At: t0, By: "a", Paused: true}, Control{At: t0.Add(1), By: "a", Paused: true}
	if again := NewControlEvent(a); again.ID != NewControlEvent(a).ID || NewControlEvent(a).ID == NewControlEvent(b).ID {
		t.Error("control ids do not depend on their content")
	}
	if id := NewID("k", "t", t0, "x"); len(id) != 32 || id != NewID("k", "t", t0, "x") || id == NewID("k", "t", t0, "y") || id == NewID("k", "tx", t0, "") {
		t.Errorf("id %q is not as it should be", id)
	}
}

func TestEventRefusals(t *testing.T) {
	t.Parallel()
	two := oneOfEach()[0]
	two.Control = &Control{}
	for name, e := range map[string]Event{
		"no payload":    {ID: "x", Type: EventDecision},
		"wrong payload": {ID: "x", Type: EventDecision, Control: &Control{}},
		"two payloads":  two,
		"unknown type":  {ID: "x", Type: "other", Control: &Control{}},
	} {
		if _, err := json.Marshal(e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	const good = `{"specversion":"1.0","id":"x","source":"/pilotlight","type":"pilotlight.control","time":"2026-03-01T00:00:00Z","sequence":"7","data":{"at":"2026-03-01T00:00:00Z","by":"a","paused":true}}`
	var e Event
	if err := json.Unmarshal([]byte(good), &e); err != nil || e.Seq != 7 || !e.Control.Paused {
		t.Fatalf("%+v, %v", e, err)
	}
	for old, bad := range map[string]string{
		`"1.0"`: `"0.3"`, `"id":"x"`: `"id":""`, `"7"`: `"7x"`, `"sequence":"7"`: `"sequence":"-7"`, `pilotlight.control`: `pilotlight.other`,
		`{"at":"2026-03-01T00:00:00Z","by":"a","paused":true}`: `null`, `"paused":true`: `"paused":3`,
		`"time":"2026-03-01T00:00:00Z"`: `"time":"yesterday"`,
	} {
		text := strings.Replace(good, old, bad, 1)
		var e Event
		if err := json.Unmarshal([]byte(text), &e); text == good || err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

func FuzzEventJSON(f *testing.F) {
	for _, e := range oneOfEach() {
		data, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"specversion":"1.0","id":"x","type":"pilotlight.control","data":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, back Event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%s cannot be written back: %v", data, err)
		}
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatalf("%s was written as %s: %v", data, again, err)
		}
		third, err := json.Marshal(back)
		if err != nil || string(third) != string(again) {
			t.Fatalf("%s changed to %s, %v", again, third, err)
		}
	})
}
