package ensemble_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
	"pilotlight/predictor/ensemble"
)

// noisy is an hourly series with a day, a week, and noise.
func noisy(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // tests need repeatable numbers, not secrets
	y := make([]float64, n)
	drift := 0.0
	for i := range y {
		day := 1 + 0.6*math.Sin(2*math.Pi*float64(i)/24)
		if i/24%7 >= 5 {
			day *= 0.6
		}
		drift += 0.02 * rng.NormFloat64()
		y[i] = math.Round(200 * day * math.Exp(drift/4) * (1 + 0.05*rng.NormFloat64()))
	}
	return y
}

// TestOddSeries: whatever the series, the forecast is finite, bounded, ordered and not negative without reason.
func TestOddSeries(t *testing.T) {
	t.Parallel()
	base := noisy(1, 24*30)
	with := func(change func(y []float64)) []float64 {
		y := slices.Clone(base)
		change(y)
		return y
	}
	nan := math.NaN()
	cases := map[string][]float64{
		"one value":         {5},
		"three values":      {1, 2, 3},
		"a day":             base[:24],
		"two days":          base[:48],
		"ten days":          base[:240],
		"two weeks":         base[:336],
		"zeros":             make([]float64, 500),
		"constant":          with(func(y []float64) { fill(y, 7) }),
		"a huge spike":      with(func(y []float64) { y[600] = 1e9 }),
		"a huge last value": with(func(y []float64) { y[len(y)-1] = 1e12 }),
		"a step":            with(func(y []float64) { fill(y[400:], 5000) }),
		"half missing": with(func(y []float64) {
			for i := range y {
				if i%2 == 0 {
					y[i] = nan
				}
			}
		}),
		"a missing week":   with(func(y []float64) { fill(y[300:470], nan) }),
		"a missing end":    with(func(y []float64) { fill(y[len(y)-60:], nan) }),
		"a missing start":  with(func(y []float64) { fill(y[:300], nan) }),
		"infinite values":  with(func(y []float64) { y[10], y[400] = math.Inf(1), math.Inf(-1) }),
		"absurd values":    with(func(y []float64) { y[500] = math.MaxFloat64 }),
		"negative values":  with(func(y []float64) { add(y, -250) }),
		"large values":     with(func(y []float64) { add(y, 1e28) }),
		"mostly zero":      with(func(y []float64) { sparse(y) }),
		"alternating":      with(func(y []float64) { alternate(y) }),
		"zero for a while": with(func(y []float64) { fill(y[500:], 0) }),
	}
	for name, y := range cases {
		for _, opt := range []ensemble.Options{
			{Horizon: 48, Periods: []int{24, 168}},
			{Horizon: 48, Step: time.Hour},
			{Horizon: 1, Periods: []int{24}},
			{Horizon: 30, Periods: []int{}},
			{Horizon: 100, Periods: []int{7, 12, 24, 168}},
		} {
			opt.Levels = []float64{0.01, 0.1, 0.5, 0.9, 0.99}
			t.Run(fmt.Sprintf("%s/%d ahead/%v", name, opt.Horizon, opt.Periods), func(t *testing.T) {
				t.Parallel()
				res, err := ensemble.Forecast(y, opt)
				if err != nil {
					t.Fatal(err)
				}
				sane(t, y, res, opt.Horizon)
			})
		}
	}
}

func fill(y []float64, v float64) {
	for i := range y {
		y[i] = v
	}
}

func add(y []float64, v float64) {
	for i := range y {
		y[i] += v
	}
}

func sparse(y []float64) {
	for i := range y {
		if i%37 != 0 {
			y[i] = 0
		}
	}
}

func alternate(y []float64) {
	for i := range y {
		y[i] = float64(i % 2)
	}
}

// sane checks a forecast against what was seen.
func sane(t *testing.T, y []float64, res *ensemble.Result, horizon int) {
	t.Helper()
	top, negative := 0.0, false
	for _, v := range y {
		if math.Abs(v) <= 1e30 {
			top = max(top, math.Abs(v))
			negative = negative || v < 0
		}
	}
	check := func(what string, v []float64) {
		t.Helper()
		if len(v) != horizon {
			t.Fatalf("%s has %d steps, not %d", what, len(v), horizon)
		}
		for h, x := range v {
			if !(math.Abs(x) <= 4*top) || x < 0 && !negative {
				t.Fatalf("%s %d steps ahead is %v after values up to %v", what, h+1, x, top)
			}
		}
	}
	check("mean", res.Mean)
	for l, q := range res.Quantiles {
		check(fmt.Sprintf("quantile %d", l), q)
		for h := range q {
			if l > 0 && q[h] < res.Quantiles[l-1][h] {
				t.Fatalf("quantile %d falls below the one before, %d steps ahead", l, h+1)
			}
		}
	}
	for b := range res.Buckets {
		sum := 0.0
		for _, m := range res.Members {
			sum += m.Weights[b]
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("weights of bucket %d sum to %v", b, sum)
		}
	}
}

