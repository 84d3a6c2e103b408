// Package knative sets how many instances of Knative services are kept warm, how many there may be, and how long the last one stays,
// without a new revision: through the annotations of the revisions that receive traffic, or, before Knative Serving 1.21, those
// of their PodAutoscalers.
//
// A target's Ref is namespace/service.
package knative

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// tries is how often a write is made anew when only the resource version had moved on, as it does with every change of a status.
const tries = 4

// maxRetention is the longest time that Knative lets the last instance stay.
const maxRetention = time.Hour

// levers are those of every target.
const levers = models.LeverWarm | models.LeverMax | models.LeverKeepAlive

// Actuator sets the annotations of services in one cluster. It is safe for concurrent use.
type Actuator struct {
	config Config
	client *kubeapi.Client
	waker  *http.Client
	now    func() time.Time

	mu      sync.Mutex
	known   WritesTo
	knownAt time.Time
}

var (
	_ actuators.Actuator  = (*Actuator)(nil)
	_ actuators.Reacher   = (*Actuator)(nil)
	_ actuators.Rehearser = (*Actuator)(nil)
	_ actuators.Sharer    = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It reads no file and makes no request: the cluster is connected to when it is
// first needed. now is the clock for remembering the version of Knative.
func New(name string, config Config, now func() time.Time) (*Actuator, error) {
	if now == nil {
		return nil, fmt.Errorf("actuator %q: a clock is needed: %w", name, models.ErrInvalid)
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	waker := &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		// Any answer will do, and it is not to be followed to anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Actuator{config: config, client: kubeapi.NewClient(config.access()), waker: waker, now: now}, nil
}

// Share implements actuators.Sharer: all that talk to one API server share a budget.
func (a *Actuator) Share(budgets *actuators.Budgets) { a.client.Share(budgets) }

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever { return levers }

// Reach implements actuators.Reacher: Knative keeps the last instance for an hour at most.
func (a *Actuator) Reach(_, want models.Capacity) models.Capacity { return reach(want) }

func reach(want models.Capacity) models.Capacity {
	if d, ok := want.KeepAlive(); ok && d > maxRetention {
		return want.WithKeepAlive(maxRetention)
	}
	return want
}

// Observe implements actuators.Actuator with two requests, and one more every ten minutes for the version of Knative. With
// several active revisions it shows the least of what they have.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	r, err := refOf("observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	s, err := a.look(ctx, r)
	if err != nil {
		return models.Observation{}, err
	}
	return s.observation(), nil
}

// Apply implements actuators.Actuator with what Observe takes and one request for each active revision that has not the
// capacity yet, and two more to wake a service if that is configured and needed. A revision whose annotations somebody
// else changed in between is a conflict; a version that moved on for other reasons is not.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	return a.give(ctx, "apply", target, action, kubeapi.Patch, a.wakeIfAsleep)
}

// Rehearse implements actuators.Rehearser with the requests of Apply, but for those that wake; those that would write say dryRun=All.
func (a *Actuator) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	return a.give(ctx, "rehearse", target, action, kubeapi.CheckPatch, leave)
}

// leave does nothing after a check.
func leave(context.Context, ref, *state, models.Capacity) error { return nil }

// give reads a service, sends what must be changed, and calls done after that.
func (a *Actuator) give(
	ctx context.Context, doing string, target models.Target, action models.Action, send kubeapi.Patcher,
	done func(context.Context, ref, *state, models.Capacity) error,
) error {
	r, err := refOf(doing, target)
	if err != nil {
		return err
	}
	to := action.To
	if !action.Restores { // what was there before is given back exactly
		to = reach(to)
	}
	op := "set " + to.String() + " of " + r.String()
	if err := check(op, to); err != nil || to.Levers() == 0 {
		return err
	}
	var first state
	for try := range tries {
		s, lookErr := a.look(ctx, r)
		if lookErr != nil {
			return lookErr
		}
		if len(s.parts) == 0 {
			return &actuators.Error{Kind: models.KindConflict, Op: op, Err: errors.New("no revision is active yet; wait for the first")}
		}
		if try == 0 {
			first = s
		} else if s.changed(&first, to) {
			return err
		}
		if err = a.write(ctx, op, &s, to, send); err == nil {
			return done(ctx, r, &s, to)
		}
		if actuators.KindOf(err) != models.KindConflict {
			return err
		}
	}
	return err
}

// changed reports whether somebody else gave a revision another capacity since then.
func (s *state) changed(then *state, to models.Capacity) bool {
	for _, p := range s.parts {
		for _, q := range then.parts {
			if p.revision == q.revision && p.have != q.have && !p.have.Satisfies(to) {
				return true
			}
		}
	}
	return false
}

// write gives every active revision the capacity.
func (a *Actuator) write(ctx context.Context, op string, s *state, to models.Capacity, send kubeapi.Patcher) error {
	for i := range s.parts {
		p := &s.parts[i]
		after := p.have.Merge(to)
		warm, _ := after.Warm()
		if most, bounded := after.Max(); bounded && most > 0 && warm > most {
			return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
				"max-scale of %s is %d; raise that or lower max_warm: %w", p.revision, most, models.ErrInvalid)}
		}
	}
	for i := range s.parts {
		p := &s.parts[i]
		if p.have.Satisfies(to) {
			continue
		}
		if p.version == "" {
			return &actuators.Error{Kind: models.KindTransient, Op: op, Err: fmt.Errorf("%s has no PodAutoscaler yet", p.revision)}
		}
		patch := map[string]any{"metadata": map[string]any{"annotations": annotationsOf(to)}}
		if err := send(ctx, a.client, p.holder, p.version, patch); err != nil {
			return err
		}
	}
	return nil
}

// wakeIfAsleep wakes a service whose floor would have no effect.
func (a *Actuator) wakeIfAsleep(ctx context.Context, r ref, s *state, to models.Capacity) error {
	if warm, _ := to.Warm(); warm == 0 || a.config.Wake == WakeNone {
		return nil
	}
	for i := range s.parts {
		if s.parts[i].asleep() {
			return a.wake(ctx, r)
		}
	}
	return nil
}

// refOf reads the reference of a target.
func refOf(op string, target models.Target) (ref, error) {
	r, err := parseRef(target.Ref)
	if err != nil {
		return ref{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	return r, nil
}

// check refuses levers and numbers that Knative does not have.
func check(op string, to models.Capacity) error {
	warm, _ := to.Warm()
	most, bounded := to.Max()
	switch {
	case to.Levers()&^levers != 0:
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"services of Knative have the levers warm, max and keep_alive only: %w", models.ErrInvalid)}
	case warm > math.MaxInt32, most > math.MaxInt32:
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf("the number is more than Knative can count: %w", models.ErrInvalid)}
	case bounded && most == 0:
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf("a max-scale of 0 is no limit in Knative: %w", models.ErrInvalid)}
	}
	return nil
}
