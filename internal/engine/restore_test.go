package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pilotlight/actuators"
	"pilotlight/models"
)

// restoreRig is an engine that has changed a, b and c, which had 7, 0 and 2 warm instances.
func restoreRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": steady(300), "c": steady(300)})
	r.platform.set("a", 7)
	r.platform.set("c", 2)
	r.steps(60, 80)
	return r
}

// results returns the statuses of a restore by target.
func results(t *testing.T, r *rig, order models.RestoreOrder) map[models.TargetID]models.Restored {
	t.Helper()
	order.By = "ann"
	told := 0
	list, err := r.PutBack(t.Context(), order, func(models.Restored) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	out := map[models.TargetID]models.Restored{}
	for _, one := range list {
		out[one.Target] = one
	}
	if !slices.IsSortedFunc(list, func(a, b models.Restored) int { return byID(a.Target, b.Target) }) {
		t.Errorf("not sorted: %+v", list)
	}
	return out
}

// TestPutBack restores while the engine runs, and after a restart without any collector.
func TestPutBack(t *testing.T) {
	t.Parallel()
	for name, offline := range map[string]bool{"online": false, "offline": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := restoreRig(t)
			if offline {
				r.boot() // it never steps, so that no collector reports a target
			}
			writes := r.platform.count()
			for id, one := range results(t, r, models.RestoreOrder{DryRun: true}) {
				if one.Status != models.RestoreDue || one.Actuator != "platform" {
					t.Errorf("%s: %+v", id, one)
				}
			}
			if r.platform.count() != writes || r.PauseState().Paused {
				t.Fatalf("a dry run wrote %d times, paused %v", r.platform.count()-writes, r.PauseState().Paused)
			}
			done := results(t, r, models.RestoreOrder{Note: "leaving"})
			want := map[models.TargetID]int{"a": 7, "b": 0, "c": 2}
			for id, warm := range want {
				if one := done[id]; one.Status != models.RestoreDone || one.Original != models.Warm(warm) || r.platform.warm[id] != warm {
					t.Errorf("%s has %d: %+v", id, r.platform.warm[id], one)
				}
			}
			if len(done) != 3 || !r.PauseState().Paused || !strings.Contains(r.PauseState().Note, "leaving") {
				t.Errorf("%d results, pause %+v", len(done), r.PauseState())
			}
			verifyRestored(t, r)
			// Repeating it finds nothing to do, in this process and in the next.
			for range 2 {
				if again := results(t, r, models.RestoreOrder{}); len(again) != 0 {
					t.Errorf("again: %+v", again)
				}
				r.boot()
			}
			r.steps(81, 100)
			for id, warm := range want {
				if r.platform.warm[id] != warm {
					t.Errorf("%s was changed again to %d although writes are paused", id, r.platform.warm[id])
				}
			}
			if _, err := r.Resume(t.Context(), "ann", ""); err != nil {
				t.Fatal(err)
			}
			r.steps(101, 130)
			if m := r.byID["a"].marks; m.Set.Levers() == 0 || m.Original != models.Warm(7) {
				t.Errorf("taken up again, the marks are %+v", m)
			}
		})
	}
}

// verifyRestored checks the records of a restore.
func verifyRestored(t *testing.T, r *rig) {
	t.Helper()
	n := 0
	for _, e := range r.journal.of(models.EventAction) {
		if !e.Action.Restores {
			continue
		}
		n++
		i := slices.IndexFunc(r.journal.of(models.EventOutcome), func(o models.Event) bool { return o.Outcome.Action == e.Action.ID })
		if i < 0 {
			t.Errorf("action %s has no outcome", e.Action.ID)
			continue
		}
		if o := r.journal.of(models.EventOutcome)[i].Outcome; o.Status != models.OutcomeApplied || o.Marks.Touched() {
			t.Errorf("outcome %+v", o)
		}
	}
	if n != 3 {
		t.Errorf("%d actions restore", n)
	}
	by := r.journal.of(models.EventApproval)
	if len(by) != 3 || by[0].Approval.By != "ann" {
		t.Errorf("%d approvals", len(by))
	}
}

// TestPutBackOfSome restores one target, and says what it cannot.
func TestPutBackOfSome(t *testing.T) {
	t.Parallel()
	r := restoreRig(t)
	before := r.platform.warm["b"]
	done := results(t, r, models.RestoreOrder{Targets: []models.TargetID{"a", "nobody", "a"}})
	if len(done) != 2 || done["a"].Status != models.RestoreDone || done["nobody"].Status != models.RestoreSame || done["nobody"].Why == "" {
		t.Errorf("%+v", done)
	}
	if r.platform.warm["b"] != before {
		t.Error("another target was changed too")
	}
}

