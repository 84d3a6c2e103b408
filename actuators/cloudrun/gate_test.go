package cloudrun_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/actuators"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/models"
)

// decorated returns the actuator with all decorators, as the program uses it.
func (f fixture) decorated(t *testing.T, permit func() error) actuators.Actuator {
	t.Helper()
	config := actuators.DefaultConfig()
	config.RateLimit.PerSecond = 0
	config.Retry.Initial, config.Retry.Max = models.Duration(time.Millisecond), models.Duration(time.Millisecond)
	a, err := actuators.Decorate(f.actuator, "run", config, actuators.Deps{
		Permit: permit, Now: f.Now, Metrics: actuators.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestDryRunSendsNothing counts the requests that write at the server, also those that Google would only check. Only a rehearsal sends
// such, and writes nothing.
func TestDryRunSendsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, held := range []error{models.ErrDryRun, models.ErrPaused} {
		a := f.decorated(t, func() error { return held })
		for _, n := range []int{0, 3, 9} {
			f.Inject(1, cloudruntest.Internal())
			if err := a.Apply(t.Context(), target(shop), f.action(shop, models.Warm(n))); !errors.Is(err, held) {
				t.Errorf("Apply returned %v, want %v", err, held)
			}
			if _, err := a.Observe(t.Context(), target(shop)); err != nil {
				t.Errorf("Observe: %v", err)
			}
		}
		if n := f.CallsOf(cloudruntest.OpPatch); n != 0 {
			t.Fatalf("dry-run sent %d requests that write", n)
		}
	}
	a := f.decorated(t, func() error { return models.ErrDryRun })
	if err := actuators.Rehearse(t.Context(), a, target(shop), f.action(shop, models.Warm(9))); err != nil || !actuators.CanRehearse(a) {
		t.Errorf("rehearse: %v", err)
	}
	if checked, written := f.CallsOf(cloudruntest.OpPatch), f.Writes(); checked != 1 || written != 0 {
		t.Errorf("a rehearsal let %d changes be checked and %d be made", checked, written)
	}
}

// TestPauseInEachRequest pauses while each request is being answered: the write is not sent any more.
func TestPauseInEachRequest(t *testing.T) {
	t.Parallel()
	for _, at := range []string{cloudruntest.OpToken, cloudruntest.OpGet, cloudruntest.OpPatch} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			var paused atomic.Bool
			a := f.decorated(t, func() error {
				if paused.Load() {
					return models.ErrPaused
				}
				return nil
			})
			f.BeforeAnswer(func(op string) {
				if op == at {
					paused.Store(true)
				}
			})
			err := a.Apply(t.Context(), target(shop), f.action(shop, models.Warm(5)))
			// A pause after the write was sent cannot hold it back.
			want := 0
			if at == cloudruntest.OpPatch {
				want = 1
			}
			if n := f.CallsOf(cloudruntest.OpPatch); n != want || errors.Is(err, models.ErrPaused) != (want == 0) {
				t.Errorf("paused during %s: %d requests that write and %v", at, n, err)
			}
		})
	}
}

// TestPauseRace pauses while many targets are applied; each write that arrived was one that succeeded.
func TestPauseRace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var closed atomic.Bool
	a := f.decorated(t, func() error {
		if closed.Load() {
			return models.ErrDryRun
		}
		return nil
	})
	var group sync.WaitGroup
	var applied atomic.Int64
	for i := range 8 {
		ref := shop + strings.Repeat("x", i+1)
		f.AddService(t, ref, cloudruntest.Service{})
		group.Go(func() {
			for n := range 5 {
				switch err := a.Apply(t.Context(), target(ref), f.action(ref, models.Warm(n+1))); {
				case err == nil:
					applied.Add(1)
				case !errors.Is(err, models.ErrDryRun):
					t.Errorf("Apply: %v", err)
				}
			}
			closed.Store(true)
		})
	}
	group.Wait()
	if writes := f.Writes(); int64(writes) != applied.Load() {
		t.Errorf("%d writes, but %d calls of Apply succeeded", writes, applied.Load())
	}
}

// TestExpiresWhileReading lets the action expire while the adapter reads.
func TestExpiresWhileReading(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.BeforeAnswer(func(op string) {
		if op == cloudruntest.OpGet {
			f.Advance(2 * time.Hour)
		}
	})
	err := f.decorated(t, func() error { return nil }).Apply(t.Context(), target(shop), f.action(shop, models.Warm(5)))
	if n := f.CallsOf(cloudruntest.OpPatch); !errors.Is(err, models.ErrExpired) || n != 0 {
		t.Errorf("%d requests that write and %v, want the write held back as expired", n, err)
	}
}

// TestDecoratedRetries repeats what may pass, and no more: each time it reads anew.
func TestDecoratedRetries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.decorated(t, func() error { return nil })
	f.Inject(2, cloudruntest.Unavailable().On(cloudruntest.OpPatch))
	if err := a.Apply(t.Context(), target(shop), f.action(shop, models.Warm(5))); err != nil {
		t.Fatal(err)
	}
	if gets, patches := f.CallsOf(cloudruntest.OpGet), f.CallsOf(cloudruntest.OpPatch); gets != 3 || patches != 3 {
		t.Errorf("%d reads and %d writes, want 3 each", gets, patches)
	}
	f.Inject(1, cloudruntest.Deadline().On(cloudruntest.OpPatch))
	wantKind(t, a.Apply(t.Context(), target(shop), f.action(shop, models.Warm(6))), models.KindTimeout)
	if n := f.CallsOf(cloudruntest.OpPatch); n != 4 {
		t.Errorf("a write in doubt was repeated: %d writes", n)
	}
}
