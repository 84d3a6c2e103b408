package predictor_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

// hourly is a configuration for hourly series, small enough for tests.
func hourly() predictor.Config {
	c := predictor.DefaultConfig()
	c.Models = nil
	for _, m := range predictor.OnlineModels() {
		c.Models = append(c.Models, m.Name)
	}
	c.Periods = []models.Duration{models.Duration(24 * time.Hour)}
	c.Horizon = models.Duration(12 * time.Hour)
	c.MinHistory = models.Duration(24 * time.Hour)
	c.RefitEvery = models.Duration(14 * 24 * time.Hour)
	return c
}

func newPredictor(t interface {
	Helper()
	Fatal(...any)
}, cfg predictor.Config, step time.Duration,
) *predictor.Predictor {
	t.Helper()
	p, err := predictor.New(cfg, step)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// give updates the predictor and fits it when that is due, as the engine does.
func give(p *predictor.Predictor, y float64) error {
	p.Update(y)
	if p.RefitDue() {
		return p.Refit()
	}
	return nil
}

// row renders a forecast in full, so that forecasts can be compared bit for bit.
func row(f *models.Forecast) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %+v %v", f.Model(), f.Skill(), f.Unfit())
	for h := range f.Horizon() {
		fmt.Fprintf(&b, "\n%x", f.Mean(h))
		for _, l := range f.Levels() {
			fmt.Fprintf(&b, " %x", f.Quantile(l, h))
		}
	}
	return b.String()
}

// said returns the forecast in full, or its error.
func said(p *predictor.Predictor) string {
	f, err := p.Forecast("f", models.SignalInvocations, time.Unix(0, 0))
	if err != nil {
		return err.Error()
	}
	return row(&f)
}

// seeded returns the random numbers of two seeds.
func seeded(a, b uint64) *rand.Rand {
	return rand.New(rand.NewPCG(a, b)) //nolint:gosec // tests need repeatable numbers, not secrets
}

// seasonal makes a noisy series with a daily course.
func seasonal(rng *rand.Rand, n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = max(0, 100+60*math.Sin(2*math.Pi*float64(i)/24)+15*rng.NormFloat64())
	}
	return y
}

// TestCalibration: on noisy seasonal data the quantiles cover what they say to within 0.04, and the forecast has skill.
func TestCalibration(t *testing.T) {
	t.Parallel()
	p := newPredictor(t, hourly(), time.Hour)
	y := seasonal(seeded(1, 2), 4000)
	levels := []float64{0.1, 0.5, 0.9}
	covered, n := make([]float64, len(levels)), 0.0
	for i, v := range y {
		if err := give(p, v); err != nil {
			t.Fatal(err)
		}
		if i < 1000 || i+12 >= len(y) {
			continue
		}
		f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Unfit() != nil {
			t.Fatalf("step %d: %v", i, f.Unfit())
		}
		for h := range f.Horizon() {
			n++
			for k, l := range levels {
				if y[i+1+h] <= f.Quantile(l, h) {
					covered[k]++
				}
			}
		}
	}
	for k, l := range levels {
		if got := covered[k] / n; math.Abs(got-l) > 0.04 {
			t.Errorf("quantile %v covers %.3f", l, got)
		}
	}
	f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	// Noise of deviation 15 has a mean absolute deviation of 12; the difference of two such values one of 17.
	if s := f.Skill(); s.MAE > 13.5 || s.SeasonalNaiveMAE < 15 || s.PersistenceMAE < s.SeasonalNaiveMAE {
		t.Errorf("skill %+v is not that of a forecast near the noise", s)
	}
}

