package accuracy

import "math"

// Pinball is the quantile loss of a forecast f of the quantile of a level: (y-f)(level - 1{y<f}). It is smallest in the mean at the
// true quantile. Source: R. Koenker, G. Bassett, Econometrica 46 (1978).
func Pinball(level, y, f float64) float64 {
	if y < f {
		return (y - f) * (level - 1)
	}
	return (y - f) * level
}

// Deciles returns the levels over which WQL and SQL are averaged: 0.1 to 0.9.
func Deciles() []float64 { return []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9} }

// Quantiles is a forecast of quantiles: Values[l][h] is that of Levels[l], h+1 steps ahead.
type Quantiles struct {
	Levels []float64
	Values [][]float64
}

// at returns the path of a level, nil if there is none.
func (q Quantiles) at(level float64) []float64 {
	for l, have := range q.Levels {
		if math.Abs(have-level) < 1e-9 && l < len(q.Values) {
			return q.Values[l]
		}
	}
	return nil
}

// WQL is the weighted quantile loss, called "CRPS" by GIFT-Eval and BOOM: the mean over the deciles of 2 Σ pinball / Σ|y|. It is NaN if a
// decile is not forecast or if all values are zero. Source: gift-eval, notebooks/naive.ipynb; gluonts, mean_weighted_sum_quantile_loss.
func WQL(actual []float64, q Quantiles) float64 {
	size := 0.0
	for _, y := range actual {
		if known(y) {
			size += math.Abs(y)
		}
	}
	loss := 0.0
	for _, level := range Deciles() {
		loss += sumPinball(level, actual, q.at(level))
	}
	return quotient(2*loss/float64(len(Deciles())), size)
}

// SQL is the scaled quantile loss of fev-bench: the mean over the deciles and steps of 2 · pinball, in units of Scale.
func SQL(actual []float64, q Quantiles, scale float64) float64 {
	loss := 0.0
	for _, level := range Deciles() {
		loss += 2 * mean(actual, q.at(level), func(y, f float64) float64 { return Pinball(level, y, f) })
	}
	return loss / float64(len(Deciles())) / scale
}

// MSIS is the mean scaled interval score of the interval that leaves alpha/2 on each side: its width, plus 2/alpha times how far a value
// is outside, in units of Scale. Source: M4 "Benchmarks and Evaluation.R" with alpha 0.05; T. Gneiting, A. E. Raftery, JASA 102 (2007).
func MSIS(actual, low, high []float64, alpha, scale float64) float64 {
	width := mean(actual, low, func(y, l float64) float64 { return 2/alpha*max(0, l-y) - l })
	return (width + mean(actual, high, func(y, u float64) float64 { return 2/alpha*max(0, y-u) + u })) / scale
}

// sumPinball returns the loss of a level over all known values.
func sumPinball(level float64, actual, path []float64) float64 {
	sum := 0.0
	for h, y := range actual {
		if !known(y) {
			continue
		}
		if h >= len(path) {
			return math.NaN()
		}
		sum += Pinball(level, y, path[h])
	}
	return sum
}

// quotient is a/b, NaN if b is 0: where nothing is there to compare with, nothing is said.
func quotient(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// Coverage counts how often values fell below the forecast quantile of a level. Counts tie with quantiles, mostly at zero, so it keeps
// values below and values equal apart: a quantile q is right if P(y<q) <= level <= P(y<=q).
type Coverage struct {
	Level float64 `json:"level"`
	// N values were compared: Below of them were below the quantile, Equal were the quantile.
	N     int `json:"n"`
	Below int `json:"below"`
	Equal int `json:"equal"`
}

// Cover returns the coverage of one level's path. Forecasts that are missing count as values above, which no level forgives.
func Cover(level float64, actual, path []float64) Coverage {
	c := Coverage{Level: level}
	for h, y := range actual {
		if !known(y) {
			continue
		}
		c.N++
		switch {
		case h >= len(path):
		case y < path[h]:
			c.Below++
		case y == path[h]:
			c.Equal++
		}
	}
	return c
}

// plus adds the counts of another part of the same level. The level stays.
func (c Coverage) plus(d Coverage) Coverage {
	return Coverage{c.Level, c.N + d.N, c.Below + d.Below, c.Equal + d.Equal}
}

// AtOrBelow is the usual coverage P(y<=q). On counts it is rightly above the level: at zero all values tie with the quantile.
func (c Coverage) AtOrBelow() float64 { return float64(c.Below+c.Equal) / float64(c.N) }

// MidRank is the coverage with ties counted by half, P(y<q) + P(y=q)/2: that of a quantile function with its steps smoothed.
func (c Coverage) MidRank() float64 { return (float64(c.Below) + float64(c.Equal)/2) / float64(c.N) }

// Off is how far the level lies outside [P(y<q), P(y<=q)], positive if too many values are below and negative if too few are; 0 is right.
// Unlike the other two it is fair on counts and on smooth series.
func (c Coverage) Off() float64 {
	if low := float64(c.Below) / float64(c.N); low > c.Level {
		return low - c.Level
	}
	return min(0, c.AtOrBelow()-c.Level)
}
