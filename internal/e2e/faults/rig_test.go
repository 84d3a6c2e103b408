package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/collectors"
	"pilotlight/internal/engine"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// errGone is what a killed process gets from everything it calls: it must have no effect any more.
var errGone = errors.New("the process has been killed")

// log is the durable journal. Events pass through their JSON, as on disk, so that what it lacks is lost.
type log struct {
	mu     sync.Mutex
	events []models.Event
	ids    map[string]bool
}

func (l *log) append(events []models.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if l.ids[e.ID] {
			continue
		}
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		var back models.Event
		if err := json.Unmarshal(data, &back); err != nil {
			return err
		}
		l.ids[e.ID] = true
		back.Seq = uint64(len(l.events) + 1)
		l.events = append(l.events, back)
	}
	return nil
}

func (l *log) all() []models.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]models.Event(nil), l.events...)
}

// has reports whether the intent of an action is recorded.
func (l *log) has(action string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids["action-"+action]
}

// process is one life of the program: when it is killed, nothing it does has an effect.
type process struct {
	*log
	number int
	dead   bool
}

func (p *process) Append(_ context.Context, events ...models.Event) error {
	if p.dead {
		return errGone
	}
	return p.append(events)
}

func (p *process) Latest(_ context.Context, fn func(models.Event) error) error {
	newest := map[string]models.Event{}
	var order []string
	for _, e := range p.all() {
		key := string(e.Type) + "\x00" + string(e.Target)
		if _, ok := newest[key]; !ok {
			order = append(order, key)
		}
		newest[key] = e
	}
	for _, key := range order {
		if err := fn(newest[key]); err != nil {
			return err
		}
	}
	return nil
}

func (*process) SaveState(context.Context, string, []byte) error { return nil }

func (*process) LoadState(context.Context, string) ([]byte, error) { return nil, models.ErrNotFound }

// sent is a call of Apply that reached the adapter.
type sent struct {
	process int
	action  models.Action
	effects int
}

// saboteur stands between the decorators and the adapter, and lets one thing go wrong.
type saboteur struct {
	rig *rig
	p   *process
}

func (s *saboteur) Levers() models.Lever { return s.rig.platform.Actuator.Levers() }

func (s *saboteur) Unwrap() actuators.Actuator { return s.rig.platform.Actuator }

func (s *saboteur) Observe(ctx context.Context, t models.Target) (models.Observation, error) {
	r := s.rig
	switch {
	case s.p.dead:
		return models.Observation{}, errGone
	case r.strikes(momentObserve), r.wrote && r.strikes(momentReadBack):
		return models.Observation{}, r.fault()
	case r.wrote && r.strikes(momentKilledReading):
		s.p.dead = true
		return models.Observation{}, errGone
	}
	return r.platform.Actuator.Observe(ctx, t)
}

func (s *saboteur) Apply(ctx context.Context, t models.Target, a models.Action) error {
	r := s.rig
	switch {
	case s.p.dead:
		return errGone
	case r.strikes(momentKilledBefore):
		s.p.dead = true
		return errGone
	case r.strikes(momentBefore):
		return r.fault()
	}
	if !r.journal.has(a.ID) {
		r.t.Errorf("action %s was sent before its intent was recorded", a.ID)
	}
	if n, ok := a.To.Warm(); !ok || n < t.Limits.MinWarm || n > t.Limits.MaxWarm {
		r.t.Errorf("action to %s was sent, outside the bounds %+v", a.To, t.Limits)
	}
	before := r.platform.Writes()
	err := r.platform.Actuator.Apply(ctx, t, a)
	r.sent = append(r.sent, sent{process: s.p.number, action: a, effects: r.platform.Writes() - before})
	r.wrote = err == nil
	switch {
	case err == nil && r.strikes(momentDuring):
		return r.fault()
	case err == nil && r.strikes(momentKilledAfter):
		s.p.dead = true
		return errGone
	}
	return err
}

// moment is when something goes wrong.
type moment string

const (
	momentObserve       moment = "reading before the decision"
	momentBefore        moment = "before the effect"
	momentDuring        moment = "after the effect, before the answer"
	momentReadBack      moment = "reading back"
	momentKilledBefore  moment = "killed before the write"
	momentKilledAfter   moment = "killed after the write"
	momentKilledReading moment = "killed while reading back"
)

func moments() []moment {
	return []moment{
		momentObserve, momentBefore, momentDuring, momentReadBack, momentKilledBefore, momentKilledAfter, momentKilledReading,
	}
}

// rig is the engine over one platform and one target, with a fault in waiting.
type rig struct {
	t        *testing.T
	platform actuatorstest.Platform
	target   models.Target
	mode     models.Mode
	journal  *log
	process  *process
	engine   *engine.Engine
	now      time.Time

	// at, kind and left are the fault: when, which and how often.
	at   moment
	kind models.ErrorKind
	left int
	// wrote says that the last write was accepted, so that the next reading is its reading back.
	wrote   bool
	sent    []sent
	struck  int
	started int
}