// TestNoSkill: on a random walk nothing beats the last value, and the forecast says so with numbers.
func TestNoSkill(t *testing.T) {
	t.Parallel()
	rng := seeded(3, 4)
	walk, flat := newPredictor(t, hourly(), time.Hour), newPredictor(t, hourly(), time.Hour)
	v := 1000.0
	for range 1500 {
		v = max(0, v+10*rng.NormFloat64())
		if err := errors.Join(give(walk, v), give(flat, 7)); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range map[string]*predictor.Predictor{"walk": walk, "constant": flat} {
		f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Unfit() == nil || f.Unfit().Code != models.ReasonNoSkill {
			t.Fatalf("%s: unfit is %v, skill %+v", name, f.Unfit(), f.Skill())
		}
		if mae, ok := f.Unfit().Number("mae"); !ok || mae != f.Skill().MAE {
			t.Errorf("%s: the reason lacks the error: %v", name, f.Unfit())
		}
	}
}

// TestHistory: first an error that says how much is missing, then a forecast marked as too young, then one to use.
func TestHistory(t *testing.T) {
	t.Parallel()
	p := newPredictor(t, hourly(), time.Hour)
	y := seasonal(seeded(5, 6), 400)
	var young, fit int
	for i, v := range y {
		f, err := p.Forecast("f", models.SignalInvocations, time.Unix(0, 0))
		switch {
		case i < 24:
			if !errors.Is(err, models.ErrInsufficientHistory) || !strings.Contains(err.Error(), fmt.Sprintf("%d values", i)) {
				t.Fatalf("after %d values: %v", i, err)
			}
		case err != nil:
			t.Fatalf("after %d values: %v", i, err)
		case f.Unfit() == nil:
			fit++
		case f.Unfit().Code == models.ReasonShortHistory:
			young++
			if fit > 0 {
				t.Fatalf("after %d values: young again", i)
			}
		}
		if p.Steps() != i {
			t.Fatalf("steps %d after %d values", p.Steps(), i)
		}
		p.Update(v)
	}
	if young == 0 || fit == 0 {
		t.Errorf("%d forecasts were young and %d fit", young, fit)
	}
}

// TestSpread: when the noise comes and goes, the quantiles widen and narrow with it.
func TestSpread(t *testing.T) {
	t.Parallel()
	rng := seeded(19, 20)
	p := newPredictor(t, hourly(), time.Hour)
	var calm, wild, calms, wilds float64
	for i := range 4000 {
		noise := 2.0
		if i/50%2 == 1 {
			noise = 40
		}
		if err := give(p, max(0, 200+noise*rng.NormFloat64())); err != nil {
			t.Fatal(err)
		}
		if at := i % 50; i > 1000 && at > 30 && at < 49 {
			f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			width := f.Quantile(0.9, 0) - f.Quantile(0.1, 0)
			if noise > 2 {
				wild, wilds = wild+width, wilds+1
			} else {
				calm, calms = calm+width, calms+1
			}
		}
	}
	calm, wild = calm/calms, wild/wilds
	if !(wild > 4*calm) {
		t.Errorf("the range of 80 %% is %v wide with a noise of 2 and %v with one of 40", calm, wild)
	}
}

// TestSleep: a series of zeros keeps no history, its forecast is zero, and load wakes it with the zeros remembered.
func TestSleep(t *testing.T) {
	t.Parallel()
	p := newPredictor(t, hourly(), time.Hour)
	for range 5000 {
		p.Update(0)
	}
	data, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 64 || p.RefitDue() {
		t.Errorf("a series of zeros takes %d bytes, fit due: %v", len(data), p.RefitDue())
	}
	f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
	if err != nil || f.Quantile(0.99, 11) != 0 || f.Unfit() == nil {
		t.Errorf("forecast of zeros: %v, error %v", f, err)
	}
	p.Update(5)
	f, err = p.Forecast("f", models.SignalInvocations, time.Time{})
	if err != nil || f.Mean(0) > 4 { // the means and medians remember the zeros
		t.Errorf("forecast after the first load: %v, error %v", f.Mean(0), err)
	}
	for range 5000 {
		p.Update(0)
	}
	if data, err = p.MarshalBinary(); err != nil || len(data) > 64 {
		t.Errorf("after the history is zero again the state takes %d bytes, error %v", len(data), err)
	}
}

// TestSleepThroughGaps: a missing value neither wakes a series of zeros nor keeps one awake whose load has ended.
func TestSleepThroughGaps(t *testing.T) {
	t.Parallel()
	p := newPredictor(t, hourly(), time.Hour)
	zerosWithGaps := func() {
		for i := range 5000 {
			if i%300 == 299 {
				p.Update(math.NaN())
			} else {
				p.Update(0)
			}
		}
	}
	zerosWithGaps()
	if e := p.Explain(); !e.Asleep || e.Steps != 5000 || e.Observed != 5000-16 {
		t.Errorf("a gap in zeros woke the series: %+v", e)
	}
	p.Update(5)
	if p.Explain().Asleep {
		t.Error("load did not wake the series")
	}
	zerosWithGaps()
	if e := p.Explain(); !e.Asleep {
		t.Error("gaps in the zeros kept the series awake")
	}
	if f, err := p.Forecast("f", models.SignalInvocations, time.Time{}); err != nil || f.Quantile(0.99, 11) != 0 {
		t.Errorf("forecast of zeros: %v, error %v", f, err)
	}
}

// TestAdaptsToStep: a day after a step change the forecast is at the new level.
func TestAdaptsToStep(t *testing.T) {
	t.Parallel()
	rng := seeded(7, 8)
	p := newPredictor(t, hourly(), time.Hour)
	for i := range 600 {
		level := 50.0
		if i >= 570 {
			level = 500
		}
		if err := give(p, level+5*rng.NormFloat64()); err != nil {
			t.Fatal(err)
		}
	}
	f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if m := f.Mean(0); m < 400 || m > 600 {
		t.Errorf("30 steps after a step from 50 to 500 the next value is forecast as %v by %s", m, f.Model())
	}
}

// TestRefused: the multiplicative model leaves the pool at a zero, the pool goes on.
func TestRefused(t *testing.T) {
	t.Parallel()
	cfg := hourly()
	cfg.Models = []string{"holt_winters_multiplicative", "persistence"}
	p := newPredictor(t, cfg, time.Hour)
	for i := range 400 {
		y := 50 + 20*math.Sin(2*math.Pi*float64(i)/24)
		if i == 399 {
			y = 0
		}
		if err := give(p, y); err != nil {
			t.Fatal(err)
		}
		if i == 398 {
			if f, err := p.Forecast("f", models.SignalInvocations, time.Time{}); err != nil || f.Model() != "holt_winters_multiplicative_1d" {
				t.Fatalf("the model in use is %q, error %v", f.Model(), err)
			}
		}
	}
	if f, err := p.Forecast("f", models.SignalInvocations, time.Time{}); err != nil || f.Model() != "persistence" {
		t.Errorf("after a zero the model in use is %q, error %v", f.Model(), err)
	}
	if _, err := predictor.FitHoltWinters([]float64{1, 2, 0, 1, 2, 3}, predictor.HoltWintersOptions{
		Period: 2, Season: predictor.SeasonMultiplicative,
	}); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), "step 2") {
		t.Errorf("fit of a zero: %v", err)
	}
}
