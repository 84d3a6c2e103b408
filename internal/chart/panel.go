package chart

import (
	"image/color"
	"math"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Panel is one of the plots of a figure, with a heading and a legend. Values that are NaN or infinite are gaps.
type Panel struct {
	title  string
	plot   *plot.Plot
	height float64 // in relation to the other panels
	legend []legendEntry
	free   bool
	low    float64
	high   float64
	err    error
}

type legendEntry struct {
	text  string
	color color.Color
}

// Axis is the horizontal axis of a panel.
type Axis struct {
	Min, Max float64
	// Ticks marks values; see TimeTicks and NumberTicks.
	Ticks func(low, high float64) []plot.Tick
	// Hidden leaves the labels out, because a panel below has them.
	Hidden bool
}

// NewCounts makes a panel of counts, whose vertical axis goes from 0 to at least 1.
func NewCounts(title string, height float64, x Axis) *Panel {
	p := newPanel(title, height, x)
	p.plot.Y.Min, p.plot.Y.Max = 0, 1
	p.plot.Y.Tick.Marker = plot.TickerFunc(CountTicks)
	return p
}

// NewNumbers makes a panel of any numbers, whose vertical axis goes from the least to the greatest.
func NewNumbers(title string, height float64, x Axis) *Panel {
	p := newPanel(title, height, x)
	p.free, p.low, p.high = true, math.Inf(1), math.Inf(-1)
	p.plot.Y.Tick.Marker = plot.TickerFunc(NumberTicks)
	return p
}

// newPanel makes a panel with a grid.
func newPanel(title string, height float64, x Axis) *Panel {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Min, p.X.Max = x.Min, x.Max
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Tick.Marker = plot.TickerFunc(x.Ticks)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle = draw.LineStyle{}
		// Invisible ticks leave room between the labels and the panel.
		axis.Tick.LineStyle = draw.LineStyle{Color: color.Transparent, Width: 0.5}
		axis.Tick.Length = 4
		style := textStyle(9, false)
		style.XAlign, style.YAlign = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign
		axis.Tick.Label = style
	}
	p.X.LineStyle = draw.LineStyle{Color: Fact(), Width: 0.7}
	if x.Hidden {
		p.X.Tick.Label.Color = color.Transparent
	}
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: Faint(), Width: 0.7}
	grid.Vertical = draw.LineStyle{Color: Faint(), Width: 0.7}
	p.Add(grid)
	return &Panel{title: title, plot: p, height: height}
}

func textStyle(size vg.Length, bold bool) draw.TextStyle {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = stdfont.WeightBold
	}
	return draw.TextStyle{Color: Ink(), Font: f, YAlign: draw.YBottom, Handler: plot.DefaultTextHandler}
}

// drawHeader writes the title and legend of the panel into the top of its place.
func (p *Panel) drawHeader(c draw.Canvas) {
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

// Legend adds an entry.
func (p *Panel) Legend(text string, c color.Color) { p.legend = append(p.legend, legendEntry{text, c}) }

// Style is how a line is drawn.
type Style struct {
	Color color.Color
	// Width is in points.
	Width float64
	// Stairs keeps each value until the next.
	Stairs bool
	// Dots marks every value, for those that have no neighbour to draw a line to.
	Dots bool
	// Dashed breaks the line.
	Dashed bool
}

// Line draws values as a line with gaps.
func (p *Panel) Line(xs, ys []float64, s Style) {
	p.fit(ys)
	for _, r := range runs(ys) {
		points := make(plotter.XYs, 0, r[1]-r[0])
		for i := r[0]; i < r[1]; i++ {
			points = append(points, plotter.XY{X: xs[i], Y: ys[i]})
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			p.err = err
			return
		}
		line.LineStyle = draw.LineStyle{Color: s.Color, Width: vg.Length(s.Width)}
		if s.Dashed {
			line.Dashes = []vg.Length{4, 3}
		}
		if s.Stairs {
			line.StepStyle = plotter.PostStep
		}
		p.plot.Add(line)
		if s.Dots {
			dots, err := plotter.NewScatter(points)
			if err != nil {
				p.err = err
				return
			}
			dots.GlyphStyle = draw.GlyphStyle{Color: s.Color, Radius: vg.Length(1.6 * s.Width), Shape: draw.CircleGlyph{}}
			p.plot.Add(dots)
		}
	}
}

// Fill fills the room between two series where both have values. In a panel of counts it ends at 0.
func (p *Panel) Fill(xs, low, high []float64, c color.Color) {
	p.fit(high)
	floor := math.Inf(-1)
	if p.free {
		p.fit(low)
	} else {
		floor = 0
	}
	for _, r := range runs(low, high) {
		outline := make(plotter.XYs, 0, 2*(r[1]-r[0]))
		for i := r[0]; i < r[1]; i++ {
			outline = append(outline, plotter.XY{X: xs[i], Y: high[i]})
		}
		for i := r[1] - 1; i >= r[0]; i-- {
			outline = append(outline, plotter.XY{X: xs[i], Y: max(floor, low[i])})
		}
		fill, err := plotter.NewPolygon(outline)
		if err != nil {
			p.err = err
			return
		}
		fill.Color = c
		fill.LineStyle = draw.LineStyle{}
		p.plot.Add(fill)
	}
}

// fit makes the panel high enough for the values.
func (p *Panel) fit(ys []float64) {
	for _, y := range ys {
		switch {
		case math.IsNaN(y) || math.IsInf(y, 0):
		case p.free:
			p.low, p.high = min(p.low, y), max(p.high, y)
		default:
			p.plot.Y.Max = max(p.plot.Y.Max, 1.08*y)
		}
	}
}

// finish sets the vertical axis of a panel of any numbers, with a little room.
func (p *Panel) finish() {
	if !p.free {
		return
	}
	low, high := p.low, p.high
	if low > high {
		low, high = 0, 1
	}
	room := 0.05 * (high - low)
	if room == 0 {
		room = max(1e-3, 0.05*math.Abs(high))
	}
	p.plot.Y.Min, p.plot.Y.Max = low-room, high+room
	if low >= 0 && low < 0.5*high { // 0 is near enough to be shown
		p.plot.Y.Min = 0
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

// Staircase returns the corners of a line that keeps each value until the next.
func Staircase(xs, ys []float64) (cornerXs, cornerYs []float64) {
	for i := range xs {
		cornerXs, cornerYs = append(cornerXs, xs[i]), append(cornerYs, ys[i])
		if i+1 < len(xs) {
			cornerXs, cornerYs = append(cornerXs, xs[i+1]), append(cornerYs, ys[i])
		}
	}
	return cornerXs, cornerYs
}
