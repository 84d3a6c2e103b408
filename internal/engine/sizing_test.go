package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/models"
	"pilotlight/policy"
)

// sizedPlatform is a platform with the lever memory too.
type sizedPlatform struct {
	*fakePlatform
	mu     sync.Mutex
	memory map[models.TargetID]int
}

func (p *sizedPlatform) Levers() models.Lever { return models.LeverWarm | models.LeverMemory }

func (p *sizedPlatform) MemorySizes() models.MemorySizes {
	return models.MemorySizes{Min: 128, Max: 10240, Step: 1}
}

func (p *sizedPlatform) Observe(ctx context.Context, t models.Target) (models.Observation, error) {
	o, err := p.fakePlatform.Observe(ctx, t)
	p.mu.Lock()
	defer p.mu.Unlock()
	o.Capacity = o.Capacity.WithMemory(p.memory[t.ID])
	return o, err
}

func (p *sizedPlatform) Apply(ctx context.Context, t models.Target, a models.Action) error {
	err := p.fakePlatform.Apply(ctx, t, a)
	p.mu.Lock()
	defer p.mu.Unlock()
	if mb, ok := a.To.Memory(); ok && err == nil && !p.deaf {
		p.memory[t.ID] = mb
	}
	return err
}

func (p *sizedPlatform) set(id models.TargetID, mb int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memory[id] = mb
}

// sizedTargets gives targets bounds of their memory.
type sizedTargets struct {
	everyTarget
	low, high int32
}

func (r sizedTargets) Resolve(source string, found *collectors.TargetData) (Assignment, bool, error) {
	a, ok, err := r.everyTarget.Resolve(source, found)
	a.Target.Limits.MinMemoryMB, a.Target.Limits.MaxMemoryMB = r.low, r.high
	return a, ok, err
}

// sizedRig is a rig with a target "a" that has 1024 MB and uses that much of it, and a policy that change may change.
func sizedRig(t *testing.T, use load, change func(*policy.Config)) (*rig, *sizedPlatform) {
	t.Helper()
	p := &sizedPlatform{fakePlatform: newPlatform(), memory: map[models.TargetID]int{"a": 1024}}
	r := newRig(t, map[models.TargetID]load{"a": steady(60)}, func(r *rig) {
		cfg := policy.DefaultConfig()
		cfg.Selection, cfg.Reactive, cfg.PlatformKeepAlive = policy.SelectMax, policy.ReactiveNeed, 0
		cfg.RightSizing.MinHistory = models.Duration(24 * time.Hour)
		change(&cfg)
		rule, err := policy.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.collector.from = -2 * 24 * 60
		r.collector.uses = map[models.TargetID]load{"a": use}
		r.parts.Resolver = sizedTargets{everyTarget{policy: rule, max: 50}, 128, 3008}
		r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(p, r.gate.Permit)}
	})
	return r, p
}

// memories returns the memories that were written.
func (p *sizedPlatform) memories() (out []int) {
	p.fakePlatform.mu.Lock()
	defer p.fakePlatform.mu.Unlock()
	for _, a := range p.writes {
		if mb, ok := a.To.Memory(); ok {
			if a.To.Levers() != models.LeverMemory {
				out = append(out, -1) // mixed with another lever
			}
			out = append(out, mb)
		}
	}
	return out
}

func apply(cfg *policy.Config) { cfg.RightSizing.Apply = true }

// TestRecommendsMemory checks that by default memory is recommended and never set, from the history of a new target on.
func TestRecommendsMemory(t *testing.T) {
	t.Parallel()
	r, p := sizedRig(t, steady(300), func(*policy.Config) {})
	r.steps(1, 20)
	s, err := r.Target("a")
	if err != nil || s.Sizing == nil {
		t.Fatalf("no advice: %v", err)
	}
	if a := s.Sizing; a.Verdict != models.SizeLower || a.CurrentMB != 1024 || a.RecommendedMB != 384 || a.SavedUSD <= 0 {
		t.Errorf("%s, saves %v: %v", a, a.SavedUSD, a.Reasons)
	}
	if got := p.memories(); len(got) > 0 {
		t.Errorf("memory was set: %v", got)
	}
	for _, ev := range r.journal.of(models.EventDecision) {
		if ev.Decision.Desired.Levers().Has(models.LeverMemory) {
			t.Errorf("a decision about memory: %s", ev.Decision.Desired)
		}
	}
}

