package advisor

import (
	"fmt"
	"sync"
	"time"
)

// breaker leaves an endpoint alone that failed several times in a row, or that asked for it. Safe for concurrent use.
type breaker struct {
	config BreakerConfig

	mu       sync.Mutex
	failures int
	// until is until when nothing is sent; probing says that one exchange finds out whether it works again.
	until   time.Time
	probing bool
}

// enter asks for an exchange; probe says that it is the one that finds out whether the endpoint works again.
func (b *breaker) enter(now time.Time) (probe bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return false, nil
	case now.Before(b.until):
		return false, fmt.Errorf("%w, until %s", ErrLeftAlone, stamp(b.until))
	case b.probing:
		return false, fmt.Errorf("%w: one exchange finds out now whether it works again", ErrLeftAlone)
	}
	b.probing = true
	return true, nil
}

// leave takes note of how an exchange ended.
func (b *breaker) leave(now time.Time, probe bool, end ending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	switch end {
	case endedWell:
		if b.failures = 0; probe {
			b.until = time.Time{}
		}
	case endedBadly:
		if b.failures++; probe || b.failures >= b.config.Failures {
			b.pause(now, b.config.Open.Std())
		}
	case endedUnknown:
	}
}

// asked takes note that the endpoint asked to be left alone.
func (b *breaker) asked(now time.Time, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pause(now, min(wait, 24*time.Hour))
}

// pause stops exchanges for a while. The caller holds mu.
func (b *breaker) pause(now time.Time, wait time.Duration) {
	if until := now.Add(wait); until.After(b.until) {
		b.until = until
	}
}

// ending is how an exchange ended.
type ending int

// The ends of exchanges.
const (
	// endedWell is an answer that can be used, endedBadly none.
	endedWell ending = iota
	endedBadly
	// endedUnknown says nothing about the endpoint: the caller gave up, or the budget did.
	endedUnknown
)
