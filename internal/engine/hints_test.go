package engine

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
	"pilotlight/policy"
)

// once is a steady load that is so many times itself from one minute to another.
func once(n, times float64, from, to int) load {
	return func(minute int) float64 {
		if minute >= from && minute < to {
			return n * times
		}
		return n
	}
}

// hintFor is a hint from one minute to another.
func hintFor(id string, from, to int, multiplier float64, floor int) models.Hint {
	return models.Hint{
		ID: id, Selector: models.HintSelector{Targets: []string{id}}, Start: at(from), End: at(to), Multiplier: multiplier, Floor: floor,
		Reason: "sale", Source: models.HintAPI,
	}
}

func (r *rig) hint(h models.Hint) {
	r.t.Helper()
	if _, err := r.AddHints(r.t.Context(), []models.Hint{h}, "ops"); err != nil {
		r.t.Fatal(err)
	}
}

func TestHintWarmsAheadOfASurge(t *testing.T) {
	t.Parallel()
	for name, hinted := range map[string]bool{"with": true, "without": false} {
		r := newRig(t, map[models.TargetID]load{"a": once(60, 4, 700, 760), "b": steady(60)})
		r.steps(500, 650)
		usual := r.platform.warm["a"]
		if hinted {
			r.hint(hintFor("a", 700, 760, 4, 0))
		}
		r.steps(651, 690)
		if got := r.platform.warm["a"]; got > usual+1 {
			t.Errorf("%s: ten minutes before, the floor is %d, usually %d", name, got, usual)
		}
		r.steps(691, 699)
		ready := r.platform.warm["a"]
		if hinted && ready < 8 || !hinted && ready > usual+1 {
			t.Errorf("%s: the minute before, the floor is %d, usually %d", name, ready, usual)
		}
		r.steps(700, 790)
		if got := r.platform.warm["a"]; hinted && got > usual+2 {
			t.Errorf("half an hour after, the floor is still %d, usually %d: the surge was learnt as usual", got, usual)
		}
		if got := r.platform.warm["b"]; got > usual+1 {
			t.Errorf("%s: the other target has a floor of %d", name, got)
		}
		if n := len(r.journal.of(models.EventHint)); hinted && n != 2 {
			t.Errorf("%d records of the hint, want that it was added and that it ended", n)
		}
		if hinted && len(r.Hints()) != 0 {
			t.Errorf("hints in force after all have ended: %+v", r.Hints())
		}
	}
}

func TestHintShowsInReasonsAndForecast(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(60)})
	r.steps(500, 650)
	before, err := r.Forecast("a")
	if err != nil {
		t.Fatal(err)
	}
	r.hint(hintFor("a", 655, 660, 3, 0))
	r.steps(651, 651)
	after, err := r.Forecast("a")
	if err != nil {
		t.Fatal(err)
	}
	for h := range 14 {
		minute := after.Start().Add(time.Duration(h) * time.Minute)
		want := 1.0
		if !minute.Before(at(655)) && minute.Before(at(660)) {
			want = 3
		}
		if got := after.Mean(h) / before.Mean(h+1); math.Abs(got-want) > 0.1 {
			t.Errorf("at %s the forecast is %.2f times the usual one, want %v", minute, got, want)
		}
	}
	r.steps(652, 654)
	s, err := r.Target("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range s.Latest.Decision.Reasons {
		if reason.Code == models.ReasonHint && reason.Detail == "sale" {
			return
		}
	}
	t.Errorf("no reason tells of the hint: %+v", s.Latest.Decision.Reasons)
}

func TestHintFloorHoldsWhileDataIsMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(60)})
	r.steps(500, 600)
	r.hint(hintFor("a", 620, 640, 0, 20))
	r.collector.fail(errors.New("down"))
	r.steps(601, 625)
	if got := r.platform.warm["a"]; got != 20 {
		t.Errorf("floor is %d in the outage, want the 20 that were announced", got)
	}
	r.hint(hintFor("a", 626, 640, 0, 200))
	r.steps(626, 627)
	if got := r.platform.warm["a"]; got != 50 {
		t.Errorf("floor is %d, want the limit of the target", got)
	}
}