// TestWithoutUse checks that a target whose use of memory is not measured costs nothing and gets no advice.
func TestWithoutUse(t *testing.T) {
	t.Parallel()
	r, _ := sizedRig(t, nil, apply)
	r.steps(1, 5)
	if s, err := r.Target("a"); err != nil || s.Sizing != nil || r.byID["a"].sizing != nil {
		t.Errorf("advice %v, %v", s.Sizing, err)
	}
}

// TestSetsMemory carries an advice out as a decision of its own, keeps to the cooldown over a restart, and puts the memory back.
func TestSetsMemory(t *testing.T) {
	t.Parallel()
	use := 300.0
	r, p := sizedRig(t, func(int) float64 { return use }, apply)
	r.parts.Settings.CheckpointEvery = 5 * time.Minute
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(1, 20)
	if diff := cmp.Diff([]int{384}, p.memories()); diff != "" {
		t.Fatalf("memories set (-want +got):\n%s", diff)
	}
	marks := r.byID["a"].marks
	if marks.LastMemory == 0 || marks.Set.Only(models.LeverMemory) != (models.Capacity{}).WithMemory(384) ||
		marks.Original.Only(models.LeverMemory) != (models.Capacity{}).WithMemory(1024) {
		t.Errorf("marks %+v", marks)
	}
	use = 350 // which asks for 448 at once, but it has been changed today
	r.steps(21, 30)
	if !slices.Contains(r.reasons("a"), models.ReasonMemoryCooldown) {
		t.Errorf("reasons %v", r.reasons("a"))
	}
	r.boot()
	r.steps(31, 40)
	if got := p.memories(); len(got) != 1 {
		t.Errorf("within the cooldown memory was set: %v", got)
	}
	r.steps(41, 20+24*60)
	if diff := cmp.Diff([]int{384, 448}, p.memories()); diff != "" {
		t.Errorf("memories set after a day (-want +got):\n%s", diff)
	}
	results, err := r.PutBack(t.Context(), models.RestoreOrder{By: "test"}, nil)
	if err != nil || len(results) != 1 || results[0].Status != models.RestoreDone {
		t.Fatalf("restore: %+v, %v", results, err)
	}
	if p.memory["a"] != 1024 {
		t.Errorf("restore left %d MB", p.memory["a"])
	}
}

// TestHoldsMemory checks what keeps an advice from being carried out, for a target that may have no floor: nothing but memory is decided.
func TestHoldsMemory(t *testing.T) {
	t.Parallel()
	always := func(stop policy.FreezeRule) func(*policy.Config) {
		return func(cfg *policy.Config) {
			apply(cfg)
			cfg.Freezes = []policy.Freeze{{Name: "sale", Stop: stop, Window: policy.Window{
				From: "00:00", To: "12:00", Zone: "UTC",
			}}}
		}
	}
	for name, test := range map[string]struct {
		change func(*policy.Config)
		setup  func(*rig)
		// decided says that the decision shows, want is a reason that it has.
		decided bool
		want    models.ReasonCode
	}{
		"not asked for":      {change: func(*policy.Config) {}},
		"freeze":             {change: always(policy.FreezeChanges), want: models.ReasonFreeze},
		"freeze of lowering": {change: always(policy.FreezeLowering), want: models.ReasonFreeze},
		"canary": {
			change: func(cfg *policy.Config) { apply(cfg); cfg.Canary.Share = 0 }, decided: true, want: models.ReasonMemoryPeak,
		},
		"dry-run": {
			change: apply, setup: func(r *rig) { r.parts.Settings.Mode = models.ModeDryRun }, decided: true, want: models.ReasonMemoryPeak,
		},
		"approve": {
			change: apply, setup: func(r *rig) { r.parts.Settings.Mode = models.ModeApprove }, decided: true, want: models.ReasonMemoryPeak,
		},
		"restart hold": {change: apply, setup: func(r *rig) { r.parts.Settings.RestartHold = time.Hour }},
		"paused": {change: apply, setup: func(r *rig) {
			if _, err := r.Pause(r.t.Context(), "test", ""); err != nil {
				r.t.Fatal(err)
			}
		}, want: models.ReasonPaused},
		"stale": {change: apply, setup: func(r *rig) {
			r.parts.Settings.RestartHold = 10 * time.Minute // by then the samples are stale
			r.collector.loads["a"] = func(minute int) float64 {
				if minute >= 2 {
					return -1
				}
				return 60
			}
		}},
		"unbounded": {change: apply, setup: func(r *rig) {
			targets, _ := r.parts.Resolver.(sizedTargets)
			targets.low, targets.high = 0, 0
			r.parts.Resolver = targets
		}, want: models.ReasonGateBounds},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, p := sizedRig(t, steady(300), test.change)
			targets, _ := r.parts.Resolver.(sizedTargets)
			targets.max = 0
			r.parts.Resolver = targets
			if test.setup != nil {
				test.setup(r)
			}
			if err := r.Reload(r.parts); err != nil {
				t.Fatal(err)
			}
			r.steps(1, 20)
			if got := p.memories(); len(got) > 0 {
				t.Errorf("memory was set: %v", got)
			}
			s, err := r.Target("a")
			if err != nil {
				t.Fatal(err)
			}
			if mb, decided := s.Latest.Decision.Desired.Memory(); decided != test.decided || decided && mb != 384 {
				t.Errorf("decided %s, status %s", s.Latest.Decision.Desired, s.Latest.Status)
			}
			if test.want != "" && !slices.Contains(r.reasons("a"), test.want) {
				t.Errorf("reasons %v lack %s", r.reasons("a"), test.want)
			}
		})
	}
}

