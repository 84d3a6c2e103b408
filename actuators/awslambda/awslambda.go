// Package awslambda sets the capacity of AWS Lambda functions: the provisioned concurrency of versions and aliases, which is the
// number of execution environments that are initialised before a request comes; where asked for, the reserved concurrency and the
// memory of functions, and the scaling of SQS event source mappings.
//
// A target's Ref is function:alias, function:version, or an ARN that ends in an alias or version. Nothing of a raise is usable before
// all of it is allocated, which takes about two minutes and one more for every 6,000 instances, so a raise that is under way is
// never replaced by another. Where Application Auto Scaling owns the provisioned concurrency, its minimum is moved instead.
//
// The SDK's own retries are off: the decorators of package actuators decide what is tried again. All actuators of an account and region
// share a token bucket, because its control plane allows 15 requests per second.
package awslambda

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// Actuator sets the capacity of functions in one account and region. It is safe for concurrent use.
type Actuator struct {
	*link
	config Config
	// poll is how often an update is looked at while Apply waits for it.
	poll time.Duration
	// limit is the concurrency of the account as last seen, 0 if it was never read.
	limit atomic.Int64
	marks marks
}

var (
	_ actuators.Actuator      = (*Actuator)(nil)
	_ actuators.Reacher       = (*Actuator)(nil)
	_ actuators.InstanceRater = (*Actuator)(nil)
	_ actuators.MemorySizer   = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It reads the environment and the shared configuration files of AWS as all AWS
// tools do, and makes no request.
func New(ctx context.Context, name string, config Config, deps Deps) (*Actuator, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	l, err := connect(ctx, config.Connection, config.AutoScalingEndpoint, deps)
	if err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	return &Actuator{link: l, config: config, poll: config.MemoryWait.Std() / pollsPerWait}, nil
}

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever {
	levers := models.LeverWarm
	if a.config.ReservedConcurrency {
		levers |= models.LeverMax
	}
	if a.config.ApplyMemory {
		levers |= models.LeverMemory
	}
	return levers
}

// Reach implements actuators.Reacher: with keep_one, a target that has warm instances keeps one when none is wanted, and a maximum
// that the whole account does not have shows as all that it has.
func (a *Actuator) Reach(have, want models.Capacity) models.Capacity {
	if n, ok := want.Warm(); ok {
		current, _ := have.Warm()
		want = want.WithWarm(a.reach(current, n))
	}
	if n, ok := want.Max(); ok && a.limit.Load() > 0 {
		want = want.WithMax(min(n, int(a.limit.Load())))
	}
	return want
}

// reach returns the floor to set when want is wanted.
func (a *Actuator) reach(have, want int) int {
	if want == 0 && have > 0 && a.config.OnZero == OnZeroKeepOne {
		return 1
	}
	return want
}

// Observe implements actuators.Actuator with one request, and one more for each of the levers max and memory. The floor is what was
// requested, also while it is being allocated and after that failed, or the minimum of a scalable target; Ready says how many
// instances there really are.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	r, err := a.refOf("observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	now, err := a.get(ctx, r)
	if err != nil {
		return models.Observation{}, err
	}
	owner, err := a.owner(ctx, r)
	if err != nil {
		return models.Observation{}, err
	}
	obs := now.observation()
	if owner.owned {
		shared, err := a.area(ctx)
		if err != nil {
			return models.Observation{}, a.classify(ctx, "observe", err)
		}
		obs = owner.observation(now, shared.scalables.movedLately(resourceID(r), a.now()))
	}
	if a.config.ReservedConcurrency {
		most, err := a.most(ctx, r)
		if err != nil {
			return models.Observation{}, err
		}
		obs.Capacity = obs.Capacity.WithMax(most)
	}
	if a.config.ApplyMemory {
		live, err := a.configuration(ctx, r, r.qualifier)
		if err != nil {
			return models.Observation{}, err
		}
		obs.Capacity = obs.Capacity.WithMemory(live.memory())
	}
	if note := a.marks.note(r.function); note != "" {
		obs.Note = strings.TrimPrefix(obs.Note+"; "+note, "; ")
	}
	return obs, nil
}

// Apply implements actuators.Actuator. Memory comes first, since it moves the alias and all that is provisioned on it; a maximum rises
// before the floor and falls after it. What already is as asked for costs reads only.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	r, err := a.refOf("apply", target)
	if err != nil {
		return err
	}
	if err := a.give(ctx, r, &action); err != nil || action.To.Levers() == 0 {
		return err
	}
	a.mark(ctx, r, action.Restores)
	return nil
}

