// Package inforcetest is a fleet for tests of what serves floors.
package inforcetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pilotlight/models"
)

// Fleet is a fleet whose state the test sets. It is safe for concurrent use.
type Fleet struct {
	mu      sync.Mutex
	now     time.Time
	step    time.Time
	mode    models.Mode
	targets map[models.TargetID]models.TargetStatus
}

// New returns a fleet without targets, in mode auto, that has just stepped.
func New() *Fleet {
	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	return &Fleet{now: at, step: at, mode: models.ModeAuto, targets: map[models.TargetID]models.TargetStatus{}}
}

// Set decides now that a target has that floor, and has it.
func (f *Fleet) Set(id models.TargetID, floor int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.targets[id]
	s.Target.ID, s.Data, s.Observed = id, models.DataFresh, true
	s.Observation = models.Observation{Capacity: models.Warm(floor), Ready: -1}
	s.Latest = &models.Recommendation{Decision: models.Decision{Target: id, At: f.now, Desired: models.Warm(floor)}}
	f.targets[id] = s
}

// Edit changes the status of a target.
func (f *Fleet) Edit(id models.TargetID, edit func(*models.TargetStatus)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.targets[id]
	edit(&s)
	f.targets[id] = s
}

// Remove forgets a target.
func (f *Fleet) Remove(id models.TargetID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.targets, id)
}

// Advance lets time pass in which nothing is decided.
func (f *Fleet) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// SetLastStep sets when all targets were last decided about.
func (f *Fleet) SetLastStep(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step = at
}

// SetMode sets the mode.
func (f *Fleet) SetMode(m models.Mode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode = m
}

// Now returns the time of the fleet.
func (f *Fleet) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Target implements inforce.Fleet.
func (f *Fleet) Target(id models.TargetID) (models.TargetStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.targets[id]
	if !ok {
		return s, fmt.Errorf("target %q: %w", id, models.ErrNotFound)
	}
	return s, nil
}

// Targets implements inforce.Fleet.
func (f *Fleet) Targets() []models.TargetStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []models.TargetStatus
	for _, s := range f.targets {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b models.TargetStatus) int { return strings.Compare(string(a.Target.ID), string(b.Target.ID)) })
	return all
}

// LastStep implements inforce.Fleet.
func (f *Fleet) LastStep() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.step
}

// Mode implements inforce.Fleet.
func (f *Fleet) Mode() models.Mode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mode
}
