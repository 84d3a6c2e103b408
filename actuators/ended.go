package actuators

import (
	"context"
	"errors"
)

// Ended returns nil while the context goes on, else an error that is both the error of the context, context.Canceled or
// context.DeadlineExceeded, and its cause, so that callers can test for either.
func Ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(cause, err):
		return cause
	default:
		return joined{err, cause}
	}
}

// joined is two errors that read as one sentence, unlike errors.Join, which breaks the line.
type joined [2]error

// Error implements error.
func (j joined) Error() string {
	if j[0].Error() == j[1].Error() {
		return j[0].Error()
	}
	return j[0].Error() + " (" + j[1].Error() + ")"
}

// Unwrap returns both errors.
func (j joined) Unwrap() []error { return j[:] }
