package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// epoch is when the tests' time starts.
var epoch = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// at returns the time so many minutes after epoch.
func at(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }

// load is the number of invocations of a target in a minute; negative is a gap.
type load func(minute int) float64

// fakeCollector serves loads per minute.
type fakeCollector struct {
	mu    sync.Mutex
	loads map[models.TargetID]load
	err   error
	asked []collectors.Request
	// failHistory is the error of requests for more than one step.
	failHistory error
	// from is the first minute there is.
	from int
}

var _ collectors.Collector = (*fakeCollector)(nil)

func (c *fakeCollector) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *fakeCollector) Collect(_ context.Context, req collectors.Request) (collectors.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, req)
	if c.err != nil {
		return collectors.Result{}, c.err
	}
	if c.failHistory != nil && req.End.Sub(req.Start) > req.Step {
		return collectors.Result{}, c.failHistory
	}
	var out collectors.Result
	for id, l := range c.loads {
		var counts, durations []models.Sample
		for t := req.Start; t.Before(req.End); t = t.Add(req.Step) {
			minute := int(t.Sub(epoch) / time.Minute)
			if n := l(minute); n >= 0 && minute >= c.from {
				counts = append(counts, models.Sample{Time: t, Value: n})
				durations = append(durations, models.Sample{Time: t, Value: 2})
			}
		}
		if len(counts) == 0 {
			continue
		}
		data := collectors.TargetData{ID: id}
		data.Series[models.SignalInvocations], _ = models.NewSeries(req.Step, counts)
		data.Series[models.SignalDuration], _ = models.NewSeries(req.Step, durations)
		out.Targets = append(out.Targets, data)
	}
	slices.SortFunc(out.Targets, func(a, b collectors.TargetData) int { return byID(a.ID, b.ID) })
	if len(out.Targets) == 0 {
		return out, models.ErrNoData
	}
	return out, nil
}

// fakePlatform keeps floors and counts writes.
type fakePlatform struct {
	mu     sync.Mutex
	warm   map[models.TargetID]int
	writes []models.Action
	err    error // of the next writes
	blind  error // of observations
	// mute cannot be asked, and has its adapter assume a floor of 0.
	mute bool
	// deaf accepts writes without effect.
	deaf bool
	// applied is called inside Apply after the effect.
	applied func()
	// late is the error of the next writes, after the effect.
	late error
	// observed is called inside Observe.
	observed func()
}

var _ actuators.Actuator = (*fakePlatform)(nil)

func newPlatform() *fakePlatform { return &fakePlatform{warm: map[models.TargetID]int{}} }

func (p *fakePlatform) Observe(ctx context.Context, t models.Target) (models.Observation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return models.Observation{}, err
	}
	if p.observed != nil {
		p.observed()
	}
	if p.blind != nil {
		return models.Observation{}, p.blind
	}
	if p.mute {
		return models.Observation{Capacity: models.Warm(0), Ready: -1, Assumed: true}, nil
	}
	return models.Observation{Capacity: models.Warm(p.warm[t.ID]), Ready: p.warm[t.ID]}, nil
}

func (p *fakePlatform) Apply(_ context.Context, t models.Target, a models.Action) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes = append(p.writes, a)
	if p.err != nil {
		return p.err
	}
	if n, ok := a.To.Warm(); ok && !p.deaf {
		p.warm[t.ID] = n
	}
	if p.applied != nil {
		p.applied()
	}
	return p.late
}

func (p *fakePlatform) Levers() models.Lever { return models.LeverWarm }

func (p *fakePlatform) set(id models.TargetID, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.warm[id] = n
}

func (p *fakePlatform) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.writes)
}

// fakeJournal keeps events in memory, as the real one does on disk.
type fakeJournal struct {
	mu     sync.Mutex
	events []models.Event
	ids    map[string]bool
	state  map[string][]byte
	err    error
	// repeated counts the events that were dropped since their id was there with another content.
	repeated int
}

var (
	_ Journal    = (*fakeJournal)(nil)
	_ StateStore = (*fakeJournal)(nil)
)

func newJournal() *fakeJournal {
	return &fakeJournal{ids: map[string]bool{}, state: map[string][]byte{}}
}

func (j *fakeJournal) Append(ctx context.Context, events ...models.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if j.err != nil {
		return j.err
	}
	for _, e := range events {
		if j.ids[e.ID] {
			if !slices.ContainsFunc(j.events, func(old models.Event) bool { return old.ID == e.ID && old.Time.Equal(e.Time) }) {
				j.repeated++
			}
			continue
		}
		j.ids[e.ID] = true
		e.Seq = uint64(len(j.events) + 1)
		j.events = append(j.events, e)
	}
	return nil
}

