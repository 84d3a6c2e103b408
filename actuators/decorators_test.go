package actuators_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/time/rate"

	"pilotlight/actuators"
	"pilotlight/models"
)

var errPlatform = errors.New("the platform said so")

// steady is a retry configuration without jitter, so that waits are known.
func steady() actuators.RetryConfig {
	config := actuators.DefaultRetryConfig()
	config.Tries, config.Jitter, config.Initial, config.Multiplier = 4, 0, models.Duration(time.Second), 2
	return config
}

// TestRetryDecides says for each kind how many calls are made when the platform fails once.
func TestRetryDecides(t *testing.T) {
	t.Parallel()
	again := map[models.ErrorKind][2]int{ // calls of Observe and Apply
		models.KindThrottled: {2, 2}, models.KindTransient: {2, 2}, models.KindTimeout: {2, 1},
	}
	for _, kind := range models.ErrorKinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			want, ok := again[kind]
			if !ok {
				want = [2]int{1, 1}
			}
			synctest.Test(t, func(t *testing.T) {
				inner := &fake{errs: []error{failing(kind)}}
				a := actuators.WithRetry(inner, steady(), noon)
				_, err := a.Observe(t.Context(), models.Target{})
				if (err == nil) != (want[0] == 2) {
					t.Errorf("Observe returned %v", err)
				}
				inner.errs = []error{failing(kind)}
				if err = a.Apply(t.Context(), models.Target{}, action()); (err == nil) != (want[1] == 2) {
					t.Errorf("Apply returned %v", err)
				}
				if err != nil && actuators.KindOf(err) != kind {
					t.Errorf("Apply returned kind %s, want %s", actuators.KindOf(err), kind)
				}
				observes, applies, _ := inner.count()
				if observes != want[0] || applies != want[1] {
					t.Errorf("%d observes and %d applies, want %v", observes, applies, want)
				}
			})
		})
	}
}

// TestRetryWaits measures the waits on the clock of a bubble.
func TestRetryWaits(t *testing.T) {
	t.Parallel()
	transient := failing(models.KindTransient)
	for name, c := range map[string]struct {
		errs  []error
		edit  func(*actuators.RetryConfig)
		took  time.Duration
		calls int
		text  string // of the error, "" for success
	}{
		"grows":       {errs: []error{transient, transient, transient}, took: 7 * time.Second, calls: 4},
		"gives up":    {errs: []error{transient, transient, transient, transient, transient}, took: 7 * time.Second, calls: 4, text: "after 4 tries"},
		"capped":      {errs: []error{transient, transient, transient}, edit: func(c *actuators.RetryConfig) { c.Max = models.Duration(time.Second) }, took: 3 * time.Second, calls: 4},
		"once":        {errs: []error{transient}, edit: func(c *actuators.RetryConfig) { c.Tries = 1 }, calls: 1, text: "after 1 tries"},
		"retry after": {errs: []error{throttled(5 * time.Second)}, took: 6 * time.Second, calls: 2},
		"asks too much": {
			errs: []error{throttled(16 * time.Second)}, calls: 1, text: "asks to wait 16s",
		},
		"plain error": {errs: []error{errPlatform}, calls: 1, text: "the platform said so"},
		"paused":      {errs: []error{models.ErrPaused}, calls: 1, text: models.ErrPaused.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner, config, began := &fake{errs: c.errs}, steady(), time.Now()
				if c.edit != nil {
					c.edit(&config)
				}
				_, err := actuators.WithRetry(inner, config, noon).Observe(t.Context(), models.Target{})
				if took := time.Since(began); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
				if observes, _, _ := inner.count(); observes != c.calls {
					t.Errorf("%d calls, want %d", observes, c.calls)
				}
				if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
					t.Errorf("error %v, want %q in it", err, c.text)
				}
			})
		})
	}
}

// TestRetryJitter checks that the waits of many targets are spread over the range that the configuration allows.
func TestRetryJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := steady()
		config.Jitter = 0.5
		least, most := time.Hour, time.Duration(0)
		for range 500 {
			inner, began := &fake{errs: []error{throttled(time.Second)}}, time.Now()
			if _, err := actuators.WithRetry(inner, config, noon).Observe(t.Context(), models.Target{}); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			least, most = min(least, took), max(most, took)
		}
		if least < 1500*time.Millisecond || most > 2500*time.Millisecond+time.Microsecond || most-least < 500*time.Millisecond {
			t.Errorf("the waits were %s to %s, want them spread over 1.5 s to 2.5 s", least, most)
		}
	})
}

