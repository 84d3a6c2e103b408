package season_test

import (
	"math"
	"math/rand/v2"
	"time"
)

// generator makes series with known periods.
type generator struct{ r *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 1))} } //nolint:gosec // repeatable test data

// poisson draws a count.
func (g generator) poisson(mean float64) float64 {
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*g.r.NormFloat64()))
	}
	limit, product, n := math.Exp(-mean), g.r.Float64(), 0.0
	for product > limit {
		product *= g.r.Float64()
		n++
	}
	return n
}

// walk is a random walk, with negative values or exponentiated.
func (g generator) walk(n int, exponent bool) []float64 {
	y := make([]float64, n)
	v := 0.0
	for i := range y {
		v += g.r.NormFloat64()
		y[i] = v
		if exponent {
			y[i] = math.Exp(4 + v/20)
		}
	}
	return y
}

// ar is an autoregression of order one around a level, not below zero.
func (g generator) ar(n int, phi, level, sd float64) []float64 {
	y := make([]float64, n)
	v := 0.0
	for i := range y {
		v = phi*v + math.Sqrt(1-phi*phi)*g.r.NormFloat64()
		y[i] = max(0, level+sd*v)
	}
	return y
}

// counts are Poisson counts of a constant rate.
func (g generator) counts(n int, mean float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = g.poisson(mean)
	}
	return y
}

// bursts are counts of a rate that jumps at random times.
func (g generator) bursts(n int, length float64) []float64 {
	y := make([]float64, n)
	rate := 1.0
	for i := range y {
		if g.r.Float64() < 1/length {
			rate = math.Exp(2 * g.r.NormFloat64())
		}
		y[i] = g.poisson(rate)
	}
	return y
}

// daily are counts with a smooth day and one harmonic: mean, relative amplitude in (0, 1).
func (g generator) daily(n, period int, mean, amplitude float64) []float64 {
	y := make([]float64, n)
	shift := g.r.Float64()
	for i := range y {
		at := 2 * math.Pi * (float64(i)/float64(period) + shift)
		y[i] = g.poisson(mean * (1 + amplitude*(0.8*math.Sin(at)+0.2*math.Sin(2*at+1))))
	}
	return y
}

// weekly is a daily course that is lower on the last two of seven days.
func (g generator) weekly(n, day int, mean, weekend float64) []float64 {
	y := g.daily(n, day, 1, 0)
	for i := range y {
		at := 2 * math.Pi * float64(i) / float64(day)
		m := mean * (1 + 0.6*math.Sin(at))
		if i/day%7 >= 5 {
			m = mean * (weekend + 0.1*math.Sin(at+1))
		}
		y[i] = g.poisson(m)
	}
	return y
}

// timer fires every period steps, with noise calls in between.
func (g generator) timer(n, period int, size, noise float64) []float64 {
	y := make([]float64, n)
	start := g.r.IntN(period)
	for i := range y {
		if noise > 0 {
			y[i] = g.poisson(noise)
		}
		if i%period == start {
			y[i] += size
		}
	}
	return y
}

// spoil adds outliers of 1e9 and takes values away.
func (g generator) spoil(y []float64, outliers, missing float64) []float64 {
	for i := range y {
		switch u := g.r.Float64(); {
		case u < outliers:
			y[i] = 1e9
		case u < outliers+missing:
			y[i] = math.NaN()
		}
	}
	return y
}

// seconds makes a duration.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// shift multiplies the second half.
func shift(y []float64, factor float64) []float64 {
	for i := len(y) / 2; i < len(y); i++ {
		y[i] *= factor
	}
	return y
}

// grow multiplies by an exponential trend that ends at factor.
func grow(y []float64, factor float64) []float64 {
	for i := range y {
		y[i] *= math.Pow(factor, float64(i)/float64(len(y)))
	}
	return y
}

// unsure is a timer that fires with a probability only.
func (g generator) unsure(n, period int, probability float64) []float64 {
	y := make([]float64, n)
	for i := 3; i < n; i += period {
		if g.r.Float64() < probability {
			y[i] = 1
		}
	}
	return y
}
