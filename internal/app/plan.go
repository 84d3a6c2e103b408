package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/internal/engine"
	"pilotlight/models"
)

// PlanOptions are the flags of plan.
type PlanOptions struct{ Config, Output string }

// Plan does one cycle without writing anything, prints what would change and reports whether something would.
func Plan(ctx context.Context, stdio IO, o PlanOptions) (changes bool, err error) {
	if o.Output != "table" && o.Output != "json" {
		return false, fmt.Errorf("%w: --output %q is not table or json", ErrUsage, o.Output)
	}
	logger, err := newLogger(stdio.Err, "warn", "logfmt")
	if err != nil {
		return false, err
	}
	cfg, _, err := load(stdio, o.Config, string(models.ModeDryRun))
	if err != nil {
		return false, err
	}
	gate := &engine.Gate{}
	built, err := build(cfg, models.ModeDryRun, gate, env{ctx: ctx, logger: logger, reg: prometheus.NewRegistry(), now: now})
	if err != nil {
		return false, err
	}
	// A plan is made once: there is no restart to be careful about.
	built.Settings.RestartHold = 0
	eng, err := engine.New(built, engine.Deps{
		Journal: engine.Forgetful{}, State: engine.Forgetful{}, Gate: gate, Clock: now, Logger: logger,
	})
	if err != nil {
		return false, err
	}
	if err := cycle(ctx, eng); err != nil {
		return false, err
	}
	targets := eng.Targets()
	changes = slices.ContainsFunc(targets, func(t models.TargetStatus) bool { return t.Latest != nil && t.Latest.Decision.Changes() })
	if o.Output == "json" {
		return changes, planJSON(stdio.Out, targets)
	}
	return changes, planTable(stdio.Out, targets)
}

// cycle does one step and returns everything that stands in the way of a plan.
func cycle(ctx context.Context, eng *engine.Engine) error {
	if err := eng.Step(ctx, now()); err != nil {
		return err
	}
	var errs []error
	for _, why := range eng.Ready() {
		errs = append(errs, errors.New(why))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("no plan: %w", err)
	}
	return nil
}

// planJSON prints the decisions as a JSON array.
func planJSON(w io.Writer, targets []models.TargetStatus) error {
	decisions := make([]models.Decision, 0, len(targets))
	for _, t := range targets {
		if t.Latest != nil {
			decisions = append(decisions, t.Latest.Decision)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(decisions)
}

// planTable prints the decisions for people, each with its reasons below.
func planTable(w io.Writer, targets []models.TargetStatus) error {
	if len(targets) == 0 {
		_, err := fmt.Fprintln(w, "No targets: the collectors found none that an entry of `targets` takes.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	changes := 0
	fmt.Fprintln(t, "TARGET\tNOW\tRECOMMENDED\tIDLE $/H\tCOLD STARTS SAVED")
	for _, s := range targets {
		if s.Latest == nil {
			continue
		}
		d := s.Latest.Decision
		want := "hold"
		if d.Changes() {
			changes++
			want = d.Desired.String()
		}
		fmt.Fprintf(t, "%q\t%s\t%s\t%.4f\t%.2f\n", string(s.Target.ID), d.Current, want, d.Price.USDPerHour, d.Price.ColdStartsSaved)
		for _, r := range d.Reasons {
			fmt.Fprintf(t, "  - %s\t\t\t\t\n", r)
		}
	}
	fmt.Fprintf(t, "%d of %d targets would change. Nothing was written.\n", changes, len(targets))
	return t.Flush()
}
