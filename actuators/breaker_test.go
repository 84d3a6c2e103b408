package actuators_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/actuators"
	"pilotlight/models"
)

// clock is a clock that only moves when it is told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// breakerRig is a fake behind a breaker that opens after 3 failures, for 10 s and 40 s at most.
func breakerRig() (*fake, actuators.Actuator, *clock, *[]bool) {
	inner, c, changes := &fake{}, &clock{at: noon()}, &[]bool{}
	b := actuators.NewBreaker(actuators.BreakerConfig{
		Failures: 3, Open: models.Duration(10 * time.Second), Max: models.Duration(40 * time.Second),
	}, c.now, func(open bool) { *changes = append(*changes, open) })
	return inner, actuators.WithBreaker(inner, actuators.Breakers{Observe: b, Apply: b}), c, changes
}

// times returns n errors of a kind.
func times(n int, kind models.ErrorKind) []error {
	return slices.Repeat([]error{failing(kind)}, n)
}

func TestBreakerOpensAndProbes(t *testing.T) {
	t.Parallel()
	inner, a, c, changes := breakerRig()
	inner.errs = times(7, models.KindTransient)
	call := func() error { _, err := a.Observe(t.Context(), models.Target{}); return err }
	calls := func(want int, when string) {
		t.Helper()
		if n, _, _ := inner.count(); n != want {
			t.Errorf("%s: %d calls, want %d", when, n, want)
		}
	}
	for range 10 {
		if err := call(); err == nil || actuators.KindOf(err) != models.KindTransient {
			t.Errorf("got %v", err)
		}
	}
	calls(3, "open")
	err := actuators.Available(a)
	e, ok := errors.AsType[*actuators.Error](err)
	if !errors.Is(err, actuators.ErrUnavailable) || !ok || e.RetryAfter != 10*time.Second || !errors.Is(err, errPlatform) {
		t.Errorf("Available returned %v", err)
	}
	// Each failed probe doubles the pause, up to the greatest.
	for i, pause := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, 40 * time.Second} {
		c.advance(pause - time.Nanosecond)
		if err := call(); !errors.Is(err, actuators.ErrUnavailable) {
			t.Errorf("a call before pause %d ended: %v", i, err)
		}
		c.advance(time.Nanosecond)
		if err := call(); errors.Is(err, actuators.ErrUnavailable) {
			t.Errorf("no probe after pause %d: %v", i, err)
		}
		calls(4+i, "probe")
	}
	c.advance(40 * time.Second)
	for range 5 {
		if err := call(); err != nil {
			t.Errorf("the platform works again, got %v", err)
		}
	}
	calls(12, "closed")
	if want := []bool{true, false}; !slices.Equal(*changes, want) {
		t.Errorf("changes %v, want %v", *changes, want)
	}
	// The count begins anew.
	inner.errs = times(2, models.KindThrottled)
	_, _, _ = call(), call(), call()
	if err := actuators.Available(a); err != nil {
		t.Errorf("open after 2 failures: %v", err)
	}
}

// TestBreakerCounts says for each error whether three of them stop the calls.
func TestBreakerCounts(t *testing.T) {
	t.Parallel()
	stops := map[models.ErrorKind]bool{models.KindThrottled: true, models.KindTransient: true, models.KindTimeout: true}
	errs := map[string]error{}
	for _, kind := range models.ErrorKinds() {
		errs[string(kind)] = failing(kind)
	}
	for _, err := range []error{models.ErrPaused, models.ErrDryRun, models.ErrExpired, models.ErrHeld, context.Canceled} {
		errs[err.Error()] = err
	}
	for name, err := range errs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner, a, _, _ := breakerRig()
			inner.errs = slices.Repeat([]error{err}, 3)
			for range 3 {
				_ = a.Apply(t.Context(), models.Target{}, action())
			}
			if got, want := actuators.Available(a) != nil, stops[models.ErrorKind(name)]; got != want {
				t.Errorf("stopped: %v, want %v", got, want)
			}
		})
	}
}