// TestApprovesMemory approves the floor and then the memory.
func TestApprovesMemory(t *testing.T) {
	t.Parallel()
	r, p := sizedRig(t, steady(300), apply)
	r.parts.Settings.Mode = models.ModeApprove
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	for m := 1; m <= 10; m++ {
		r.steps(m, m)
		s, err := r.Target("a")
		if err != nil {
			t.Fatal(err)
		}
		if s.Latest.Status != models.StatusPending {
			continue
		}
		if _, err := r.Approve(t.Context(), s.Latest.Decision.ID, "test", ""); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]int{384}, p.memories()); diff != "" {
		t.Errorf("memories set (-want +got):\n%s", diff)
	}
}

// TestRejectedMemory rejects a memory: it is not asked for again before the cooldown is over, also when the floor has changed since.
func TestRejectedMemory(t *testing.T) {
	t.Parallel()
	r, p := sizedRig(t, steady(300), apply)
	r.parts.Settings.Mode = models.ModeApprove
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	answered := 0
	for m := 1; m <= 30; m++ {
		r.steps(m, m)
		if m == 15 {
			p.fakePlatform.set("a", 20) // which has to go, and comes with a decision of its own
		}
		s, err := r.Target("a")
		if err != nil {
			t.Fatal(err)
		}
		if s.Latest.Status != models.StatusPending {
			continue
		}
		answer := r.Approve
		if s.Latest.Decision.Desired.Levers() == models.LeverMemory {
			answered++
			answer = r.Reject
		}
		if _, err := answer(t.Context(), s.Latest.Decision.ID, "test", ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.memories(); answered != 1 || len(got) > 0 {
		t.Errorf("asked %d times, set %v", answered, got)
	}
}

// TestUrgentMemory raises the memory before the floor is lowered, but not before it is raised.
func TestUrgentMemory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		warm  int
		first models.Lever
	}{"floor falls": {40, models.LeverMemory}, "floor rises": {0, models.LeverWarm}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, p := sizedRig(t, steady(1000), apply)
			p.fakePlatform.set("a", test.warm)
			r.steps(1, 20)
			p.fakePlatform.mu.Lock()
			defer p.fakePlatform.mu.Unlock()
			if len(p.writes) < 2 || p.writes[0].To.Levers() != test.first || p.memory["a"] != 1216 {
				t.Errorf("writes %v, memory %d", p.writes, p.memory["a"])
			}
			if got := r.byID["a"].target.MemoryMB; got != 1216 {
				t.Errorf("the floor is reckoned with %v MB", got)
			}
		})
	}
}

