package actuators

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pilotlight/models"
)

// ErrUnavailable says that a call was not made, because the last ones to the platform failed and it is left alone for a while. It
// comes inside an *Error of kind transient whose RetryAfter says for how long.
var ErrUnavailable = errors.New("the platform is left alone for a while, since it failed several times in a row")

// errNoTurn marks the error of a call that the own rate limit turned away; it says nothing about the platform.
var errNoTurn = errors.New("no turn before the deadline")

// BreakerConfig says when a platform that fails is left alone, and for how long.
type BreakerConfig struct {
	// Failures is how many calls in a row must fail, over all targets, before no more are made; 0 never stops.
	Failures int `yaml:"failures"`
	// Open is how long no call is made then; it doubles each time that the first call afterwards fails too, up to Max.
	Open models.Duration `yaml:"open"`
	Max  models.Duration `yaml:"max"`
	// Probes is how many calls in a row, one at a time, must succeed then before all are made again; at least 1.
	Probes int `yaml:"probes"`
}

// DefaultBreakerConfig leaves a platform alone for 15 seconds after 5 failures in a row, and for 5 minutes at most; one call that
// succeeds ends that.
func DefaultBreakerConfig() BreakerConfig {
	return BreakerConfig{Failures: 5, Open: models.Duration(15 * time.Second), Max: models.Duration(5 * time.Minute), Probes: 1}
}

// Validate says all that is wrong, or returns nil.
func (c BreakerConfig) Validate() error {
	var errs []error
	if c.Failures < 0 {
		errs = append(errs, fmt.Errorf("failures %d is negative; 0 never stops calling: %w", c.Failures, models.ErrInvalid))
	}
	if c.Failures > 0 && c.Open <= 0 {
		errs = append(errs, fmt.Errorf("open %s is not above 0: %w", c.Open, models.ErrInvalid))
	}
	if c.Failures > 0 && c.Probes < 1 {
		errs = append(errs, fmt.Errorf("probes %d is below 1, so no call could ever be made again: %w", c.Probes, models.ErrInvalid))
	}
	if c.Max < c.Open {
		errs = append(errs, fmt.Errorf("max %s is below open %s: %w", c.Max, c.Open, models.ErrInvalid))
	}
	return errors.Join(errs...)
}

// Breaker stops the calls to a platform that fails: once Failures calls in a row were throttled, timed out or failed in a way that
// may pass, none is made for a while. Then calls probe the platform, one at a time; if Probes of them succeed, or fail in a way
// that shows that the platform works, calls are made again. It is shared by all targets of an actuator and safe for concurrent use.
type Breaker struct {
	config BreakerConfig
	now    func() time.Time
	// changed is told each time calls stop or go on; nil tells nobody.
	changed func(open bool)

	mu sync.Mutex
	// failures counts in a row; stops counts how often in a row calls were stopped.
	failures, stops int
	// until is until when no call is made, zero while calls are made; probing says that a call probes the platform.
	until   time.Time
	probing bool
	// probes counts the calls in a row that have succeeded since then.
	probes int
	last   error
}

// NewBreaker makes a breaker; changed is told each time calls stop or go on, and may be nil.
func NewBreaker(config BreakerConfig, now func() time.Time, changed func(open bool)) *Breaker {
	if changed == nil {
		changed = func(bool) {}
	}
	return &Breaker{config: config, now: now, changed: changed}
}

// Available returns nil if calls are made now, else an *Error of kind transient that wraps ErrUnavailable and says until when not.
func (b *Breaker) Available() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed(b.now())
}

// closed is Available; the caller holds mu.
func (b *Breaker) closed(now time.Time) error {
	wait := b.until.Sub(now)
	switch {
	case b.until.IsZero(), wait <= 0 && !b.probing:
		return nil
	case wait <= 0:
		return &Error{
			Kind: models.KindTransient, Op: "call the platform",
			Err: fmt.Errorf("%w; one call finds out now whether it works again, after %w", ErrUnavailable, b.last),
		}
	}
	return &Error{
		Kind: models.KindTransient, Op: "call the platform", RetryAfter: wait,
		Err: fmt.Errorf("%w; the next call is made at %s: %w", ErrUnavailable, b.until.UTC().Format(time.RFC3339), b.last),
	}
}

// enter asks for a call, which may be the one that probes the platform.
func (b *Breaker) enter() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.closed(b.now()); err != nil {
		return err
	}
	b.probing = !b.until.IsZero()
	return nil
}

// leave takes note of how a call ended.
func (b *Breaker) leave(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	probed := b.probing
	if !b.failed(err) {
		if saysNothing(err) {
			b.probing = false
			return
		}
		b.succeed()
		return
	}
	b.failures++
	b.last = err
	if stopped := !b.until.IsZero(); stopped && !probed || b.failures < b.config.Failures {
		return // a call from before the stop, or too few yet
	}
	b.stop(err)
}