// TestBreakerIsHalfOpenForOne lets many calls come at once when the pause is over: one goes through.
func TestBreakerIsHalfOpenForOne(t *testing.T) {
	t.Parallel()
	inner, a, c, _ := breakerRig()
	inner.errs = times(3, models.KindTransient)
	for range 3 {
		_ = a.Apply(t.Context(), models.Target{}, action())
	}
	c.advance(10 * time.Second)
	entered, release := make(chan struct{}), make(chan struct{})
	inner.before = func(context.Context) { close(entered); <-release }
	done := make(chan error, 1)
	go func() { done <- a.Apply(t.Context(), models.Target{}, action()) }()
	<-entered
	for range 5 {
		if err := a.Apply(t.Context(), models.Target{}, action()); !errors.Is(err, actuators.ErrUnavailable) {
			t.Errorf("a call beside the probe returned %v", err)
		}
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := actuators.Available(a); err != nil {
		t.Errorf("still open: %v", err)
	}
}

// TestBreakerHeldProbe checks that a probe which never reached the platform is made again.
func TestBreakerHeldProbe(t *testing.T) {
	t.Parallel()
	inner, a, c, _ := breakerRig()
	inner.errs = append(times(3, models.KindTransient), models.ErrPaused)
	for range 3 {
		_ = a.Apply(t.Context(), models.Target{}, action())
	}
	c.advance(10 * time.Second)
	if err := a.Apply(t.Context(), models.Target{}, action()); !errors.Is(err, models.ErrPaused) {
		t.Errorf("got %v", err)
	}
	if err := a.Apply(t.Context(), models.Target{}, action()); err != nil {
		t.Errorf("the next probe: %v", err)
	}
}

// TestBreakerHeedsRetryAfter leaves the platform alone as long as it asks for.
func TestBreakerHeedsRetryAfter(t *testing.T) {
	t.Parallel()
	inner, a, _, _ := breakerRig()
	inner.errs = []error{throttled(0), throttled(0), throttled(25 * time.Second)}
	for range 3 {
		_ = a.Apply(t.Context(), models.Target{}, action())
	}
	e, ok := errors.AsType[*actuators.Error](actuators.Available(a))
	if !ok || e.RetryAfter != 25*time.Second {
		t.Errorf("got %+v", e)
	}
}

// TestDecoratedBreaker checks that retries end when the calls are stopped, and that the metrics tell.
func TestDecoratedBreaker(t *testing.T) {
	t.Parallel()
	inner := &fake{errs: times(100, models.KindTransient)}
	config := actuators.Config{Retry: steady(), Breaker: actuators.DefaultBreakerConfig()}
	config.Retry.Initial = models.Duration(time.Nanosecond)
	reg := prometheus.NewRegistry()
	a, err := actuators.Decorate(inner, "x", config, actuators.Deps{Permit: open, Now: noon, Metrics: actuators.NewMetrics(reg)})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := a.Observe(t.Context(), models.Target{}); err == nil {
			t.Error("no error")
		}
	}
	if n, _, _ := inner.count(); n != config.Breaker.Failures {
		t.Errorf("%d calls reached the platform, want %d", n, config.Breaker.Failures)
	}
	if err := actuators.Available(a); !errors.Is(err, actuators.ErrUnavailable) {
		t.Errorf("Available returned %v", err)
	}
	n, err := testutil.GatherAndCount(reg, "pilotlight_actuator_circuit_open", "pilotlight_actuator_circuit_opened_total")
	if err != nil || n != 4 {
		t.Errorf("%d series, %v", n, err)
	}
}

func TestBreakerConfigValidate(t *testing.T) {
	t.Parallel()
	for text, edit := range map[string]func(*actuators.BreakerConfig){
		"":         func(*actuators.BreakerConfig) {},
		"failures": func(c *actuators.BreakerConfig) { c.Failures = -1 },
		"open":     func(c *actuators.BreakerConfig) { c.Open = 0 },
		"max":      func(c *actuators.BreakerConfig) { c.Max = c.Open - 1 },
	} {
		c := actuators.DefaultBreakerConfig()
		edit(&c)
		if err := c.Validate(); (err == nil) != (text == "") || err != nil && !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := actuators.Available(nil); err != nil {
		t.Errorf("an actuator without a breaker: %v", fmt.Errorf("%w", err))
	}
}
