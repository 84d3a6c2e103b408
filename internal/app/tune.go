package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/config"
	"pilotlight/models"
)

// TuneOptions are the flags of tune; those that backtest has too mean the same.
type TuneOptions struct {
	Trace, Config, From, To, Warmup, Setting string
	Lead                                     *time.Duration
	WhatIf                                   []string
	// Objective takes the place of policy.objective, as key=value, or is price; "" leaves it.
	Objective string
	// By says what gets values of its own: all targets together, each class of traffic, or each target.
	By string
	// Output is yaml or json.
	Output  string
	Workers int
	Seed    uint64
}

// minTuned is the shortest history that can be tuned on.
const minTuned = 12 * time.Hour

// Tune finds the policy values that meet the objective best on the first part of history, and keeps them if they also do on the rest.
func Tune(ctx context.Context, stdio IO, o TuneOptions) error {
	t, err := newTuner(stdio, &o)
	if err != nil {
		return err
	}
	if err := t.open(ctx); err != nil {
		return err
	}
	result, err := t.tune(ctx)
	if err != nil {
		return err
	}
	if o.Output == "json" {
		return result.writeJSON(stdio.Out)
	}
	text, err := t.configuration(result)
	if err != nil {
		return err
	}
	return result.writeYAML(stdio.Out, text)
}

// newTuner checks the options.
func newTuner(stdio IO, o *TuneOptions) (*tuner, error) {
	if o.Trace == "" && o.Config == "" {
		return nil, fmt.Errorf("%w: pilotlight tune needs --trace or --config; see pilotlight tune --help", ErrUsage)
	}
	for _, f := range []struct {
		name, value string
		allowed     []string
	}{{"output", o.Output, []string{"yaml", "json"}}, {"by", o.By, []string{byAll, byClass, byTarget}}} {
		if !slices.Contains(f.allowed, f.value) {
			return nil, fmt.Errorf("%w: --%s %q is not one of %s", ErrUsage, f.name, f.value, strings.Join(f.allowed, ", "))
		}
	}
	wanted, err := objectiveOverrides(o.Objective)
	if err != nil {
		return nil, fmt.Errorf("%w: --objective: %w", ErrUsage, err)
	}
	b := BacktestOptions{
		Trace: o.Trace, Config: o.Config, From: o.From, To: o.To, Warmup: o.Warmup, Setting: o.Setting, Lead: o.Lead,
		WhatIf: o.WhatIf, Workers: o.Workers, Seed: o.Seed,
	}
	spec, err := b.spec()
	if err != nil {
		return nil, err
	}
	spec.whatIf = append(spec.whatIf, wanted...)
	return &tuner{stdio: stdio, spec: spec, by: o.By}, nil
}

// objectiveKeys are the objectives, with the value that unsets each.
func objectiveKeys() []config.Override {
	return []config.Override{
		{Path: "cold_start_usd", Value: "0"}, {Path: "cold_start_share", Value: "0"}, {Path: "p99_latency", Value: "0s"}, {Path: "monthly_usd", Value: "0"},
	}
}

// objectiveOverrides are the values that set an objective and unset the others; "" sets none.
func objectiveOverrides(text string) ([]config.Override, error) {
	if text == "" {
		return nil, nil
	}
	key, value, hasValue := strings.Cut(text, "=")
	known := false
	var out []config.Override
	for _, o := range objectiveKeys() {
		if o.Path == key {
			known = true
			o.Value = value
		}
		out = append(out, config.Override{Path: "policy.objective." + o.Path, Value: o.Value})
	}
	if text != "price" && (!known || !hasValue || value == "") {
		return nil, fmt.Errorf("%q is not price, nor cold_start_usd, cold_start_share, p99_latency or monthly_usd with =value: %w", text, models.ErrInvalid)
	}
	return out, nil
}

// open reads the history once, and divides it.
func (t *tuner) open(ctx context.Context) error {
	var err error
	if t.spec.trace != "" {
		if t.trace, err = trace.Read(t.spec.trace); err == nil {
			t.trace, err = t.spec.cut(t.trace)
		}
	} else {
		var cfg *config.Config
		if cfg, err = t.spec.configuration(t.stdio); err == nil {
			t.history, t.warnings, err = t.spec.gather(ctx, cfg)
		}
	}
	if err != nil {
		return err
	}
	return t.divide()
}

// divide says which part is tried on and which is held back.
func (t *tuner) divide() error {
	if t.trace != nil {
		t.start, t.minutes = t.trace.Start, t.trace.Minutes
	} else {
		t.start, t.minutes = t.history.start, t.history.minutes
	}
	t.fit = t.minutes * 2 / 3
	if t.trace != nil {
		var err error
		if t.head, err = cutAt(t.trace, t.fit); err != nil {
			return err
		}
	}
	length := time.Duration(t.minutes) * time.Minute
	if t.spec.warmup < 0 {
		t.spec.warmup = 0
		if length > longHistory {
			t.spec.warmup = defaultWarmup
		}
	}
	t.from = int(t.spec.warmup / time.Minute)
	if length < minTuned || t.fit-t.from < t.minutes/6 {
		return fmt.Errorf("%w: %s of history with a warm-up of %s is too short to try values on a part and check them on the rest; "+
			"take at least %s, or a shorter --warmup", ErrUsage, length, t.spec.warmup, minTuned)
	}
	return nil
}

// past is the history until a minute, the end of the first part or of all, under a configuration with more overrides.
func (t *tuner) past(more []config.Override, minutes int) (*backtestSpec, *past, error) {
	spec := *t.spec
	spec.whatIf = append(slices.Clone(t.spec.whatIf), more...)
	if t.trace != nil {
		r, err := readRules(t.stdio, spec.config, spec.whatIf)
		if err != nil {
			return nil, nil, err
		}
		spec.from, spec.to = time.Time{}, time.Time{} // it is cut already
		recorded := t.trace
		if minutes == t.fit {
			recorded = t.head
		}
		p, err := spec.ofTrace(recorded, r)
		return &spec, p, err
	}
	cfg, err := spec.configuration(t.stdio)
	if err != nil {
		return nil, nil, err
	}
	p, err := spec.pastOf(cfg, t.history.head(minutes), t.warnings)
	return &spec, p, err
}

// cutAt is the first part of a trace.
func cutAt(t *trace.Trace, minutes int) (*trace.Trace, error) {
	s := backtestSpec{to: t.TimeOf(minutes)}
	return s.cut(t)
}
