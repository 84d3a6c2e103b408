package app

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"pilotlight/api"
)

// hintsTable prints hints for people.
func hintsTable(w io.Writer, all []api.HintStatus) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "There are no hints.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tLOAD\tTARGETS\tNOW OR NEXT\tREPEATS\tFROM\tREASON")
	for i := range all {
		h := &all[i]
		next := "over"
		if len(h.Next) > 0 {
			next = span(h.Next[0].Start, h.Next[0].End)
		}
		if h.Active {
			next = "now: " + next
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, loadText(&h.Hint), selectorText(&h.Selector), next, repeats(&h.Hint), h.Source, plainOrQuoted(h.Reason))
	}
	return t.Flush()
}

// importTable prints what came of a calendar for people.
func importTable(w io.Writer, r *api.ImportResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Items) > 0 {
		fmt.Fprintln(t, "ID\tCHANGE\tLOAD\tTARGETS\tFIRST\tREPEATS\tREASON")
	}
	for i := range r.Items {
		h := &r.Items[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, h.Change, loadText(&h.Hint), selectorText(&h.Selector), span(h.Start, h.End), repeats(&h.Hint), plainOrQuoted(h.Reason))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range r.Problems {
		kind := "problem"
		if p.Ignored {
			kind = "left out"
		}
		if _, err := fmt.Fprintf(w, "%s: line %d, %q: %s\n", kind, p.Line, p.Summary, p.Text); err != nil {
			return err
		}
	}
	count := map[string]int{}
	for i := range r.Items {
		count[r.Items[i].Change]++
	}
	summary := fmt.Sprintf("%d added, %d changed, %d unchanged, %d removed.", count["added"], count["changed"], count["unchanged"], len(r.Removed))
	if r.DryRun {
		summary += " Nothing was written; leave --dry-run out to carry it out."
	}
	_, err := fmt.Fprintln(w, summary)
	return err
}

func span(start, end time.Time) string {
	const layout = "2006-01-02 15:04"
	return start.UTC().Format(layout) + " to " + end.UTC().Format(layout) + " UTC"
}

func loadText(h *api.Hint) string {
	var parts []string
	if h.Multiplier != 0 {
		parts = append(parts, "x"+strconv.FormatFloat(h.Multiplier, 'g', -1, 64))
	}
	if h.Floor != 0 {
		parts = append(parts, fmt.Sprintf("at least %d", h.Floor))
	}
	return strings.Join(parts, ", ")
}

func repeats(h *api.Hint) string {
	if h.Recurrence == "" {
		return "-"
	}
	return h.Recurrence
}

// selectorText prints a selector in one word of a table.
func selectorText(s *api.HintSelector) string {
	var parts []string
	for _, t := range s.Targets {
		parts = append(parts, plainOrQuoted(t))
	}
	for _, g := range s.Groups {
		parts = append(parts, "group="+plainOrQuoted(g))
	}
	var labels []string
	for name, glob := range s.Labels {
		labels = append(labels, name+"="+plainOrQuoted(glob))
	}
	slices.Sort(labels)
	if parts = append(parts, labels...); len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, ",")
}

// plainOrQuoted escapes text that others wrote, unless it is plain.
func plainOrQuoted(text string) string {
	if q := strconv.Quote(text); q != `"`+text+`"` || text == "" {
		return q
	}
	return text
}