// strikes reports whether the fault happens now.
func (r *rig) strikes(at moment) bool {
	if r.at != at || r.left == 0 {
		return false
	}
	r.left--
	r.struck++
	return true
}

func (r *rig) fault() error {
	return &actuators.Error{Kind: r.kind, Op: "sabotage", Err: errors.New("on purpose")}
}

// Collect implements collectors.Collector: the load is another one each quarter of an hour.
func (r *rig) Collect(_ context.Context, req collectors.Request) (collectors.Result, error) {
	data := collectors.TargetData{ID: r.target.ID}
	for _, signal := range []models.Signal{models.SignalInvocations, models.SignalDuration} {
		var samples []models.Sample
		for at := req.Start; at.Before(req.End); at = at.Add(req.Step) {
			value := 1.0
			if signal == models.SignalInvocations {
				value = []float64{60, 240, 120}[int(at.Sub(r.platform.Clock()).Abs()/(15*time.Minute))%3]
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
	r := &rig{t: t, platform: s.platform(t), mode: mode, journal: &log{ids: map[string]bool{}}}
	if r.platform.Settle == nil {
		r.platform.Settle = func() {}
	}
	if r.platform.Clock == nil {
		r.platform.Clock = func() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }
	}
	r.target = r.platform.Targets[0]
	r.target.Collector, r.target.Actuator = "load", "platform"
	r.target.MemoryMB, r.target.ColdStart, r.target.Concurrency = 512, 2*time.Second, 1
	r.target.Limits = models.Limits{MinWarm: 1, MaxWarm: 8}
	r.now = r.platform.Clock()
	if had.Levers() != 0 {
		action := models.Action{ID: "by hand", To: had, Issued: r.now, Expires: r.now.Add(time.Hour)}
		if err := r.platform.Actuator.Apply(t.Context(), r.target, action); err != nil {
			t.Fatal(err)
		}
		r.platform.Settle()
	}
	r.start()
	return r
}

// start begins a new process over the same journal and platform.
func (r *rig) start() {
	r.t.Helper()
	r.started++
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
			Mode: r.mode, Interval: time.Minute, Step: time.Minute, Lookback: 6 * time.Hour, StaleAfter: 5 * time.Minute,
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
		if err := r.engine.Step(r.t.Context(), r.now); err != nil && !r.process.dead {
			r.t.Fatal(err)
		}
		if r.process.dead {
			r.start()
		}
		r.platform.Settle()
	}
}

// verify checks what must hold whatever went wrong.
func (r *rig) verify(had models.Capacity) {
	r.t.Helper()
	intents, outcomes := map[string]models.Action{}, map[string]models.Outcome{}
	var marks models.Marks
	for _, e := range r.journal.all() {
		switch {
		case e.Action != nil:
			intents[e.Action.ID] = *e.Action
		case e.Outcome != nil:
			if _, twice := outcomes[e.Outcome.Action]; twice {
				r.t.Errorf("action %s has two outcomes", e.Outcome.Action)
			}
			outcomes[e.Outcome.Action], marks = *e.Outcome, e.Outcome.Marks
		case e.Notice != nil:
			r.t.Errorf("our own write counts as somebody else's: %s", e.Notice.Text)
		}
	}
	for id, a := range intents {
		if _, ok := outcomes[id]; !ok {
			r.t.Errorf("action %s to %s has no outcome", id, a.To)
		}
	}
	r.verifySent(outcomes)
	obs, err := r.platform.Actuator.Observe(r.t.Context(), r.target)
	if err != nil {
		r.t.Fatal(err)
	}
	if !obs.Capacity.Satisfies(marks.Set) || marks.Set.Levers() == 0 {
		r.t.Errorf("the journal says %s was set, the platform shows %s", marks.Set, obs.Capacity)
	}
	if marks.Original != had {
		r.t.Errorf("the journal says %s was there before, it was %s", marks.Original, had)
	}
}

// verifySent checks that no action had its effect twice, was sent by two processes, or is told of otherwise than it happened.
func (r *rig) verifySent(outcomes map[string]models.Outcome) {
	effects, by := map[string]int{}, map[string]int{}
	for _, s := range r.sent {
		effects[s.action.ID] += s.effects
		if other, ok := by[s.action.ID]; ok && other != s.process {
			r.t.Errorf("action %s was sent by process %d and by %d", s.action.ID, other, s.process)
		}
		by[s.action.ID] = s.process
	}
	total := 0
	for id, n := range effects {
		total += n
		if n > 1 {
			r.t.Errorf("action %s was applied %d times", id, n)
		}
		if status := outcomes[id].Status; n == 1 && status != models.OutcomeApplied {
			r.t.Errorf("action %s had its effect, the journal says %s: %s", id, status, outcomes[id].Error)
		}
	}
	for id, o := range outcomes {
		if o.Status == models.OutcomeApplied && effects[id] == 0 {
			r.t.Errorf("action %s had no effect, the journal says applied", id)
		}
	}
	if total < 2 {
		r.t.Errorf("%d effective writes: too few to prove anything", total)
	}
}

// String says what goes wrong.
func (r *rig) String() string { return fmt.Sprintf("%s at %q", r.kind, r.at) }
