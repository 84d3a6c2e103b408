// Package cloudrun sets the minimum instances of services on Google Cloud Run, and so of Cloud Run functions (Cloud Functions of
// the second generation), each of which is a service: how many instances are kept ready although no request is there.
//
// A target's Ref is projects/P/locations/R/services/S, or .../functions/F. The floor is the one of the service
// (scaling.minInstanceCount), whose change takes effect without a new revision; Google divides it among the revisions
// by their share of the traffic. The greatest number of instances is a second lever for those who want it.
//
// Each write names the fields it changes and the version (etag) that was read, so that it can neither touch anything else nor
// overwrite what somebody changed meanwhile. Writes are long-running operations: Apply follows one for a bounded time, and
// Observe shows how it ended if that took longer.
package cloudrun

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"pilotlight/actuators"
	"pilotlight/models"
)

// Actuator sets the scaling of services. It is safe for concurrent use.
type Actuator struct {
	config  Config
	client  client
	budgets *actuators.Budgets
	now     func() time.Time
	running running
}

var (
	_ actuators.Actuator  = (*Actuator)(nil)
	_ actuators.Rehearser = (*Actuator)(nil)
	_ actuators.Sharer    = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It makes no request; credentials are looked for, as all Google tools do, when
// the first one is made. now is the clock for dates that the service asks to wait for.
func New(name string, config Config, now func() time.Time) (*Actuator, error) {
	if now == nil {
		return nil, fmt.Errorf("actuator %q: a clock is needed: %w", name, models.ErrInvalid)
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	return &Actuator{
		config: config, client: client{config: config}, budgets: actuators.NewBudgets(), now: now,
	}, nil
}

// Share implements actuators.Sharer: Google counts requests for each project and region, reads and writes apart.
func (a *Actuator) Share(budgets *actuators.Budgets) { a.budgets = budgets }

// reads is the budget of requests that read in the project and region of a service, writes that of those that write.
func (a *Actuator) reads(r ref) *rate.Limiter  { return a.bucket(r, "reads", a.config.Requests) }
func (a *Actuator) writes(r ref) *rate.Limiter { return a.bucket(r, "writes", a.config.Writes) }

func (a *Actuator) bucket(r ref, kind string, config actuators.RateLimitConfig) *rate.Limiter {
	return a.budgets.Bucket(strings.Join([]string{TypeName, a.config.Endpoint, r.project, r.region, kind}, " "), config)
}

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever {
	if a.config.Max == MaxOff {
		return models.LeverWarm
	}
	return models.LeverWarm | models.LeverMax
}

// Observe implements actuators.Actuator with one request, or two after a change that took longer than Apply waited. The floor
// is what the service is to have, also while Cloud Run is still carrying it out, which Pending says. How many instances are
// ready is unknown: the API does not tell.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	r, err := a.refOf("observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	now, err := a.get(ctx, r)
	if err != nil {
		return models.Observation{}, err
	}
	obs := now.observation(a.config.Max)
	// What the service says about the failure is as good as what the operation says.
	if note := a.resume(ctx, r, now.reconciling); note != "" && now.failure == "" {
		obs.Note = strings.Join(append([]string{note}, now.notes()...), "; ")
	}
	return obs, nil
}

// Apply implements actuators.Actuator with 2 requests and those that follow the operation, or 1 if nothing is to be changed.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	return a.give(ctx, "apply", target, action, a.patch)
}

// Rehearse implements actuators.Rehearser with 2 requests, or 1 if nothing is to be changed; the second says validateOnly, so that
// Google checks permissions, values and quota and changes nothing.
func (a *Actuator) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	return a.give(ctx, "rehearse", target, action, a.check)
}

// give reads a service and sends what must be changed, if anything.
func (a *Actuator) give(
	ctx context.Context, op string, target models.Target, action models.Action, send func(context.Context, ref, change) error,
) error {
	r, err := a.refOf(op, target)
	if err != nil {
		return err
	}
	if err := a.checkLevers(r, action.To); err != nil || action.To.Levers() == 0 {
		return err
	}
	have, err := a.get(ctx, r)
	if err != nil {
		return err
	}
	change, err := have.change(action.To, a.config.Max, action.Restores)
	if err != nil {
		return &actuators.Error{Kind: actuators.KindOf(err), Op: "set scaling of " + r.String(), Err: err}
	}
	if len(change.mask) == 0 {
		return nil
	}
	return send(ctx, r, change)
}

// refOf reads the reference of a target.
func (a *Actuator) refOf(op string, target models.Target) (ref, error) {
	r, err := parseRef(target.Ref, a.config.Project, a.config.Region)
	if err != nil {
		return ref{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	return r, nil
}

// checkLevers refuses what cannot be asked of any service.
func (a *Actuator) checkLevers(r ref, to models.Capacity) error {
	warm, _ := to.Warm()
	most, hasMax := to.Max()
	var err error
	switch {
	case to.Levers()&^a.Levers() != 0 && to.Levers().Has(models.LeverMax):
		err = fmt.Errorf("%s was asked for, but the lever max is off here; set max to service or revision: %w", to, models.ErrInvalid)
	case to.Levers()&^a.Levers() != 0:
		err = fmt.Errorf("%s was asked for, but Cloud Run has the levers warm and max only: %w", to, models.ErrInvalid)
	case warm > math.MaxInt32 || most > math.MaxInt32:
		err = fmt.Errorf("%s is more than Cloud Run can count: %w", to, models.ErrInvalid)
	case hasMax && most == 0:
		err = fmt.Errorf("a maximum of 0 would be no bound on Cloud Run; ask for at least 1: %w", models.ErrInvalid)
	default:
		return nil
	}
	return &actuators.Error{Kind: models.KindInvalid, Op: "set scaling of " + r.String(), Err: err}
}
