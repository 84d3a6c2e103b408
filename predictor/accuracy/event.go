package accuracy

import "math"

// Brier is the mean squared error of probabilities, 0 to 1; probability[i] was forecast for happened[i]. It is NaN without events or if
// the lengths differ. Source: G. W. Brier, Monthly Weather Review 78 (1950), in its one-sided form.
func Brier(probability []float64, happened []bool) float64 {
	return meanEvent(probability, happened, func(p float64, yes bool) float64 {
		if yes {
			p = 1 - p
		}
		return p * p
	})
}

// probabilityFloor keeps the logarithm finite: a forecast that was certain and wrong costs 34.5, not everything.
const probabilityFloor = 1e-15

// LogLoss is the mean of -ln of the probability that was given to what happened, probabilities kept inside [1e-15, 1-1e-15].
// Source: I. J. Good, J. Royal Statistical Society B 14 (1952).
func LogLoss(probability []float64, happened []bool) float64 {
	return meanEvent(probability, happened, func(p float64, yes bool) float64 {
		if !yes {
			p = 1 - p
		}
		return -math.Log(min(max(p, probabilityFloor), 1-probabilityFloor))
	})
}

func meanEvent(probability []float64, happened []bool, term func(p float64, yes bool) float64) float64 {
	if len(probability) != len(happened) {
		return math.NaN()
	}
	sum := 0.0
	for i, p := range probability {
		if !(p >= 0 && p <= 1) {
			return math.NaN()
		}
		sum += term(p, happened[i])
	}
	return sum / float64(len(probability))
}
