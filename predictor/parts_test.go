package predictor

import (
	"math"
	"slices"
	"testing"
	"time"

	"pilotlight/models"
)

// TestResidualQuantiles: of 99 residuals the quantile q is the 100q-th smallest, also after the window has rolled on.
func TestResidualQuantiles(t *testing.T) {
	t.Parallel()
	levels := []float64{0.005, 0.1, 0.5, 0.9, 0.995}
	w := residualWindow{recent: newHistory(99), quantiles: make([]float64, len(levels))}
	for i := range 500 {
		w.add(float64(i*37%99)+1, levels) // 37 and 99 have no common factor, so each 99 hold 1 to 99
		if !slices.IsSorted(w.sorted) {
			t.Fatal("the window is out of order")
		}
	}
	for i, want := range []float64{1, 10, 50, 90, 99} {
		if got := w.quantiles[i]; math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v, not %v", levels[i], got, want)
		}
	}
}

// TestVerdict: a forecast must beat the better of the two simplest ones by the margin.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		skill models.Skill
		want  models.ReasonCode
	}{
		"young":                {models.Skill{Windows: 99, MAE: 1, SeasonalNaiveMAE: 5, PersistenceMAE: 5}, models.ReasonShortHistory},
		"better":               {models.Skill{Windows: 100, MAE: 4.8, SeasonalNaiveMAE: 5, PersistenceMAE: 9}, ""},
		"inside the margin":    {models.Skill{Windows: 100, MAE: 4.95, SeasonalNaiveMAE: 5, PersistenceMAE: 9}, models.ReasonNoSkill},
		"worse than one":       {models.Skill{Windows: 100, MAE: 4.95, SeasonalNaiveMAE: 9, PersistenceMAE: 4}, models.ReasonNoSkill},
		"equal":                {models.Skill{Windows: 1000, MAE: 5, SeasonalNaiveMAE: 5, PersistenceMAE: 5}, models.ReasonNoSkill},
		"nothing left to beat": {models.Skill{Windows: 1000}, models.ReasonNoSkill},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got models.ReasonCode
			if r := verdict(c.skill); r != nil {
				got = r.Code
			}
			if got != c.want {
				t.Errorf("verdict %q, not %q", got, c.want)
			}
		})
	}
}

// TestWeigh: members that were scored rarely wait, the better one of the others gets nearly all, and the unready none.
func TestWeigh(t *testing.T) {
	t.Parallel()
	l := &layout{leads: []int{1}, memory: 100}
	s := newScorer(l, 4)
	copy(s.errs, []float64{1, 1.5, 0, 0.1})
	copy(s.counts, []int{200, 200, 3, 200})
	s.weigh(0, []bool{true, true, true, false})
	if w := s.weights; w[2] != 0 || w[3] != 0 || w[0] < 0.99 || w[1] <= 0 || math.Abs(w[0]+w[1]-1) > 1e-12 {
		t.Errorf("weights %v", w)
	}
}

// TestRingDue: the row due is the one of lead steps ago.
func TestRingDue(t *testing.T) {
	t.Parallel()
	r := ring{rows: make([]float32, 3), width: 1, size: 3}
	for i := range 20 {
		if row := r.due(); i < 3 && row != nil || i >= 3 && (row == nil || row[0] != float32(i-3)) {
			t.Fatalf("due at %d: %v", i, row)
		}
		r.push([]float32{float32(i)})
	}
}

// TestLeads: every horizon lies between two leads that are scored, the first and last included.
func TestLeads(t *testing.T) {
	t.Parallel()
	for _, horizon := range []int{1, 2, 3, 4, 7, 15, 48, 60, 1440} {
		cfg := DefaultConfig()
		cfg.Horizon = models.Duration(time.Duration(horizon) * time.Minute)
		l, err := cfg.newLayout(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if l.leads[0] != 1 || l.leads[len(l.leads)-1] != horizon || len(l.leads) > 20 || len(l.blend) != horizon {
			t.Errorf("horizon %d: leads %v", horizon, l.leads)
		}
		for h, b := range l.blend {
			at := float64(l.leads[b.k])
			if b.w > 0 {
				at += b.w * float64(l.leads[b.k+1]-l.leads[b.k])
			}
			if math.Abs(at-float64(h+1)) > 1e-9 || b.w < 0 || b.w > 1 {
				t.Errorf("horizon %d: step %d is blended to %v", horizon, h+1, at)
			}
		}
	}
}

// TestHistoryRing: the ring keeps the latest values in order and never holds more room than its capacity.
func TestHistoryRing(t *testing.T) {
	t.Parallel()
	h := newHistory(50)
	for i := range 173 {
		h.push(float64(i))
		if h.at(1) != float64(i) || !math.IsNaN(h.at(0)) || !math.IsNaN(h.at(51)) || cap(h.values) > 50 {
			t.Fatalf("after %d: latest %v, room %d", i, h.at(1), cap(h.values))
		}
		if n := h.len(); h.at(n) != float64(i+1-n) || h.tail(n)[0] != h.at(n) {
			t.Fatalf("after %d: oldest %v", i, h.at(n))
		}
	}
}
