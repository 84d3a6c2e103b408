package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// eroding is a platform whose own scaling takes instances away.
type eroding struct {
	*fakePlatform
	every time.Duration
}

func (p *eroding) AssertEvery() time.Duration { return p.every }

func (p *eroding) Erodes(set, seen models.Capacity) bool {
	floor, _ := set.Warm()
	n, _ := seen.Warm()
	return n < floor
}

// renewing is a platform that makes anew what holds a capacity.
type renewing struct {
	*fakePlatform
	holder string
}

func (p *renewing) Observe(ctx context.Context, t models.Target) (models.Observation, error) {
	o, err := p.fakePlatform.Observe(ctx, t)
	o.Holder = p.holder
	return o, err
}

// forgetful is a platform that shows nothing: its actuator remembers what was accepted, and whether it heard the last answer.
type forgetful struct {
	*fakePlatform
	sent    map[models.TargetID]models.Capacity
	doubted bool
}

func newForgetful(p *fakePlatform) actuators.Actuator {
	return &forgetful{fakePlatform: p, sent: map[models.TargetID]models.Capacity{}}
}

func (p *forgetful) Recall(t models.Target, set, _ models.Capacity) {
	if _, known := p.sent[t.ID]; !known {
		p.sent[t.ID] = set
	}
}

func (p *forgetful) Observe(_ context.Context, t models.Target) (models.Observation, error) {
	return models.Observation{Capacity: models.Warm(0).Merge(p.sent[t.ID]), Ready: -1, Assumed: p.doubted}, nil
}

func (p *forgetful) Apply(ctx context.Context, t models.Target, a models.Action) error {
	err := p.fakePlatform.Apply(ctx, t, a)
	if p.doubted = err != nil; err == nil {
		p.sent[t.ID] = a.To
	}
	return err
}

// newHeld makes a rig on a platform around the fake.
func newHeld(t *testing.T, wrap func(*fakePlatform) actuators.Actuator, change ...func(*rig)) *rig {
	t.Helper()
	return newRig(t, map[models.TargetID]load{"a": steady(300)}, append([]func(*rig){func(r *rig) {
		r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(wrap(r.platform), r.gate.Permit)}
	}}, change...)...)
}

// TestErosion lets the platform take instances away again and again: they are set again, not too often, and nobody else is blamed.
func TestErosion(t *testing.T) {
	t.Parallel()
	r := newHeld(t, func(p *fakePlatform) actuators.Actuator { return &eroding{p, 5 * time.Minute} },
		func(r *rig) { r.parts.Settings.ObserveEvery = time.Hour })
	r.steps(60, 120)
	if want := r.platform.warm["a"]; want < 2 {
		t.Fatalf("a floor of %d cannot fall", want)
	}
	for m := 121; m <= 240; m++ {
		r.platform.set("a", 1)
		r.steps(m, m)
	}
	if n := len(r.journal.of(models.EventNotice)); n != 0 {
		t.Errorf("%d changes by somebody else", n)
	}
	verifyAssertions(t, r, 5*time.Minute)
	want := r.platform.warm["a"]
	// A real change by somebody else is still one.
	r.platform.set("a", want+7)
	r.steps(241, 250)
	if n := r.journal.of(models.EventNotice); len(n) != 1 || n[0].Notice.Code != models.ReasonOutOfBand || r.platform.warm["a"] != want+7 {
		t.Errorf("%d notices, floor %d", len(n), r.platform.warm["a"])
	}
}

// verifyAssertions checks that capacities were set again, not more often than that, and that this is neither a rise nor a new original.
func verifyAssertions(t *testing.T, r *rig, every time.Duration) {
	t.Helper()
	asserts := map[string]bool{}
	for _, e := range r.journal.of(models.EventDecision) {
		if slices.ContainsFunc(e.Decision.Reasons, func(x models.Reason) bool { return x.Code == models.ReasonAssert }) {
			asserts[e.Decision.ID] = true
		}
	}
	var last time.Time
	var marks models.Marks
	times := 0
	for _, e := range r.journal.of(models.EventOutcome) {
		if o := e.Outcome; asserts[o.Decision] {
			times++
			if o.At.Sub(last) < every {
				t.Errorf("set again at %s and %s", last, o.At)
			}
			if o.Marks.Set == marks.Set && o.Marks != marks || !o.Marks.LastUp.Equal(marks.LastUp) || o.Observed != o.Marks.Set {
				t.Errorf("marks %+v became %+v when %s was set again", marks, o.Marks, o.Observed)
			}
			last = o.At
		}
		marks = e.Outcome.Marks
	}
	if times < 10 {
		t.Errorf("set again %d times only", times)
	}
}