// TestRetryExpiry never repeats an action that has expired, nor waits until it will have.
func TestRetryExpiry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expires time.Duration
		calls   int
		took    time.Duration
		text    string
	}{
		"in time":            {expires: time.Hour, calls: 3, took: 3 * time.Second},
		"second wait is out": {expires: 2 * time.Second, calls: 2, took: time.Second, text: "would expire first"},
		"first wait is out":  {expires: time.Second, calls: 1, text: "would expire first"},
		"just in time":       {expires: 3*time.Second + 1, calls: 3, took: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				inner := &fake{errs: []error{failing(models.KindTransient), failing(models.KindTransient)}}
				act := action()
				act.Expires = began.Add(c.expires)
				err := actuators.WithRetry(inner, steady(), time.Now).Apply(t.Context(), models.Target{}, act)
				if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
					t.Errorf("error %v, want %q in it", err, c.text)
				}
				if err != nil && actuators.KindOf(err) != models.KindTransient {
					t.Errorf("the error %v lost its kind", err)
				}
				if _, applies, _ := inner.count(); applies != c.calls || time.Since(began) != c.took {
					t.Errorf("%d calls in %s, want %d in %s", applies, time.Since(began), c.calls, c.took)
				}
			})
		})
	}
	t.Run("the clock jumps while waiting", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			at := noon()
			clock := func() time.Time { defer func() { at = at.Add(40 * time.Minute) }(); return at }
			inner := &fake{errs: []error{failing(models.KindTransient)}}
			err := actuators.WithRetry(inner, steady(), clock).Apply(t.Context(), models.Target{}, action())
			_, applies, _ := inner.count()
			if err != nil || applies != 2 {
				t.Errorf("%d calls and %v, want a second call 40 minutes later", applies, err)
			}
			// Now the action expires during the jump.
			inner.errs, at = []error{failing(models.KindTransient)}, noon().Add(30*time.Minute)
			err = actuators.WithRetry(inner, steady(), clock).Apply(t.Context(), models.Target{}, action())
			if _, applies, _ = inner.count(); err == nil || applies != 3 || !strings.Contains(err.Error(), "has expired") {
				t.Errorf("%d calls and %v, want no call after the expiry", applies, err)
			}
		})
	})
	t.Run("no expiry", func(t *testing.T) {
		t.Parallel()
		inner := &fake{errs: []error{failing(models.KindTransient)}}
		if err := actuators.WithRetry(inner, steady(), noon).Apply(t.Context(), models.Target{}, models.Action{}); err == nil {
			t.Error("an action without an expiry was repeated")
		}
	})
}

func TestRetryCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stopping := errors.New("stopping")
		ctx, cancel := context.WithCancelCause(t.Context())
		inner, began := &fake{errs: []error{failing(models.KindTransient)}}, time.Now()
		time.AfterFunc(300*time.Millisecond, func() { cancel(stopping) })
		_, err := actuators.WithRetry(inner, steady(), noon).Observe(ctx, models.Target{})
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("returned %s after the call began, want 300ms", took)
		}
		if !errors.Is(err, context.Canceled) || !errors.Is(err, stopping) || !errors.Is(err, errPlatform) {
			t.Errorf("error %v, want the cancellation, its cause and what the platform said in it", err)
		}
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := actuators.TimeoutConfig{Observe: models.Duration(2 * time.Second), Apply: models.Duration(3 * time.Second)}
		a := actuators.WithTimeout(&hanging{}, config)
		began := time.Now()
		_, err := a.Observe(t.Context(), models.Target{})
		var platform *actuators.Error
		if !errors.As(err, &platform) || platform.Kind != models.KindTimeout || !strings.Contains(err.Error(), "no answer within 2s") {
			t.Errorf("Observe returned %v, want kind timeout with its cause", err)
		}
		err = a.Apply(t.Context(), models.Target{}, action())
		if actuators.KindOf(err) != models.KindTimeout || !strings.Contains(err.Error(), "no answer within 3s") {
			t.Errorf("Apply returned %v, want kind timeout with its cause", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("both took %s, want 5s", took)
		}
		// The caller's own cancellation is no timeout of the platform.
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err = a.Observe(ctx, models.Target{}); !errors.Is(err, context.Canceled) || errors.As(err, &platform) && platform.Op == "observe" {
			t.Errorf("a cancelled Observe returned %v, want context.Canceled", err)
		}
		// No limit.
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began = time.Now()
		_, err = actuators.WithTimeout(&hanging{}, actuators.TimeoutConfig{}).Observe(ctx, models.Target{})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Hour {
			t.Errorf("without a limit Observe returned %v after %s", err, time.Since(began))
		}
	})
}

