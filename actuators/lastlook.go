package actuators

import "context"

// lastLookKey is the key of the checks in a context.
type lastLookKey struct{}

// withLastLook returns a context in which MayWrite asks check too, after the checks that ctx already holds.
func withLastLook(ctx context.Context, check func() error) context.Context {
	earlier, _ := ctx.Value(lastLookKey{}).(func() error)
	if earlier == nil {
		return context.WithValue(ctx, lastLookKey{}, check)
	}
	return context.WithValue(ctx, lastLookKey{}, func() error {
		if err := earlier(); err != nil {
			return err
		}
		return check()
	})
}

// WithCheck returns a context in which MayWrite asks check too. It is for what holds a write back and is known to the caller only,
// such as the bounds of the target. check must be quick.
func WithCheck(ctx context.Context, check func() error) context.Context {
	return withLastLook(ctx, check)
}

// MayWrite asks the decorators around an adapter whether the write may still be sent. An adapter that reads or waits inside
// Apply calls it right before each request that writes, and returns its error unchanged: much can happen in between, such as a
// pause or the expiry of the action. It also returns the error of a context that is done. Without decorators the answer is
// yes.
func MayWrite(ctx context.Context) error {
	if err := Ended(ctx); err != nil {
		return err
	}
	if check, ok := ctx.Value(lastLookKey{}).(func() error); ok {
		return check()
	}
	return nil
}
