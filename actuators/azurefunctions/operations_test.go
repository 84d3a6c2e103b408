package azurefunctions_test

import (
	"strings"
	"testing"
	"time"

	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/azurefunctions/azurefunctionstest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// waiting lets Apply follow operations to their end.
func waiting(c *azurefunctions.Config) { c.OperationWait = models.Duration(time.Minute) }

// advanceAtLook moves the clock on by a step at each look at an operation.
func (f fixture) advanceAtLook(step time.Duration) {
	f.BeforeAnswer(func(op string) {
		if op == azurefunctionstest.OpOperation {
			f.Advance(step)
		}
	})
}

// styles are the ways in which Azure lets operations be followed.
func styles() map[string]bool { return map[string]bool{"async operation": false, "location": true} }

// TestFollowsOperation returns when the operation has ended.
func TestFollowsOperation(t *testing.T) {
	t.Parallel()
	for name, locationOnly := range styles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, with(waiting), func(_ *azurefunctions.Config, server *azurefunctionstest.Config) { server.LocationOnly = locationOnly })
			f.advanceAtLook(4 * time.Second)
			if err := f.apply(t, shop, models.Warm(5)); err != nil {
				t.Fatal(err)
			}
			if n := f.CallsOf(azurefunctionstest.OpOperation); n != 3 {
				t.Errorf("%d looks at an operation of 10 seconds every 4, want 3", n)
			}
			f.want(t, shop, models.Warm(5), false)
			if n := f.CallsOf(azurefunctionstest.OpOperation, azurefunctionstest.OpGet); n != 5 {
				t.Errorf("%d reads, want 2 of the app and 3 of the operation", n)
			}
		})
	}
}

// TestOperationFails returns the error of the operation, with its kind.
func TestOperationFails(t *testing.T) {
	t.Parallel()
	for style, locationOnly := range styles() {
		for code, kind := range map[string]models.ErrorKind{
			"QuotaExceeded": models.KindQuota, "BadRequest": models.KindInvalid, "InternalServerError": models.KindTransient,
			"Conflict": models.KindConflict,
		} {
			t.Run(style+"/"+code, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, with(waiting), func(_ *azurefunctions.Config, server *azurefunctionstest.Config) {
					server.LocationOnly = locationOnly
				})
				f.advanceAtLook(time.Minute)
				f.FailNext("shop", code, "no machine is free")
				err := f.apply(t, shop, models.Warm(5))
				wantKind(t, err, kind)
				if err != nil && !strings.Contains(err.Error(), "no machine is free") {
					t.Errorf("error %q does not say why", err)
				}
				f.want(t, shop, models.Warm(0), false)
			})
		}
	}
}

// TestOperationOutlastsApply returns once the write is accepted; Observe then shows that it runs, and at last how it failed.
func TestOperationOutlastsApply(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.FailNext("shop", "InternalServerError", "no machine is free")
	if err := f.apply(t, shop, models.Warm(5)); err != nil {
		t.Fatal(err)
	}
	f.want(t, shop, models.Warm(5), true)
	f.settle()
	for range 2 {
		if note := f.want(t, shop, models.Warm(0), false); !strings.Contains(note, "no machine is free") {
			t.Errorf("the note %q does not say how the change failed", note)
		}
	}
	// The next change that succeeds ends it.
	f.have(t, shop, models.Warm(6))
	if note := f.want(t, shop, models.Warm(6), false); note != "" {
		t.Errorf("the note after a success is %q", note)
	}
}

// TestRestart shows a change that another process began: the app itself says that one is under way.
func TestRestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.apply(t, shop, models.Warm(5)); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.actuator, err = azurefunctions.New("azure", f.config, f.Now); err != nil {
		t.Fatal(err)
	}
	f.want(t, shop, models.Warm(5), true)
	wantKind(t, f.apply(t, shop, models.Warm(6)), models.KindConflict)
	f.settle()
	f.want(t, shop, models.Warm(5), false)
}

// TestLooksFail fails the looks at an operation: the write was accepted all the same.
func TestLooksFail(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]azurefunctionstest.Fault{
		"internal": azurefunctionstest.Internal(), "gone": azurefunctionstest.NotFound(), "denied": azurefunctionstest.Denied(),
		"throttled": azurefunctionstest.Throttled(0), "half closed": faulttest.HalfClosed(), "malformed": faulttest.Malformed(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, with(waiting))
			f.Inject(1, fault.On(azurefunctionstest.OpOperation))
			if err := f.apply(t, shop, models.Warm(5)); err != nil {
				t.Fatal(err)
			}
			f.want(t, shop, models.Warm(5), true)
			f.settle()
			f.ForgetOperations()
			f.want(t, shop, models.Warm(5), false)
		})
	}
}

// TestHeldBack sends nothing while Azure does not want to be asked, for reads and writes apart.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Inject(1, azurefunctionstest.Throttled(30*time.Second).On(azurefunctionstest.OpPatch))
	wantKind(t, f.apply(t, shop, models.Warm(5)), models.KindThrottled)
	before := f.WriteRequests()
	for range 3 {
		f.Advance(9 * time.Second)
		wantKind(t, f.apply(t, shop, models.Warm(5)), models.KindThrottled)
		f.want(t, shop, models.Warm(0), false)
	}
	if n := f.WriteRequests() - before; n != 0 {
		t.Errorf("%d requests that write while Azure asked for none", n)
	}
	f.Advance(3 * time.Second)
	f.have(t, shop, models.Warm(5))
	// Nothing left of the limit: the next second is waited for.
	f.SetRemaining(0)
	f.want(t, shop, models.Warm(5), false)
	_, err := f.actuator.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindThrottled)
	f.SetRemaining(10)
	f.Advance(time.Second)
	f.want(t, shop, models.Warm(5), false)
}
