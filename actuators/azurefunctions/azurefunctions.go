// Package azurefunctions sets the instances of Azure Functions that are ready before a request comes: always-ready instances
// on Flex Consumption, for each group of functions that scales together, and the minimum of elastic instances on Premium.
//
// A target's Ref is the id of the app in Azure Resource Manager, followed on Flex Consumption by # and the group: http, durable, blob
// or function:NAME. There the whole functionAppConfig is read and written back with only the number changed: Azure
// replaces it as a whole, and what the SDK does not know of it must stay.
//
// The SDK's own retries are off: the decorators of package actuators decide what is tried again.
package azurefunctions

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"pilotlight/actuators"
	"pilotlight/models"
)

// Actuator sets the always-ready instances of function apps on one kind of plan. It is safe for concurrent use.
type Actuator struct {
	config   Config
	client   client
	throttle *throttle
	budgets  *actuators.Budgets
	now      func() time.Time
	running  running
	locks    locks
	cores    cores
}

var (
	_ actuators.Actuator    = (*Actuator)(nil)
	_ actuators.Reacher     = (*Actuator)(nil)
	_ actuators.MemorySizer = (*Actuator)(nil)
	_ actuators.Sharer      = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It makes no request; credentials are looked for, as all Azure tools do, when the
// first one is made. now is the clock for how long Azure asks to wait.
func New(name string, config Config, now func() time.Time) (*Actuator, error) {
	if now == nil {
		return nil, fmt.Errorf("actuator %q: a clock is needed: %w", name, models.ErrInvalid)
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	watch := &throttle{now: now}
	return &Actuator{
		config: config, client: client{config: config, watch: watch}, throttle: watch,
		budgets: actuators.NewBudgets(), now: now,
	}, nil
}

// Share implements actuators.Sharer: Azure counts requests for each subscription, reads and writes apart.
func (a *Actuator) Share(budgets *actuators.Budgets) { a.budgets = budgets }

// reads is the budget of requests that read in the subscription of an app, writes that of those that write.
func (a *Actuator) reads(r app) *rate.Limiter  { return a.bucket(r, "reads", a.config.Requests) }
func (a *Actuator) writes(r app) *rate.Limiter { return a.bucket(r, "writes", a.config.Writes) }

func (a *Actuator) bucket(r app, kind string, config actuators.RateLimitConfig) *rate.Limiter {
	return a.budgets.Bucket(strings.Join([]string{TypeName, a.config.Cloud, a.config.Endpoint, strings.ToLower(r.subscription), kind}, " "), config)
}

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever {
	levers := models.LeverWarm
	if a.config.Memory {
		levers |= models.LeverMemory
	}
	if a.config.Max {
		levers |= models.LeverMax
	}
	return levers
}

// Reach implements actuators.Reacher: memory is rounded up to a size that there is, and a zone-redundant app has no always-ready
// instance or at least 2.
func (a *Actuator) Reach(_, want models.Capacity) models.Capacity {
	if warm, ok := want.Warm(); ok && warm == 1 && a.config.ZoneRedundant {
		want = want.WithWarm(2)
	}
	if mb, ok := want.Memory(); ok {
		want = want.WithMemory(sizeFor(mb))
	}
	return want
}

// Observe implements actuators.Actuator with one request, or two after a change that took longer than Apply waited. How many
// instances are ready is unknown: Azure does not tell it here.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	r, err := a.refOf("observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	s, err := a.get(ctx, r)
	if err != nil {
		return models.Observation{}, err
	}
	obs := models.Observation{Capacity: s.capacity().Only(a.Levers()), Ready: -1, Pending: s.busy}
	pending, failure := a.resume(ctx, r)
	obs.Pending = obs.Pending || pending
	var notes []string
	if obs.Pending {
		notes = append(notes, "Azure is still carrying out an earlier change")
	}
	if failure != "" {
		notes = append(notes, "the last change failed: "+failure)
	}
	obs.Note = strings.Join(append(notes, s.notes...), "; ")
	return obs, nil
}

// Apply implements actuators.Actuator with 2 requests on Flex Consumption, 3 on Premium, and those that follow the operation; 1 if
// nothing is to be changed. While an earlier change is under way any other is refused as a conflict, as Azure would.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	r, err := a.refOf("apply", target)
	if err != nil {
		return err
	}
	if err := a.checkLevers(r, &action); err != nil || action.To.Levers() == 0 {
		return err
	}
	to := action.To
	if !action.Restores { // what was there before is given back exactly, whatever it was
		to = a.Reach(models.Capacity{}, to)
	}
	follow, err := a.change(ctx, r, to)
	if err != nil || follow == nil {
		return err
	}
	return follow()
}

// change reads the app and writes what differs, with nothing else of this process between the two. It returns how to follow the
// operation, nil if nothing was written.
func (a *Actuator) change(ctx context.Context, r ref, to models.Capacity) (follow func() error, err error) {
	op := "set always-ready instances of " + r.String()
	unlock, err := a.locks.lock(ctx, r.key())
	if err != nil {
		return nil, a.classify(ctx, op, err)
	}
	defer unlock()
	have, err := a.get(ctx, r)
	if err != nil || have.capacity().Satisfies(to) {
		return nil, err
	}
	if have.busy {
		return nil, &actuators.Error{
			Kind: models.KindConflict, Op: op,
			Err: errors.New("an earlier change of the app is under way, and Azure would refuse another one; wait until it is done"),
		}
	}
	if a.config.Hosting == HostingPremium {
		warm, _ := to.Warm()
		return nil, a.putPremium(ctx, r, warm)
	}
	return a.putFlex(ctx, r, have, to)
}

// refOf reads the reference of a target.
func (a *Actuator) refOf(op string, target models.Target) (ref, error) {
	r, err := parseRef(target.Ref, a.config)
	if err != nil {
		return ref{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	return r, nil
}

// checkLevers refuses what cannot be asked of any app.
func (a *Actuator) checkLevers(r ref, action *models.Action) error {
	to := action.To
	warm, _ := to.Warm()
	most, hasMax := to.Max()
	mb, _ := to.Memory()
	var err error
	kind := models.KindInvalid
	switch {
	case to.Levers()&^a.Levers() != 0:
		err = fmt.Errorf("%s was asked for, but this actuator has the lever warm, and on Flex Consumption max and memory if they are "+
			"switched on: %w", to, models.ErrInvalid)
	case a.config.Hosting == HostingPremium && warm > maxPremium:
		kind, err = models.KindQuota, fmt.Errorf("%d always-ready instances are more than the %d that Premium allows; lower max_warm", warm, maxPremium)
	case warm > maxFlex || most > maxFlex:
		kind, err = models.KindQuota, fmt.Errorf("%s is more than the %d instances that Flex Consumption allows; lower max_warm", to, maxFlex)
	case hasMax && most < 1:
		err = fmt.Errorf("a maximum of 0 instances is none on Azure; ask for at least 1: %w", models.ErrInvalid)
	case mb > sizes()[len(sizes())-1].mb && !action.Restores:
		err = fmt.Errorf("%d MB are more than the largest instance of Flex Consumption has: %w", mb, models.ErrInvalid)
	case mb > math.MaxInt32:
		err = fmt.Errorf("%d MB cannot be: %w", mb, models.ErrInvalid)
	default:
		return nil
	}
	return &actuators.Error{Kind: kind, Op: "set always-ready instances of " + r.String(), Err: err}
}