// TestPutBackFails goes on after failures, and finishes when it is repeated.
func TestPutBackFails(t *testing.T) {
	t.Parallel()
	r := restoreRig(t)
	r.platform.err = refusal(models.KindUnauthorized)
	for id, one := range results(t, r, models.RestoreOrder{}) {
		if one.Status != models.RestoreFailed || !strings.Contains(one.Why, "so the platform said") {
			t.Errorf("%s: %+v", id, one)
		}
	}
	r.platform.err, r.platform.blind = nil, errors.New("unreachable")
	r.boot()
	for id, one := range results(t, r, models.RestoreOrder{}) {
		if one.Status != models.RestoreFailed || !strings.Contains(one.Why, "unreachable") {
			t.Errorf("%s: %+v", id, one)
		}
	}
	r.platform.blind = nil
	r.parts.Actuators = map[string]actuators.Actuator{}
	r.boot()
	for id, one := range results(t, r, models.RestoreOrder{}) {
		if one.Status != models.RestoreFailed || !strings.Contains(one.Why, `no actuator "platform"`) {
			t.Errorf("%s: %+v", id, one)
		}
	}
	r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(r.platform, r.gate.Permit)}
	r.boot()
	for id, one := range results(t, r, models.RestoreOrder{}) {
		if one.Status != models.RestoreDone {
			t.Errorf("%s: %+v", id, one)
		}
	}
}

// TestPutBackLeavesWhatOthersChanged does not undo what somebody else has set since.
func TestPutBackLeavesWhatOthersChanged(t *testing.T) {
	t.Parallel()
	r := restoreRig(t)
	r.platform.set("a", 33)
	r.platform.set("c", 2) // somebody has put it back already
	done := results(t, r, models.RestoreOrder{})
	if done["a"].Status != models.RestoreLeft || r.platform.warm["a"] != 33 || done["c"].Status != models.RestoreLeft ||
		r.platform.warm["c"] != 2 || done["b"].Status != models.RestoreDone {
		t.Errorf("%v %+v", r.platform.warm, done)
	}
}

// TestPutBackStops ends when an operator pauses, even though writes are paused for it already.
func TestPutBackStops(t *testing.T) {
	t.Parallel()
	r := restoreRig(t)
	writes := r.platform.count()
	r.platform.applied = func() { r.gate.SetPaused(true) }
	done := results(t, r, models.RestoreOrder{})
	failed := 0
	for _, one := range done {
		if one.Status == models.RestoreFailed {
			failed++
			if !strings.Contains(one.Why, "paused again") {
				t.Errorf("%+v", one)
			}
		}
	}
	if n := r.platform.count() - writes; n != 1 || failed != 2 {
		t.Errorf("%d writes, %d failed: %+v", n, failed, done)
	}
	r.platform.applied = nil
	for id, one := range results(t, r, models.RestoreOrder{}) {
		if one.Status != models.RestoreDone {
			t.Errorf("%s: %+v", id, one)
		}
	}
}

// TestPutBackAfterACrash kills the process right after the write of a restore: the next one finds it done.
func TestPutBackAfterACrash(t *testing.T) {
	t.Parallel()
	r := restoreRig(t)
	r.platform.applied = func() {
		r.journal.mu.Lock()
		defer r.journal.mu.Unlock()
		r.journal.err = errors.New("killed")
	}
	_, _ = r.PutBack(t.Context(), models.RestoreOrder{By: "ann", Targets: []models.TargetID{"a"}}, nil)
	r.platform.applied, r.journal.err = nil, nil
	writes := r.platform.count()
	r.boot()
	done := results(t, r, models.RestoreOrder{Targets: []models.TargetID{"a"}})
	if done["a"].Status != models.RestoreSame || r.platform.warm["a"] != 7 || r.platform.count() != writes {
		t.Errorf("%+v, floor %d, %d writes", done, r.platform.warm["a"], r.platform.count()-writes)
	}
	if r.restored["a"].marks.Touched() {
		t.Error("still counts as touched")
	}
}

// TestPutBackNeedsTheJournal writes nothing that cannot be recorded.
func TestPutBackNeedsTheJournal(t *testing.T) {
	t.Parallel()
	r := restoreRig(t)
	writes := r.platform.count()
	r.journal.err = errors.New("disk full")
	if _, err := r.PutBack(t.Context(), models.RestoreOrder{By: "ann"}, nil); err == nil || r.platform.count() != writes {
		t.Errorf("%v, %d writes", err, r.platform.count()-writes)
	}
}
