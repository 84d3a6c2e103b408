package actuators_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"pilotlight/actuators"
	"pilotlight/models"
)

// decorator is one decorator with plain settings.
type decorator struct {
	name string
	wrap func(actuators.Actuator) actuators.Actuator
}

// others returns the decorators besides the gate.
func others() []decorator {
	bucket := actuators.RateLimitConfig{PerSecond: 1e9, Burst: 1e6}.Limiter()
	metrics := actuators.NewMetrics(nil)
	return []decorator{
		{"timeout", func(a actuators.Actuator) actuators.Actuator {
			return actuators.WithTimeout(a, actuators.DefaultTimeoutConfig())
		}},
		{"retry", func(a actuators.Actuator) actuators.Actuator { return actuators.WithRetry(a, steady(), noon) }},
		{"rate limit", func(a actuators.Actuator) actuators.Actuator { return actuators.WithRateLimit(a, bucket) }},
		{"metrics", func(a actuators.Actuator) actuators.Actuator { return actuators.WithMetrics(a, metrics, "x", noon) }},
		{"expiry", func(a actuators.Actuator) actuators.Actuator { return actuators.WithExpiry(a, noon) }},
	}
}

// stacks calls do with every order of the gate and all subsets of the other decorators.
func stacks(permit func() error, do func(name string, wrap func(actuators.Actuator) actuators.Actuator)) {
	gate := decorator{"gate", func(a actuators.Actuator) actuators.Actuator { return actuators.WithGate(a, permit) }}
	var grow func(stack, rest []decorator)
	grow = func(stack, rest []decorator) {
		if slices.ContainsFunc(stack, func(d decorator) bool { return d.name == "gate" }) {
			var names []string
			for _, d := range stack {
				names = append(names, d.name)
			}
			do(strings.Join(names, " > "), func(a actuators.Actuator) actuators.Actuator {
				for _, d := range slices.Backward(stack) {
					a = d.wrap(a)
				}
				return a
			})
		}
		for i, d := range rest {
			grow(append(slices.Clone(stack), d), append(slices.Clone(rest[:i]), rest[i+1:]...))
		}
	}
	grow(nil, append(others(), gate))
}

// TestNoWriteLeaks counts the writes that arrive at the innermost actuator behind a closed gate, over every stack of decorators.
func TestNoWriteLeaks(t *testing.T) {
	t.Parallel()
	for _, held := range []error{models.ErrDryRun, models.ErrPaused} {
		count := 0
		stacks(func() error { return held }, func(name string, wrap func(actuators.Actuator) actuators.Actuator) {
			count++
			inner := &fake{}
			a := wrap(inner)
			for range 2 {
				if err := a.Apply(t.Context(), models.Target{}, action()); !errors.Is(err, held) {
					t.Errorf("%s: Apply returned %v, want %v", name, err, held)
				}
			}
			if _, err := a.Observe(t.Context(), models.Target{}); err != nil {
				t.Errorf("%s: Observe returned %v", name, err)
			}
			if observes, applies, writes := inner.count(); observes != 1 || applies != 0 || writes != 0 {
				t.Errorf("%s: %d observes, %d applies and %d writes arrived, want 1, 0, 0", name, observes, applies, writes)
			}
		})
		// The sum over k of the orders of k out of 5 others, with the gate at each of k+1 places.
		if count != 1631 {
			t.Errorf("%d stacks were tried, want 1631", count)
		}
	}
}

// TestOpenGate makes sure that the test above can fail: with a permit every stack writes.
func TestOpenGate(t *testing.T) {
	t.Parallel()
	stacks(open, func(name string, wrap func(actuators.Actuator) actuators.Actuator) {
		inner := &fake{}
		if err := wrap(inner).Apply(t.Context(), models.Target{}, action()); err != nil {
			t.Errorf("%s: Apply returned %v", name, err)
		}
		if _, _, writes := inner.count(); writes != 1 {
			t.Errorf("%s: %d writes, want 1", name, writes)
		}
	})
}

