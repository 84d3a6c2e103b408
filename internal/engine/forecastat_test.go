package engine

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"pilotlight/models"
)

// TestForecastAt: the forecast of one time is that of its step in the whole forecast, for targets whose decisions read forecasts
// and for those whose forecasts are unfit.
func TestForecastAt(t *testing.T) {
	t.Parallel()
	// Of noise the mean knows more than the last value, or that of an hour ago.
	noise := func(minute int) float64 {
		return 100 * rand.New(rand.NewPCG(1, uint64(minute))).Float64() //nolint:gosec // repeatable on purpose
	}
	r := newRig(t, map[models.TargetID]load{"fit": noise, "flat": steady(60), "zero": steady(0)})
	r.steps(600, 660)
	unfit := map[models.TargetID]bool{}
	for _, id := range []models.TargetID{"fit", "flat", "zero"} {
		all, err := r.Forecast(id)
		if err != nil {
			t.Fatal(err)
		}
		unfit[id] = all.Unfit() != nil
		for ahead := range 20 {
			f, h, err := r.ForecastAt(id, all.Start().Add(time.Duration(ahead)*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			whole := min(ahead, all.Horizon()-1)
			if got, want := f.Quantile(0.9, h), all.Quantile(0.9, whole); got != want {
				t.Errorf("%s, %d minutes ahead: %v, in the whole forecast %v", id, ahead, got, want)
			}
			if got, want := f.Start().Add(time.Duration(h)*time.Minute), all.Start().Add(time.Duration(whole)*time.Minute); !got.Equal(want) {
				t.Errorf("%s, %d minutes ahead: the step of %s, not of %s", id, ahead, got, want)
			}
		}
	}
	if unfit["fit"] || !unfit["flat"] {
		t.Errorf("unfit are %v: the test has lost its cases", unfit)
	}
	if _, _, err := r.ForecastAt("nobody", r.now); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("an unknown target: %v", err)
	}
}

// TestForecastAtWithout: without enough history the reason is the same for one time as for all.
func TestForecastAtWithout(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(60)}, func(r *rig) { r.parts.Settings.Lookback = time.Minute })
	r.steps(1, 3)
	if _, _, err := r.ForecastAt("a", r.now); !errors.Is(err, models.ErrInsufficientHistory) {
		t.Errorf("got %v", err)
	}
}
