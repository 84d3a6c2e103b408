// Package chart draws panels of lines and bands, one above the other, with gonum/plot: as SVG and PNG files, and as SVG inside a page
// that follows the reader's light or dark colours. The same data gives the same bytes.
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"image/color"
	"io"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// ErrFormat says that a figure cannot be written as what was asked for.
var ErrFormat = errors.New("is neither svg nor png")

// Figure is a title over panels whose left and right edges are aligned.
type Figure struct {
	Title string
	// Width and Height are in points.
	Width, Height float64
	Panels        []*Panel
}

const (
	margin = 12
	// dpi is the resolution of pixels, twice that of a usual screen.
	dpi = 144
	// The heights of titles: of the figure and of a panel.
	titleHeight, panelTitleHeight = 26, 18
)

// canvas is what figures are drawn on.
type canvas interface {
	vg.CanvasSizer
	io.WriterTo
}

// Write writes the figure as "svg" or "png". It returns an error wrapping ErrFormat for another format, and that of w; nothing is written
// of a figure that fails.
func (f *Figure) Write(w io.Writer, format string) error {
	var on canvas
	width, height := vg.Length(f.Width), vg.Length(f.Height)
	switch format {
	case "svg":
		on = vgsvg.New(width, height)
	case "png":
		on = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))}
	default:
		return fmt.Errorf("plot format %q %w", format, ErrFormat)
	}
	c := draw.New(on)
	c.SetColor(color.White)
	c.Fill(c.Path())
	out, err := f.render(on, c, format)
	if err != nil {
		return err
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("write plot: %w", err)
	}
	return nil
}

// Inline returns the figure as an svg element for a page of HTML. Its ground is that of the page, and the colours of Palette are
// variables such as var(--ink), which the page must define. text says to those who cannot see it what the figure shows; id is unique
// in the page.
func (f *Figure) Inline(id, text string) (string, error) {
	on := vgsvg.New(vg.Length(f.Width), vg.Length(f.Height))
	out, err := f.render(on, draw.New(on), "svg")
	if err != nil {
		return "", err
	}
	_, svg, ok := strings.Cut(string(out), "<svg ")
	if !ok {
		return "", errors.New("plot for a page: there is no svg element")
	}
	_, svg, _ = strings.Cut(svg, ">")
	svg = hexColour().ReplaceAllStringFunc(svg, asVariable)
	svg = strings.ReplaceAll(svg, "font-family:Liberation Sans;font-variant:normal;", "")
	return fmt.Sprintf("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-labelledby=\"%[3]s\"><title id=\"%[3]s\">%[4]s</title>%[5]s",
		f.Width, f.Height, html.EscapeString(id), html.EscapeString(text), svg), nil
}

func (f *Figure) render(on canvas, c draw.Canvas, format string) ([]byte, error) {
	for _, p := range f.Panels {
		if p.err != nil {
			return nil, fmt.Errorf("plot %s: %w", p.title, p.err)
		}
	}
	f.draw(c)
	var out bytes.Buffer
	if _, err := on.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("plot as %s: %w", format, err)
	}
	return out.Bytes(), nil
}

// draw puts the panels one above the other, with their horizontal axes aligned.
func (f *Figure) draw(c draw.Canvas) {
	c = draw.Crop(c, margin, -margin, margin, -margin)
	if f.Title != "" {
		c.FillText(textStyle(13, true), vg.Point{X: c.Min.X, Y: c.Max.Y - 13}, f.Title)
		c = draw.Crop(c, 0, 0, 0, -titleHeight)
	}
	total := 0.0
	for _, p := range f.Panels {
		total += p.height
		p.finish()
	}
	places := make([]draw.Canvas, len(f.Panels))
	left, right := vg.Length(0), vg.Length(0)
	top := c.Max.Y
	for i, p := range f.Panels {
		height := c.Size().Y * vg.Length(p.height/total)
		places[i] = draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: c.Min.X, Y: top - height}, Max: vg.Point{X: c.Max.X, Y: top},
		}}
		top -= height
		inner := p.plot.DataCanvas(places[i])
		left = max(left, inner.Min.X-c.Min.X)
		right = max(right, c.Max.X-inner.Max.X)
	}
	for i, p := range f.Panels {
		p.drawHeader(draw.Crop(places[i], left, 0, 0, 0))
		place := draw.Crop(places[i], 0, 0, 4, -panelTitleHeight)
		inner := p.plot.DataCanvas(place)
		p.plot.Draw(draw.Crop(place, left-(inner.Min.X-place.Min.X), -(right - (place.Max.X - inner.Max.X)), 0, 0))
	}
}
