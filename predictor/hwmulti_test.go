package predictor_test

import (
	"errors"
	"math"
	"testing"

	"pilotlight/models"
	"pilotlight/predictor"
	"pilotlight/predictor/predictortest"
)

// multi makes a model with default parameters.
func multi(t *testing.T, scale predictor.Scale, periods ...int) *predictor.HoltWintersMulti {
	t.Helper()
	w, err := predictor.NewHoltWintersMulti(periods, scale, predictor.DefaultMultiParams())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestMultiConformance runs the suite with two seasons, one of them in bins, which the list of models does not do.
func TestMultiConformance(t *testing.T) {
	t.Parallel()
	predictortest.Run(t, predictortest.Case{Warm: 24, New: func(t *testing.T) predictor.Forecaster {
		t.Helper()
		return multi(t, predictor.ScaleLog1p, 24, 168, 500)
	}})
}

// TestMultiSeasons: on minutes with a daily course, quiet weekends and noise of deviation 8 the forecasts of four weeks later
// come within a quarter of the noise; the states take less than 8 kB although a week has 10,080 minutes.
func TestMultiSeasons(t *testing.T) {
	t.Parallel()
	const day, noise = 1440, 8.0
	rng := seeded(41, 42)
	course := func(i int) float64 {
		v := 100 + 50*math.Sin(2*math.Pi*float64(i)/day)
		if i/day%7 >= 5 {
			v -= 40
		}
		return v
	}
	w := multi(t, predictor.ScaleRaw, 7*day, day)
	sum, n := 0.0, 0.0
	dst := make([]float64, 15)
	for i := range 6 * 7 * day {
		if i > 4*7*day && i%101 == 0 {
			if err := w.Forecast(dst); err != nil {
				t.Fatal(err)
			}
			for h, f := range dst {
				sum += math.Abs(f - course(i+h))
				n++
			}
		}
		w.Update(course(i) + noise*rng.NormFloat64())
	}
	if mae := sum / n; mae > noise/2 { // the noise-free course is the target, and weekends begin within a bin
		t.Errorf("the course is missed by %v", mae)
	}
	if data, err := w.MarshalBinary(); err != nil || len(data) > 1200 {
		t.Errorf("the state has %d bytes, error %v", len(data), err)
	}
}

// TestMultiErrors: with white noise the forecast does not follow the last value, on a slow random course it does.
func TestMultiErrors(t *testing.T) {
	t.Parallel()
	rng := seeded(43, 44)
	white, slow := multi(t, predictor.ScaleRaw), multi(t, predictor.ScaleRaw)
	course, ahead := 0.0, make([]float64, 1)
	var whiteError, slowError float64
	const n = 6000
	for i := range n {
		course = 0.97*course + rng.NormFloat64()
		y, z := 100+10*rng.NormFloat64(), 100+course
		if i > n/2 {
			_ = white.Forecast(ahead) // it has values
			whiteError += math.Abs(y-ahead[0]) / (n / 2)
			_ = slow.Forecast(ahead)
			slowError += math.Abs(z-ahead[0]) / (n / 2)
		}
		white.Update(y)
		slow.Update(z)
	}
	// The mean absolute deviation of a normal variable is 0.8 of its deviation: 8 and 0.8 are the least errors there can be.
	if whiteError > 8.4 || slowError > 0.85 {
		t.Errorf("errors %v and %v", whiteError, slowError)
	}
}

// TestMultiSpike: a spike of 1e9 is over when the next values are.
func TestMultiSpike(t *testing.T) {
	t.Parallel()
	rng := seeded(45, 46)
	w := multi(t, predictor.ScaleRaw, 24)
	for i := range 3000 {
		v := 100 + 5*rng.NormFloat64()
		if i == 2500 {
			v = 1e9
		}
		w.Update(v)
	}
	dst := make([]float64, 24)
	if err := w.Forecast(dst); err != nil {
		t.Fatal(err)
	}
	for h, v := range dst {
		if math.Abs(v-100) > 20 {
			t.Errorf("%d steps ahead %v after a spike long ago", h+1, v)
		}
	}
}

// TestMultiGap: where values are missing in the first period the season is neutral.
func TestMultiGap(t *testing.T) {
	t.Parallel()
	w := multi(t, predictor.ScaleRaw, 1440)
	for i := range 1440 {
		v := 100.0
		if i > 600 && i < 800 {
			v = math.NaN()
		}
		w.Update(v)
	}
	dst := make([]float64, 1440)
	if err := w.Forecast(dst); err != nil {
		t.Fatal(err)
	}
	for h, v := range dst {
		if math.Abs(v-100) > 1 {
			t.Fatalf("%d steps ahead %v on a constant series", h+1, v)
		}
	}
}

// TestMultiInvalid: parameters and periods that cannot work are refused.
func TestMultiInvalid(t *testing.T) {
	t.Parallel()
	good := predictor.DefaultMultiParams()
	for name, make := range map[string]func() error{
		"alpha": func() error { p := good; p.Alpha = 1; _, err := predictor.NewHoltWintersMulti(nil, 0, p); return err },
		"gamma": func() error {
			p := good
			p.Gamma = math.NaN()
			_, err := predictor.NewHoltWintersMulti(nil, 0, p)
			return err
		},
		"memory": func() error { p := good; p.Memory = 0; _, err := predictor.NewHoltWintersMulti(nil, 0, p); return err },
		"period": func() error {
			_, err := predictor.NewHoltWintersMulti([]int{predictor.MaxPeriod + 1}, 0, good)
			return err
		},
		"periods": func() error { _, err := predictor.NewHoltWintersMulti([]int{2, 3, 4, 5, 6}, 0, good); return err },
	} {
		if err := make(); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
