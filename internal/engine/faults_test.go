package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"pilotlight/actuators"
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

// TestOutcomeIsRecordedLater lets the journal fail between an action and its outcome: the outcome must not be lost, since the
// marks in it are what a restart knows of cooldowns and of what was set.
func TestOutcomeIsRecordedLater(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.platform.applied = func() {
		r.journal.mu.Lock()
		defer r.journal.mu.Unlock()
		r.journal.err = errors.New("disk full")
	}
	r.steps(60, 60)
	if r.platform.count() != 1 || len(r.journal.of(models.EventOutcome)) != 0 {
		t.Fatalf("%d writes, %d outcomes", r.platform.count(), len(r.journal.of(models.EventOutcome)))
	}
	r.platform.applied, r.journal.err = nil, nil
	r.steps(61, 61)
	outcomes := r.journal.of(models.EventOutcome)
	if len(outcomes) == 0 || outcomes[0].Outcome.Status != models.OutcomeApplied || outcomes[0].Outcome.Marks.LastUp.IsZero() {
		t.Fatalf("outcomes %+v", outcomes)
	}
	r.boot()
	r.steps(62, 62)
	if codes := r.reasons("a"); slices.Contains(codes, models.ReasonOutOfBand) {
		t.Errorf("our own change counts as somebody else's after the restart: %v", codes)
	}
}

// TestOutcomeIsRecordedOnClose does the same with a stop right after.
func TestOutcomeIsRecordedOnClose(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.platform.applied = func() {
		r.journal.mu.Lock()
		defer r.journal.mu.Unlock()
		r.journal.err = errors.New("disk full")
	}
	r.steps(60, 60)
	r.journal.err = nil
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.journal.of(models.EventOutcome)); n != 1 {
		t.Errorf("%d outcomes", n)
	}
}

// TestCallerWhoHangsUp ends the context of an approval while its write is under way. The write goes on, its outcome is
// recorded, and the journal does not count as broken.
func TestCallerWhoHangsUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeApprove })
	r.steps(60, 80)
	s, _ := r.Target("a")
	ctx, hangUp := context.WithCancel(t.Context())
	r.platform.applied = hangUp
	rec, err := r.Approve(ctx, s.Latest.Decision.ID, "ann", "")
	if err != nil || rec.Status != models.StatusApplied {
		t.Errorf("%s, %v", rec.Status, err)
	}
	if outcomes := r.journal.of(models.EventOutcome); len(outcomes) != 1 || outcomes[0].Outcome.Status != models.OutcomeApplied {
		t.Errorf("outcomes %+v", outcomes)
	}
	if why := r.Ready(); len(why) != 0 {
		t.Errorf("ready says %q", why)
	}
}

// TestCallerWhoHungUpBefore has no effect.
func TestCallerWhoHungUpBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeApprove })
	r.steps(60, 80)
	s, _ := r.Target("a")
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := r.Approve(ctx, s.Latest.Decision.ID, "ann", ""); !errors.Is(err, context.Canceled) || r.platform.count() != 0 {
		t.Errorf("%v, %d writes", err, r.platform.count())
	}
}

// TestWriteInDoubtIsLookedAtLater lets a write time out that had its effect, while the platform cannot be read. Once it can,
// the action counts as applied, and not as somebody else's change.
func TestWriteInDoubtIsLookedAtLater(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.platform.applied = func() { r.platform.blind = errors.New("unreachable") }
	r.platform.late = &actuators.Error{Kind: models.KindTimeout, Op: "put", Err: errors.New("no answer")}
	r.steps(60, 60)
	r.platform.applied, r.platform.late, r.platform.blind = nil, nil, nil
	r.steps(61, 61)
	outcomes := r.journal.of(models.EventOutcome)
	if len(outcomes) == 0 || outcomes[0].Outcome.Status != models.OutcomeApplied || outcomes[0].Outcome.Marks.LastUp.IsZero() {
		t.Errorf("outcomes %+v", outcomes)
	}
	if codes := r.reasons("a"); slices.Contains(codes, models.ReasonOutOfBand) {
		t.Errorf("our own change counts as somebody else's: %v", codes)
	}
}

// TestPlatformThatCannotBeAsked loses the answer to a write there: it ends as unknown, and what the adapter only assumes neither
// refutes it nor looks like somebody else's change. TestRecall restarts on such a platform.
func TestPlatformThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	r := newHeld(t, newForgetful)
	r.platform.late = &actuators.Error{Kind: models.KindTimeout, Op: "post", Err: errors.New("no answer")}
	r.steps(60, 60)
	if n := len(r.journal.of(models.EventOutcome)); n != 0 || r.platform.count() != 1 {
		t.Fatalf("%d writes and %d outcomes right after the write, want one whose outcome is open", r.platform.count(), n)
	}
	r.platform.late = nil
	r.steps(61, 61)
	outcomes := r.journal.of(models.EventOutcome)
	if len(outcomes) != 2 || outcomes[0].Outcome.Status != models.OutcomeUnknown || outcomes[1].Outcome.Status != models.OutcomeApplied {
		t.Errorf("outcomes %+v, want one unknown and one applied", outcomes)
	}
	if n := len(r.journal.of(models.EventNotice)); n != 0 {
		t.Errorf("our own change counts as somebody else's: %d notices", n)
	}
}

// TestStopDuringAWrite ends the context of a Step within Apply: the next process must know of the write.
func TestStopDuringAWrite(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]error{"accepted": nil, "cut off": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, map[models.TargetID]load{"a": steady(300)})
			ctx, stop := context.WithCancel(t.Context())
			r.platform.applied, r.platform.late = stop, late
			r.now = at(60)
			_ = r.Step(ctx, r.now) // whether it counts as failed does not matter
			if r.platform.count() != 1 {
				t.Fatalf("%d writes", r.platform.count())
			}
			r.platform.applied, r.platform.late = nil, nil
			r.boot()
			r.steps(61, 61)
			outcomes := r.journal.of(models.EventOutcome)
			if len(outcomes) == 0 || outcomes[0].Outcome.Status != models.OutcomeApplied {
				t.Errorf("outcomes %+v", outcomes)
			}
			if codes := r.reasons("a"); slices.Contains(codes, models.ReasonOutOfBand) {
				t.Errorf("our own change counts as somebody else's: %v", codes)
			}
		})
	}
}

// TestOrderByACallerWhoHungUp must not make the process look unready.
func TestOrderByACallerWhoHungUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 61)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := r.Pause(ctx, "ann", "incident"); err != nil {
		t.Errorf("a pause must hold over a restart, whether the caller waits or not: %v", err)
	}
	if why := r.Ready(); len(why) != 0 || !r.PauseState().Paused {
		t.Errorf("ready says %q, paused %v", why, r.PauseState().Paused)
	}
}

// TestOrdersWhileTheJournalFlickers runs orders while the journal fails now and then.
func TestOrdersWhileTheJournalFlickers(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 5000 {
				r.journal.mu.Lock()
				r.journal.err = nil
				if i%2 == 0 {
					r.journal.err = errors.New("disk full")
				}
				r.journal.mu.Unlock()
				_, _ = r.Resume(t.Context(), "ann", "")
			}
		})
	}
	group.Wait()
}
