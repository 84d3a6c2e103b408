package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"
	"golang.org/x/sync/errgroup"

	"pilotlight/actuators"
	"pilotlight/api"
	"pilotlight/collectors"
	promcollector "pilotlight/collectors/prometheus"
	"pilotlight/collectors/trace"
	"pilotlight/internal/engine"
	"pilotlight/internal/journal"
	"pilotlight/internal/sim"
	"pilotlight/internal/sim/promstore"
	"pilotlight/internal/sim/results"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
	"pilotlight/testdata"
)

// DemoOptions are the flags of demo.
type DemoOptions struct {
	Speed  float64
	Once   bool
	Listen string
	Plot   string
	Seed   uint64
}

// The demo shows one week of traffic after one week of history.
const (
	demoTrace   = "azure2021-14d"
	demoHistory = 7 * 24 * time.Hour
	demoLength  = 7 * 24 * time.Hour
	demoSpeed   = 3600
	demoLead    = time.Minute
	demoMaxWarm = 500
	// demoPrice values cold starts a little more than the default, so that the demo shows fewer of them and less idle memory.
	demoPrice = 150
)

// Demo shows the whole product on a recorded trace: the recorded counters in an embedded Prometheus, the real collector
// asking it over HTTP, the real engine and journal, and a simulated platform as actuator.
func Demo(ctx context.Context, stdio IO, o DemoOptions) error {
	if !(o.Speed >= 0) || math.IsInf(o.Speed, 0) {
		return fmt.Errorf("%w: --speed must be a number of at least 0", ErrUsage)
	}
	if o.Speed == 0 && !o.Once {
		o.Speed = demoSpeed
	}
	d := &demonstration{options: o, stdio: stdio}
	defer d.cleanup()
	if o.Plot != "" {
		var err error
		if d.plot, err = createPlot(o.Plot); err != nil {
			return err
		}
		defer d.plot.abandon()
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(gctx)
	group.Go(func() error { return serve(serving, d.listener, d.handler) })
	group.Go(func() error { return d.backtests.Run(serving) })
	group.Go(func() error {
		defer stop()
		err := d.play(gctx)
		if err == nil && !o.Once {
			<-gctx.Done()
		}
		return err
	})
	err := group.Wait()
	if ctx.Err() != nil {
		return nil // Ctrl-C is a normal end
	}
	return err
}

// demonstration is a running demo.
type demonstration struct {
	options DemoOptions
	stdio   IO

	trace    *trace.Trace
	exporter *sim.Exporter
	with     *sim.Platform
	without  *sim.Platform
	engine   *engine.Engine
	handler  http.Handler
	// backtests are asked for over the API, and run on the recorded trace.
	backtests *backtests
	listener  net.Listener
	clock     atomic.Pointer[time.Time]
	undo      []func() error
	watch     *watch
	plot      *output // nil if none is asked for
}

// cleanup ends everything the demo started, last first.
func (d *demonstration) cleanup() {
	for _, end := range slices.Backward(d.undo) {
		if err := end(); err != nil {
			fmt.Fprintf(d.stdio.Err, "pilotlight: %v\n", err)
		}
	}
}

// now is the clock of the demo: the recorded time.
func (d *demonstration) now() time.Time { return *d.clock.Load() }

// start and end are the recorded times between which the demo plays.
func (d *demonstration) start() time.Time { return d.trace.Start.Add(demoHistory) }
func (d *demonstration) end() time.Time   { return d.start().Add(demoLength) }

// prepare starts the parts.
func (d *demonstration) prepare(ctx context.Context) error {
	l, err := demoListen(ctx, d.options)
	if err != nil {
		return err
	}
	d.listener = l
	if d.trace, err = trace.ReadFS(must(fs.Sub(testdata.Traces, "traces/"+demoTrace)), demoTrace); err != nil {
		return err
	}
	start := d.start()
	d.clock.Store(&start)
	dir, err := os.MkdirTemp("", "pilotlight-demo-")
	if err != nil {
		return err
	}
	d.undo = append(d.undo, func() error { return os.RemoveAll(dir) })
	if err := d.startPlatforms(); err != nil {
		return err
	}
	url, err := d.startPrometheus(ctx, dir)
	if err != nil {
		return err
	}
	return d.startEngine(ctx, dir, url)
}

// demoListen opens the address of the API. With --once a taken port is no reason to fail: nobody knows the address yet.
func demoListen(ctx context.Context, o DemoOptions) (net.Listener, error) {
	l, err := listen(ctx, o.Listen)
	if err != nil && o.Once {
		return listen(ctx, "127.0.0.1:0")
	}
	return l, err
}

// must returns a value that cannot fail to be there, because it is compiled in.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// startPlatforms makes two platforms that meet the same invocations: one that Pilotlight steers, one that keeps every idle
// instance for ten minutes.
func (d *demonstration) startPlatforms() (err error) {
	cfg := sim.DefaultConfig(sim.Provider)
	cfg.Seed, cfg.Lead, cfg.CountFrom = d.options.Seed, demoLead, int(demoHistory/time.Minute)
	cfg.KeepAlive = sim.FixedKeepAlive
	if d.with, err = sim.NewPlatform(d.trace, cfg); err != nil {
		return err
	}
	d.without, err = sim.NewPlatform(d.trace, cfg.Unassisted())
	return err
}

// startPrometheus starts the embedded Prometheus and fills it with what the platform measured in the history.
func (d *demonstration) startPrometheus(ctx context.Context, dir string) (url string, err error) {
	store, err := promstore.Open(dir+"/prometheus", promstore.Options{})
	if err != nil {
		return "", err
	}
	d.undo = append(d.undo, store.Close)
	if d.exporter, err = sim.NewExporter(d.with, store, "demo"); err != nil {
		return "", err
	}
	say(d.stdio, "Loading %d days of recorded traffic of %d real functions into an embedded Prometheus ...\n",
		int(demoHistory.Hours()/24), len(d.trace.Functions))
	for t := d.trace.Start; !t.After(d.start()); t = t.Add(time.Minute) {
		if err := d.serve(ctx, t); err != nil {
			return "", err
		}
	}
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: store.Handler(), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // it ends when it is closed
	}()
	d.undo = append(d.undo, func() error {
		err := srv.Close()
		<-done
		return err
	})
	return "http://" + l.Addr().String(), nil
}