// TestUnableActuator tells that memory is to be set by an actuator that does not.
func TestUnableActuator(t *testing.T) {
	t.Parallel()
	r, _ := sizedRig(t, steady(100), apply)
	r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(newPlatform(), r.gate.Permit)}
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(1, 2)
	if s, err := r.Target("a"); err != nil || len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "right_sizing.apply") {
		t.Errorf("problems %v, %v", s.Problems, err)
	}
}

// TestForeignMemory sets a memory that somebody else changes: Pilotlight backs away.
func TestForeignMemory(t *testing.T) {
	t.Parallel()
	r, p := sizedRig(t, steady(300), func(cfg *policy.Config) {
		apply(cfg)
		cfg.RightSizing.Cooldown = models.Duration(time.Hour)
	})
	r.steps(1, 20)
	p.set("a", 2048)
	r.steps(21, 30)
	if !slices.Contains(r.reasons("a"), models.ReasonOutOfBand) {
		t.Errorf("reasons %v", r.reasons("a"))
	}
	if diff := cmp.Diff([]int{384}, p.memories()); diff != "" {
		t.Errorf("memories set (-want +got):\n%s", diff)
	}
}

// TestRefusedMemory lets the platform refuse a memory; it is asked again later, and not at each Step.
func TestRefusedMemory(t *testing.T) {
	t.Parallel()
	r, p := sizedRig(t, steady(300), apply)
	r.steps(1, 1)
	p.fakePlatform.mu.Lock()
	p.err = &actuators.Error{Kind: models.KindInvalid, Op: "set memory", Err: errors.New("no")}
	p.fakePlatform.mu.Unlock()
	r.steps(2, 10)
	if n := len(p.memories()); n == 0 || n > 4 {
		t.Errorf("asked %d times in 9 minutes", n)
	}
	if m := r.byID["a"].marks; m.LastMemory != 0 {
		t.Errorf("a refusal began the cooldown: %+v", m)
	}
}

// TestCollectorTellsMemory follows what the collector says of the memory, where the actuator does not read it.
func TestCollectorTellsMemory(t *testing.T) {
	t.Parallel()
	r, _ := sizedRig(t, steady(300), func(*policy.Config) {})
	r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(newPlatform(), r.gate.Permit)}
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(1, 2)
	if s, _ := r.Target("a"); s.Sizing == nil || s.Sizing.CurrentMB != 512 {
		t.Errorf("advice %v", s.Sizing)
	}
	u := r.byID["a"]
	u.meta.MemoryMB = 512
	u.feed(&collectors.TargetData{Meta: collectors.Meta{MemoryMB: 768}}, u.next, u.next)
	u.feed(&collectors.TargetData{Meta: collectors.Meta{DurationP50: time.Second}}, u.next, u.next)
	r.steps(3, 3)
	if s, _ := r.Target("a"); s.Sizing.CurrentMB != 768 || s.Target.MemoryMB != 768 {
		t.Errorf("advice %s of %v MB", s.Sizing, s.Target.MemoryMB)
	}
	u.feed(&collectors.TargetData{Meta: collectors.Meta{MemoryMB: 1024}}, u.next, u.next)
	r.steps(4, 4)
	if s, _ := r.Target("a"); s.Target.MemoryMB != 1024 {
		t.Errorf("%v MB after a time in which it was not told", s.Target.MemoryMB)
	}
}

// TestSizingState saves what was measured and takes it up again after a restart; a state from before there was any still fits.
func TestSizingState(t *testing.T) {
	t.Parallel()
	r, _ := sizedRig(t, steady(300), func(*policy.Config) {})
	r.steps(1, 5)
	before := *r.byID["a"].advice()
	u := r.byID["a"]
	with, err := u.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.boot()
	r.collector.mu.Lock()
	r.collector.failHistory = errors.New("no history")
	r.collector.mu.Unlock()
	r.steps(6, 6)
	after := r.byID["a"].advice()
	if after == nil || after.Verdict != before.Verdict || after.RecommendedMB != before.RecommendedMB || after.Samples < before.Samples {
		t.Errorf("before %+v, after %+v", before, after)
	}
	sizingBytes, err := u.sizing.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.byID["a"].unmarshal(with[:len(with)-len(sizingBytes)]); err != nil {
		t.Errorf("a state without sizing: %v", err)
	}
	if err := r.byID["a"].unmarshal(with[:len(with)-1]); err == nil {
		t.Error("a state that is cut short is taken")
	}
}
