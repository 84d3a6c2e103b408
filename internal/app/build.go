package app

import (
	"fmt"
	"runtime"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/dryrun"
	"pilotlight/collectors"
	"pilotlight/internal/config"
	"pilotlight/internal/engine"
	"pilotlight/models"
	"pilotlight/policy"
)

// build makes the engine's parts from configuration. It does no I/O beyond reading credentials, so that a reload that fails
// here has changed nothing.
func build(cfg *config.Config, mode models.Mode, gate *engine.Gate, e env) (engine.Parts, error) {
	e.dir = cfg.Storage().Dir
	out := engine.Parts{Settings: settings(cfg, mode), Predictor: cfg.Predictor(), Actuators: map[string]actuators.Actuator{}}
	for _, part := range cfg.Collectors() {
		c, err := construct(collectorFactories(), part, e)
		if err != nil {
			return engine.Parts{}, fmt.Errorf("collector %q: %w", part.Name, err)
		}
		out.Sources = append(out.Sources, engine.Source{Name: part.Name, Collector: c})
	}
	e.aws = awslambda.NewShared()
	calls, budgets := actuators.NewMetrics(e.reg), actuators.NewBudgets()
	// Targets without an actuator can be recommended for: dry-run mode needs no platform.
	none, err := dryrun.New("", dryrun.DefaultConfig())
	if err != nil {
		return engine.Parts{}, err
	}
	out.Actuators[""] = actuators.WithGate(none, gate.Permit)
	for _, part := range cfg.Actuators() {
		a, err := construct(actuatorFactories(), part, e)
		if err != nil {
			return engine.Parts{}, fmt.Errorf("actuator %q: %w", part.Name, err)
		}
		actuators.Share(a, budgets)
		decoration := decoration(part.Limits)
		deps := actuators.Deps{Permit: gate.Permit, Now: e.now, Metrics: calls}
		if name := part.Limits.Budget; name != "" {
			deps.Bucket = budgets.Bucket("limits "+name, decoration.RateLimit)
		}
		out.Actuators[part.Name], err = actuators.Decorate(a, part.Name, decoration, deps)
		if err != nil {
			return engine.Parts{}, err
		}
	}
	r, err := newResolver(cfg, nil)
	if err != nil {
		return engine.Parts{}, err
	}
	out.Resolver, out.Hints = r, cfg.Hints(e.now())
	out.Allocator, err = policy.NewAllocator(cfg.Shared())
	return out, err
}

// decoration turns the limits of an actuator's calls into the configuration of its decorators.
func decoration(l config.CallLimits) actuators.Config {
	c := actuators.DefaultConfig()
	c.RateLimit = actuators.RateLimitConfig{PerSecond: l.Rate, Burst: l.Burst}
	c.Timeout = actuators.TimeoutConfig{Observe: l.Timeout, Apply: l.Timeout}
	c.Retry.Tries = 1 + l.Retries
	c.Breaker = actuators.BreakerConfig{
		Failures: l.Breaker.Failures, Open: l.Breaker.Open, Max: l.Breaker.Max, Probes: l.Breaker.Probes,
	}
	return c
}

// platformCalls is how many calls to each platform may be under way at a time. It is enough for 15 calls per second that take two
// seconds each; how many are made per second is bounded by the limits of the actuator.
const platformCalls = 32

// settings turns the engine's block of the configuration into its settings.
func settings(cfg *config.Config, mode models.Mode) engine.Settings {
	c := cfg.Engine()
	workers := c.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return engine.Settings{
		Mode: mode, Interval: c.Interval, Step: c.Step, IngestionDelay: c.IngestionDelay,
		Lookback: c.Lookback, StaleAfter: c.StaleAfter, ActionTTL: c.ActionTTL,
		ObserveEvery: c.ObserveEvery, OutOfBandBackoff: c.OutOfBandBackoff, RestartHold: c.RestartHold,
		CheckpointEvery: c.CheckpointEvery, Recent: c.Recent, Workers: workers, Calls: platformCalls, ForgetAfter: c.ForgetAfter, Rehearse: c.Rehearse,
		ConfigHash: cfg.Hash(),
	}
}

// resolver assigns the targets that collectors find, as configuration says.
type resolver struct {
	cfg      *config.Config
	policies []*policy.Policy
}

// newResolver builds the policies of all target entries, each changed by adjust if that is not nil.
func newResolver(cfg *config.Config, adjust func(*policy.Config)) (*resolver, error) {
	r := &resolver{cfg: cfg}
	for i, c := range cfg.Policies() {
		if adjust != nil {
			adjust(&c)
		}
		p, err := policy.New(c)
		if err != nil {
			return nil, fmt.Errorf("policy %d: %w", i, err)
		}
		r.policies = append(r.policies, p)
	}
	return r, nil
}

// Resolve implements engine.Resolver.
func (r *resolver) Resolve(source string, found *collectors.TargetData) (engine.Assignment, bool, error) {
	t, index, ok, err := r.cfg.Match(config.Seen{
		Collector: source, ID: found.ID, Labels: found.Labels,
		Group: found.Meta.Group, MemoryMB: found.Meta.MemoryMB, ColdStart: found.Meta.ColdStart,
	})
	if err != nil || !ok {
		return engine.Assignment{}, false, err
	}
	return engine.Assignment{Target: t, Policy: r.policies[index]}, true, nil
}
