package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

// root builds the command tree.
func root(stdio app.IO) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pilotlight",
		Short: "Predict the traffic of serverless functions and pre-warm them",
		Long: "Pilotlight reads the traffic of serverless functions from Prometheus, forecasts it, and keeps just enough warm\n" +
			"instances ready before it arrives. It only recommends unless told to act.\n\n" +
			"Start with: pilotlight demo",
		SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: there is no command %q; see pilotlight --help", app.ErrUsage, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetOut(stdio.Out)
	cmd.SetErr(stdio.Err)
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", app.ErrUsage, err, cmd.CommandPath())
	})
	cmd.AddCommand(demo(stdio), daemon(stdio), plan(stdio), restore(stdio), hints(stdio), notes(stdio), advise(stdio), advisor(stdio), explain(stdio), backtest(stdio), tune(stdio), replay(stdio), forecast(stdio), accuracy(stdio), check(stdio),
		version(stdio))
	return cmd
}

// noArgs refuses arguments besides flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: %s takes flags only, not %q", app.ErrUsage, cmd.CommandPath(), args[0])
	}
	return nil
}

// need checks that the flags were given.
func need(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f == nil || f.Value.String() == "" {
			return fmt.Errorf("%w: %s needs --%s; see %s --help", app.ErrUsage, cmd.CommandPath(), name, cmd.CommandPath())
		}
	}
	return nil
}

func demo(stdio app.IO) *cobra.Command {
	var o app.DemoOptions
	cmd := &cobra.Command{
		Use: "demo", Args: noArgs,
		Short: "Show the whole product on a recorded real trace, with everything embedded",
		Long: "demo starts an embedded Prometheus with recorded traffic of real functions, the engine, a simulated function\n" +
			"platform and the API, and lets recorded time run fast. It compares cold starts and idle memory with and without\n" +
			"Pilotlight. Nothing leaves this machine.",
		RunE: func(cmd *cobra.Command, _ []string) error { return app.Demo(cmd.Context(), stdio, o) },
	}
	f := cmd.Flags()
	f.Float64Var(&o.Speed, "speed", 0, "recorded seconds per second; 0 is as fast as it goes with --once, else 3600")
	f.BoolVar(&o.Once, "once", false, "end with the summary instead of waiting for Ctrl-C")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address of the API; with --once a free port if it is taken")
	f.StringVar(&o.Plot, "plot", "", "also draw the busiest function into this .svg or .png file")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the simulated platform")
	return cmd
}

func daemon(stdio app.IO) *cobra.Command {
	var o app.RunOptions
	cmd := &cobra.Command{
		Use: "run", Args: noArgs,
		Short: "Run the daemon with its API",
		Long: "run reads, forecasts and decides once per interval and serves the REST API. The mode is dry-run unless the\n" +
			"configuration or --mode says otherwise: nothing is written to any platform. SIGHUP reloads the configuration.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "config"); err != nil {
				return err
			}
			return app.Run(cmd.Context(), stdio, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Config, "config", "", "configuration file")
	f.StringVar(&o.Mode, "mode", "", "dry-run, approve or auto; overrides the configuration")
	f.StringVar(&o.LogLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.LogFormat, "log-format", "logfmt", "logfmt or json")
	return cmd
}

func plan(stdio app.IO) *cobra.Command {
	var o app.PlanOptions
	cmd := &cobra.Command{
		Use: "plan", Args: noArgs,
		Short: "Show what one cycle would change, why and at what price; exit 2 if there are changes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "config"); err != nil {
				return err
			}
			changes, err := app.Plan(cmd.Context(), stdio, o)
			if err == nil && changes {
				return exitError(2)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Config, "config", "", "configuration file")
	f.StringVar(&o.Output, "output", "table", "table or json")
	f.BoolVar(&o.Rehearse, "rehearse", false, "ask platforms that can check a change without making it whether they would accept it")
	return cmd
}

func restore(stdio app.IO) *cobra.Command {
	var o app.RestoreOptions
	cmd := &cobra.Command{
		Use: "restore", Args: noArgs,
		Short: "Give targets back the capacity they had before Pilotlight; exit 2 if there is something to restore",
		Long: "restore reads from the journal what Pilotlight has changed and what was there before, and shows it; with --yes it\n" +
			"gives it back, through the same gate and with the same records as any other write, whatever the mode. What somebody\n" +
			"else has changed since is left as it is. Afterwards writes are paused until POST /api/v1/resume. It can be repeated.\n" +
			"It works while no daemon runs; a running one is asked with POST /api/v1/restore.\n\n" +
			"Exit status: 0 nothing is left to restore, 2 something is and --yes was not given, 1 something could not be restored.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "config"); err != nil {
				return err
			}
			due, err := app.Restore(cmd.Context(), stdio, o)
			if err == nil && due {
				return exitError(2)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Config, "config", "", "configuration file")
	f.StringArrayVar(&o.Targets, "target", nil, "restore this target only; may be given several times")
	f.BoolVar(&o.DryRun, "dry-run", false, "only show what would be restored, which is the default")
	f.BoolVar(&o.Yes, "yes", false, "restore")
	f.StringVar(&o.Note, "note", "", "why, for the audit trail")
	f.StringVar(&o.Output, "output", "table", "table or json")
	return cmd
}

func replay(stdio app.IO) *cobra.Command {
	o := app.ReplayOptions{Setting: "customer"}
	var cost float64
	cmd := &cobra.Command{
		Use: "replay", Args: noArgs,
		Short: "Run the engine over a recorded trace and write its decisions",
		Long: "replay loops the engine over a trace folder, minute by minute, and writes time_s,function,warm and in the provider\n" +
			"setting keep_alive_s. A decision uses only minutes that had ended. Same input, same bytes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "trace", "decisions"); err != nil {
				return err
			}
			if cmd.Flags().Changed("cold-start-cost") {
				o.ColdStartCost = &cost
			}
			return app.Replay(cmd.Context(), stdio, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Trace, "trace", "", "trace folder")
	f.StringVar(&o.Decisions, "decisions", "", "file to write, gzipped if it ends in .gz")
	f.DurationVar(&o.Lead, "lead", time.Minute, "time until a raised floor is ready")
	f.StringVar(&o.Setting, "setting", o.Setting, "customer (the platform keeps idle instances for free) or provider (all warmth is paid)")
	f.Float64Var(&cost, "cold-start-cost", 100, "GB-seconds of idle memory that avoiding a second of cold start is worth; takes the place of that in --config")
	f.StringVar(&o.Config, "config", "", "take predictor and policy from this configuration file")
	f.IntVar(&o.Workers, "workers", 0, "functions worked on at a time (default: one per core); changes no byte of the result")
	return cmd
}

func check(stdio app.IO) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "check", Args: noArgs,
		Short: "Check a configuration file with the daemon's own loader",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "config"); err != nil {
				return err
			}
			return app.Check(stdio, file)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file")
	return cmd
}

func version(stdio app.IO) *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: noArgs,
		Short: "Print the version",
		RunE:  func(*cobra.Command, []string) error { return app.Version(stdio) },
	}
}
