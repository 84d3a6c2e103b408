package predictor_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/models"
	"pilotlight/predictor"
)

// arriver is a member with probabilities of arrivals.
type arriver interface {
	predictor.Forecaster
	predictor.ArrivalForecaster
}

// arrivers makes every model that is one, by name.
func arrivers(tb testing.TB, step time.Duration) map[string]arriver {
	tb.Helper()
	all := map[string]arriver{}
	for _, m := range predictor.Models() {
		f, err := m.New(predictor.Setting{Step: step, Period: 24})
		if err != nil {
			tb.Fatal(err)
		}
		if a, ok := f.(arriver); ok {
			all[m.Name] = a
		}
	}
	if len(all) < 6 {
		tb.Fatalf("%d models with probabilities of arrivals", len(all))
	}
	return all
}

func arrival(tb testing.TB, f arriver, n int) []float64 {
	tb.Helper()
	p := make([]float64, n)
	if err := f.Arrival(p); err != nil {
		tb.Fatal(err)
	}
	return p
}

func within(tb testing.TB, f arriver, n int) []float64 {
	tb.Helper()
	p := make([]float64, n)
	if err := f.Within(p); err != nil {
		tb.Fatal(err)
	}
	return p
}

// schedule says at which minutes something runs.
type schedule func(minute int) bool

func every(period, phase int) schedule { return func(m int) bool { return m%period == phase%period } }

func either(a, b schedule) schedule { return func(m int) bool { return a(m) || b(m) } }

// run makes the counts of n minutes.
func (s schedule) run(n int) []float64 {
	y := make([]float64, n)
	for m := range y {
		if s(m) {
			y[m] = 1
		}
	}
	return y
}

const (
	hour = 60
	day  = 24 * hour
	week = 7 * day
)

// TestTimers: after a few cycles the forecasts of the next day lie on the ticks of the schedule and nowhere else.
func TestTimers(t *testing.T) {
	t.Parallel()
	weekdays := func(m int) bool { return m%day == 3*hour && m/day%7 < 5 }
	for name, c := range map[string]struct {
		when    schedule
		minutes int
		horizon int
	}{
		"every 5 minutes":                {every(5, 3), 2 * hour, 60},
		"hourly at :17":                  {every(hour, 17), 8 * hour, 3 * hour},
		"every 7 minutes":                {every(7, 0), 2 * hour, 50},
		"every 10 hours":                 {every(10*hour, 5), 4 * day, day},
		"daily at 3:00":                  {every(day, 3*hour), 6 * day, 2 * day},
		"on weekdays at 3:00":            {weekdays, 6*week + 4*day + hour, 5 * day},
		"every 20 minutes and at :17":    {either(every(20, 0), every(hour, 17)), day, 2 * hour},
		"hourly at :05 and daily at :30": {either(every(hour, 5), every(day, 12*hour+30)), 8 * day, day},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for model, f := range map[string]arriver{"timer": predictor.NewTimer(time.Minute), "arrivals": predictor.NewArrivals(time.Minute)} {
				for _, y := range c.when.run(c.minutes) {
					f.Update(y)
				}
				for h, p := range arrival(t, f, c.horizon) {
					if on := c.when(c.minutes + h); on != (p > 0.3) {
						t.Errorf("%s: arrival in minute %d is %v and has probability %.3f", model, c.minutes+h, on, p)
					}
				}
			}
		})
	}
}

// TestTimerJitterAndMisses: a timer that is a minute late or early, or sometimes does not run, is still a timer.
func TestTimerJitterAndMisses(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // tests need repeatable numbers, not secrets
	y := make([]float64, 3*day+50)
	for m := 30; m < len(y)-2; m += hour {
		if rng.IntN(10) > 0 {
			y[m+rng.IntN(3)-1] = 1
		}
	}
	f := predictor.NewArrivals(time.Minute)
	feedAll(f, y[:3*day])
	near, far := 0.0, 0.0
	for h, p := range arrival(t, f, hour) {
		if h >= 29 && h <= 31 {
			near += p
		} else {
			far += p
		}
	}
	if !(near > 0.6) || !(far < 0.4) {
		t.Errorf("the three minutes around the tick have %.2f, all others %.2f", near, far)
	}
}

func feedAll(f predictor.Forecaster, y []float64) {
	for _, v := range y {
		f.Update(v)
	}
}

