package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/internal/config"
	"pilotlight/internal/engine"
	"pilotlight/internal/sim"
	"pilotlight/models"
	"pilotlight/policy"
)

// load reads the history.
func (s *backtestSpec) load(ctx context.Context, stdio IO) (*past, error) {
	if s.trace != "" {
		return s.loadTrace(stdio)
	}
	cfg, err := s.configuration(stdio)
	if err != nil {
		return nil, err
	}
	return s.loadCollectors(ctx, cfg)
}

// configuration reads the configuration file with its overrides. A backtest writes to no platform, so nothing is asked for that
// only writing needs.
func (s *backtestSpec) configuration(stdio IO) (*config.Config, error) {
	return config.LoadWith(s.config, models.ModeDryRun, s.whatIf, parts(), stdio.Env)
}

// loadTrace reads a trace folder; decisions are made as in a replay of it.
func (s *backtestSpec) loadTrace(stdio IO) (*past, error) {
	rules, err := readRules(stdio, s.config, s.whatIf)
	if err != nil {
		return nil, err
	}
	t, err := trace.Read(s.trace)
	if err != nil {
		return nil, err
	}
	return s.ofTrace(t, rules)
}

// cut leaves the part of a trace between from and to.
func (s *backtestSpec) cut(t *trace.Trace) (*trace.Trace, error) {
	first, last := 0, t.Minutes
	if !s.from.IsZero() {
		first = max(0, t.Minute(s.from))
	}
	if !s.to.IsZero() {
		last = min(last, t.Minute(s.to))
	}
	if first == 0 && last == t.Minutes {
		return t, nil
	}
	if first >= last {
		return nil, fmt.Errorf("%w: nothing of the trace, which is from %s to %s, is between --from and --to", ErrUsage,
			t.Start.Format(time.RFC3339), t.End().Format(time.RFC3339))
	}
	info := t.Info
	info.Start, info.Minutes = t.TimeOf(first), last-first
	rows := make([][]trace.Row, len(t.Functions))
	for i := range rows {
		rows[i] = slices.Clone(t.Rows(i, first, last))
		for k := range rows[i] {
			rows[i][k].Minute -= int32(first)
		}
	}
	return trace.Build(info, t.Functions, rows)
}

// backtestLead is the lead of traces, which say nothing of it.
const backtestLead = time.Minute

// unknownColdStart is how long a cold start takes where the history does not say.
const unknownColdStart = time.Second

