package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/internal/engine"
	"pilotlight/internal/sim"
	"pilotlight/internal/sim/results"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// past is the history that a backtest replays, with what is needed to decide on it.
type past struct {
	name string
	// trace is what simulated platforms meet; its functions are the targets, named as ids says.
	trace *trace.Trace
	ids   []models.TargetID
	// collector reads some of the functions; part is a trace of these alone.
	collector func(functions []int, part *trace.Trace) collectors.Collector
	// resolver assigns targets, with another price of a cold start unless that is nil.
	resolver  func(price *float64) (engine.Resolver, error)
	settings  engine.Settings
	predictor predictor.Config
	policy    policy.Config
	// shared are the limits that targets share; coupled says that the decision on one target depends on others. actuators are the
	// names of the actuators that targets are assigned to.
	shared    policy.Shared
	coupled   bool
	actuators []string
	lead      time.Duration // of all targets, negative if they differ
	leads     []time.Duration
	hash      string
	warnings  []string
}

// chunk is how many targets one engine works on. It must not depend on the number of workers. Fewer targets at a time are in
// the caches of the processor, which makes the whole faster.
const chunk = 16

// backtest is a running backtest.
type backtest struct {
	*backtestSpec
	past     *past
	platform sim.Config
	prices   []float64 // of the baselines that have one
	progress func(done, total int)

	mu    sync.Mutex // for calls of progress
	done  atomic.Int64
	total int

	// decisions are of each function, curve those at each price of the curve.
	decisions [][]sim.Decision
	curve     [][][]sim.Decision
	sampled   []int // functions of the curve
	targets   []results.Target
	example   *example
	hours     struct{ pilotlight, today []int64 }
	onCurve   []bool
	// busiest are all functions in the order of their traffic.
	busiest []int
}

// run does the backtest. progress is called with growing numbers, by one goroutine at a time. The same history and options give the
// same result, whatever the number of workers.
func (s *backtestSpec) run(ctx context.Context, stdio IO, progress func(done, total int)) (*results.Result, error) {
	p, err := s.load(ctx, stdio)
	if err != nil {
		return nil, err
	}
	return s.replay(ctx, p, progress)
}

// replay does the backtest on history that has been read.
func (s *backtestSpec) replay(ctx context.Context, p *past, progress func(done, total int)) (*results.Result, error) {
	b := &backtest{backtestSpec: s, past: p, progress: progress}
	b.prepare()
	if err := b.decide(ctx); err != nil {
		return nil, err
	}
	usages, err := b.race(ctx)
	if err != nil {
		return nil, err
	}
	return b.result(usages), nil
}

// prepare works out the platform and how much there is to do.
func (b *backtest) prepare() {
	t := b.past.trace
	warmup := b.warmup
	if warmup < 0 {
		warmup = 0
		if t.End().Sub(t.Start) > longHistory {
			warmup = defaultWarmup
		}
	}
	b.platform = sim.DefaultConfig(b.setting)
	b.platform.Seed, b.platform.CountFrom = b.seed, min(int(warmup/time.Minute), t.Minutes)
	b.platform.Prices.ProvisionedGBs = b.past.policy.Prices.WarmGBSecond()
	b.platform.Lead = max(b.past.lead, 0)
	if b.setting == sim.Customer {
		b.platform.KeepAlive = b.past.policy.PlatformKeepAlive.Std()
	}
	b.prices = slices.Clone(b.curvePrices)
	if x := b.past.policy.ColdStartPrice; x > 0 {
		b.prices = append(b.prices, x)
	}
	slices.Sort(b.prices)
	b.prices = slices.Compact(b.prices)
	b.choose()
	b.decisions = make([][]sim.Decision, len(t.Functions))
	b.targets = make([]results.Target, len(t.Functions))
	b.curve = make([][][]sim.Decision, len(b.curvePrices))
	for i := range b.curve {
		b.curve[i] = make([][]sim.Decision, len(t.Functions))
	}
	decided := len(b.sampled)
	if b.past.coupled {
		decided = len(t.Functions)
	}
	b.total = t.Minutes*(len(t.Functions)+decided*len(b.curve)) + t.Minutes*len(t.Functions)/raceShare
}

