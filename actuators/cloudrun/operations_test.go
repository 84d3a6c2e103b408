package cloudrun_test

import (
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// waiting lets Apply follow operations to their end.
func waiting() edit {
	return with(func(c *cloudrun.Config) { c.OperationWait = models.Duration(time.Minute) })
}

// advanceAtLook moves the clock on by a step at each look at an operation.
func (f fixture) advanceAtLook(step time.Duration) {
	f.BeforeAnswer(func(op string) {
		if op == cloudruntest.OpOperation {
			f.Advance(step)
		}
	})
}

// TestFollowsOperation returns when the operation has ended.
func TestFollowsOperation(t *testing.T) {
	t.Parallel()
	f := newFixture(t, waiting())
	f.advanceAtLook(2 * time.Second)
	if err := f.apply(t, shop, models.Warm(5)); err != nil {
		t.Fatal(err)
	}
	if n := f.CallsOf(cloudruntest.OpOperation); n != 3 {
		t.Errorf("%d looks at an operation of 5 seconds every 2, want 3", n)
	}
	f.want(t, shop, models.Warm(5), false)
	if n := f.CallsOf(cloudruntest.OpOperation); n != 3 {
		t.Error("Observe asked for an operation that had ended")
	}
}

// TestOperationFails returns the error of the operation, with its kind.
func TestOperationFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code    int
		message string
		kind    models.ErrorKind
	}{
		"quota":       {8, "Quota exceeded for total allowable CPU per project per region.", models.KindThrottled},
		"invalid":     {3, "The container failed to start.", models.KindInvalid},
		"limit":       {3, "Quota violated: CpuAllocPerProjectRegion", models.KindQuota},
		"internal":    {13, "Internal error", models.KindTransient},
		"aborted":     {10, "superseded", models.KindConflict},
		"unknown":     {99, "", models.KindTransient},
		"unavailable": {14, "try again", models.KindTransient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, waiting())
			f.advanceAtLook(time.Minute)
			f.FailNext(shop, c.code, c.message)
			err := f.apply(t, shop, models.Warm(5))
			wantKind(t, err, c.kind)
			if err != nil && !strings.Contains(err.Error(), c.message) {
				t.Errorf("error %q does not say %q", err, c.message)
			}
			if n := f.CallsOf(cloudruntest.OpPatch); n != 1 {
				t.Errorf("%d writes were sent, want 1", n)
			}
		})
	}
}

// TestOperationOutlastsApply returns once the write is accepted; Observe then shows that it runs, and at last how it failed.
func TestOperationOutlastsApply(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.FailNext(shop, 13, "no machine is free")
	if err := f.apply(t, shop, models.Warm(5)); err != nil {
		t.Fatal(err)
	}
	f.want(t, shop, models.Warm(5), true)
	f.settle()
	for range 2 {
		if note := f.want(t, shop, models.Warm(5), false); strings.Count(note, "no machine is free") != 1 {
			t.Errorf("the note %q does not say how the change failed", note)
		}
	}
	if n := f.CallsOf(cloudruntest.OpOperation); n != 1 {
		t.Errorf("%d looks at the operation, want 1", n)
	}
	// The next change that succeeds ends it.
	f.have(t, shop, models.Warm(6))
	if note := f.want(t, shop, models.Warm(6), false); note != "" {
		t.Errorf("the note after a success is %q", note)
	}
}

// TestRestart shows a change that another process began: all that is needed stands in the service.
func TestRestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.FailNext(shop, 13, "no machine is free")
	if err := f.apply(t, shop, models.Warm(5)); err != nil {
		t.Fatal(err)
	}
	config := cloudrun.DefaultConfig()
	config.Endpoint, config.CredentialsFile = f.URL(), f.CredentialsFile(t)
	var err error
	if f.actuator, err = cloudrun.New("run", config, f.Now); err != nil {
		t.Fatal(err)
	}
	f.want(t, shop, models.Warm(5), true)
	f.settle()
	if note := f.want(t, shop, models.Warm(5), false); !strings.Contains(note, "no machine is free") {
		t.Errorf("the note %q does not say how the change failed", note)
	}
}

// TestLooksFail fails the looks at an operation: the write was accepted all the same.
func TestLooksFail(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cloudruntest.Fault{
		"internal": cloudruntest.Internal(), "gone": cloudruntest.NotFound(), "denied": cloudruntest.Denied(),
		"half closed": faulttest.HalfClosed(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, waiting())
			f.Inject(1, fault.On(cloudruntest.OpOperation))
			if err := f.apply(t, shop, models.Warm(5)); err != nil {
				t.Fatal(err)
			}
			f.want(t, shop, models.Warm(5), true)
			f.settle()
			f.ForgetOperations()
			f.want(t, shop, models.Warm(5), false)
			before := f.CallsOf(cloudruntest.OpOperation)
			f.want(t, shop, models.Warm(5), false)
			if n := f.CallsOf(cloudruntest.OpOperation) - before; n != 0 {
				t.Errorf("an operation that is gone was asked for %d times more", n)
			}
		})
	}
}

// TestRehearse lets Google check changes: nothing is written, also by an action that has expired.
func TestRehearse(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *cloudrun.Config, server *cloudruntest.Config) { server.MaxInstances = 100 })
	rehearse := func(n int) error {
		return f.actuator.Rehearse(t.Context(), target(shop), f.action(shop, models.Warm(n)))
	}
	if err := rehearse(5); err != nil {
		t.Errorf("an acceptable change: %v", err)
	}
	wantKind(t, rehearse(101), models.KindQuota)
	f.Inject(1, cloudruntest.Denied().On(cloudruntest.OpPatch))
	wantKind(t, rehearse(5), models.KindUnauthorized)
	if n := f.CallsOf(cloudruntest.OpPatch); n != 3 {
		t.Errorf("%d changes were checked, want 3", n)
	}
	if err := rehearse(0); err != nil || f.CallsOf(cloudruntest.OpPatch) != 3 {
		t.Errorf("nothing to change: %v", err)
	}
	if n := f.Writes(); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
	f.want(t, shop, models.Warm(0), false)
	if err := f.actuator.Rehearse(t.Context(), target("nothing/like it"), f.action(shop, models.Warm(1))); actuators.KindOf(err) != models.KindInvalid {
		t.Errorf("a ref that cannot be: %v", err)
	}
}
