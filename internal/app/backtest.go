package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/internal/config"
	"pilotlight/internal/sim"
	"pilotlight/internal/sim/baseline"
	"pilotlight/internal/sim/results"
	"pilotlight/models"
)

// BacktestOptions are the flags of backtest.
type BacktestOptions struct {
	// Trace is a trace folder, Config a configuration file; with both, the history is from the trace.
	Trace, Config string
	// From and To bound the history: RFC 3339 or a date. Warmup is the first part of it, which is not counted; "" is chosen.
	From, To, Warmup string
	Setting, Current string
	// Lead takes the place of the lead of every target; nil leaves it.
	Lead *time.Duration
	// ColdStartCost takes the place of policy.cold_start_price; nil leaves that.
	ColdStartCost *float64
	// WhatIf are overrides of the configuration, as path=value.
	WhatIf []string
	// Curve lists the prices of the trade-off curve, or is none; CurveTargets is how many targets it is over at most.
	Curve        string
	CurveTargets int
	// HTML and JSON are files to write, Output what goes to standard output.
	HTML, JSON, Output string
	Workers            int
	Seed               uint64
}

// Bounds and defaults of a backtest.
const (
	// DefaultCurve are the prices of the trade-off curve.
	DefaultCurve = "1,10,30,100,300,1000"
	// DefaultCurveTargets keeps the curve, which is a run for each price, from taking longer than everything else.
	DefaultCurveTargets = 50
	maxCurve            = 16
	// maxHistory bounds what is asked of a collector.
	maxHistory = 60 * 24 * time.Hour
	// defaultHistory is how much of a collector's history is replayed.
	defaultHistory = 14 * 24 * time.Hour
	// longHistory is one that can spare defaultWarmup.
	longHistory   = 4 * 24 * time.Hour
	defaultWarmup = 2 * 24 * time.Hour
)

// Backtest replays history and says what would have happened under Pilotlight, under what runs today and under baselines.
func Backtest(ctx context.Context, stdio IO, o BacktestOptions) error {
	if o.Output != "table" && o.Output != "json" && o.Output != "none" {
		return fmt.Errorf("%w: --output %q is not table, json or none", ErrUsage, o.Output)
	}
	spec, err := o.spec()
	if err != nil {
		return err
	}
	html, err := optionalOutput(o.HTML)
	if err != nil {
		return err
	}
	defer html.abandon()
	data, err := optionalOutput(o.JSON)
	if err != nil {
		return err
	}
	defer data.abandon()
	result, err := spec.runWithBar(ctx, stdio)
	if err != nil {
		return err
	}
	asJSON := func(w io.Writer) error { return backtestJSON(w, result) }
	if err := errors.Join(html.finishIfOpen(result.WriteHTML), data.finishIfOpen(asJSON)); err != nil {
		return err
	}
	switch o.Output {
	case "json":
		return asJSON(stdio.Out)
	case "table":
		return result.WriteText(stdio.Out)
	}
	return nil
}

// garbage is how much memory may grow, in percent, before garbage is collected. Nearly everything that a backtest makes is short-lived
// and what it keeps is little, so that collecting less often costs little memory and saves a tenth of the time.
const garbage = 400

// runWithBar is run with a progress bar.
func (s *backtestSpec) runWithBar(ctx context.Context, stdio IO) (*results.Result, error) {
	if _, set := stdio.Env("GOGC"); !set {
		defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	}
	bar := &progress{}
	defer func() { bar.finish() }()
	return s.run(ctx, stdio, func(done, total int) {
		if bar.bar == nil {
			bar = newProgress(stdio, "backtest", total)
		}
		bar.set(done)
	})
}

// optionalOutput is createOutput, or a closed output if no path is given.
func optionalOutput(path string) (*output, error) {
	if path == "" {
		return &output{}, nil
	}
	return createOutput(path)
}

// finishIfOpen is finish of an output that was opened.
func (o *output) finishIfOpen(write func(io.Writer) error) error {
	if o.file == nil {
		return nil
	}
	return o.finish(write)
}

// backtestJSON writes a result as JSON.
func backtestJSON(w io.Writer, r *results.Result) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// backtestSpec is a backtest that has been understood.
type backtestSpec struct {
	trace, config string
	// from and to are zero, and warmup is negative, where they are to be chosen.
	from, to    time.Time
	warmup      time.Duration
	setting     sim.Setting
	current     baseline.Baseline
	lead        *time.Duration
	price       *float64
	whatIf      []config.Override
	curvePrices []float64
	sample      int
	workers     int
	seed        uint64
	// owner is the collector that a target was found by.
	owner map[models.TargetID]string
}