// serve lets the traffic until the time meet both platforms, and measures what the first one did.
func (d *demonstration) serve(ctx context.Context, t time.Time) error {
	if err := errors.Join(d.with.Advance(t), d.without.Advance(t)); err != nil {
		return err
	}
	return d.exporter.Export(ctx)
}

// startEngine starts journal, engine and API.
func (d *demonstration) startEngine(ctx context.Context, dir, url string) error {
	reg := newRegistry()
	cfg := promcollector.DefaultConfig()
	cfg.URL, cfg.Preset, cfg.TargetID = url, "generic", "${function}"
	source, err := promcollector.New("demo", cfg, quiet(), reg)
	if err != nil {
		return err
	}
	j, err := journal.Open(ctx, journal.Options{Dir: dir + "/journal", Now: d.now, Relaxed: true})
	if err != nil {
		return err
	}
	d.undo = append(d.undo, j.Close)
	rule := policy.DefaultConfig()
	// The trace knows one memory of a function, which the simulated instances both have and use.
	rule.RightSizing.Recommend = false
	rule.ColdStartPrice = demoPrice
	p, err := policy.New(rule)
	if err != nil {
		return err
	}
	gate := &engine.Gate{}
	calls := actuators.DefaultConfig()
	calls.RateLimit = actuators.RateLimitConfig{Burst: 1} // a simulated platform has no limit
	act, err := actuators.Decorate(d.with, "demo", calls, actuators.Deps{Permit: gate.Permit, Now: d.now})
	if err != nil {
		return err
	}
	d.engine, err = engine.New(engine.Parts{
		Settings: engine.Settings{
			Mode: models.ModeAuto, Interval: time.Minute, Step: time.Minute, Lookback: demoHistory,
			StaleAfter: 5 * time.Minute, ActionTTL: time.Minute, OutOfBandBackoff: 30 * time.Minute,
			Recent: demoLength, Workers: 4, ConfigHash: "demo",
		},
		Sources:   []engine.Source{{Name: "demo", Collector: source}},
		Actuators: map[string]actuators.Actuator{"demo": act},
		Resolver:  demoResolver{traceResolver{policy: p, lead: demoLead, actuator: "demo", maxWarm: demoMaxWarm}, d.trace},
		Predictor: predictor.DefaultConfig(),
	}, engine.Deps{Journal: j, State: j, Gate: gate, Clock: d.now, Logger: quiet(), Registerer: reg})
	if err != nil {
		return err
	}
	d.backtests = newBacktests(now, d.startBacktest)
	advisor := newAdvice(d.engine, j, d.now, quiet(), time.Minute)
	//nolint:contextcheck // a handler takes its context from each request
	d.handler, err = api.New(api.Deps{
		Fleet: d.engine, Explanations: d.engine, Recommendations: d.engine, Audit: j, Control: d.engine, Restorer: d.engine, Hints: d.engine, Advisor: advisor, Proposals: advisor, Narrator: advisor, Notes: advisor, Refusals: d.engine, Admin: demoAdmin{d.engine}, Backtests: d.backtests,
		Gatherer: reg, Registerer: prometheus.WrapRegistererWith(nil, reg), Logger: quiet(),
		Open: true, Now: d.now, Version: version.Version,
	})
	return err
}

