package app

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"pilotlight/api"
)

// printable replaces what a terminal could obey in text that others wrote; line ends stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// oneLine is printable text in one line.
func oneLine(text string) string { return printable(strings.Join(strings.Fields(text), " ")) }

// lines prints texts as items under a heading, nothing if there are none.
func lines(w io.Writer, heading string, all []string) {
	for _, text := range all {
		fmt.Fprintf(w, "%s: %s\n", heading, oneLine(text))
	}
}

// plainHints prints hints that have no state yet.
func plainHints(w io.Writer, all []api.Hint) {
	fmt.Fprintln(w, "ID\tLOAD\tTARGETS\tFIRST\tREPEATS\tREASON")
	for i := range all {
		h := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", plainOrQuoted(h.ID), loadText(h), selectorText(&h.Selector), span(h.Start, h.End), repeats(h), plainOrQuoted(h.Reason))
	}
}

// adviceTable prints what came of an exchange for people.
func adviceTable(w io.Writer, r *api.AdviceRecord) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	switch {
	case len(r.Kept) > 0:
		plainHints(t, r.Kept)
	case r.Error == "":
		fmt.Fprintln(t, "The advisor sees nothing that changes the load.")
	}
	lines(t, "dropped", r.Dropped)
	fmt.Fprintf(t, "%s: %d requests, %d tokens in, %d tokens out, $%.4f, %.1f s.\n", oneLine(r.Advisor), r.Attempts, r.TokensIn, r.TokensOut, r.USD, r.Seconds)
	return t.Flush()
}

// reportTable prints the record of the advisor for people.
func reportTable(w io.Writer, r *api.AdvisorReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.Enabled {
		fmt.Fprintf(t, "Advisor %s, model %s.", plainOrQuoted(r.Name), plainOrQuoted(r.Model))
		if r.LastAsked != nil {
			fmt.Fprintf(t, " Last asked %s UTC.", minute(*r.LastAsked))
		}
		fmt.Fprintf(t, "\nCost $%.4f (today $%.4f, %d requests); advice saved %s with its weight, and would have saved %s in full.\n",
			r.CostUSD, r.Today.USD, r.Today.Requests, signed(r.EarnedUSD), signed(r.BenefitUSD))
	} else {
		fmt.Fprintln(t, "There is no advisor; hints of people are scored.")
	}
	if r.LastError != "" {
		lines(t, "last error", []string{r.LastError})
	}
	if len(r.Scores) == 0 {
		fmt.Fprintln(t, "No event was scored yet.")
	} else {
		fmt.Fprintln(t, "\nSOURCE\tKIND\tSTATE\tWEIGHT\tEVENTS\tSTEPS\tCOST WITH\tWITHOUT (GB-s)\tCOLD STARTS WITH\tWITHOUT\tBENEFIT")
	}
	for i := range r.Scores {
		s := &r.Scores[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%s\n", plainOrQuoted(s.Source), s.Kind, s.State, s.Weight, s.Events, s.Steps,
			s.CostWith, s.CostWithout, s.ColdStartsWith, s.ColdStartsWithout, signed(s.BenefitUSD))
	}
	if len(r.Patterns) > 0 {
		fmt.Fprintln(t, "\nTARGET\tPROPOSED\tACCEPTED\tLOSS\tWITHOUT\tWHY")
	}
	for i := range r.Patterns {
		p := &r.Patterns[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%.3g\t%.3g\t%s\n", plainOrQuoted(p.Target), proposed(p), yesNo(p.Accepted), p.Loss, p.LossWithout, oneLine(p.Why))
	}
	return t.Flush()
}

// signed prints an amount of money that may be small or negative.
func signed(usd float64) string {
	if usd < 0 {
		return fmt.Sprintf("-$%.4f", -usd)
	}
	return fmt.Sprintf("$%.4f", usd)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// proposed is what a trial was about.
func proposed(p *api.PatternTrial) string {
	switch {
	case p.Member != "":
		return plainOrQuoted(p.Member)
	case p.Period != 0:
		return fmt.Sprintf("period %d", p.Period)
	}
	return plainOrQuoted(p.Label)
}

// proposalTable prints what was read out of a text for people.
func proposalTable(w io.Writer, p *api.HintProposal) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(p.Hints) > 0 {
		plainHints(t, p.Hints)
	}
	lines(t, "open question", p.Questions)
	lines(t, "clipped", p.Clipped)
	lines(t, "dropped", p.Dropped)
	return t.Flush()
}

// narrativeText prints an explanation for people: sentences with the facts that they are made of.
func narrativeText(w io.Writer, n *api.Narrative) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s UTC, decision %s\n", plainOrQuoted(n.Target), minute(n.At), oneLine(n.Decision))
	for _, s := range n.Sentences {
		fmt.Fprintf(&b, "- %s [%s]\n", oneLine(s.Text), oneLine(strings.Join(s.Facts, ", ")))
	}
	if n.Advisor != "" {
		fmt.Fprintf(&b, "\nPut into words by %s out of these facts:\n", plainOrQuoted(n.Advisor))
		for _, f := range n.Facts {
			fmt.Fprintf(&b, "  %s: %s\n", oneLine(f.ID), oneLine(f.Text))
		}
	}
	if n.Problem != "" {
		fmt.Fprintf(&b, "\nThese are the facts as recorded, because the advisor did not put them into words: %s\n", oneLine(n.Problem))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// notesTable prints notes for people.
func notesTable(w io.Writer, all []api.Note) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "There are no notes.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TIME (UTC)\tKIND\tABOUT\tBY\tTEXT")
	for i := range all {
		n := &all[i]
		about := "-"
		switch {
		case n.Target != "":
			about = plainOrQuoted(n.Target)
		case n.Group != "":
			about = "group=" + plainOrQuoted(n.Group)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", minute(n.At), plainOrQuoted(n.Kind), about, plainOrQuoted(n.Author), oneLine(n.Text))
	}
	return t.Flush()
}
