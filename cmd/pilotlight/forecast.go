package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

func forecast(stdio app.IO) *cobra.Command {
	var o app.ForecastOptions
	cmd := &cobra.Command{
		Use: "forecast", Args: noArgs,
		Short: "Forecast the series of a CSV file",
		Long: "forecast reads series,value rows in time order and writes series,step,mean,q0.1,… for the next steps. A column timestamp\n" +
			"(RFC 3339, 2026-11-24 18:00:00, Unix seconds or milliseconds) is optional: rows are then sorted by it and steps without a\n" +
			"row are missing values, as are empty ones. Other columns are left out, and gzip is recognised. The wide files of the M4\n" +
			"competition can be read too.",
		Example: "  pilotlight forecast --input testdata/series/azure2021-hourly.csv --horizon 24 --quantiles 0.1,0.5,0.9 --explain",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "input"); err != nil {
				return err
			}
			if !cmd.Flags().Changed("horizon") {
				return fmt.Errorf("%w: %s needs --horizon; see %s --help", app.ErrUsage, cmd.CommandPath(), cmd.CommandPath())
			}
			return app.Forecast(cmd.Context(), stdio, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Input, "input", "", "CSV file to read, - is standard input")
	f.IntVar(&o.Horizon, "horizon", 0, "steps to forecast")
	f.StringVar(&o.Output, "output", "", "file to write, gzipped if it ends in .gz (default: standard output)")
	f.StringVar(&o.Quantiles, "quantiles", "", "levels of the quantiles (default 0.1 to 0.9, 0.95 and 0.99)")
	f.StringVar(&o.Explain, "explain", "", "also say how each forecast came about, as text or json; to standard error unless --output names a file")
	f.Lookup("explain").NoOptDefVal = "text"
	f.StringVar(&o.Plot, "plot", "", "also draw the forecasts into this .svg or .png file")
	f.IntVar(&o.Workers, "workers", 0, "series worked on at a time (default: one per core); changes no byte of the result")
	seriesFlags(cmd, &o.SeriesOptions)
	return cmd
}

// seriesFlags are the flags about series that forecast and accuracy share.
func seriesFlags(cmd *cobra.Command, o *app.SeriesOptions) {
	f := cmd.Flags()
	f.StringVar(&o.Period, "period", "", "lengths of the seasons in steps, such as 24,168, or none (default: detected)")
	f.StringVar(&o.Models, "models", "", "models to use, or all (default: those that suit the series)")
	f.DurationVar(&o.Step, "step", 0, "time between two values (default: the most common one of the timestamps)")
	f.StringVar(&o.TimeZone, "time-zone", "UTC", "whose clocks the load follows, and where timestamps without a zone are")
	f.StringVar(&o.Holidays, "holidays", "", "dates that are like a Sunday, such as 2026-12-25,2026-12-24=saturday, or @FILE with one on each line")
}
