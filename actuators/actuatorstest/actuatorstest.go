// Package actuatorstest is the conformance suite of actuators: what the contract in package actuators promises, as tests that
// every actuator passes. An adapter brings a Fixture and calls Run.
package actuatorstest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// Fixture makes platforms to test against.
type Fixture struct {
	// New returns a fresh platform. It registers its clean-up with t.
	New func(t *testing.T) Platform
}

// Platform is one platform with an actuator for it. Functions that are nil say that the platform has no such thing.
type Platform struct {
	Actuator actuators.Actuator
	// Targets are at least 4 targets that the platform knows, with different ids and refs, each of which can be given
	// 8 warm instances.
	Targets []models.Target
	// Unknown is a target that the platform does not know. With KnowsAll there is none, and Unknown is a target that it has
	// never seen.
	Unknown  models.Target
	KnowsAll bool
	// Writes returns how many times the platform has changed a target's capacity. Required.
	Writes func() int
	// Settle lets the platform finish what it is doing; nil if it does everything at once.
	Settle func()
	// Fail makes the next request to the platform fail with an error of that kind, and reports whether it can; nil if
	// nothing can fail.
	Fail func(kind models.ErrorKind) bool
	// Stall makes the platform leave requests unanswered until release is called, and returns a channel that is closed once a
	// request hangs; nil if the platform answers from memory.
	Stall func() (hanging <-chan struct{}, release func())
	// Clock places actions in time; nil stands for a fixed day.
	Clock func() time.Time

	// sent counts actions, so that each has an id of its own: a platform may carry out what has the same id once.
	sent *atomic.Int64
}

// Run runs the suite. Each part is a parallel subtest on a platform of its own.
func Run(t *testing.T, fixture Fixture) {
	t.Helper()
	parts := []struct {
		name string
		test func(*testing.T, Platform)
	}{
		{"fixture", testFixture},
		{"observe_does_not_write", testObserveDoesNotWrite},
		{"apply_is_absolute", testAbsolute},
		{"apply_is_idempotent", testIdempotent},
		{"apply_of_nothing", testNothing},
		{"unset_levers_stay", testUnsetLeversStay},
		{"foreign_levers_are_refused", testForeignLevers},
		{"unknown_target", testUnknown},
		{"cancelled_before", testCancelledBefore},
		{"cancelled_while_waiting", testCancelledWhileWaiting},
		{"error_kinds", testErrorKinds},
		{"targets_at_once", testConcurrent},
		{"gate", testGate},
		{"gate_closes_late", testGateClosesLate},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			platform := fixture.New(t)
			platform.sent = new(atomic.Int64)
			if platform.Clock == nil {
				platform.Clock = func() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }
			}
			if platform.Settle == nil {
				platform.Settle = func() {}
			}
			part.test(t, platform)
		})
	}
}

// action returns an action that gives the target a capacity.
func (p *Platform) action(target models.Target, to models.Capacity) models.Action {
	at := p.Clock()
	return models.Action{
		ID:     models.NewID("action", target.ID, at, fmt.Sprint(p.sent.Add(1), to)),
		Target: target.ID, To: to, Issued: at, Expires: at.Add(time.Hour),
	}
}

// observe returns the target's state.
func (p *Platform) observe(t *testing.T, target models.Target) models.Observation {
	t.Helper()
	obs, err := p.Actuator.Observe(t.Context(), target)
	if err != nil {
		t.Fatalf("Observe(%s): %v", target.Ref, err)
	}
	return obs
}

// apply gives the target a capacity, which must succeed, and lets the platform settle.
func (p *Platform) apply(t *testing.T, target models.Target, to models.Capacity) {
	t.Helper()
	if err := p.Actuator.Apply(t.Context(), target, p.action(target, to)); err != nil {
		t.Fatalf("Apply(%s, %s): %v", target.Ref, to, err)
	}
	p.Settle()
}

// applyAndRead applies, and checks that what is read back is what was to be reached.
func (p *Platform) applyAndRead(t *testing.T, target models.Target, to models.Capacity) models.Observation {
	t.Helper()
	want := actuators.Reach(p.Actuator, p.observe(t, target).Capacity, to)
	p.apply(t, target, to)
	obs := p.observe(t, target)
	if !obs.Capacity.Satisfies(want) {
		t.Errorf("after Apply(%s, %s) Observe shows %s, want %s", target.Ref, to, obs.Capacity, want)
	}
	if obs.Pending {
		t.Errorf("after Apply(%s, %s) and settling the change is still pending", target.Ref, to)
	}
	return obs
}

// allLevers are the levers that there are.
func allLevers() []models.Lever {
	return []models.Lever{models.LeverWarm, models.LeverKeepAlive, models.LeverMax, models.LeverMemory}
}

// capacityOf returns a capacity with the given levers set to the n-th of a row of different values.
func capacityOf(levers models.Lever, n int) models.Capacity {
	return models.Capacity{}.
		WithWarm(1 + n).
		WithKeepAlive(time.Duration(1+n) * time.Minute).
		WithMax(20 + n).
		WithMemory(256 * (1 + n)).
		Only(levers)
}

// cancelled returns a context that is done.
func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
