package awslambda_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

const (
	listOp     = "DescribeScalableTargets"
	registerOp = "RegisterScalableTarget"
)

// wantBounds checks the bounds of the scalable target of fn:live.
func (f fixture) wantBounds(t *testing.T, low, high int) {
	t.Helper()
	if l, h, ok := f.Bounds("fn", "live"); !ok || l != low || h != high {
		t.Errorf("the scalable target has the bounds %d to %d (%v), want %d to %d", l, h, ok, low, high)
	}
}

// noWrites checks that nothing is sent that writes.
func (f fixture) noWrites(t *testing.T, what string, do func()) {
	t.Helper()
	before := f.WriteRequests()
	do()
	if n := f.WriteRequests() - before; n != 0 {
		t.Errorf("%s sent %d requests that write, want none", what, n)
	}
}

// noChanges checks that nothing is changed. Requests may still be counted whose answers were lost just before.
func (f fixture) noChanges(t *testing.T, what string, do func()) {
	t.Helper()
	before := f.Writes()
	do()
	if n := f.Writes() - before; n != 0 {
		t.Errorf("%s made %d changes, want none", what, n)
	}
}

// TestOwnedFloorIsTheMinimum follows a raise and a lowering through Application Auto Scaling.
func TestOwnedFloorIsTheMinimum(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 2, 50, false)
	f.settle()
	note := f.want(t, "fn:live", 2, 2, false)
	if !strings.Contains(note, "Application Auto Scaling owns") || !strings.Contains(note, "from 2 to 50") {
		t.Errorf("the note %q does not say who owns the target", note)
	}
	if err := f.apply(t, "fn:live", 20); err != nil {
		t.Fatal(err)
	}
	f.wantBounds(t, 20, 50)
	// Nothing is requested of AWS Lambda before Application Auto Scaling acts, then it is allocated.
	f.want(t, "fn:live", 20, 2, true)
	f.Advance(time.Minute)
	f.want(t, "fn:live", 20, 2, true)
	f.settle()
	f.want(t, "fn:live", 20, 20, false)
	// Without a policy a lower minimum leaves what is provisioned, and that is no change to wait for.
	if err := f.apply(t, "fn:live", 5); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.want(t, "fn:live", 5, 20, false)
	// With keep_one the last one stays.
	if err := f.apply(t, "fn:live", 0); err != nil {
		t.Fatal(err)
	}
	f.wantBounds(t, 1, 50)
	if puts, deletes := f.CallsOf(putOp), f.CallsOf(deleteOp); puts+deletes != 0 {
		t.Errorf("%d puts and %d deletes of provisioned concurrency beside its owner", puts, deletes)
	}
}

// TestOwnedMinimumOfZero needs no delete.
func TestOwnedMinimumOfZero(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.OnZero = awslambda.OnZeroDelete })
	f.Own(t, "fn", "live", 3, 50, true)
	f.settle()
	f.have(t, "fn:live", 0)
	f.wantBounds(t, 0, 50)
	f.want(t, "fn:live", 0, 0, false)
	if n := f.CallsOf(deleteOp); n != 0 {
		t.Errorf("%d deletes beside the owner", n)
	}
}

// TestOwnedMaximum is kept, unless it may be raised.
func TestOwnedMaximum(t *testing.T) {
	t.Parallel()
	for _, raise := range []bool{false, true} {
		f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.AutoScalingRaiseMax = raise })
		f.Own(t, "fn", "live", 2, 10, false)
		f.settle()
		err := f.apply(t, "fn:live", 11)
		if raise {
			if err != nil {
				t.Fatal(err)
			}
			f.wantBounds(t, 11, 11)
			f.settle()
			f.want(t, "fn:live", 11, 11, false)
			continue
		}
		wantKind(t, err, models.KindQuota)
		if err != nil && !strings.Contains(err.Error(), "auto_scaling_raise_max") {
			t.Errorf("error %q gives no advice", err)
		}
		f.wantBounds(t, 2, 10)
		if err := f.apply(t, "fn:live", 10); err != nil {
			t.Errorf("up to the maximum: %v", err)
		}
	}
}

// TestOwnershipBegins has a scalable target registered after the list was read.
func TestOwnershipBegins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.want(t, "fn:live", 0, 0, false)
	f.Own(t, "fn", "live", 2, 50, false)
	f.noWrites(t, "an Apply on what was owned by nobody", func() {
		err := f.apply(t, "fn:live", 5)
		wantKind(t, err, models.KindConflict)
		if err != nil && !strings.Contains(err.Error(), "begun to own") {
			t.Errorf("error %q does not say why", err)
		}
	})
	// It is known now, without waiting for the list to grow old.
	f.want(t, "fn:live", 2, 0, false)
	if err := f.apply(t, "fn:live", 5); err != nil {
		t.Fatal(err)
	}
	f.wantBounds(t, 5, 50)
	f.settle()
	f.want(t, "fn:live", 5, 5, false)
}

