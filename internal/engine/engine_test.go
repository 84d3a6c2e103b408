package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/actuators"
	"pilotlight/models"
)

func TestStepWarmsABusyTargetAndRecordsWhy(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	if got := r.platform.warm["a"]; got < 10 {
		t.Errorf("300 invocations of 2 s a minute need about 10 instances; floor is %d", got)
	}
	actions, outcomes := r.journal.of(models.EventAction), r.journal.of(models.EventOutcome)
	if len(actions) == 0 || len(actions) != len(outcomes) || len(actions) != r.platform.count() {
		t.Errorf("%d actions, %d outcomes, %d writes", len(actions), len(outcomes), r.platform.count())
	}
	for i, e := range outcomes {
		if e.Outcome.Status != models.OutcomeApplied || e.Outcome.Action != actions[i].Action.ID {
			t.Errorf("outcome %+v of action %s", e.Outcome, actions[i].Action.ID)
		}
	}
	for _, e := range r.journal.of(models.EventDecision) {
		if len(e.Decision.Reasons) == 0 || e.Decision.ConfigHash != "test" {
			t.Errorf("decision without reasons or hash: %+v", e.Decision)
		}
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": wave(100)}, func(r *rig) { r.parts.Settings.Mode = models.ModeDryRun })
	r.steps(60, 200)
	if n := r.platform.count(); n != 0 {
		t.Fatalf("%d writes in dry-run mode", n)
	}
	s, err := r.Target("a")
	if err != nil {
		t.Fatal(err)
	}
	if s.Latest.Status != models.StatusAdvised || !s.Latest.Decision.Changes() {
		t.Errorf("recommendation is %+v, want an advised change", s.Latest)
	}
	if n := len(r.journal.of(models.EventAction)); n != 0 {
		t.Errorf("%d intents in dry-run mode", n)
	}
	if n := len(r.journal.of(models.EventDecision)); n == 0 || n > 100 {
		t.Errorf("%d decisions recorded over 141 steps: want some, and none for the same verdict", n)
	}
}

func TestUnwritableJournalStopsWrites(t *testing.T) {
	t.Parallel()
	t.Run("nothing can be recorded", func(t *testing.T) {
		t.Parallel()
		unwritableJournal(t, "", 0)
	})
	// Part of what failed may be in the journal, so the intent is told afterwards.
	t.Run("intents cannot be recorded", func(t *testing.T) {
		t.Parallel()
		unwritableJournal(t, models.EventAction, 1)
	})
}

// unwritableJournal lets the journal refuse events of a type, "" for all, and wants so many intents that were not sent afterwards.
func unwritableJournal(t *testing.T, kind models.EventType, unsent int) {
	t.Helper()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.journal.err, r.journal.refused = errors.New("disk full"), kind
	r.steps(60, 70)
	if n := r.platform.count(); n != 0 {
		t.Errorf("%d writes although no intent could be recorded", n)
	}
	if why := r.Ready(); !slices.ContainsFunc(why, func(s string) bool { return strings.Contains(s, "disk full") }) {
		t.Errorf("ready says %q", why)
	}
	r.journal.err = nil
	r.steps(71, 75)
	if r.platform.count() == 0 || len(r.Ready()) != 0 {
		t.Errorf("after the journal works again: %d writes, ready says %q", r.platform.count(), r.Ready())
	}
	ended := map[string]int{}
	for _, e := range r.journal.of(models.EventOutcome) {
		ended[e.Outcome.Action]++
	}
	actions := r.journal.of(models.EventAction)
	for _, e := range actions {
		if ended[e.Action.ID] != 1 {
			t.Errorf("action %s has %d outcomes", e.Action.ID, ended[e.Action.ID])
		}
	}
	if len(actions) != r.platform.count()+unsent {
		t.Errorf("%d actions and %d writes: %d that could not be recorded must be told, and not sent", len(actions), r.platform.count(), unsent)
	}
}

func TestOutageHoldsAndRecovers(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	before := r.platform.warm["a"]
	writes := r.platform.count()
	r.collector.fail(errors.New("connection refused"))
	r.steps(91, 130)
	if got := r.platform.warm["a"]; got != before || r.platform.count() != writes {
		t.Errorf("floor %d became %d in the outage, %d writes", before, got, r.platform.count()-writes)
	}
	if codes := r.reasons("a"); !slices.Contains(codes, models.ReasonMissingHold) {
		t.Errorf("reasons in the outage: %v", codes)
	}
	s, _ := r.Target("a")
	if s.Data != models.DataStale || len(s.Problems) == 0 || !strings.Contains(s.Problems[0], "connection refused") {
		t.Errorf("status in the outage: %s, problems %q", s.Data, s.Problems)
	}
	if len(r.Ready()) == 0 {
		t.Error("ready in the outage")
	}
	r.collector.fail(nil)
	r.steps(131, 140)
	if codes := r.reasons("a"); slices.Contains(codes, models.ReasonMissingHold) || len(r.Ready()) != 0 {
		t.Errorf("after the outage: reasons %v, ready says %q", codes, r.Ready())
	}
	series, err := r.Series(t.Context(), "a", models.SignalInvocations, at(85), at(140))
	if err != nil || series.Present() != 55 {
		t.Errorf("the outage left a hole: %d of 55 minutes, %v", series.Present(), err)
	}
}

func TestGapsAreNotZero(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": func(m int) float64 {
		if m >= 90 {
			return -1
		}
		return 300
	}})
	r.steps(60, 89)
	before := r.platform.warm["b"]
	r.steps(90, 120)
	if got := r.platform.warm["b"]; got < before {
		t.Errorf("floor %d became %d while samples were missing", before, got)
	}
	if s, _ := r.Target("b"); s.Data != models.DataStale {
		t.Errorf("data is %s", s.Data)
	}
}

