// Package actuators declares the contract of what reads and sets the capacity of targets, the errors they return, and the
// decorators around them. Each platform lives in a package below this one.
package actuators

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pilotlight/models"
)

// Actuator reads and sets the capacity of targets on one platform. Implementations must be safe for concurrent use for
// different targets; the engine never calls one concurrently for the same target.
type Actuator interface {
	// Observe reads the state of the target. It never writes. A target that the platform does not know is an *Error of
	// kind not_found.
	Observe(ctx context.Context, target models.Target) (models.Observation, error)
	// Apply asks the platform for the absolute capacity action.To, only the levers that are set. It is idempotent: applying
	// the same capacity again is no error and has no further effect. It returns when the platform has accepted the
	// request, which may take effect later; read back with Observe. Errors are *Error, except the sentinel errors
	// models.ErrDryRun, models.ErrPaused, models.ErrHeld and models.ErrExpired of decorators.
	Apply(ctx context.Context, target models.Target, action models.Action) error
	// Levers says which levers the platform has.
	Levers() models.Lever
}

// Error is what went wrong on a platform, classified by the adapter so that decorators and the engine can decide.
type Error struct {
	Kind models.ErrorKind
	// Op is what was attempted, such as "put provisioned concurrency".
	Op string
	// RetryAfter is when the platform asks to be tried again; 0 if it did not say.
	RetryAfter time.Duration
	Err        error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Op, e.Kind, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an *Error in the chain of err; KindTimeout for a context that ran out, else KindPermanent.
func KindOf(err error) models.ErrorKind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded):
		return models.KindTimeout
	default:
		return models.KindPermanent
	}
}
