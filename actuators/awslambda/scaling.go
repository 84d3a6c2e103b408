package awslambda

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"pilotlight/actuators"
	"pilotlight/models"
)

// scalable is what Application Auto Scaling says about a version or alias.
type scalable struct {
	owned     bool
	low, high int
}

// observation is what is seen of a version or alias that Application Auto Scaling owns: the floor is its minimum. moved says that the minimum
// was moved so lately that Application Auto Scaling may not have acted on it.
func (s scalable) observation(now state, moved bool) models.Observation {
	obs := now.observation()
	obs.Capacity = models.Warm(s.low)
	// Its own moves above the minimum are none of ours to wait for, and one that never comes must not be waited for.
	obs.Pending = now.available < s.low && (now.inProgress() || moved && now.requested < s.low)
	note := fmt.Sprintf("Application Auto Scaling owns the provisioned concurrency, from %d to %d, and its minimum is moved; %d are requested now",
		s.low, s.high, now.requested)
	if obs.Note != "" {
		note += "; " + obs.Note
	} else if now.requested < s.low && !obs.Pending {
		note += ", and it does not act on its minimum: look at its scaling activities"
	}
	obs.Note = note
	return obs
}

// scalables remembers what Application Auto Scaling owns in an account and region.
type scalables struct {
	// reading is held by the one who reads the list, so that the others wait for it instead of reading it too.
	reading chan struct{}

	mu    sync.Mutex
	known bool
	read  time.Time
	of    map[string]scalable
	// doubtful are those about which something was asked whose outcome is not known.
	doubtful map[string]bool
	// moved is when the minimum of a resource was moved.
	moved map[string]time.Time
}

// actsWithin is how long Application Auto Scaling may take to act on a new minimum before that is no longer waited for.
const actsWithin = 5 * time.Minute

// move remembers what a resource is since its minimum was moved.
func (c *scalables) move(id string, s scalable, at time.Time) {
	c.note(id, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved == nil {
		c.moved = make(map[string]time.Time)
	}
	c.moved[id] = at
}

// movedLately reports whether the minimum of a resource was moved so lately that it may not have been acted on.
func (c *scalables) movedLately(id string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.moved[id]
	if ok && now.Sub(at) >= actsWithin {
		delete(c.moved, id)
		ok = false
	}
	return ok
}

// lookup returns what is remembered of a resource, if the list was read at notBefore or later.
func (c *scalables) lookup(id string, notBefore time.Time) (s scalable, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[id], c.known && !c.read.Before(notBefore) && !c.doubtful[id]
}

// fresh reports whether the list was read at notBefore or later.
func (c *scalables) fresh(notBefore time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known && !c.read.Before(notBefore)
}

// set remembers the whole list.
func (c *scalables) set(of map[string]scalable, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.of, c.read, c.doubtful = true, of, at, make(map[string]bool)
}

// note remembers what is known of one resource from now on.
func (c *scalables) note(id string, s scalable) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		c.of[id] = s
		delete(c.doubtful, id)
	}
}

// doubt has a resource looked at anew.
func (c *scalables) doubt(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		c.doubtful[id] = true
	}
}

// resourceID is how Application Auto Scaling names a version or alias.
func resourceID(r ref) string {
	parts := strings.Split(r.function, ":")
	return "function:" + parts[len(parts)-1] + ":" + r.qualifier
}

// owner returns whether Application Auto Scaling owns a version or alias. The list of all is read at most once in its time for all
// targets.
func (a *Actuator) owner(ctx context.Context, r ref) (scalable, error) {
	if a.config.AutoScaling == AutoScalingIgnore {
		return scalable{}, nil
	}
	const op = "list what Application Auto Scaling owns"
	shared, err := a.area(ctx)
	if err != nil {
		return scalable{}, a.classify(ctx, op, err)
	}
	c, id, ttl := &shared.scalables, resourceID(r), a.config.AutoScalingTTL.Std()
	if s, ok := c.lookup(id, a.now().Add(-ttl)); ok {
		return s, nil
	}
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-ctx.Done():
		return scalable{}, a.classify(ctx, op, actuators.Ended(ctx))
	}
	now := a.now()
	if c.fresh(now.Add(-ttl)) {
		// Somebody else has read it meanwhile, or only this one is in doubt.
		if s, ok := c.lookup(id, now.Add(-ttl)); ok {
			return s, nil
		}
		return a.askOwner(ctx, c, id)
	}
	of, err := a.listScalables(ctx, op)
	if err != nil {
		return scalable{}, err
	}
	s := of[id] // before others can change the map
	c.set(of, now)
	return s, nil
}

// listScalables reads all scalable targets of AWS Lambda in the account and region.
func (a *Actuator) listScalables(ctx context.Context, op string) (map[string]scalable, error) {
	of := make(map[string]scalable)
	var next *string
	for {
		out, err := a.describe(ctx, op, &applicationautoscaling.DescribeScalableTargetsInput{MaxResults: aws.Int32(50), NextToken: next})
		if err != nil {
			return nil, err
		}
		for i := range out.ScalableTargets {
			of[aws.ToString(out.ScalableTargets[i].ResourceId)] = scalableOf(&out.ScalableTargets[i])
		}
		if next = out.NextToken; aws.ToString(next) == "" {
			return of, nil
		}
	}
}