// loadCollectors reads the history of all configured collectors.
func (s *backtestSpec) loadCollectors(ctx context.Context, cfg *config.Config) (*past, error) {
	h, warnings, err := s.gather(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return s.pastOf(cfg, h, warnings)
}

// gather asks the configured collectors.
func (s *backtestSpec) gather(ctx context.Context, cfg *config.Config) (*recordedHistory, []string, error) {
	set := settings(cfg, models.ModeAuto)
	if set.Step != time.Minute || set.Interval != time.Minute {
		return nil, nil, fmt.Errorf("%w: a backtest runs in steps of a minute, and the configuration has engine.step %s and engine.interval %s; "+
			"add --what-if engine.step=1m --what-if engine.interval=1m", ErrUsage, set.Step, set.Interval)
	}
	h, err := s.span(set.IngestionDelay)
	if err != nil {
		return nil, nil, err
	}
	warnings, err := s.collect(ctx, cfg, h)
	return h, warnings, err
}

// pastOf makes the past of a history, with the targets and policies of a configuration.
func (s *backtestSpec) pastOf(cfg *config.Config, h *recordedHistory, warnings []string) (*past, error) {
	set := settings(cfg, models.ModeAuto)
	// The engine runs on recorded time: it looks at the platform at every step, was not restarted and keeps nothing.
	set.ObserveEvery, set.RestartHold, set.CheckpointEvery, set.Recent, set.OutOfBandBackoff = 0, 0, 0, 0, 0
	set.Calls, set.ForgetAfter = 0, 0 // there is no platform to wait for, and history is all there is
	set.Lookback = time.Minute
	p, err := s.resolved(cfg, h)
	if err != nil {
		return nil, err
	}
	p.settings, p.predictor, p.policy, p.hash = set, cfg.Predictor(), cfg.Policies()[0], cfg.Hash()
	p.shared, p.coupled, p.actuators = cfg.Shared(), coupled(cfg.Shared(), cfg.Policies()...), []string{""}
	for _, part := range cfg.Actuators() {
		p.actuators = append(p.actuators, part.Name)
	}
	p.warnings = append(slices.Clone(warnings), p.warnings...)
	return p, nil
}

// span returns an empty history of the time that is asked for.
func (s *backtestSpec) span(delay time.Duration) (*recordedHistory, error) {
	to := s.to
	if latest := now().Add(-delay).Truncate(time.Minute); to.IsZero() || to.After(latest) {
		to = latest
	}
	from := s.from
	if from.IsZero() {
		from = to.Add(-defaultHistory)
	}
	switch length := to.Sub(from); {
	case length < time.Hour:
		return nil, fmt.Errorf("%w: the history from %s to %s is shorter than an hour; choose --from and --to", ErrUsage,
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	case length > maxHistory:
		return nil, fmt.Errorf("%w: the history from %s to %s is longer than %d days; choose --from and --to", ErrUsage,
			from.Format(time.RFC3339), to.Format(time.RFC3339), int(maxHistory.Hours()/24))
	}
	return &recordedHistory{start: from, minutes: int(to.Sub(from) / time.Minute)}, nil
}

// collectWindow bounds what one request asks for.
const collectWindow = 24 * time.Hour

// collect asks all collectors, a day at a time.
func (s *backtestSpec) collect(ctx context.Context, cfg *config.Config, h *recordedHistory) (warnings []string, err error) {
	s.owner = map[models.TargetID]string{}
	index := map[models.TargetID]int{}
	for _, part := range cfg.Collectors() {
		c, err := construct(collectorFactories(), part, env{ctx: ctx, logger: quiet(), reg: prometheus.NewRegistry(), now: now})
		if err != nil {
			return nil, fmt.Errorf("collector %q: %w", part.Name, err)
		}
		more, err := s.collectFrom(ctx, part.Name, c, h, index)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, more...)
	}
	if len(h.targets) == 0 {
		return nil, fmt.Errorf("the collectors have nothing from %s to %s; check their queries with pilotlight plan, or choose another --from: %w",
			h.start.Format(time.RFC3339), h.end().Format(time.RFC3339), models.ErrNoData)
	}
	slices.Sort(warnings)
	return clip(slices.Compact(warnings)), nil
}

// collectFrom asks one collector. Days of which it knows nothing are holes. A target belongs to the first collector that has it.
func (s *backtestSpec) collectFrom(ctx context.Context, name string, c collectors.Collector, h *recordedHistory, index map[models.TargetID]int) (warnings []string, err error) {
	for start, end := h.start, h.end(); start.Before(end); start = start.Add(collectWindow) {
		stop := start.Add(collectWindow)
		if stop.After(end) {
			stop = end
		}
		result, err := c.Collect(ctx, collectors.Request{
			Start: start, End: stop, Step: time.Minute, Signals: []models.Signal{models.SignalInvocations, models.SignalDuration},
		})
		if errors.Is(err, models.ErrNoData) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the history of collector %q from %s: %w", name, start.Format(time.RFC3339), err)
		}
		for _, problem := range result.Problems {
			warnings = append(warnings, problemText(name, problem))
		}
		for i := range result.Targets {
			found := &result.Targets[i]
			if s.owner[found.ID] == "" {
				s.owner[found.ID] = name
			}
			if s.owner[found.ID] == name {
				h.add(index, found)
			}
		}
	}
	return warnings, nil
}

// problemText puts a problem of a collector into words.
func problemText(name string, p collectors.Problem) string {
	if p.Target == "" {
		return fmt.Sprintf("collector %s: %s: %v", name, p.Signal, p.Err)
	}
	return fmt.Sprintf("collector %s: %s of %s: %v", name, p.Signal, p.Target, p.Err)
}

// maxWarnings bounds what a report warns of.
const maxWarnings = 20

func clip(warnings []string) []string {
	if more := len(warnings) - maxWarnings; more > 0 {
		warnings = append(warnings[:maxWarnings:maxWarnings], fmt.Sprintf("and %d more", more))
	}
	return warnings
}

// resolved assigns the targets that were found and makes the trace that simulated platforms meet.
func (s *backtestSpec) resolved(cfg *config.Config, h *recordedHistory) (*past, error) {
	p := &past{name: s.config, lead: -1}
	refs, taken, err := s.assign(cfg, h, p)
	if err != nil {
		return nil, err
	}
	if len(taken) == 0 {
		return nil, fmt.Errorf("none of the %d targets found is taken by an entry of targets in %s and can be used%s: %w",
			len(h.targets), s.config, because(p.warnings), models.ErrNotFound)
	}
	p.warnings = clip(p.warnings)
	if !slices.ContainsFunc(p.leads, func(l time.Duration) bool { return l != p.leads[0] }) {
		p.lead = p.leads[0]
	}
	p.collector = func(functions []int, _ *trace.Trace) collectors.Collector {
		c := &recordedCollector{recordedHistory: h}
		for _, f := range functions {
			c.order = append(c.order, taken[f]) // the functions are in the order of their targets
		}
		return c
	}
	p.resolver = s.configured(cfg, refs)
	return p, nil
}