// TestOwnerThatDoesNothing is waited for only so long.
func TestOwnerThatDoesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *awslambda.Config, a *awslambdatest.Config) { a.ScalingDelay = time.Hour })
	f.Own(t, "fn", "live", 0, 50, false)
	if err := f.apply(t, "fn:live", 5); err != nil {
		t.Fatal(err)
	}
	f.Advance(4 * time.Minute)
	f.want(t, "fn:live", 5, 0, true)
	f.Advance(time.Minute)
	if note := f.want(t, "fn:live", 5, 0, false); !strings.Contains(note, "scaling activities") {
		t.Errorf("the note %q does not say where to look", note)
	}
	// It acts at last.
	f.Advance(time.Hour)
	f.settle()
	f.want(t, "fn:live", 5, 5, false)
}

// TestOwnershipEnds has it deregistered after the list was read.
func TestOwnershipEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 2, 50, false)
	f.settle()
	f.want(t, "fn:live", 2, 2, false)
	f.Disown(t, "fn", "live")
	f.noWrites(t, "an Apply on what was owned", func() {
		err := f.apply(t, "fn:live", 5)
		wantKind(t, err, models.KindConflict)
		if err != nil && !strings.Contains(err.Error(), "ceased to own") {
			t.Errorf("error %q does not say why", err)
		}
	})
	f.have(t, "fn:live", 5)
	f.want(t, "fn:live", 5, 5, false)
	if n := f.CallsOf(putOp); n != 1 {
		t.Errorf("%d puts, want 1", n)
	}
}

// TestOwnershipEndsDuringTheWrite must not register anew what somebody has just deregistered.
func TestOwnershipEndsDuringTheWrite(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 2, 50, false)
	f.settle()
	f.BeforeAnswer(func(op string) {
		if op == registerOp {
			f.Disown(t, "fn", "live")
		}
	})
	if err := f.apply(t, "fn:live", 5); err == nil {
		t.Error("Apply on a scalable target that was gone returned no error")
	}
	if _, _, ok := f.Bounds("fn", "live"); ok {
		t.Error("the scalable target is registered again")
	}
	f.BeforeAnswer(nil)
	f.have(t, "fn:live", 5)
	f.want(t, "fn:live", 5, 5, false)
}

// TestOwnerChangesTheBounds is seen when the list has grown old, and before each write.
func TestOwnerChangesTheBounds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 2, 50, false)
	f.settle()
	f.want(t, "fn:live", 2, 2, false)
	f.Own(t, "fn", "live", 3, 40, false)
	f.noWrites(t, "an Apply on other bounds", func() { wantKind(t, f.apply(t, "fn:live", 5), models.KindConflict) })
	f.want(t, "fn:live", 3, 2, false)
	f.Own(t, "fn", "live", 4, 40, false)
	f.want(t, "fn:live", 3, 2, false)
	f.settle()
	f.want(t, "fn:live", 4, 4, false)
}

// TestOwnersAreListedOnce counts the requests for many targets, and reads more than one page.
func TestOwnersAreListedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const functions = 120
	for i := range functions {
		name := fmt.Sprintf("own-%03d", i)
		f.AddFunction(t, name, 1)
		f.Own(t, name, "1", i%5, 50, false)
	}
	f.settle()
	for range 2 {
		for i := range functions {
			f.want(t, fmt.Sprintf("own-%03d:1", i), i%5, i%5, false)
		}
	}
	if n := f.CallsOf(listOp); n != 3 {
		t.Errorf("%d requests for 120 scalable targets, want 3 pages", n)
	}
	f.Advance(2 * time.Minute)
	f.want(t, "own-119:1", 4, 4, false)
	if n := f.CallsOf(listOp); n != 6 {
		t.Errorf("%d requests after the list had grown old, want 6", n)
	}
}

// TestOwnersAreListedOnceAtATime lets many observe at once, the first of whom goes away while it reads the list.
func TestOwnersAreListedOnceAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 2, 50, false)
	f.settle()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	f.BeforeAnswer(func(op string) {
		if op == listOp {
			leave()
		}
	})
	// The answer may be quicker than the end of the context.
	if _, err := f.actuator.Observe(ctx, target("fn:live")); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Observe returned %v, want context.Canceled in it", err)
	}
	f.BeforeAnswer(nil)
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() { f.want(t, "fn:live", 2, 2, false) })
	}
	group.Wait()
	// The one that was given up may be counted late, or not at all.
	if n := f.CallsOf(listOp); n < 1 || n > 2 {
		t.Errorf("the list was read %d times by 30 at once, want once", n)
	}
}

