// Package kubernetes sets how many replicas of Kubernetes workloads are kept warm, through whatever sets them already: the
// minReplicas of a HorizontalPodAutoscaler or the minReplicaCount of a KEDA ScaledObject that owns the workload, else the
// workload's own scale. It never writes the scale of a workload that an autoscaler owns, and refuses one that two own.
//
// A target's Ref is namespace/name of a Deployment, or namespace/Kind/name.
package kubernetes

import (
	"context"
	"fmt"
	"math"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// tries is how often a write is made anew when only the resource version had moved on, as it does with every change of a status.
const tries = 4

// Actuator sets the replicas of workloads in one cluster. It is safe for concurrent use.
type Actuator struct {
	config Config
	levers models.Lever
	client *kubeapi.Client
	now    func() time.Time
	owners owners
}

var (
	_ actuators.Actuator  = (*Actuator)(nil)
	_ actuators.Reacher   = (*Actuator)(nil)
	_ actuators.Rehearser = (*Actuator)(nil)
	_ actuators.Sharer    = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It reads no file and makes no request: the cluster is connected to when it is
// first needed. now is the clock for remembering which autoscalers there are.
func New(name string, config Config, now func() time.Time) (*Actuator, error) {
	if now == nil {
		return nil, fmt.Errorf("actuator %q: a clock is needed: %w", name, models.ErrInvalid)
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	return &Actuator{config: config, levers: config.levers(), client: kubeapi.NewClient(config.access()), now: now}, nil
}

// Share implements actuators.Sharer: all that talk to one API server share a budget.
func (a *Actuator) Share(budgets *actuators.Budgets) { a.client.Share(budgets) }

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever { return a.levers }

// Reach implements actuators.Reacher: with keep_one, a target that has warm instances keeps one when none is wanted, and
// KEDA counts the keep-alive in whole seconds.
func (a *Actuator) Reach(have, want models.Capacity) models.Capacity {
	if n, ok := want.Warm(); ok && n == 0 && a.config.OnZero == OnZeroKeepOne {
		if now, _ := have.Warm(); now > 0 {
			want = want.WithWarm(1)
		}
	}
	return wholeSeconds(want)
}

// wholeSeconds rounds the keep-alive up to what KEDA can have.
func wholeSeconds(c models.Capacity) models.Capacity {
	if d, ok := c.KeepAlive(); ok {
		c = c.WithKeepAlive((d + time.Second - 1).Truncate(time.Second))
	}
	return c
}

// Observe implements actuators.Actuator with one request for the workload, one for its autoscaler if it has one, and two for the
// autoscalers of the namespace when they are not remembered.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	r, err := a.refOf("observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	s, err := a.look(ctx, r, false)
	if err != nil {
		return models.Observation{}, err
	}
	return s.observation(a.levers), nil
}

// Apply implements actuators.Actuator with what Observe takes and one request more. A workload without an autoscaler is
// written only if the autoscalers of its namespace were listed just now and none of them means it. A capacity that
// somebody else changed in between is a conflict; a version that moved on for other reasons is not.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	return a.give(ctx, "apply", target, action, kubeapi.Patch)
}

// Rehearse implements actuators.Rehearser with the requests of Apply; those that would write say dryRun=All.
func (a *Actuator) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	return a.give(ctx, "rehearse", target, action, kubeapi.CheckPatch)
}

// give reads a workload and sends what must be changed, if anything.
func (a *Actuator) give(ctx context.Context, doing string, target models.Target, action models.Action, send kubeapi.Patcher) error {
	r, err := a.refOf(doing, target)
	if err != nil {
		return err
	}
	if err := a.check(r, action.To); err != nil || action.To.Levers() == 0 {
		return err
	}
	reach := a.Reach
	if action.Restores { // what was there before is given back exactly, also none
		reach = func(_, want models.Capacity) models.Capacity { return wholeSeconds(want) }
	}
	var first state
	for try := range tries {
		s, lookErr := a.look(ctx, r, true)
		if lookErr != nil {
			return lookErr
		}
		if try == 0 {
			first = s
		} else if s.have != first.have || s.owner != first.owner {
			return err
		}
		if err = a.write(ctx, r, &s, reach(s.have, action.To), send); err == nil || !s.movedOn(err) {
			return err
		}
	}
	return err
}

