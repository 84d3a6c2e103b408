package actuators

import (
	"time"

	"pilotlight/models"
)

// Eroder is implemented by actuators whose platform may take back by itself what it was given, such as one whose floor is only a
// number of replicas that its own autoscaler lowers. That is no change by somebody else: it is set again, not too often.
type Eroder interface {
	// Erodes reports whether the platform by itself may have made seen of the capacity set. It does no I/O.
	Erodes(set, seen models.Capacity) bool
	// AssertEvery is the least time between two times that the capacity is set again, and how long an observation is trusted at
	// most; 0 never sets it again.
	AssertEvery() time.Duration
}

// Erodes reports whether the platform of an actuator by itself may have made seen of the capacity set, and how often it is to be set
// again at most. It looks through decorators and does no I/O.
func Erodes(a Actuator, set, seen models.Capacity) (every time.Duration, ok bool) {
	every = AssertEvery(a)
	e, is := inside[Eroder](a)
	return every, is && every > 0 && e.Erodes(set, seen)
}

// AssertEvery returns how often a capacity is to be set again at most that the platform of an actuator may take back by itself, 0 if
// it does not. It looks through decorators and does no I/O.
func AssertEvery(a Actuator) time.Duration {
	if e, ok := inside[Eroder](a); ok {
		return e.AssertEvery()
	}
	return 0
}

// Recaller is implemented by actuators that need to know what a target was given last, since their platform does not tell it.
type Recaller interface {
	// Recall tells what the target was last given as far as the journal knows, after a restart or a reload, and what it was asked for
	// since by a write whose outcome was never seen; either may have no lever. It does no I/O. What the actuator itself has given the
	// target since it was made counts for more.
	Recall(target models.Target, set, asked models.Capacity)
}

// Recall tells an actuator what a target was last given and may have been given since, if it needs to know. It looks through
// decorators and does no I/O.
func Recall(a Actuator, target models.Target, set, asked models.Capacity) {
	if r, ok := inside[Recaller](a); ok && set.Levers()|asked.Levers() != 0 {
		r.Recall(target, set, asked)
	}
}

// inside returns the outermost of an actuator and those inside its decorators that is a T.
func inside[T any](a Actuator) (T, bool) {
	for a != nil {
		if t, ok := a.(T); ok {
			return t, true
		}
		outer, ok := a.(interface{ Unwrap() Actuator })
		if !ok {
			break
		}
		a = outer.Unwrap()
	}
	var none T
	return none, false
}
