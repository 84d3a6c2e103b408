package main

import (
	"time"

	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

func tune(stdio app.IO) *cobra.Command {
	var o app.TuneOptions
	var lead time.Duration
	cmd := &cobra.Command{
		Use: "tune", Args: noArgs,
		Short: "Find the policy values that meet the objective best on history, and print them as configuration",
		Long: "tune tries values of the policy on the first two thirds of the history of the configured collectors, or of a trace folder,\n" +
			"in the way of backtest, and checks the best on the last third, which the search has not seen. Where the gain there is\n" +
			"within noise, the present values stay. It prints a configuration, with what was found in comments, and writes to no platform.",
		Example: "  pilotlight tune --config pilotlight.yaml > tuned.yaml && pilotlight check --config tuned.yaml\n" +
			"  pilotlight tune --trace testdata/traces/azure2021-14d --setting provider --objective cold_start_share=0.005\n" +
			"  pilotlight tune --config pilotlight.yaml --by class --objective monthly_usd=50",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("lead") {
				o.Lead = &lead
			}
			return app.Tune(cmd.Context(), stdio, o)
		},
	}
	f := cmd.Flags()
	historyFlags{&o.Config, &o.Trace, &o.From, &o.To, &o.Warmup, &o.Setting, &lead}.add(cmd)
	f.StringVar(&o.Objective, "objective", "", "price, cold_start_usd=X, cold_start_share=X, p99_latency=D or monthly_usd=X (default: policy.objective of the configuration)")
	f.StringVar(&o.By, "by", "all", "what gets values of its own: all (targets together), class (busy, regular, rare) or target")
	f.StringArrayVar(&o.WhatIf, "what-if", nil, "value of the configuration to begin with, as path=value; may be repeated")
	f.StringVar(&o.Output, "output", "yaml", "yaml (the configuration) or json (all numbers)")
	f.IntVar(&o.Workers, "workers", 0, "work done at a time (default: one per core); changes no byte of the result")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the times and durations of invocations")
	return cmd
}
