package accuracy

import (
	"math"
	"time"
)

// Forecast is what is scored: a path of points and quantiles.
type Forecast struct {
	Point []float64
	Quantiles
}

// Tally sums the errors of one model on one series over the windows of a back-test. The zero value is empty and ready.
type Tally struct {
	// Windows is how many forecasts were scored, Missing how many there should have been but were not.
	Windows, Missing int
	// CPU is the time that all the forecasts took.
	CPU time.Duration

	smape, mase, sql sum
	// values is how many were there to compare with.
	values     int
	size, loss float64
	coverage   []Coverage
}

// sum is a mean in the making, of what is defined.
type sum struct {
	total float64
	n     int
}

func (s *sum) add(v float64) {
	if known(v) {
		s.total += v
		s.n++
	}
}

func (s *sum) mean() float64 { return quotient(s.total, float64(s.n)) }

// Add scores the forecast of one window by what came; scale is that of the history before it. A forecast that does not say what will
// come at a step that is known later counts as missing.
func (t *Tally) Add(actual []float64, f Forecast, scale float64) {
	if !f.covers(actual) {
		t.Missing++
		return
	}
	t.Windows++
	for _, y := range actual {
		if known(y) {
			t.values++
			t.size += math.Abs(y)
		}
	}
	t.smape.add(SMAPE(actual, f.Point))
	t.mase.add(MASE(actual, f.Point, scale))
	t.sql.add(SQL(actual, f.Quantiles, scale))
	for _, level := range Deciles() {
		t.loss += sumPinball(level, actual, f.at(level))
	}
	if t.coverage == nil {
		t.coverage = make([]Coverage, len(f.Levels))
	}
	for l, level := range f.Levels[:min(len(f.Levels), len(t.coverage))] {
		c := Coverage{Level: level} // without values if the level is not forecast
		if f.Values[l] != nil {
			c = Cover(level, actual, f.Values[l])
		}
		t.coverage[l] = c.plus(t.coverage[l])
	}
}

// covers reports whether there is a forecast for each known value.
func (f *Forecast) covers(actual []float64) bool {
	for h, y := range actual {
		if known(y) && (h >= len(f.Point) || !known(f.Point[h])) {
			return false
		}
	}
	return true
}

// Score is how one model did on one series, or on all.
type Score struct {
	SMAPE Value `json:"smape"`
	MASE  Value `json:"mase"`
	WQL   Value `json:"wql"`
	SQL   Value `json:"sql"`
}

// Score returns the means over the windows. WQL is over all windows together, as its definition says.
func (t *Tally) Score() Score {
	return Score{Value(t.smape.mean()), Value(t.mase.mean()), Value(t.wql()), Value(t.sql.mean())}
}

// quantileLoss is the loss over all deciles and values, NaN if there was no value.
func (t *Tally) quantileLoss() float64 {
	if t.values == 0 {
		return math.NaN()
	}
	return t.loss
}

func (t *Tally) wql() float64 { return quotient(2*t.loss/float64(len(Deciles())), t.size) }
