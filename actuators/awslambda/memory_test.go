package awslambda_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

const (
	configOp    = "GetFunctionConfiguration"
	configureOp = "UpdateFunctionConfiguration"
	publishOp   = "PublishVersion"
	moveOp      = "UpdateAlias"
)

// newMemoryFixture returns a fixture with the lever memory, whose clock goes on by a second with each look at a configuration.
func newMemoryFixture(t *testing.T, edits ...edit) fixture {
	t.Helper()
	f := newFixture(t, append([]edit{func(c *awslambda.Config, _ *awslambdatest.Config) {
		c.ApplyMemory, c.MemoryWait = true, models.Duration(20*time.Millisecond)
	}}, edits...)...)
	f.BeforeAnswer(f.tick)
	return f
}

func (f fixture) tick(op string) {
	if op == configOp {
		f.Advance(time.Second)
	}
}

func (f fixture) applyMemory(t *testing.T, ref string, mb int) error {
	t.Helper()
	return f.actuator.Apply(t.Context(), target(ref), f.action(ref, models.Capacity{}.WithMemory(mb)))
}

// wantMemory checks the memory that is observed, and that the alias is on that version of so many.
func (f fixture) wantMemory(t *testing.T, mb int, version string, versions int) {
	t.Helper()
	obs, err := f.actuator.Observe(t.Context(), target("fn:live"))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := obs.Capacity.Memory(); !ok || got != mb {
		t.Errorf("memory %d (%v), want %d", got, ok, mb)
	}
	if v, n := f.AliasVersion(t, "fn", "live"), f.Published(t, "fn"); v != version || n != versions {
		t.Errorf("the alias is on version %s of %d, want %s of %d", v, n, version, versions)
	}
}

// TestMemoryIsADeployment follows it to the end, the provisioned concurrency too.
func TestMemoryIsADeployment(t *testing.T) {
	t.Parallel()
	f := newMemoryFixture(t)
	// The alias is on the newest version, as after a deployment.
	f.PutAlias(t, "fn", "live", "9", nil)
	f.have(t, "fn:live", 5)
	f.wantMemory(t, 512, "9", 9)
	if err := f.applyMemory(t, "fn:live", 1024); err != nil {
		t.Fatal(err)
	}
	f.wantMemory(t, 1024, "10", 10)
	if n := f.CallsOf(configureOp, publishOp, moveOp); n != 3 {
		t.Errorf("%d requests that write, want 3", n)
	}
	// What is provisioned is allocated on the new version, and AWS splits the traffic meanwhile: nothing else is put.
	obs, err := f.actuator.Observe(t.Context(), target("fn:live"))
	if err != nil || !obs.Pending || obs.Ready != 0 {
		t.Errorf("after the move Observe shows %+v, %v", obs, err)
	}
	f.noWrites(t, "changes during the move", func() {
		wantKind(t, f.apply(t, "fn:live", 7), models.KindConflict)
		wantKind(t, f.applyMemory(t, "fn:live", 2048), models.KindConflict)
	})
	f.settle()
	f.noWrites(t, "the same again", func() {
		if err := f.applyMemory(t, "fn:live", 1024); err != nil {
			t.Error(err)
		}
	})
	f.have(t, "fn:live", 7)
}

// TestMemoryIsResumed interrupts it at each request that writes, before and after its effect, and at each one that reads. Applying again
// goes on from there: nothing is done twice.
func TestMemoryIsResumed(t *testing.T) {
	t.Parallel()
	for _, op := range []string{configureOp, publishOp, moveOp} {
		for name, fault := range map[string]awslambdatest.Fault{
			"before": awslambdatest.Internal(), "after": faulttest.HalfClosed().ButDone(), "unavailable after": awslambdatest.Unavailable().ButDone(),
		} {
			t.Run(op+"/"+name, func(t *testing.T) {
				t.Parallel()
				f := newMemoryFixture(t)
				before := f.Writes()
				f.Inject(1, fault.On(op))
				wantKind(t, f.applyMemory(t, "fn:live", 1024), models.KindTransient)
				f.resume(t, before)
			})
		}
	}
	// A deployment without an interruption tells how many requests there are.
	f := newMemoryFixture(t)
	if err := f.applyMemory(t, "fn:live", 1024); err != nil {
		t.Fatal(err)
	}
	for at := 1; at < f.CallsOf(); at++ {
		t.Run(fmt.Sprintf("killed in request %d", at), func(t *testing.T) {
			t.Parallel()
			f := newMemoryFixture(t)
			before := f.Writes()
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			n := 0
			f.BeforeAnswer(func(op string) {
				f.tick(op)
				if n++; n == at {
					kill()
				}
			})
			err := f.actuator.Apply(ctx, target("fn:live"), f.action("fn:live", models.Capacity{}.WithMemory(1024)))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("killed in request %d Apply returned %v", at, err)
			}
			f.BeforeAnswer(f.tick)
			f.Advance(time.Minute)
			f.resume(t, before)
		})
	}
}

// resume applies once more after an interruption, and checks that three changes were made in all.
func (f fixture) resume(t *testing.T, before int) {
	t.Helper()
	if err := f.applyMemory(t, "fn:live", 1024); err != nil {
		t.Fatalf("applying again: %v", err)
	}
	f.wantMemory(t, 1024, "10", 10)
	if n := f.Writes() - before; n != 3 {
		t.Errorf("%d changes in all, want 3: an update, a version, a move", n)
	}
}

