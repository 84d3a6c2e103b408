package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pilotlight/api"
	"pilotlight/internal/sim/results"
	"pilotlight/models"
)

// Bounds of the backtests that are asked for over the API.
const (
	maxQueued     = 4
	maxRemembered = 20
	// backtestTimeout is how long one may take.
	backtestTimeout = 30 * time.Minute
	// apiTargets is how many targets an answer lists.
	apiTargets = 1000
)

// errStopped is why backtests end when the process does.
var errStopped = errors.New("pilotlight is stopping")

// backtests runs those asked for over the API, one at a time, and remembers the last few. They use one core, because what else
// the process does comes first.
type backtests struct {
	now func() time.Time
	// start turns a request into the work to do; it returns what is wrong with it.
	start func(r *api.BacktestRequest) (backtestWork, error)

	mu     sync.Mutex
	queue  chan string
	number int
	all    []*asked // the oldest first
}

// backtestWork does a backtest.
type backtestWork func(ctx context.Context, progress func(done, total int)) (*results.Result, error)

// asked is a backtest that was asked for.
type asked struct {
	api.Backtest

	work backtestWork
}

var _ api.Backtests = (*backtests)(nil)

// newBacktests makes the queue; Run works on it.
func newBacktests(now func() time.Time, start func(*api.BacktestRequest) (backtestWork, error)) *backtests {
	return &backtests{now: now, start: start, queue: make(chan string, maxQueued)}
}

// StartBacktest implements api.Backtests.
func (b *backtests) StartBacktest(_ context.Context, r api.BacktestRequest, by string) (api.Backtest, error) {
	work, err := b.start(&r)
	if err != nil {
		// What is wrong with a flag on the command line is wrong with a field here.
		return api.Backtest{}, fmt.Errorf("%s: %w", strings.TrimPrefix(err.Error(), ErrUsage.Error()+": "), models.ErrInvalid)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.number++
	now := b.now()
	id := models.NewID("backtest", models.TargetID(strconv.Itoa(b.number)), now, by)
	select {
	case b.queue <- id:
	default:
		return api.Backtest{}, fmt.Errorf("%d backtests are waiting already; ask again later: %w", maxQueued, models.ErrConflict)
	}
	a := &asked{Backtest: api.Backtest{ID: id, State: "queued", Created: now, By: by, Request: r}, work: work}
	b.all = append(b.all, a)
	b.forget()
	return a.Backtest, nil
}

// forget drops the oldest that have ended.
func (b *backtests) forget() {
	for i := 0; len(b.all) > maxRemembered && i < len(b.all); {
		if b.all[i].Finished == nil {
			i++
			continue
		}
		b.all = slices.Delete(b.all, i, i+1)
	}
}

// Backtest implements api.Backtests.
func (b *backtests) Backtest(id string) (api.Backtest, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.find(id); a != nil {
		return a.Backtest, nil
	}
	return api.Backtest{}, fmt.Errorf("backtest %q: %w", id, models.ErrNotFound)
}

func (b *backtests) find(id string) *asked {
	for _, a := range b.all {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// Backtests implements api.Backtests.
func (b *backtests) Backtests() []api.Backtest {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]api.Backtest, 0, len(b.all))
	for _, a := range slices.Backward(b.all) {
		item := a.Backtest
		item.Result = nil
		out = append(out, item)
	}
	return out
}

// Run works on the queue until ctx ends; then everything in it is cancelled.
func (b *backtests) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			b.cancel()
			return nil
		case id := <-b.queue:
			b.do(ctx, id)
		}
	}
}

// do runs one backtest.
func (b *backtests) do(ctx context.Context, id string) {
	b.mu.Lock()
	a := b.find(id)
	started := b.now()
	a.State, a.Started = "running", &started
	work := a.work
	b.mu.Unlock()
	limited, cancel := context.WithTimeoutCause(ctx, backtestTimeout, fmt.Errorf("it took longer than %s: %w", backtestTimeout, context.DeadlineExceeded))
	defer cancel()
	result, err := guarded(limited, work, func(done, total int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		a.Progress = float64(done) / float64(max(total, 1))
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.end(a, "done", nil)
		a.Progress, a.Result = 1, resultOf(result)
	case ctx.Err() != nil:
		b.end(a, "cancelled", errStopped)
	default:
		b.end(a, "failed", err)
	}
}

// guarded does the work; a panic in it is its error, because a backtest must not end the process.
func guarded(ctx context.Context, work backtestWork, progress func(done, total int)) (r *results.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the backtest failed inside: %v", p)
		}
	}()
	return work(ctx, progress)
}

// end notes how a backtest ended.
func (b *backtests) end(a *asked, state string, err error) {
	finished := b.now()
	a.State, a.Finished, a.work = state, &finished, nil
	if err != nil {
		a.Error = err.Error()
	}
}

// cancel ends everything that waits.
func (b *backtests) cancel() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.all {
		if a.Finished == nil {
			b.end(a, "cancelled", errStopped)
		}
	}
}

// optionsOf turns a request into the flags that mean the same.
func optionsOf(r *api.BacktestRequest) BacktestOptions {
	o := BacktestOptions{
		Setting: cmp.Or(r.Setting, "customer"), Current: r.Current, Warmup: r.Warmup, ColdStartCost: r.ColdStartPrice,
		WhatIf: r.WhatIf, Workers: 1, Seed: 1,
	}
	if r.From != nil {
		o.From = r.From.Format(time.RFC3339)
	}
	if r.To != nil {
		o.To = r.To.Format(time.RFC3339)
	}
	var curve []string
	for _, x := range r.Curve {
		curve = append(curve, strconv.FormatFloat(x, 'g', -1, 64))
	}
	o.Curve = strings.Join(curve, ",")
	return o
}

// withLead reads the lead of a request.
func withLead(o *BacktestOptions, text string) error {
	if text == "" {
		return nil
	}
	lead, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("lead %q is not a duration such as 60s: %w", text, models.ErrInvalid)
	}
	o.Lead = &lead
	return nil
}

// startOn starts backtests on the history of the collectors of a configuration file.
func startOn(stdio IO, file string) func(*api.BacktestRequest) (backtestWork, error) {
	return func(r *api.BacktestRequest) (backtestWork, error) {
		if r.Trace != "" {
			return nil, fmt.Errorf("trace %q: this server has no recorded traces, only the history of its collectors: %w", r.Trace, models.ErrInvalid)
		}
		o := optionsOf(r)
		o.Config = file
		if err := withLead(&o, r.Lead); err != nil {
			return nil, err
		}
		spec, err := o.spec()
		if err != nil {
			return nil, err
		}
		cfg, err := spec.configuration(stdio)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, progress func(done, total int)) (*results.Result, error) {
			p, err := spec.loadCollectors(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return spec.replay(ctx, p, progress)
		}, nil
	}
}