// succeed takes note of a call that succeeded; the caller holds mu.
func (b *Breaker) succeed() {
	b.probing = false
	if b.probes++; !b.until.IsZero() && b.probes < b.config.Probes {
		return // one more is to show it
	}
	if !b.until.IsZero() {
		b.changed(false)
	}
	b.failures, b.stops, b.probes, b.until, b.last = 0, 0, 0, time.Time{}, nil
}

// stop stops all calls for a while, longer each time, and at least as long as the platform asked for; the caller holds mu.
func (b *Breaker) stop(err error) {
	pause := b.config.Open.Std()
	for range b.stops {
		if pause *= 2; pause >= b.config.Max.Std() {
			pause = b.config.Max.Std()
			break
		}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		pause = max(pause, min(e.RetryAfter, b.config.Max.Std()))
	}
	if b.until.IsZero() {
		b.changed(true)
	}
	b.stops++
	b.probes = 0
	b.until, b.probing = b.now().Add(pause), false
}

// failed reports whether the error shows that the platform as a whole may not work.
func (b *Breaker) failed(err error) bool {
	if err == nil || b.config.Failures == 0 || saysNothing(err) {
		return false
	}
	switch KindOf(err) { //nolint:exhaustive // all others are answers about one target
	case models.KindThrottled, models.KindTransient, models.KindTimeout:
		return true
	}
	return false
}

// saysNothing reports whether a call ended without an answer of the platform, for reasons of our own.
func saysNothing(err error) bool {
	if err == nil {
		return false
	}
	_, platform := errors.AsType[*Error](err)
	return errors.Is(err, errNoTurn) || !platform && (errors.Is(err, context.Canceled) || errors.Is(err, models.ErrDryRun) ||
		errors.Is(err, models.ErrPaused) || errors.Is(err, models.ErrExpired) || errors.Is(err, models.ErrHeld))
}

// Breakers are the breakers of a platform: one for its reads and one for its writes, since either can fail while the other works.
type Breakers struct{ Observe, Apply *Breaker }

// breaking asks a breaker before each call, and tells it how the call ended.
type breaking struct {
	inner    Actuator
	breakers Breakers
}

// WithBreaker returns an actuator that makes no call while the breaker of its kind is open, and tells it how each call ended.
func WithBreaker(inner Actuator, breakers Breakers) Actuator {
	return &breaking{inner: inner, breakers: breakers}
}

// Observe implements Actuator.
func (b *breaking) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	if err := b.breakers.Observe.enter(); err != nil {
		return models.Observation{}, err
	}
	obs, err := b.inner.Observe(ctx, target)
	b.breakers.Observe.leave(err)
	return obs, err
}

// Apply implements Actuator.
func (b *breaking) Apply(ctx context.Context, target models.Target, action models.Action) error {
	if err := b.breakers.Apply.enter(); err != nil {
		return err
	}
	err := b.inner.Apply(ctx, target, action)
	b.breakers.Apply.leave(err)
	return err
}

// Levers implements Actuator.
func (b *breaking) Levers() models.Lever { return b.inner.Levers() }

// Unwrap returns the actuator inside.
func (b *breaking) Unwrap() Actuator { return b.inner }

// Available says whether writes are sent now; see Breaker.
func (b *breaking) Available() error {
	if err := b.breakers.Observe.Available(); err != nil {
		return err
	}
	return b.breakers.Apply.Available()
}

// available turns calls away before they wait for their turn.
type available struct {
	inner    Actuator
	breakers Breakers
}

// WithAvailable returns an actuator that turns calls away while the breaker is open. Put it around the rate limit, and WithBreaker
// inside, so that calls which could not be made do not wait for their turn, and those that waited are asked again.
func WithAvailable(inner Actuator, breakers Breakers) Actuator {
	return &available{inner: inner, breakers: breakers}
}

// Observe implements Actuator.
func (a *available) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	if err := a.breakers.Observe.Available(); err != nil {
		return models.Observation{}, err
	}
	return a.inner.Observe(ctx, target)
}

// Apply implements Actuator.
func (a *available) Apply(ctx context.Context, target models.Target, action models.Action) error {
	if err := a.breakers.Apply.Available(); err != nil {
		return err
	}
	return a.inner.Apply(ctx, target, action)
}

// Levers implements Actuator.
func (a *available) Levers() models.Lever { return a.inner.Levers() }

// Unwrap returns the actuator inside.
func (a *available) Unwrap() Actuator { return a.inner }

// Available returns nil if the platform of the actuator can be read and written to now, else an *Error that wraps ErrUnavailable. It looks through
// decorators and does no I/O.
func Available(a Actuator) error {
	for a != nil {
		if b, ok := a.(interface{ Available() error }); ok {
			return b.Available()
		}
		outer, ok := a.(interface{ Unwrap() Actuator })
		if !ok {
			break
		}
		a = outer.Unwrap()
	}
	return nil
}
