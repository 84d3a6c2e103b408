package ensemble

import (
	"math"
	"slices"
)

// tailReach is how much the tails of a distribution grow for one past window, falling with the root of their number.
const tailReach = 1.0

// lastDecile is the last level of the grid that is scored.
const lastDecile = firstDecile + deciles - 1

// tailFactor returns by what the tails beyond the outer deciles grow. The residuals of windows that overlap, or of one day, are alike:
// so many windows show less of the extremes than so many independent ones would.
func tailFactor(windows int) float64 {
	return 1 + tailReach/math.Sqrt(float64(max(windows, 1)))
}

// widen stretches the tails beyond the outer deciles.
func (d *dist) widen(factor, low float64) {
	for l := range firstDecile {
		d[l] = max(low, d[firstDecile]-factor*(d[firstDecile]-d[l]))
	}
	for l := lastDecile + 1; l < gridLen; l++ {
		d[l] = d[lastDecile] + factor*(d[l]-d[lastDecile])
	}
}

// guesser guesses distributions where no forecast of the past could be scored.
type guesser struct {
	values []float64 // sorted
	spread float64
}

// newGuesser looks at what values there are.
func newGuesser(y []float64) *guesser {
	g := &guesser{}
	for _, v := range y {
		if v == v {
			g.values = append(g.values, v)
		}
	}
	slices.Sort(g.values)
	n := float64(len(g.values))
	if n == 0 {
		return g
	}
	mean, sum := 0.0, 0.0
	for _, v := range g.values {
		mean += v / n
	}
	for _, v := range g.values {
		sum += (v - mean) * (v - mean) / n
	}
	// Of few values one knows neither the level nor the spread: they may lie as far from the truth as they are large.
	g.spread = math.Sqrt(sum)*(1+1/n) + math.Abs(mean)/(1+n)
	return g
}

// fill writes a distribution around a point forecast: normal, and at least as wide as the values themselves lie.
func (g *guesser) fill(d *dist, mean, low float64) {
	for l, level := range grid {
		v := mean + g.spread*math.Sqrt2*math.Erfinv(2*level-1)
		if len(g.values) > 0 {
			if e := empirical(g.values, level); level < 0.5 && e < v || level > 0.5 && e > v {
				v = e
			}
		}
		d[l] = max(low, v)
	}
	slices.Sort(d[:])
}
