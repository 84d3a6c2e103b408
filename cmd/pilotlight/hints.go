package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

// hints builds the commands about known events.
func hints(stdio app.IO) *cobra.Command {
	cmd := &cobra.Command{
		Use: "hints", Args: noArgs,
		Short: "List, add, remove and import events that are known beforehand",
		Long: "hints talks to the API of a running daemon. A hint says when the load of which targets will be a multiple of what is\n" +
			"usual, or how many instances are to be warm then: a campaign, a release, a nightly batch run. Hints of the\n" +
			"configuration are changed there.\n\n" +
			"The daemon is named with --server or PILOTLIGHT_SERVER, its token with --token-file or PILOTLIGHT_TOKEN.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(listHints(stdio), addHint(stdio), removeHints(stdio), importHints(stdio), parseHints(stdio), confirmHints(stdio))
	return cmd
}

// serverFlags adds the flags of commands that talk to a daemon.
func serverFlags(cmd *cobra.Command, o *app.HintsOptions) {
	f := cmd.Flags()
	f.StringVar(&o.Server, "server", "", "address of the API (default PILOTLIGHT_SERVER, else http://127.0.0.1:8080)")
	f.StringVar(&o.TokenFile, "token-file", "", "file with the token of the API (default the token in PILOTLIGHT_TOKEN)")
	f.StringVar(&o.Output, "output", "table", "table or json")
}

func listHints(stdio app.IO) *cobra.Command {
	var o app.ListHintsOptions
	cmd := &cobra.Command{
		Use: "list", Args: noArgs,
		Short: "Show the hints in force, with what is next",
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.ListHints(cmd.Context(), stdio, o) },
	}
	serverFlags(cmd, &o.HintsOptions)
	f := cmd.Flags()
	f.StringVar(&o.Target, "target", "", "only hints about this target")
	f.StringVar(&o.At, "at", "", "only hints that take place at this time, such as 2026-11-27T20:00 in UTC")
	f.StringVar(&o.Source, "source", "", "only hints from config, api, calendar or advisor")
	return cmd
}

func addHint(stdio app.IO) *cobra.Command {
	var o app.AddHintOptions
	cmd := &cobra.Command{
		Use: "add", Args: noArgs,
		Short: "Say what is known to come",
		Example: "  pilotlight hints add --id black-friday --start 2026-11-26T20:00 --duration 6h --time-zone Europe/Berlin --target 'shop/*' --multiplier 4\n" +
			"  pilotlight hints add --start 2026-11-30T02:00 --duration 1h --recurrence 'FREQ=WEEKLY;BYDAY=MO' --group import --floor 20 --reason 'batch run'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "start"); err != nil {
				return err
			}
			return app.AddHint(cmd.Context(), stdio, o)
		},
	}
	serverFlags(cmd, &o.HintsOptions)
	f := cmd.Flags()
	f.StringVar(&o.ID, "id", "", "name of the hint; adding it again replaces it")
	f.StringVar(&o.Start, "start", "", "when it begins, such as 2026-11-27T20:00 in --time-zone, or 2026-11-27T20:00:00+01:00")
	f.StringVar(&o.End, "end", "", "when it ends")
	f.DurationVar(&o.Duration, "duration", 0, "how long it takes, instead of --end")
	f.StringVar(&o.Recurrence, "recurrence", "", "rule of RFC 5545 by which it takes place again, such as FREQ=WEEKLY;BYDAY=FR")
	f.StringVar(&o.TimeZone, "time-zone", "", "IANA name of the time zone of times and recurrence, such as Europe/Berlin (default UTC)")
	f.StringArrayVar(&o.Except, "except", nil, "start of an occurrence that does not take place; may be given several times")
	f.StringArrayVar(&o.Targets, "target", nil, "glob of target ids; may be given several times; without any selector the hint is about all targets")
	f.StringArrayVar(&o.Groups, "group", nil, "group of targets; may be given several times")
	f.StringArrayVar(&o.Labels, "label", nil, "label that targets have to have, as name=glob; may be given several times")
	f.Float64Var(&o.Multiplier, "multiplier", 0, "how many times the usual load there will be")
	f.IntVar(&o.Floor, "floor", 0, "how many instances are to be warm at least")
	f.StringVar(&o.Reason, "reason", "", "what happens, in words")
	return cmd
}

func removeHints(stdio app.IO) *cobra.Command {
	var o app.HintsOptions
	cmd := &cobra.Command{
		Use: "remove ID...", Short: "Take hints back",
		RunE: func(cmd *cobra.Command, ids []string) error { return app.RemoveHints(cmd.Context(), stdio, o, ids) },
	}
	serverFlags(cmd, &o)
	return cmd
}

func importHints(stdio app.IO) *cobra.Command {
	var o app.ImportHintsOptions
	cmd := &cobra.Command{
		Use: "import FILE",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: %s needs one iCalendar file, or - for the standard input", app.ErrUsage, cmd.CommandPath())
			}
			return nil
		},
		Short: "Import the events of an iCalendar file (.ics)",
		Long: "import sends an iCalendar file to the daemon, which reads its events as hints. What an event does to the load comes\n" +
			"from its properties X-PILOTLIGHT-MULTIPLIER, -FLOOR, -TARGETS, -GROUPS and -LABELS, else from --category, else from\n" +
			"--multiplier, --floor, --target and --group. A second import of the same file changes nothing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.ImportHints(cmd.Context(), stdio, o, args[0])
		},
	}
	serverFlags(cmd, &o.HintsOptions)
	f := cmd.Flags()
	f.StringVar(&o.Calendar, "calendar", "", "name of the calendar, so that a later import knows its hints (default the name of the file)")
	f.BoolVar(&o.DryRun, "dry-run", false, "only show what would change")
	f.BoolVar(&o.Strict, "strict", false, "import nothing if an event cannot be used")
	f.BoolVar(&o.Replace, "replace", false, "also remove the hints of events that the calendar no longer has")
	f.Float64Var(&o.Multiplier, "multiplier", 0, "multiplier of events that say nothing themselves")
	f.IntVar(&o.Floor, "floor", 0, "floor of such events")
	f.StringArrayVar(&o.Targets, "target", nil, "glob of target ids for events that name none; may be given several times")
	f.StringArrayVar(&o.Groups, "group", nil, "group for such events; may be given several times")
	f.StringArrayVar(&o.Categories, "category", nil, "multiplier of events of a category, as campaign=3; may be given several times")
	f.StringVar(&o.TimeZone, "time-zone", "", "IANA zone of times that name none (default that of the calendar, else UTC)")
	f.StringArrayVar(&o.NamedZones, "map-zone", nil, "IANA name of a zone that the calendar made up, as HQ=Europe/Berlin; may be given several times")
	f.BoolVar(&o.IgnoreOwn, "ignore-properties", false, "leave the X-PILOTLIGHT properties of events out")
	return cmd
}
