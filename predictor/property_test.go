package predictor_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
	"pilotlight/predictor"
)

// nasty draws series that break forecasters.
func nasty(t *rapid.T) []float64 {
	n := rapid.SampledFrom([]int{0, 3, 40, 130, 200}).Draw(t, "n")
	rng := seeded(rapid.Uint64().Draw(t, "seed"), 0)
	base := rapid.SampledFrom([]float64{0, 0, 1, 100, 1e6}).Draw(t, "base")
	noise := rapid.SampledFrom([]float64{0, 1, 30}).Draw(t, "noise")
	sparse := rapid.SampledFrom([]float64{1, 0.5, 0.03}).Draw(t, "share of load")
	missing := rapid.SampledFrom([]float64{0, 0, 0.5}).Draw(t, "share missing")
	y := make([]float64, n)
	for i := range y {
		if rng.Float64() < sparse {
			y[i] = math.Round(max(0, base*(1+0.5*math.Sin(float64(i)/4))+noise*rng.NormFloat64()))
		}
		if rng.Float64() < missing {
			y[i] = math.NaN()
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "events") {
		if n == 0 {
			break
		}
		at := rng.IntN(n)
		switch rapid.SampledFrom([]string{"spike", "step", "inf", "negative", "zeros", "gap", "huge"}).Draw(t, "event") {
		case "spike":
			y[at] = 1e9
		case "step":
			for i := range y[at:] {
				y[at+i] += 500
			}
		case "inf":
			y[at] = math.Inf(1)
		case "negative":
			y[at] = -5
		case "huge":
			y[at] = 1e29
		case "zeros":
			clear(y[at:])
		case "gap":
			for i := range y[at:] {
				y[at+i] = math.NaN()
			}
		}
	}
	return y
}

// TestProperties: whatever the series, forecasts are finite, not negative, bounded by what was seen, and depend on nothing
// but the values before; a state restored at any point continues the same.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		y := nasty(t)
		cfg := hourly()
		cfg.Scale = rapid.SampledFrom([]string{"raw", "log1p", "auto"}).Draw(t, "scale")
		p := newPredictor(t, cfg, time.Hour)
		cut := rapid.IntRange(0, len(y)).Draw(t, "cut")
		top, atCut := 0.0, ""
		restored := p
		for i := range len(y) + 1 {
			f, err := p.Forecast("f", models.SignalInvocations, time.Unix(0, 0))
			if err != nil && !errors.Is(err, models.ErrInsufficientHistory) {
				t.Fatalf("after %d values: %v", i, err)
			}
			if err == nil {
				inBounds(t, &f, 3*top)
			}
			if i == cut {
				atCut = said(p)
				restored = copyOf(t, p, cfg)
			}
			if i > cut && said(restored) != said(p) {
				t.Fatalf("step %d: a predictor restored at %d says\n%s\nnot\n%s", i, cut, said(restored), said(p))
			}
			if i == len(y) {
				break
			}
			if err := give(p, y[i]); err != nil {
				t.Fatal(err)
			}
			if i >= cut {
				if err := give(restored, y[i]); err != nil {
					t.Fatal(err)
				}
			}
			if y[i] <= predictor.MaxValue {
				top = max(top, y[i])
			}
		}
		short := newPredictor(t, cfg, time.Hour)
		for _, v := range y[:cut] {
			if err := give(short, v); err != nil {
				t.Fatal(err)
			}
		}
		if got := said(short); got != atCut {
			t.Fatalf("the forecast at %d depends on what came later:\n%s\n%s", cut, got, atCut)
		}
	})
}

// inBounds checks the values of a forecast; top is the most it may say.
func inBounds(t *rapid.T, f *models.Forecast, top float64) {
	top *= 1 + 1e-6 // the cap is in double precision, the largest value may have been rounded
	for h := range f.Horizon() {
		last := 0.0
		for _, v := range []float64{f.Mean(h), f.Quantile(0.1, h), f.Quantile(0.5, h), f.Quantile(0.99, h)} {
			if !(v >= 0 && v <= top) {
				t.Fatalf("step %d says %v, the top is %v", h+1, v, top)
			}
		}
		for _, l := range f.Levels() {
			if f.Quantile(l, h) < last {
				t.Fatalf("step %d: quantiles cross", h+1)
			}
			last = f.Quantile(l, h)
		}
	}
}

// copyOf sends the predictor through its binary state.
func copyOf(t *rapid.T, p *predictor.Predictor, cfg predictor.Config) *predictor.Predictor {
	data, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	q := newPredictor(t, cfg, time.Hour)
	if err := q.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	again, err := q.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(data, again); d != "" {
		t.Fatalf("the state of a restored predictor differs:\n%s", d)
	}
	return q
}

// TestStateOfMinutes restores a predictor of minutes, which keeps every seventh residual, at each of seven steps in a row.
func TestStateOfMinutes(t *testing.T) {
	t.Parallel()
	rng := seeded(17, 18)
	p := newPredictor(t, predictor.DefaultConfig(), time.Minute)
	for range 3100 {
		if err := give(p, math.Round(20+5*rng.NormFloat64())); err != nil {
			t.Fatal(err)
		}
	}
	for cut := range 7 {
		data, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		q := newPredictor(t, predictor.DefaultConfig(), time.Minute)
		if err := q.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			v := math.Round(20 + 5*rng.NormFloat64())
			p.Update(v)
			q.Update(v)
			if a, b := said(p), said(q); a != b {
				t.Fatalf("cut %d, step %d: the restored predictor says\n%s\nnot\n%s", cut, i, b, a)
			}
		}
		p.Update(math.NaN())
	}
}

// TestForeignState: the state of another configuration is refused, that of another refit interval is not.
func TestForeignState(t *testing.T) {
	t.Parallel()
	p := newPredictor(t, hourly(), time.Hour)
	for i := range 100 {
		p.Update(float64(i % 24))
	}
	data, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	other, same := hourly(), hourly()
	other.Levels = []float64{0.5}
	same.RefitEvery *= 2
	if err := newPredictor(t, other, time.Hour).UnmarshalBinary(data); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("other levels: %v", err)
	}
	if err := newPredictor(t, hourly(), 2*time.Hour).UnmarshalBinary(data); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("other step: %v", err)
	}
	if err := newPredictor(t, same, time.Hour).UnmarshalBinary(data); err != nil {
		t.Errorf("other refit interval: %v", err)
	}
	q := newPredictor(t, hourly(), time.Hour)
	for i := 0; i < len(data); i += 37 {
		if err := q.UnmarshalBinary(data[:i]); !errors.Is(err, models.ErrInvalid) || q.Steps() != 0 {
			t.Fatalf("state cut at %d: %v, %d steps", i, err, q.Steps())
		}
	}
}