// TestTimerKeepsPhase: a gap in the data of some ticks does not lose the clock.
func TestTimerKeepsPhase(t *testing.T) {
	t.Parallel()
	for _, f := range []arriver{predictor.NewHazard(), predictor.NewTimer(time.Minute), predictor.NewArrivals(time.Minute)} {
		feedAll(f, every(5, 2).run(300))
		for range 23 {
			f.Update(math.NaN())
		}
		for h, p := range arrival(t, f, 10) {
			if on := every(5, 2)(323 + h); on != (p > 0.5) {
				t.Errorf("%T: arrival in minute %d is %v and has probability %.3f", f, 323+h, on, p)
			}
		}
	}
}

// TestTimerPeriod: the period that predicts best is named.
func TestTimerPeriod(t *testing.T) {
	t.Parallel()
	f := predictor.NewTimer(time.Minute)
	if p, share := f.Period(); p != 0 || share != 0 {
		t.Errorf("without history the period is %d with share %v", p, share)
	}
	feedAll(f, every(7, 0).run(100))
	if p, share := f.Period(); p != 7 && p != 14 && p != 21 || !(share > 0.2 && share <= 1) {
		t.Errorf("the period is %d with share %v", p, share)
	}
}

// TestHazardRenewal compares with simulated gaps: the hazard knows the distribution of the gaps, so its probabilities are the
// shares of what then happens.
func TestHazardRenewal(t *testing.T) {
	t.Parallel()
	const n = 400000
	rng := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // tests need repeatable numbers, not secrets
	gaps := []int{2, 3, 3, 9}
	y := make([]float64, n+20)
	for m := 0; m < len(y); m += gaps[rng.IntN(len(gaps))] {
		y[m] = 1
	}
	f := predictor.NewHazard()
	var single, firsts [15]float64
	var ages, hits, anyHits [15]float64
	last := 0
	for m := range n {
		f.Update(y[m])
		if y[m] > 0 {
			last = m
		}
		if m < n/2 || m-last != 4 { // four minutes ago: only the gap of nine is left
			continue
		}
		for h, p := range arrival(t, f, 15) {
			single[h] += p
		}
		for h, p := range within(t, f, 15) {
			firsts[h] += p
		}
		happened := false
		for h := range 15 {
			ages[h]++
			happened = happened || y[m+1+h] > 0
			hits[h] += y[m+1+h]
			if happened {
				anyHits[h]++
			}
		}
	}
	for h := range 15 {
		if math.Abs(single[h]-hits[h])/ages[h] > 0.02 || math.Abs(firsts[h]-anyHits[h])/ages[h] > 0.02 {
			t.Errorf("%d steps ahead: %.3f and within %.3f, not %.3f and %.3f", h+1,
				single[h]/ages[h], firsts[h]/ages[h], hits[h]/ages[h], anyHits[h]/ages[h])
		}
	}
}

// TestIntermittentByHand compares the classical methods with recursions by hand on a series of 0 0 4 0 2.
func TestIntermittentByHand(t *testing.T) {
	t.Parallel()
	tsb, err := predictor.NewTSB(0.5)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		f    predictor.Forecaster
		want float64
	}{
		// Sizes: 4, then 4 + (2-4)/2 = 3. Gaps: 3, then 3 + (2-3)/2 = 2.5.
		"croston": {predictor.NewCroston(false), 3 / 2.5},
		"sba":     {predictor.NewCroston(true), 0.95 * 3 / 2.5},
		// Probability with weights 1, 1/2 ...: 0, 0, 1/2, 1/4, 5/8.
		"tsb": {tsb, 3 * 0.625},
		// The mean gap is 1, 2 after the second 0, 3, 4 and 3: buckets 0 | 0 4 | 0 2 0; the mean of 0, 2 and the last, open.
		"adida": {predictor.NewADIDA(), 1},
		// The mean gap is 3: buckets of 1 have mean 1.2, of 2 have 0, 2 and mean 1, of 3 have 4/3.
		"imapa": {predictor.NewIMAPA(), (1.2 + 1 + 4.0/3) / 3},
	} {
		feedAll(c.f, []float64{0, 0, 4, 0, 2})
		var got [2]float64
		if err := c.f.Forecast(got[:]); err != nil || math.Abs(got[0]-c.want) > 1e-12 || got[1] != got[0] {
			t.Errorf("%s: %v (%v), not %v", name, got, err, c.want)
		}
	}
	if _, err := predictor.NewTSB(0); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("beta 0: %v", err)
	}
}