// spec checks the options; what is wrong is a usage error that names the flag.
func (o *BacktestOptions) spec() (*backtestSpec, error) {
	if o.Trace == "" && o.Config == "" {
		return nil, fmt.Errorf("%w: pilotlight backtest needs --trace or --config; see pilotlight backtest --help", ErrUsage)
	}
	s := &backtestSpec{
		trace: o.Trace, config: o.Config, lead: o.Lead, price: o.ColdStartCost,
		sample: cmp.Or(o.CurveTargets, DefaultCurveTargets), workers: cmp.Or(o.Workers, runtime.GOMAXPROCS(0)), seed: o.Seed,
	}
	var err error
	for _, f := range []struct {
		name string
		read func() error
	}{
		{"setting", func() error { s.setting, err = sim.ParseSetting(o.Setting); return err }},
		{"from", func() error { s.from, err = parseTime(o.From); return err }},
		{"to", func() error { s.to, err = parseTime(o.To); return err }},
		{"current", func() error { s.current, err = baseline.Parse(cmp.Or(o.Current, todayOf(s.setting))); return err }},
		{"curve", func() error { s.curvePrices, err = parseCurve(o.Curve); return err }},
		{"warmup", func() error { s.warmup, err = parseWarmup(o.Warmup); return err }},
		{"what-if", func() error { s.whatIf, err = parseOverrides(o.WhatIf); return err }},
	} {
		if err := f.read(); err != nil {
			return nil, fmt.Errorf("%w: --%s: %w", ErrUsage, f.name, err)
		}
	}
	if !s.from.IsZero() && !s.to.IsZero() && !s.from.Before(s.to) {
		return nil, fmt.Errorf("%w: --from %s is not before --to %s", ErrUsage, o.From, o.To)
	}
	return s, s.numbers()
}

// parseOverrides reads path=value.
func parseOverrides(texts []string) ([]config.Override, error) {
	var out []config.Override
	for _, text := range texts {
		over, err := config.ParseOverride(text)
		if err != nil {
			return nil, err
		}
		out = append(out, over)
	}
	return out, nil
}

// parseWarmup reads a duration; "" is a negative one, which means that it is to be chosen.
func parseWarmup(text string) (time.Duration, error) {
	if text == "" {
		return -1, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration of at least 0, such as 48h: %w", text, models.ErrInvalid)
	}
	return d, nil
}

// numbers checks the options that are numbers or durations.
func (s *backtestSpec) numbers() error {
	switch {
	case s.lead != nil && (*s.lead < 0 || *s.lead > sim.MaxKeepAlive):
		return fmt.Errorf("%w: --lead %s is not from 0 to %s", ErrUsage, *s.lead, sim.MaxKeepAlive)
	case s.price != nil && !(*s.price >= 0 && !math.IsInf(*s.price, 0)):
		return fmt.Errorf("%w: --cold-start-cost %v is not a number of at least 0", ErrUsage, *s.price)
	case s.workers < 0 || s.sample < 0:
		return fmt.Errorf("%w: --workers and --curve-targets must not be negative", ErrUsage)
	}
	if s.price != nil {
		s.whatIf = append(s.whatIf, config.Override{
			Path: "policy.cold_start_price", Value: strconv.FormatFloat(*s.price, 'g', -1, 64),
		})
	}
	return nil
}

// todayOf is what platforms do today if nobody says otherwise.
func todayOf(s sim.Setting) string {
	if s == sim.Provider {
		return "fixed-10"
	}
	return "on-demand"
}

// parseTime reads a time or a date; "" is the zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Minute), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time like 2026-01-31T15:04:05Z nor a date like 2026-01-31: %w", text, models.ErrInvalid)
}

// parseCurve reads a list of prices; none and "" are none.
func parseCurve(text string) ([]float64, error) {
	if text == "" || text == "none" {
		return nil, nil
	}
	var out []float64
	for field := range strings.SplitSeq(text, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil || !(x > 0) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("%q is not a list of prices above 0, such as 1,10,100, nor none: %w", text, models.ErrInvalid)
		}
		out = append(out, x)
	}
	if len(out) > maxCurve {
		return nil, fmt.Errorf("%d prices are more than %d: %w", len(out), maxCurve, models.ErrInvalid)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
