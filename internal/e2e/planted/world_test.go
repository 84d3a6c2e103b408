//go:build planted

package planted

import (
	"context"
	"flag"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/internal/engine"
	"pilotlight/internal/sim"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
	"pilotlight/testdata"
)

var (
	replayed  = flag.String("replayed", "", "folder of the trace to plant events in, the one of testdata if empty")
	shortest  = flag.Int("shortest", 5, "minutes that an event takes at least; the longest takes three times as long")
	price     = flag.Float64("price", policy.DefaultConfig().ColdStartPrice, "GB-seconds that a second of cold start is worth, to the policy and in the result")
	seeds     = flag.Int("seeds", 3, "how many drawings of events")
	functions = flag.Int("functions", 0, "how many functions of the trace to take, 0 is all")
)

const (
	times = 4 // how many times the usual load a planted surge is
	quiet = 3 // days before the first
	// around is how long before and after an event counts for it.
	around = 5 * time.Minute
)

// surge is a planted event: from one minute to another of the trace its functions have times their load.
type surge struct {
	from, to  int
	functions map[string]bool
}

// readTrace reads the trace that the flags ask for.
func readTrace(t *testing.T) *trace.Trace {
	t.Helper()
	read := func() (*trace.Trace, error) { return trace.Read(*replayed) }
	if *replayed == "" {
		read = func() (*trace.Trace, error) {
			dir, err := fs.Sub(testdata.Traces, "traces/services-8d")
			if err != nil {
				return nil, err
			}
			return trace.ReadFS(dir, "services-8d")
		}
	}
	tr, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if *functions == 0 || *functions >= len(tr.Functions) {
		return tr
	}
	rows := make([][]trace.Row, *functions)
	for i := range rows {
		rows[i] = tr.Rows(i, 0, tr.Minutes)
	}
	tr, err = trace.Build(tr.Info, tr.Functions[:*functions], rows)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// draw draws surges, perDay a day after the quiet days, each of a third to all of the functions.
func draw(tr *trace.Trace, seed uint64) []surge {
	const perDay = 3
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // events must be repeatable
	var all []surge
	for day := quiet; (day+1)*1440 <= tr.Minutes; day++ {
		for part := range perDay {
			length, room := *shortest+rng.IntN(2**shortest), 1440/perDay
			s := surge{from: day*1440 + part*room + 30 + rng.IntN(room-60-length), functions: map[string]bool{}}
			s.to = s.from + length
			share := 1.0/3 + rng.Float64()*2/3
			for i := range tr.Functions {
				if rng.Float64() < share {
					s.functions[tr.Functions[i].Name] = true
				}
			}
			all = append(all, s)
		}
	}
	return all
}

// plant multiplies the load in the surges.
func plant(t *testing.T, tr *trace.Trace, surges []surge) *trace.Trace {
	t.Helper()
	rows := make([][]trace.Row, len(tr.Functions))
	for i := range tr.Functions {
		for _, r := range tr.Rows(i, 0, tr.Minutes) {
			for _, s := range surges {
				if int(r.Minute) >= s.from && int(r.Minute) < s.to && s.functions[tr.Functions[i].Name] {
					r.Count *= times
				}
			}
			rows[i] = append(rows[i], r)
		}
	}
	planted, err := trace.Build(tr.Info, tr.Functions, rows)
	if err != nil {
		t.Fatal(err)
	}
	return planted
}

// memory is a journal of a run.
type memory struct{ events []models.Event }

func (m *memory) Append(_ context.Context, events ...models.Event) error {
	m.events = append(m.events, events...)
	return nil
}

func (m *memory) Latest(context.Context, func(models.Event) error) error { return nil }

// resolver takes every function of the trace.
type resolver struct{ policy *policy.Policy }

func (r resolver) Resolve(source string, found *collectors.TargetData) (engine.Assignment, bool, error) {
	return engine.Assignment{Policy: r.policy, Target: models.Target{
		ID: found.ID, Group: found.Meta.Group, Collector: source, Actuator: "sim", Ref: string(found.ID), MemoryMB: found.Meta.MemoryMB,
		ColdStart: found.Meta.ColdStart, Lead: time.Minute, Concurrency: 1,
		Limits: models.Limits{MaxWarm: 10_000, MaxKeepAlive: time.Hour},
	}}, true, nil
}

// run is one world: an engine over the trace, with the simulated platform.
type run struct {
	*engine.Engine
	platform *sim.Platform
	journal  *memory
	now      time.Time
	trace    *trace.Trace
	// near is the burden around each surge, on the functions of the surge.
	near []float64
}

// newRun builds a world.
func newRun(t *testing.T, tr *trace.Trace) *run {
	t.Helper()
	cfg := policy.DefaultConfig()
	cfg.ColdStartPrice = *price
	p, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{journal: &memory{}, now: tr.Start, trace: tr}
	if r.platform, err = sim.NewPlatform(tr, sim.DefaultConfig(sim.Provider)); err != nil {
		t.Fatal(err)
	}
	gate := &engine.Gate{}
	r.Engine, err = engine.New(engine.Parts{
		Settings: engine.Settings{
			Mode: models.ModeAuto, Interval: time.Minute, Step: time.Minute, Lookback: time.Minute, StaleAfter: 5 * time.Minute,
			ActionTTL: time.Minute, Workers: 1, ConfigHash: "planted", Recent: 24 * time.Hour,
		},
		Sources:   []engine.Source{{Name: "trace", Collector: trace.NewFromTrace("trace", tr, time.Second)}},
		Actuators: map[string]actuators.Actuator{"sim": actuators.WithGate(r.platform, gate.Permit)},
		Resolver:  resolver{p},
		Predictor: predictor.DefaultConfig(),
	}, engine.Deps{
		Journal: r.journal, State: engine.Forgetful{}, Gate: gate, Clock: func() time.Time { return r.now }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// burden is what the functions have cost so far.
func (r *run) burden(of map[string]bool) float64 {
	sum := 0.0
	for i, u := range r.platform.Usages() {
		if of == nil || of[r.trace.Functions[i].Name] {
			sum += u.Burden(sim.Provider, *price)
		}
	}
	return sum
}

// play goes through the trace. hear is called before each step.
func (r *run) play(t *testing.T, surges []surge, hear func(now time.Time)) {
	t.Helper()
	r.near = make([]float64, len(surges))
	margin := int(around / time.Minute)
	for minute := 1; minute <= r.trace.Minutes; minute++ {
		r.now = r.trace.Start.Add(time.Duration(minute) * time.Minute)
		if err := r.platform.Advance(r.now); err != nil {
			t.Fatal(err)
		}
		for i, s := range surges {
			switch minute {
			case s.from - margin:
				r.near[i] = -r.burden(s.functions)
			case s.to + margin:
				r.near[i] += r.burden(s.functions)
			}
		}
		if hear != nil {
			hear(r.now)
		}
		if err := r.Step(t.Context(), r.now); err != nil {
			t.Fatal(err)
		}
	}
}

// sum adds numbers up.
func sum(of []float64) float64 {
	total := 0.0
	for _, v := range of {
		total += v
	}
	return total
}
