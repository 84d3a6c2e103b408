package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotlight/collectors/trace"
	"pilotlight/internal/config"
	"pilotlight/internal/sim"
	"pilotlight/models"
)

// What gets values of its own.
const (
	byAll    = "all"
	byClass  = "class"
	byTarget = "target"
)

// tuner finds policy values on history.
type tuner struct {
	stdio IO
	spec  *backtestSpec
	by    string

	// trace or history is what is replayed; head is the first part of the trace.
	trace    *trace.Trace
	head     *trace.Trace
	history  *recordedHistory
	warnings []string
	start    time.Time
	// minutes is the length of the history: from is the first minute that counts, fit where the part begins that is held back.
	minutes, from, fit int

	wish wish
	bar  *progress
	mu   sync.Mutex // for the bar
}

// trial is a set of values for some functions.
type trial struct {
	values    []config.Override
	functions []int
	// usages are of each function in each part of the time that counts.
	usages map[int][]sim.Usage
}

// tunedGroup is targets that get the same values.
type tunedGroup struct {
	name      string
	functions []int
	values    []config.Override
	present   measure
	best      measure
}

// coordinate is one policy value, with those to try.
type coordinate [][]config.Override

// Gains that count: in the search, and where there is noise.
const (
	minGain = 0.01
	// slack is by how much an objective may be missed and still count as met: a share that history meets is met by chance.
	slack = 0.05
	// heldParts is into how many parts what is held back is divided, and sure how many standard errors the mean of their gains must
	// be above 0.
	heldParts = 8
	sure      = 2.0
)