// TestPanicWhileFeedingStaysWithItsTarget breaks the memory of one target: it begins anew, and the others go on.
func TestPanicWhileFeedingStaysWithItsTarget(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": steady(300)})
	r.steps(60, 61)
	r.byID["a"].memory = nil
	r.steps(62, 80)
	for _, id := range []models.TargetID{"a", "b"} {
		if s, err := r.Target(id); err != nil || s.Data != models.DataFresh || r.platform.warm[id] == 0 {
			t.Errorf("%s after the failure: data %s, floor %d, %v", id, s.Data, r.platform.warm[id], err)
		}
	}
}

func TestClockThatGoesBackIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(10)})
	r.steps(60, 61)
	err := r.Step(t.Context(), at(61).Add(-20*24*time.Hour))
	if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), "time service") {
		t.Errorf("a clock 20 days back: %v", err)
	}
	r.boot()
	if err := r.Step(t.Context(), at(61).Add(-20*24*time.Hour)); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("a clock 20 days back after a restart: %v", err)
	}
}

// TestClockThatWasAhead lets the clock jump a year ahead for some Steps and come back: it must be believed again, and the targets
// must go on with the history that the collector has.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		r := newRig(t, map[models.TargetID]load{"a": steady(300)})
		r.steps(60, 70)
		before := r.platform.warm["a"]
		const year = 365 * 24 * 60
		r.steps(year, year+2)
		if restart {
			r.boot()
		}
		for m := 71; m < 73; m++ {
			r.now = at(m)
			if err := r.Step(t.Context(), r.now); !errors.Is(err, models.ErrInvalid) {
				t.Fatalf("restart %t: the earlier time was believed at once: %v", restart, err)
			}
		}
		if err := r.Step(t.Context(), at(72)); !errors.Is(err, models.ErrInvalid) {
			t.Fatalf("restart %t: a clock that stands still was believed: %v", restart, err)
		}
		for m := 73; m < 75; m++ {
			r.now = at(m)
			if err := r.Step(t.Context(), r.now); m == 73 && !errors.Is(err, models.ErrInvalid) {
				t.Fatalf("restart %t: the earlier time was believed too early: %v", restart, err)
			}
		}
		r.steps(75, 80)
		s, err := r.Target("a")
		if err != nil || s.Data != models.DataFresh || r.platform.warm["a"] < before {
			t.Errorf("restart %t: data %s, floor %d after %d, %v", restart, s.Data, r.platform.warm["a"], before, err)
		}
	}
}

