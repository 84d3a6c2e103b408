package app

import (
	"context"

	"golang.org/x/sync/errgroup"

	"pilotlight/internal/sim"
	"pilotlight/internal/sim/baseline"
	"pilotlight/internal/sim/results"
)

// field are the policies of a race, by what the report calls them.
type field struct {
	name, what string
	kind       results.Kind
	baseline   *baseline.Baseline
}

// field returns Pilotlight, what runs today, baselines and oracles.
func (b *backtest) field() []field {
	out := []field{
		{name: "Pilotlight", what: "what Pilotlight would have done", kind: results.Pilotlight},
		{name: b.current.Name, what: b.current.What, kind: results.Today, baseline: &b.current},
	}
	var oracles []field
	for _, base := range baseline.Standard(b.setting, b.prices) {
		f := field{name: base.Name, what: base.What, kind: results.Baseline, baseline: &base}
		switch {
		case base.Kind == baseline.Oracle:
			f.kind = results.Oracle
			oracles = append(oracles, f)
		case base.Name != b.current.Name:
			out = append(out, f)
		}
	}
	return append(out, oracles...)
}

// raced are the usages of one function: of the field, and of the curve if it is on it.
type raced struct{ field, curve []sim.Usage }

// race lets all policies meet the traffic.
func (b *backtest) race(ctx context.Context) ([]raced, error) {
	t := b.past.trace
	out := make([]raced, len(t.Functions))
	hours := (t.Minutes + 59) / 60
	b.hours.pilotlight, b.hours.today = make([]int64, hours), make([]int64, hours)
	field := b.field()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(b.workers)
	for _, i := range b.busiest { // the longest races first, so that no worker waits for one in the end
		group.Go(func() error {
			if err := context.Cause(gctx); err != nil {
				return err
			}
			entries, watched := b.entries(i, field)
			usages, err := sim.Race(t, i, b.platform, entries)
			if err != nil {
				return err
			}
			out[i] = raced{usages[:len(field)], usages[len(field):]}
			b.note(i, watched)
			b.advance(t.Minutes / raceShare)
			return nil
		})
	}
	return out, group.Wait()
}

// entries are those of the field and then of the curve; watched are the cold starts by the minute of the first two.
func (b *backtest) entries(i int, field []field) (entries []sim.Entry, watched [2][]int32) {
	f := &b.past.trace.Functions[i]
	on := b.platform
	on.Lead = b.past.leads[i]
	own := func(d []sim.Decision) sim.Entry {
		return sim.Entry{Policy: sim.NewReplayed(d), Lead: on.Lead, KeepAlive: on.KeepAlive}
	}
	for k := range field {
		e := own(b.decisions[i])
		if field[k].baseline != nil {
			e = field[k].baseline.Entry(f, &on)
		}
		if k < len(watched) {
			watched[k] = make([]int32, b.past.trace.Minutes)
			e.ColdStarts = watched[k]
		}
		entries = append(entries, e)
	}
	if b.onCurve[i] {
		for k := range b.curve {
			entries = append(entries, own(b.curve[k][i]))
		}
	}
	return entries, watched
}

// note adds the cold starts of a function to those of all.
func (b *backtest) note(i int, watched [2][]int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, hours := range [][]int64{b.hours.pilotlight, b.hours.today} {
		for m, n := range watched[k] {
			hours[m/60] += int64(n)
		}
	}
	if i == b.example.function {
		b.example.cold(watched, b.decisions[i])
	}
}
