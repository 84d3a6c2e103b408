package actuators

import (
	"context"
	"errors"

	"pilotlight/models"
)

// ErrNoRehearsal says that the platform of an actuator cannot check a change without carrying it out.
var ErrNoRehearsal = errors.New("the platform cannot check a change without carrying it out")

// Rehearser is implemented by actuators whose platform can check a change without carrying it out, such as with validateOnly or
// dryRun=All.
type Rehearser interface {
	// Rehearse asks the platform whether it would accept the action, and returns nil if it would, else the error that Apply would
	// return. It sends no request that changes anything, so that it needs neither a gate nor an unexpired action.
	Rehearse(ctx context.Context, target models.Target, action models.Action) error
}

// Rehearse asks the platform of an actuator whether it would accept an action, through the breaker, the rate limit, the metrics and
// the timeout of its decorators, but without retries. It returns ErrNoRehearsal if the platform cannot be asked.
func Rehearse(ctx context.Context, a Actuator, target models.Target, action models.Action) error {
	for a != nil {
		if r, ok := a.(Rehearser); ok {
			return r.Rehearse(ctx, target, action)
		}
		outer, ok := a.(interface{ Unwrap() Actuator })
		if !ok {
			break
		}
		a = outer.Unwrap()
	}
	return ErrNoRehearsal
}

// CanRehearse reports whether the platform of an actuator can check a change without carrying it out. It looks through decorators and
// does no I/O.
func CanRehearse(a Actuator) bool {
	for a != nil {
		outer, ok := a.(interface{ Unwrap() Actuator })
		if !ok {
			break
		}
		a = outer.Unwrap()
	}
	_, ok := a.(Rehearser)
	return ok
}

// Rehearse implements Rehearser with the breaker of writes, since it is the same service that is asked.
func (b *breaking) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	if err := b.breakers.Apply.enter(); err != nil {
		return err
	}
	err := Rehearse(ctx, b.inner, target, action)
	b.breakers.Apply.leave(err)
	return err
}

// Rehearse implements Rehearser.
func (a *available) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	if err := a.breakers.Apply.Available(); err != nil {
		return err
	}
	return Rehearse(ctx, a.inner, target, action)
}

// Rehearse implements Rehearser.
func (l *rateLimit) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	if err := AwaitTurn(ctx, l.bucket); err != nil {
		return err
	}
	return Rehearse(ctx, l.inner, target, action)
}

// Rehearse implements Rehearser.
func (m *metered) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	began := m.now()
	err := Rehearse(ctx, m.inner, target, action)
	m.record(opRehearse, began, err)
	return err
}

// Rehearse implements Rehearser.
func (t *timeout) Rehearse(ctx context.Context, target models.Target, action models.Action) error {
	ctx, done, ran := bounded(ctx, t.config.Apply.Std())
	defer done()
	return ran("rehearse", Rehearse(ctx, t.inner, target, action))
}
