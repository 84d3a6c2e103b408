package chart

import (
	"fmt"
	"image/color"
	"regexp"
)

// Colour is a colour with the name of its variable in a page.
type Colour struct {
	color.NRGBA
	Name string
}

// hexColour finds colours in an SVG, those that are transparent as well, which the canvas writes as a huge negative number.
func hexColour() *regexp.Regexp { return regexp.MustCompile(`#(-[0-9A-F-]+|[0-9A-F]{6})\b`) }

// asVariable returns the variable of a colour. What is half transparent has lost a little in the canvas.
func asVariable(hex string) string {
	const lost = 4
	var r, g, b uint8
	if n, err := fmt.Sscanf(hex, "#%02X%02X%02X", &r, &g, &b); n != 3 || err != nil {
		return "none"
	}
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) <= lost }
	for _, p := range Palette() {
		if near(p.R, r) && near(p.G, g) && near(p.B, b) {
			return "var(--" + p.Name + ")"
		}
	}
	return hex
}

// The colours, chosen to be told apart on white, also by people who see red and green alike.

// Ink is for text.
func Ink() Colour { return Colour{color.NRGBA{0x1f, 0x29, 0x37, 0xff}, "ink"} }

// Faint is for grids.
func Faint() Colour { return Colour{color.NRGBA{0xe5, 0xe7, 0xeb, 0xff}, "faint"} }

// Fact is for what was measured.
func Fact() Colour { return Colour{color.NRGBA{0x47, 0x55, 0x69, 0xff}, "fact"} }

// Guess is for what was forecast.
func Guess() Colour { return Colour{color.NRGBA{0xd9, 0x77, 0x06, 0xff}, "guess"} }

// Band is for the room between quantiles.
func Band() Colour { return Colour{color.NRGBA{0xfb, 0xbf, 0x24, 0x66}, "band"} }

// Blue is for one of several things that are compared.
func Blue() Colour { return Colour{color.NRGBA{0x1d, 0x4e, 0xd8, 0xff}, "blue"} }

// Red is for what is worse.
func Red() Colour { return Colour{color.NRGBA{0xb9, 0x1c, 0x1c, 0xff}, "red"} }

// Green is for what is better.
func Green() Colour { return Colour{color.NRGBA{0x0f, 0x76, 0x6e, 0xff}, "green"} }

// Pale is for the area below a blue line.
func Pale() Colour { return Colour{color.NRGBA{0x93, 0xc5, 0xfd, 0x80}, "pale"} }

// Palette returns all colours.
func Palette() []Colour {
	return []Colour{Ink(), Faint(), Fact(), Guess(), Band(), Blue(), Red(), Green(), Pale()}
}
