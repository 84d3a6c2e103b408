package sim

import (
	"fmt"
	"image/color"
	"math"
	"time"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The colours, chosen to be told apart on white, also by people who see red and green alike.
func ink() color.Color        { return color.NRGBA{0x1f, 0x29, 0x37, 0xff} }
func faint() color.Color      { return color.NRGBA{0xe5, 0xe7, 0xeb, 0xff} }
func traffic() color.Color    { return color.NRGBA{0x47, 0x55, 0x69, 0xff} }
func expected() color.Color   { return color.NRGBA{0xd9, 0x77, 0x06, 0xff} }
func band() color.Color       { return color.NRGBA{0xfb, 0xbf, 0x24, 0x66} }
func warmLine() color.Color   { return color.NRGBA{0x1d, 0x4e, 0xd8, 0xff} }
func warmFill() color.Color   { return color.NRGBA{0x93, 0xc5, 0xfd, 0x80} }
func unassisted() color.Color { return color.NRGBA{0xb9, 0x1c, 0x1c, 0xff} }
func assisted() color.Color   { return color.NRGBA{0x0f, 0x76, 0x6e, 0xff} }

// panel is one of the plots with a heading.
type panel struct {
	title  string
	plot   *plot.Plot
	height float64 // in relation to others
	legend []legendEntry
}

type legendEntry struct {
	text  string
	color color.Color
}

// panels makes the panels for which there is data, from top to bottom.
func (d *PlotData) panels() ([]*panel, error) {
	n := d.columns()
	var panels []*panel
	for _, newPanel := range []func(n int) (*panel, error){d.trafficPanel, d.warmPanel, d.coldPanel} {
		p, err := newPanel(n)
		if err != nil {
			return nil, err
		}
		if p != nil {
			panels = append(panels, p)
		}
	}
	panels[len(panels)-1].plot.X.Tick.Label.Color = ink()
	return panels, nil
}

func (d *PlotData) trafficPanel(n int) (*panel, error) {
	p := d.newPanel("Invocations per "+stepName(d.Step), 1.5)
	scale := func(v []float64) []float64 { return reduce(v, n, sum, true) }
	if d.Low != nil && d.High != nil {
		if err := p.addBand(d.xs(n), scale(d.Low), scale(d.High), band()); err != nil {
			return nil, err
		}
		p.legend = append(p.legend, legendEntry{"forecast band", band()})
	}
	if err := p.addLine(d.xs(n), scale(d.Invocations), traffic(), 0.8, false); err != nil {
		return nil, err
	}
	p.legend = append(p.legend, legendEntry{"traffic", traffic()})
	if d.Forecast != nil {
		if err := p.addLine(d.xs(n), scale(d.Forecast), expected(), 1.2, false); err != nil {
			return nil, err
		}
		p.legend = append(p.legend, legendEntry{"forecast", expected()})
	}
	return p, nil
}

func (d *PlotData) warmPanel(n int) (*panel, error) {
	if d.Warm == nil {
		return nil, nil //nolint:nilnil // there is no such panel, which is no error
	}
	p := d.newPanel("Warm instances", 0.8)
	warm := reduce(d.Warm, n, math.Max, false)
	xs, stairs := staircase(d.xs(n), warm)
	if err := p.addBand(xs, make([]float64, len(stairs)), stairs, warmFill()); err != nil {
		return nil, err
	}
	if err := p.addLine(d.xs(n), warm, warmLine(), 1.2, true); err != nil {
		return nil, err
	}
	p.legend = []legendEntry{{"floor set by Pilotlight", warmLine()}}
	return p, nil
}

func (d *PlotData) coldPanel(n int) (*panel, error) {
	if d.ColdWith == nil && d.ColdWithout == nil {
		return nil, nil //nolint:nilnil // there is no such panel, which is no error
	}
	p := d.newPanel("Cold starts so far", 1)
	for _, s := range []struct {
		name   string
		values []float64
		color  color.Color
	}{{"without", d.ColdWithout, unassisted()}, {"with Pilotlight", d.ColdWith, assisted()}} {
		if s.values == nil {
			continue
		}
		total := cumulated(reduce(s.values, n, sum, false))
		if err := p.addLine(d.xs(n), total, s.color, 1.6, false); err != nil {
			return nil, err
		}
		p.legend = append(p.legend, legendEntry{fmt.Sprintf("%s: %s", s.name, grouped(total[len(total)-1])), s.color})
	}
	return p, nil
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

func textStyle(size vg.Length, bold bool) draw.TextStyle {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = stdfont.WeightBold
	}
	return draw.TextStyle{Color: ink(), Font: f, YAlign: draw.YBottom, Handler: plot.DefaultTextHandler}
}

// newPanel makes a panel over the whole time, with a grid and without labels of the time.
func (d *PlotData) newPanel(title string, height float64) *panel {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Min = float64(d.Start.Unix())
	p.X.Max = p.X.Min + float64(len(d.Invocations))*d.Step.Seconds()
	p.X.Padding, p.Y.Padding = 0, 0
	p.Y.Min, p.Y.Max = 0, 1
	p.X.Tick.Marker = plot.TickerFunc(TimeTicks)
	p.Y.Tick.Marker = plot.TickerFunc(CountTicks)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle = draw.LineStyle{}
		// Invisible ticks leave room between the labels and the panel.
		axis.Tick.LineStyle = draw.LineStyle{Color: color.Transparent, Width: 0.5}
		axis.Tick.Length = 4
		style := textStyle(9, false)
		style.XAlign, style.YAlign = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign
		axis.Tick.Label = style
	}
	p.X.LineStyle = draw.LineStyle{Color: traffic(), Width: 0.7}
	p.X.Tick.Label.Color = color.Transparent
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: faint(), Width: 0.7}
	grid.Vertical = draw.LineStyle{Color: faint(), Width: 0.7}
	p.Add(grid)
	return &panel{title: title, plot: p, height: height}
}

