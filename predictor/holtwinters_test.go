package predictor_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pilotlight/models"
	"pilotlight/predictor"
)

// fit fits and fails the test on an error.
func fit(t *testing.T, y []float64, opt predictor.HoltWintersOptions) *predictor.HoltWinters {
	t.Helper()
	w, err := predictor.FitHoltWinters(y, opt)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func ahead(t *testing.T, f predictor.Forecaster, n int) []float64 {
	t.Helper()
	dst := make([]float64, n)
	if err := f.Forecast(dst); err != nil {
		t.Fatal(err)
	}
	return dst
}

// wave is a course without noise: level, slope and a season of 12.
func wave(n int, slope float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = 100 + slope*float64(i) + 20*math.Sin(2*math.Pi*float64(i)/12)
	}
	return y
}

// TestExactCourse: a course without noise is forecast exactly by the model that can say it.
func TestExactCourse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		slope float64
		opt   predictor.HoltWintersOptions
	}{
		"season":                    {0, predictor.HoltWintersOptions{Period: 12}},
		"season, classical":         {0, predictor.HoltWintersOptions{Period: 12, Init: predictor.InitClassical}},
		"season with ar":            {0, predictor.HoltWintersOptions{Period: 12, AR: true}},
		"season and trend":          {0.5, predictor.HoltWintersOptions{Period: 12, Trend: predictor.TrendAdditive}},
		"classical trend":           {0.5, predictor.HoltWintersOptions{Period: 12, Trend: predictor.TrendAdditive, Init: predictor.InitClassical}},
		"multiplicative":            {0, predictor.HoltWintersOptions{Period: 12, Season: predictor.SeasonMultiplicative}},
		"log":                       {0, predictor.HoltWintersOptions{Period: 12, Scale: predictor.ScaleLog1p}},
		"absolute loss, many steps": {0, predictor.HoltWintersOptions{Period: 12, Loss: predictor.LossAbsolute, LossSteps: 4, LossWindow: 50}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := wave(144, c.slope)
			w := fit(t, y[:120], c.opt)
			for h, v := range ahead(t, w, 24) {
				near(t, "forecast", v, y[120+h], 1e-6)
			}
		})
	}
}

// TestMissing: a third of the values missing, whole periods among them, leaves the fit close to that of the full series.
func TestMissing(t *testing.T) {
	t.Parallel()
	rng := seeded(9, 9)
	y := wave(240, 0)
	for i := range y {
		y[i] += rng.NormFloat64()
		if rng.IntN(3) == 0 || i >= 60 && i < 84 {
			y[i] = math.NaN()
		}
	}
	truth := wave(264, 0)
	for _, init := range []predictor.Init{predictor.InitRobust, predictor.InitClassical} {
		w := fit(t, y, predictor.HoltWintersOptions{Period: 12, Init: init})
		for h, v := range ahead(t, w, 24) {
			if math.Abs(v-truth[240+h]) > 3 {
				t.Errorf("init %d: %v at step %d, the course says %v", init, v, h+1, truth[240+h])
			}
		}
	}
}

// TestRobustInit: an outlier in the first periods spoils the classical season and not the robust one.
func TestRobustInit(t *testing.T) {
	t.Parallel()
	y := wave(84, 0)
	y[5] = 1e6
	frozen := &predictor.HoltWintersParams{Phi: 1} // the initial state is all there is
	robust := ahead(t, fit(t, y, predictor.HoltWintersOptions{Period: 12, Params: frozen}), 12)
	classical := ahead(t, fit(t, y, predictor.HoltWintersOptions{Period: 12, Params: frozen, Init: predictor.InitClassical}), 12)
	truth := wave(96, 0)[84:]
	for h := range truth {
		near(t, "robust forecast", robust[h], truth[h], 1e-9)
	}
	if math.Abs(classical[5]-truth[5]) < 1e5 {
		t.Errorf("the classical season at the outlier is %v: the test tests nothing", classical[5])
	}
}

// TestBins: bins average the noise of neighbouring steps, so the season is closer to the truth.
func TestBins(t *testing.T) {
	t.Parallel()
	const m = 288
	rng := seeded(11, 12)
	y, truth := make([]float64, 8*m), make([]float64, 9*m)
	for i := range truth {
		truth[i] = 100 + 50*math.Sin(2*math.Pi*float64(i)/m)
	}
	for i := range y {
		y[i] = truth[i] + 20*rng.NormFloat64()
	}
	miss := func(bin int) float64 {
		sum := 0.0
		for h, v := range ahead(t, fit(t, y, predictor.HoltWintersOptions{Period: m, Bin: bin}), m) {
			sum += math.Abs(v - truth[8*m+h])
		}
		return sum / m
	}
	if fine, coarse := miss(1), miss(6); coarse > 0.6*fine {
		t.Errorf("bins of 6 miss the course by %v, single steps by %v", coarse, fine)
	}
}

// TestAutoScale: growth in proportion chooses the logarithm, an additive course the raw scale.
func TestAutoScale(t *testing.T) {
	t.Parallel()
	rng := seeded(13, 14)
	raw, logged := make([]float64, 600), make([]float64, 600)
	for i := range raw {
		season := math.Sin(2 * math.Pi * float64(i) / 12)
		raw[i] = 60 + 40*season + 5*rng.NormFloat64()
		logged[i] = math.Exp(6 + 2*season + 2*math.Sin(float64(i)/90) + 0.1*rng.NormFloat64())
	}
	for want, y := range map[predictor.Scale][]float64{predictor.ScaleRaw: raw, predictor.ScaleLog1p: logged} {
		if got := fit(t, y, predictor.HoltWintersOptions{Period: 12, Scale: predictor.ScaleAuto}).Fit().Scale; got != want {
			t.Errorf("the scale is %s, not %s", got, want)
		}
	}
}

