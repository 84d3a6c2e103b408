package faults

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/internal/engine"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// rig is the engine over one platform and one target, with a fault in waiting.
type rig struct {
	t       *testing.T
	stage   stage
	target  models.Target
	mode    models.Mode
	journal *log
	process *process
	engine  *engine.Engine
	now     time.Time

	fault fault
	// wrote says that the last write was accepted, so that the next reading is its reading back.
	wrote   bool
	sent    []sent
	struck  int
	started int
}

// strikes reports whether the fault happens now, above the wire.
func (r *rig) strikes(at moment) bool {
	if r.fault.wire != nil || r.fault.at != at || r.fault.left == 0 {
		return false
	}
	r.fault.left--
	r.struck++
	return true
}

// Collect implements collectors.Collector: the load is another one each quarter of an hour.
func (r *rig) Collect(_ context.Context, req collectors.Request) (collectors.Result, error) {
	data := collectors.TargetData{ID: r.target.ID}
	for _, signal := range []models.Signal{models.SignalInvocations, models.SignalDuration} {
		var samples []models.Sample
		for at := req.Start; at.Before(req.End); at = at.Add(req.Step) {
			value := 1.0
			if signal == models.SignalInvocations {
				value = []float64{0.5, 300, 0.5}[int(at.Sub(r.stage.Clock()).Abs()/(15*time.Minute))%3]
			}
			samples = append(samples, models.Sample{Time: at, Value: value})
		}
		series, err := models.NewSeries(req.Step, samples)
		if err != nil {
			return collectors.Result{}, err
		}
		data.Series[signal] = series
	}
	return collectors.Result{Targets: []collectors.TargetData{data}}, nil
}

// Resolve implements engine.Resolver.
func (r *rig) Resolve(string, *collectors.TargetData) (engine.Assignment, bool, error) {
	cfg := policy.DefaultConfig()
	cfg.Selection, cfg.Reactive, cfg.PlatformKeepAlive = policy.SelectMax, policy.ReactiveNeed, 0
	p, err := policy.New(cfg)
	return engine.Assignment{Target: r.target, Policy: p}, true, err
}

// newRig makes a platform whose target somebody gave the capacity had.
func newRig(t *testing.T, s subject, mode models.Mode, had models.Capacity) *rig {
	t.Helper()
	r := &rig{t: t, stage: s.stage(t), mode: mode, journal: &log{ids: map[string]bool{}}}
	if r.stage.Settle == nil {
		r.stage.Settle = func() {}
	}
	if r.stage.Clock == nil {
		r.stage.Clock = func() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }
	}
	r.target = r.stage.Targets[0]
	r.target.Collector, r.target.Actuator = "load", "platform"
	r.target.MemoryMB, r.target.ColdStart, r.target.Concurrency = 512, 2*time.Second, 1
	r.target.Limits = models.Limits{MinWarm: 1, MaxWarm: 8}
	r.now = r.stage.Clock()
	if had.Levers() != 0 {
		action := models.Action{ID: "by hand", To: had, Issued: r.now, Expires: r.now.Add(time.Hour)}
		if err := r.stage.Actuator.Apply(t.Context(), r.target, action); err != nil {
			t.Fatal(err)
		}
		r.stage.Settle()
	}
	r.start()
	return r
}

// start begins a new process over the same journal and platform.
func (r *rig) start() {
	r.t.Helper()
	r.started++
	if r.started > 1 && r.stage.again != nil {
		r.stage.Actuator = r.stage.again()
	}
	r.process = &process{log: r.journal, number: r.started}
	gate := &engine.Gate{}
	config := actuators.DefaultConfig()
	config.RateLimit, config.Retry.Tries, config.Retry.Initial, config.Retry.Jitter = actuators.RateLimitConfig{}, 2, 1, 0
	clock := func() time.Time { return r.now }
	a, err := actuators.Decorate(&saboteur{r, r.process}, "platform", config, actuators.Deps{Permit: gate.Permit, Now: clock})
	if err != nil {
		r.t.Fatal(err)
	}
	r.engine, err = engine.New(engine.Parts{
		Settings: engine.Settings{
			Mode: r.mode, Interval: time.Minute, Step: time.Minute, Lookback: time.Hour, StaleAfter: 5 * time.Minute,
			ActionTTL: time.Minute, OutOfBandBackoff: 30 * time.Minute, Recent: time.Hour, Workers: 1, Calls: 4, ConfigHash: "faults",
		},
		Sources:   []engine.Source{{Name: "load", Collector: r}},
		Actuators: map[string]actuators.Actuator{"platform": a},
		Resolver:  r, Predictor: predictor.DefaultConfig(),
	}, engine.Deps{Journal: r.process, State: r.process, Gate: gate, Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.engine.Restore(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// steps steps n minutes on. A process that is killed on the way is replaced by a new one.
func (r *rig) steps(n int) {
	r.t.Helper()
	for range n {
		r.now = r.now.Add(time.Minute)
		if err := r.engine.Step(r.t.Context(), r.now); err != nil && !r.process.dead.Load() {
			r.t.Fatal(err)
		}
		if r.process.dead.Load() {
			r.start()
		}
		r.stage.Settle()
		if n := r.stage.floor(); n < r.target.Limits.MinWarm || n > r.target.Limits.MaxWarm {
			r.t.Errorf("the platform has a floor of %d, outside the bounds %+v", n, r.target.Limits)
		}
	}
}