// raceShare is how much faster a race is than an engine, for the progress bar.
const raceShare = 8

// choose picks the targets of the curve: all if they are few, else every so many in the order of their traffic.
func (b *backtest) choose() {
	t := b.past.trace
	sums := make([]int64, len(t.Functions))
	order := make([]int, len(t.Functions))
	for i := range t.Functions {
		order[i] = i
		for _, row := range t.Rows(i, b.platform.CountFrom, t.Minutes) {
			sums[i] += int64(row.Count)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int {
		if sums[x] != sums[y] {
			if sums[x] > sums[y] {
				return -1
			}
			return 1
		}
		return x - y
	})
	b.busiest = order
	b.example = newExample(t, order[0], b.platform.CountFrom)
	n := min(b.sample, len(order))
	b.onCurve = make([]bool, len(order))
	if len(b.curvePrices) == 0 {
		return
	}
	for k := range n {
		b.onCurve[order[k*len(order)/n]] = true
	}
	for i, on := range b.onCurve {
		if on {
			b.sampled = append(b.sampled, i)
		}
	}
}

// engineJob is some functions at one price.
type engineJob struct {
	functions []int
	price     *float64 // nil is that of the configuration
	into      [][]sim.Decision
	main      bool
}

// decide runs the engines.
func (b *backtest) decide(ctx context.Context) error {
	var jobs []engineJob
	all := make([]int, len(b.past.trace.Functions))
	for i := range all {
		all[i] = i
	}
	// Targets that share something need one engine, and those of the curve need the others.
	size, sampled, parallel := chunk, b.sampled, b.workers
	if b.past.coupled {
		size, sampled, parallel = len(all), all, 1
	}
	for part := range slices.Chunk(all, size) {
		jobs = append(jobs, engineJob{functions: part, into: b.decisions, main: true})
	}
	for k := range b.curve {
		for part := range slices.Chunk(sampled, size) {
			jobs = append(jobs, engineJob{functions: part, price: &b.curvePrices[k], into: b.curve[k]})
		}
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range jobs {
		group.Go(func() error {
			if err := context.Cause(gctx); err != nil {
				return err
			}
			return b.decideSome(gctx, &jobs[i])
		})
	}
	return group.Wait()
}

// decideSome runs an engine over the history of some functions and keeps its decisions.
func (b *backtest) decideSome(ctx context.Context, j *engineJob) error {
	part, err := partOf(b.past.trace, j.functions)
	if err != nil {
		return err
	}
	resolver, err := b.past.resolver(j.price)
	if err != nil {
		return err
	}
	from := part.TimeOf(b.platform.CountFrom)
	diary := newDiary(from)
	rec := sim.NewRecorder(part, b.setting, nil)
	settings := b.past.settings
	settings.Workers = 1
	if b.past.coupled {
		settings.Workers = b.workers
	}
	eng, err := recordedEngine(&recording{
		start: part.Start, settings: settings, predictor: b.past.predictor, journal: diary, resolver: resolver,
		shared: b.past.shared, actuator: rec, names: b.past.actuators,
		source: engine.Source{Name: b.past.name, Collector: b.past.collector(j.functions, part)},
	})
	if err != nil {
		return err
	}
	var scores *scorer
	if j.main {
		scores = newScorer(part, b.past, j.functions, b.platform.CountFrom, b.example)
	}
	if err := b.loop(ctx, eng, part, scores, len(j.functions)); err != nil {
		return err
	}
	for _, d := range rec.Decisions() {
		at := &j.into[j.functions[d.Function]]
		*at = append(*at, d)
	}
	if j.main {
		for k, i := range j.functions {
			b.targets[i] = b.describe(i, diary, scores.accuracy(k))
		}
	}
	return nil
}

// loop steps the engine through the history, when the samples of each minute have arrived; scores may be nil.
func (b *backtest) loop(ctx context.Context, eng *simulated, part *trace.Trace, scores *scorer, functions int) error {
	return loop(ctx, part, func(now time.Time) error {
		at := now.Add(b.past.settings.IngestionDelay)
		if at.After(part.End()) {
			return nil
		}
		if err := eng.engine.Step(ctx, eng.at(at)); err != nil {
			return err
		}
		if scores != nil {
			scores.score(eng.engine, now)
		}
		if part.Minute(now) > 0 {
			b.advance(functions)
		}
		return nil
	})
}

// advance counts work that is done.
func (b *backtest) advance(n int) {
	const often = 1000
	if done := int(b.done.Add(int64(n))); done/often != (done-n)/often || done == b.total {
		b.mu.Lock()
		b.progress(int(b.done.Load()), b.total)
		b.mu.Unlock()
	}
}

// describe is what a report says of a target besides its usage.
func (b *backtest) describe(i int, d *diary, accuracy results.Accuracy) results.Target {
	f := &b.past.trace.Functions[i]
	id := b.past.ids[i]
	return results.Target{
		ID: string(id), MemoryMB: f.MemoryMB, ColdStartSeconds: f.ColdStart(b.platform.ColdStart).Seconds(),
		Accuracy: accuracy, Reasons: d.reasons(id), Samples: d.samples(id),
	}
}

// partOf is a trace of some functions.
func partOf(t *trace.Trace, functions []int) (*trace.Trace, error) {
	fs := make([]trace.Function, len(functions))
	rows := make([][]trace.Row, len(functions))
	for k, i := range functions {
		fs[k], rows[k] = t.Functions[i], t.Rows(i, 0, t.Minutes)
	}
	part, err := trace.Build(t.Info, fs, rows)
	if err != nil {
		return nil, fmt.Errorf("part of the history: %w", err)
	}
	return part, nil
}

// result puts everything together.
func (b *backtest) result(usages []raced) *results.Result {
	t := b.past.trace
	r := &results.Result{
		Source: b.past.name, Setting: b.setting, Start: t.Start, From: t.TimeOf(b.platform.CountFrom), To: t.End(),
		LeadSeconds: b.past.lead.Seconds(), KeepAliveSeconds: b.platform.KeepAlive.Seconds(),
		ColdStartPrice: b.past.policy.ColdStartPrice, Seed: b.seed, Prices: b.platform.Prices,
		PricesAsOf: b.past.policy.Prices.AsOfDate(), ConfigHash: b.past.hash, Targets: b.targets, Warnings: b.past.warnings,
		Hours: results.Hours{Pilotlight: b.hours.pilotlight, Today: b.hours.today}, Example: b.example.data(string(b.past.ids[b.example.function])),
	}
	if b.past.lead < 0 {
		r.LeadSeconds = -1
	}
	for _, o := range b.whatIf {
		r.WhatIf = append(r.WhatIf, o.String())
	}
	for k, f := range b.field() {
		p := results.Policy{Name: f.name, Kind: f.kind, What: f.what}
		for i := range usages {
			u := &usages[i].field[k]
			p.Usage.Add(u)
			if b.onCurve[i] {
				p.OnCurve.Add(u)
			}
			r.Targets[i].Usages = append(r.Targets[i].Usages, *u)
		}
		r.Policies = append(r.Policies, p)
	}
	for k, price := range b.curvePrices {
		point := results.Point{ColdStartPrice: price}
		for i := range usages {
			if b.onCurve[i] {
				point.Usage.Add(&usages[i].curve[k])
			}
		}
		r.Curve, r.CurveTargets = append(r.Curve, point), len(b.sampled)
	}
	r.Sum()
	r.Finish()
	return r
}

// steps is how many whole minutes ahead a forecast is looked at for a lead.
func steps(lead time.Duration) int { return int(math.Ceil(max(lead, 0).Minutes())) }
