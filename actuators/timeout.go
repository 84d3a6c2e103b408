package actuators

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pilotlight/models"
)

// TimeoutConfig bounds how long a platform may take to answer.
type TimeoutConfig struct {
	// Observe and Apply bound one call each; 0 is no bound.
	Observe models.Duration `yaml:"observe"`
	Apply   models.Duration `yaml:"apply"`
}

// DefaultTimeoutConfig allows 10 seconds to read and 30 seconds to write.
func DefaultTimeoutConfig() TimeoutConfig {
	return TimeoutConfig{Observe: models.Duration(10 * time.Second), Apply: models.Duration(30 * time.Second)}
}

// Validate says all that is wrong, or returns nil.
func (c TimeoutConfig) Validate() error {
	var errs []error
	if c.Observe < 0 {
		errs = append(errs, fmt.Errorf("observe %s is negative; 0 is no bound: %w", c.Observe, models.ErrInvalid))
	}
	if c.Apply < 0 {
		errs = append(errs, fmt.Errorf("apply %s is negative; 0 is no bound: %w", c.Apply, models.ErrInvalid))
	}
	return errors.Join(errs...)
}

// timeout bounds calls.
type timeout struct {
	inner  Actuator
	config TimeoutConfig
}

// WithTimeout returns an actuator that ends the context of each call after the configured time. A call that fails because of
// it returns an *Error of kind timeout whose text says how long was waited. It relies on inner to heed its context.
func WithTimeout(inner Actuator, config TimeoutConfig) Actuator {
	return &timeout{inner: inner, config: config}
}

// Observe implements Actuator.
func (t *timeout) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	ctx, done, ran := bounded(ctx, t.config.Observe.Std())
	defer done()
	obs, err := t.inner.Observe(ctx, target)
	return obs, ran("observe", err)
}

// Apply implements Actuator.
func (t *timeout) Apply(ctx context.Context, target models.Target, action models.Action) error {
	ctx, done, ran := bounded(ctx, t.config.Apply.Std())
	defer done()
	return ran("apply", t.inner.Apply(ctx, target, action))
}

// bounded returns a context that ends after limit, the function that frees it, and one that turns an error into a timeout if
// the limit, and not the caller's own context, is why the call ended.
func bounded(parent context.Context, limit time.Duration) (
	ctx context.Context, done context.CancelFunc, ran func(op string, err error) error,
) {
	if limit <= 0 {
		return parent, func() {}, func(_ string, err error) error { return err }
	}
	cause := fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded)
	ctx, done = context.WithTimeoutCause(parent, limit, cause)
	return ctx, done, func(op string, err error) error {
		ended := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
		if err == nil || !ended || !errors.Is(context.Cause(ctx), cause) {
			return err
		}
		return &Error{Kind: models.KindTimeout, Op: op, Err: joined{cause, err}}
	}
}

// Levers implements Actuator.
func (t *timeout) Levers() models.Lever { return t.inner.Levers() }

// Unwrap returns the actuator inside.
func (t *timeout) Unwrap() Actuator { return t.inner }
