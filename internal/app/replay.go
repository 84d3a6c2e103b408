package app

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/internal/config"
	"pilotlight/internal/engine"
	"pilotlight/internal/sim"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// ReplayOptions are the flags of replay.
type ReplayOptions struct {
	Trace, Decisions, Setting, Config string
	Lead                              time.Duration
	// ColdStartCost takes the place of cold_start_price of the configuration; nil leaves that.
	ColdStartCost *float64
	Workers       int
}

// What bounds floors and keep-alives in a replay: nobody pays for them, so there is no reason for lower limits.
const (
	replayMaxWarm      = 100_000
	replayMaxKeepAlive = 48 * time.Hour
)

// Replay runs the engine over a recorded trace and writes the decisions.
func Replay(ctx context.Context, stdio IO, o ReplayOptions) error {
	setting, err := sim.ParseSetting(o.Setting)
	if err != nil {
		return fmt.Errorf("%w: --setting: %w", ErrUsage, err)
	}
	if o.Lead < 0 || o.Workers < 0 {
		return fmt.Errorf("%w: --lead and --workers must not be negative", ErrUsage)
	}
	rules, err := readRules(stdio, o.Config, nil)
	if err != nil {
		return err
	}
	if o.ColdStartCost != nil {
		rules.policy.ColdStartPrice = *o.ColdStartCost
		if err := rules.policy.Validate(); err != nil {
			return fmt.Errorf("%w: --cold-start-cost: %w", ErrUsage, err)
		}
	}
	recorded, err := trace.Read(o.Trace)
	if err != nil {
		return err
	}
	out, err := createOutput(o.Decisions)
	if err != nil {
		return err
	}
	defer out.abandon()
	rec := sim.NewRecorder(recorded, setting, nil)
	eng, err := replayEngine(recorded, rec, rules, o)
	if err != nil {
		return err
	}
	bar := newProgress(stdio, "replay", recorded.Minutes+1)
	err = loop(ctx, recorded, func(now time.Time) error {
		bar.add(1)
		return eng.engine.Step(ctx, eng.at(now))
	})
	bar.finish()
	if err != nil {
		return err
	}
	return out.finish(rec.WriteCSV)
}

// loop calls step at the end of every minute of the trace, its start and end included.
func loop(ctx context.Context, t *trace.Trace, step func(now time.Time) error) error {
	for minute := range t.Minutes + 1 {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := step(t.Start.Add(time.Duration(minute) * time.Minute)); err != nil {
			return err
		}
	}
	return nil
}

// rules are what decides on a trace: the predictor, the policy of all functions, and what these share.
type rules struct {
	predictor predictor.Config
	policy    policy.Config
	shared    policy.Shared
	// actuator is what the functions are written by, in the eyes of quotas.
	actuator string
}

// readRules returns the rules of a configuration file, or the defaults, with overrides.
func readRules(stdio IO, path string, overrides []config.Override) (*rules, error) {
	var cfg *config.Config
	var err error
	if path == "" {
		cfg, err = config.ParseWith("the defaults", []byte(emptyConfig), models.ModeDryRun, overrides, parts(), stdio.Env)
	} else {
		// A replay writes to no platform, so it asks for nothing that only writing needs.
		cfg, err = config.LoadWith(path, models.ModeDryRun, overrides, parts(), stdio.Env)
	}
	if err != nil {
		return nil, err
	}
	out := &rules{predictor: cfg.Predictor(), policy: cfg.Policies()[0], shared: cfg.Shared(), actuator: recorderName}
	if all := cfg.Actuators(); len(all) > 0 {
		out.actuator = all[0].Name
	}
	return out, nil
}

// coupled reports whether the decision on one target depends on others.
func coupled(shared policy.Shared, policies ...policy.Config) bool {
	return len(shared.Quotas) > 0 ||
		slices.ContainsFunc(shared.Budgets, func(b policy.Budget) bool { return b.Scope != policy.ScopeTarget }) ||
		slices.ContainsFunc(policies, func(c policy.Config) bool { return c.Objective.Scope != policy.ScopeTarget })
}

