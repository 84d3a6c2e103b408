package awslambda_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/models"
)

// decorated returns the actuator with all decorators, as the program uses it.
func (f fixture) decorated(t *testing.T, permit func() error) actuators.Actuator {
	t.Helper()
	config := actuators.DefaultConfig()
	config.RateLimit.PerSecond = 0
	config.Retry.Initial, config.Retry.Max = models.Duration(time.Millisecond), models.Duration(time.Millisecond)
	a, err := actuators.Decorate(f.actuator, "aws", config, actuators.Deps{
		Permit: permit, Now: f.Now, Metrics: actuators.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestDryRunSendsNothing counts the requests that write at the server, for raises, lowerings and deletes, with and without
// faults.
func TestDryRunSendsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.OnZero = awslambda.OnZeroDelete })
	f.have(t, "fn:2", 5)
	before := f.WriteRequests()
	for _, held := range []error{models.ErrDryRun, models.ErrPaused} {
		a := f.decorated(t, func() error { return held })
		for _, n := range []int{0, 3, 5, 9} {
			f.Inject(1, awslambdatest.Internal())
			if err := a.Apply(t.Context(), target("fn:2"), f.action("fn:2", models.Warm(n))); !errors.Is(err, held) {
				t.Errorf("Apply returned %v, want %v", err, held)
			}
			if _, err := a.Observe(t.Context(), target("fn:2")); err != nil {
				t.Errorf("Observe: %v", err)
			}
		}
	}
	if n := f.WriteRequests() - before; n != 0 {
		t.Errorf("dry-run sent %d requests that write", n)
	}
	f.want(t, "fn:2", 5, 5, false)
}

// TestPauseInEachRequest pauses while each request before the write is being answered: the write is not sent.
func TestPauseInEachRequest(t *testing.T) {
	t.Parallel()
	for _, at := range []string{getOp, aliasOp, accountOp, putOp} {
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
			err := a.Apply(t.Context(), target("fn:live"), f.action("fn:live", models.Warm(5)))
			// A pause after the write was sent cannot hold it back.
			wantWrites := 0
			if at == putOp {
				wantWrites = 1
			}
			if f.WriteRequests() != wantWrites || errors.Is(err, models.ErrPaused) != (wantWrites == 0) {
				t.Errorf("paused during %s: %d requests that write and %v", at, f.WriteRequests(), err)
			}
		})
	}
}

// TestPauseRace pauses while many targets are applied; no write arrives that began after the pause.
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
	const targets = 8
	f.AddFunction(t, "fn", targets+2)
	for i := range targets {
		f.PutAlias(t, "fn", fmt.Sprintf("alias-%d", i), strconv.Itoa(i+2), nil)
	}
	var group sync.WaitGroup
	var applied atomic.Int64
	for i := range targets {
		group.Go(func() {
			ref := fmt.Sprintf("fn:alias-%d", i)
			for n := range 5 {
				action := f.action(ref, models.Warm(n+1))
				// All move the one clock on.
				action.Expires = action.Expires.Add(1000 * time.Hour)
				switch err := a.Apply(t.Context(), target(ref), action); {
				case err == nil:
					applied.Add(1)
				case !errors.Is(err, models.ErrDryRun):
					t.Errorf("Apply: %v", err)
				}
				f.settle()
			}
			closed.Store(true)
		})
	}
	group.Wait()
	if writes := f.Writes(); int64(writes) != applied.Load() {
		t.Errorf("%d writes, but %d calls of Apply succeeded", writes, applied.Load())
	}
	before := f.WriteRequests()
	for i := range targets {
		ref := fmt.Sprintf("fn:alias-%d", i)
		if err := a.Apply(t.Context(), target(ref), f.action(ref, models.Warm(50))); !errors.Is(err, models.ErrDryRun) {
			t.Errorf("Apply behind the closed gate: %v", err)
		}
	}
	if n := f.WriteRequests() - before; n != 0 {
		t.Errorf("%d requests that write behind the closed gate", n)
	}
}

// TestExpiresWhileReading lets the action expire while the adapter reads.
func TestExpiresWhileReading(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.BeforeAnswer(func(op string) {
		if op == aliasOp {
			f.Advance(2 * time.Hour)
		}
	})
	err := f.decorated(t, func() error { return nil }).Apply(t.Context(), target("fn:live"), f.action("fn:live", models.Warm(5)))
	if !errors.Is(err, models.ErrExpired) || f.WriteRequests() != 0 {
		t.Errorf("%d requests that write and %v, want the write held back as expired", f.WriteRequests(), err)
	}
}

// TestDecoratedRetries repeats what may pass, and no more.
func TestDecoratedRetries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.decorated(t, func() error { return nil })
	f.Inject(2, awslambdatest.Internal().On(putOp))
	if err := a.Apply(t.Context(), target("fn:live"), f.action("fn:live", models.Warm(5))); err != nil {
		t.Fatal(err)
	}
	if n := f.CallsOf(putOp); n != 3 {
		t.Errorf("%d puts, want 3", n)
	}
	f.settle()
	f.Inject(9, awslambdatest.Unavailable().On(getOp))
	_, err := a.Observe(t.Context(), target("fn:live"))
	wantKind(t, err, models.KindTransient)
	if err == nil || !strings.Contains(err.Error(), "after 3 tries") {
		t.Errorf("error %v does not say how often it was tried", err)
	}
}