// give sets the levers of an action.
func (a *Actuator) give(ctx context.Context, r ref, action *models.Action) error {
	if err := a.check(r, action.To); err != nil {
		return err
	}
	if err := a.checkMemory(r, action.To); err != nil {
		return err
	}
	if mb, ok := action.To.Memory(); ok {
		if err := a.applyMemory(ctx, r, mb); err != nil {
			return err
		}
	}
	most, bounded := action.To.Max()
	if bounded {
		if err := a.applyMax(ctx, r, most, rising); err != nil {
			return err
		}
	}
	if warm, ok := action.To.Warm(); ok {
		if err := a.applyWarm(ctx, r, warm, action.Restores); err != nil {
			return err
		}
	}
	if bounded {
		return a.applyMax(ctx, r, most, falling)
	}
	return nil
}

// applyWarm sets the floor with 1 request if nothing is to be changed, else 3 to 7. While an earlier change is being allocated
// any other is refused as a conflict. The same capacity is put again only after its allocation failed. What was there before Pilotlight is
// given back exactly, also none.
func (a *Actuator) applyWarm(ctx context.Context, r ref, warm int, exact bool) error {
	have, err := a.get(ctx, r)
	if err != nil {
		return err
	}
	owner, err := a.owner(ctx, r)
	if err != nil {
		return err
	}
	if owner.owned {
		return a.applyMinimum(ctx, r, owner, have, warm, exact)
	}
	want := warm
	if !exact {
		want = a.reach(have.requested, warm)
	}
	op := "set provisioned concurrency of " + r.String()
	switch {
	case want == have.requested && !have.failed():
		return nil
	case have.inProgress():
		return refused(models.KindConflict, op, "%d of %d warm instances are allocated, and a new request would begin anew; wait until it is done",
			have.allocated, have.requested)
	}
	if err := a.sameOwner(ctx, r, owner); err != nil {
		return err
	}
	if want == 0 {
		return a.remove(ctx, r)
	}
	return a.raiseOrLower(ctx, r, have, want)
}

// raiseOrLower checks what the service would refuse, to say it better, then puts the new floor.
func (a *Actuator) raiseOrLower(ctx context.Context, r ref, have state, want int) error {
	if err := a.checkAlias(ctx, r, have); err != nil {
		return err
	}
	giveBack, err := a.takeRoom(ctx, r, have.requested, want)
	if err != nil {
		return err
	}
	if err := a.put(ctx, r, want); err != nil {
		giveBack()
		return err
	}
	return nil
}

// checkAlias looks whether an alias can have provisioned concurrency; a version always can.
func (a *Actuator) checkAlias(ctx context.Context, r ref, have state) error {
	if !r.isAlias() {
		return nil
	}
	points, err := a.getAlias(ctx, r)
	if err != nil {
		return err
	}
	return points.check("set provisioned concurrency of "+r.String(), have.inProgress())
}

// refOf reads the reference of a target.
func (a *Actuator) refOf(op string, target models.Target) (ref, error) {
	r, err := parseRef(target.Ref)
	if err == nil && r.region != "" && r.region != a.region {
		err = fmt.Errorf("ref %q is in region %s, but this actuator works in %s; give the target an actuator of its region: %w",
			target.Ref, r.region, a.region, models.ErrInvalid)
	}
	if err != nil {
		return ref{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	return r, nil
}

// check refuses a capacity that the actuator cannot set on any function.
func (a *Actuator) check(r ref, to models.Capacity) error {
	warm, hasWarm := to.Warm()
	most, hasMost := to.Max()
	op := "set capacity of " + r.String()
	switch {
	case to.Levers()&^a.Levers() != 0:
		return refused(models.KindInvalid, op, "%s was asked for, but this actuator has the lever warm, and max and memory only where "+
			"reserved_concurrency and apply_memory are set", to)
	case max(warm, most) > math.MaxInt32:
		return refused(models.KindInvalid, op, "%d is more than AWS Lambda can count", max(warm, most))
	case hasMost && most < 1:
		return refused(models.KindInvalid, op, "a reserved concurrency of 0 would stop the function; ask for at least 1")
	case hasMost && hasWarm && warm > most:
		return refused(models.KindInvalid, op, "%d warm instances are more than the reserved concurrency %d that is to be set", warm, most)
	}
	return nil
}

// checkMemory refuses a memory that no function can have, and one for what cannot change.
func (a *Actuator) checkMemory(r ref, to models.Capacity) error {
	mb, ok := to.Memory()
	op := "set memory of " + r.String()
	switch {
	case !ok:
		return nil
	case mb < minMemory || mb > maxMemory:
		return refused(models.KindInvalid, op, "memory %d MB is not from %d to %d", mb, minMemory, maxMemory)
	case !r.isAlias():
		return refused(models.KindInvalid, op, "a published version keeps its memory for good; name an alias, which can move to another version")
	}
	return nil
}
