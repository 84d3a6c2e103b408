package results

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strings"
	"time"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"pilotlight/internal/chart"
	"pilotlight/internal/sim"
)

// violet is for the policies of others, where there are more colours than those of a chart.
func violet() color.Color { return color.NRGBA{0x7c, 0x3a, 0xed, 0xff} }

// The sizes in points.
const (
	chartWidth     = 720
	tradeoffHeight = 460
	coldHeight     = 220
)

// mark is a point of the trade-off, by the logarithms of its place.
type mark struct {
	x, y  float64
	label string
	order float64
}

// line is what is drawn of policies that belong together.
type line struct {
	color  color.Color
	width  vg.Length
	dashes []vg.Length
	joined bool
	marks  []mark
}

// waste is what is paid for idling: idle memory where all of it is, else dollars.
func (r *Result) waste(u *sim.Usage) float64 {
	if r.Setting == sim.Customer {
		return u.USD
	}
	return u.IdleGBs()
}

// tradeoff draws cold starts against waste. The note names what a logarithmic chart cannot show.
func (r *Result) tradeoff() (svg template.HTML, note string, err error) {
	lines, left := r.lines()
	p := newPlot()
	p.X.Label.Text, p.Y.Label.Text = "idle GB-seconds", "seconds of cold start"
	if r.Setting == sim.Customer {
		p.X.Label.Text = "dollars"
	}
	var all []mark
	for _, l := range lines {
		if l.joined || len(l.marks) == 1 {
			all = append(all, l.marks...)
		}
	}
	if len(all) < 2 {
		return "", "", nil
	}
	bounds(p, all)
	outside := trim(p, lines)
	for _, l := range lines {
		if err := l.add(p); err != nil {
			return "", "", err
		}
	}
	c := vgsvg.New(chartWidth, tradeoffHeight)
	canvas := draw.New(c)
	p.Draw(canvas)
	labels(p, canvas, lines)
	svg, err = rendered(c, "Seconds of cold start against waste for Pilotlight at several prices, and for other policies.")
	if len(left) > 0 {
		note = "Not drawn, because a logarithmic scale has no zero: " + strings.Join(left, ", ") + "."
	}
	if len(outside) > 0 {
		note += " Far outside: " + strings.Join(outside, ", ") + "."
	}
	return svg, strings.TrimSpace(note), err
}

// trim leaves out single policies that are so far off that the others would be squeezed, and makes room for the rest.
func trim(p *plot.Plot, lines []*line) (outside []string) {
	const reach = 0.7 // of a power of ten
	low, high, left, right := p.Y.Min, p.Y.Max, p.X.Min, p.X.Max
	for _, l := range lines {
		if l.joined {
			continue
		}
		l.marks = slices.DeleteFunc(l.marks, func(m mark) bool {
			far := m.y > high+reach || m.y < low-reach || m.x > right+reach || m.x < left-reach
			if far {
				outside = append(outside, m.label)
				return true
			}
			p.Y.Min, p.Y.Max = min(p.Y.Min, m.y-0.05), max(p.Y.Max, m.y+0.05)
			p.X.Min, p.X.Max = min(p.X.Min, m.x-0.05), max(p.X.Max, m.x+0.05)
			return false
		})
	}
	return outside
}

// chartLines are the lines of the trade-off, and what is left out of them.
type chartLines struct {
	fixed, rental, oracle, other, today, mine line
	waste                                     func(*sim.Usage) float64
	left                                      []string
}

// add puts a policy on a line, unless it has a zero.
func (c *chartLines) add(l *line, u *sim.Usage, label, name string, order float64) {
	x, y := math.Log10(c.waste(u)), math.Log10(u.ColdSeconds)
	if math.IsInf(x, 0) || math.IsInf(y, 0) || math.IsNaN(x+y) {
		c.left = append(c.left, name)
		return
	}
	l.marks = append(l.marks, mark{x, y, label, order})
}

