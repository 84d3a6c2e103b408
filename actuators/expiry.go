package actuators

import (
	"context"
	"fmt"
	"time"

	"pilotlight/models"
)

// expiry refuses actions that are too old.
type expiry struct {
	inner Actuator
	now   func() time.Time
}

// WithExpiry returns an actuator that refuses an action from its Expires on with an error that wraps models.ErrExpired, and
// checks once more right before the write through MayWrite. An action without an expiry counts as expired: the engine sets one
// on every action, so its absence is a defect and must not move money.
func WithExpiry(inner Actuator, now func() time.Time) Actuator {
	return &expiry{inner: inner, now: now}
}

// Observe implements Actuator.
func (e *expiry) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	return e.inner.Observe(ctx, target)
}

// Apply implements Actuator.
func (e *expiry) Apply(ctx context.Context, target models.Target, action models.Action) error {
	check := func() error {
		if at := e.now(); !at.Before(action.Expires) {
			return fmt.Errorf("action %s was to be sent before %s and it is %s, so it must be decided anew: %w",
				action.ID, action.Expires.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339), models.ErrExpired)
		}
		return nil
	}
	if err := check(); err != nil {
		return err
	}
	return e.inner.Apply(withLastLook(ctx, check), target, action)
}

// Levers implements Actuator.
func (e *expiry) Levers() models.Lever { return e.inner.Levers() }

// Unwrap returns the actuator inside.
func (e *expiry) Unwrap() Actuator { return e.inner }
