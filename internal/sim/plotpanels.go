package sim

import (
	"fmt"
	"math"
	"time"

	"pilotlight/internal/chart"
)

// panels makes the panels for which there is data, from top to bottom.
func (d *PlotData) panels() []*chart.Panel {
	n := d.columns()
	hasCold := d.ColdWith != nil || d.ColdWithout != nil
	panels := []*chart.Panel{d.trafficPanel(n, d.axis(d.Warm != nil || hasCold))}
	if d.Warm != nil {
		panels = append(panels, d.warmPanel(n, d.axis(hasCold)))
	}
	if hasCold {
		panels = append(panels, d.coldPanel(n, d.axis(false)))
	}
	return panels
}

// axis is the whole time; its labels are hidden in all panels but the last.
func (d *PlotData) axis(hidden bool) chart.Axis {
	from := float64(d.Start.Unix())
	return chart.Axis{Min: from, Max: from + float64(len(d.Invocations))*d.Step.Seconds(), Ticks: chart.TimeTicks, Hidden: hidden}
}

func (d *PlotData) trafficPanel(n int, x chart.Axis) *chart.Panel {
	p := chart.NewCounts("Invocations per "+stepName(d.Step), 1.5, x)
	scale := func(v []float64) []float64 { return reduce(v, n, sum, true) }
	if d.Low != nil && d.High != nil {
		p.Fill(d.xs(n), scale(d.Low), scale(d.High), chart.Band())
		p.Legend("forecast band", chart.Band())
	}
	p.Line(d.xs(n), scale(d.Invocations), chart.Style{Color: chart.Fact(), Width: 0.8})
	p.Legend("traffic", chart.Fact())
	if d.Forecast != nil {
		p.Line(d.xs(n), scale(d.Forecast), chart.Style{Color: chart.Guess(), Width: 1.2})
		p.Legend("forecast", chart.Guess())
	}
	return p
}

func (d *PlotData) warmPanel(n int, x chart.Axis) *chart.Panel {
	p := chart.NewCounts("Warm instances", 0.8, x)
	warm := reduce(d.Warm, n, math.Max, false)
	xs, stairs := chart.Staircase(d.xs(n), warm)
	p.Fill(xs, make([]float64, len(stairs)), stairs, chart.Pale())
	p.Line(d.xs(n), warm, chart.Style{Color: chart.Blue(), Width: 1.2, Stairs: true})
	p.Legend("floor set by Pilotlight", chart.Blue())
	return p
}

func (d *PlotData) coldPanel(n int, x chart.Axis) *chart.Panel {
	p := chart.NewCounts("Cold starts so far", 1, x)
	for _, s := range []struct {
		name   string
		values []float64
		color  chart.Colour
	}{{"without", d.ColdWithout, chart.Red()}, {"with Pilotlight", d.ColdWith, chart.Green()}} {
		if s.values == nil {
			continue
		}
		total := cumulated(reduce(s.values, n, sum, false))
		p.Line(d.xs(n), total, chart.Style{Color: s.color, Width: 1.6})
		p.Legend(fmt.Sprintf("%s: %s", s.name, chart.Grouped(total[len(total)-1])), s.color)
	}
	return p
}

// xs returns the starts of the columns in Unix seconds.
func (d *PlotData) xs(n int) []float64 {
	xs := make([]float64, 0, len(d.Invocations)/n+1)
	for i := 0; i < len(d.Invocations); i += n {
		xs = append(xs, float64(d.Start.Unix())+float64(i)*d.Step.Seconds())
	}
	return xs
}

// stepName names a step as in "per minute".
func stepName(step time.Duration) string {
	if step == time.Minute {
		return "minute"
	}
	if step == time.Hour {
		return "hour"
	}
	return step.String()
}