func (j *fakeJournal) Latest(_ context.Context, fn func(models.Event) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen := map[string]bool{}
	for _, e := range slices.Backward(j.events) {
		key := fmt.Sprint(e.Type, e.Target)
		if seen[key] {
			continue
		}
		seen[key] = true
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (j *fakeJournal) SaveState(_ context.Context, key string, state []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state[key] = slices.Clone(state)
	return nil
}

func (j *fakeJournal) LoadState(_ context.Context, key string) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s, ok := j.state[key]; ok {
		return slices.Clone(s), nil
	}
	return nil, models.ErrNotFound
}

func (j *fakeJournal) of(kind models.EventType) []models.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []models.Event
	for _, e := range j.events {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

// everyTarget takes all targets that the collectors find.
type everyTarget struct {
	policy *policy.Policy
	max    int
	ref    string // the id by default
	refuse map[models.TargetID]error
}

func (r everyTarget) Resolve(source string, found *collectors.TargetData) (Assignment, bool, error) {
	if err := r.refuse[found.ID]; err != nil {
		return Assignment{}, false, err
	}
	return Assignment{Policy: r.policy, Target: models.Target{
		ID: found.ID, Collector: source, Actuator: "platform", Ref: cmp.Or(r.ref, string(found.ID)), MemoryMB: 512, ColdStart: 2 * time.Second, Lead: time.Minute,
		Concurrency: 1, Limits: models.Limits{MaxWarm: r.max},
	}}, true, nil
}

// rig is an engine with its surroundings.
type rig struct {
	*Engine
	t         *testing.T
	collector *fakeCollector
	platform  *fakePlatform
	journal   *fakeJournal
	gate      *Gate
	now       time.Time
	// live takes the clock of the bubble that the test runs in.
	live  bool
	parts Parts
}

// newRig builds an engine over the given loads.
func newRig(t *testing.T, loads map[models.TargetID]load, change ...func(*rig)) *rig {
	t.Helper()
	// Every need is met, whatever it costs: these tests are about the engine.
	cfg := policy.DefaultConfig()
	cfg.Selection, cfg.Reactive, cfg.PlatformKeepAlive = policy.SelectMax, policy.ReactiveNeed, 0
	p, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, collector: &fakeCollector{loads: loads}, platform: newPlatform(), journal: newJournal(), gate: &Gate{}, now: epoch,
	}
	r.parts = Parts{
		Settings: Settings{
			Mode: models.ModeAuto, Interval: time.Minute, Step: time.Minute, Lookback: 48 * time.Hour,
			StaleAfter: 5 * time.Minute, ActionTTL: time.Minute, OutOfBandBackoff: 30 * time.Minute,
			Recent: 24 * time.Hour, Workers: 2, ConfigHash: "test",
		},
		Sources:   []Source{{Name: "prod", Collector: r.collector}},
		Resolver:  everyTarget{policy: p, max: 50},
		Predictor: predictor.DefaultConfig(),
	}
	for _, f := range change {
		f(r)
	}
	if r.parts.Actuators == nil {
		r.parts.Actuators = map[string]actuators.Actuator{"platform": actuators.WithGate(r.platform, r.gate.Permit)}
	}
	r.boot()
	return r
}

func (r *rig) clock() time.Time {
	if r.live {
		return time.Now()
	}
	return r.now
}

// boot starts an engine over the rig's journal and platform, as a process start does.
func (r *rig) boot() {
	r.t.Helper()
	e, err := New(r.parts, Deps{
		Journal: r.journal, State: r.journal, Gate: r.gate, Clock: r.clock,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := e.Restore(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.Engine = e
}

// steps steps from one minute to another, both included.
func (r *rig) steps(from, to int) {
	r.t.Helper()
	for m := from; m <= to; m++ {
		r.now = at(m)
		if err := r.Step(r.t.Context(), r.now); err != nil {
			r.t.Fatalf("step at minute %d: %v", m, err)
		}
	}
}

// reasons returns the codes of the latest decision of a target.
func (r *rig) reasons(id models.TargetID) []models.ReasonCode {
	r.t.Helper()
	s, err := r.Target(id)
	if err != nil || s.Latest == nil {
		r.t.Fatalf("target %q has no decision: %v", id, err)
	}
	var codes []models.ReasonCode
	for _, reason := range s.Latest.Decision.Reasons {
		codes = append(codes, reason.Code)
	}
	return codes
}

// steady is a constant load.
func steady(n float64) load { return func(int) float64 { return n } }

// wave is 10 busy minutes out of every 30.
func wave(n float64) load {
	return func(minute int) float64 {
		if ((minute%30)+30)%30 < 10 {
			return n
		}
		return 0
	}
}
