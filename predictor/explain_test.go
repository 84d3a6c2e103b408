package predictor_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

// TestExplain: the explanation names every member, its weights add up, the best member has the least error, and the numbers are
// those that the forecast comes with.
func TestExplain(t *testing.T) {
	t.Parallel()
	p := newPredictor(t, predictor.DefaultConfig(), time.Minute)
	if e := p.Explain(); !e.Asleep || e.NoForecast == nil || e.NoForecast.Code != models.ReasonShortHistory || len(e.Members) != 0 {
		t.Errorf("without values: %+v", e)
	}
	for range 200 {
		p.Update(0)
	}
	idle, err := p.Forecast("f", models.SignalInvocations, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	e := p.Explain()
	if !e.Asleep || e.NoForecast != nil || e.Steps != 200 || e.Observed != 200 || e.Skill != idle.Skill() {
		t.Errorf("of zeros: %+v", e)
	}
	if e.Unfit == nil || idle.Unfit() == nil || e.Unfit.Code != idle.Unfit().Code {
		t.Errorf("the explanation says %v and the forecast %v", e.Unfit, idle.Unfit())
	}
	for i := range 4000 {
		v := 0.0
		if i%60 == 7 {
			v = 50
		}
		p.Update(v)
	}
	e = p.Explain()
	f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Asleep || e.NoForecast != nil || e.Skill != f.Skill() || (e.Unfit == nil) != (f.Unfit() == nil) || len(e.Leads) != 6 {
		t.Errorf("of a timer: %+v, forecast %+v", e, f.Skill())
	}
	if len(e.Members) != 8 || len(e.Periods) != 2 || len(e.SeasonalNaive) != 2 || e.SeasonalNaive[0] > 1e-9 {
		t.Errorf("members %+v, seasonal naive %v of %v", e.Members, e.SeasonalNaive, e.Periods)
	}
	for k := range e.Leads {
		sum := 0.0
		best := e.Members[0]
		for _, m := range e.Members {
			sum += m.Weights[k]
			if m.Weights[k] > best.Weights[k] {
				best = m
			}
			if !m.Ready || m.Scored == 0 || m.Errors[k] < 0 {
				t.Errorf("member %+v", m)
			}
		}
		for _, m := range e.Members {
			if m.Errors[k] < best.Errors[k] {
				t.Errorf("lead %d: %s has the most weight but %s the least error", e.Leads[k], best.Name, m.Name)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("lead %d: the weights add up to %v", e.Leads[k], sum)
		}
	}
}

// TestExplainNobodyReady: where no member has a forecast there is none, and the explanation says so as Forecast does.
func TestExplainNobodyReady(t *testing.T) {
	t.Parallel()
	cfg := predictor.DefaultConfig()
	cfg.Models = []string{"holt_winters_multiplicative"} // it cannot take zeros
	p := newPredictor(t, cfg, time.Minute)
	for i := range 300 {
		p.Update(float64(i % 2))
	}
	_, err := p.Forecast("f", models.SignalInvocations, time.Time{})
	if e := p.Explain(); !errors.Is(err, models.ErrInsufficientHistory) || e.NoForecast == nil {
		t.Errorf("the forecast is refused by %v, the explanation says %+v", err, e)
	}
}

// TestWholeQuantiles: the quantiles of counts are whole numbers, those of other series are not rounded.
func TestWholeQuantiles(t *testing.T) {
	t.Parallel()
	for _, scale := range []float64{1, 0.01} {
		rng := seeded(31, 32)
		p := newPredictor(t, predictor.DefaultConfig(), time.Minute)
		for range 2000 {
			p.Update(scale * math.Round(max(0, 3+2*rng.NormFloat64())))
		}
		f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		whole := true
		for _, l := range f.Levels() {
			v := f.Quantile(l, 3)
			whole = whole && v == math.Trunc(v)
		}
		if whole != (scale == 1) || f.Quantile(0.9, 3) < 4*scale || f.Quantile(0.9, 3) > 7*scale {
			t.Errorf("scale %v: whole %v, quantile 0.9 is %v", scale, whole, f.Quantile(0.9, 3))
		}
	}
}

// TestResident: with the default configuration an awake target takes less than 8 KiB, and one asleep less than 64 bytes.
func TestResident(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	if raceDetector {
		t.Skip("the race detector makes every object larger")
	}
	s, err := predictor.NewShared(predictor.DefaultConfig(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	const n = 400
	fleet := make([]*predictor.Predictor, n)
	start := heapInUse()
	for i := range fleet {
		fleet[i] = s.New()
	}
	asleep := heapInUse()
	for i, p := range fleet {
		for k := range 200 {
			p.Update(float64((i+k)%5 + 1))
		}
	}
	awake := heapInUse()
	if per := (asleep - start) / n; per > 64 {
		t.Errorf("a target asleep takes %.0f bytes", per)
	}
	if per := (awake - start) / n; per > 8192 {
		t.Errorf("a target awake takes %.0f bytes", per)
	}
	for _, p := range fleet { // it is alive until here
		if p.Steps() == 0 {
			t.Fatal("a predictor without values")
		}
	}
}