// askOwner asks about one version or alias, and remembers the answer.
func (a *Actuator) askOwner(ctx context.Context, c *scalables, id string) (scalable, error) {
	out, err := a.describe(ctx, "ask whether Application Auto Scaling owns "+id,
		&applicationautoscaling.DescribeScalableTargetsInput{ResourceIds: []string{id}})
	if err != nil {
		return scalable{}, err
	}
	s := scalable{}
	for i := range out.ScalableTargets {
		if aws.ToString(out.ScalableTargets[i].ResourceId) == id {
			s = scalableOf(&out.ScalableTargets[i])
		}
	}
	c.note(id, s)
	return s, nil
}

// describe sends one request for scalable targets.
func (a *Actuator) describe(
	ctx context.Context, op string, input *applicationautoscaling.DescribeScalableTargetsInput,
) (*applicationautoscaling.DescribeScalableTargetsOutput, error) {
	input.ServiceNamespace = types.ServiceNamespaceLambda
	input.ScalableDimension = types.ScalableDimensionLambdaFunctionProvisionedConcurrency
	out, err := requestAt(ctx, a.link, ofScaling, op, func(ctx context.Context) (*applicationautoscaling.DescribeScalableTargetsOutput, error) {
		return a.scaling.DescribeScalableTargets(ctx, input)
	})
	if err != nil && actuators.KindOf(err) == models.KindUnauthorized {
		err = fmt.Errorf("%w (grant application-autoscaling:DescribeScalableTargets, or set auto_scaling: ignore)", err)
	}
	return out, err
}

func scalableOf(t *types.ScalableTarget) scalable {
	return scalable{owned: true, low: int(aws.ToInt32(t.MinCapacity)), high: int(aws.ToInt32(t.MaxCapacity))}
}

// sameOwner looks once more before a write whether a version or alias still belongs to whom it was seen to belong, with the same bounds. If
// it does not, the write is refused as a conflict and the next decision is made on what there is now.
func (a *Actuator) sameOwner(ctx context.Context, r ref, seen scalable) error {
	if a.config.AutoScaling == AutoScalingIgnore {
		return nil
	}
	op := "set provisioned concurrency of " + r.String()
	shared, err := a.area(ctx)
	if err != nil {
		return a.classify(ctx, op, err)
	}
	now, err := a.askOwner(ctx, &shared.scalables, resourceID(r))
	switch {
	case err != nil:
		return err
	case now == seen:
		return nil
	case now.owned && !seen.owned:
		return refused(models.KindConflict, op, "Application Auto Scaling has begun to own it; from now on its minimum is moved instead")
	case seen.owned && !now.owned:
		return refused(models.KindConflict, op, "Application Auto Scaling has ceased to own it; from now on the provisioned concurrency is set")
	}
	return refused(models.KindConflict, op, "somebody has changed the bounds of Application Auto Scaling from %d and %d to %d and %d",
		seen.low, seen.high, now.low, now.high)
}

// applyMinimum moves the minimum of a scalable target. Application Auto Scaling then raises the provisioned concurrency to it; it goes
// down again when its policies say so.
func (a *Actuator) applyMinimum(ctx context.Context, r ref, owner scalable, have state, warm int, exact bool) error {
	want := warm
	if !exact {
		want = a.reach(owner.low, warm)
	}
	if want == owner.low && !have.failed() {
		return nil
	}
	op := "move the minimum of Application Auto Scaling for " + r.String()
	next := owner
	next.low = want
	if want > owner.high {
		if !a.config.AutoScalingRaiseMax {
			return refused(models.KindQuota, op, "%d warm instances are more than its maximum %d; raise that, set auto_scaling_raise_max, or lower max_warm",
				want, owner.high)
		}
		next.high = want
	}
	if err := a.sameOwner(ctx, r, owner); err != nil {
		return err
	}
	if err := a.checkAlias(ctx, r, have); err != nil {
		return err
	}
	giveBack, err := a.takeRoom(ctx, r, have.requested, want)
	if err != nil {
		return err
	}
	if err := a.register(ctx, op, resourceID(r), owner, next); err != nil {
		giveBack()
		return err
	}
	return nil
}

// register changes the bounds of a scalable target. Only what changes is sent: without both bounds AWS refuses to register anew what
// somebody has deregistered meanwhile.
func (a *Actuator) register(ctx context.Context, op, id string, have, next scalable) error {
	input := &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace:  types.ServiceNamespaceLambda,
		ScalableDimension: types.ScalableDimensionLambdaFunctionProvisionedConcurrency,
		ResourceId:        aws.String(id),
		MinCapacity:       aws.Int32(int32(next.low)), //nolint:gosec // check has seen the range
	}
	if next.high != have.high {
		input.MaxCapacity = aws.Int32(int32(next.high)) //nolint:gosec // check has seen the range
	}
	shared, err := a.area(ctx)
	if err != nil {
		return a.classify(ctx, op, err)
	}
	_, err = writeAt(ctx, a.link, ofScaling, op, func(ctx context.Context) (*applicationautoscaling.RegisterScalableTargetOutput, error) {
		return a.scaling.RegisterScalableTarget(ctx, input)
	})
	shared.scalables.move(id, next, a.now())
	if err != nil {
		// It may have happened all the same.
		shared.scalables.doubt(id)
	}
	return err
}
