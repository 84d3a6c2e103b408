package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotlight/collectors"
	"pilotlight/models"
)

// backfillWindow bounds what one request for history asks for, and so the memory it takes.
const backfillWindow = 24 * time.Hour

// backfillAgain is how long a source is not asked for the history of new targets again.
const backfillAgain = time.Hour

// maxRefused bounds the targets whose refusal is remembered.
const maxRefused = 10_000

// source is a collector and how far it has been read.
type source struct {
	Source
	// cursor is the end of the newest step that has been read; zero before the first success.
	cursor time.Time
	// mark is the cursor at the first Step of the present round of saving states, safe the one that no saved state is older than.
	mark, safe time.Time
	// err is why the last reading failed, nil if it did not; failures counts in a row.
	err      error
	failures int
	// backfilled is when history was last read for targets that had none; waiting are those that still have none.
	backfilled time.Time
	waiting    []*unit
	// result is the answer of the running Step.
	windows  []window
	warnings []string
}

// window is a part of an answer: the targets' series from Start to End.
type window struct {
	start, end time.Time
	targets    []collectors.TargetData
}

// signals are what the engine asks for.
func signals() []models.Signal { return models.Signals() }

// collect reads all sources up to end, feeding what it gets. A source that fails keeps its error, and its cursor.
func (e *Engine) collect(ctx context.Context, now, end time.Time) error {
	var group errgroup.Group
	for _, s := range e.sources {
		group.Go(func() error {
			s.windows, s.warnings = nil, nil
			s.err = e.read(ctx, s, end)
			return nil
		})
	}
	_ = group.Wait() // the functions return nil: each source keeps its own error
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	for _, s := range e.sources {
		e.account(s)
		fresh := e.take(ctx, s)
		s.waiting = append(s.waiting, fresh...)
		e.metrics.collected(s)
		if len(s.waiting) > 0 && s.err == nil && now.Sub(s.backfilled) >= backfillAgain {
			s.backfilled = now
			if err := e.backfill(ctx, s, end); err != nil {
				e.log.WarnContext(ctx, "history of new targets could not be read", "collector", s.Name,
					"waiting", len(s.waiting), "next_try", now.Add(backfillAgain), "err", err)
			}
		}
		if n := len(s.windows); n > 0 && len(s.waiting) > 0 {
			// Until history can be asked for, new targets start with what there is.
			e.feedOnly(fresh, &s.windows[n-1])
		}
		s.windows = nil // after an outage it holds a day of all targets, which must not wait for the next Step
	}
	return nil
}

// account keeps count of failures in a row, so that an outage is logged when it begins and when it ends.
func (e *Engine) account(s *source) {
	switch {
	case s.err != nil:
		s.failures++
		if s.failures == 1 {
			e.log.Warn("collector failed; capacity is held", "collector", s.Name, "err", s.err)
		}
	case s.failures > 0:
		e.log.Info("collector works again", "collector", s.Name, "failures", s.failures)
		s.failures = 0
	}
	for _, w := range s.warnings {
		e.log.Warn("collector warns", "collector", s.Name, "warning", w)
	}
}

// read asks a source for everything since its cursor. Without a cursor it asks for the last step only: history follows by
// backfill, for the targets that configuration takes.
func (e *Engine) read(ctx context.Context, s *source, end time.Time) error {
	step := e.parts.Settings.Step
	start := s.cursor
	if oldest := end.Add(-e.parts.Settings.Lookback); start.IsZero() {
		start = end.Add(-step)
	} else if start.Before(oldest) {
		start = oldest
	}
	if known := slices.ContainsFunc(e.units, func(u *unit) bool { return u.source == s.Name }); !known && !start.Before(end) {
		// Just after a restart there is nothing new to read, but its targets must be known: ask for the last step again.
		start = end.Add(-step)
	}
	for start.Before(end) {
		stop := start.Add(backfillWindow)
		if stop.After(end) {
			stop = end
		}
		result, err := s.Collector.Collect(ctx, collectors.Request{Start: start, End: stop, Step: step, Signals: signals()})
		if err == nil {
			err = fatal(result)
		}
		// An empty answer to a single step is an outage or an idle system: both hold. To history it is a hole.
		if err != nil && (!errors.Is(err, models.ErrNoData) || stop.Equal(end)) {
			return err
		}
		s.warnings = append(s.warnings, result.Warnings...)
		for _, p := range result.Problems {
			s.warnings = append(s.warnings, describe(p))
		}
		s.windows = append(s.windows, window{start: start, end: stop, targets: result.Targets})
		start = stop
	}
	s.cursor = end
	return nil
}

// fatal returns the error of a problem that leaves all targets without invocations.
func fatal(r collectors.Result) error {
	for _, p := range r.Problems {
		if p.Target == "" && p.Signal == models.SignalInvocations {
			return fmt.Errorf("read %s: %w", p.Signal, p.Err)
		}
	}
	return nil
}

// failure puts the error of a source into words that name the source once.
func failure(source string, err error) string {
	name := fmt.Sprintf("collector %q", source)
	if text := err.Error(); strings.HasPrefix(text, name) {
		return text
	}
	return fmt.Sprintf("%s: %v", name, err)
}

// describe puts a problem into one line.
func describe(p collectors.Problem) string {
	if p.Target == "" {
		return fmt.Sprintf("%s: %v", p.Signal, p.Err)
	}
	return fmt.Sprintf("%s of %q: %v", p.Signal, p.Target, p.Err)
}