// TestTargetMovesToAnotherCollector checks that a target goes on under the collector that reports it when the other one does not
// any more.
func TestTargetMovesToAnotherCollector(t *testing.T) {
	t.Parallel()
	const moved = 70
	r := newRig(t, map[models.TargetID]load{"keeper": steady(1), "a": func(m int) float64 {
		if m < moved {
			return 300
		}
		return -1
	}}, func(r *rig) {
		other := &fakeCollector{from: moved, loads: map[models.TargetID]load{"other": steady(1), "a": steady(300)}}
		r.parts.Sources = append(r.parts.Sources, Source{Name: "staging", Collector: other})
	})
	r.steps(60, moved+1)
	if codes := r.reasons("a"); !slices.Contains(codes, models.ReasonTargetInTwoPlaces) {
		t.Errorf("just after the move: %v", codes)
	}
	r.steps(moved+2, moved+10)
	s, err := r.Target("a")
	if err != nil || s.Data != models.DataFresh || slices.Contains(r.reasons("a"), models.ReasonTargetInTwoPlaces) || r.platform.warm["a"] == 0 {
		t.Errorf("after the move: data %s, %v, floor %d, %v", s.Data, r.reasons("a"), r.platform.warm["a"], err)
	}
}

func TestTargetInTwoCollectors(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) {
		other := &fakeCollector{loads: map[models.TargetID]load{"a": steady(5)}}
		r.parts.Sources = append(r.parts.Sources, Source{Name: "staging", Collector: other})
	})
	r.steps(60, 70)
	s, err := r.Target("a")
	if err != nil {
		t.Fatal(err)
	}
	last := s.Latest.Decision.Reasons[0]
	if last.Code != models.ReasonTargetInTwoPlaces || !strings.Contains(last.Detail, "staging") || r.platform.count() != 0 {
		t.Errorf("reason %v, %d writes", last, r.platform.count())
	}
}

func TestApproveMode(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeApprove })
	r.steps(60, 80)
	if r.platform.count() != 0 {
		t.Fatal("a write without approval")
	}
	s, _ := r.Target("a")
	id := s.Latest.Decision.ID
	if s.Latest.Status != models.StatusPending {
		t.Fatalf("status %s", s.Latest.Status)
	}
	r.steps(81, 81)
	if s, _ = r.Target("a"); s.Latest.Decision.ID != id {
		t.Error("the same advice changed its id")
	}
	if _, err := r.Approve(t.Context(), "nonsense", "ann", ""); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("approve an unknown id: %v", err)
	}
	rec, err := r.Approve(t.Context(), id, "ann", "go")
	if err != nil || rec.Status != models.StatusApplied || rec.By != "ann" {
		t.Fatalf("approve: %+v, %v", rec, err)
	}
	if r.platform.count() != 1 {
		t.Errorf("%d writes", r.platform.count())
	}
	if _, err := r.Approve(t.Context(), id, "ann", "again"); !errors.Is(err, models.ErrConflict) {
		t.Errorf("approve twice: %v", err)
	}
	if got := r.journal.of(models.EventApproval); len(got) != 1 || got[0].Approval.Note != "go" {
		t.Errorf("approvals in the journal: %+v", got)
	}
}

func TestRejectedAdviceIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeApprove })
	r.steps(60, 80)
	s, _ := r.Target("a")
	if _, err := r.Reject(t.Context(), s.Latest.Decision.ID, "ann", "not today"); err != nil {
		t.Fatal(err)
	}
	r.steps(81, 82)
	s, _ = r.Target("a")
	if s.Latest.Status != models.StatusRejected || s.Latest.By != "ann" {
		t.Errorf("after rejection: %+v", s.Latest)
	}
}

func TestPauseIsImmediateAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": wave(300)})
	if _, err := r.Pause(t.Context(), "ann", "incident"); err != nil {
		t.Fatal(err)
	}
	r.steps(60, 100)
	r.boot()
	r.steps(101, 130)
	if r.platform.count() != 0 {
		t.Errorf("%d writes while paused", r.platform.count())
	}
	if p := r.PauseState(); !p.Paused || p.By != "ann" || p.Note != "incident" {
		t.Errorf("pause state after a restart: %+v", p)
	}
	if _, err := r.Resume(t.Context(), "bob", ""); err != nil {
		t.Fatal(err)
	}
	r.steps(131, 170)
	if r.platform.count() == 0 {
		t.Error("no write after resume")
	}
}

func TestOutOfBandChangeBacksOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	r.platform.set("a", 40)
	writes := r.platform.count()
	r.steps(91, 110)
	if r.platform.count() != writes || r.platform.warm["a"] != 40 {
		t.Errorf("%d writes, floor %d: somebody else's change was fought", r.platform.count()-writes, r.platform.warm["a"])
	}
	if codes := r.reasons("a"); !slices.Contains(codes, models.ReasonOutOfBand) {
		t.Errorf("reasons %v", codes)
	}
	r.steps(111, 200)
	if r.platform.warm["a"] == 40 {
		t.Error("the target was never taken up again")
	}
}

func TestFailedWriteIsRecordedAndDecidedAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.platform.err = &actuators.Error{Kind: models.KindThrottled, Op: "put", Err: errors.New("slow down")}
	r.steps(60, 75)
	outcomes := r.journal.of(models.EventOutcome)
	if len(outcomes) == 0 {
		t.Fatal("no outcome")
	}
	o := outcomes[0].Outcome
	if o.Status != models.OutcomeFailed || o.Kind != models.KindThrottled || !o.Marks.LastUp.IsZero() {
		t.Errorf("outcome %+v", o)
	}
	r.platform.err = nil
	r.steps(76, 80)
	if r.platform.warm["a"] == 0 {
		t.Error("not applied after the platform recovered")
	}
}

func TestAcceptedButNotShownIsFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.platform.deaf = true
	r.steps(60, 75)
	o := r.journal.of(models.EventOutcome)[0].Outcome
	if o.Status != models.OutcomeFailed || o.Kind != models.KindConflict {
		t.Errorf("outcome %+v", o)
	}
}

func TestUnknownCurrentCapacityIsSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(0)})
	r.platform.blind = errors.New("access denied")
	r.steps(60, 80)
	s, _ := r.Target("a")
	if s.Observed || len(s.Problems) == 0 || !strings.Contains(s.Problems[0], "access denied") {
		t.Errorf("status %+v", s)
	}
	if r.platform.count() != 0 {
		t.Errorf("%d writes to a platform that cannot be read", r.platform.count())
	}
}

// TestRestartContinuesExactly kills the engine at every minute of an hour: the next one must go on as if nothing had been.
func TestRestartContinuesExactly(t *testing.T) {
	t.Parallel()
	loads := map[models.TargetID]load{"a": wave(240), "b": steady(60)}
	with := func(r *rig) {
		r.parts.Settings.CheckpointEvery = 5 * time.Minute
		r.parts.Settings.Workers = 1
	}
	straight := newRig(t, loads, with)
	straight.steps(60, 240)
	broken := newRig(t, loads, with)
	for m := 60; m <= 240; m++ {
		if m%7 == 0 {
			broken.boot()
		}
		broken.steps(m, m)
	}
	// What the policy remembers of its own decisions is up to one checkpoint old after a start, so a floor may differ by an
	// instance; what was measured must not differ at all.
	for id, want := range straight.platform.warm {
		if got := broken.platform.warm[id]; got < want-1 || got > want+1 {
			t.Errorf("floor of %q is %d with restarts, %d without", id, got, want)
		}
	}
	a, errA := straight.Forecast("a")
	b, errB := broken.Forecast("a")
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for h := range a.Horizon() {
		if x, y := a.Quantile(0.9, h), b.Quantile(0.9, h); x != y {
			t.Fatalf("forecast at %d: %v without, %v with restarts", h, x, y)
		}
	}
}

