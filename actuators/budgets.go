package actuators

import (
	"math"
	"sync"

	"golang.org/x/time/rate"
)

// Budgets are the budgets of requests that the actuators of a process share, each under a key that names what a platform counts
// requests for, such as a project and region or an API server. A process makes one and gives it to all of its actuators. It is safe
// for concurrent use.
type Budgets struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// Sharer is implemented by actuators that take their turns from budgets which other actuators may share.
type Sharer interface {
	// Share makes the actuator take its turns from these budgets in place of its own. Call it before the actuator is used.
	Share(budgets *Budgets)
}

// NewBudgets returns Budgets without any.
func NewBudgets() *Budgets { return &Budgets{buckets: map[string]*rate.Limiter{}} }

// Bucket returns the bucket of a key. Its rate and burst are the smallest that were asked for under that key: a budget that is too
// small is safe, and one that is spent twice is not. Without a rate it does not bound anything.
func (b *Budgets) Bucket(key string, config RateLimitConfig) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit, burst := rate.Limit(config.PerSecond), config.Burst
	if limit <= 0 {
		// As many turns as can be counted, so that they are there should a limit come.
		limit, burst = rate.Inf, math.MaxInt32
	}
	bucket := b.buckets[key]
	if bucket == nil {
		bucket = rate.NewLimiter(limit, burst)
		b.buckets[key] = bucket
		return bucket
	}
	// Changed in place, since others have it already.
	if limit < bucket.Limit() {
		bucket.SetLimit(limit)
	}
	if burst < bucket.Burst() {
		bucket.SetBurst(burst)
	}
	return bucket
}

// Share gives budgets to an actuator that takes its turns from some. It looks through decorators.
func Share(a Actuator, budgets *Budgets) {
	if s, ok := inside[Sharer](a); ok {
		s.Share(budgets)
	}
}
