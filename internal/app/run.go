package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	clientcollectors "github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/version"
	"golang.org/x/sync/errgroup"

	"pilotlight/api"
	"pilotlight/internal/advice"
	"pilotlight/internal/config"
	"pilotlight/internal/engine"
	"pilotlight/internal/journal"
	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// RunOptions are the flags of run.
type RunOptions struct {
	Config, Mode        string
	LogLevel, LogFormat string
}

// closeTimeout bounds what is saved when the daemon stops.
const closeTimeout = 10 * time.Second

// Run is the daemon: it steps the engine and serves the API until ctx ends.
func Run(ctx context.Context, stdio IO, o RunOptions) error {
	// Before anything else: a SIGHUP that nobody waits for ends the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	logger, err := newLogger(stdio.Err, o.LogLevel, o.LogFormat)
	if err != nil {
		return err
	}
	cfg, mode, err := load(stdio, o.Config, o.Mode)
	if err != nil {
		return err
	}
	d := &daemon{options: o, stdio: stdio, log: logger, reg: newRegistry(), hup: hup}
	if err := d.start(ctx, cfg, mode); err != nil {
		return err
	}
	return d.run(ctx)
}

// newRegistry returns the metrics registry of a process.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(clientcollectors.NewGoCollector(),
		clientcollectors.NewProcessCollector(clientcollectors.ProcessCollectorOpts{}))
	return reg
}

// daemon is a running process: configuration, journal, engine and API.
type daemon struct {
	options RunOptions
	stdio   IO
	log     *slog.Logger
	reg     *prometheus.Registry

	hup <-chan os.Signal
	// onEnd calls a function when the daemon ends; stop takes it back.
	onEnd func(func()) (stop func() bool)

	gate      engine.Gate
	backtests *backtests
	journal   *journal.Journal
	engine    *engine.Engine
	advice    *advice.Service
	reload    sync.Mutex
	current   atomic.Pointer[config.Config]
	// tokens are those that the API takes until the process ends.
	tokens  []config.Token
	metrics *reloadMetrics
	// built holds the metrics of collectors and actuators; a reload replaces it as a whole.
	built atomic.Pointer[prometheus.Registry]
}

// start builds everything and restores what the journal remembers. On an error nothing is left open.
func (d *daemon) start(ctx context.Context, cfg *config.Config, mode models.Mode) (err error) {
	for _, w := range append(cfg.Warnings(), cfg.OldPrices(time.Now())...) {
		d.log.WarnContext(ctx, "configuration", "warning", w)
	}
	d.metrics = newReloadMetrics(d.reg)
	reg := prometheus.NewRegistry()
	built, err := build(cfg, mode, &d.gate, d.env(ctx, reg))
	if err != nil {
		return err
	}
	client, err := newAdvisor(cfg, d.env(ctx, reg))
	if err != nil {
		return err
	}
	d.built.Store(reg)
	d.journal, err = journal.Open(ctx, journal.Options{
		Dir: cfg.Storage().Dir, Now: now, MaxAge: models.Duration(cfg.Storage().MaxAge), Logger: d.log.With("component", "journal"), Registerer: d.reg,
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.journal.Close())
		}
	}()
	d.engine, err = engine.New(built, engine.Deps{
		Journal: d.journal, State: d.journal, Gate: &d.gate, Clock: now, Lease: engine.NewLeases(now).Of(holder()),
		Logger: d.log.With("component", "engine"), Registerer: d.reg,
	})
	if err != nil {
		return err
	}
	d.current.Store(cfg)
	d.metrics.loaded(now(), cfg.Hash())
	if err := d.engine.Restore(ctx); err != nil {
		return err
	}
	d.advice = newAdvice(d.engine, d.journal, now, d.log.With("component", "advisor"), cfg.Engine().Step)
	d.advice.Configure(cfg.Advisor(), client)
	d.advice.Restore(ctx)
	return nil
}

