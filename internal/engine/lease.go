package engine

import (
	"fmt"
	"sync"
	"time"

	"pilotlight/models"
)

// Lease says which of several engines may write to a target. Implementations are safe for concurrent use.
type Lease interface {
	// Take takes the target, or extends what is taken, until the time. It returns an error that wraps models.ErrConflict and says who
	// holds the target if another does.
	Take(id models.TargetID, until time.Time) error
	// Holds returns nil while the target is taken, else an error that wraps models.ErrConflict. It is asked right before each write, so
	// it answers from memory.
	Holds(id models.TargetID) error
}

// Leases are the leases of several engines in one process. Engines in other processes are kept out by the lock of the journal's
// directory.
type Leases struct {
	now func() time.Time

	mu    sync.Mutex
	taken map[models.TargetID]lease
}

// lease is who holds a target until when.
type lease struct {
	holder string
	until  time.Time
}

// NewLeases makes leases by that clock.
func NewLeases(now func() time.Time) *Leases {
	return &Leases{now: now, taken: map[models.TargetID]lease{}}
}

// Of returns the leases as seen by the holder of that name.
func (l *Leases) Of(holder string) Lease { return &leaseholder{all: l, name: holder} }

// leaseholder is one of those who take leases.
type leaseholder struct {
	all  *Leases
	name string
}

// Take implements Lease.
func (h *leaseholder) Take(id models.TargetID, until time.Time) error {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	if other, ok := h.all.taken[id]; ok && other.holder != h.name && h.all.now().Before(other.until) {
		return takenBy(id, other)
	}
	h.all.taken[id] = lease{h.name, until}
	return nil
}

// Holds implements Lease.
func (h *leaseholder) Holds(id models.TargetID) error {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	switch have, ok := h.all.taken[id]; {
	case !ok || !h.all.now().Before(have.until):
		return fmt.Errorf("target %q: the lease has run out: %w", id, models.ErrConflict)
	case have.holder != h.name:
		return takenBy(id, have)
	}
	return nil
}

// takenBy says who holds a target.
func takenBy(id models.TargetID, l lease) error {
	return fmt.Errorf("target %q is held by %s until %s: %w", id, l.holder, l.until.UTC().Format(time.RFC3339), models.ErrConflict)
}
