package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// profiles is how many different targets these benchmarks know; target i has the load and the history of profile i%profiles.
const profiles = 100

// fullHistory is how much the targets have seen: both seasons of the default configuration are in use.
const fullHistory = 15 * 24 * time.Hour

// BenchmarkStepDefault measures a Step that brings one new minute to targets with a full history, with the default
// configuration but for checkpoints, in mode auto on a platform in memory. Parameters are fitted once a day, so the fit is in
// the numbers only of runs of at least 1440 steps; BenchmarkPredictorRefit measures it.
func BenchmarkStepDefault(b *testing.B) {
	w := newWarm(b, mixedLoad)
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("targets=%d", n), func(b *testing.B) { w.bench(b, models.ModeAuto, n, 0) })
	}
}

// BenchmarkStepUnchanged measures a Step in mode dry-run under loads that never change, so that no decision is worth a record.
func BenchmarkStepUnchanged(b *testing.B) {
	w := newWarm(b, constantLoad)
	b.Run("targets=1000", func(b *testing.B) { w.bench(b, models.ModeDryRun, 1000, 0) })
}

// BenchmarkStepHints measures the Step of BenchmarkStepDefault without hints, with hints about no target, with hints for 1 % of the
// targets that are a day ahead, and with advice in shadow that holds now on 1 % of them.
func BenchmarkStepHints(b *testing.B) {
	w := newWarm(b, mixedLoad)
	hint := func(target string, ahead time.Duration, source models.HintSource) models.Hint {
		return models.Hint{
			ID: "h", Selector: models.HintSelector{Targets: []string{target}}, Start: w.end.Add(ahead), End: w.end.Add(ahead + 300*24*time.Hour),
			Multiplier: 2, Source: source, Advisor: "main",
		}
	}
	for _, c := range []struct {
		name  string
		hints []models.Hint
	}{
		{"none", nil},
		{"elsewhere", []models.Hint{hint("other-*", 0, models.HintAdvisor)}},
		{"ahead", []models.Hint{hint("function-000*7", 48*time.Hour, models.HintAPI)}},
		{"shadow", []models.Hint{hint("function-000*7", 0, models.HintAdvisor)}},
	} {
		b.Run("hints="+c.name, func(b *testing.B) {
			w.bench(b, models.ModeAuto, 1000, 0, func(e *Engine) {
				if _, err := e.AddHints(b.Context(), c.hints, "bench"); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkStepCheckpoint measures a Step that saves the state of a fifth of the targets too, to a store that costs nothing.
func BenchmarkStepCheckpoint(b *testing.B) {
	w := newWarm(b, mixedLoad)
	b.Run("targets=1000", func(b *testing.B) { w.bench(b, models.ModeDryRun, 1000, 5*time.Minute) })
}

// warm is the history that targets start from: the saved state of an engine that has seen one target of each profile. An
// engine of any size continues from there, as after a restart, without the minutes it would take to feed all.
type warm struct {
	load  profileLoad
	state *fakeJournal
	end   time.Time
}

func newWarm(b *testing.B, load profileLoad) *warm {
	b.Helper()
	w := &warm{load: load, state: newJournal(), end: epoch.Add(fullHistory)}
	e := w.engine(b, models.ModeDryRun, profiles, 0, w.state)
	w.step(b, e, 0)
	if err := e.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return w
}

// step steps at so many minutes after the end of the history.
func (w *warm) step(b *testing.B, e *Engine, minute int) {
	b.Helper()
	now := w.end.Add(time.Duration(minute)*time.Minute + e.parts.Settings.IngestionDelay)
	if err := e.Step(b.Context(), now); err != nil {
		b.Fatal(err)
	}
}

// engine builds an engine of n targets over the stored state, with the default settings of the daemon.
func (w *warm) engine(b *testing.B, mode models.Mode, n int, checkpointEvery time.Duration, state StateStore) *Engine {
	b.Helper()
	p, err := policy.New(policy.DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	gate, now := &Gate{}, w.end
	e, err := New(Parts{
		Settings: Settings{
			Mode: mode, Interval: time.Minute, Step: time.Minute, IngestionDelay: 15 * time.Second, Lookback: fullHistory,
			StaleAfter: 5 * time.Minute, ActionTTL: 2 * time.Minute, ObserveEvery: 5 * time.Minute,
			OutOfBandBackoff: 30 * time.Minute, CheckpointEvery: checkpointEvery, Recent: 24 * time.Hour,
			Workers: runtime.GOMAXPROCS(0), ConfigHash: "bench",
		},
		Sources:   []Source{{Name: "synthetic", Collector: newSynthetic(n, w.load)}},
		Actuators: map[string]actuators.Actuator{"platform": actuators.WithGate(newFloors(n), gate.Permit)},
		Resolver:  everyTarget{policy: p, max: 1000},
		Predictor: predictor.DefaultConfig(),
	}, Deps{
		Journal: Forgetful{}, State: state, Gate: gate, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := e.Restore(b.Context()); err != nil {
		b.Fatal(err)
	}
	return e
}

// bench measures Steps of n warm targets.
func (w *warm) bench(b *testing.B, mode models.Mode, n int, checkpointEvery time.Duration, prepare ...func(*Engine)) {
	b.Helper()
	before := heap()
	e := w.engine(b, mode, n, checkpointEvery, replicas{w.state})
	for _, f := range prepare {
		f(e)
	}
	minute := 0
	for ; minute < 5; minute++ { // the first Steps read the states and look at the platform
		w.step(b, e, minute+1)
	}
	if got := e.Targets(); len(got) != n || got[n-1].Data != models.DataFresh {
		b.Fatalf("%d targets, not %d, or without data", len(got), n)
	}
	if _, err := e.Forecast(numbered(profiles - 1)); err != nil {
		b.Fatalf("history is missing: %v", err)
	}
	resident := heap() - before
	start := allocated()
	b.ReportAllocs()
	for b.Loop() {
		minute++
		w.step(b, e, minute)
	}
	steps := float64(b.N) * float64(n)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/steps, "ns/target")
	b.ReportMetric(float64(allocated()-start)/steps, "B/target")
	b.ReportMetric(resident/float64(n), "resident-B/target")
	runtime.KeepAlive(e)
}

// allocated returns how many bytes were ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// numbered returns the id of the target of that number; the order of ids is that of the numbers.
func numbered(i int) models.TargetID { return models.TargetID(fmt.Sprintf("function-%05d", i)) }

// replicas is a store that has the state of a profile for each of its targets, and keeps nothing.
type replicas struct{ of *fakeJournal }

func (replicas) SaveState(context.Context, string, []byte) error { return nil }

func (r replicas) LoadState(ctx context.Context, key string) ([]byte, error) {
	if name, ok := strings.CutPrefix(key, "target/"); ok {
		var number int
		if _, err := fmt.Sscanf(name, "function-%d", &number); err != nil {
			return nil, err
		}
		key = "target/" + string(numbered(number%profiles))
	}
	return r.of.LoadState(ctx, key)
}

// profileLoad returns the number of invocations of a profile in a minute since 1970.
type profileLoad func(profile int, minute int64) float64

// constantLoad is no load for most targets, and one that stays the same for others.
func constantLoad(profile int, _ int64) float64 {
	switch {
	case profile < 60:
		return 0
	case profile < 90:
		return 1
	}
	return float64(10 * (profile - 89))
}

// mixedLoad is an assumed mix, not a measured one: of 100 targets 60 are called once in half an hour to once in four hours, 15
// by a timer, 20 up to a few times a minute and 5 are busy; the last two groups have a daily course and quiet weekends.
func mixedLoad(profile int, minute int64) float64 {
	course := 1 + 0.8*math.Sin(2*math.Pi*float64(minute%1440)/1440)
	if minute/1440%7 >= 5 {
		course /= 2
	}
	switch {
	case profile < 60:
		return arrivals(profile, minute, 1/(30*float64(1+profile%8)))
	case profile < 75:
		if minute%(5*int64(profile-59)) == 0 {
			return 1
		}
		return 0
	case profile < 95:
		return arrivals(profile, minute, 0.25*float64(profile-74)*course)
	}
	return arrivals(profile, minute, 50*math.Pow(2, float64(profile-95))*course)
}

// arrivals draws a Poisson number, a rounded normal one for a large mean; it is always the same for a profile and minute.
func arrivals(profile int, minute int64, mean float64) float64 {
	rng := rand.New(rand.NewPCG(uint64(profile), uint64(minute))) //nolint:gosec // repeatable on purpose
	if mean > 30 {
		return math.Round(max(0, mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	n := 0.0
	for left := mean - rng.ExpFloat64(); left > 0; left -= rng.ExpFloat64() {
		n++
	}
	return n
}

// synthetic is a collector in memory. Its targets share the series of their profiles, so that it costs next to nothing.
type synthetic struct {
	load profileLoad
	// targets are handed out at every call and overwritten at the next one: the engine has let go of them by then.
	targets []collectors.TargetData
}

func newSynthetic(n int, load profileLoad) *synthetic {
	s := &synthetic{load: load, targets: make([]collectors.TargetData, n)}
	for i := range s.targets {
		s.targets[i].ID = numbered(i)
		s.targets[i].Meta = collectors.Meta{DurationP50: 200 * time.Millisecond, DurationP99: 2 * time.Second}
	}
	return s
}

// Collect implements collectors.Collector.
func (s *synthetic) Collect(_ context.Context, req collectors.Request) (collectors.Result, error) {
	steps := int(req.End.Sub(req.Start) / req.Step)
	for p := range min(profiles, len(s.targets)) {
		counts, durations := make([]float64, steps), make([]float64, steps)
		for i := range counts {
			counts[i], durations[i] = s.load(p, req.Start.Unix()/60+int64(i)), 0.3
			if counts[i] == 0 {
				durations[i] = math.NaN()
			}
		}
		var series [models.NumSignals]models.Series
		var err error
		if series[models.SignalInvocations], err = models.SeriesOf(req.Start, req.Step, counts); err != nil {
			return collectors.Result{}, err
		}
		if series[models.SignalDuration], err = models.SeriesOf(req.Start, req.Step, durations); err != nil {
			return collectors.Result{}, err
		}
		for i := p; i < len(s.targets); i += profiles {
			s.targets[i].Series = series
		}
	}
	return collectors.Result{Targets: s.targets}, nil
}

// floors is a platform in memory that does at once what it is asked for. Two workers never have the same target.
type floors struct{ warm map[models.TargetID]*int }

func newFloors(n int) floors {
	f := floors{warm: make(map[models.TargetID]*int, n)}
	for i := range n {
		f.warm[numbered(i)] = new(int)
	}
	return f
}

func (f floors) Observe(_ context.Context, t models.Target) (models.Observation, error) {
	n := *f.warm[t.ID]
	return models.Observation{Capacity: models.Warm(n), Ready: n}, nil
}

func (f floors) Apply(_ context.Context, t models.Target, a models.Action) error {
	if n, ok := a.To.Warm(); ok {
		*f.warm[t.ID] = n
	}
	return nil
}

func (floors) Levers() models.Lever { return models.LeverWarm }