// TestIntentWithoutOutcomeIsReconciled simulates a kill between intent and outcome, with and without effect on the platform.
func TestIntentWithoutOutcomeIsReconciled(t *testing.T) {
	t.Parallel()
	for name, landed := range map[string]bool{"landed": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, map[models.TargetID]load{"a": steady(300)})
			a := models.Action{
				ID: "x", Decision: "d", Target: "a", From: models.Warm(0), To: models.Warm(7), Issued: at(59), Expires: at(60),
			}
			if err := r.journal.Append(t.Context(), models.NewActionEvent(a)); err != nil {
				t.Fatal(err)
			}
			if landed {
				r.platform.set("a", 7)
			}
			r.boot()
			r.steps(60, 60)
			outcomes := r.journal.of(models.EventOutcome)
			if len(outcomes) == 0 || outcomes[0].Outcome.Action != "x" {
				t.Fatalf("outcomes %+v", outcomes)
			}
			want := models.OutcomeUnknown
			if landed {
				want = models.OutcomeApplied
			}
			if got := outcomes[0].Outcome.Status; got != want {
				t.Errorf("status %s, want %s", got, want)
			}
			if slices.ContainsFunc(r.platform.writes, func(w models.Action) bool { return w.ID == "x" }) {
				t.Error("an old intent was sent again")
			}
		})
	}
}

func TestWorkersChangeNothing(t *testing.T) {
	t.Parallel()
	run := func(workers int) []models.Event {
		r := newRig(t, map[models.TargetID]load{
			"a": wave(100), "b": steady(30), "c": wave(500), "d": steady(0), "é\"{}": wave(7),
		}, func(r *rig) { r.parts.Settings.Workers = workers })
		r.steps(0, 120)
		return r.journal.of(models.EventDecision)
	}
	if diff := cmp.Diff(run(1), run(8), cmp.AllowUnexported(models.Capacity{})); diff != "" {
		t.Error(diff)
	}
}

func TestReloadKeepsHistoryAndTakesTheNewMode(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	parts := r.parts
	parts.Settings.Mode = models.ModeDryRun
	parts.Settings.ConfigHash = "second"
	if err := r.Reload(parts); err != nil {
		t.Fatal(err)
	}
	writes := r.platform.count()
	r.platform.set("a", 0)
	r.steps(91, 200)
	if r.platform.count() != writes {
		t.Errorf("%d writes after the reload to dry-run", r.platform.count()-writes)
	}
	s, _ := r.Target("a")
	if s.Latest.Decision.ConfigHash != "second" || s.Data != models.DataFresh {
		t.Errorf("after the reload: %+v", s)
	}
	parts.Sources = []Source{{Name: "prod"}, {Name: "prod"}}
	if err := r.Reload(parts); err == nil {
		t.Error("two collectors of the same name were taken")
	}
	parts.Sources = nil
	if err := r.Reload(parts); err != nil {
		t.Fatal(err)
	}
	if len(r.Targets()) != 0 {
		t.Error("a target outlived its collector")
	}
}

func TestViewErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(1)})
	if _, err := r.Target("zzz"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("unknown target: %v", err)
	}
	if len(r.Ready()) == 0 {
		t.Error("ready before the first step")
	}
	r.collector.from = 60
	r.steps(61, 62)
	if _, err := r.Forecast("a"); !errors.Is(err, models.ErrInsufficientHistory) {
		t.Errorf("forecast from two samples: %v", err)
	}
	if e, err := r.Explain("a"); err != nil || e.Steps == 0 || e.NoForecast == nil {
		t.Errorf("explanation from two samples: %+v, %v", e, err)
	}
	if _, err := r.Explain("zzz"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("explanation of an unknown target: %v", err)
	}
	if _, err := r.Series(t.Context(), "a", models.SignalQueueDepth, at(0), at(62)); !errors.Is(err, models.ErrNoData) {
		t.Errorf("series of an absent signal: %v", err)
	}
}

// TestGapLongerThanHistory checks that a target is not stepped through a gap that history does not reach across.
func TestGapLongerThanHistory(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(10)})
	r.steps(60, 70)
	const later = 5 * 24 * 60
	r.steps(later, later)
	if got, want := r.byID["a"].predictor.Steps(), 48*60; got != want {
		t.Errorf("%d steps were fed after the gap, not the %d of the lookback", got, want)
	}
}
