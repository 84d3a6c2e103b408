package actuators

import (
	"context"
	"fmt"

	"pilotlight/models"
)

// gate is the one place where writes are held back.
type gate struct {
	inner  Actuator
	permit func() error
}

// WithGate returns an actuator whose Apply reaches inner only while permit returns nil; otherwise Apply returns the error of
// permit, such as models.ErrDryRun or models.ErrPaused, unchanged. Observe always passes. A nil permit permits nothing.
//
// permit is asked twice: before inner is called, and again by the adapter through MayWrite right before it sends the write, so
// that a permit that is withdrawn while the adapter still reads, waits or retries holds the write back too. permit must
// be safe for concurrent use and quick.
//
// The gate works at any place in a stack of decorators. Decorate puts it next to the adapter.
func WithGate(inner Actuator, permit func() error) Actuator {
	if permit == nil {
		permit = func() error { return fmt.Errorf("no permit to write was configured: %w", models.ErrDryRun) }
	}
	return &gate{inner: inner, permit: permit}
}

// Observe implements Actuator.
func (g *gate) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	return g.inner.Observe(ctx, target)
}

// Apply implements Actuator.
func (g *gate) Apply(ctx context.Context, target models.Target, action models.Action) error {
	if err := g.permit(); err != nil {
		return err
	}
	return g.inner.Apply(withLastLook(ctx, g.permit), target, action)
}

// Levers implements Actuator.
func (g *gate) Levers() models.Lever { return g.inner.Levers() }

// Unwrap returns the actuator inside.
func (g *gate) Unwrap() Actuator { return g.inner }
