package app

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/plot"

	"pilotlight/internal/chart"
	"pilotlight/predictor/ensemble"
)

// figures draws the plots of the page.
func (a *assessment) figures(r *report) ([]figure, error) {
	var all []figure
	for i, f := range []struct {
		figure  *chart.Figure
		caption string
	}{
		{a.stepFigure(r), "Error by steps ahead, relative to " + r.Reference + ": below 1 is better."},
		{calibrationFigure(r), "Calibration: how many of the values were at or below each quantile. On the dashed line it is right; where counts tie with the quantile, the ensemble is right if the dashed line lies inside its band."},
		{seriesFigure(r), "The ensemble against " + r.Reference + " on each series, sorted: below 1 is better."},
		{a.exampleFigure(r), "The latest scored forecast of the series on which the ensemble compares best, in the middle, and worst."},
	} {
		if f.figure == nil {
			continue
		}
		svg, err := f.figure.Inline(fmt.Sprintf("figure%d", i), f.caption)
		if err != nil {
			return nil, err
		}
		all = append(all, figure{template.HTML(svg), f.caption}) //nolint:gosec // the SVG is ours; names in it were escaped by its canvas
	}
	return all, nil
}

// drawnMost is the greatest ratio in a plot; what is worse is drawn at the edge.
const drawnMost = 3

// drawn is a contender in a plot.
type drawn struct {
	index int
	color chart.Colour
}

// drawnModels are the ensemble and the best others.
func (r *report) drawnModels() []drawn {
	var others []int
	for c := range r.Models {
		if c != seasonalNaive && c != theEnsemble && r.Models[c].Series > 0 {
			others = append(others, c)
		}
	}
	slices.SortStableFunc(others, func(a, b int) int {
		return cmp.Compare(r.Models[a].RelativeMASE.Mean, r.Models[b].RelativeMASE.Mean) // NaN first, which draws nothing
	})
	all := []drawn{{theEnsemble, chart.Guess()}}
	colours := []chart.Colour{chart.Blue(), chart.Green(), chart.Red(), chart.Fact()}
	for i, c := range others[:min(len(others), len(colours))] {
		all = append(all, drawn{c, colours[i]})
	}
	return all
}

// stepFigure draws the mean scaled errors by steps ahead, over the series that all drawn models forecast.
func (a *assessment) stepFigure(r *report) *chart.Figure {
	h := a.forecast.Horizon
	xs := make([]float64, h)
	for i := range xs {
		xs[i] = float64(i + 1)
	}
	models := r.drawnModels()
	sums := make([][]float64, len(r.Models))
	for c := range sums {
		sums[c] = make([]float64, h)
	}
	for i, steps := range r.byStep {
		if slices.ContainsFunc(models, func(d drawn) bool { return r.rows[i].Tallies[d.index].Missing > 0 }) {
			continue
		}
		for c := range steps {
			for k, e := range steps[c] {
				sums[c][k] += e
			}
		}
	}
	p := chart.NewNumbers("Mean scaled error, ratio", 1, chart.Axis{Min: 0.5, Max: float64(h) + 0.5, Ticks: wholeTicks})
	p.Line([]float64{0.5, float64(h) + 0.5}, []float64{1, 1}, chart.Style{Color: chart.Fact(), Width: 0.8, Dashed: true})
	for _, d := range slices.Backward(models) { // the ensemble on top
		ratio := make([]float64, h)
		for k := range ratio {
			ratio[k] = min(sums[d.index][k]/sums[seasonalNaive][k], drawnMost)
		}
		p.Line(xs, ratio, chart.Style{Color: d.color, Width: 1.3, Dots: h <= 60})
	}
	for _, d := range models {
		p.Legend(r.Models[d.index].Model, d.color)
	}
	return &chart.Figure{Width: plotWidth, Height: 260, Panels: []*chart.Panel{p}}
}

// wholeTicks marks whole numbers only.
func wholeTicks(low, high float64) []plot.Tick {
	var whole []plot.Tick
	for _, t := range chart.NumberTicks(low, high) {
		if t.Value == math.Trunc(t.Value) {
			t.Label = chart.Grouped(t.Value)
			whole = append(whole, t)
		}
	}
	return whole
}

