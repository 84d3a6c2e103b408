package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
	"pilotlight/policy"
)

// withQuota lets all targets share so many instances.
func withQuota(t *testing.T, instances int) func(*rig) {
	t.Helper()
	a, err := policy.NewAllocator(policy.Shared{Quotas: []policy.Quota{{Name: "account", Scope: policy.ScopeFleet, Instances: instances}}})
	if err != nil {
		t.Fatal(err)
	}
	return func(r *rig) { r.parts.Allocator = a }
}

// withPolicy changes the policy of all targets.
func withPolicy(t *testing.T, change func(*policy.Config)) func(*rig) {
	t.Helper()
	cfg := policy.DefaultConfig()
	cfg.Selection, cfg.Reactive, cfg.PlatformKeepAlive = policy.SelectMax, policy.ReactiveNeed, 0
	change(&cfg)
	p, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return func(r *rig) { r.parts.Resolver = everyTarget{policy: p, max: 50} }
}

// floors is the sum of what the platform has.
func (p *fakePlatform) floors() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := 0
	for _, n := range p.warm {
		sum += n
	}
	return sum
}

// TestQuotaHoldsAtEveryStep follows the sum of the floors while loads come and go, and finds the reason in the decisions.
func TestQuotaHoldsAtEveryStep(t *testing.T) {
	t.Parallel()
	loads := map[models.TargetID]load{}
	for i := range 6 {
		loads[models.TargetID(fmt.Sprint("t", i))] = func(minute int) float64 { return math.Max(0, float64((minute+i*7)%40-15)*12) }
	}
	const quota = 20
	r := newRig(t, loads, withQuota(t, quota))
	most, limited := 0, 0
	for m := range 180 {
		r.steps(m, m)
		sum := r.platform.floors()
		if most = max(most, sum); sum > quota {
			t.Fatalf("minute %d: %d instances of a quota of %d", m, sum, quota)
		}
		for id := range loads {
			if s, err := r.Target(id); err == nil && s.Latest != nil && slices.Contains(r.reasons(id), models.ReasonQuota) {
				limited++
			}
		}
	}
	if most < quota/2 || limited == 0 {
		t.Errorf("at most %d of %d used, %d decisions limited", most, quota, limited)
	}
}

// TestQuotaByOneWorkerAndMany checks that the number of workers changes no byte of what is recorded.
func TestQuotaByOneWorkerAndMany(t *testing.T) {
	t.Parallel()
	run := func(workers int) string {
		loads := map[models.TargetID]load{}
		for i := range 9 {
			loads[models.TargetID(fmt.Sprint("t", i))] = wave(float64(60 * (i + 1)))
		}
		r := newRig(t, loads, withQuota(t, 17), func(r *rig) { r.parts.Settings.Workers = workers })
		r.steps(0, 90)
		var out strings.Builder
		for _, kind := range []models.EventType{models.EventDecision, models.EventAction} {
			var lines []string
			for _, e := range r.journal.of(kind) {
				e.Seq = 0
				data, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, string(data))
			}
			out.WriteString(strings.Join(lines, "\n"))
		}
		return out.String()
	}
	if one, many := run(1), run(7); one != many || len(one) < 1000 {
		t.Errorf("one worker and many differ, or write nothing: %d and %d bytes", len(one), len(many))
	}
}

// TestCanaryIsAdviceOnly writes for the targets that are in only, and says why for the others.
func TestCanaryIsAdviceOnly(t *testing.T) {
	t.Parallel()
	loads := map[models.TargetID]load{}
	for i := range 40 {
		loads[models.TargetID(fmt.Sprint("t", i))] = steady(300)
	}
	half := withPolicy(t, func(c *policy.Config) { c.Canary.Share = 0.5 })
	for _, mode := range []models.Mode{models.ModeAuto, models.ModeApprove} {
		r := newRig(t, loads, half, func(r *rig) { r.parts.Settings.Mode = mode })
		r.steps(0, 20)
		in := 0
		for id := range loads {
			s, err := r.Target(id)
			if err != nil {
				t.Fatal(err)
			}
			held := slices.Contains(r.reasons(id), models.ReasonCanary)
			r.platform.mu.Lock()
			wrote := r.platform.warm[id] > 0
			r.platform.mu.Unlock()
			if !held {
				in++
			}
			if wrote != (!held && mode == models.ModeAuto) {
				t.Errorf("%s: %s written %v, held back %v", mode, id, wrote, held)
			}
			if !held {
				continue
			}
			if s.Latest.Status != models.StatusAdvised || s.Latest.Decision.Mode != models.ModeDryRun {
				t.Errorf("%s: %s is %s in mode %s", mode, id, s.Latest.Status, s.Latest.Decision.Mode)
			}
			if _, err := r.Approve(t.Context(), s.Latest.Decision.ID, "ops", ""); !errors.Is(err, models.ErrConflict) {
				t.Errorf("%s: approval of advice: %v", mode, err)
			}
		}
		if in < 10 || in > 30 {
			t.Errorf("%s: %d of 40 are in", mode, in)
		}
		// Promotion by configuration.
		withPolicy(t, func(*policy.Config) {})(r)
		r.parts.Settings.ConfigHash = "promoted"
		if err := r.Reload(r.parts); err != nil {
			t.Fatal(err)
		}
		r.steps(21, 23)
		if n := r.platform.floors(); mode == models.ModeAuto && n < 40 {
			t.Errorf("%d instances after the promotion", n)
		}
	}
}

