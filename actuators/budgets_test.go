package actuators_test

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"pilotlight/actuators"
	"pilotlight/models"
)

// TestBudgetIsTheSmallest asks for a budget with different limits, in each order.
func TestBudgetIsTheSmallest(t *testing.T) {
	t.Parallel()
	none, slow, fast := actuators.RateLimitConfig{}, actuators.RateLimitConfig{PerSecond: 2, Burst: 9}, actuators.RateLimitConfig{PerSecond: 5, Burst: 3}
	for _, order := range [][]actuators.RateLimitConfig{{none, slow, fast}, {fast, none, slow}, {slow, fast, none}, {none, none, fast, slow}} {
		b := actuators.NewBudgets()
		var bucket *rate.Limiter
		for _, c := range order {
			got := b.Bucket("a", c)
			if bucket != nil && got != bucket {
				t.Fatal("the same key gives two buckets")
			}
			bucket = got
		}
		if bucket.Limit() != 2 || bucket.Burst() != 3 {
			t.Errorf("%v: %v a second, burst %d", order, bucket.Limit(), bucket.Burst())
		}
		if !bucket.AllowN(time.Now(), 3) || bucket.AllowN(time.Now(), 2) {
			t.Errorf("%v: there are not 3 turns at once", order)
		}
		if b.Bucket("b", none).Limit() != rate.Inf {
			t.Error("no limit became one")
		}
	}
}

// TestSharedCalls lets two actuators share the budget of their calls.
func TestSharedCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := actuators.DefaultConfig()
		config.RateLimit = actuators.RateLimitConfig{PerSecond: 1, Burst: 1}
		bucket := actuators.NewBudgets().Bucket("account", config.RateLimit)
		var both []actuators.Actuator
		for range 2 {
			a, err := actuators.Decorate(&fake{}, "a", config, actuators.Deps{Now: time.Now, Bucket: bucket})
			if err != nil {
				t.Fatal(err)
			}
			both = append(both, a)
		}
		began := time.Now()
		for i := range 10 {
			if _, err := both[i%2].Observe(t.Context(), models.Target{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("10 calls took %s", took)
		}
	})
}

// TestBreakerProbes lets calls through one at a time until enough have succeeded.
func TestBreakerProbes(t *testing.T) {
	t.Parallel()
	c, changes := &clock{at: noon()}, []bool{}
	inner := &fake{}
	b := actuators.NewBreaker(actuators.BreakerConfig{
		Failures: 1, Open: models.Duration(10 * time.Second), Max: models.Duration(10 * time.Second), Probes: 3,
	}, c.now, func(open bool) { changes = append(changes, open) })
	a := actuators.WithBreaker(inner, actuators.Breakers{Observe: b, Apply: b})
	call := func(errs ...error) error {
		inner.mu.Lock()
		inner.errs = errs
		inner.mu.Unlock()
		_, err := a.Observe(t.Context(), models.Target{})
		return err
	}
	_ = call(failing(models.KindTransient))
	for i, fails := range []bool{false, false, true, false, false, false} {
		if len(changes) != 1 {
			t.Fatalf("changes %v after %d calls", changes, i)
		}
		if i == 0 || i == 3 {
			c.advance(10 * time.Second)
		}
		var errs []error
		if fails {
			errs = times(1, models.KindTransient)
		}
		if err := call(errs...); (err != nil) != fails {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if len(changes) != 2 || changes[1] {
		t.Errorf("changes %v", changes)
	}
}
