package predictor

import (
	"math"
	"testing"
	"time"

	"pilotlight/models"
)

// TestHistogramQuantiles: of residuals 1 to 120 the quantile q is near the 1.2q-th, also after the counts were halved often;
// the histogram's bins are a quarter wide.
func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	for variant := range numVariants {
		h := make(histogram, histBins)
		unit := 120.0 // the greatest residual, as for plain ones
		for i := range 5000 {
			r := float64(i*37%120) + 1 // 37 and 120 have no common factor, so each 120 hold 1 to 120
			if i%2 == 1 {
				r = -r
			}
			h.add(variant, r/unit)
			if n := h.total(); n >= histFull {
				t.Fatalf("the histogram counts %d", n)
			}
		}
		for _, c := range []struct{ level, want float64 }{{0.005, -120}, {0.05, -108}, {0.25, -60}, {0.75, 60}, {0.95, 108}, {0.995, 120}} {
			if got := unit * quantileOf(h, variant, c.level); math.Abs(got/c.want-1) > 0.13 {
				t.Errorf("variant %d: quantile %v is %v, not %v", variant, c.level, got, c.want)
			}
		}
	}
	if got := quantileOf(make(histogram, histBins), 0, 0.9); got != 0 {
		t.Errorf("a quantile of nothing is %v", got)
	}
}

// quantileOf returns one quantile.
func quantileOf(h histogram, variant int, level float64) float64 {
	var dst [1]float64
	h.quantiles(variant, []float64{level}, dst[:])
	return dst[0]
}

