package engine

import (
	"errors"
	"slices"
	"testing"

	"pilotlight/models"
)

// TestNewReasonsAreANewDecision checks that the audit tells an outage although the capacity to have stays the same, and
// that no two decisions share an id, since the journal takes each id once.
func TestNewReasonsAreANewDecision(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	r.collector.fail(errors.New("connection refused"))
	r.steps(91, 100)
	told := slices.ContainsFunc(r.journal.of(models.EventDecision), func(e models.Event) bool {
		return slices.ContainsFunc(e.Decision.Reasons, func(why models.Reason) bool { return why.Code == models.ReasonMissingHold })
	})
	if !told {
		t.Error("no decision in the journal tells the outage")
	}
	if n := r.journal.repeated; n != 0 {
		t.Errorf("%d events repeat the id of another one and were dropped", n)
	}
}

// TestUnrecordedDecisionGivesNoName checks that advice keeps the id under which the journal has it, although the journal could
// not take a different one in between.
func TestUnrecordedDecisionGivesNoName(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeDryRun })
	r.steps(60, 90)
	r.journal.err = errors.New("disk full")
	r.platform.set("a", 3)
	r.steps(91, 91)
	r.journal.err = nil
	r.platform.set("a", 0)
	r.steps(92, 92)
	s, err := r.Target("a")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(r.journal.of(models.EventDecision), func(e models.Event) bool { return e.Decision.ID == s.Latest.Decision.ID }) {
		t.Errorf("the journal has no decision %s", s.Latest.Decision.ID)
	}
}
