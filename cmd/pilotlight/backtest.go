package main

import (
	"time"

	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

func backtest(stdio app.IO) *cobra.Command {
	var o app.BacktestOptions
	var lead time.Duration
	var cost float64
	cmd := &cobra.Command{
		Use: "backtest", Args: noArgs,
		Short: "Replay history: what would have happened under Pilotlight, under what runs today and under baselines",
		Long: "backtest loops the engine over the history of the configured collectors, or over a trace folder, and lets a simulated\n" +
			"platform meet the same invocations under Pilotlight, under what runs today, under well-known policies and under perfect\n" +
			"foresight. It writes to no platform. Same history, same bytes, whatever the number of workers.",
		Example: "  pilotlight backtest --config pilotlight.yaml --html report.html\n" +
			"  pilotlight backtest --trace testdata/traces/azure2021-14d --setting provider --current kpa\n" +
			"  pilotlight backtest --config pilotlight.yaml --what-if policy.hysteresis=0.2 --what-if 'targets[0].lead=30s'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("lead") {
				o.Lead = &lead
			}
			if cmd.Flags().Changed("cold-start-cost") {
				o.ColdStartCost = &cost
			}
			return app.Backtest(cmd.Context(), stdio, o)
		},
	}
	f := cmd.Flags()
	historyFlags{&o.Config, &o.Trace, &o.From, &o.To, &o.Warmup, &o.Setting, &lead}.add(cmd)
	f.StringVar(&o.Current, "current", "", "what runs today, by the name of a baseline: on-demand, fixed-N, floor-N, hpa, kpa, ... (default: on-demand, in the provider setting fixed-10)")
	f.Float64Var(&cost, "cold-start-cost", 0, "takes the place of policy.cold_start_price: GB-seconds of idle memory that avoiding a second of cold start is worth")
	f.StringArrayVar(&o.WhatIf, "what-if", nil, "value of the configuration to try, as path=value; may be repeated")
	f.StringVar(&o.Curve, "curve", app.DefaultCurve, "prices of a cold start for the trade-off curve, or none")
	f.IntVar(&o.CurveTargets, "curve-targets", app.DefaultCurveTargets, "targets of the trade-off curve at most, chosen evenly by their traffic")
	f.StringVar(&o.HTML, "html", "", "write a report to this file")
	f.StringVar(&o.JSON, "json", "", "write all results to this file")
	f.StringVar(&o.Output, "output", "table", "table, json or none on standard output")
	f.IntVar(&o.Workers, "workers", 0, "work done at a time (default: one per core); changes no byte of the result")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the times and durations of invocations")
	return cmd
}
