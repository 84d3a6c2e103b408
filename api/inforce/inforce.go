// Package inforce answers how many warm instances a target is to have, for those who carry it out themselves: KEDA, and the
// autoscaler of Kubernetes. An answer is either fresh, or an error: never an old number, and never a 0 that means "unknown".
package inforce

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"pilotlight/models"
)

// Fleet is what is known about the targets. It is safe for concurrent use and answers from memory.
type Fleet interface {
	// Target returns the status of a target, or models.ErrNotFound.
	Target(id models.TargetID) (models.TargetStatus, error)
	// Targets returns the status of all targets, sorted by their ID bytewise. The caller does not change it.
	Targets() []models.TargetStatus
	// LastStep returns when all targets were last decided about, zero before the first time.
	LastStep() time.Time
	// Mode says how far Pilotlight may go.
	Mode() models.Mode
}

// ErrNotReady says that nothing has been decided since the start.
var ErrNotReady = errors.New("nothing has been decided since the start")

// Floor is the number of warm instances that is in force for a target.
type Floor struct {
	Target    models.Target
	Instances int
	// Decided is when it was last decided that it stays or becomes that number.
	Decided time.Time
}

// Reader reads floors. It is safe for concurrent use.
type Reader struct {
	Fleet Fleet
	// MaxAge is how old a decision may be.
	MaxAge time.Duration
	Now    func() time.Time
}

// Validate says what is missing or wrong.
func (r Reader) Validate() error {
	switch {
	case r.Fleet == nil || r.Now == nil:
		return fmt.Errorf("a fleet and a clock are needed: %w", models.ErrInvalid)
	case r.MaxAge <= 0:
		return fmt.Errorf("the greatest age %s is not above 0: %w", r.MaxAge, models.ErrInvalid)
	}
	return nil
}

// Floor returns the floor of a target. The floor in force is what passed the gate of all writes: what was last applied and is
// shown by the target's actuator, not what was merely proposed. It returns models.ErrNotFound for an unknown target, ErrNotReady
// before the first decision of the process, models.ErrStale if decision or samples are too old, models.ErrDryRun in dry-run mode,
// where nobody may act on a number, and models.ErrNoData if the floor is not known.
func (r Reader) Floor(id models.TargetID) (Floor, error) {
	if r.Fleet.LastStep().IsZero() {
		return Floor{}, ErrNotReady
	}
	status, err := r.Fleet.Target(id)
	if err != nil {
		return Floor{}, err
	}
	return r.FloorOf(&status)
}

// FloorOf is Floor of a status that was read.
func (r Reader) FloorOf(s *models.TargetStatus) (Floor, error) {
	id := s.Target.ID
	if r.Fleet.Mode() == models.ModeDryRun {
		return Floor{}, fmt.Errorf("target %q: %w; set engine.mode to approve or auto to let others carry it out", id, models.ErrDryRun)
	}
	if s.Latest == nil {
		return Floor{}, fmt.Errorf("target %q: %w", id, ErrNotReady)
	}
	decided := s.Latest.Decision.At
	if age := r.Now().Sub(decided); age > r.MaxAge {
		return Floor{}, fmt.Errorf("target %q: the last decision is %s old, more than %s: %w",
			id, age.Round(time.Second), r.MaxAge, models.ErrStale)
	}
	if s.Data != models.DataFresh {
		return Floor{}, fmt.Errorf("target %q: its samples are %s, so the decision does not know the load: %w", id, s.Data, models.ErrStale)
	}
	n, ok := s.Observation.Capacity.Warm()
	if !ok || !s.Observed {
		return Floor{}, fmt.Errorf("target %q: the floor in force is not known%s: %w", id, because(s.Problems), models.ErrNoData)
	}
	return Floor{Target: s.Target, Instances: n, Decided: decided}, nil
}

// because puts problems into a sentence.
func because(problems []string) string {
	if len(problems) == 0 {
		return ""
	}
	return " (" + strings.Join(problems, "; ") + ")"
}
