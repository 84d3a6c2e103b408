package awslambda_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// TestOwnersAndFaultsInAnyOrder lets a target change hands, time pass and requests go wrong in any order. Whoever owns the provisioned
// concurrency, nobody else puts it; nothing is registered that was not; and in the end the floor is as asked for.
func TestOwnersAndFaultsInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		f.BeforeAnswer(func(op string) {
			_, _, owned := f.Bounds("fn", "live")
			if owned && slices.Contains([]string{putOp, deleteOp}, op) {
				r.Errorf("%s beside the owner", op)
			}
			if !owned && op == registerOp {
				r.Errorf("%s of what nobody owns", op)
			}
		})
		high := 0
		for range rapid.IntRange(1, 10).Draw(r, "steps") {
			switch rapid.IntRange(0, 5).Draw(r, "step") {
			case 0:
				low := rapid.IntRange(0, 20).Draw(r, "low")
				high = low + rapid.IntRange(0, 40).Draw(r, "more")
				f.Own(t, "fn", "live", low, high, rapid.Bool().Draw(r, "idle"))
			case 1:
				f.Disown(t, "fn", "live")
			case 2:
				f.Advance(time.Duration(rapid.IntRange(1, 600).Draw(r, "seconds")) * time.Second)
			case 3:
				fault := rapid.SampledFrom([]awslambdatest.Fault{
					awslambdatest.Internal(), awslambdatest.Throttled(time.Second), faulttest.HalfClosed().ButDone(), awslambdatest.Unavailable().ButDone(),
				}).Draw(r, "fault")
				f.Inject(1, fault.On(rapid.SampledFrom([]string{putOp, deleteOp, registerOp, listOp, getOp, aliasOp}).Draw(r, "op")))
			default:
				// What comes of it is seen at the end.
				_ = f.apply(t, "fn:live", rapid.IntRange(0, 60).Draw(r, "warm"))
			}
			if _, h, owned := f.Bounds("fn", "live"); owned && h != high {
				r.Errorf("the maximum became %d, want %d", h, high)
			}
		}
		f.converges(t, r, rapid.IntRange(0, 60).Draw(r, "at last"))
	})
}

// converges applies until nothing more passes by itself, as the engine does at its ticks, and checks what came of it.
func (f fixture) converges(t *testing.T, r *rapid.T, warm int) {
	t.Helper()
	var err error
	for range 30 {
		f.settle()
		if err = f.apply(t, "fn:live", warm); err == nil {
			break
		}
		kind := actuators.KindOf(err)
		if _, high, owned := f.Bounds("fn", "live"); owned && warm > high && kind == models.KindQuota {
			return
		}
		if kind != models.KindConflict && kind != models.KindTransient && kind != models.KindThrottled {
			r.Fatalf("apply %d at last: %v", warm, err)
		}
	}
	if err != nil {
		r.Fatalf("it goes wrong for good: %v", err)
	}
	f.settle()
	obs, err := f.actuator.Observe(t.Context(), target("fn:live"))
	for i := 0; err != nil && i < 30; i++ {
		obs, err = f.actuator.Observe(t.Context(), target("fn:live"))
	}
	if err != nil {
		r.Fatal(err)
	}
	got, _ := obs.Capacity.Warm()
	// With keep_one one may stay.
	if got != warm && (warm != 0 || got != 1) || obs.Pending {
		r.Errorf("in the end Observe shows %+v, want %d warm instances", obs, warm)
	}
}

// TestMemoryInAnyOrder lets deployments be killed, requests go wrong, time pass and a developer work on the function in any order. The alias
// never gets code that nobody has published and in the end the memory is as asked for.
func TestMemoryInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := newMemoryFixture(t)
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			switch rapid.IntRange(0, 5).Draw(r, "step") {
			case 0:
				f.SetCode(t, "fn", rapid.SampledFrom([]string{"sha-1", "sha-2"}).Draw(r, "code"))
			case 1:
				f.Advance(time.Duration(rapid.IntRange(1, 300).Draw(r, "seconds")) * time.Second)
			case 2:
				fault := rapid.SampledFrom([]awslambdatest.Fault{
					awslambdatest.Internal(), faulttest.HalfClosed().ButDone(), awslambdatest.Unavailable().ButDone(),
				}).Draw(r, "fault")
				f.Inject(1, fault.On(rapid.SampledFrom([]string{configOp, configureOp, publishOp, moveOp, aliasOp}).Draw(r, "op")))
			case 3:
				_ = f.apply(t, "fn:live", rapid.IntRange(0, 9).Draw(r, "warm"))
			default:
				f.applyUntilKilled(t, rapid.IntRange(1, 12).Draw(r, "killed in request"), rapid.SampledFrom([]int{256, 512, 1024}).Draw(r, "memory"))
			}
			if code := f.AliasCode(t, "fn", "live"); code != "sha-1" {
				r.Fatalf("the alias got the unpublished code %s", code)
			}
		}
		// The developer gives up.
		f.SetCode(t, "fn", "sha-1")
		want := rapid.SampledFrom([]int{256, 512, 1024}).Draw(r, "at last")
		var err error
		for range 40 {
			f.settle()
			if err = f.applyMemory(t, "fn:live", want); err == nil {
				break
			}
		}
		if err != nil {
			r.Fatalf("it goes wrong for good: %v", err)
		}
		if code := f.AliasCode(t, "fn", "live"); code != "sha-1" {
			r.Errorf("the alias got the unpublished code %s", code)
		}
		versions := f.Published(t, "fn")
		f.noChanges(t, "the same again", func() {
			for range 10 {
				if err = f.applyMemory(t, "fn:live", want); err == nil {
					break
				}
			}
		})
		if err != nil || f.Published(t, "fn") != versions {
			r.Errorf("applying the same again gave %v and %d more versions", err, f.Published(t, "fn")-versions)
		}
	})
}

// applyUntilKilled applies a memory in a process that is killed in the given request, if it comes so far.
func (f fixture) applyUntilKilled(t *testing.T, at, mb int) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	n := 0
	f.BeforeAnswer(func(op string) {
		f.tick(op)
		if n++; n == at {
			kill()
		}
	})
	// What comes of it is seen at the end.
	_ = f.actuator.Apply(ctx, target("fn:live"), f.action("fn:live", models.Capacity{}.WithMemory(mb)))
	f.BeforeAnswer(f.tick)
}
