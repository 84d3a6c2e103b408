package actuators

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/time/rate"

	"pilotlight/models"
)

// RateLimitConfig bounds how many calls per second an actuator makes for all its targets together.
type RateLimitConfig struct {
	// PerSecond is the lasting rate; 0 is no bound.
	PerSecond float64 `yaml:"per_second"`
	// Burst is how many calls may be made at once after a quiet time; at least 1 if PerSecond is above 0.
	Burst int `yaml:"burst"`
}

// DefaultRateLimitConfig allows 10 calls per second.
func DefaultRateLimitConfig() RateLimitConfig { return RateLimitConfig{PerSecond: 10, Burst: 10} }

// Validate says all that is wrong, or returns nil.
func (c RateLimitConfig) Validate() error {
	var errs []error
	if !(c.PerSecond >= 0) || math.IsInf(c.PerSecond, 0) {
		errs = append(errs, fmt.Errorf("per_second %v is not a number from 0 on; 0 is no bound: %w", c.PerSecond, models.ErrInvalid))
	}
	if c.PerSecond > 0 && c.Burst < 1 {
		errs = append(errs, fmt.Errorf("burst %d is below 1, so no call could ever be made: %w", c.Burst, models.ErrInvalid))
	}
	return errors.Join(errs...)
}

// Limiter returns a token bucket of that rate and size, or nil for no bound.
func (c RateLimitConfig) Limiter() *rate.Limiter {
	if c.PerSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(c.PerSecond), c.Burst)
}

// rateLimit spaces calls.
type rateLimit struct {
	inner  Actuator
	bucket *rate.Limiter
}

// WithRateLimit returns an actuator that waits for a token of the bucket before each call. The bucket is shared by all targets,
// and may be shared by several actuators of one account. A call whose context would end before its turn fails at once
// with an *Error of kind throttled. A nil bucket is no bound.
func WithRateLimit(inner Actuator, bucket *rate.Limiter) Actuator {
	return &rateLimit{inner: inner, bucket: bucket}
}

// Observe implements Actuator.
func (l *rateLimit) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	if err := AwaitTurn(ctx, l.bucket); err != nil {
		return models.Observation{}, err
	}
	return l.inner.Observe(ctx, target)
}

// Apply implements Actuator.
func (l *rateLimit) Apply(ctx context.Context, target models.Target, action models.Action) error {
	if err := AwaitTurn(ctx, l.bucket); err != nil {
		return err
	}
	return l.inner.Apply(ctx, target, action)
}

// AwaitTurn takes a token of the bucket, waiting until there is one; a nil bucket is no bound. Adapters whose platform counts
// requests rather than calls use it before each request. It returns the error of a context that is done, and an *Error of
// kind throttled if the context has a deadline before the turn would come.
func AwaitTurn(ctx context.Context, bucket *rate.Limiter) error {
	if err := Ended(ctx); err != nil {
		return fmt.Errorf("wait for the rate limit: %w", err)
	}
	if bucket == nil {
		return nil
	}
	err := bucket.Wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("wait for the rate limit: %w", Ended(ctx))
	default:
		return &Error{
			Kind: models.KindThrottled, Op: "wait for the rate limit",
			Err: fmt.Errorf("the limit of %v calls per second leaves %w; raise it or ask less often: %w",
				float64(bucket.Limit()), errNoTurn, err),
		}
	}
}

// NoTurn reports whether a call was not made because its turn in the own rate limit would not come in time, which says nothing about
// the platform.
func NoTurn(err error) bool { return errors.Is(err, errNoTurn) }

// Levers implements Actuator.
func (l *rateLimit) Levers() models.Lever { return l.inner.Levers() }

// Unwrap returns the actuator inside.
func (l *rateLimit) Unwrap() Actuator { return l.inner }
