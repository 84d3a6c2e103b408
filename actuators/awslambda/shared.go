package awslambda

import (
	"sync"

	"golang.org/x/time/rate"

	"pilotlight/actuators"
)

// Shared is what all actuators of a process share for each account and region: the budget of requests, the limits of the account
// and what Application Auto Scaling owns. A process makes one and gives it to every New and NewQueues. It is safe for concurrent use.
type Shared struct {
	mu    sync.Mutex
	areas map[areaKey]*area
}

// NewShared returns a Shared for nobody yet.
func NewShared() *Shared { return &Shared{areas: make(map[areaKey]*area)} }

// areaKey names an account in a region. The account is "" as long as nothing tells it: such actuators share the area of their
// region, since a budget that is too small is safe and one that is spent twice is not.
type areaKey struct{ account, region string }

// area is one account in one region. The two services count requests each for itself.
type area struct {
	lambda, scaling *rate.Limiter
	account         account
	scalables       scalables
}

// of returns the area of an account and region, whose budget is the smallest that any of its actuators was given.
func (s *Shared) of(key areaKey, budget actuators.RateLimitConfig) *area {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.areas[key]
	if a == nil {
		a = &area{
			lambda: rate.NewLimiter(rate.Inf, budget.Burst), scaling: rate.NewLimiter(rate.Inf, budget.Burst),
			scalables: scalables{reading: make(chan struct{}, 1)},
		}
		s.areas[key] = a
	}
	if budget.PerSecond > 0 {
		for _, l := range []*rate.Limiter{a.lambda, a.scaling} {
			if l.Limit() == rate.Inf {
				l.SetBurst(budget.Burst)
			}
			l.SetLimit(min(l.Limit(), rate.Limit(budget.PerSecond)))
			l.SetBurst(min(l.Burst(), budget.Burst))
		}
	}
	return a
}