// TestArrivalProperties: whatever the series, probabilities are probabilities, within grows and covers each step, a shorter
// answer is the beginning of a longer one, quantiles do not cross and are sizes that were seen, and the state is small.
func TestArrivalProperties(t *testing.T) {
	t.Parallel()
	levels := []float64{0.01, 0.1, 0.5, 0.9, 0.95, 0.99}
	rapid.Check(t, func(r *rapid.T) {
		y := nasty(r)
		for name, f := range arrivers(t, time.Minute) {
			feedAll(f, y)
			p := make([]float64, 80)
			if err := f.Arrival(p); err != nil {
				if !errors.Is(err, models.ErrInsufficientHistory) || f.Within(p) == nil || f.Forecast(p) == nil {
					r.Fatalf("%s: %v, but not from all", name, err)
				}
				continue
			}
			checkProbabilities(r, name, f, p)
			if q, ok := f.(predictor.QuantileForecaster); ok {
				checkQuantiles(r, q, y, levels)
			}
		}
	})
}

func checkProbabilities(r *rapid.T, name string, f arriver, p []float64) {
	in := make([]float64, len(p))
	if err := f.Within(in); err != nil {
		r.Fatalf("%s: %v", name, err)
	}
	if !slices.IsSorted(in) {
		r.Errorf("%s: within decreases: %v", name, in)
	}
	if short := make([]float64, 7); f.Arrival(short) != nil || !slices.Equal(short, p[:7]) {
		r.Errorf("%s: %v is not the beginning of %v", name, short, p)
	}
	for h := range p {
		if !(p[h] >= 0 && p[h] <= 1 && in[h] >= 0 && in[h] <= 1) {
			r.Fatalf("%s: %v and within %v at step %d", name, p[h], in[h], h+1)
		}
	}
}

func checkQuantiles(r *rapid.T, f predictor.QuantileForecaster, y, levels []float64) {
	q := make([][]float64, len(levels))
	for i := range q {
		q[i] = make([]float64, 20)
	}
	if err := f.ForecastQuantiles(levels, q); err != nil {
		r.Fatal(err)
	}
	for h := range q[0] {
		for i := range levels {
			seen := func(v float64) bool { return float32(v) == float32(q[i][h]) }
			if q[i][h] != 0 && !slices.ContainsFunc(y, seen) || i > 0 && q[i][h] < q[i-1][h] {
				r.Fatalf("quantile %v at step %d is %v", levels[i], h+1, q[i][h])
			}
		}
	}
	if err := f.ForecastQuantiles(nil, nil); err != nil {
		r.Fatal(err)
	}
}

// TestArrivalQuantiles: of a memoryless function that is active in a tenth of the steps, with sizes of 1 to 4, the quantiles
// hold what they promise.
func TestArrivalQuantiles(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // tests need repeatable numbers, not secrets
	f := predictor.NewArrivals(time.Minute)
	levels := []float64{0.8, 0.94, 0.99}
	var below [3]float64
	q := [][]float64{{0}, {0}, {0}}
	const n = 20000
	for m := range n {
		y := 0.0
		if rng.IntN(10) == 0 {
			y = float64(1 + rng.IntN(4))
		}
		if m >= n/2 {
			for i := range levels {
				// A count is discrete: half of a tie is below.
				if q[i][0] > y {
					below[i] += 2.0 / n
				} else if q[i][0] == y {
					below[i] += 2.0 / n * 0.5
				}
			}
		}
		f.Update(y)
		if err := f.ForecastQuantiles(levels, q); err != nil {
			t.Fatal(err)
		}
	}
	// At 0.8 the quantile is 0; at 0.94 it is 2, with 0.925 to 0.95; at 0.99 it is 4, with 0.975 to 1.
	for i, want := range []float64{0.45, 0.9375, 0.9875} {
		if math.Abs(below[i]-want) > 0.013 {
			t.Errorf("%v of the counts are below the quantile %v, not %v", below[i], levels[i], want)
		}
	}
}

// TestArrivalsStateIsSmall: after two months of any load the state fits into 1.5 KiB.
func TestArrivalsStateIsSmall(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8)) //nolint:gosec // tests need repeatable numbers, not secrets
	most := 0
	for _, every := range []int{6, 100} {
		f := predictor.NewArrivals(time.Minute)
		for range 60 * day {
			y := 0.0
			if rng.IntN(every) == 0 {
				y = float64(1 + rng.IntN(9))
			}
			f.Update(y)
		}
		data, err := f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(data))
	}
	if t.Logf("%d bytes", most); most > 1536 {
		t.Errorf("a state has %d bytes, more than 1536", most)
	}
}