// TestGateClosesWhileApplying withdraws the permit after the call is under way: while the adapter reads, and while a
// retry waits.
func TestGateClosesWhileApplying(t *testing.T) {
	t.Parallel()
	t.Run("adapter reads", func(t *testing.T) {
		t.Parallel()
		var closed atomic.Bool
		permit := func() error {
			if closed.Load() {
				return models.ErrPaused
			}
			return nil
		}
		stacks(permit, func(name string, wrap func(actuators.Actuator) actuators.Actuator) {
			closed.Store(false)
			inner := &fake{before: func(context.Context) { closed.Store(true) }}
			err := wrap(inner).Apply(t.Context(), models.Target{}, action())
			if _, applies, writes := inner.count(); !errors.Is(err, models.ErrPaused) || applies != 1 || writes != 0 {
				t.Errorf("%s: Apply returned %v after %d applies and %d writes, want it held back inside", name, err, applies, writes)
			}
		})
	})
	t.Run("retry waits", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var closed atomic.Bool
			permit := func() error {
				if closed.Load() {
					return models.ErrPaused
				}
				return nil
			}
			for name, wrap := range map[string]func(actuators.Actuator) actuators.Actuator{
				"gate outside": func(a actuators.Actuator) actuators.Actuator {
					return actuators.WithGate(actuators.WithRetry(a, steady(), noon), permit)
				},
				"gate inside": func(a actuators.Actuator) actuators.Actuator {
					return actuators.WithRetry(actuators.WithGate(a, permit), steady(), noon)
				},
			} {
				closed.Store(false)
				inner := &fake{errs: []error{failing(models.KindTransient)}}
				time.AfterFunc(500*time.Millisecond, func() { closed.Store(true) })
				err := wrap(inner).Apply(t.Context(), models.Target{}, action())
				if _, _, writes := inner.count(); !errors.Is(err, models.ErrPaused) || writes != 0 {
					t.Errorf("%s: Apply returned %v after %d writes, want it held back", name, err, writes)
				}
			}
		})
	})
}

// TestGateRace flips the permit while many goroutines apply: once closing it has returned and those under way have ended, the
// count stands still, and every write had an Apply that succeeded.
func TestGateRace(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool
	permit := func() error {
		if closed.Load() {
			return models.ErrDryRun
		}
		return nil
	}
	inner := &fake{}
	a, err := actuators.Decorate(inner, "x", actuators.Config{Retry: steady()}, actuators.Deps{Permit: permit, Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(goroutines int) (done int64) {
		var group sync.WaitGroup
		var ok atomic.Int64
		for i := range goroutines {
			group.Go(func() {
				for range 200 {
					switch err := a.Apply(t.Context(), models.Target{ID: models.TargetID(strconv.Itoa(i))}, action()); {
					case err == nil:
						ok.Add(1)
					case !errors.Is(err, models.ErrDryRun):
						t.Errorf("Apply returned %v", err)
					}
				}
			})
		}
		group.Go(func() {
			for i := range 200 {
				closed.Store(i%2 == 0)
			}
		})
		group.Wait()
		return ok.Load()
	}
	done := apply(8)
	if _, _, writes := inner.count(); int64(writes) != done {
		t.Errorf("%d writes, but %d calls of Apply succeeded", writes, done)
	}
	closed.Store(true)
	_, _, before := inner.count()
	for range 100 {
		if err := a.Apply(t.Context(), models.Target{}, action()); !errors.Is(err, models.ErrDryRun) {
			t.Errorf("Apply behind the closed gate returned %v", err)
		}
	}
	if _, _, after := inner.count(); after != before {
		t.Errorf("%d writes behind the closed gate", after-before)
	}
}

// TestGateWithoutPermit fails closed.
func TestGateWithoutPermit(t *testing.T) {
	t.Parallel()
	inner := &fake{}
	a, err := actuators.Decorate(inner, "x", actuators.DefaultConfig(), actuators.Deps{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	err = a.Apply(t.Context(), models.Target{}, action())
	if _, applies, _ := inner.count(); !errors.Is(err, models.ErrDryRun) || applies != 0 {
		t.Errorf("Apply without a permit returned %v after %d applies", err, applies)
	}
}

// TestGateNested asks every gate of a stack, and the error is that of the first which is closed.
func TestGateNested(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		closedAt := rapid.IntRange(-1, 5).Draw(t, "closed at ask")
		asked := 0
		permit := func() error {
			defer func() { asked++ }()
			if asked == closedAt {
				return models.ErrPaused
			}
			return nil
		}
		inner := &fake{}
		a := actuators.WithGate(actuators.WithGate(inner, permit), permit)
		err := a.Apply(context.Background(), models.Target{}, action())
		_, _, writes := inner.count()
		if wantHeld := closedAt >= 0 && closedAt < 4; wantHeld != errors.Is(err, models.ErrPaused) || wantHeld != (writes == 0) {
			t.Fatalf("closed at ask %d: Apply returned %v after %d writes", closedAt, err, writes)
		}
	})
}

func TestMayWriteAlone(t *testing.T) {
	t.Parallel()
	if err := actuators.MayWrite(t.Context()); err != nil {
		t.Errorf("MayWrite without decorators returned %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := actuators.MayWrite(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("MayWrite of an ended context returned %v", err)
	}
}

// BenchmarkDecorated measures what all decorators cost a call.
func BenchmarkDecorated(b *testing.B) {
	a, err := actuators.Decorate(&fake{}, "x", actuators.Config{Timeout: actuators.DefaultTimeoutConfig(), Retry: actuators.DefaultRetryConfig()},
		actuators.Deps{Permit: open, Now: noon, Metrics: actuators.NewMetrics(nil)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Apply(b.Context(), models.Target{}, action()); err != nil {
			b.Fatal(err)
		}
	}
}