// TestHistogramShift: moving the bins by one octave halves or doubles what the quantiles say, and loses no count.
func TestHistogramShift(t *testing.T) {
	t.Parallel()
	h := make(histogram, histBins)
	for i := range 100 {
		h.add(variantPlain, float64(i-50)/100)
	}
	n, before := h.total(), quantileOf(h, variantPlain, 0.9)
	h.shift(-perOctave)
	if got := quantileOf(h, variantPlain, 0.9); math.Abs(got/before-0.5) > 1e-9 || h.total() != n {
		t.Errorf("an octave down: %v after %v, %d counts", got, before, h.total())
	}
	h.shift(100 * perOctave)
	if h.total() != n || quantileOf(h, variantPlain, 0.01) > -1.5 {
		t.Errorf("far up: %d counts, %v", h.total(), quantileOf(h, variantPlain, 0.01))
	}
	h.shift(-100 * perOctave)
	if h.total() != n || quantileOf(h, variantPlain, 0.99) != 0 {
		t.Error("far down all is zero")
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
	sh := &Shared{layout: layout{leads: []int{1}, pathAt: []int{0, 1}, memory: 100, members: 4}, specs: make([]memberSpec, 4)}
	sh.width[kindPath] = 4
	s := newScorer(&sh.layout)
	copy(s.errs, []float32{1, 1.5, 0, 0.1})
	copy(s.counts, []uint16{200, 200, 3, 200})
	w := make([]float64, 4)
	s.weigh(sh, 0, []bool{true, true, true, false}, w)
	if w[2] != 0 || w[3] != 0 || w[0] < 0.99 || w[1] <= 0 || math.Abs(w[0]+w[1]-1) > 1e-12 {
		t.Errorf("weights %v", w)
	}
}

// TestTimerLeads: a timer makes the last value look perfect at some leads; the weights between them must not fall for it.
func TestTimerLeads(t *testing.T) {
	t.Parallel()
	for _, every := range []int{2, 3, 4, 5, 6, 10, 15, 20, 30} {
		p, err := New(DefaultConfig(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		y := func(i int) float64 {
			if i%every == 0 {
				return 7
			}
			return 0
		}
		const n = 2000
		for i := range n {
			p.Update(y(i))
		}
		f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for h := range f.Horizon() {
			if want := y(n + h); math.Abs(f.Mean(h)-want) > 0.1 {
				t.Errorf("timer of %d minutes: %d steps ahead %v, not %v", every, h+1, f.Mean(h), want)
			}
		}
	}
}

// TestDue: the rows due are those of lead steps ago, in rings of any length.
func TestDue(t *testing.T) {
	t.Parallel()
	sh := &Shared{layout: layout{leads: []int{1, 3, 7}, pathAt: []int{0, 1, 4, 11}, memory: 100, members: 1}, specs: make([]memberSpec, 1)}
	sh.width[kindPath] = 1
	s := newScorer(&sh.layout)
	r := &room{now: [][]float64{make([]float64, 7)}, ready: []bool{true}, weights: make([]float64, 3)}
	for i := range 40 {
		for k, lead := range sh.leads {
			flat := s.flatDue(k)
			if (flat != nil) != (i >= lead) {
				t.Fatalf("origin %d, lead %d: due %v", i, lead, flat)
			}
			if flat != nil && (flat[colLast] != float32(i-lead) || s.pathDue(k)[1] != float32(100*(i-lead)+lead)) {
				t.Fatalf("origin %d, lead %d: due %v %v", i, lead, flat, s.pathDue(k))
			}
		}
		for h := range r.now[0] {
			r.now[0][h] = float64(100*i + h + 1)
		}
		s.predict(sh, r, 0, float64(i))
	}
}

// TestLeads: the quantiles of every horizon lie between two leads that are scored, its weights come from the next one, and the
// last lead is near the horizon.
func TestLeads(t *testing.T) {
	t.Parallel()
	for _, horizon := range []int{1, 2, 3, 4, 7, 15, 48, 60, 1440} {
		cfg := DefaultConfig()
		cfg.Horizon = models.Duration(time.Duration(horizon) * time.Minute)
		l, err := cfg.newLayout(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		last := l.farthest()
		if l.leads[0] != 1 || last > horizon || last < horizon-max(1, horizon/7) || len(l.leads) > 20 || len(l.blend) != horizon {
			t.Errorf("horizon %d: leads %v", horizon, l.leads)
		}
		for h, b := range l.blend {
			at := float64(l.leads[b.k])
			if b.w > 0 {
				at += b.w * float64(l.leads[b.k+1]-l.leads[b.k])
			}
			if want := float64(min(h+1, last)); math.Abs(at-want) > 1e-9 || b.w < 0 || b.w > 1 || float64(l.leads[b.group]) < want {
				t.Errorf("horizon %d: step %d is blended to %v, group %d", horizon, h+1, at, b.group)
			}
		}
	}
}

// TestLogRing: values come back within half a thousandth, whole numbers up to 4095 exact, zero and missing as they are, over
// any range; the ring keeps the latest.
func TestLogRing(t *testing.T) {
	t.Parallel()
	r := newLogRing(50)
	check := func(age int, want float64) {
		t.Helper()
		got := r.at(age)
		if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > want/2000 || want > 0 && got <= 0 {
			t.Fatalf("%v came back as %v", want, got)
		}
	}
	for i := range 5000 {
		r.push(float64(i % 4096))
		if r.at(1) != float64(i%4096) {
			t.Fatalf("%d came back as %v", i%4096, r.at(1))
		}
	}
	for _, scale := range []float64{1, 1e-12, 1e29, 3, 1e-5} {
		var given []float64
		r = newLogRing(50)
		for i := range 120 {
			v := scale * float64(i%17) / 3
			if i%13 == 0 {
				v = math.NaN()
			}
			r.push(v)
			given = append(given, v)
		}
		for age := 1; age <= 50; age++ {
			check(age, given[len(given)-age])
		}
		if tail := r.tail(); len(tail) != 50 || math.Abs(tail[49]-r.at(1)) > 0 {
			t.Fatalf("tail %v", tail)
		}
	}
	if !math.IsNaN(r.at(0)) || !math.IsNaN(r.at(51)) {
		t.Error("the ring has values that are too old")
	}
	spike := newLogRing(10)
	spike.push(1e29)
	for range 20 { // two rounds: the unit is looked at once in a round
		spike.push(0)
	}
	spike.push(0.25)
	if spike.at(1) != 0.25 {
		t.Errorf("after a spike 0.25 came back as %v", spike.at(1))
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
