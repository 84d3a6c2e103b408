package app

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"

	"pilotlight/internal/chart"
	"pilotlight/internal/series"
	"pilotlight/predictor/ensemble"
)

// The size of a plot in points, and what it holds.
const (
	plotWidth       = 720
	plotTop         = 60
	plotPanelHeight = 170
	// plotMost is how many series are drawn, the first ones.
	plotMost = 6
	// plotHistory is how much of the history is drawn, in horizons, and plotLeast in steps at least.
	plotHistory, plotLeast = 4, 60
	// plotColumns bounds the points of a line.
	plotColumns = 1440
)

// forecastPlot collects what is drawn.
type forecastPlot struct {
	out    *output
	levels []float64
	panels []*chart.Panel
	left   int
}

// add draws one series.
func (p *forecastPlot) add(s *series.Series, r *ensemble.Result) {
	if p == nil || r == nil {
		return
	}
	if len(p.panels) == plotMost {
		p.left++
		return
	}
	p.panels = append(p.panels, forecastPanel(s.Name, s, r, p.levels, nil))
}

// finish writes the plot and says which series are not in it.
func (p *forecastPlot) finish(warn io.Writer) error {
	if p == nil {
		return nil
	}
	if p.left > 0 {
		if _, err := fmt.Fprintf(warn, "note: the plot shows the first %d series and leaves out %d\n", plotMost, p.left); err != nil {
			return err
		}
	}
	f := chart.Figure{Title: "Forecast", Width: plotWidth, Height: plotTop + plotPanelHeight*float64(len(p.panels)), Panels: p.panels}
	return p.out.finish(func(w io.Writer) error { return f.Write(w, strings.TrimPrefix(filepath.Ext(p.out.path), ".")) })
}

// forecastPanel draws the end of a history, the forecast with bands from the outermost quantiles inwards, and what then came, if that
// is known.
func forecastPanel(title string, s *series.Series, r *ensemble.Result, levels, came []float64) *chart.Panel {
	h := len(r.Mean)
	from := max(0, len(s.Values)-max(plotLeast, plotHistory*h))
	at := func(i int) float64 { return float64(i) }
	x := chart.Axis{Min: at(from), Max: at(len(s.Values) + h), Ticks: stepTicks(len(s.Values))}
	if s.Step > 0 && !s.Start.IsZero() {
		at = func(i int) float64 {
			return float64(s.Start.UnixNano())/1e9 + float64(i)*s.Step.Seconds()
		}
		x = chart.Axis{Min: at(from), Max: at(len(s.Values) + h), Ticks: chart.TimeTicks}
	}
	p := chart.NewNumbers(title, 1, x)
	ahead := make([]float64, h)
	for i := range ahead {
		ahead[i] = at(len(s.Values) + i)
	}
	band := chart.Band()
	if n := len(levels) / 2; n > 1 {
		band.A = uint8(max(24, 2*int(band.A)/n)) //nolint:gosec // below 256; bands lie upon one another, so that each is paler
	}
	for l := range len(levels) / 2 {
		low, high := l, len(levels)-1-l
		p.Fill(ahead, r.Quantiles[low], r.Quantiles[high], band)
		if l == 0 {
			p.Legend(fmt.Sprintf("q%g to q%g", levels[low], levels[high]), chart.Band())
		}
	}
	past := s.Values[from:]
	xs := make([]float64, len(past)+len(came))
	for i := range xs {
		xs[i] = at(from + i)
	}
	truth := append(append([]float64{}, past...), came...)
	xs, truth = thinned(xs, truth, plotColumns)
	p.Line(xs, truth, chart.Style{Color: chart.Fact(), Width: 0.9})
	p.Legend("measured", chart.Fact())
	p.Line(ahead, r.Mean, chart.Style{Color: chart.Guess(), Width: 1.4, Dots: h == 1})
	p.Legend("forecast", chart.Guess())
	return p
}

// thinned leaves out points so that at most most are left.
func thinned(xs, ys []float64, most int) (fewerXs, fewerYs []float64) {
	stride := (len(xs) + most - 1) / most
	if stride <= 1 {
		return xs, ys
	}
	for i := 0; i < len(xs); i += stride {
		sum, n := 0.0, 0
		for _, y := range ys[i:min(i+stride, len(ys))] {
			if !math.IsNaN(y) {
				sum += y
				n++
			}
		}
		fewerXs, fewerYs = append(fewerXs, xs[i]), append(fewerYs, sum/float64(n)) // NaN without values
	}
	return fewerXs, fewerYs
}

// stepTicks counts steps from the end of the history.
func stepTicks(end int) func(low, high float64) []plot.Tick {
	return func(low, high float64) []plot.Tick {
		ticks := chart.NumberTicks(low-float64(end), high-float64(end))
		for i := range ticks {
			ticks[i].Value += float64(end)
			if ticks[i].Label != "0" && !strings.HasPrefix(ticks[i].Label, "-") {
				ticks[i].Label = "+" + ticks[i].Label
			}
		}
		return ticks
	}
}
