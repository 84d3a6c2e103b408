package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"pilotlight/predictor/accuracy"
)

// report is what accuracy found.
type report struct {
	Input   string `json:"input"`
	Horizon int    `json:"horizon"`
	// Origins is how many forecasts were wanted of each series, at most.
	Origins int `json:"origins"`
	// Point says what was scored as point forecast, mean or median.
	Point     string         `json:"point"`
	Reference string         `json:"reference"`
	Models    []modelReport  `json:"models"`
	Series    []seriesReport `json:"series"`
	Skipped   []skipped      `json:"skipped"`
	rows      []accuracy.Row
	byStep    []stepErrors
}

// modelReport is how one model did on all series.
type modelReport struct {
	accuracy.Summary
	Coverage []coverage `json:"coverage"`
}

// coverage is accuracy.Coverage with what follows from it.
type coverage struct {
	accuracy.Coverage
	AtOrBelow accuracy.Value `json:"at_or_below"`
	MidRank   accuracy.Value `json:"mid_rank"`
	Off       accuracy.Value `json:"off"`
}

// seriesReport is how the models did on one series.
type seriesReport struct {
	Series      string       `json:"series"`
	Values      int          `json:"values"`
	StepSeconds float64      `json:"step_seconds"`
	Period      int          `json:"period"`
	Origins     []int        `json:"origins"`
	Scores      []modelScore `json:"scores"`
}

type modelScore struct {
	Model   string `json:"model"`
	Missing int    `json:"missing"`
	accuracy.Score
}

func (a *assessment) report(rows []accuracy.Row) *report {
	r := &report{Horizon: a.forecast.Horizon, Origins: a.origins, Point: "mean", Reference: a.contenders[seasonalNaive].name, Skipped: []skipped{}, rows: rows}
	if a.median {
		r.Point = "median"
	}
	if a.test {
		r.Origins = 1
	}
	r.Skipped = append(r.Skipped, a.skipped...)
	names := make([]string, len(a.contenders))
	for c := range a.contenders {
		names[c] = a.contenders[c].name
	}
	for _, s := range accuracy.Summarise(names, rows, seasonalNaive, naive2) {
		m := modelReport{Summary: s, Coverage: []coverage{}}
		for _, c := range s.Coverage {
			m.Coverage = append(m.Coverage, coverage{c, accuracy.Value(c.AtOrBelow()), accuracy.Value(c.MidRank()), accuracy.Value(c.Off())})
		}
		r.Models = append(r.Models, m)
	}
	for i, j := range a.jobs {
		s := seriesReport{Series: j.series.Name, Values: len(j.series.Values), StepSeconds: j.series.Step.Seconds(), Period: j.period}
		for _, w := range j.windows {
			s.Origins = append(s.Origins, w.origin)
		}
		for c, name := range names {
			t := &rows[i].Tallies[c]
			s.Scores = append(s.Scores, modelScore{name, t.Missing, t.Score()})
		}
		r.Series = append(r.Series, s)
	}
	return r
}

func (r *report) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// shownLevels are the levels whose coverage the table shows.
func shownLevels() []float64 { return []float64{0.5, 0.8, 0.9, 0.95, 0.99} }

// writeTable prints the summaries for people.
func (r *report) writeTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.headline())
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "model\tsMAPE\tratio\tMASE\tratio\tOWA\tWQL\tratio\t")
	for _, l := range shownLevels() {
		fmt.Fprintf(t, "q%g\t", l)
	}
	fmt.Fprintln(t, "CPU ms\tincomplete\t")
	for i := range r.Models {
		m := &r.Models[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t", m.Model, digits(m.SMAPE, 3), ratio(m.RelativeSMAPE),
			digits(m.MASE, 3), ratio(m.RelativeMASE), digits(m.OWA, 4), digits(m.WQL, 4), ratio(m.RelativeWQL))
		for _, l := range shownLevels() {
			fmt.Fprintf(t, "%s\t", m.covered(l))
		}
		fmt.Fprintf(t, "%s\t%d\t\n", digits(m.CPUMillis, 2), m.Incomplete)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\n%s\n", r.legend())
	for _, note := range r.notes() {
		fmt.Fprintf(&b, "%s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// headline says what was done.
func (r *report) headline() string {
	windows := 0
	for _, s := range r.Series {
		windows += len(s.Origins)
	}
	return fmt.Sprintf("%d series, %d forecasts of %d steps by each model; the %s is scored as the point forecast",
		len(r.Series), windows, r.Horizon, r.Point)
}

// legend says how to read the table.
func (r *report) legend() string {
	return "ratio: to " + r.Reference + ", geometric mean over series, below 1 is better; in brackets how many series are more than 5 % worse\n" +
		"q0.9 and so on: per cent of values at or below that quantile; two numbers are the shares below, and at or below, it"
}

// notes are what a reader must not miss.
func (r *report) notes() []string {
	var all []string
	for i, s := range r.Skipped {
		if i == 3 {
			all = append(all, fmt.Sprintf("and %d more series are not scored", len(r.Skipped)-i))
			break
		}
		all = append(all, fmt.Sprintf("not scored: series %q: %s", s.Series, s.Reason))
	}
	for _, m := range r.Models {
		if m.Incomplete > 0 {
			all = append(all, fmt.Sprintf("%s: %d series are left out of its line, because it made no forecast in some window", m.Model, m.Incomplete))
		}
	}
	if n := r.Models[seasonalNaive].Unscaled; n > 0 {
		all = append(all, fmt.Sprintf("%d series have no MASE, because their history does not move from one period to the next", n))
	}
	return all
}

// digits writes a number with so many digits after the point, and a dash for what is undefined.
func digits(v accuracy.Value, n int) string {
	if v != v { // NaN
		return "-"
	}
	return fmt.Sprintf("%.*f", n, float64(v))
}

func ratio(r accuracy.Ratio) string {
	if r.Mean != r.Mean { // NaN
		return "-"
	}
	return fmt.Sprintf("%.3f (%d)", float64(r.Mean), r.Above)
}

// covered writes the coverage of a level, as a range if there are ties.
func (m *modelReport) covered(level float64) string {
	for _, c := range m.Coverage {
		if c.Level != level || c.N == 0 {
			continue
		}
		high := fmt.Sprintf("%.1f", 100*c.Coverage.AtOrBelow())
		low := fmt.Sprintf("%.1f", 100*float64(c.Below)/float64(c.N))
		if low != high {
			return low + "-" + high
		}
		return high
	}
	return "-"
}