// TestNoLookAhead: what comes after the end cannot matter, and the same series gives the same forecast.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	y := noisy(2, 24*40)
	opt := ensemble.Options{Horizon: 48, Levels: []float64{0.1, 0.5, 0.9}, Periods: []int{24, 168}}
	first, err := ensemble.Forecast(y[:900], opt)
	if err != nil {
		t.Fatal(err)
	}
	fill(y[900:], 1e6)
	second, err := ensemble.Forecast(y[:900:900], opt)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Errorf("the same past gave another forecast (-first +second):\n%s", d)
	}
}

// TestAccuracyFloor: on made-up load the ensemble must beat seasonal naive by far, and know it.
func TestAccuracyFloor(t *testing.T) {
	t.Parallel()
	var mae, naive, known, inside, n float64
	for seed := range uint64(6) {
		y := noisy(10+seed, 24*40+48)
		end := len(y) - 48
		res, err := ensemble.Forecast(y[:end], ensemble.Options{Horizon: 48, Levels: []float64{0.1, 0.9}, Periods: []int{24, 168}})
		if err != nil {
			t.Fatal(err)
		}
		for h, f := range res.Mean {
			mae += math.Abs(f - y[end+h])
			naive += math.Abs(y[end-24+h%24] - y[end+h])
			n++
			if y[end+h] >= res.Quantiles[0][h] && y[end+h] <= res.Quantiles[1][h] {
				inside++
			}
		}
		known += res.Skill.MAE / res.Skill.SeasonalNaiveMAE / 6
	}
	if mae > 0.6*naive {
		t.Errorf("error %.3f of seasonal naive, above 0.6", mae/naive)
	}
	if known > 0.6 {
		t.Errorf("the forecasts say %.3f of seasonal naive on the past, above 0.6", known)
	}
	if c := inside / n; c < 0.65 || c > 0.95 {
		t.Errorf("%.3f of the values lie between the quantiles 0.1 and 0.9", c)
	}
}

// TestChosenModels: each model can be chosen alone, and an impossible choice is explained.
func TestChosenModels(t *testing.T) {
	t.Parallel()
	y := noisy(3, 24*30)
	for _, name := range []string{
		"holt_winters", "double_season", "lag_ridge", "nearest_windows", "kernel_windows", "long_median", "shifted_period", "rank1", "theta", "seasonal_naive",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := ensemble.Forecast(y, ensemble.Options{Horizon: 48, Levels: []float64{0.5}, Periods: []int{24, 168}, Models: []string{name}})
			if err != nil {
				t.Fatal(err)
			}
			sane(t, y, res, 48)
			if res.Skill.MAE > 1.5*res.Skill.SeasonalNaiveMAE {
				t.Errorf("%s misses by %v, seasonal naive by %v", name, res.Skill.MAE, res.Skill.SeasonalNaiveMAE)
			}
		})
	}
	_, err := ensemble.Forecast(y, ensemble.Options{Horizon: 48, Levels: []float64{0.5}, Periods: []int{}, Models: []string{"double_season"}})
	if !errors.Is(err, models.ErrInsufficientHistory) || !strings.Contains(err.Error(), "[double_season] need a season") {
		t.Errorf("a seasonal model without a season: %v, not ErrInsufficientHistory with its name", err)
	}
	if _, err = ensemble.Forecast(y, ensemble.Options{Horizon: 48, Levels: []float64{0.5}, Models: []string{"crystal_ball"}}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("an unknown model: %v, not ErrInvalid", err)
	}
}

func BenchmarkForecastHourly(b *testing.B) {
	y := noisy(4, 960)
	opt := ensemble.Options{Horizon: 48, Levels: []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}, Periods: []int{24, 168}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ensemble.Forecast(y, opt); err != nil {
			b.Fatal(err)
		}
	}
}
