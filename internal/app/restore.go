package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/internal/engine"
	"pilotlight/internal/journal"
	"pilotlight/models"
)

// RestoreOptions are the flags of restore.
type RestoreOptions struct {
	Config, Output, Note string
	Targets              []string
	DryRun, Yes          bool
}

// Restore gives targets back the capacity that they had before Pilotlight first changed it, while no daemon runs. Without Yes it only
// shows what would be changed, and reports whether something would. What could not be restored is an error.
func Restore(ctx context.Context, stdio IO, o RestoreOptions) (due bool, err error) {
	order, err := o.order()
	if err != nil {
		return false, err
	}
	results, err := restoreOffline(ctx, stdio, o.Config, order)
	if err != nil {
		return false, err
	}
	if o.Output == "json" {
		err = restoreJSON(stdio.Out, results)
	} else {
		err = restoreTable(stdio.Out, results, order.DryRun)
	}
	if err != nil {
		return false, err
	}
	failed := 0
	for _, r := range results {
		if r.Status == models.RestoreFailed {
			failed++
		}
		due = due || r.Status == models.RestoreDue
	}
	if failed > 0 {
		return false, fmt.Errorf("%d of %d targets could not be restored, for the reasons above; run it again once they are gone", failed, len(results))
	}
	return due, nil
}

// order returns what the flags ask for.
func (o *RestoreOptions) order() (models.RestoreOrder, error) {
	order := models.RestoreOrder{By: "command line, " + userName(), Note: o.Note, DryRun: !o.Yes}
	switch {
	case o.Output != "table" && o.Output != "json":
		return order, fmt.Errorf("%w: --output %q is not table or json", ErrUsage, o.Output)
	case o.DryRun && o.Yes:
		return order, fmt.Errorf("%w: --dry-run and --yes contradict one another", ErrUsage)
	}
	for _, text := range o.Targets {
		id := models.TargetID(text)
		if err := id.Validate(); err != nil {
			return order, fmt.Errorf("%w: --target: %w", ErrUsage, err)
		}
		order.Targets = append(order.Targets, id)
	}
	return order, nil
}

// restoreOffline opens the journal of the configuration, which no daemon may hold, and carries the order out.
func restoreOffline(ctx context.Context, stdio IO, path string, order models.RestoreOrder) (results []models.Restored, err error) {
	logger, err := newLogger(stdio.Err, "warn", "logfmt")
	if err != nil {
		return nil, err
	}
	cfg, mode, err := load(stdio, path, "")
	if err != nil {
		return nil, err
	}
	gate := &engine.Gate{}
	built, err := build(cfg, mode, gate, env{ctx: ctx, logger: logger, reg: prometheus.NewRegistry(), now: now})
	if err != nil {
		return nil, err
	}
	dir := cfg.Storage().Dir
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no journal in %s, so there is nothing to restore: check storage.dir: %w", dir, models.ErrNotFound)
	}
	j, err := journal.Open(ctx, journal.Options{
		Dir: dir, Now: now, MaxAge: models.Duration(cfg.Storage().MaxAge), Logger: logger.With("component", "journal"),
	})
	switch {
	case errors.Is(err, journal.ErrInUse):
		return nil, fmt.Errorf("the daemon runs: stop it first, or send POST /api/v1/restore to its API: %w", err)
	case err != nil:
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	eng, err := engine.New(built, engine.Deps{Journal: j, State: j, Gate: gate, Clock: now, Logger: logger.With("component", "engine")})
	if err != nil {
		return nil, err
	}
	if err := eng.Restore(ctx); err != nil {
		return nil, err
	}
	return eng.PutBack(ctx, order, nil)
}

// userName returns who runs the program, for the audit trail.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown user"
}

// restoredJSON is the form of a result in JSON.
type restoredJSON struct {
	Target   models.TargetID      `json:"target"`
	Actuator string               `json:"actuator"`
	Ref      string               `json:"ref"`
	Current  models.Capacity      `json:"current"`
	Original models.Capacity      `json:"original"`
	Status   models.RestoreStatus `json:"status"`
	Why      string               `json:"why,omitempty"`
}

// restoreJSON prints the results as a JSON array.
func restoreJSON(w io.Writer, results []models.Restored) error {
	all := make([]restoredJSON, len(results))
	for i, r := range results {
		all[i] = restoredJSON(r)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

// restoreTable prints the results for people.
func restoreTable(w io.Writer, results []models.Restored, dryRun bool) error {
	var b strings.Builder
	count := map[models.RestoreStatus]int{}
	if len(results) > 0 {
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "TARGET\tNOW\tBEFORE PILOTLIGHT\tSTATUS\tWHY")
		for _, r := range results {
			count[r.Status]++
			why := ""
			if r.Why != "" {
				why = fmt.Sprintf("%q", r.Why)
			}
			fmt.Fprintf(t, "%q\t%s\t%s\t%s\t%s\n", string(r.Target), r.Current, r.Original, r.Status, why)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	switch {
	case dryRun && count[models.RestoreDue] > 0:
		fmt.Fprintf(&b, "%d of %d targets would be restored. Nothing was written; --yes carries it out.\n", count[models.RestoreDue], len(results))
	case dryRun:
		b.WriteString("Nothing is to be restored.\n")
	default:
		fmt.Fprintf(&b, "%d restored, %d unchanged, %d left to somebody else, %d failed. Writes are paused until POST /api/v1/resume.\n",
			count[models.RestoreDone], count[models.RestoreSame], count[models.RestoreLeft], count[models.RestoreFailed])
	}
	_, err := io.WriteString(w, b.String())
	return err
}
