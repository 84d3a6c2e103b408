package app

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"

	"pilotlight/predictor/accuracy"
)

//go:embed accuracy.html
var accuracyPage string

// seriesMost is how many series the page lists.
const seriesMost = 100

// page is what the template shows.
type page struct {
	Report   *report
	Headline string
	Notes    []string
	Tiles    []tile
	Head     []string
	Rows     []pageRow
	Figures  []figure
	Series   []seriesRow
	Left     int // series that are not listed
}

type tile struct{ Value, Text, Class string }

type pageRow struct {
	Model string
	Own   bool
	Cells []cell
}

type cell struct{ Text, Class string }

type figure struct {
	SVG     template.HTML
	Caption string
}

type seriesRow struct {
	Name  string
	Cells []cell
	rank  float64
}

// writeHTML writes the report as a page that needs nothing else: styles and plots are inside, and nothing is fetched.
func (a *assessment) writeHTML(w io.Writer, r *report) error {
	t, err := template.New("accuracy").Parse(accuracyPage)
	if err != nil {
		return err
	}
	p := page{Report: r, Headline: r.headline(), Notes: r.notes()}
	p.tiles()
	p.table()
	p.series()
	if p.Figures, err = a.figures(r); err != nil {
		return err
	}
	return t.Execute(w, &p)
}

// tiles shows the ensemble in four numbers.
func (p *page) tiles() {
	m := &p.Report.Models[theEnsemble]
	p.Tiles = []tile{
		{digits(m.RelativeMASE.Mean, 3), "MASE, ratio to " + p.Report.Reference, verdictOf(float64(m.RelativeMASE.Mean))},
		{digits(m.RelativeWQL.Mean, 3), "WQL, ratio to " + p.Report.Reference, verdictOf(float64(m.RelativeWQL.Mean))},
		{m.covered(0.9) + " %", "of values at or below q0.9", ""},
		{digits(m.CPUMillis, 2) + " ms", "processor time a forecast", ""},
	}
	if m.OWA == m.OWA { // not NaN
		p.Tiles = slices.Insert(p.Tiles, 0, tile{digits(m.OWA, 3), "OWA, as in the M4 competition", verdictOf(float64(m.OWA))})
	}
}

// verdictOf is the class of a ratio.
func verdictOf(ratio float64) string {
	switch {
	case ratio < 1:
		return "good"
	case ratio > 1.05:
		return "bad"
	}
	return ""
}

func (p *page) table() {
	p.Head = []string{"model", "sMAPE", "ratio", "MASE", "ratio", "OWA", "WQL", "ratio"}
	for _, l := range shownLevels() {
		p.Head = append(p.Head, fmt.Sprintf("q%g %%", l))
	}
	p.Head = append(p.Head, "CPU ms", "left out")
	for i := range p.Report.Models {
		m := &p.Report.Models[i]
		row := pageRow{Model: m.Model, Own: i == theEnsemble, Cells: []cell{
			{digits(m.SMAPE, 3), ""},
			ratioCell(m.RelativeSMAPE),
			{digits(m.MASE, 3), ""},
			ratioCell(m.RelativeMASE),
			{digits(m.OWA, 4), ""},
			{digits(m.WQL, 4), ""},
			ratioCell(m.RelativeWQL),
		}}
		for _, l := range shownLevels() {
			row.Cells = append(row.Cells, cell{m.covered(l), ""})
		}
		row.Cells = append(row.Cells, cell{digits(m.CPUMillis, 2), ""}, cell{strconv.Itoa(m.Incomplete), ""})
		p.Rows = append(p.Rows, row)
	}
}

func ratioCell(r accuracy.Ratio) cell { return cell{ratio(r), verdictOf(float64(r.Mean))} }

// series lists the series on which the ensemble compares worst.
func (p *page) series() {
	for i, s := range p.Report.Series {
		mase, wql := p.Report.ratiosOf(i)
		own := s.Scores[theEnsemble]
		p.Series = append(p.Series, seriesRow{s.Series, []cell{
			{strconv.Itoa(s.Values), ""},
			{strconv.Itoa(len(s.Origins)), ""},
			{strconv.Itoa(s.Period), ""},
			{digits(own.MASE, 3), ""},
			{digits(accuracy.Value(mase), 3), verdictOf(mase)},
			{digits(own.WQL, 4), ""},
			{digits(accuracy.Value(wql), 3), verdictOf(wql)},
		}, mase})
	}
	slices.SortStableFunc(p.Series, func(a, b seriesRow) int { return descending(a.rank, b.rank) })
	p.Left = max(0, len(p.Series)-seriesMost)
	p.Series = p.Series[:len(p.Series)-p.Left]
}

// descending orders numbers from the greatest on, with NaN last.
func descending(a, b float64) int {
	switch {
	case a == b || math.IsNaN(a) && math.IsNaN(b):
		return 0
	case math.IsNaN(b) || a > b:
		return -1
	}
	return 1
}

// ratiosOf compares the ensemble with the reference on one series.
func (r *report) ratiosOf(i int) (mase, wql float64) {
	own, ref := r.Series[i].Scores[theEnsemble], r.Series[i].Scores[seasonalNaive]
	return float64(own.MASE / ref.MASE), float64(own.WQL / ref.WQL)
}