// TestTimeoutKeepsErrors passes errors that have nothing to do with the limit.
func TestTimeoutKeepsErrors(t *testing.T) {
	t.Parallel()
	want := failing(models.KindNotFound)
	a := actuators.WithTimeout(&fake{errs: []error{want, models.ErrPaused}}, actuators.DefaultTimeoutConfig())
	if _, err := a.Observe(t.Context(), models.Target{}); !errors.Is(err, want) {
		t.Errorf("Observe returned %v, want %v", err, want)
	}
	if err := a.Apply(t.Context(), models.Target{}, action()); !errors.Is(err, models.ErrPaused) {
		t.Errorf("Apply returned %v, want %v", err, models.ErrPaused)
	}
}

// TestRateLimit shares one bucket between two actuators.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bucket := actuators.RateLimitConfig{PerSecond: 2, Burst: 3}.Limiter()
		one, two := actuators.WithRateLimit(&fake{}, bucket), actuators.WithRateLimit(&fake{}, bucket)
		began := time.Now()
		for range 5 {
			if _, err := one.Observe(t.Context(), models.Target{}); err != nil {
				t.Fatal(err)
			}
			if err := two.Apply(t.Context(), models.Target{}, action()); err != nil {
				t.Fatal(err)
			}
		}
		// 10 calls, 3 at once and 7 at half a second each.
		if took := time.Since(began); took != 3500*time.Millisecond {
			t.Errorf("10 calls took %s, want 3.5s", took)
		}
	})
}

func TestRateLimitGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := &fake{}
		a := actuators.WithRateLimit(inner, rate.NewLimiter(rate.Every(time.Minute), 1))
		if _, err := a.Observe(t.Context(), models.Target{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := a.Observe(ctx, models.Target{})
		if actuators.KindOf(err) != models.KindThrottled || time.Since(began) != 0 {
			t.Errorf("a call that has no turn before its deadline returned %v after %s, want kind throttled at once", err, time.Since(began))
		}
		ended, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if err = a.Apply(ended, models.Target{}, action()); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("a call that was cancelled while it waited returned %v after %s", err, time.Since(began))
		}
		if err = a.Apply(ended, models.Target{}, action()); !errors.Is(err, context.Canceled) {
			t.Errorf("a call that was cancelled before returned %v", err)
		}
		if observes, applies, _ := inner.count(); observes != 1 || applies != 0 {
			t.Errorf("%d observes and %d applies reached the platform, want 1 and 0", observes, applies)
		}
	})
	free := actuators.WithRateLimit(&fake{}, actuators.RateLimitConfig{}.Limiter())
	ended, stop := context.WithCancel(t.Context())
	stop()
	if _, err := free.Observe(ended, models.Target{}); !errors.Is(err, context.Canceled) {
		t.Errorf("without a limit a cancelled call returned %v", err)
	}
	if _, err := free.Observe(t.Context(), models.Target{}); err != nil {
		t.Error(err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at      time.Duration
		expired bool
	}{"fresh": {0, false}, "last moment": {time.Hour - 1, false}, "at expiry": {time.Hour, true}, "later": {48 * time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := &fake{}
			a := actuators.WithExpiry(inner, func() time.Time { return noon().Add(c.at) })
			err := a.Apply(t.Context(), models.Target{}, action())
			if errors.Is(err, models.ErrExpired) != c.expired {
				t.Errorf("Apply returned %v", err)
			}
			if _, applies, _ := inner.count(); (applies == 0) != c.expired {
				t.Errorf("%d applies reached the platform", applies)
			}
			if _, err = a.Observe(t.Context(), models.Target{}); err != nil {
				t.Errorf("Observe returned %v", err)
			}
		})
	}
	t.Run("no expiry", func(t *testing.T) {
		t.Parallel()
		err := actuators.WithExpiry(&fake{}, noon).Apply(t.Context(), models.Target{}, models.Action{ID: "x"})
		if !errors.Is(err, models.ErrExpired) {
			t.Errorf("Apply of an action without an expiry returned %v", err)
		}
	})
	t.Run("expires while the adapter reads", func(t *testing.T) {
		t.Parallel()
		at := noon()
		inner := &fake{before: func(context.Context) { at = at.Add(2 * time.Hour) }}
		err := actuators.WithExpiry(inner, func() time.Time { return at }).Apply(t.Context(), models.Target{}, action())
		if _, applies, writes := inner.count(); !errors.Is(err, models.ErrExpired) || applies != 1 || writes != 0 {
			t.Errorf("Apply returned %v with %d writes, want it held back inside the adapter", err, writes)
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	metrics := actuators.NewMetrics(reg)
	at := noon()
	clock := func() time.Time { defer func() { at = at.Add(30 * time.Millisecond) }(); return at }
	inner := &fake{errs: []error{
		nil, failing(models.KindThrottled), nil, models.ErrDryRun, models.ErrPaused, fmt.Errorf("late: %w", models.ErrExpired),
		context.Canceled, failing("made up"), context.DeadlineExceeded,
	}}
	a := actuators.WithMetrics(inner, metrics, "aws", clock)
	for range 2 {
		_, _ = a.Observe(t.Context(), models.Target{})
	}
	for range 7 {
		_ = a.Apply(t.Context(), models.Target{}, action())
	}
	got := make(map[string]float64)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			words := []string{family.GetName()}
			for _, label := range metric.GetLabel() {
				words = append(words, label.GetValue())
			}
			key := strings.Join(words, " ")
			if value := metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount()); value > 0 {
				got[key] = value
			}
		}
	}
	want := map[string]float64{
		"pilotlight_actuator_calls_total aws observe ok":        1,
		"pilotlight_actuator_calls_total aws observe throttled": 1,
		"pilotlight_actuator_calls_total aws apply ok":          1,
		"pilotlight_actuator_calls_total aws apply dry_run":     1,
		"pilotlight_actuator_calls_total aws apply paused":      1,
		"pilotlight_actuator_calls_total aws apply expired":     1,
		"pilotlight_actuator_calls_total aws apply cancelled":   1,
		"pilotlight_actuator_calls_total aws apply permanent":   1,
		"pilotlight_actuator_calls_total aws apply timeout":     1,
		"pilotlight_actuator_call_duration_seconds aws observe": 2,
		"pilotlight_actuator_call_duration_seconds aws apply":   4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metric names: %v %v", problems, err)
	}
	// Without a registry, and for a second actuator of the same process.
	_ = actuators.WithMetrics(inner, metrics, "other", noon)
	if _, err := actuators.WithMetrics(inner, actuators.NewMetrics(nil), "aws", noon).Observe(t.Context(), models.Target{}); err != nil {
		t.Error(err)
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	config := actuators.Config{
		Timeout:   actuators.TimeoutConfig{Observe: -1, Apply: -1},
		Retry:     actuators.RetryConfig{Tries: 0, Initial: 0, Max: -1, Multiplier: math.NaN(), Jitter: 1.5, MaxRetryAfter: -1},
		RateLimit: actuators.RateLimitConfig{PerSecond: math.Inf(1), Burst: 0},
	}
	err := config.Validate()
	for _, want := range []string{
		"timeout.observe", "timeout.apply", "retry.tries 0", "retry.initial 0s", "retry.max ", "retry.multiplier NaN", "retry.jitter 1.5",
		"retry.max_retry_after", "rate_limit.per_second +Inf", "rate_limit.burst 0",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate returned %v, want %q in it", err, want)
		}
	}
	if !errors.Is(err, models.ErrInvalid) {
		t.Errorf("Validate returned %v, want models.ErrInvalid in it", err)
	}
	if err := actuators.DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
	if _, err := actuators.Decorate(&fake{}, "aws", actuators.DefaultConfig(), actuators.Deps{Permit: open}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("Decorate without a clock returned %v", err)
	}
	if _, err := actuators.Decorate(nil, "aws", actuators.DefaultConfig(), actuators.Deps{Now: noon}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("Decorate of nothing returned %v", err)
	}
	if _, err := actuators.Decorate(&fake{}, "aws", config, actuators.Deps{Now: noon}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("Decorate with a bad configuration returned %v", err)
	}
}

// keepOne is an adapter that cannot go to 0.
type keepOne struct{ fake }

func (*keepOne) Reach(_, want models.Capacity) models.Capacity {
	n, _ := want.Warm()
	return want.WithWarm(max(n, 1))
}

func TestReach(t *testing.T) {
	t.Parallel()
	metrics := actuators.NewMetrics(nil)
	for name, c := range map[string]struct {
		adapter actuators.Actuator
		want    models.Capacity
	}{"plain": {&fake{}, models.Warm(0)}, "keeps one": {&keepOne{}, models.Warm(1)}} {
		a, err := actuators.Decorate(c.adapter, "x", actuators.DefaultConfig(), actuators.Deps{Permit: open, Now: noon, Metrics: metrics})
		if err != nil {
			t.Fatal(err)
		}
		if got := actuators.Reach(a, models.Warm(5), models.Warm(0)); got != c.want {
			t.Errorf("%s: Reach = %s, want %s", name, got, c.want)
		}
		if a.Levers() != c.adapter.Levers() {
			t.Errorf("%s: the decorators hide the levers", name)
		}
	}
}