// TestMemoryPause pauses between the steps: the next one is not begun.
func TestMemoryPause(t *testing.T) {
	t.Parallel()
	for steps := range 3 {
		f := newMemoryFixture(t)
		asked := 0
		gated := actuators.WithGate(f.actuator, func() error {
			if asked++; asked > steps+1 {
				return models.ErrPaused
			}
			return nil
		})
		err := gated.Apply(t.Context(), target("fn:live"), f.action("fn:live", models.Capacity{}.WithMemory(1024)))
		if !errors.Is(err, models.ErrPaused) || f.WriteRequests() != steps {
			t.Errorf("paused after %d steps Apply returned %v after %d requests that write", steps, err, f.WriteRequests())
		}
		f.resume(t, 0)
	}
}

// TestMemoryWaitIsBounded goes on later when an update takes long.
func TestMemoryWaitIsBounded(t *testing.T) {
	t.Parallel()
	f := newMemoryFixture(t, func(_ *awslambda.Config, a *awslambdatest.Config) {
		a.UpdateDelay, a.VersionDelay = time.Hour, time.Hour
	})
	for _, op := range []string{configureOp, publishOp} {
		err := f.applyMemory(t, "fn:live", 1024)
		wantKind(t, err, models.KindConflict)
		if err != nil && !strings.Contains(err.Error(), "goes on from there") {
			t.Errorf("error %q does not say that it goes on", err)
		}
		if n := f.CallsOf(op); n != 1 {
			t.Errorf("%s was sent %d times", op, n)
		}
		f.Advance(2 * time.Hour)
	}
	f.resume(t, 0)
}

// TestMemoryReleasesNothingElse leaves what a developer has not published.
func TestMemoryReleasesNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		develop func(f fixture)
		named   string
	}{
		"code":    {func(f fixture) { f.SetCode(t, "fn", "sha-2") }, "CodeSha256"},
		"timeout": {func(f fixture) { f.SetTimeout(t, "fn", 30) }, "Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newMemoryFixture(t)
			c.develop(f)
			f.noWrites(t, "unpublished work", func() {
				err := f.applyMemory(t, "fn:live", 1024)
				wantKind(t, err, models.KindInvalid)
				if err != nil && !strings.Contains(err.Error(), c.named) {
					t.Errorf("error %q does not name %s", err, c.named)
				}
			})
		})
	}
}

// TestMemoryRaces has somebody else change the function or the alias between two steps.
func TestMemoryRaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		race   func(f fixture)
		// changes is how many of the deployment's own were carried out before the race was noticed.
		changes int
	}{
		"code before the update":  {configureOp, func(f fixture) { f.SetCode(t, "fn", "sha-2") }, 0},
		"code before publishing":  {publishOp, func(f fixture) { f.SetCode(t, "fn", "sha-2") }, 1},
		"alias before the move":   {moveOp, func(f fixture) { f.PutAlias(t, "fn", "live", "3", nil) }, 2},
		"weights before the move": {moveOp, func(f fixture) { f.PutAlias(t, "fn", "live", "1", map[string]float64{"2": 0.5}) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newMemoryFixture(t)
			f.BeforeAnswer(func(op string) {
				f.tick(op)
				if op == c.before {
					c.race(f)
				}
			})
			wantKind(t, f.applyMemory(t, "fn:live", 1024), models.KindConflict)
			if n := f.Writes(); n != c.changes {
				t.Errorf("%d changes, want %d", n, c.changes)
			}
			if v := f.AliasVersion(t, "fn", "live"); v == "10" {
				t.Error("the alias was moved over somebody's change")
			}
		})
	}
}

// TestMemoryWaitsForAllocations begins nothing that it could not finish.
func TestMemoryWaitsForAllocations(t *testing.T) {
	t.Parallel()
	f := newMemoryFixture(t)
	if err := f.apply(t, "fn:live", 5); err != nil {
		t.Fatal(err)
	}
	f.noWrites(t, "an Apply during an allocation", func() { wantKind(t, f.applyMemory(t, "fn:live", 1024), models.KindConflict) })
	f.settle()
	if err := f.applyMemory(t, "fn:live", 1024); err != nil {
		t.Fatal(err)
	}
}

// TestMemoryRefusals are found without a request that writes.
func TestMemoryRefusals(t *testing.T) {
	t.Parallel()
	f := newMemoryFixture(t)
	f.PutAlias(t, "fn", "split", "2", map[string]float64{"3": 0.5})
	f.PutAlias(t, "fn", "raw", "$LATEST", nil)
	f.noWrites(t, "a refusal", func() {
		for ref, mb := range map[string]int{"fn:live": 127, "fn:2": 1024, "fn:split": 1024, "fn:raw": 1024} {
			wantKind(t, f.applyMemory(t, ref, mb), models.KindInvalid)
		}
		wantKind(t, f.applyMemory(t, "fn:live", 10241), models.KindInvalid)
	})
	// A recommendation is all that there is by default.
	plain := newFixture(t)
	wantKind(t, plain.applyMemory(t, "fn:live", 1024), models.KindInvalid)
	if plain.actuator.Levers() != models.LeverWarm {
		t.Errorf("the levers are %v by default", plain.actuator.Levers())
	}
}

// TestMemoryFails says why, and tries again when asked to.
func TestMemoryFails(t *testing.T) {
	t.Parallel()
	f := newMemoryFixture(t)
	f.FailUpdate(t, "fn", "the key is disabled")
	err := f.applyMemory(t, "fn:live", 1024)
	wantKind(t, err, models.KindPermanent)
	if err != nil && !strings.Contains(err.Error(), "the key is disabled") {
		t.Errorf("error %q does not say why", err)
	}
	if err := f.applyMemory(t, "fn:live", 1024); err != nil {
		t.Fatal(err)
	}
	f.wantMemory(t, 1024, "10", 10)
	small := newMemoryFixture(t, func(_ *awslambda.Config, a *awslambdatest.Config) { a.MemoryCap = 3008 })
	wantKind(t, small.applyMemory(t, "fn:live", 4096), models.KindQuota)
}