// holder is what this process is called in the leases that it takes.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), host)
}

// now is the clock of the process.
func now() time.Time { return time.Now().UTC() }

// env returns what parts are built with.
func (d *daemon) env(ctx context.Context, reg prometheus.Registerer) env {
	return env{ctx: ctx, logger: d.log, reg: reg, now: now, lookup: d.stdio.Env}
}

// run steps and serves until ctx ends or one of both fails, then saves and closes.
func (d *daemon) run(ctx context.Context) error {
	cfg := d.current.Load()
	d.onEnd = func(f func()) func() bool { return context.AfterFunc(ctx, f) }
	handler, err := d.handler(cfg) //nolint:contextcheck // a handler takes its context from each request
	if err != nil {
		return errors.Join(err, d.journal.Close())
	}
	l, err := listen(ctx, cfg.Server().Listen)
	if err != nil {
		return errors.Join(err, d.journal.Close())
	}
	d.log.InfoContext(ctx, "pilotlight runs", "version", version.Info(), "mode", string(d.engine.Mode()),
		"api", "http://"+l.Addr().String(), "config_hash", cfg.Hash())
	feeds, err := d.feeds(ctx, cfg)
	if err != nil {
		return errors.Join(err, l.Close(), d.journal.Close())
	}
	group, gctx := errgroup.WithContext(ctx)
	for _, serveFeed := range feeds {
		group.Go(func() error { return serveFeed(gctx) })
	}
	group.Go(func() error { return serve(gctx, l, handler) })
	group.Go(func() error { return d.engine.Run(gctx, d.ticks()) })
	group.Go(func() error { return d.reloadOnSignal(gctx) })
	group.Go(func() error { return d.backtests.Run(gctx) })
	group.Go(func() error { return d.advice.Run(gctx, pause) })
	err = group.Wait()
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err = errors.Join(err, d.engine.Close(saving), d.journal.Close())
	d.log.InfoContext(ctx, "pilotlight has stopped; capacity stays as it is")
	return err
}

// ticks returns the clock of the engine: at once, and then a moment after each multiple of the interval, when the samples of
// the last step have arrived.
func (d *daemon) ticks() func(context.Context, time.Duration) (time.Time, bool) {
	first := true
	return func(ctx context.Context, interval time.Duration) (time.Time, bool) {
		if first {
			first = false
			return now(), ctx.Err() == nil
		}
		delay := d.current.Load().Engine().IngestionDelay
		at := now().Add(-delay).Truncate(interval).Add(interval + delay)
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return time.Time{}, false
		case <-timer.C:
			return now(), true
		}
	}
}

// gather returns the metrics of the process and of the parts now in force.
func (d *daemon) gather() ([]*dto.MetricFamily, error) {
	return prometheus.Gatherers{d.reg, d.built.Load()}.Gather()
}

// handler builds the API.
func (d *daemon) handler(cfg *config.Config) (http.Handler, error) {
	tokens, err := cfg.Tokens()
	if err != nil {
		return nil, err
	}
	d.backtests = newBacktests(now, startOn(d.stdio, d.options.Config))
	deps := api.Deps{
		Fleet: d.engine, Explanations: d.engine, Recommendations: d.engine, Audit: d.journal, Control: d.engine, Restorer: d, Hints: d.engine, Advisor: d.advice, Proposals: d.advice, Narrator: d.advice, Notes: d.advice, Refusals: d.engine, Admin: d, Backtests: d.backtests,
		Gatherer: prometheus.GathererFunc(d.gather), Registerer: d.reg, Logger: d.log,
		Open: cfg.Server().Open, Now: now, Version: version.Version,
	}
	d.tokens = tokens
	for _, t := range tokens {
		deps.Tokens = append(deps.Tokens, api.Token{Name: t.Name, Role: api.Role(t.Role), Secret: t.Secret})
	}
	return api.New(deps)
}

