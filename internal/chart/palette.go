package chart

import (
	"fmt"
	"image/color"
)

// Colour is a colour with the name of its variable in a page.
type Colour struct {
	color.NRGBA
	Name string
}

// hex is how the colour stands in an SVG.
func (c Colour) hex() string {
	r, g, b, a := c.RGBA() // premultiplied, as the SVG canvas undoes it
	if a == 0 {
		return "none"
	}
	return fmt.Sprintf("#%02X%02X%02X", unmultiplied(r, a), unmultiplied(g, a), unmultiplied(b, a))
}

func unmultiplied(v, alpha uint32) uint32 { return v * 255 / alpha }

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
