package actuators_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the tests begin.
func noon() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }

// fake is an adapter that answers with errors in turn, then with success, and counts.
type fake struct {
	mu       sync.Mutex
	errs     []error
	observes int
	applies  int
	writes   int
	// before is called inside Apply before the write, as an adapter that reads first would take its time.
	before func(ctx context.Context)
}

func (f *fake) next() error {
	if len(f.errs) == 0 {
		return nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return err
}

func (f *fake) Observe(context.Context, models.Target) (models.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.observes++
	return models.Observation{Capacity: models.Warm(f.writes), Ready: f.writes}, f.next()
}

func (f *fake) Apply(ctx context.Context, _ models.Target, _ models.Action) error {
	f.mu.Lock()
	f.applies++
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	if err := actuators.MayWrite(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.next(); err != nil {
		return err
	}
	f.writes++
	return nil
}

func (f *fake) Levers() models.Lever { return models.LeverWarm | models.LeverMax }

func (f *fake) count() (observes, applies, writes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.observes, f.applies, f.writes
}

// hanging is an adapter that only returns when its context ends.
type hanging struct{ fake }

func (*hanging) Observe(ctx context.Context, _ models.Target) (models.Observation, error) {
	<-ctx.Done()
	return models.Observation{}, ctx.Err()
}

func (*hanging) Apply(ctx context.Context, _ models.Target, _ models.Action) error {
	<-ctx.Done()
	return &actuators.Error{Kind: models.KindTimeout, Op: "put", Err: ctx.Err()}
}

// failing returns an error of a kind.
func failing(kind models.ErrorKind) error {
	return &actuators.Error{Kind: kind, Op: "put", Err: errPlatform}
}

// throttled returns an error of kind throttled that asks to wait.
func throttled(after time.Duration) error {
	return &actuators.Error{Kind: models.KindThrottled, Op: "put", RetryAfter: after, Err: errPlatform}
}

// action returns an action that expires an hour after noon.
func action() models.Action {
	return models.Action{ID: "a1", Target: "t", To: models.Warm(3), Issued: noon(), Expires: noon().Add(time.Hour)}
}

// open is the permit of automatic mode.
func open() error { return nil }