// assign asks the configuration about every target, in the order of their IDs, and makes a function of each that it takes. refs are
// the names of the functions, taken the targets behind them.
func (s *backtestSpec) assign(cfg *config.Config, h *recordedHistory, p *past) (refs map[models.TargetID]string, taken []int, err error) {
	inner, err := newResolver(cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	refs = map[models.TargetID]string{}
	var functions []trace.Function
	var rows [][]trace.Row
	shared := 0
	for _, i := range h.order() {
		found := &h.targets[i]
		a, ok, err := inner.Resolve(s.owner[found.ID], found)
		if err != nil {
			p.warnings = append(p.warnings, err.Error())
		}
		if err != nil || !ok || h.loads[i] == nil {
			continue
		}
		if a.Target.Concurrency > 1 {
			shared++
		}
		if s.lead != nil {
			a.Target.Lead = *s.lead
		}
		// Names of functions may hold less than IDs of targets.
		ref := fmt.Sprintf("target-%d", len(functions))
		refs[found.ID] = ref
		p.ids, p.leads, taken = append(p.ids, found.ID), append(p.leads, a.Target.Lead), append(taken, i)
		functions, rows = append(functions, h.function(i, ref, &a.Target)), append(rows, h.rows(i))
	}
	if shared > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("%d targets run several invocations on one instance; the simulation gives each its own", shared))
	}
	if len(taken) == 0 {
		return refs, nil, nil
	}
	p.trace, err = trace.Build(trace.Info{Name: "history", Start: h.start, Minutes: h.minutes}, functions, rows)
	if err != nil {
		return nil, nil, fmt.Errorf("history: %w", err)
	}
	return refs, taken, nil
}

// because adds the first warning to a message.
func because(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	return " (" + warnings[0] + ")"
}

// configured makes resolvers that assign targets as configuration says, by their names in the recorder.
func (s *backtestSpec) configured(cfg *config.Config, refs map[models.TargetID]string) func(*float64) (engine.Resolver, error) {
	return func(price *float64) (engine.Resolver, error) {
		inner, err := newResolver(cfg, priced(price))
		if err != nil {
			return nil, err
		}
		return backtestResolver{inner: inner, refs: refs, owner: s.owner, lead: s.lead, setting: s.setting}, nil
	}
}

// priced changes the price of a cold start unless it is nil.
func priced(price *float64) func(*policy.Config) {
	return func(c *policy.Config) {
		if price != nil {
			c.ColdStartPrice = *price
		}
	}
}

// backtestResolver assigns targets as another does, by their names in the recorder.
type backtestResolver struct {
	inner   engine.Resolver
	refs    map[models.TargetID]string
	owner   map[models.TargetID]string
	lead    *time.Duration
	setting sim.Setting
}

// Resolve implements engine.Resolver.
func (r backtestResolver) Resolve(_ string, found *collectors.TargetData) (engine.Assignment, bool, error) {
	a, ok, err := r.inner.Resolve(r.owner[found.ID], found)
	if err != nil || !ok {
		return a, ok, err
	}
	a.Target.Ref, a.Target.Concurrency = r.refs[found.ID], 1
	if r.lead != nil {
		a.Target.Lead = *r.lead
	}
	if r.setting == sim.Provider && a.Target.Limits.MaxKeepAlive == 0 {
		a.Target.Limits.MaxKeepAlive = replayMaxKeepAlive
	}
	return a, true, nil
}

// ofTrace makes the past of a trace, with the wiring of a replay.
func (s *backtestSpec) ofTrace(t *trace.Trace, r *rules) (*past, error) {
	t, err := s.cut(t)
	if err != nil {
		return nil, err
	}
	lead := backtestLead
	if s.lead != nil {
		lead = *s.lead
	}
	p := &past{
		name: t.Name, trace: t, settings: replaySettings(1), predictor: r.predictor, policy: r.policy, lead: lead,
		shared: r.shared, coupled: coupled(r.shared, r.policy), actuators: []string{r.actuator},
		leads: slices.Repeat([]time.Duration{lead}, len(t.Functions)),
		collector: func(_ []int, part *trace.Trace) collectors.Collector {
			return newMinutely("trace", part, unknownColdStart)
		},
		resolver: func(price *float64) (engine.Resolver, error) {
			c := r.policy
			priced(price)(&c)
			rule, err := policy.New(c)
			return traceResolver{policy: rule, lead: lead, actuator: r.actuator, maxWarm: replayMaxWarm}, err
		},
	}
	for i := range t.Functions {
		p.ids = append(p.ids, models.TargetID(t.Functions[i].Name))
	}
	return p, nil
}
