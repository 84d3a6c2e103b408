package main

import (
	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

func accuracy(stdio app.IO) *cobra.Command {
	var o app.AccuracyOptions
	cmd := &cobra.Command{
		Use: "accuracy", Args: noArgs,
		Short: "Forecast the past of series and score what then came",
		Long: "accuracy reads series as forecast does, makes forecasts from several past origins, and compares them with what then came:\n" +
			"sMAPE, MASE, OWA, WQL, coverage of the quantiles, processor time; each beside seasonal naive. With --test it scores one\n" +
			"forecast from the end of each series instead, as in the M4 competition. --compare puts forecasts of other programs into the\n" +
			"same table: a CSV file with model,series,origin,step,mean,q0.1,… (origin is the index of the first step forecast, from 0).",
		Example: "  pilotlight accuracy --input testdata/series/azure2021-hourly.csv --horizon 24 --models all --html accuracy.html",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "input"); err != nil {
				return err
			}
			return app.Accuracy(cmd.Context(), stdio, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Input, "input", "", "CSV file to read, - is standard input")
	f.IntVar(&o.Horizon, "horizon", 0, "steps of each forecast (default with --test: as many as the continuation has)")
	f.IntVar(&o.Origins, "origins", 5, "forecasts of each series: the latest ones that do not overlap")
	f.StringVar(&o.Test, "test", "", "CSV file with the continuation of each series, to score a single forecast by")
	f.StringVar(&o.Compare, "compare", "", "CSV file with forecasts made elsewhere, to score beside ours")
	f.StringVar(&o.Point, "point", "mean", "what is scored as the point forecast: mean (the column of that name) or median")
	f.StringVar(&o.Output, "output", "table", "table or json")
	f.StringVar(&o.HTML, "html", "", "also write a page with plots into this file")
	f.IntVar(&o.Workers, "workers", 0, "series worked on at a time (default: one per core)")
	seriesFlags(cmd, &o.SeriesOptions)
	f.Lookup("models").Usage = "models to score alone beside the ensemble, or all"
	return cmd
}
