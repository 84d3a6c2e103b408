package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/internal/engine"
	"pilotlight/models"
)

// PlanOptions are the flags of plan.
type PlanOptions struct {
	Config, Output string
	// Rehearse asks platforms that can tell whether they would accept the changes; it adds to engine.rehearse.
	Rehearse bool
}

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
	built, err := build(cfg, models.ModeDryRun, gate, env{ctx: ctx, logger: logger, reg: prometheus.NewRegistry(), now: now, lookup: stdio.Env})
	if err != nil {
		return false, err
	}
	// A plan is made once: there is no restart to be careful about.
	built.Settings.RestartHold = 0
	built.Settings.Rehearse = built.Settings.Rehearse || o.Rehearse
	built.Settings.Calls = 0 // every target is read, however long that takes
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
	if len(targets) == 0 {
		return false, fmt.Errorf("no plan: the collectors found functions, but none that an entry of targets takes and that can be used; "+
			"check id, match and collector of the entries: %w", models.ErrNotFound)
	}
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
	var decided []models.Decision
	for _, s := range targets {
		if s.Latest != nil {
			decided = append(decided, s.Latest.Decision)
		}
	}
	rows, err := planRows(decided)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(rows[0])
	changes := 0
	for i, d := range decided {
		if d.Changes() {
			changes++
		}
		b.WriteString(rows[i+1])
		for _, r := range d.Reasons {
			fmt.Fprintf(&b, "  - %s\n", r)
		}
	}
	fmt.Fprintf(&b, "%d of %d targets would change. Nothing was written.\n", changes, len(decided))
	if err := planMemory(&b, targets); err != nil {
		return err
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// planRows returns the lines of the table, its head first. The columns are as wide as these lines need, whatever the length
// of the reasons between them.
func planRows(decided []models.Decision) ([]string, error) {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TARGET\tNOW\tRECOMMENDED\tIDLE $/H\tCOLD STARTS SAVED")
	for _, d := range decided {
		want := "hold"
		if d.Changes() {
			want = d.Desired.String()
		}
		fmt.Fprintf(t, "%q\t%s\t%s\t%.4f\t%.2f\n", string(d.Target), d.Current, want, d.Price.USDPerHour, d.Price.ColdStartsSaved)
	}
	err := t.Flush()
	return strings.SplitAfter(b.String(), "\n"), err
}
