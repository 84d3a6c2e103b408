package season

import "math"

// Alarm is what a detector of drift says.
type Alarm int8

// The alarms.
const (
	// AlarmNone: nothing.
	AlarmNone Alarm = 0
	// AlarmUp: the errors have moved up, so the forecasts are too low.
	AlarmUp Alarm = 1
	// AlarmDown: the errors have moved down, so the forecasts are too high.
	AlarmDown Alarm = -1
)

// String returns none, up or down.
func (a Alarm) String() string {
	switch a {
	case AlarmUp:
		return "up"
	case AlarmDown:
		return "down"
	case AlarmNone:
	}
	return "none"
}

// errorLimit is where scaled errors are cut, so that no single value raises an alarm (D. M. Hawkes: Robustification of
// cumulative sum charts by winsorization, Journal of Quality Technology 25, 1993).
const errorLimit = 3

// The default parameters of the detectors.
const (
	defaultSlack, defaultLimit             = 0.5, 8
	defaultTolerance, defaultThreshold     = 0.25, 15
	defaultMemory                          = 1000
	defaultWeight, defaultSignal           = 0.05, 0.75
	minSignal                          int = 20
)

// CUSUM is the two-sided cumulative sum chart of E. S. Page: Continuous inspection schemes, Biometrika 41 (1954). It takes
// one-step errors in units of their usual standard deviation and finds lasting moves of about twice Slack. The zero value is
// ready; the exported fields are the whole state, 32 bytes, to be stored as they are.
type CUSUM struct {
	// Slack is half the move to be found, in standard deviations; 0 is 0.5.
	Slack float64
	// Limit is the sum at which it raises the alarm; 0 is 8, a false alarm in about 9,600 steps of independent normal errors
	// (5: 465).
	Limit float64
	// Up and Down are the sums: max(0, Up + z - Slack) and max(0, Down - z - Slack).
	Up, Down float64
}

// Add takes the next scaled error and returns the alarm it raises, after which both sums start again. NaN is no news; errors
// beyond three standard deviations count as three.
func (c *CUSUM) Add(z float64) Alarm {
	if z != z {
		return AlarmNone
	}
	z = clip(z)
	slack, limit := orElse(c.Slack, defaultSlack), orElse(c.Limit, defaultLimit)
	c.Up = max(0, c.Up+z-slack)
	c.Down = max(0, c.Down-z-slack)
	alarm := beyond(c.Up, c.Down, limit)
	if alarm != AlarmNone {
		c.Reset()
	}
	return alarm
}

// Reset forgets the past, not the parameters.
func (c *CUSUM) Reset() { c.Up, c.Down = 0, 0 }

// PageHinkley finds a lasting move of the mean of a signal whose usual mean is not known: scaled errors, or their absolute
// values for a loss of accuracy. After E. S. Page (1954) and D. V. Hinkley: Inference about the change-point from cumulative
// sum tests, Biometrika 58 (1971). The mean is learnt online, over at most 1,000 values. The zero value is ready; the exported
// fields are the whole state.
type PageHinkley struct {
	// Tolerance is the move that is not of interest, in the units of the signal; 0 is 0.25.
	Tolerance float64
	// Threshold is the sum at which it raises the alarm; 0 is 15.
	Threshold float64
	// Count and Mean are the number of values, at most 1,000, and their mean.
	Count, Mean float64
	// Up and Down are how far the sums of the deviations beyond the tolerance are above and below their extremes.
	Up, Down float64
}

// Add takes the next value and returns the alarm it raises, after which everything is learnt anew. NaN is no news; values
// further than 3 from the mean count as 3 from it.
func (p *PageHinkley) Add(x float64) Alarm {
	if x != x {
		return AlarmNone
	}
	if p.Count == 0 {
		p.Mean = clip(x)
	}
	deviation := clip(x - p.Mean)
	p.Count = min(p.Count+1, defaultMemory)
	tolerance, threshold := orElse(p.Tolerance, defaultTolerance), orElse(p.Threshold, defaultThreshold)
	p.Up = max(0, p.Up+deviation-tolerance)
	p.Down = max(0, p.Down-deviation-tolerance)
	p.Mean += deviation / p.Count
	alarm := beyond(p.Up, p.Down, threshold)
	if alarm != AlarmNone {
		p.Reset()
	}
	return alarm
}

// Reset forgets the past, not the parameters.
func (p *PageHinkley) Reset() { p.Count, p.Mean, p.Up, p.Down = 0, 0, 0, 0 }

// TrackingSignal is the ratio of the smoothed error to the smoothed absolute error, in [-1, 1]: near 0 for forecasts without
// bias. D. W. Trigg: Monitoring a forecasting system, Operational Research Quarterly 15 (1964). It needs no scale, so raw
// errors do. The zero value is ready; the exported fields are the whole state.
type TrackingSignal struct {
	// Weight is that of the newest error, in (0, 1); 0 is 0.05.
	Weight float64
	// Limit is the absolute value at which it raises the alarm; 0 is 0.75. Trigg's classical 0.5 with weight 0.1 raises it
	// every few dozen steps on independent errors.
	Limit float64
	// Error and Magnitude are the smoothed error and absolute error, Seen the number of errors, up to 20.
	Error, Magnitude float64
	Seen             int
}

// Add takes the next error and returns the alarm while the signal is beyond its limit, from the twentieth error on. Errors that
// are not finite are no news.
func (t *TrackingSignal) Add(e float64) Alarm {
	if !isFinite(e) {
		return AlarmNone
	}
	weight := orElse(t.Weight, defaultWeight)
	t.Error += weight * (e - t.Error)
	t.Magnitude += weight * (math.Abs(e) - t.Magnitude)
	if t.Seen < minSignal {
		t.Seen++
		return AlarmNone
	}
	limit := orElse(t.Limit, defaultSignal)
	return beyond(t.Value(), -t.Value(), limit)
}

// Value returns the signal, 0 before the first error.
func (t *TrackingSignal) Value() float64 {
	if t.Magnitude == 0 {
		return 0
	}
	return t.Error / t.Magnitude
}

// Reset forgets the past, not the parameters.
func (t *TrackingSignal) Reset() { t.Error, t.Magnitude, t.Seen = 0, 0, 0 }

// beyond returns the alarm of two statistics that have a limit.
func beyond(up, down, limit float64) Alarm {
	switch {
	case up > limit:
		return AlarmUp
	case down > limit:
		return AlarmDown
	default:
		return AlarmNone
	}
}

// clip cuts a scaled error; infinities too.
func clip(z float64) float64 { return min(max(z, -errorLimit), errorLimit) }

// orElse returns v, or the default for 0.
func orElse(v, otherwise float64) float64 {
	if v == 0 {
		return otherwise
	}
	return v
}
