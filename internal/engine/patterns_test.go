package engine

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pilotlight/models"
)

// cycle is a load with a peak every so many minutes, and a little noise.
func cycle(period int) load {
	return func(minute int) float64 {
		rng := rand.New(rand.NewPCG(1, uint64(minute))) //nolint:gosec // a test must be repeatable
		if minute%period < 8 {
			return math.Round(300 + 10*rng.NormFloat64())
		}
		return math.Round(40 + 5*rng.NormFloat64())
	}
}

// noise is a load without any pattern.
func noise(seed uint64) load {
	return func(minute int) float64 {
		rng := rand.New(rand.NewPCG(seed, uint64(minute))) //nolint:gosec // a test must be repeatable
		return math.Round(max(100+20*rng.NormFloat64(), 0))
	}
}

func TestPatternIsAcceptedByTheBackTest(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": cycle(97), "b": steady(60)})
	r.steps(2880, 2890)
	before := r.missed("a", 2891, 2950)
	trial, err := r.TryPattern(t.Context(), "a", "timer", "", 97)
	if err != nil || !trial.Accepted || trial.Loss >= trial.LossWithout {
		t.Fatalf("%v %+v", err, trial)
	}
	r.steps(2951, 2952)
	if after := r.missed("a", 2953, 3012); after > before*0.8 {
		t.Errorf("the forecast misses by %.2f, %.2f before", after, before)
	}
	want := r.byID["a"].predictor
	if data, err := want.MarshalBinary(); err != nil || len(data) == 0 {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, _ := want.MarshalBinary()
	r.boot()
	r.steps(3013, 3013)
	if got := len(r.variants.of); got != 1 {
		t.Errorf("after a restart %d targets have a variant", got)
	}
	again, _ := r.byID["a"].predictor.MarshalBinary()
	if len(again) != len(kept) {
		t.Errorf("after a restart the state has %d bytes, %d before", len(again), len(kept))
	}
	parts := r.parts
	parts.Predictor.Horizon = models.Duration(20 * time.Minute)
	if err := r.Reload(parts); err != nil || len(r.variants.of) != 0 {
		t.Errorf("after another configuration: %v, %d variants", err, len(r.variants.of))
	}
	r.parts = parts
	r.boot()
	if len(r.variants.of) != 0 {
		t.Error("the variant of another configuration is back after a restart")
	}
}

// missed is the mean error of the forecasts one step ahead over the minutes.
func (r *rig) missed(id models.TargetID, from, to int) float64 {
	r.t.Helper()
	sum := 0.0
	for m := from; m <= to; m++ {
		r.steps(m, m)
		f, err := r.Forecast(id)
		if err != nil {
			r.t.Fatal(err)
		}
		sum += math.Abs(f.Mean(0) - r.collector.loads[id](m))
	}
	return sum / float64(to-from+1)
}

func TestPatternOfNoiseIsRefused(t *testing.T) {
	t.Parallel()
	trials, accepted := 40, 0
	if testing.Short() {
		trials = 8
	}
	for seed := range trials {
		r := newRig(t, map[models.TargetID]load{"a": noise(uint64(seed))})
		r.steps(1440, 1441)
		before, err := r.byID["a"].predictor.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		trial, err := r.TryPattern(t.Context(), "a", "", "", 30+7*seed)
		if err != nil {
			t.Fatal(err)
		}
		if trial.Accepted {
			accepted++
			continue
		}
		if after, err := r.byID["a"].predictor.MarshalBinary(); err != nil || !bytes.Equal(before, after) {
			t.Errorf("a refused proposal has changed the forecaster: %v", err)
		}
	}
	if accepted > trials/20 {
		t.Errorf("%d of %d periods of noise were accepted", accepted, trials)
	}
}

func TestHostilePatterns(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(60)})
	r.steps(100, 101)
	for _, c := range []struct {
		id     models.TargetID
		member string
		period int
		want   error
	}{
		{"unknown", "", 97, models.ErrNotFound},
		{"a", "", 0, models.ErrInvalid},
		{"a", "", 1, models.ErrInvalid},
		{"a", "", -5, models.ErrInvalid},
		{"a", "", math.MaxInt, models.ErrInvalid},
		{"a", "no_such_model", 0, models.ErrInvalid},
		{"a", "persistence", 0, models.ErrConflict},
		{"a", "", 60, models.ErrConflict},
		{"a", "", 97, models.ErrInsufficientHistory},
	} {
		if trial, err := r.TryPattern(t.Context(), c.id, "daily", c.member, c.period); trial.Accepted || !errors.Is(err, c.want) {
			t.Errorf("%s %q %d: %v, want %v", c.id, c.member, c.period, err, c.want)
		}
	}
	if len(r.variants.of) != 0 {
		t.Error("a variant was taken")
	}
}

// TestPatternsOfTargets replaces a variant, keeps one that is as good as before, takes it back, and refuses one that was tried beside
// another configuration.
func TestPatternsOfTargets(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": cycle(97)})
	r.steps(2880, 2890)
	ctx := t.Context()
	for i := range 2 {
		if trial, err := r.TryPattern(ctx, "a", "", "", 97); err != nil || !trial.Accepted {
			t.Fatalf("%v %+v", err, trial)
		}
		r.steps(2891+2*i, 2892+2*i)
	}
	if trial, err := r.TryPattern(ctx, "a", "", "", 61); err != nil || trial.Accepted || r.variants.of["a"].Period != 97 {
		t.Errorf("a worse one in its place: %v %+v", err, trial)
	}
	u := r.byID["a"]
	other := r.parts.Predictor
	other.Horizon *= 2
	if err := r.adopt(ctx, u, variant{Period: 50}, r.predictors, &other); !errors.Is(err, models.ErrConflict) {
		t.Errorf("tried beside another configuration: %v", err)
	}
	if err := r.abandon(ctx, u); err != nil || len(r.variants.of)+len(r.variants.shared) != 0 {
		t.Errorf("taken back: %v, %+v", err, r.variants)
	}
	r.steps(2895, 2896)
	if _, err := r.Forecast("a"); err != nil {
		t.Errorf("without the variant: %v", err)
	}
}
