package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
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
	var files []*output
	for _, path := range []string{o.HTML, o.JSON} {
		if path == "" {
			files = append(files, nil)
			continue
		}
		f, err := createOutput(path)
		if err != nil {
			return err
		}
		defer f.abandon()
		files = append(files, f)
	}
	var bar *progress
	result, err := spec.run(ctx, stdio, func(done, total int) {
		if bar == nil {
			bar = newProgress(stdio, "backtest", total)
		}
		bar.set(done)
	})
	if bar != nil {
		bar.finish()
	}
	if err != nil {
		return err
	}
	for i, write := range []func(io.Writer) error{result.WriteHTML, func(w io.Writer) error { return backtestJSON(w, result) }} {
		if files[i] != nil {
			if err := files[i].finish(write); err != nil {
				return err
			}
		}
	}
	switch o.Output {
	case "json":
		return backtestJSON(stdio.Out, result)
	case "table":
		return result.WriteText(stdio.Out)
	}
	return nil
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
		trace: o.Trace, config: o.Config, lead: o.Lead, price: o.ColdStartCost, warmup: -1,
		sample: cmp.Or(o.CurveTargets, DefaultCurveTargets), workers: cmp.Or(o.Workers, runtime.GOMAXPROCS(0)), seed: o.Seed,
	}
	bad := func(flag string, err error) error { return fmt.Errorf("%w: --%s: %w", ErrUsage, flag, err) }
	var err error
	if s.setting, err = sim.ParseSetting(o.Setting); err != nil {
		return nil, bad("setting", err)
	}
	if s.from, err = parseTime(o.From); err != nil {
		return nil, bad("from", err)
	}
	if s.to, err = parseTime(o.To); err != nil {
		return nil, bad("to", err)
	}
	if !s.from.IsZero() && !s.to.IsZero() && !s.from.Before(s.to) {
		return nil, fmt.Errorf("%w: --from %s is not before --to %s", ErrUsage, o.From, o.To)
	}
	if s.current, err = baseline.Parse(cmp.Or(o.Current, todayOf(s.setting))); err != nil {
		return nil, bad("current", err)
	}
	if s.curvePrices, err = parseCurve(o.Curve); err != nil {
		return nil, bad("curve", err)
	}
	for _, text := range o.WhatIf {
		over, err := config.ParseOverride(text)
		if err != nil {
			return nil, bad("what-if", err)
		}
		s.whatIf = append(s.whatIf, over)
	}
	return s, s.numbers(o)
}

// numbers checks the options that are numbers or durations.
func (s *backtestSpec) numbers(o *BacktestOptions) error {
	if o.Warmup != "" {
		d, err := time.ParseDuration(o.Warmup)
		if err != nil || d < 0 {
			return fmt.Errorf("%w: --warmup %q is not a duration of at least 0, such as 48h", ErrUsage, o.Warmup)
		}
		s.warmup = d
	}
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
