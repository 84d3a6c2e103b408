package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Step does one cycle at the time now. It returns an error if nothing could be decided: the context ended, or the clock went
// back. What fails for single collectors or targets is held, explained in their decisions, and no error.
func (e *Engine) Step(ctx context.Context, now time.Time) error {
	e.step.Lock()
	defer e.step.Unlock()
	now = now.UTC()
	if err := e.admit(ctx, now); err != nil {
		return err
	}
	if e.started.IsZero() {
		e.started = now
	}
	e.last = now
	end := e.end(now)
	if err := e.collect(ctx, now, end); err != nil {
		return err
	}
	failed := map[string]error{}
	for _, s := range e.sources {
		failed[s.Name] = s.err
	}
	e.announce(now)
	e.look(ctx, now)
	plans := make([]plan, len(e.units))
	e.each(len(e.units), func(i int) { plans[i] = e.work(ctx, e.units[i], now, end, failed[e.units[i].source]) })
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("decide: %w", err)
	}
	e.share(ctx, plans, now, failed)
	settled, rehearsed := splitRehearsed(plans)
	e.carryOut(ctx, settled)
	if len(rehearsed) > 0 {
		e.rehearse(ctx, rehearsed, now)
		e.carryOut(ctx, rehearsed) // they are of dry-run mode: what is left to do is to record them
	}
	if len(e.heard.hints) > 0 {
		e.reward()
		e.endHints(ctx, now)
	}
	e.forgetVanished(ctx, now)
	e.checkpoint(ctx)
	e.publish()
	if e.deps.Registerer != nil { // else nobody sees it
		e.metrics.stepped(now, e.units)
	}
	return nil
}

// each calls do for 0 to n-1, by as many workers as configured. The work of different indexes must be independent, so that
// their number and order change no result.
func (e *Engine) each(n int, do func(int)) {
	workers := min(e.parts.Settings.Workers, n)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

// Run steps at once and then at every multiple of the interval until ctx ends. ticks stands for the clock: it is asked for
// the next time to step at and returns it when it has come, or false when ctx has ended.
func (e *Engine) Run(ctx context.Context, ticks func(ctx context.Context, interval time.Duration) (time.Time, bool)) error {
	for {
		now, ok := ticks(ctx, e.Interval())
		if !ok {
			return nil
		}
		if err := e.Step(ctx, now); err != nil && ctx.Err() == nil {
			e.metrics.failed()
			e.log.ErrorContext(ctx, "step failed", "err", err)
		}
	}
}

// Interval returns the time from one Step to the next.
func (e *Engine) Interval() time.Duration {
	e.step.Lock()
	defer e.step.Unlock()
	return e.parts.Settings.Interval
}