// calibrationFigure draws nominal levels against what came.
func calibrationFigure(r *report) *chart.Figure {
	p := chart.NewNumbers("Share of values at or below the quantile", 1, chart.Axis{Max: 1, Ticks: chart.NumberTicks})
	p.Line([]float64{0, 1}, []float64{0, 1}, chart.Style{Color: chart.Fact(), Width: 0.8, Dashed: true})
	for _, d := range slices.Backward(r.drawnModels()) {
		var xs, low, mid, high []float64
		for _, c := range r.Models[d.index].Coverage {
			if c.N > 0 {
				xs = append(xs, c.Level)
				low = append(low, float64(c.Below)/float64(c.N))
				mid, high = append(mid, float64(c.MidRank)), append(high, float64(c.AtOrBelow))
			}
		}
		if len(xs) == 0 {
			continue
		}
		if d.index == theEnsemble {
			p.Fill(xs, low, high, chart.Band())
		}
		p.Line(xs, mid, chart.Style{Color: d.color, Width: 1.3, Dots: true})
	}
	for _, d := range r.drawnModels() {
		if len(r.Models[d.index].Coverage) > 0 {
			p.Legend(r.Models[d.index].Model, d.color)
		}
	}
	return &chart.Figure{Width: plotWidth, Height: 320, Panels: []*chart.Panel{p}}
}

// seriesFigure draws the ratios of all series in their order; nil if there is only one.
func seriesFigure(r *report) *chart.Figure {
	var mase, wql []float64
	for i := range r.Series {
		m, q := r.ratiosOf(i)
		mase, wql = append(mase, m), append(wql, q)
	}
	if len(mase) < 2 {
		return nil
	}
	x := chart.Axis{Max: 100, Ticks: chart.NumberTicks}
	p := chart.NewNumbers("Ratio, by per cent of the series", 1, x)
	p.Line([]float64{0, 100}, []float64{1, 1}, chart.Style{Color: chart.Fact(), Width: 0.8, Dashed: true})
	for _, s := range []struct {
		name   string
		values []float64
		color  chart.Colour
	}{{"MASE", mase, chart.Blue()}, {"WQL", wql, chart.Guess()}} {
		values := slices.DeleteFunc(s.values, math.IsNaN)
		slices.Sort(values)
		xs := make([]float64, len(values))
		for i := range values {
			xs[i] = 100 * (float64(i) + 0.5) / float64(len(values))
			values[i] = min(values[i], drawnMost)
		}
		if len(values) > 0 {
			p.Line(xs, values, chart.Style{Color: s.color, Width: 1.3, Dots: len(values) <= 60})
			p.Legend(s.name, s.color)
		}
	}
	return &chart.Figure{Width: plotWidth, Height: 260, Panels: []*chart.Panel{p}}
}

// exampleFigure draws the last window of the best, the middle and the worst series; nil if nothing can be compared.
func (a *assessment) exampleFigure(r *report) *chart.Figure {
	var order []int
	for i := range r.Series {
		if m, _ := r.ratiosOf(i); !math.IsNaN(m) {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return nil
	}
	ratioOf := func(i int) float64 { m, _ := r.ratiosOf(i); return m }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ratioOf(a), ratioOf(b)) })
	var panels []*chart.Panel
	for _, i := range slices.Compact([]int{order[0], order[len(order)/2], order[len(order)-1]}) {
		j := &a.jobs[i]
		w := j.windows[len(j.windows)-1]
		opt := a.optionsFor(j.series)
		made, err := ensemble.Forecast(w.history, opt)
		if err != nil {
			continue // it is shown elsewhere that there is no forecast
		}
		known := *j.series
		known.Values = w.history
		title := fmt.Sprintf("%s: MASE ratio %.2f", j.series.Name, ratioOf(i))
		panels = append(panels, forecastPanel(title, &known, made, opt.Levels, w.actual))
	}
	if len(panels) == 0 {
		return nil
	}
	return &chart.Figure{Width: plotWidth, Height: plotPanelHeight * float64(len(panels)), Panels: panels}
}
