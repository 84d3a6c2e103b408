package app

import (
	"fmt"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/internal/config"
	"pilotlight/internal/engine"
	"pilotlight/models"
	"pilotlight/policy"
)

// build makes the engine's parts from configuration. It does no I/O beyond reading credentials, so that a reload that fails
// here has changed nothing.
func build(cfg *config.Config, mode models.Mode, gate *engine.Gate, e env) (engine.Parts, error) {
	out := engine.Parts{Settings: settings(cfg, mode), Predictor: cfg.Predictor, Actuators: map[string]actuators.Actuator{}}
	for _, part := range cfg.Collectors {
		c, err := construct(collectorFactories(), part, e)
		if err != nil {
			return engine.Parts{}, fmt.Errorf("collector %q: %w", part.Name, err)
		}
		out.Sources = append(out.Sources, engine.Source{Name: part.Name, Collector: c})
	}
	for _, part := range cfg.Actuators {
		a, err := construct(actuatorFactories(), part.Part, e)
		if err != nil {
			return engine.Parts{}, fmt.Errorf("actuator %q: %w", part.Name, err)
		}
		out.Actuators[part.Name] = decorate(a, part, gate, e)
	}
	r, err := newResolver(cfg)
	if err != nil {
		return engine.Parts{}, err
	}
	out.Resolver = r
	return out, nil
}

// decorate puts the decorators around an actuator, the outermost first: metrics see everything, retries pass the rate limit
// and the gate each time, and the gate stands right before the platform.
func decorate(a actuators.Actuator, part config.Actuator, gate *engine.Gate, e env) actuators.Actuator {
	a = actuators.WithGate(a, gate.Permit)
	a = actuators.WithTimeout(a, part.Limits.Timeout.Std())
	a = actuators.WithRateLimit(a, part.Limits.Rate, part.Limits.Burst)
	a = actuators.WithRetry(a, actuators.RetryConfig{Max: part.Limits.Retries}, e.now)
	return actuators.WithMetrics(a, part.Name, e.reg)
}

// settings turns the engine's block of the configuration into its settings.
func settings(cfg *config.Config, mode models.Mode) engine.Settings {
	c := cfg.Engine
	return engine.Settings{
		Mode: mode, Interval: c.Interval.Std(), Step: c.Step.Std(), IngestionDelay: c.IngestionDelay.Std(),
		Lookback: c.Lookback.Std(), StaleAfter: c.StaleAfter.Std(), ActionTTL: c.ActionTTL.Std(),
		ObserveEvery: c.ObserveEvery.Std(), OutOfBandBackoff: c.OutOfBandBackoff.Std(), RestartHold: c.RestartHold.Std(),
		CheckpointEvery: c.CheckpointEvery.Std(), Recent: c.Recent.Std(), Workers: c.Workers, ConfigHash: cfg.Hash(),
	}
}

// resolver assigns the targets that collectors find, as configuration says.
type resolver struct {
	cfg      *config.Config
	policies []*policy.Policy
}

// newResolver builds the policies of all target entries.
func newResolver(cfg *config.Config) (*resolver, error) {
	r := &resolver{cfg: cfg}
	for i, c := range cfg.Policies() {
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
	t, index, ok, err := r.cfg.Match(source, found.ID, found.Labels, config.Known{
		Group: found.Meta.Group, MemoryMB: found.Meta.MemoryMB, ColdStart: found.Meta.ColdStart,
	})
	if err != nil || !ok {
		return engine.Assignment{}, false, err
	}
	return engine.Assignment{Target: t, Policy: r.policies[index]}, true, nil
}
