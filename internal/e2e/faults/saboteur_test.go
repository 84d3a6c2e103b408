package faults

import (
	"context"
	"errors"
	"slices"

	"pilotlight/actuators"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// moment is when something goes wrong.
type moment string

const (
	momentObserve       moment = "reading before the decision"
	momentLooking       moment = "reading before the write"
	momentBefore        moment = "before the effect"
	momentDuring        moment = "after the effect, before the answer"
	momentReadBack      moment = "reading back"
	momentKilledBefore  moment = "killed before the write"
	momentKilledAfter   moment = "killed after the write"
	momentKilledReading moment = "killed while reading back"
)

// moments returns those above the wire; reading before the write is the adapter's own business.
func moments() []moment {
	return []moment{
		momentObserve, momentBefore, momentDuring, momentReadBack, momentKilledBefore, momentKilledAfter, momentKilledReading,
	}
}

// wireMoments returns those on the wire. A kill is a fault there, not a moment.
func wireMoments() []moment {
	return []moment{momentObserve, momentLooking, momentBefore, momentDuring, momentReadBack}
}

// fault is what goes wrong, when, and how often.
type fault struct {
	at   moment
	left int
	// kind is that of the error above the wire.
	kind models.ErrorKind
	// wire makes the fault on the wire, nil for one above it; a request that hangs calls hangs. With kills, the process is killed then.
	wire  func(hangs func()) faulttest.Fault
	kills bool
}

// said is the error above the wire.
func (f *fault) said() error {
	return &actuators.Error{Kind: f.kind, Op: "sabotage", Err: errors.New("on purpose")}
}

// sent is a call of Apply that reached the adapter.
type sent struct {
	process int
	action  models.Action
	effects int
}

// saboteur stands between the decorators and the adapter, and lets one thing go wrong: in its own words, or on the wire below
// the adapter.
type saboteur struct {
	rig *rig
	p   *process
}

func (s *saboteur) Levers() models.Lever { return s.rig.stage.Actuator.Levers() }

func (s *saboteur) Unwrap() actuators.Actuator { return s.rig.stage.Actuator }

func (s *saboteur) Observe(ctx context.Context, t models.Target) (o models.Observation, err error) {
	r := s.rig
	switch {
	case s.p.dead.Load():
		return o, errGone
	case r.strikes(momentObserve), r.wrote && r.strikes(momentReadBack):
		return o, r.fault.said()
	case r.wrote && r.strikes(momentKilledReading):
		s.p.dead.Store(true)
		return o, errGone
	}
	at := []moment{momentObserve}
	if r.wrote {
		at = append(at, momentReadBack)
	}
	err = s.onWire(ctx, at, func(ctx context.Context) (err error) {
		o, err = r.stage.Actuator.Observe(ctx, t)
		return err
	})
	return o, err
}

func (s *saboteur) Apply(ctx context.Context, t models.Target, a models.Action) error {
	r := s.rig
	switch {
	case s.p.dead.Load():
		return errGone
	case r.strikes(momentKilledBefore):
		s.p.dead.Store(true)
		return errGone
	case r.strikes(momentBefore):
		return r.fault.said()
	}
	if !r.journal.has(a.ID) {
		r.t.Errorf("action %s was sent before its intent was recorded", a.ID)
	}
	if n, ok := a.To.Warm(); !ok || n < t.Limits.MinWarm || n > t.Limits.MaxWarm {
		r.t.Errorf("action to %s was sent, outside the bounds %+v", a.To, t.Limits)
	}
	before := r.stage.Writes()
	err := s.onWire(ctx, []moment{momentLooking, momentBefore, momentDuring}, func(ctx context.Context) error {
		return r.stage.Actuator.Apply(ctx, t, a)
	})
	r.sent = append(r.sent, sent{process: s.p.number, action: a, effects: r.stage.Writes() - before})
	r.wrote = err == nil
	switch {
	case err == nil && r.strikes(momentDuring):
		return r.fault.said()
	case err == nil && r.strikes(momentKilledAfter):
		s.p.dead.Store(true)
		return errGone
	}
	return err
}

// onWire makes a call of the adapter during which the fault strikes on the wire, if it is one of the wire and of these moments.
func (s *saboteur) onWire(ctx context.Context, at []moment, call func(ctx context.Context) error) error {
	f := &s.rig.fault
	if f.wire == nil || f.left == 0 || !slices.Contains(at, f.at) {
		return call(ctx)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	// A request that hangs takes no time: the patience of the caller, or the process, ends as soon as it hangs.
	script := s.rig.stage.wire.script
	script.Inject(1, f.wire(func() {
		s.p.dead.Store(f.kills)
		end(context.DeadlineExceeded)
	}))
	err := call(ctx)
	if script.Withdraw() == 0 {
		f.left--
		s.rig.struck++
	}
	if s.p.dead.Load() {
		return errGone
	}
	return err
}
