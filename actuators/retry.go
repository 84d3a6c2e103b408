package actuators

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cenkalti/backoff/v5"

	"pilotlight/models"
)

// RetryConfig says how often and when a failed call is repeated.
type RetryConfig struct {
	// Tries is the greatest number of calls in all, at least 1; 1 never repeats.
	Tries int `yaml:"tries"`
	// Initial is the mean wait before the second call; each further one is Multiplier times longer, up to Max.
	Initial    models.Duration `yaml:"initial"`
	Max        models.Duration `yaml:"max"`
	Multiplier float64         `yaml:"multiplier"`
	// Jitter spreads a wait w evenly over w*(1-Jitter) to w*(1+Jitter), so that many targets do not come back at once; 0 to 1.
	Jitter float64 `yaml:"jitter"`
	// MaxRetryAfter is the longest wait that a platform may ask for and get; beyond it the error is returned at once, and
	// the next tick decides anew.
	MaxRetryAfter models.Duration `yaml:"max_retry_after"`
}

// DefaultRetryConfig makes up to 3 calls, about 0.5 s and 1 s apart.
func DefaultRetryConfig() RetryConfig {
	return RetryConfig{
		Tries: 3, Initial: models.Duration(500 * time.Millisecond), Max: models.Duration(5 * time.Second), Multiplier: 2, Jitter: 0.5,
		MaxRetryAfter: models.Duration(15 * time.Second),
	}
}

// Validate says all that is wrong, or returns nil.
func (c RetryConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if c.Tries < 1 {
		bad("tries %d is below 1; 1 never repeats a call", c.Tries)
	}
	if c.Initial <= 0 {
		bad("initial %s is not above 0", c.Initial)
	}
	if c.Max < c.Initial {
		bad("max %s is below initial %s", c.Max, c.Initial)
	}
	if !(c.Multiplier >= 1) || math.IsInf(c.Multiplier, 0) {
		bad("multiplier %v is not a number from 1 on", c.Multiplier)
	}
	if !(c.Jitter >= 0 && c.Jitter <= 1) {
		bad("jitter %v is not from 0 to 1", c.Jitter)
	}
	if c.MaxRetryAfter < 0 {
		bad("max_retry_after %s is negative", c.MaxRetryAfter)
	}
	return errors.Join(errs...)
}

// retry repeats calls.
type retry struct {
	inner  Actuator
	config RetryConfig
	now    func() time.Time
}

// WithRetry returns an actuator that repeats a call which failed in a way that may pass: throttled or transient, and for
// Observe also timeout. A write that timed out is not repeated, since it may have happened: observe, then decide. It waits
// with exponential growth and jitter, and at least as long as the platform asked for. It never repeats an action from its
// expiry on, nor begins a wait that would last until then; an action without an expiry is not repeated. Errors held back
// by other decorators, such as models.ErrPaused, are returned at once.
func WithRetry(inner Actuator, config RetryConfig, now func() time.Time) Actuator {
	return &retry{inner: inner, config: config, now: now}
}

// Observe implements Actuator.
func (r *retry) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	var obs models.Observation
	err := r.repeat(ctx, func() (err error) {
		obs, err = r.inner.Observe(ctx, target)
		return err
	}, mayObserveAgain, nil)
	return obs, err
}

// Apply implements Actuator.
func (r *retry) Apply(ctx context.Context, target models.Target, action models.Action) error {
	inTime := func(wait time.Duration) bool { return r.now().Add(wait).Before(action.Expires) }
	return r.repeat(ctx, func() error { return r.inner.Apply(ctx, target, action) }, mayApplyAgain, inTime)
}

// repeat calls until success, an error that again rejects, the last try, or a wait that inTime rejects; nil allows any wait.
func (r *retry) repeat(
	ctx context.Context, call func() error, again func(models.ErrorKind) bool, inTime func(wait time.Duration) bool,
) error {
	waits := backoff.ExponentialBackOff{
		InitialInterval: r.config.Initial.Std(), MaxInterval: r.config.Max.Std(),
		Multiplier: r.config.Multiplier, RandomizationFactor: r.config.Jitter,
	}
	waits.Reset()
	var before error
	for try := 1; ; try++ {
		err := call()
		if before != nil && err != nil && unsent(err) {
			return lastMade(before, err)
		}
		before = err
		platform, ok := errors.AsType[*Error](err)
		if !ok || !again(platform.Kind) || ctx.Err() != nil || hopeless(err) {
			return err
		}
		if try >= r.config.Tries {
			return fmt.Errorf("after %d tries: %w", try, err)
		}
		if platform.RetryAfter > r.config.MaxRetryAfter.Std() {
			return fmt.Errorf("not tried again now, the platform asks to wait %s: %w", platform.RetryAfter, err)
		}
		// The jitter is on top of what the platform asked for, else all who were turned away would return together.
		if why := pause(ctx, platform.RetryAfter+waits.NextBackOff(), inTime); why != nil {
			return joined{err, why}
		}
	}
}

// lastMade returns the error of the last call that was made, which may have had an effect, and why there was no further one.
func lastMade(made, held error) error {
	if hopeless(held) {
		return joined{made, errors.New("not tried again, " + held.Error())}
	}
	return joined{made, fmt.Errorf("not tried again, %w", held)}
}

// unsent reports whether the call was not made, for reasons of our own.
func unsent(err error) bool {
	return hopeless(err) || errors.Is(err, models.ErrDryRun) || errors.Is(err, models.ErrPaused) || errors.Is(err, models.ErrHeld) ||
		errors.Is(err, models.ErrExpired)
}

// hopeless reports whether the call was not made for a reason that lasts: the platform is left alone, or no turn comes in time.
func hopeless(err error) bool { return errors.Is(err, ErrUnavailable) || errors.Is(err, errNoTurn) }

// pause waits, or returns why there is to be no further try: the context ended, or inTime, unless nil, rejects the wait.
func pause(ctx context.Context, wait time.Duration, inTime func(time.Duration) bool) error {
	if inTime != nil && !inTime(wait) {
		return errors.New("not tried again, the action would expire first")
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return Ended(ctx)
	}
	if inTime != nil && !inTime(0) {
		return errors.New("not tried again, the action has expired")
	}
	return nil
}

// mayObserveAgain says which errors of a read may pass.
func mayObserveAgain(kind models.ErrorKind) bool {
	return mayApplyAgain(kind) || kind == models.KindTimeout
}

// mayApplyAgain says which errors of a write may pass and left nothing in doubt that repeating an absolute capacity would
// not settle.
func mayApplyAgain(kind models.ErrorKind) bool {
	return kind == models.KindThrottled || kind == models.KindTransient
}

// Levers implements Actuator.
func (r *retry) Levers() models.Lever { return r.inner.Levers() }

// Unwrap returns the actuator inside.
func (r *retry) Unwrap() Actuator { return r.inner }