// lines sorts the policies into lines and single points; left are those with a zero.
func (r *Result) lines() (lines []*line, left []string) {
	c := &chartLines{
		fixed:  line{color: chart.Guess(), width: 1.2, joined: true},
		rental: line{color: chart.Blue(), width: 1.2, joined: true},
		oracle: line{color: chart.Fact(), width: 1, joined: true, dashes: []vg.Length{4, 3}},
		other:  line{color: violet()},
		today:  line{color: chart.Red()},
		mine:   line{color: chart.Green(), width: 2.2, joined: true},
		waste:  r.waste,
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		if len(r.Curve) == 0 {
			c.place(p, &p.Usage)
		} else if p.Kind != Pilotlight {
			c.place(p, &p.OnCurve)
		}
	}
	for i := range r.Curve {
		at := &r.Curve[i]
		c.add(&c.mine, &at.Usage, number(at.ColdStartPrice), "Pilotlight at "+number(at.ColdStartPrice), at.ColdStartPrice)
	}
	return []*line{&c.oracle, &c.fixed, &c.rental, &c.other, &c.today, &c.mine}, c.left
}

// place puts a policy on the line of its kind.
func (c *chartLines) place(p *Policy, u *sim.Usage) {
	minutes, isFixed := strings.CutPrefix(p.Name, "fixed-")
	switch {
	case p.Kind == Pilotlight:
		c.add(&c.mine, u, "Pilotlight", p.Name, 0)
	case p.Kind == Today:
		c.add(&c.today, u, "today: "+p.Name, p.Name, 0)
		if isFixed {
			c.add(&c.fixed, u, "", p.Name, c.waste(u))
		}
	case p.Kind == Oracle:
		if strings.HasPrefix(p.Name, "oracle-keep") { // the others know so much that they would squeeze the chart
			c.add(&c.oracle, u, "", p.Name, c.waste(u))
		}
	case isFixed:
		c.add(&c.fixed, u, minutes+" min", p.Name, c.waste(u))
	case strings.HasPrefix(p.Name, "break-even-J"):
		c.add(&c.rental, u, "", p.Name, c.waste(u))
	default:
		c.add(&c.other, u, p.Name, p.Name, 0)
	}
}

// add draws a line and its points.
func (l *line) add(p *plot.Plot) error {
	if len(l.marks) == 0 {
		return nil
	}
	slices.SortStableFunc(l.marks, func(a, b mark) int { return cmp.Compare(a.order, b.order) })
	points := make(plotter.XYs, len(l.marks))
	for i, m := range l.marks {
		points[i] = plotter.XY{X: m.x, Y: m.y}
	}
	if l.joined && len(points) > 1 {
		drawn, err := plotter.NewLine(points)
		if err != nil {
			return fmt.Errorf("report: trade-off: %w", err)
		}
		drawn.LineStyle = draw.LineStyle{Color: l.color, Width: l.width, Dashes: l.dashes}
		p.Add(drawn)
	}
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return fmt.Errorf("report: trade-off: %w", err)
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: l.color, Radius: 3, Shape: draw.CircleGlyph{}}
	if l.dashes != nil {
		dots.Radius = 2
	}
	p.Add(dots)
	return nil
}

// labels writes the names beside the points, each where nothing is written yet.
func labels(p *plot.Plot, c draw.Canvas, lines []*line) {
	inner := p.DataCanvas(c)
	var taken []vg.Rectangle
	for _, l := range slices.Backward(lines) {
		style := text(9, l.width > 2)
		style.Color = l.color
		for _, m := range l.marks {
			if m.label == "" {
				continue
			}
			at := vg.Point{X: inner.X(p.X.Norm(m.x)), Y: inner.Y(p.Y.Norm(m.y))}
			width := style.Width(m.label)
			place := free(taken, at, width, inner.Rectangle)
			taken = append(taken, place)
			c.FillText(style, place.Min, m.label)
		}
	}
}

// free finds room for a label of a width beside a point.
func free(taken []vg.Rectangle, at vg.Point, width vg.Length, within vg.Rectangle) vg.Rectangle {
	const height, gap = 10, 6
	var first vg.Rectangle
	for k, shift := range []vg.Point{
		{X: gap, Y: -4},
		{X: gap, Y: 4},
		{X: gap, Y: -13},
		{X: -width - gap, Y: -4},
		{X: -width - gap, Y: 5},
		{X: -width / 2, Y: 7},
		{X: -width / 2, Y: -16},
		{X: gap, Y: 13},
		{X: gap, Y: -22},
		{X: -width - gap, Y: -14},
		{X: -width - gap, Y: 14},
	} {
		low := at.Add(shift)
		place := vg.Rectangle{Min: low, Max: vg.Point{X: low.X + width, Y: low.Y + height}}
		if k == 0 {
			first = place
		}
		inside := place.Max.X <= within.Max.X && place.Min.X >= within.Min.X
		if inside && !slices.ContainsFunc(taken, func(t vg.Rectangle) bool {
			return place.Min.X < t.Max.X && t.Min.X < place.Max.X && place.Min.Y < t.Max.Y && t.Min.Y < place.Max.Y
		}) {
			return place
		}
	}
	return first
}

