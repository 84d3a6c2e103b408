package predictor

import "math"

// ArrivalForecaster is implemented by forecasters that can say how likely it is that anything arrives: what must be known of
// a function that is rarely invoked before an instance is warmed for it.
type ArrivalForecaster interface {
	// Arrival writes the probability of at least one arrival in the step h+1 steps ahead into dst[h], for all of dst; it
	// lies in [0, 1]. Errors are those of Forecast.
	Arrival(dst []float64) error
	// Within writes the probability of at least one arrival in the next k+1 steps into dst[k], for all of dst; it lies in
	// [0, 1] and never decreases. Errors are those of Forecast.
	Within(dst []float64) error
}

// The bounds of a probability before its odds are taken: a surprise must not count without end.
const (
	minArrival = 1e-5
	maxArrival = 1 - 1e-3
)

// logOdds is the logarithm of the odds of a bounded probability.
func logOdds(p float64) float64 {
	p = max(minArrival, min(p, maxArrival))
	return math.Log(p / (1 - p))
}

// fromLogOdds is the inverse of logOdds, bounds included.
func fromLogOdds(z float64) float64 { return max(minArrival, min(1/(1+math.Exp(-z)), maxArrival)) }

// anyOf turns the probabilities of an arrival in each step into those of an arrival within the first steps, in place, as if
// the steps were independent.
func anyOf(p []float64) {
	none := 1.0
	for i, v := range p {
		none *= 1 - v
		p[i] = 1 - none
	}
}

// evenly writes the probabilities of a rate that is the same in all steps.
func evenly(dst []float64, p float64) {
	p = max(0, min(p, 1))
	for h := range dst {
		dst[h] = p
	}
}

// count returns y if it can be a count, else NaN: a negative count is as unusable as an infinite one.
func count(y float64) float64 {
	if y = usable(y); y < 0 {
		return math.NaN()
	}
	return y
}

// arrivalBase is the share of steps with an arrival, with a little weight on a low one while there are few steps.
type arrivalBase struct {
	steps, active int
}

// most bounds the counts so that they fit into a state; long before, the share has settled.
const mostSteps = math.MaxInt32

func (b *arrivalBase) add(y float64) {
	if b.steps >= mostSteps {
		b.steps, b.active = b.steps/2, b.active/2
	}
	b.steps++
	if y > 0 {
		b.active++
	}
}

func (b *arrivalBase) rate() float64 { return (float64(b.active) + 0.02) / (float64(b.steps) + 20) }

func (b *arrivalBase) write(w *writer) {
	w.int(b.steps)
	w.int(b.active)
}

func (b *arrivalBase) read(r *reader) {
	b.steps = r.int(0, mostSteps)
	b.active = r.int(0, b.steps)
}

// sizeMean is the exponential mean of the counts that were not zero, as Croston's method has it.
type sizeMean struct {
	level float64
	n     int
}

// sizeWeight is the weight of the latest size.
const sizeWeight = 0.1

func (s *sizeMean) add(y float64) {
	s.n = min(s.n+1, mostSteps)
	s.level += max(sizeWeight, 1/float64(s.n)) * (y - s.level)
}

func (s *sizeMean) write(w *writer) {
	w.float(s.level)
	w.int(s.n)
}

func (s *sizeMean) read(r *reader) {
	s.level = r.float(0, MaxValue)
	s.n = r.int(0, mostSteps)
}

// times multiplies probabilities by the mean size.
func (s *sizeMean) times(p []float64) {
	for h := range p {
		p[h] *= s.level
	}
}
