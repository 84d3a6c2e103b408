package main

import (
	"time"

	"github.com/spf13/cobra"
)

// historyFlags are the flags of commands that replay history, and where their values go.
type historyFlags struct {
	config, trace, from, to, warmup, setting *string
	lead                                     *time.Duration
}

// add adds the flags to the command.
func (h historyFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(h.config, "config", "", "configuration file; without --trace the history is that of its collectors")
	f.StringVar(h.trace, "trace", "", "trace folder; with --config, predictor and policy are from there")
	f.StringVar(h.from, "from", "", "start of the history, like 2026-01-31 or 2026-01-31T15:04:05Z (default: 14 days before --to, or all of the trace)")
	f.StringVar(h.to, "to", "", "end of the history (default: now, or the end of the trace)")
	f.StringVar(h.warmup, "warmup", "", "first part of the history that is not counted (default: 48h if there are more than 4 days, else none)")
	f.StringVar(h.setting, "setting", "customer", "customer (the platform keeps idle instances for free) or provider (all warmth is paid)")
	f.DurationVar(h.lead, "lead", 0, "time until a raised floor is ready, for all targets (default: as configured, 1m for a trace)")
}
