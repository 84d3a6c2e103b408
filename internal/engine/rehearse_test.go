package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// stagePlatform is a platform that can check changes without carrying them out.
type stagePlatform struct {
	*fakePlatform
	refuse error
	takes  time.Duration
	asked  []models.Action
}

var _ actuators.Rehearser = (*stagePlatform)(nil)

func (p *stagePlatform) Rehearse(ctx context.Context, _ models.Target, a models.Action) error {
	p.mu.Lock()
	p.asked = append(p.asked, a)
	p.mu.Unlock()
	if p.takes > 0 {
		select {
		case <-time.After(p.takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p.refuse
}

// newStage makes a rig in dry-run mode whose platform can be asked, through all decorators.
func newStage(t *testing.T, loads map[models.TargetID]load, change ...func(*rig)) (*rig, *stagePlatform) {
	t.Helper()
	var platform *stagePlatform
	r := newRig(t, loads, append([]func(*rig){func(r *rig) {
		platform = &stagePlatform{fakePlatform: r.platform}
		a, err := actuators.Decorate(platform, "platform", actuators.DefaultConfig(), actuators.Deps{
			Permit: r.gate.Permit, Now: func() time.Time { return r.clock() }, Metrics: actuators.NewMetrics(nil),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.parts.Actuators = map[string]actuators.Actuator{"platform": a}
		r.parts.Settings.Mode, r.parts.Settings.Rehearse = models.ModeDryRun, true
	}}, change...)...)
	return r, platform
}

// TestRehearsal asks the platform once for each changed advice of dry-run mode, records what it says, and writes nothing.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	r, platform := newStage(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	// Each of the changed advices of the first minutes was rehearsed once.
	recorded := r.journal.of(models.EventDecision)
	if n := len(platform.asked); n == 0 || n != len(recorded) || r.platform.count() != 0 {
		t.Fatalf("asked %d times about %d decisions, %d writes", n, len(recorded), r.platform.count())
	}
	if !slices.Contains(r.reasons("a"), models.ReasonRehearsed) {
		t.Errorf("reasons %v", r.reasons("a"))
	}
	for i, e := range recorded {
		last := e.Decision.Reasons[len(e.Decision.Reasons)-1]
		if last.Code != models.ReasonRehearsed || platform.asked[i].Decision != e.Decision.ID {
			t.Errorf("decision %d ends with %s, asked about %s", i, last, platform.asked[i].Decision)
		}
	}
	if n := len(r.journal.of(models.EventAction)) + len(r.journal.of(models.EventOutcome)); n != 0 {
		t.Errorf("%d intents and outcomes of dry-run mode", n)
	}
	before := len(platform.asked)
	// Another advice is rehearsed again, and a refusal is told in the platform's words.
	platform.refuse = refusal(models.KindUnauthorized)
	r.platform.set("a", 1)
	r.steps(91, 95)
	s, _ := r.Target("a")
	last := s.Latest.Decision.Reasons[len(s.Latest.Decision.Reasons)-1]
	if len(platform.asked) != before+1 || last.Code != models.ReasonRehearsalRefused || !strings.Contains(last.Detail, "so the platform said") ||
		!strings.HasPrefix(last.Detail, "unauthorized") {
		t.Errorf("asked %d times, reason %s", len(platform.asked), last)
	}
	if r := verdictOfPlatform(refusal(models.KindTimeout)); r.Code != models.ReasonRehearsalFailed {
		t.Errorf("no answer in time is %s", r)
	}
	if a := platform.asked[before]; a.From != models.Warm(1) || a.To != s.Latest.Decision.Desired {
		t.Errorf("asked about %+v", a)
	}
}

// TestRehearsalIsOptional asks nothing unless it is wanted, possible, of dry-run mode and not paused.
func TestRehearsalIsOptional(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rig){
		"off":  func(r *rig) { r.parts.Settings.Rehearse = false },
		"auto": func(r *rig) { r.parts.Settings.Mode = models.ModeAuto },
		"unable": func(r *rig) {
			r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(r.platform, r.gate.Permit)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, platform := newStage(t, map[models.TargetID]load{"a": steady(300)}, change)
			r.steps(60, 70)
			if codes := r.reasons("a"); len(platform.asked) != 0 || slices.Contains(codes, models.ReasonRehearsed) {
				t.Errorf("asked %d times, reasons %v", len(platform.asked), codes)
			}
		})
	}
	t.Run("paused", func(t *testing.T) {
		t.Parallel()
		r, platform := newStage(t, map[models.TargetID]load{"a": steady(300)})
		if _, err := r.Pause(t.Context(), "ann", ""); err != nil {
			t.Fatal(err)
		}
		r.steps(60, 70)
		if len(platform.asked) != 0 {
			t.Errorf("asked %d times", len(platform.asked))
		}
	})
}

// TestRehearsalsDoNotHoldAStepUp lets the platform take longer than an interval.
func TestRehearsalsDoNotHoldAStepUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, platform := newStage(t, map[models.TargetID]load{"a": steady(300), "b": steady(300), "c": steady(300)}, func(r *rig) {
			r.live, r.collector.from, r.parts.Settings.Calls = true, -1<<40, 1
			r.parts.Settings.Lookback = 4 * time.Hour
		})
		platform.takes = 25 * time.Second
		for range 3 {
			began := time.Now()
			if err := r.Step(t.Context(), began); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took >= time.Minute {
				t.Errorf("a step took %s", took)
			}
			time.Sleep(time.Until(began.Add(time.Minute)))
		}
		for _, id := range []models.TargetID{"a", "b", "c"} {
			if !slices.Contains(r.reasons(id), models.ReasonRehearsed) {
				t.Errorf("%s: reasons %v after %d questions", id, r.reasons(id), len(platform.asked))
			}
		}
	})
}