// TestErosionFollowsTheDecision does not set again what is no longer wanted, and does not wait with a rise.
func TestErosionFollowsTheDecision(t *testing.T) {
	t.Parallel()
	n := 300.0
	r := newHeld(t, func(p *fakePlatform) actuators.Actuator { return &eroding{p, 24 * time.Hour} }, func(r *rig) {
		r.collector.loads["a"] = func(int) float64 { return n }
	})
	r.steps(60, 120)
	was := r.platform.warm["a"]
	r.platform.set("a", 1)
	r.steps(121, 121)
	if got := r.platform.warm["a"]; got != was {
		t.Fatalf("set again to %d, want %d", got, was)
	}
	r.platform.set("a", 1)
	n = 900 // more is needed: that does not wait for a day
	r.steps(122, 140)
	if got := r.platform.warm["a"]; got <= was {
		t.Errorf("floor %d at three times the load, was %d", got, was)
	}
	n = 0
	r.platform.set("a", 1)
	r.steps(141, 400)
	if got := r.platform.warm["a"]; got > 1 {
		t.Errorf("floor %d without load", got)
	}
}

// TestErosionWhilePaused sets nothing again, and in dry-run mode only says so.
func TestErosionWhilePaused(t *testing.T) {
	t.Parallel()
	for _, paused := range []bool{true, false} {
		r := newHeld(t, func(p *fakePlatform) actuators.Actuator { return &eroding{p, time.Minute} })
		r.steps(60, 120)
		writes := r.platform.count()
		if paused {
			if _, err := r.Pause(t.Context(), "ann", ""); err != nil {
				t.Fatal(err)
			}
		} else {
			r.parts.Settings.Mode = models.ModeDryRun
			if err := r.Reload(r.parts); err != nil {
				t.Fatal(err)
			}
		}
		r.platform.set("a", 1)
		r.steps(121, 125)
		s, _ := r.Target("a")
		if r.platform.count() != writes || s.Latest.Decision.Changes() == paused || s.Latest.Decision.Current != models.Warm(1) {
			t.Errorf("paused %v: %d writes, decision %+v", paused, r.platform.count()-writes, s.Latest.Decision)
		}
	}
}

// TestRenewal lets the platform make anew what holds the capacity, also while no process runs: it is set again at once.
func TestRenewal(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		var platform *renewing
		r := newHeld(t, func(p *fakePlatform) actuators.Actuator {
			platform = &renewing{p, "rev-1"}
			return platform
		})
		r.steps(60, 120)
		want := r.platform.warm["a"]
		platform.holder = "rev-1 rev-2"
		r.platform.set("a", 0)
		if restart {
			r.boot()
		}
		r.steps(121, 121)
		if got := r.platform.warm["a"]; got != want || !strings.Contains(why(r, "a"), "rev-2") {
			t.Errorf("restart %v: floor %d, want %d: %s", restart, got, want, why(r, "a"))
		}
		platform.holder = "rev-2" // the old one goes
		r.steps(122, 125)
		if n := len(r.journal.of(models.EventNotice)); n != 0 {
			t.Errorf("restart %v: %d changes by somebody else", restart, n)
		}
		// Somebody changes the new one.
		r.platform.set("a", want+3)
		r.steps(126, 130)
		if n := len(r.journal.of(models.EventNotice)); n != 1 || r.platform.warm["a"] != want+3 {
			t.Errorf("restart %v: %d notices, floor %d", restart, n, r.platform.warm["a"])
		}
	}
}

// why returns the details of the latest recorded decision that set something again.
func why(r *rig, id models.TargetID) string {
	text := ""
	for _, e := range r.journal.of(models.EventDecision) {
		for _, reason := range e.Decision.Reasons {
			if e.Target == id && reason.Code == models.ReasonAssert {
				text = reason.Detail
			}
		}
	}
	return text
}

// TestRecall restarts on a platform that shows nothing: what was acknowledged last is known from the journal.
func TestRecall(t *testing.T) {
	t.Parallel()
	for _, reload := range []bool{false, true} {
		r := newHeld(t, newForgetful)
		r.steps(60, 120)
		set, original := r.byID["a"].marks.Set, r.byID["a"].marks.Original
		writes := r.platform.count()
		r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(newForgetful(r.platform), r.gate.Permit)}
		if reload {
			if err := r.Reload(r.parts); err != nil {
				t.Fatal(err)
			}
		} else {
			r.boot()
			r.steps(121, 121)
			r.boot() // a restore by a process of its own
			results, err := r.PutBack(t.Context(), models.RestoreOrder{By: "ann", DryRun: true}, nil)
			if err != nil || len(results) != 1 || results[0].Status != models.RestoreDue || results[0].Current != set {
				t.Errorf("restore: %+v, %v", results, err)
			}
		}
		r.steps(122, 140)
		for _, w := range r.platform.writes[writes:] {
			if w.From != set {
				t.Errorf("reload %v: a write from %s, set was %s", reload, w.From, set)
			}
			set = w.To
		}
		if s, _ := r.Target("a"); s.Observation.Capacity != set || len(r.journal.of(models.EventNotice)) != 0 {
			t.Errorf("reload %v: it shows %s, set was %s, %d notices", reload, s.Observation.Capacity, set, len(r.journal.of(models.EventNotice)))
		}
		if got := r.byID["a"].marks; got.Set != set || got.Original != original {
			t.Errorf("marks %+v", got)
		}
	}
}