// TestOwnerIsIgnored asks nobody.
func TestOwnerIsIgnored(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.AutoScaling = awslambda.AutoScalingIgnore })
	f.have(t, "fn:live", 5)
	f.want(t, "fn:live", 5, 5, false)
	if n := f.CallsOf(listOp, registerOp); n != 0 {
		t.Errorf("%d requests to Application Auto Scaling", n)
	}
}

// TestOwnedFaults makes each request to Application Auto Scaling go wrong: nothing is written, and then it works.
func TestOwnedFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault awslambdatest.Fault
		kind  models.ErrorKind
	}{
		"throttled":     {awslambdatest.Throttled(3 * time.Second), models.KindThrottled},
		"conflict":      {awslambdatest.Conflict(), models.KindConflict},
		"internal":      {awslambdatest.Internal(), models.KindTransient},
		"access denied": {awslambdatest.AccessDenied(), models.KindUnauthorized},
		"expired token": {awslambdatest.ExpiredToken(), models.KindUnauthorized},
		"invalid":       {awslambdatest.InvalidParameter("no such thing"), models.KindInvalid},
		"malformed":     {faulttest.Malformed(), models.KindTransient},
		"half closed":   {faulttest.HalfClosed(), models.KindTransient},
	} {
		for _, op := range []string{listOp, registerOp} {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.Own(t, "fn", "live", 2, 50, true)
				f.settle()
				f.Inject(1, c.fault.On(op))
				before := f.Writes()
				wantKind(t, f.apply(t, "fn:live", 5), c.kind)
				if n := f.Writes() - before; n != 0 {
					t.Errorf("%d writes, want none", n)
				}
				f.wantBounds(t, 2, 50)
				f.have(t, "fn:live", 5)
				f.want(t, "fn:live", 5, 5, false)
			})
		}
	}
}

// TestOwnedLostAnswer loses the answer to a write that happened: the minimum is read anew, and applying again changes nothing more.
func TestOwnedLostAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 2, 50, true)
	f.settle()
	f.want(t, "fn:live", 2, 2, false)
	f.Inject(1, faulttest.HalfClosed().ButDone().On(registerOp))
	wantKind(t, f.apply(t, "fn:live", 5), models.KindTransient)
	f.want(t, "fn:live", 5, 2, true)
	f.noChanges(t, "the same again", func() { f.have(t, "fn:live", 5) })
}

// TestOwnerUnauthorized says what to grant.
func TestOwnerUnauthorized(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Inject(1, awslambdatest.AccessDenied().On(listOp))
	_, err := f.actuator.Observe(t.Context(), target("fn:live"))
	wantKind(t, err, models.KindUnauthorized)
	if err == nil || !strings.Contains(err.Error(), "application-autoscaling:DescribeScalableTargets") {
		t.Errorf("error %v does not say what to grant", err)
	}
}

// TestOwnedAliasWithWeights is refused before the minimum is moved: Application Auto Scaling could not carry it out.
func TestOwnedAliasWithWeights(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 0, 50, false)
	f.PutAlias(t, "fn", "live", "1", map[string]float64{"2": 0.1})
	f.noWrites(t, "an Apply on a split alias", func() { wantKind(t, f.apply(t, "fn:live", 5), models.KindInvalid) })
}

// TestOwnedRoom checks the limits of the account, which Application Auto Scaling would run into later.
func TestOwnedRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *awslambda.Config, a *awslambdatest.Config) { a.AccountLimit = 120 })
	f.Own(t, "fn", "live", 0, 500, false)
	wantKind(t, f.apply(t, "fn:live", 21), models.KindQuota)
	f.have(t, "fn:live", 20)
	f.want(t, "fn:live", 20, 20, false)
}

// TestOwnedPause holds the minimum back as it does the provisioned concurrency.
func TestOwnedPause(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Own(t, "fn", "live", 2, 50, false)
	f.settle()
	asked := 0
	gated := actuators.WithGate(f.actuator, func() error {
		if asked++; asked > 1 {
			return models.ErrPaused
		}
		return nil
	})
	f.noWrites(t, "a paused Apply", func() {
		if err := gated.Apply(t.Context(), target("fn:live"), f.action("fn:live", models.Warm(5))); err == nil {
			t.Error("Apply behind a closed gate returned no error")
		}
	})
	f.wantBounds(t, 2, 50)
}
