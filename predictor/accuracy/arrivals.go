// Package accuracy measures forecasts.
package accuracy

import "math"

// arrivalFloor bounds the probability that a logarithmic score takes, so that one certain error does not make it infinite.
const arrivalFloor = 1e-9

// ArrivalScore is the running score of forecasts of the probability that something happens: the Brier score, which is the
// mean squared difference of probability and outcome (Brier, "Verification of forecasts expressed in terms of probability",
// Monthly Weather Review 78, 1950), and the log loss, the mean negative natural logarithm of the probability of what happened.
// Both are proper: to say what one believes is best. The zero value is ready to use.
type ArrivalScore struct {
	n          int
	brier, log float64
}

// Add scores a forecast p, in [0, 1], of something that happened or did not.
func (s *ArrivalScore) Add(p float64, happened bool) {
	s.n++
	if !happened {
		p = 1 - p
	}
	s.brier += (1 - p) * (1 - p)
	s.log -= math.Log(max(p, arrivalFloor))
}

// Merge adds the forecasts of another score.
func (s *ArrivalScore) Merge(o ArrivalScore) {
	s.n += o.n
	s.brier += o.brier
	s.log += o.log
}

// N is the number of forecasts.
func (s *ArrivalScore) N() int { return s.n }

// Brier is the mean Brier score: 0 at best; NaN if there are no forecasts.
func (s *ArrivalScore) Brier() float64 { return s.brier / float64(s.n) }

// LogLoss is the mean log loss in nats: 0 at best; NaN if there are no forecasts.
func (s *ArrivalScore) LogLoss() float64 { return s.log / float64(s.n) }
