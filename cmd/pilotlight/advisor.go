package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

// one wants exactly one argument.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%w: %s needs %s; see %s --help", app.ErrUsage, cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

func advise(stdio app.IO) *cobra.Command {
	var o app.AdviseOptions
	cmd := &cobra.Command{
		Use: "advise", Args: noArgs,
		Short: "Ask the advisor of a running daemon now, or show what would be sent",
		Example: "  pilotlight advise --show-prompt\n" +
			"  pilotlight advise --text 'the newsletter goes out at noon'",
		RunE: func(cmd *cobra.Command, _ []string) error { return app.Advise(cmd.Context(), stdio, o) },
	}
	serverFlags(cmd, &o.HintsOptions)
	f := cmd.Flags()
	f.StringVar(&o.Text, "text", "", "what you know about the load to come")
	f.BoolVar(&o.ShowPrompt, "show-prompt", false, "only show what would leave the process; nothing is sent")
	return cmd
}

func advisor(stdio app.IO) *cobra.Command {
	cmd := &cobra.Command{
		Use: "advisor", Args: noArgs,
		Short: "Show what advice was worth",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var o app.HintsOptions
	report := &cobra.Command{
		Use: "report", Args: noArgs,
		Short: "Show what came of hints and advice, and what the advice has cost",
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.AdvisorReport(cmd.Context(), stdio, o) },
	}
	serverFlags(report, &o)
	cmd.AddCommand(report)
	return cmd
}

func parseHints(stdio app.IO) *cobra.Command {
	var o app.ParseHintsOptions
	cmd := &cobra.Command{
		Use: "parse TEXT", Args: one("one text in quotes"),
		Short:   "Have the advisor read hints out of a text, and confirm them",
		Example: "  pilotlight hints parse 'Black Friday starts Thursday 20:00, expect 4x on checkout' --time-zone Europe/Berlin",
		RunE:    func(cmd *cobra.Command, args []string) error { return app.ParseHints(cmd.Context(), stdio, o, args[0]) },
	}
	serverFlags(cmd, &o.HintsOptions)
	f := cmd.Flags()
	f.StringVar(&o.TimeZone, "time-zone", "", "IANA name of the zone that the text means (default that of the configuration)")
	f.BoolVar(&o.Yes, "yes", false, "put what was understood into force without asking")
	return cmd
}

func confirmHints(stdio app.IO) *cobra.Command {
	var o app.HintsOptions
	cmd := &cobra.Command{
		Use: "confirm ID", Args: one("the id of a proposal of pilotlight hints parse"),
		Short: "Put the hints of a proposal into force",
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.ConfirmHints(cmd.Context(), stdio, o, args[0])
		},
	}
	serverFlags(cmd, &o)
	return cmd
}

func explain(stdio app.IO) *cobra.Command {
	var o app.ExplainOptions
	cmd := &cobra.Command{
		Use: "explain TARGET", Args: one("the id of one target"),
		Short: "Explain why the capacity of a target is as it is",
		RunE:  func(cmd *cobra.Command, args []string) error { return app.Explain(cmd.Context(), stdio, o, args[0]) },
	}
	serverFlags(cmd, &o.HintsOptions)
	cmd.Flags().StringVar(&o.Question, "question", "", "what is to be explained (default why the capacity is as it is)")
	return cmd
}

func notes(stdio app.IO) *cobra.Command {
	cmd := &cobra.Command{
		Use: "notes", Args: noArgs,
		Short: "Note deployments, incidents and what else explains or announces load, for the advisor",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var o app.AddNoteOptions
	add := &cobra.Command{
		Use: "add", Args: noArgs,
		Short:   "Note something that happened",
		Example: "  pilotlight notes add --kind deployment --target shop/checkout --text 'version 4.2 is out'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "kind", "text"); err != nil {
				return err
			}
			return app.AddNote(cmd.Context(), stdio, o)
		},
	}
	serverFlags(add, &o.HintsOptions)
	f := add.Flags()
	f.StringVar(&o.Kind, "kind", "", "what it was: deployment, incident, alert or a word of yours")
	f.StringVar(&o.Text, "text", "", "what happened, in words")
	f.StringVar(&o.Target, "target", "", "id of the target that it is about")
	f.StringVar(&o.Group, "group", "", "group that it is about")
	f.StringVar(&o.At, "at", "", "when it happened, such as 2026-11-27T20:00 in UTC (default now)")
	var l app.HintsOptions
	list := &cobra.Command{
		Use: "list", Args: noArgs,
		Short: "Show the notes, the newest first",
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.ListNotes(cmd.Context(), stdio, l) },
	}
	serverFlags(list, &l)
	cmd.AddCommand(add, list)
	return cmd
}
