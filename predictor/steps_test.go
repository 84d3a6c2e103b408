package predictor_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/models"
	"pilotlight/predictor"
)

// TestForecastSteps: some steps of a forecast are the same as in all of it, and whether it is unfit is known without making it.
func TestForecastSteps(t *testing.T) {
	t.Parallel()
	shared, err := predictor.NewShared(predictor.DefaultConfig(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := shared.New()
		rng := seeded(rapid.Uint64().Draw(t, "seed"), 1)
		rate := rapid.SampledFrom([]float64{0, 0.01, 0.5, 20}).Draw(t, "rate")
		for i := range rapid.IntRange(0, 2000).Draw(t, "steps") {
			y := math.Floor(rate * (1 + math.Sin(float64(i)/60)) * rng.ExpFloat64())
			if err := give(p, y); err != nil {
				t.Fatal(err)
			}
		}
		lo := rapid.IntRange(0, p.Horizon()-1).Draw(t, "lo")
		hi := rapid.IntRange(lo+1, p.Horizon()).Draw(t, "hi")
		start := time.Unix(600, 0)
		part, partErr := p.ForecastSteps("f", models.SignalInvocations, start, lo, hi)
		unfit := p.Unfit()
		all, err := p.Forecast("f", models.SignalInvocations, start)
		if (err == nil) != (partErr == nil) {
			t.Fatalf("errors %v and %v", partErr, err)
		}
		if err != nil {
			return
		}
		if got, want := fmt.Sprint(unfit), fmt.Sprint(all.Unfit()); got != want {
			t.Fatalf("unfit is %s, in the forecast %s", got, want)
		}
		if part.Horizon() != hi-lo || !part.Start().Equal(all.Start().Add(time.Duration(lo)*time.Minute)) || part.Model() != all.Model() {
			t.Fatalf("%d steps from %s by %s", part.Horizon(), part.Start(), part.Model())
		}
		for h := lo; h < hi; h++ {
			for _, level := range all.Levels() {
				if got, want := part.Quantile(level, h-lo), all.Quantile(level, h); got != want {
					t.Fatalf("step %d, level %v: %v, in the whole forecast %v", h, level, got, want)
				}
			}
			if part.Mean(h-lo) != all.Mean(h) {
				t.Fatalf("step %d: mean %v, in the whole forecast %v", h, part.Mean(h-lo), all.Mean(h))
			}
		}
	})
}

// TestForecastStepsOutside: steps outside the horizon are an error.
func TestForecastStepsOutside(t *testing.T) {
	t.Parallel()
	p := newPredictor(t, predictor.DefaultConfig(), time.Minute)
	for _, steps := range [][2]int{{-1, 1}, {2, 2}, {0, p.Horizon() + 1}} {
		if _, err := p.ForecastSteps("f", models.SignalInvocations, time.Unix(0, 0), steps[0], steps[1]); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("steps %v: %v", steps, err)
		}
	}
}

// TestAskingChangesNothing: a predictor that is asked for forecasts and states all the time goes on as one that is not.
func TestAskingChangesNothing(t *testing.T) {
	t.Parallel()
	asked, quiet := newPredictor(t, hourly(), time.Hour), newPredictor(t, hourly(), time.Hour)
	for i, y := range seasonal(seeded(3, 4), 900) {
		if i%50 == 7 {
			y = math.NaN()
		}
		said(asked)
		if _, err := asked.MarshalBinary(); err != nil {
			t.Fatal(err)
		}
		asked.Explain()
		if err := errors.Join(give(asked, y), give(quiet, y)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := said(asked), said(quiet); got != want {
		t.Errorf("asked: %s\nnot asked: %s", got, want)
	}
}