// movedOn reports whether an error is the server's refusal of an old version, which another try may overcome.
func (s *state) movedOn(err error) bool {
	return s.refusal == "" && actuators.KindOf(err) == models.KindConflict
}

// write makes the target have the capacity, if it has not.
func (a *Actuator) write(ctx context.Context, r ref, s *state, to models.Capacity, send kubeapi.Patcher) error {
	op := "set " + to.String() + " of " + r.String()
	if missing := to.Levers() &^ s.have.Levers(); missing != 0 {
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"%s has %s only; a ScaledObject has warm, max and keep_alive, a HorizontalPodAutoscaler warm and max, other workloads warm: %w",
			s.holder, s.have, models.ErrInvalid)}
	}
	if err := s.off(a.config.WakeFromZero, op, to); err != nil {
		return err
	}
	if s.have.Satisfies(to) && !s.asleep(to) {
		return nil
	}
	after := s.have.Merge(to)
	warm, _ := after.Warm()
	most, bounded := after.Max()
	switch {
	case s.refusal != "":
		return &actuators.Error{Kind: models.KindConflict, Op: op, Err: fmt.Errorf("%s", s.refusal)}
	case bounded && warm > most:
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"%s allows %d replicas at most; raise that or lower max_warm: %w", s.owner, most, models.ErrInvalid)}
	}
	if s.asleep(to) {
		// First, so that the autoscaler is never left off with a floor that it does not hold.
		if err := a.setReplicas(ctx, r, s.workload.version, warm, send); err != nil {
			return err
		}
	}
	if s.have.Satisfies(to) {
		return nil
	}
	return send(ctx, a.client, s.holder, s.version, s.patch(to))
}

// asleep reports whether a HorizontalPodAutoscaler would not act on the floor, because the workload has no replicas.
func (s *state) asleep(to models.Capacity) bool {
	warm, _ := to.Warm()
	return s.owner != owner{} && !s.owner.scaledObject && s.workload.replicas == 0 && warm > 0
}

// off refuses to raise the floor of a HorizontalPodAutoscaler that somebody switched off by taking all replicas away. One
// with the floor 0 took them away itself.
func (s *state) off(wake bool, op string, to models.Capacity) error {
	if have, _ := s.have.Warm(); wake || have == 0 || !s.asleep(to) {
		return nil
	}
	s.refusal = s.owner.String() + " is off, because the workload has 0 replicas; scale it to 1, or set wake_from_zero: true"
	return &actuators.Error{Kind: models.KindConflict, Op: op, Err: fmt.Errorf("%s", s.refusal)}
}

// refOf reads the reference of a target.
func (a *Actuator) refOf(op string, target models.Target) (ref, error) {
	r, err := a.config.parseRef(target.Ref)
	if err != nil {
		return ref{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	return r, nil
}

// check refuses levers and numbers that no target of the actuator has.
func (a *Actuator) check(r ref, to models.Capacity) error {
	op := "set " + to.String() + " of " + r.String()
	warm, _ := to.Warm()
	most, _ := to.Max()
	keep, _ := to.KeepAlive()
	switch {
	case to.Levers()&^a.levers != 0:
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"this actuator has the levers %v; others can be added under levers: %w", a.config.Levers, models.ErrInvalid)}
	case warm > math.MaxInt32, most > math.MaxInt32, keep > math.MaxInt32*time.Second:
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf("the number is more than Kubernetes can count: %w", models.ErrInvalid)}
	}
	return nil
}