// bounds makes room for all points.
func bounds(p *plot.Plot, all []mark) {
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, m := range all {
		p.X.Min, p.X.Max = min(p.X.Min, m.x), max(p.X.Max, m.x)
		p.Y.Min, p.Y.Max = min(p.Y.Min, m.y), max(p.Y.Max, m.y)
	}
	const margin = 0.06
	dx, dy := max(p.X.Max-p.X.Min, 0.2), max(p.Y.Max-p.Y.Min, 0.2)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = p.X.Min-margin*dx, p.X.Max+1.5*margin*dx, p.Y.Min-margin*dy, p.Y.Max+margin*dy
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(powerTicks), plot.TickerFunc(powerTicks)
}

// powerTicks marks the powers of ten and, the fewer they are, the more between them.
func powerTicks(low, high float64) []plot.Tick {
	marks := []float64{1, 2, 5}
	switch span := high - low; {
	case span > 3:
		marks = []float64{1}
	case span < 0.7:
		marks = []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8}
	}
	var ticks []plot.Tick
	for k := math.Floor(low); k <= high && len(ticks) < 60; k++ {
		for _, m := range marks {
			if v := k + math.Log10(m); v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: short(m * math.Pow(10, k))})
			}
		}
	}
	return ticks
}

// short writes a round number in few letters.
func short(v float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.of {
			return number(round(v/unit.of)) + unit.name
		}
	}
	return number(round(v))
}

// coldOverTime draws the cold starts so far.
func (r *Result) coldOverTime() (template.HTML, error) {
	first := int(r.From.Sub(r.Start) / time.Hour)
	if len(r.Hours.Pilotlight)-first < 2 {
		return "", nil
	}
	p := newPlot()
	p.Y.Label.Text = "cold starts so far"
	p.Y.Min = 0
	for _, s := range []struct {
		hours []int64
		color color.Color
		width vg.Length
	}{{r.Hours.Today, chart.Red(), 1.4}, {r.Hours.Pilotlight, chart.Green(), 2}} {
		points := plotter.XYs{{X: float64(r.From.Unix())}}
		total := 0.0
		for h := first; h < len(s.hours); h++ {
			total += float64(s.hours[h])
			points = append(points, plotter.XY{X: float64(r.Start.Add(time.Duration(h+1) * time.Hour).Unix()), Y: total})
		}
		drawn, err := plotter.NewLine(points)
		if err != nil {
			return "", fmt.Errorf("report: cold starts: %w", err)
		}
		drawn.LineStyle = draw.LineStyle{Color: s.color, Width: s.width}
		p.Add(drawn)
		p.Y.Max = max(p.Y.Max, total)
	}
	p.X.Min, p.X.Max = float64(r.From.Unix()), float64(r.To.Unix())
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(chart.TimeTicks), plot.TickerFunc(chart.CountTicks)
	p.Y.Max = max(1.05*p.Y.Max, 1)
	c := vgsvg.New(chartWidth, coldHeight)
	p.Draw(draw.New(c))
	return rendered(c, "Cold starts so far, under Pilotlight and under what runs today.")
}

// newPlot makes an empty chart with a grid.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle = draw.LineStyle{Color: chart.Fact(), Width: 0.7}
		axis.Tick.LineStyle = draw.LineStyle{Color: chart.Fact(), Width: 0.5}
		style := text(9, false)
		style.XAlign, style.YAlign, style.Rotation = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign, axis.Tick.Label.Rotation
		axis.Tick.Label = style
		label := text(10, false)
		label.XAlign, label.YAlign, label.Rotation = axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign, axis.Label.TextStyle.Rotation
		axis.Label.TextStyle = label
	}
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: chart.Faint(), Width: 0.7}
	grid.Vertical = draw.LineStyle{Color: chart.Faint(), Width: 0.7}
	p.Add(grid)
	return p
}

func text(size vg.Length, bold bool) draw.TextStyle {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = stdfont.WeightBold
	}
	return draw.TextStyle{Color: chart.Ink(), Font: f, YAlign: draw.YBottom, Handler: plot.DefaultTextHandler}
}

// rendered returns a drawn chart as part of a page.
func rendered(c *vgsvg.Canvas, title string) (template.HTML, error) {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	return inline(b.String(), title), nil
}