// slowPlatform needs some minutes for more instances.
type slowPlatform struct {
	*fakePlatform
	needs time.Duration
	now   func() time.Time
	ready map[models.TargetID]time.Time
}

func (p *slowPlatform) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	o, err := p.fakePlatform.Observe(ctx, target)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now().Before(p.ready[target.ID]) {
		o.Ready = 0
	}
	return o, err
}

func (p *slowPlatform) Apply(ctx context.Context, target models.Target, a models.Action) error {
	p.mu.Lock()
	p.ready[target.ID] = p.now().Add(p.needs)
	p.mu.Unlock()
	return p.fakePlatform.Apply(ctx, target, a)
}

// TestLeadIsMeasured reckons with three minutes where one is configured.
func TestLeadIsMeasured(t *testing.T) {
	t.Parallel()
	var slow *slowPlatform
	r := newRig(t, map[models.TargetID]load{"a": func(minute int) float64 { return float64(60 * (1 + minute/10)) }}, func(r *rig) {
		slow = &slowPlatform{fakePlatform: r.platform, needs: 3 * time.Minute, now: func() time.Time { return r.now }, ready: map[models.TargetID]time.Time{}}
		r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(slow, r.gate.Permit)}
		r.parts.Settings.ObserveEvery = time.Hour
	})
	r.steps(0, 150)
	s, err := r.Target("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range s.Latest.Decision.Reasons {
		if reason.Code != models.ReasonLead {
			continue
		}
		if lead, _ := reason.Number("lead_s"); lead != 180 {
			t.Errorf("lead %v s, want 180: %v", lead, reason)
		}
		return
	}
	t.Errorf("no measured lead in %v", s.Latest.Decision.Reasons)
}

// TestFailureWhileSharingHoldsAll changes nothing at all if the second pass fails inside.
func TestFailureWhileSharingHoldsAll(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": steady(300)}, withQuota(t, 100))
	r.steps(0, 20)
	writes := r.platform.count()
	u := r.byID["b"]
	r.collector.loads["a"] = steady(3000)
	plans := make([]plan, 2)
	for i, u := range r.units {
		d := r.decide(u, at(21), nil)
		plans[i] = plan{unit: u, wanted: &d}
	}
	u.policy = nil
	r.share(t.Context(), plans, at(21), nil)
	for _, p := range plans {
		if p.write != nil || p.unit.latest.Decision.Desired.Levers() != 0 || p.unit.latest.Decision.Reasons[0].Code != models.ReasonPanic {
			t.Errorf("%s: action %v, %v", p.unit.id, p.write, p.unit.latest.Decision.Reasons)
		}
	}
	if r.platform.count() != writes {
		t.Error("something was written")
	}
}

// TestQuotaAtTheGate lets one target get more than it was given while another waits for its turn: there is no room for that one any
// more, in mode auto and for what an operator approves.
func TestQuotaAtTheGate(t *testing.T) {
	t.Parallel()
	for _, mode := range []models.Mode{models.ModeAuto, models.ModeApprove} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, map[models.TargetID]load{"a": steady(60), "b": steady(120)}, withQuota(t, 30), func(r *rig) {
				r.parts.Settings.Mode, r.parts.Settings.Workers = mode, 1
			})
			r.platform.applied = func() {
				if r.platform.warm["b"] > 0 { // b comes first, since it is worth more
					r.platform.warm["b"] = 29
				}
			}
			r.steps(60, 60)
			if mode == models.ModeApprove {
				for _, id := range []models.TargetID{"b", "a"} {
					s, err := r.Target(id)
					if err != nil {
						t.Fatal(err)
					}
					if _, err = r.Approve(t.Context(), s.Latest.Decision.ID, "ann", ""); (err != nil) != (id == "a") || id == "a" && !strings.Contains(err.Error(), "no room for it any more") {
						t.Errorf("approve %s: %v", id, err)
					}
				}
			}
			if r.platform.warm["a"] != 0 || r.platform.warm["b"] != 29 || r.platform.count() != 1 {
				t.Fatalf("floors %v after %d writes", r.platform.warm, r.platform.count())
			}
			if mode == models.ModeApprove {
				return
			}
			for _, e := range r.journal.of(models.EventOutcome) {
				if o := e.Outcome; o.Target == "a" && (o.Status != models.OutcomeHeld || o.Held != models.ReasonQuota) {
					t.Errorf("outcome %+v", o)
				}
			}
		})
	}
}

// TestSupersededIsNotApproved does not carry out what was decided before another change of the target.
func TestSupersededIsNotApproved(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeApprove })
	r.steps(60, 60)
	r.byID["a"].marks.LastDown = at(60)
	s, _ := r.Target("a")
	rec, err := r.Approve(t.Context(), s.Latest.Decision.ID, "ann", "")
	if r.platform.count() != 0 || !strings.Contains(rec.Note, models.ReasonSuperseded.Meaning()) {
		t.Errorf("%+v, %v after %d writes", rec, err, r.platform.count())
	}
}