// play lets recorded time run from start to end and shows what happens.
func (d *demonstration) play(ctx context.Context) error {
	d.watch = newWatch(d)
	pace := newPace(d.options.Speed)
	for t := d.start(); !t.After(d.end()); t = t.Add(time.Minute) {
		if err := pace.wait(ctx, time.Minute); err != nil {
			return err
		}
		if err := d.tick(ctx, t); err != nil {
			return err
		}
		d.watch.show(t)
	}
	if err := d.watch.summary(); err != nil {
		return err
	}
	if d.plot != nil {
		return d.watch.plot(d.plot)
	}
	return nil
}

// tick plays one minute: the traffic of the minute that ended at t meets both platforms and is measured, then the engine
// steps.
func (d *demonstration) tick(ctx context.Context, t time.Time) error {
	d.clock.Store(&t)
	if err := d.serve(ctx, t); err != nil {
		return err
	}
	if err := d.engine.Step(ctx, t); err != nil {
		return err
	}
	for _, why := range d.engine.Ready() {
		return fmt.Errorf("the demo cannot go on: %s", why)
	}
	return nil
}

// pace makes recorded time run at a multiple of real time.
type pace struct {
	speed float64
	next  time.Time
}

// newPace starts a pace; speed 0 is as fast as it goes.
func newPace(speed float64) *pace { return &pace{speed: speed, next: now()} }

// wait waits until recorded time may move on by d.
func (p *pace) wait(ctx context.Context, d time.Duration) error {
	if p.speed == 0 {
		return context.Cause(ctx)
	}
	p.next = p.next.Add(time.Duration(float64(d) / p.speed))
	timer := time.NewTimer(time.Until(p.next))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// demoAdmin answers for the configuration that the demo does not have.
type demoAdmin struct{ *engine.Engine }

// ConfigYAML says that there is no configuration file.
func (demoAdmin) ConfigYAML() (text, hash string) {
	return "# The demo runs with the defaults and without a configuration file.\nengine: {mode: auto}\n", "demo"
}

// Reload refuses.
func (demoAdmin) Reload(context.Context) (string, error) {
	return "demo", fmt.Errorf("the demo has no configuration file to reload: %w", models.ErrConflict)
}

// startBacktest starts a backtest on the recorded trace, the only history that the demo has.
func (d *demonstration) startBacktest(r *api.BacktestRequest) (backtestWork, error) {
	if r.Trace != "" && r.Trace != demoTrace {
		return nil, fmt.Errorf("trace %q: the demo has only %s: %w", r.Trace, demoTrace, models.ErrInvalid)
	}
	o := optionsOf(r)
	o.Trace = demoTrace
	if err := withLead(&o, r.Lead); err != nil {
		return nil, err
	}
	spec, err := o.spec()
	if err != nil {
		return nil, err
	}
	rules, err := readRules(d.stdio, "", spec.whatIf)
	if err != nil {
		return nil, err
	}
	past, err := spec.ofTrace(d.trace, rules)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, progress func(done, total int)) (*results.Result, error) {
		return spec.replay(ctx, past, progress)
	}, nil
}

// demoResolver gives each target what the trace knows about it and Prometheus does not: its memory and cold start.
type demoResolver struct {
	traceResolver
	trace *trace.Trace
}

// Resolve implements engine.Resolver.
func (r demoResolver) Resolve(source string, found *collectors.TargetData) (engine.Assignment, bool, error) {
	for i := range r.trace.Functions {
		fn := &r.trace.Functions[i]
		if fn.Name == string(found.ID) {
			found.Meta.MemoryMB, found.Meta.ColdStart = fn.MemoryMB, fn.ColdStart(time.Second)
			return r.traceResolver.Resolve(source, found)
		}
	}
	return engine.Assignment{}, false, nil
}