// take registers the targets of the answer and feeds them; it returns the units that are new and lack history.
func (e *Engine) take(ctx context.Context, s *source) []*unit {
	var fresh []*unit
	for _, w := range s.windows {
		units := make([]*unit, len(w.targets))
		for i := range w.targets {
			u, isNew := e.register(ctx, s, &w.targets[i])
			units[i] = u
			if isNew && u.next.IsZero() {
				fresh = append(fresh, u)
			}
		}
		skip := map[*unit]bool{}
		for _, u := range fresh {
			skip[u] = true
		}
		e.each(len(units), func(i int) {
			if u := units[i]; u != nil && !skip[u] {
				e.feed(u, &w.targets[i], w)
			}
		})
	}
	return fresh
}

// backfill reads the whole lookback and feeds it to the units that wait for it, which begin anew. If nothing of it can be read
// they go on waiting.
func (e *Engine) backfill(ctx context.Context, s *source, end time.Time) error {
	step := e.parts.Settings.Step
	units := s.waiting
	var failed error
	for start := end.Add(-e.parts.Settings.Lookback).Truncate(step); start.Before(end); start = start.Add(backfillWindow) {
		w := window{start: start, end: start.Add(backfillWindow)}
		if w.end.After(end) {
			w.end = end
		}
		result, err := s.Collector.Collect(ctx, collectors.Request{Start: w.start, End: w.end, Step: step, Signals: signals()})
		if err != nil && !errors.Is(err, models.ErrNoData) {
			failed = err
			continue // a hole in the history is better than none of it
		}
		if s.waiting != nil {
			s.waiting = nil
			e.each(len(units), func(i int) { e.reset(units[i]) })
		}
		w.targets = result.Targets
		e.feedOnly(units, &w)
	}
	return failed
}

// feedOnly feeds the window to the given units.
func (e *Engine) feedOnly(units []*unit, w *window) {
	e.each(len(units), func(i int) {
		u := units[i]
		at, ok := slices.BinarySearchFunc(w.targets, u.id, func(d collectors.TargetData, id models.TargetID) int {
			return byID(d.ID, id)
		})
		if ok {
			e.feed(u, &w.targets[at], *w)
		}
	})
}

// feed feeds the window to a unit. A failure inside costs the unit its history, and nobody else anything.
func (e *Engine) feed(u *unit, data *collectors.TargetData, w window) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("samples could not be taken; the target begins anew", "target", string(u.id), "panic", fmt.Sprint(r))
			e.reset(u)
		}
	}()
	e.forgetOld(u, w.start)
	u.feed(data, w.start, w.end)
}

// forgetOld lets a unit begin anew if its newest step lies further back than history is read: what it knows is worth less than
// stepping through the gap costs.
func (e *Engine) forgetOld(u *unit, now time.Time) {
	u.own.Lock()
	old := !u.next.IsZero() && now.Sub(u.next) > e.parts.Settings.Lookback
	u.own.Unlock()
	if old {
		e.reset(u)
	}
}

// register returns the unit of a found target, making it if configuration takes the target; nil if it does not.
func (e *Engine) register(ctx context.Context, s *source, found *collectors.TargetData) (u *unit, isNew bool) {
	if u = e.byID[found.ID]; u != nil {
		if u.source != s.Name && !e.move(ctx, u, s, found) {
			u.rival = s.Name
			return nil, false
		}
		return u, false
	}
	a, ok, err := e.parts.Resolver.Resolve(s.Name, found)
	if err == nil && ok {
		u, err = e.newUnit(s.Name, found, a)
	}
	if err != nil {
		if text := err.Error(); e.refused[found.ID].Why != text {
			if len(e.refused) >= maxRefused {
				clear(e.refused) // names come from outside: they must not fill the memory
			}
			e.refused[found.ID] = models.RefusedTarget{ID: found.ID, Collector: s.Name, Why: text}
			e.log.WarnContext(ctx, "target cannot be used", "target", string(found.ID), "err", err)
		}
		return nil, false
	}
	if !ok {
		return nil, false
	}
	delete(e.refused, found.ID)
	e.loadUnit(ctx, u)
	e.byID[u.id] = u
	at, _ := slices.BinarySearchFunc(e.units, u.id, byTarget)
	e.units = slices.Insert(e.units, at, u)
	return u, true
}

// move gives a unit to another source that reports it now, if its own source works and has not reported it for as long as makes
// samples stale; it reports whether it did.
func (e *Engine) move(ctx context.Context, u *unit, to *source, found *collectors.TargetData) bool {
	u.own.Lock()
	defer u.own.Unlock()
	for _, s := range e.sources {
		if s.Name == u.source && s.err != nil {
			return false
		}
	}
	if u.lastSample.IsZero() || e.last.Sub(u.lastSample) <= e.parts.Settings.StaleAfter {
		return false
	}
	from, labels, meta := u.source, u.labels, u.meta
	u.source, u.labels, u.meta = to.Name, found.Labels, found.Meta
	if !e.reassign(u) {
		u.source, u.labels, u.meta = from, labels, meta
		return false
	}
	e.log.InfoContext(ctx, "target moved to another collector", "target", string(u.id), "from", from, "to", to.Name)
	return true
}