// emptyConfig is the least that a configuration says; everything else is default.
const emptyConfig = "collectors: [{name: trace, type: trace, config: {dir: .}}]\ntargets: [{match: '*'}]\n"

// simulated is an engine that runs on recorded time.
type simulated struct {
	engine *engine.Engine
	now    time.Time
}

// at sets the clock of the engine.
func (s *simulated) at(now time.Time) time.Time {
	s.now = now
	return now
}

// replayEngine builds the engine that loops over the trace.
func replayEngine(t *trace.Trace, act actuators.Actuator, r *rules, o ReplayOptions) (*simulated, error) {
	p, err := policy.New(r.policy)
	if err != nil {
		return nil, err
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return recordedEngine(&recording{
		start: t.Start, settings: replaySettings(o.Workers), predictor: r.predictor, shared: r.shared, journal: engine.Forgetful{},
		actuator: act, names: []string{r.actuator},
		source:   engine.Source{Name: "trace", Collector: newMinutely("trace", t, time.Second)},
		resolver: traceResolver{policy: p, lead: o.Lead, actuator: r.actuator, maxWarm: replayMaxWarm},
	})
}

// recorderName is what the actuator is called to which recorded runs write, if configuration has none.
const recorderName = "recorder"

// replaySettings are those of an engine that loops over whole minutes of recorded time.
func replaySettings(workers int) engine.Settings {
	return engine.Settings{
		Mode: models.ModeAuto, Interval: time.Minute, Step: time.Minute, Lookback: time.Minute,
		StaleAfter: 5 * time.Minute, ActionTTL: time.Minute, Workers: workers, ConfigHash: "replay",
	}
}

// recording is what an engine needs to run on recorded time, for replay and backtest alike.
type recording struct {
	start     time.Time
	settings  engine.Settings
	source    engine.Source
	actuator  actuators.Actuator
	names     []string // of the actuator: all that the resolver assigns
	resolver  engine.Resolver
	predictor predictor.Config
	shared    policy.Shared
	journal   engine.Journal
}

// recordedEngine builds an engine that writes to the actuator of a recording.
func recordedEngine(r *recording) (*simulated, error) {
	gate := &engine.Gate{}
	s := &simulated{now: r.start}
	r.settings.Alone, r.settings.Unpriced = true, true
	allocator, err := policy.NewAllocator(r.shared)
	if err != nil {
		return nil, err
	}
	written := map[string]actuators.Actuator{}
	for _, name := range r.names {
		written[name] = actuators.WithGate(r.actuator, gate.Permit)
	}
	s.engine, err = engine.New(engine.Parts{
		Settings:  r.settings,
		Sources:   []engine.Source{r.source},
		Actuators: written,
		Resolver:  r.resolver,
		Predictor: r.predictor,
		Allocator: allocator,
	}, engine.Deps{
		Journal: r.journal, State: engine.Forgetful{}, Gate: gate,
		Clock: func() time.Time { return s.now }, Logger: quiet(),
	})
	return s, err
}

// traceResolver takes every function of a trace.
type traceResolver struct {
	policy   *policy.Policy
	lead     time.Duration
	actuator string
	maxWarm  int
}

// Resolve implements engine.Resolver.
func (r traceResolver) Resolve(source string, found *collectors.TargetData) (engine.Assignment, bool, error) {
	return engine.Assignment{Policy: r.policy, Target: models.Target{
		ID: found.ID, Group: found.Meta.Group, Collector: source, Actuator: r.actuator, Ref: string(found.ID), Labels: found.Labels,
		MemoryMB: found.Meta.MemoryMB, ColdStart: found.Meta.ColdStart, Lead: r.lead, Concurrency: 1,
		Limits: models.Limits{MaxWarm: r.maxWarm, MaxKeepAlive: replayMaxKeepAlive},
	}}, true, nil
}
