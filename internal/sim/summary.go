package sim

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"pilotlight/internal/chart"
	"pilotlight/models"
)

// Summary compares the same traffic on the same platform with and without Pilotlight.
type Summary struct {
	Trace   string  `json:"trace"`
	Setting Setting `json:"setting"`
	// From and To bound what is counted.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// With and Without are the sums over all functions.
	With      Usage             `json:"with"`
	Without   Usage             `json:"without"`
	Functions []FunctionSummary `json:"functions"`
}

// FunctionSummary compares one function.
type FunctionSummary struct {
	Name    string `json:"name"`
	With    Usage  `json:"with"`
	Without Usage  `json:"without"`
}

// Compare sums up two platforms that have met the same traffic until the same time: one that Pilotlight controlled, and one that
// nobody did. It returns an error wrapping models.ErrInvalid if they differ in trace, time, setting, seed, prices or counted window,
// because then the numbers would say nothing.
func Compare(with, without *Platform) (Summary, error) {
	a, b := with.config, without.config
	a.KeepAlive, a.Lead, b.KeepAlive, b.Lead = 0, 0, 0, 0
	switch {
	case with.trace != without.trace:
		return Summary{}, fmt.Errorf("compare platforms of the traces %q and %q: %w", with.trace.Name, without.trace.Name, models.ErrInvalid)
	case a != b:
		return Summary{}, fmt.Errorf("compare platforms that differ in more than keep-alive and lead: %+v and %+v: %w", a, b, models.ErrInvalid)
	case !with.Now().Equal(without.Now()):
		return Summary{}, fmt.Errorf("compare platforms at %s and %s: advance both to the same time: %w", with.Now(), without.Now(), models.ErrInvalid)
	}
	s := Summary{
		Trace: with.trace.Name, Setting: a.Setting, From: with.trace.TimeOf(a.CountFrom), To: with.Now(),
		Functions: make([]FunctionSummary, len(with.trace.Functions)),
	}
	usages, baseline := with.Usages(), without.Usages()
	for i := range s.Functions {
		s.Functions[i] = FunctionSummary{Name: with.trace.Functions[i].Name, With: usages[i], Without: baseline[i]}
		s.With.Add(&usages[i])
		s.Without.Add(&baseline[i])
	}
	return s, nil
}

// ColdStartsAvoided is the part of the cold starts that Pilotlight avoided; it is negative if it added some, and 0 if there was nothing
// to avoid.
func (s *Summary) ColdStartsAvoided() float64 {
	if s.Without.ColdStarts == 0 {
		return 0
	}
	return 1 - float64(s.With.ColdStarts)/float64(s.Without.ColdStarts)
}

// Burden is the ratio of Usage.Burden with Pilotlight to that without: below 1 is better, for whom avoiding a second of cold start is
// worth lambda GB-seconds of idle memory. Without a burden to compare with it is 0.
func (s *Summary) Burden(lambda float64) float64 {
	without := s.Without.Burden(s.Setting, lambda)
	if without == 0 {
		return 0
	}
	return s.With.Burden(s.Setting, lambda) / without
}

// WriteText writes the comparison as a table for people, first the sums and then the most functions functions with the most cold
// starts without Pilotlight. It returns the first error of w.
func (s *Summary) WriteText(w io.Writer, functions int) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "\twithout\twith Pilotlight\t\t\n")
	for _, row := range s.rows() {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t\n", row.name, row.format(row.without), row.format(row.with), change(row.without, row.with))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	if functions == 0 || len(s.Functions) < 2 {
		return nil
	}
	out = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "\nfunction\tinvocations\tcold without\tcold with\t\tidle GB-s without\tidle GB-s with\t\n")
	for _, f := range s.worst(functions) {
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t\n", strings.ReplaceAll(f.Name, "\t", " "), f.With.Invocations,
			f.Without.ColdStarts, f.With.ColdStarts, change(float64(f.Without.ColdStarts), float64(f.With.ColdStarts)),
			chart.Grouped(f.Without.IdleGBs()), chart.Grouped(f.With.IdleGBs()))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// summaryRow is one number of the table.
type summaryRow struct {
	name          string
	without, with float64
	format        func(float64) string
}

func (s *Summary) rows() []summaryRow {
	percent := func(v float64) string { return strconv.FormatFloat(100*v, 'f', 2, 64) + " %" }
	dollars := func(v float64) string { return "$" + strconv.FormatFloat(v, 'f', 4, 64) }
	rows := []summaryRow{
		{"invocations", float64(s.Without.Invocations), float64(s.With.Invocations), chart.Grouped},
		{"cold starts", float64(s.Without.ColdStarts), float64(s.With.ColdStarts), chart.Grouped},
		{"share of cold starts", s.Without.ColdShare(), s.With.ColdShare(), percent},
		{"seconds of cold start", s.Without.ColdSeconds, s.With.ColdSeconds, chart.Grouped},
		{"idle GB-s in all", s.Without.IdleGBs(), s.With.IdleGBs(), chart.Grouped},
		{"of these provisioned", s.Without.ProvIdleGBs, s.With.ProvIdleGBs, chart.Grouped},
		{"of these on demand", s.Without.OnDemandIdleGBs, s.With.OnDemandIdleGBs, chart.Grouped},
		{"cost", s.Without.USD, s.With.USD, dollars},
		{"changes of the floor", float64(s.Without.Decisions), float64(s.With.Decisions), chart.Grouped},
	}
	if s.Setting == Customer {
		rows[6].name = "of these on demand (free)"
	}
	return rows
}

// worst returns the functions with the most cold starts without Pilotlight, in the order of the trace among equals.
func (s *Summary) worst(most int) []FunctionSummary {
	all := slices.Clone(s.Functions)
	slices.SortStableFunc(all, func(a, b FunctionSummary) int {
		return int(b.Without.ColdStarts - a.Without.ColdStarts)
	})
	return all[:min(most, len(all))]
}

// change writes the relative difference of two numbers.
func change(before, after float64) string {
	if before == after {
		return "="
	}
	if before == 0 {
		return "new"
	}
	return fmt.Sprintf("%+.1f %%", 100*(after/before-1))
}