// TestWrongHintEnds checks that a surge that was announced and did not come leaves nothing behind.
func TestWrongHintEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(60), "b": steady(60)})
	r.steps(500, 650)
	r.hint(hintFor("a", 660, 720, 4, 0))
	r.steps(651, 740)
	a, errA := r.Forecast("a")
	b, errB := r.Forecast("b")
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if got := a.Mean(0) / b.Mean(0); got < 0.8 || got > 1.2 {
		t.Errorf("after a surge that did not come the forecast is %.2f times that without a hint", got)
	}
}

func TestHintOrders(t *testing.T) {
	t.Parallel()
	configured := hintFor("conf", 100, 200, 2, 0)
	r := newRig(t, map[models.TargetID]load{"a": steady(60)}, func(r *rig) { r.parts.Hints = []models.Hint{configured} })
	r.steps(0, 1)
	ctx := t.Context()
	good := hintFor("a", 100, 200, 2, 0)
	first, err := r.AddHints(ctx, []models.Hint{good}, "ops")
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.AddHints(ctx, []models.Hint{good}, "ops")
	if err != nil || !cmp.Equal(first, again) {
		t.Errorf("added twice: %v %+v, first %+v", err, again, first)
	}
	if n := len(r.journal.of(models.EventHint)); n != 1 {
		t.Errorf("%d records", n)
	}
	late := hintFor("late", -100, -50, 2, 0)
	senseless := hintFor("none", 100, 200, 0, 0)
	for _, bad := range []models.Hint{late, senseless} {
		if _, err := r.AddHints(ctx, []models.Hint{hintFor("x", 100, 200, 2, 0), bad}, "ops"); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v", bad.ID, err)
		}
	}
	if _, err := r.AddHints(ctx, []models.Hint{hintFor("conf", 100, 200, 5, 0)}, "ops"); !errors.Is(err, models.ErrConflict) {
		t.Errorf("a hint of the configuration can be replaced: %v", err)
	}
	if err := r.RemoveHint(ctx, "conf", "ops"); !errors.Is(err, models.ErrConflict) {
		t.Errorf("a hint of the configuration can be removed: %v", err)
	}
	if err := r.RemoveHint(ctx, "x", "ops"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("half of a refused order is in force: %v", err)
	}
	unnamed := good
	unnamed.ID, unnamed.Floor = "", 7
	named, err := r.AddHints(ctx, []models.Hint{unnamed}, "ops")
	if err != nil || named[0].ID == "" || len(r.Hints()) != 3 {
		t.Fatalf("%v %+v of %d", err, named, len(r.Hints()))
	}
	if err := r.RemoveHint(ctx, "a", "ops"); err != nil {
		t.Error(err)
	}
	want := r.Hints()
	r.boot()
	if diff := cmp.Diff(want, r.Hints()); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	r.journal.err = errors.New("disk full")
	if _, err := r.AddHints(ctx, []models.Hint{hintFor("y", 100, 200, 2, 0)}, "ops"); err == nil || len(r.Hints()) != 2 {
		t.Errorf("a hint that is not recorded is in force: %v", err)
	}
	if err := r.RemoveHint(ctx, named[0].ID, "ops"); err == nil || len(r.Hints()) != 2 {
		t.Errorf("a removal that is not recorded is in force: %v", err)
	}
}

// advice is a hint of an advisor.
func advice(id string, from, to int, multiplier float64) models.Hint {
	h := hintFor(id, from, to, multiplier, 0)
	h.Source, h.Advisor, h.Confidence = models.HintAdvisor, "main", 0.9
	return h
}

// scoreOf returns the record of an advisor.
func (r *rig) scoreOf(name string) models.HintScore {
	for _, s := range r.HintScores() {
		if s.Source == name && s.Kind == models.AdviceMultiplier {
			return s
		}
	}
	return models.HintScore{}
}