// coordinates are what is tried, in this order. The price comes first because it moves most.
func (w *wish) coordinates() []coordinate {
	one := func(path string, values ...string) coordinate {
		var c coordinate
		for _, v := range values {
			c = append(c, []config.Override{{Path: path, Value: v}})
		}
		return c
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
	var price coordinate
	switch {
	case w.searches():
		// A fixed price takes the place of the search that follows what happens.
		unset, _ := objectiveOverrides("price")
		for _, x := range []float64{1, 3, 10, 30, 100, 300, 1000, 3000} {
			price = append(price, append(slices.Clone(unset), config.Override{Path: "policy.cold_start_price", Value: number(x)}))
		}
	case w.usd > 0:
		price = one("policy.objective.cold_start_usd", number(w.usd/2), number(w.usd*2))
	default:
		price = one("policy.cold_start_price", number(w.price/2), number(w.price*2))
	}
	return []coordinate{
		price, one("policy.hysteresis", "0.1", "0.2", "0.8"), one("policy.reactive_window", "3m", "15m"),
		one("policy.stabilisation", "5m"), one("policy.hold", "2m"),
	}
}

// tune searches on the first part and checks on the rest.
func (t *tuner) tune(ctx context.Context) (*tuning, error) {
	_, p, err := t.past(nil, t.fit)
	if err != nil {
		return nil, err
	}
	t.wish = wishOf(&p.policy, p.trace, t.spec.setting)
	if p.coupled && t.by != byAll {
		return nil, fmt.Errorf("%w: --by %s: the targets share a quota, a budget or an objective, so that they can only be tuned together; use --by all", ErrUsage, t.by)
	}
	groups := t.groups(p)
	all := make([]int, len(p.trace.Functions))
	for i := range all {
		all[i] = i
	}
	coordinates := t.wish.coordinates()
	tried := 0
	for _, c := range coordinates {
		tried += len(c)
	}
	t.bar = newProgress(t.stdio, "tune", (tried+3)*len(all))
	defer t.bar.finish()
	if err := t.search(ctx, groups, all, coordinates); err != nil {
		return nil, err
	}
	result := t.describe(p, tried)
	return result, t.validate(ctx, groups, all, result)
}

// search moves the values of each group to the best of each coordinate, one after the other, on the first part alone.
func (t *tuner) search(ctx context.Context, groups []*tunedGroup, all []int, coordinates []coordinate) error {
	present := []*trial{{functions: all}}
	if err := t.run(ctx, present, t.fit, t.from, 1); err != nil {
		return err
	}
	for _, g := range groups {
		g.present = t.wish.of(g.functions, present[0].usages, 0, 1, t.fit-t.from)
		g.best = g.present
	}
	for _, c := range coordinates {
		var trials []*trial
		chosen := make([][]*trial, len(groups))
		for _, values := range c {
			for i, g := range groups {
				trials, chosen[i] = share(trials, chosen[i], slices.Concat(g.values, values), g.functions)
			}
		}
		if err := t.run(ctx, trials, t.fit, t.from, 1); err != nil {
			return err
		}
		for i, g := range groups {
			for _, tr := range chosen[i] {
				if m := t.wish.of(g.functions, tr.usages, 0, 1, t.fit-t.from); m.better(&g.best) {
					g.best, g.values = m, tr.values
				}
			}
		}
	}
	return nil
}

// share adds functions to the trial of the same values, or to a new one, which is also added to the list of who asks.
func share(trials, mine []*trial, values []config.Override, functions []int) (all, asked []*trial) {
	at := slices.IndexFunc(trials, func(tr *trial) bool { return slices.Equal(tr.values, values) })
	if at < 0 {
		at = len(trials)
		trials = append(trials, &trial{values: values})
	}
	trials[at].functions = append(trials[at].functions, functions...)
	slices.Sort(trials[at].functions)
	return trials, append(mine, trials[at])
}

// validate compares the values found with the present ones on what was held back, and keeps those of whose gain it is sure.
func (t *tuner) validate(ctx context.Context, groups []*tunedGroup, all []int, result *tuning) error {
	present := &trial{functions: all}
	trials := []*trial{present}
	chosen := make([][]*trial, len(groups))
	for i, g := range groups {
		if len(g.values) > 0 {
			trials, chosen[i] = share(trials, nil, g.values, g.functions)
		}
	}
	if err := t.run(ctx, trials, t.minutes, t.fit, heldParts); err != nil {
		return err
	}
	for i, g := range groups {
		var found map[int][]sim.Usage
		if len(chosen[i]) > 0 {
			found = chosen[i][0].usages
		}
		result.Groups = append(result.Groups, t.compare(g, present.usages, found, result.ids))
	}
	return nil
}

// compare is what a group comes to, by the usages of what was held back; found is nil if nothing better was found.
func (t *tuner) compare(g *tunedGroup, present, found map[int][]sim.Usage, ids []models.TargetID) tunedResult {
	length := t.minutes - t.fit
	now := t.wish.of(g.functions, present, 0, heldParts, length)
	out := tunedResult{
		Name: g.name, Targets: len(g.functions), Tried: []string{}, functions: g.functions,
		Fit: comparison{Present: g.present, Tuned: g.best}, Validation: comparison{Present: now, Tuned: now},
		Verdict: "nothing that was tried is better than the present values",
	}
	if t.by != byAll {
		for _, f := range g.functions {
			out.IDs = append(out.IDs, ids[f])
		}
	}
	if found == nil {
		return out
	}
	out.Validation.Tuned = t.wish.of(g.functions, found, 0, heldParts, length)
	var gains [heldParts]float64
	for k := range gains {
		a, b := t.wish.of(g.functions, present, k, k+1, length/heldParts), t.wish.of(g.functions, found, k, k+1, length/heldParts)
		gains[k] = a.Cost - b.Cost
	}
	for _, v := range g.values {
		out.Tried = append(out.Tried, v.String())
	}
	if out.Kept, out.Verdict = judge(&out.Validation, gains[:]); out.Kept {
		out.values = g.values
	}
	return out
}

// judge says whether a gain on what was held back is more than noise.
func judge(c *comparison, gains []float64) (keep bool, why string) {
	now, then := &c.Present, &c.Tuned
	mean, square := 0.0, 0.0
	for _, g := range gains {
		mean += g / float64(len(gains))
	}
	for _, g := range gains {
		square += (g - mean) * (g - mean)
	}
	noise := math.Sqrt(square / float64(len(gains)-1) / float64(len(gains)))
	switch {
	case then.Excess > max(slack, now.Excess):
		return false, "the present values stay: on what was held back, those found miss the objective"
	case now.Excess > slack && then.Excess < now.Excess/2:
		return true, "these values: on what was held back too, they come nearer to the objective"
	case now.Cost-then.Cost > minGain*now.Cost && mean > sure*noise:
		return true, "these values: they cost less on what was held back too"
	}
	return false, "the present values stay: on what was held back, the gain is within noise"
}

// groups are the targets that get the same values, by what is known of the first part.
func (t *tuner) groups(p *past) []*tunedGroup {
	var out []*tunedGroup
	for i := range p.trace.Functions {
		name := "all"
		switch t.by {
		case byClass:
			name = classOf(p.trace, i)
		case byTarget:
			name = string(p.ids[i])
		}
		at := slices.IndexFunc(out, func(g *tunedGroup) bool { return g.name == name })
		if at < 0 || t.by == byTarget {
			at = len(out)
			out = append(out, &tunedGroup{name: name})
		}
		out[at].functions = append(out[at].functions, i)
	}
	slices.SortFunc(out, func(a, b *tunedGroup) int { return strings.Compare(a.name, b.name) })
	return out
}

// classOf is the class of traffic of a function: called in at least every other minute, at least once an hour, or less.
func classOf(t *trace.Trace, i int) string {
	switch active := len(t.Rows(i, 0, t.Minutes)); {
	case active*2 >= t.Minutes:
		return "busy"
	case active*60 >= t.Minutes:
		return "regular"
	}
	return "rare"
}

// run replays the history until a minute under each trial, and counts from a minute on, in parts.
func (t *tuner) run(ctx context.Context, trials []*trial, until, from, count int) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(t.spec.workers)
	var mu sync.Mutex
	for _, tr := range trials {
		spec, p, err := t.past(tr.values, until)
		if err != nil {
			return err
		}
		spec.warmup = time.Duration(from) * time.Minute
		b := &backtest{backtestSpec: spec, past: p, progress: func(int, int) {}}
		b.prepare()
		size := chunk
		if p.coupled {
			size = len(tr.functions)
		}
		tr.usages = map[int][]sim.Usage{}
		for part := range slices.Chunk(tr.functions, size) {
			group.Go(func() error {
				if err := context.Cause(gctx); err != nil {
					return err
				}
				usages, err := b.usages(gctx, part, count)
				if err != nil {
					return err
				}
				t.mu.Lock()
				t.bar.add(len(part))
				t.mu.Unlock()
				mu.Lock()
				defer mu.Unlock()
				for k, i := range part {
					tr.usages[i] = usages[k]
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// usages decides on some functions, and lets the platform meet their traffic. What counts is divided into parts of the same length.
func (b *backtest) usages(ctx context.Context, functions []int, count int) ([][]sim.Usage, error) {
	if err := b.decideSome(ctx, &engineJob{functions: functions, into: b.decisions}); err != nil {
		return nil, err
	}
	out := make([][]sim.Usage, len(functions))
	for k, i := range functions {
		platform := b.platform
		entry := sim.Entry{Lead: b.past.leads[i], KeepAlive: platform.KeepAlive}
		length := b.past.trace.Minutes - b.platform.CountFrom
		var before sim.Usage
		parts := make([]sim.Usage, count)
		for n := count - 1; n >= 0; n-- {
			platform.CountFrom = b.platform.CountFrom + n*length/count
			entry.Policy = sim.NewReplayed(b.decisions[i])
			usages, err := sim.Race(b.past.trace, i, platform, []sim.Entry{entry})
			if err != nil {
				return nil, err
			}
			parts[n] = minus(&usages[0], &before)
			before = usages[0]
		}
		out[k] = parts
	}
	return out, nil
}

// minus is what was used in a time without its last part.
func minus(whole, last *sim.Usage) sim.Usage {
	out := *whole
	out.Invocations -= last.Invocations
	out.ColdStarts -= last.ColdStarts
	out.ColdSeconds -= last.ColdSeconds
	out.ProvisionedGBs -= last.ProvisionedGBs
	out.ProvBusyGBs -= last.ProvBusyGBs
	out.ProvIdleGBs -= last.ProvIdleGBs
	out.OnDemandBusyGBs -= last.OnDemandBusyGBs
	out.OnDemandIdleGBs -= last.OnDemandIdleGBs
	out.Decisions -= last.Decisions
	out.USD -= last.USD
	return out
}
