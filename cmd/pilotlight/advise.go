package main

import (
	"github.com/spf13/cobra"

	"pilotlight/internal/app"
)

// advise builds the command that asks the advisor.
func advise(stdio app.IO) *cobra.Command {
	var o app.AdviseOptions
	cmd := &cobra.Command{
		Use: "advise", Args: noArgs,
		Short: "Ask the advisor now, or show what would leave the process",
		Long: "advise talks to the API of a running daemon with an advisor. What comes back is in force as hints of the source advisor, with\n" +
			"the weight that it has earned. --show-prompt sends nothing and prints all that would be sent, but for the key.",
		Example: "  pilotlight advise --show-prompt\n  pilotlight advise --text 'tomorrow at eight there is a sale, expect three times as much on checkout'",
		RunE:    func(cmd *cobra.Command, _ []string) error { return app.Advise(cmd.Context(), stdio, o) },
	}
	serverFlags(cmd, &o.HintsOptions)
	cmd.Flags().StringVar(&o.Text, "text", "", "what you know about the load to come")
	cmd.Flags().BoolVar(&o.ShowPrompt, "show-prompt", false, "send nothing, and print what would be sent")
	return cmd
}

// advisorCommands builds the commands about the record of the advisor.
func advisorCommands(stdio app.IO) *cobra.Command {
	cmd := &cobra.Command{
		Use: "advisor", Args: noArgs, Short: "Show what advice was worth",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var o app.HintsOptions
	report := &cobra.Command{
		Use: "report", Args: noArgs, Short: "Show what came of hints and advice, and what the advice has cost",
		RunE: func(cmd *cobra.Command, _ []string) error { return app.AdvisorReport(cmd.Context(), stdio, o) },
	}
	serverFlags(report, &o)
	cmd.AddCommand(report)
	return cmd
}

// parseHints builds the command that has a text read.
func parseHints(stdio app.IO) *cobra.Command {
	var o app.ParseHintsOptions
	cmd := &cobra.Command{
		Use: "parse TEXT", Args: cobra.ExactArgs(1), Short: "Have the advisor read hints out of a text, and confirm them",
		Example: "  pilotlight hints parse 'Black Friday starts Thursday 20:00, expect 4x on checkout' --time-zone Europe/Berlin",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Text = args[0]
			return app.ParseHints(cmd.Context(), stdio, o)
		},
	}
	serverFlags(cmd, &o.HintsOptions)
	cmd.Flags().StringVar(&o.TimeZone, "time-zone", "", "IANA name of the zone that is meant (default that of the configuration)")
	cmd.Flags().BoolVar(&o.Yes, "yes", false, "put the hints into force without asking")
	return cmd
}

// explain builds the command that explains a decision.
func explain(stdio app.IO) *cobra.Command {
	var o app.ExplainOptions
	cmd := &cobra.Command{
		Use: "explain TARGET", Args: cobra.ExactArgs(1), Short: "Say why the capacity of a target is as it is",
		Long: "explain prints the recorded reasons of the latest decision; with an advisor they are put into words, in which every number\n" +
			"stands in the reasons.",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Target = args[0]
			return app.Explain(cmd.Context(), stdio, o)
		},
	}
	serverFlags(cmd, &o.HintsOptions)
	cmd.Flags().StringVar(&o.Question, "question", "", "what is to be explained")
	return cmd
}

// notes builds the commands about what happened of late.
func notes(stdio app.IO) *cobra.Command {
	cmd := &cobra.Command{
		Use: "notes", Args: noArgs, Short: "Tell the advisor of deployments, incidents and the like",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var o app.NoteOptions
	add := &cobra.Command{
		Use: "add", Args: noArgs, Short: "Note what happened",
		Example: "  pilotlight notes add --kind deployment --target shop/checkout --text 'release 7: search is cached'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "kind", "text"); err != nil {
				return err
			}
			return app.AddNote(cmd.Context(), stdio, o)
		},
	}
	serverFlags(add, &o.HintsOptions)
	add.Flags().StringVar(&o.Kind, "kind", "", "what it was, such as deployment, incident or alert")
	add.Flags().StringVar(&o.Text, "text", "", "what happened, in words")
	add.Flags().StringVar(&o.Target, "target", "", "id of the target that it is about")
	add.Flags().StringVar(&o.Group, "group", "", "group that it is about")
	add.Flags().StringVar(&o.At, "at", "", "when it happened, such as 2026-11-27T20:00 in UTC (default now)")
	var list app.HintsOptions
	show := &cobra.Command{
		Use: "list", Args: noArgs, Short: "Show what happened of late",
		RunE: func(cmd *cobra.Command, _ []string) error { return app.ListNotes(cmd.Context(), stdio, list) },
	}
	serverFlags(show, &list)
	cmd.AddCommand(add, show)
	return cmd
}
