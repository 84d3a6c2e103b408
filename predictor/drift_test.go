package predictor

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pilotlight/models"
)

// TestDriftAlarm: errors that stay on one side raise an alarm; noise, one burst and a young series do not.
func TestDriftAlarm(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // tests need repeatable numbers, not secrets
	var noise, young, shift drift
	for i := range 5000 {
		e := 1.25 * rng.NormFloat64() // a mean absolute error of 1
		if i%500 == 0 {
			e = 1e9
		}
		if noise.add(e, 1, 1000) {
			t.Errorf("alarm in noise at step %d", i)
		}
	}
	for range 100 {
		if young.add(5, 1, driftMature-1) || young.add(5, 0, 1000) {
			t.Error("alarm without a usual size")
		}
	}
	for _, side := range []float64{1, -1} {
		n := 0
		for !shift.add(side*3, 1, 1000) {
			if n++; n > 20 {
				t.Fatal("no alarm at a shift")
			}
		}
		if shift.verdict() == nil || n < 5 {
			t.Errorf("after %d errors the verdict is %v", n, shift.verdict())
		}
	}
	if shift.alarms != 2 {
		t.Errorf("%d alarms, not 2", shift.alarms)
	}
}

// TestDriftProof: an alarm ends when the mix has been better than the last value for a while, and in any case in the end.
func TestDriftProof(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mix, last float64
		want      int
	}{
		"better":  {1, 2, driftProof},
		"worse":   {2, 1, driftEnd},
		"nothing": {0, 0, driftEnd},
		"huge":    {math.MaxFloat64, math.MaxFloat64, driftEnd},
	} {
		d := drift{since: 1, alarms: 1}
		n := 0
		for d.verdict() != nil && n < 10000 {
			d.prove(c.mix, c.last)
			n++
		}
		if n != c.want || d.alarms != 1 {
			t.Errorf("%s: the alarm ended after %d steps, not %d", name, n, c.want)
		}
	}
}

// TestDriftOfSeries: when a course breaks off the forecast says so with numbers, and later that all is well again.
func TestDriftOfSeries(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // tests need repeatable numbers, not secrets
	cfg := DefaultConfig()
	cfg.Models = []string{"mean_slow", "seasonal_naive"}
	p, err := New(cfg, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[models.ReasonCode]int{}
	const before = 3000
	for i := range before + 1440 {
		level := 100.0
		if i >= before {
			level = 300
		}
		p.Update(math.Round(level + 10*rng.NormFloat64()))
		f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
		if err != nil {
			continue
		}
		switch u := f.Unfit(); {
		case u == nil:
			reasons[""]++
		case i >= before:
			reasons[u.Code]++
			if u.Code != models.ReasonDrift {
				continue
			}
			if n, ok := u.Number("steps_since"); !ok || n < 1 || n > driftEnd {
				t.Fatalf("step %d: %v", i, u)
			}
		case u.Code == models.ReasonDrift:
			t.Fatalf("step %d: %v before the shift", i, u)
		}
	}
	if reasons[models.ReasonDrift] < 10 || reasons[models.ReasonDrift] > driftEnd+60 || p.Explain().Shifts == 0 {
		t.Errorf("reasons %v, %d shifts", reasons, p.Explain().Shifts)
	}
}