func TestAdviceIsEarned(t *testing.T) {
	t.Parallel()
	const days = 4
	loads := map[models.TargetID]load{}
	for _, id := range []models.TargetID{"a", "b"} {
		loads[id] = func(minute int) float64 {
			if day := minute / 1440; day >= 1 && minute%1440 >= 600+100*day && minute%1440 < 660+100*day {
				return 240 // at another time each day, so that it cannot be learnt
			}
			return 60
		}
	}
	advised, plain := newRig(t, loads), newRig(t, loads)
	for day := 1; day < days; day++ {
		from := day*1440 + 600 + 100*day
		for _, r := range []*rig{advised, plain} {
			r.steps(from-200, from-30)
			if r == advised {
				for id := range loads {
					h := advice(string(id), from, from+60, 4)
					h.ID = string(id) + "-" + h.Start.Format("0215")
					r.hint(h)
				}
			}
			r.steps(from-29, from-1)
		}
		before := advised.scoreOf("main")
		got, usual := advised.platform.warm["a"], plain.platform.warm["a"]
		switch {
		case day == 1 && (before.Weight != 0 || got != usual):
			t.Errorf("on the first day the advice counts %v, and the floor is %d, %d without", before.Weight, got, usual)
		case day == 3 && (before.Weight < 0.5 || got < usual+3):
			t.Errorf("on day %d the advice counts %v, and the floor is %d, %d without", day, before.Weight, got, usual)
		}
		advised.steps(from, from+90)
		plain.steps(from, from+90)
	}
	s := advised.scoreOf("main")
	if s.Events != 3 || s.State != string(policy.TrustActive) || s.CostWith >= s.CostWithout || s.LossWith >= s.LossWithout || s.BenefitUSD <= 0 {
		t.Errorf("the record is %+v", s)
	}
	if err := advised.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	advised.boot()
	if diff := cmp.Diff(s, advised.scoreOf("main")); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

// TestUnearnedAdviceChangesNothing compares all decisions.
func TestUnearnedAdviceChangesNothing(t *testing.T) {
	t.Parallel()
	loads := map[models.TargetID]load{"a": wave(100), "b": steady(60)}
	liar, plain := newRig(t, loads), newRig(t, loads)
	for _, r := range []*rig{liar, plain} {
		r.steps(500, 600)
		if r == liar {
			r.hint(advice("b", 650, 720, 8))
		}
		r.steps(601, 900)
	}
	if diff := cmp.Diff(plain.journal.of(models.EventDecision), liar.journal.of(models.EventDecision),
		cmp.Comparer(func(a, b models.Capacity) bool { return a == b }),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Seq" }, cmp.Ignore())); diff != "" {
		t.Errorf("decisions differ (-without +with):\n%s", diff)
	}
	if s := liar.scoreOf("main"); s.Events == 0 || s.CostWith <= s.CostWithout || s.Weight != 0 || s.Earned >= 0.1 {
		t.Errorf("the record of wrong advice is %+v", s)
	}
}

// TestStepAllocatesTheSame counts what Steps allocate with an advisor whose advice is about other targets, and without one.
//
//nolint:paralleltest // what other tests allocate would count too
func TestStepAllocatesTheSame(t *testing.T) {
	loads := map[models.TargetID]load{"a": wave(100), "b": steady(60), "c": steady(0)}
	allocations := func(hinted bool) float64 {
		r := newRig(t, loads, func(r *rig) { r.parts.Settings.Workers = 1 })
		r.steps(500, 620)
		if hinted {
			for _, id := range []string{"x", "y", "z"} {
				r.hint(advice(id, 630, 700, 2))
			}
		}
		r.steps(621, 629)
		minute := 629
		return testing.AllocsPerRun(60, func() {
			minute++
			r.steps(minute, minute)
		})
	}
	// The journal of this test grows with what is recorded, which both do alike.
	if with, without := allocations(true), allocations(false); with > without+1 {
		t.Errorf("%v allocations a Step with advice about other targets, %v without", with, without)
	}
}
