package actuators

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"pilotlight/models"
)

// Config is what a user can set about the calls of an actuator, whatever its platform.
type Config struct {
	Timeout   TimeoutConfig   `yaml:"timeout"`
	Retry     RetryConfig     `yaml:"retry"`
	RateLimit RateLimitConfig `yaml:"rate_limit"`
	Breaker   BreakerConfig   `yaml:"breaker"`
}

// DefaultConfig returns the defaults of all decorators.
func DefaultConfig() Config {
	return Config{
		Timeout: DefaultTimeoutConfig(), Retry: DefaultRetryConfig(), RateLimit: DefaultRateLimitConfig(),
		Breaker: DefaultBreakerConfig(),
	}
}

// Validate says all that is wrong, each with its path, or returns nil.
func (c Config) Validate() error {
	var errs []error
	for _, part := range []struct {
		name string
		err  error
	}{
		{"timeout", c.Timeout.Validate()},
		{"retry", c.Retry.Validate()},
		{"rate_limit", c.RateLimit.Validate()},
		{"breaker", c.Breaker.Validate()},
	} {
		errs = append(errs, underPath(part.name, part.err)...)
	}
	return errors.Join(errs...)
}

// underPath puts the name of a part before each of its errors.
func underPath(name string, err error) []error {
	if err == nil {
		return nil
	}
	parts := []error{err}
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		parts = many.Unwrap()
	}
	for i, part := range parts {
		parts[i] = fmt.Errorf("%s.%w", name, part)
	}
	return parts
}

// Deps are what the decorators need from the program.
type Deps struct {
	// Permit says whether writes may be sent at this moment; nil permits nothing. See WithGate.
	Permit func() error
	// Now is the clock for expiry and durations.
	Now func() time.Time
	// Metrics counts the calls; nil counts nothing.
	Metrics *Metrics
	// Bucket is the budget of calls that the actuator shares with others; nil makes one of its own from the configuration.
	Bucket *rate.Limiter
}

// Decorate puts all decorators around an adapter, in the order that keeps their promises, from outside to inside:
//
//	retry > breaker > rate limit > breaker > metrics > timeout > expiry > gate > adapter
//
// Retries take tokens of the rate limit; the breaker is asked before a call waits for its turn and again after it; metrics count
// every attempt, including those held back; the timeout bounds an attempt and not the wait for its turn; expiry and gate
// come last, so that nothing can outlast them.
func Decorate(adapter Actuator, name string, config Config, deps Deps) (Actuator, error) {
	if adapter == nil || deps.Now == nil {
		return nil, fmt.Errorf("actuator %q: an adapter and a clock are needed: %w", name, models.ErrInvalid)
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	a := WithGate(adapter, deps.Permit)
	a = WithExpiry(a, deps.Now)
	a = WithTimeout(a, config.Timeout)
	if deps.Metrics != nil {
		a = WithMetrics(a, deps.Metrics, name, deps.Now)
	}
	breakers := Breakers{
		Observe: NewBreaker(config.Breaker, deps.Now, deps.Metrics.circuit(name, opObserve)),
		Apply:   NewBreaker(config.Breaker, deps.Now, deps.Metrics.circuit(name, opApply)),
	}
	a = WithBreaker(a, breakers)
	bucket := deps.Bucket
	if bucket == nil {
		bucket = config.RateLimit.Limiter()
	}
	a = WithRateLimit(a, bucket)
	a = WithAvailable(a, breakers)
	return WithRetry(a, config.Retry, deps.Now), nil
}