// TestAutocorrelation: after a burst the model with autocorrelated errors falls back to its course.
func TestAutocorrelation(t *testing.T) {
	t.Parallel()
	rng := seeded(15, 16)
	y := make([]float64, 2000)
	burst := 0.0
	for i := range y {
		burst = 0.8*burst + 10*rng.NormFloat64()
		y[i] = 200 + burst
	}
	w := fit(t, y, predictor.HoltWintersOptions{Period: 12, AR: true})
	if p := w.Fit().Params; p.Rho < 0.65 || p.Rho > 0.9 || p.Alpha > 0.15 {
		t.Errorf("parameters %+v of errors with an autocorrelation of 0.8", p)
	}
	w.Update(400)
	f := ahead(t, w, 20)
	if f[0] < 300 || f[19] > 240 {
		t.Errorf("after a burst to 400 the forecasts go from %v to %v", f[0], f[19])
	}
}

func TestRefitKeepsOnError(t *testing.T) {
	t.Parallel()
	y := wave(120, 0)
	w := fit(t, y, predictor.HoltWintersOptions{Period: 12, Season: predictor.SeasonMultiplicative})
	before := ahead(t, w, 12)
	if err := w.Refit(y[:20]); !errors.Is(err, models.ErrInsufficientHistory) {
		t.Errorf("refit on 20 values: %v", err)
	}
	if err := w.Refit(append(y[:100:100], 0)); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("refit on a zero: %v", err)
	}
	for h, v := range ahead(t, w, 12) {
		if v != before[h] {
			t.Fatalf("a refit that failed changed the forecast from %v to %v", before[h], v)
		}
	}
}

func TestHoltWintersOptionsValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opt  predictor.HoltWintersOptions
		want string
	}{
		"negative period":         {predictor.HoltWintersOptions{Period: -1}, "period"},
		"period too long":         {predictor.HoltWintersOptions{Period: predictor.MaxPeriod + 1}, "period"},
		"one bin":                 {predictor.HoltWintersOptions{Period: 12, Bin: 12}, "bin"},
		"unknown trend":           {predictor.HoltWintersOptions{Trend: 7}, "unknown kind"},
		"multiplicative level":    {predictor.HoltWintersOptions{Season: predictor.SeasonMultiplicative}, "multiplicative"},
		"multiplicative log":      {predictor.HoltWintersOptions{Period: 4, Season: predictor.SeasonMultiplicative, Scale: predictor.ScaleLog1p}, "raw"},
		"negative evaluations":    {predictor.HoltWintersOptions{MaxEvaluations: -1}, "evaluations -1"},
		"initial season":          {predictor.HoltWintersOptions{Period: 4, Initial: &predictor.HoltWintersState{}}, "0 values, not 4"},
		"unstable parameters":     {predictor.HoltWintersOptions{Params: &predictor.HoltWintersParams{Alpha: 0.5, Gamma: 0.6, Phi: 1}}, "not stable"},
		"parameters not a number": {predictor.HoltWintersOptions{Params: &predictor.HoltWintersParams{Alpha: math.NaN()}}, "not stable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := predictor.NewHoltWinters(c.opt); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("NewHoltWinters: %v", err)
			}
			if _, err := predictor.FitHoltWinters(wave(100, 0), c.opt); !errors.Is(err, models.ErrInvalid) {
				t.Errorf("FitHoltWinters: %v", err)
			}
		})
	}
}

// TestSeasonalNaiveIndex: beyond a period the same values repeat, and a gap takes the value before it.
func TestSeasonalNaiveIndex(t *testing.T) {
	t.Parallel()
	s, err := predictor.NewSeasonalNaive(3)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{9, 9, 1, 2, 3} {
		s.Update(v)
	}
	for h, v := range ahead(t, s, 7) {
		if want := float64(h%3 + 1); v != want {
			t.Errorf("step %d: %v, not %v", h+1, v, want)
		}
	}
	s.Update(math.NaN())
	if f := ahead(t, s, 3); f[0] != 2 || f[2] != 3 {
		t.Errorf("after a gap: %v; the missing position takes the latest known value", f)
	}
}

func TestMedianAndEWMA(t *testing.T) {
	t.Parallel()
	m, err := predictor.NewMedian(3)
	if err != nil {
		t.Fatal(err)
	}
	e, err := predictor.NewEWMA(0.25)
	if err != nil {
		t.Fatal(err)
	}
	p := predictor.NewPersistence()
	for _, v := range []float64{100, 1, 8, 3} {
		m.Update(v)
		e.Update(v)
		p.Update(v)
	}
	// The mean of the first four values has weights 1/n, which are above alpha until the fourth.
	if got := []float64{ahead(t, m, 2)[1], ahead(t, e, 1)[0], ahead(t, p, 5)[4]}; got[0] != 3 || math.Abs(got[1]-28) > 1e-12 || got[2] != 3 {
		t.Errorf("median, mean and last of 100, 1, 8, 3: %v", got)
	}
	for _, bad := range []float64{0, -1, 1.5, math.NaN()} {
		if _, err := predictor.NewEWMA(bad); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("alpha %v: %v", bad, err)
		}
	}
	for _, bad := range []int{0, -3, 1 << 20} {
		if _, err := predictor.NewMedian(bad); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("window %d: %v", bad, err)
		}
		if _, err := predictor.NewSeasonalNaive(bad); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("period %d: %v", bad, err)
		}
	}
}
