package app

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"pilotlight/models"
)

// memoryRows is how many recommendations about memory a plan prints.
const memoryRows = 20

// planMemory prints what the memory of targets should be: those near their limit first, then what saves the most. It prints nothing if
// nothing is recommended.
func planMemory(w io.Writer, targets []models.TargetStatus) error {
	targets = slices.DeleteFunc(slices.Clone(targets), func(t models.TargetStatus) bool { return t.Sizing == nil || !t.Sizing.Changes() })
	if len(targets) == 0 {
		return nil
	}
	slices.SortStableFunc(targets, func(a, b models.TargetStatus) int {
		if a.Sizing.Urgent != b.Sizing.Urgent {
			return cmp.Compare(rank(b.Sizing.Urgent), rank(a.Sizing.Urgent))
		}
		return cmp.Compare(b.Sizing.SavedUSD, a.Sizing.SavedUSD)
	})
	var b strings.Builder
	b.WriteString("\nMemory that is recommended:\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TARGET\tNOW\tRECOMMENDED\tHIGHEST USE\tSAVED $/MONTH\tNOTE")
	var saved float64
	for i, s := range targets {
		a := s.Sizing
		if a.SavedUSD > 0 {
			saved += a.SavedUSD
		}
		if i < memoryRows {
			fmt.Fprintf(t, "%q\t%d MB\t%d MB\t%.0f MB\t%s\t%s\n", string(s.Target.ID), a.CurrentMB, a.RecommendedMB, a.PeakMB, dollars(a.SavedUSD), sizeNote(a))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := len(targets) - memoryRows; more > 0 {
		fmt.Fprintf(&b, "and %d more.\n", more)
	}
	fmt.Fprintf(&b, "All lowerings together save %s a month, where the price is known. See docs/right-sizing.md for what sets memory.\n", dollars(saved))
	_, err := io.WriteString(w, b.String())
	return err
}

// rank puts true above false.
func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// dollars renders an amount that may be unknown.
func dollars(usd float64) string {
	if math.IsNaN(usd) {
		return "unknown"
	}
	return fmt.Sprintf("%.2f", usd)
}

// sizeNote says what to think of before an advice is followed.
func sizeNote(a *models.SizeAdvice) string {
	switch {
	case a.Urgent:
		return "near its limit: raise it now"
	case a.Risky:
		return "less processor time: measure its duration after the change"
	}
	return ""
}
