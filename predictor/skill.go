package predictor

import (
	"math"

	"pilotlight/models"
)

const (
	// skillMargin is by how much the mix must beat the better of the two simplest forecasts.
	skillMargin = 0.02
	// skillWindows is how many forecasts must have been scored before a verdict.
	skillWindows = 100
)

// baseline scores the mix against persistence and the seasonal naive forecast of the best period, on the same steps and
// leads. Where a period of history is not there yet, or has a gap, seasonal naive is persistence.
type baseline struct {
	l *layout
	n int
	// mix, persistence and seasonal are mean absolute errors over the layout's memory.
	mix, persistence float64
	seasonal         [maxPeriods]float64
	latest           float64 // the last known value
}

func newBaseline(l *layout) baseline { return baseline{l: l, latest: math.NaN()} }

// last takes the value of a step as the latest known one.
func (b *baseline) last(y float64) {
	if !math.IsNaN(y) {
		b.latest = y
	}
}

// score takes the value of the step that is now known; hist ends before it. It returns the absolute errors of the mix and of
// persistence, means over the leads; ok is false if nothing was forecast for the step.
func (b *baseline) score(y float64, hist past, s *scorer) (mix, persistence float64, ok bool) {
	n := 0.0
	for k := range b.l.leads {
		flat := s.flatDue(k)
		if flat == nil || flat[colLast] != flat[colLast] {
			break
		}
		mix += math.Abs(y - float64(s.pathDue(k)[0]))
		persistence += math.Abs(y - float64(flat[colLast]))
		n++
	}
	if n == 0 {
		return 0, 0, false
	}
	mix, persistence = min(mix/n, errorGuard), min(persistence/n, errorGuard)
	b.n = min(b.n+1, math.MaxInt32)
	rate := max(1/float64(b.l.memory), 1/float64(b.n))
	b.mix += (mix - b.mix) * rate
	b.persistence += (persistence - b.persistence) * rate
	for i, period := range b.l.periods {
		e := persistence
		// The value of the same position one period before; a horizon beyond the period goes back further.
		if v := hist.at(period * ((b.l.horizon-1)/period + 1)); !math.IsNaN(v) {
			e = math.Abs(y - v)
		}
		b.seasonal[i] += (min(e, errorGuard) - b.seasonal[i]) * rate
	}
	return mix, persistence, true
}

// skill returns the comparison so far.
func (b *baseline) skill() models.Skill {
	s := models.Skill{Windows: b.n, MAE: b.mix, PersistenceMAE: b.persistence, SeasonalNaiveMAE: b.persistence}
	for i, e := range b.seasonal[:len(b.l.periods)] {
		if i == 0 || e < s.SeasonalNaiveMAE {
			s.SeasonalNaiveMAE = e
		}
	}
	return s
}

// verdict returns why a forecast with that skill must not be acted on, or nil.
func verdict(s models.Skill) *models.Reason {
	if s.Windows < skillWindows {
		r := models.Because(models.ReasonShortHistory, models.Num("windows", float64(s.Windows)), models.Num("windows_needed", skillWindows))
		return &r
	}
	if s.MAE < (1-skillMargin)*min(s.SeasonalNaiveMAE, s.PersistenceMAE) {
		return nil
	}
	r := models.Because(models.ReasonNoSkill, models.Num("mae", s.MAE), models.Num("seasonal_naive_mae", s.SeasonalNaiveMAE),
		models.Num("persistence_mae", s.PersistenceMAE), models.Num("windows", float64(s.Windows)))
	return &r
}