// reloadOnSignal reloads the configuration at each SIGHUP.
func (d *daemon) reloadOnSignal(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.hup:
			// The outcome is logged and counted by Reload.
			_, _ = d.Reload(ctx)
		}
	}
}

// Reload reads the configuration file anew, builds everything from it and only then swaps. On an error the old stays.
func (d *daemon) Reload(ctx context.Context) (string, error) {
	d.reload.Lock()
	defer d.reload.Unlock()
	cfg, mode, err := load(d.stdio, d.options.Config, d.options.Mode)
	if err == nil {
		err = restartNeeded(d.current.Load(), cfg)
	}
	if err == nil {
		err = d.sameTokens(cfg)
	}
	reg := prometheus.NewRegistry()
	var built engine.Parts
	if err == nil {
		built, err = build(cfg, mode, &d.gate, d.env(ctx, reg))
	}
	var client *advisor.Client
	if err == nil {
		client, err = newAdvisor(cfg, d.env(ctx, reg))
	}
	if err == nil {
		err = d.engine.Reload(built)
	}
	if err != nil {
		d.metrics.refused()
		d.log.ErrorContext(ctx, "configuration was not reloaded; the old one stays in force", "err", err)
		return d.current.Load().Hash(), err
	}
	d.advice.Configure(cfg.Advisor(), client)
	d.current.Store(cfg)
	d.built.Store(reg)
	d.metrics.loaded(now(), cfg.Hash())
	d.log.InfoContext(ctx, "configuration reloaded", "config_hash", cfg.Hash(), "mode", string(mode))
	return cfg.Hash(), nil
}

// sameTokens refuses to reload other tokens: the API would go on to take the old ones.
func (d *daemon) sameTokens(cfg *config.Config) error {
	tokens, err := cfg.Tokens()
	if err != nil {
		return err
	}
	if !slices.Equal(tokens, d.tokens) {
		return fmt.Errorf("server.tokens or their secrets cannot change while the daemon runs, and the old ones are still taken: "+
			"restart it: %w", models.ErrConflict)
	}
	return nil
}

// restartNeeded refuses a change that only a restart can carry out.
func restartNeeded(before, after *config.Config) error {
	refuse := func(key string, was any) error {
		return fmt.Errorf("%s cannot change while the daemon runs: restart it, or set it back to %v: %w", key, was, models.ErrConflict)
	}
	switch {
	case before.Storage() != after.Storage():
		return refuse("storage", before.Storage().Dir)
	case before.Server() != after.Server():
		return refuse("server.listen or server.open", before.Server().Listen)
	case before.ExternalScaler() != after.ExternalScaler():
		return refuse("external_scaler", before.ExternalScaler().Listen)
	case !reflect.DeepEqual(before.ExternalMetrics(), after.ExternalMetrics()):
		return refuse("external_metrics", before.ExternalMetrics().Listen)
	case before.Engine().Step != after.Engine().Step:
		return refuse("engine.step", before.Engine().Step)
	}
	return nil
}

// PutBack implements api.Restorer: it goes on if the client hangs up, and ends when the daemon does.
func (d *daemon) PutBack(ctx context.Context, order models.RestoreOrder, tell func(models.Restored)) ([]models.Restored, error) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer d.onEnd(func() { cancel(errors.New("the daemon ends; run it again to go on")) })()
	return d.engine.PutBack(ctx, order, tell)
}

// ConfigYAML returns the effective configuration without secrets, and its hash.
func (d *daemon) ConfigYAML() (text, hash string) {
	cfg := d.current.Load()
	return cfg.Redacted(), cfg.Hash()
}

// Ready returns why the process is not ready.
func (d *daemon) Ready() []string {
	why := d.engine.Ready()
	if err := d.journal.Ready(); err != nil {
		why = append(why, "journal: "+err.Error())
	}
	return why
}

// Mode returns how far Pilotlight may go.
func (d *daemon) Mode() models.Mode { return d.engine.Mode() }
