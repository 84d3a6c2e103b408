package season

import "math"

const (
	// scaleWeight is the weight of the newest error in an ErrorScale, scaleCut how many times the mean absolute error an error
	// may count, scaleLearn how many errors it takes before it scales.
	scaleWeight, scaleCut, scaleLearn = 0.005, 4, 30
	// maxCorrelation bounds the autocorrelation that is allowed for.
	maxCorrelation = 0.95
	// sigmaPerMean is the standard deviation of normal errors by their mean absolute value: sqrt(π/2).
	sigmaPerMean = 1.2533141373155003
)

// ErrorScale turns one-step errors into the scaled errors that CUSUM and PageHinkley take: e / (σ·sqrt((1+r)/(1-r))), with σ the
// slow mean absolute error times sqrt(π/2) and r the autocorrelation at lag one, at least 0. Sums of autocorrelated errors wander
// by that factor further than sums of independent ones, and without it every forecaster that is a little slow raises alarms all
// the time. The zero value is ready; the exported fields are the whole state.
type ErrorScale struct {
	// Mean, Square and Product are the slow means of the absolute error, of its square and of the product with the error before,
	// all of errors cut at four times the mean.
	Mean, Square, Product float64
	// Last is the cut error before, Seen the number of errors, up to 2^31-1.
	Last float64
	Seen int32
}

// Add takes the next error and returns it scaled by what was known before it: NaN for the first 30 and for errors that are not
// finite.
func (s *ErrorScale) Add(e float64) float64 {
	if !isFinite(e) {
		s.Last = 0
		return math.NaN()
	}
	z := math.NaN()
	if s.Seen >= scaleLearn && s.Mean > 0 {
		z = e / s.sigma()
	}
	if s.Mean > 0 {
		e = min(max(e, -scaleCut*s.Mean), scaleCut*s.Mean)
	}
	e = min(max(e, -maxMagnitude), maxMagnitude)
	if s.Seen < math.MaxInt32 {
		s.Seen++
	}
	weight := max(scaleWeight, 1/float64(s.Seen))
	s.Mean += weight * (math.Abs(e) - s.Mean)
	s.Square += weight * (e*e - s.Square)
	s.Product += weight * (e*s.Last - s.Product)
	s.Last = e
	return z
}

// sigma returns the scale.
func (s *ErrorScale) sigma() float64 {
	r := 0.0
	if s.Square > 0 {
		r = min(max(s.Product/s.Square, 0), maxCorrelation)
	}
	return sigmaPerMean * s.Mean * math.Sqrt((1+r)/(1-r))
}