// drawHeader writes the title and legend of the panel into the top of its place.
func (p *panel) drawHeader(c draw.Canvas) {
	style := textStyle(10, true)
	at := vg.Point{X: c.Min.X, Y: c.Max.Y - 12}
	c.FillText(style, at, p.title)
	// Entries go to the right edge, in their order.
	style = textStyle(9, false)
	const swatch, gap = 14, 12
	width := vg.Length(0)
	for _, e := range p.legend {
		width += swatch + 4 + style.Width(e.text) + gap
	}
	at.X = c.Max.X - width + gap
	for _, e := range p.legend {
		c.StrokeLines(draw.LineStyle{Color: e.color, Width: 4}, []vg.Point{{X: at.X, Y: at.Y + 4}, {X: at.X + swatch, Y: at.Y + 4}})
		at.X += swatch + 4
		c.FillText(style, at, e.text)
		at.X += style.Width(e.text) + gap
	}
}

// addLine draws values as a line with gaps, as stairs if step.
func (p *panel) addLine(xs, ys []float64, c color.Color, width vg.Length, step bool) error {
	p.fit(ys)
	for _, r := range runs(ys) {
		points := make(plotter.XYs, 0, r[1]-r[0])
		for i := r[0]; i < r[1]; i++ {
			points = append(points, plotter.XY{X: xs[i], Y: ys[i]})
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return fmt.Errorf("plot %s: %w", p.title, err)
		}
		line.LineStyle = draw.LineStyle{Color: c, Width: width}
		if step {
			line.StepStyle = plotter.PostStep
		}
		p.plot.Add(line)
	}
	return nil
}

// addBand fills the room between two series where both have values.
func (p *panel) addBand(xs, low, high []float64, c color.Color) error {
	p.fit(high)
	for _, r := range runs(low, high) {
		outline := make(plotter.XYs, 0, 2*(r[1]-r[0]))
		for i := r[0]; i < r[1]; i++ {
			outline = append(outline, plotter.XY{X: xs[i], Y: high[i]})
		}
		for i := r[1] - 1; i >= r[0]; i-- {
			outline = append(outline, plotter.XY{X: xs[i], Y: max(0, low[i])})
		}
		fill, err := plotter.NewPolygon(outline)
		if err != nil {
			return fmt.Errorf("plot %s: %w", p.title, err)
		}
		fill.Color = c
		fill.LineStyle = draw.LineStyle{}
		p.plot.Add(fill)
	}
	return nil
}

// fit makes the panel high enough for the values.
func (p *panel) fit(ys []float64) {
	for _, y := range ys {
		if !math.IsNaN(y) && !math.IsInf(y, 0) {
			p.plot.Y.Max = max(p.plot.Y.Max, 1.08*y)
		}
	}
}

// runs returns the ranges, from first to after last, in which all series have values.
func runs(series ...[]float64) [][2]int {
	var out [][2]int
	for i := range series[0] {
		known := true
		for _, s := range series {
			known = known && !math.IsNaN(s[i]) && !math.IsInf(s[i], 0)
		}
		switch {
		case !known:
		case len(out) > 0 && out[len(out)-1][1] == i:
			out[len(out)-1][1]++
		default:
			out = append(out, [2]int{i, i + 1})
		}
	}
	return out
}

// staircase returns the corners of a line that keeps each value until the next.
func staircase(xs, ys []float64) (cornerXs, cornerYs []float64) {
	for i := range xs {
		cornerXs, cornerYs = append(cornerXs, xs[i]), append(cornerYs, ys[i])
		if i+1 < len(xs) {
			cornerXs, cornerYs = append(cornerXs, xs[i+1]), append(cornerYs, ys[i])
		}
	}
	return cornerXs, cornerYs
}
