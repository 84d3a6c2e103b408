package ensemble_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/models"
	"pilotlight/predictor/ensemble"
)

var robustLevels = []float64{0.01, 0.1, 0.33, 0.5, 0.9, 0.99, 0.999}

// check fails unless the forecast is finite, ordered, bounded by what was seen, and not negative where the history is not.
func check(t interface{ Fatalf(string, ...any) }, y []float64, opt ensemble.Options, res *ensemble.Result) {
	low, top := 0.0, 0.0
	for _, v := range y {
		if math.Abs(v) <= 1e30 {
			low, top = min(low, v), max(top, math.Abs(v))
		}
	}
	if low < 0 {
		low = -3 * top
	}
	inside := func(v float64) bool { return v >= low && v <= 3*top }
	if len(res.Mean) != opt.Horizon || len(res.Quantiles) != len(opt.Levels) {
		t.Fatalf("%d steps and %d levels, not %d and %d", len(res.Mean), len(res.Quantiles), opt.Horizon, len(opt.Levels))
	}
	for h, v := range res.Mean {
		if !inside(v) {
			t.Fatalf("step %d: the point forecast %v is not in [%v, %v]", h+1, v, low, 3*top)
		}
		last := math.Inf(-1)
		for l := range res.Quantiles {
			q := res.Quantiles[l][h]
			if !inside(q) || q < last {
				t.Fatalf("step %d: the quantile %v is %v, after %v, in [%v, %v]", h+1, opt.Levels[l], q, last, low, 3*top)
			}
			last = q
		}
	}
	for _, m := range res.Members {
		for _, w := range m.Weights {
			if !(w >= 0 && w <= 1+1e-9) {
				t.Fatalf("member %s has weight %v", m.Name, w)
			}
		}
	}
}

// noise returns n values around 100.
func noise(n int) []float64 {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // tests need repeatable numbers, not secrets
	y := make([]float64, n)
	for i := range y {
		y[i] = math.Round(100 + 20*math.Sin(2*math.Pi*float64(i)/96) + 10*rng.NormFloat64())
	}
	return y
}

// change returns the values with a change.
func change(y []float64, by func(i int, v float64) float64) []float64 {
	y = slices.Clone(y)
	for i := range y {
		y[i] = by(i, y[i])
	}
	return y
}

func TestForecastOfOddSeries(t *testing.T) {
	t.Parallel()
	base := noise(700)
	for name, c := range map[string]struct {
		y    []float64
		note string
	}{
		"all zero":        {change(base, func(int, float64) float64 { return 0 }), ""},
		"constant":        {change(base, func(int, float64) float64 { return 7 }), ""},
		"a spike of 1e9":  {change(base, func(i int, v float64) float64 { return map[bool]float64{true: 1e9, false: v}[i == 690] }), ""},
		"a step":          {change(base, func(i int, v float64) float64 { return v + 5000*float64(i/650) }), ""},
		"half is missing": {change(base, func(i int, v float64) float64 { return map[bool]float64{true: math.NaN(), false: v}[i%2 == 0] }), ""},
		"a long gap": {change(base, func(i int, v float64) float64 {
			return map[bool]float64{true: math.NaN(), false: v}[i > 500 && i < 690]
		}), ""},
		"ends missing": {change(base, func(i int, v float64) float64 { return map[bool]float64{true: math.NaN(), false: v}[i > 600] }), ""},
		"infinities": {change(base, func(i int, v float64) float64 {
			return map[bool]float64{true: math.Inf(1 - 2*(i%4)), false: v}[i%50 == 0]
		}), ""},
		"negative":      {change(base, func(_ int, v float64) float64 { return -v }), ""},
		"around zero":   {change(base, func(_ int, v float64) float64 { return v - 100 }), ""},
		"huge":          {change(base, func(_ int, v float64) float64 { return v * 1e27 }), ""},
		"tiny":          {change(base, func(_ int, v float64) float64 { return v * 1e-300 }), ""},
		"three values":  {[]float64{5, 6, 7}, "too short"},
		"one value":     {[]float64{5}, "too short"},
		"one zero":      {[]float64{0}, "too short"},
		"one among NaN": {[]float64{math.NaN(), 3, math.NaN()}, "too short"},
		"twenty values": {base[:20], ""},
	} {
		for _, periods := range [][]int{nil, {}, {96}, {24, 168}} {
			for _, horizon := range []int{1, 5, 60} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					opt := ensemble.Options{Horizon: horizon, Levels: robustLevels, Step: time.Minute, Periods: periods}
					before := slices.Clone(c.y)
					res, err := ensemble.Forecast(c.y, opt)
					if err != nil {
						t.Fatal(err)
					}
					check(t, c.y, opt, res)
					if !strings.Contains(strings.Join(res.Notes, "\n"), c.note) {
						t.Errorf("notes %q do not say %q", res.Notes, c.note)
					}
					for i, v := range before {
						if math.Float64bits(v) != math.Float64bits(c.y[i]) {
							t.Fatalf("value %d of the input was changed from %v to %v", i, v, c.y[i])
						}
					}
				})
			}
		}
	}
}

// TestShortHistoryIsWide says that nobody who has three values is told a narrow range.
func TestShortHistoryIsWide(t *testing.T) {
	t.Parallel()
	for _, y := range [][]float64{{50}, {50, 50}, {40, 50, 60}} {
		res, err := ensemble.Forecast(y, ensemble.Options{Horizon: 5, Levels: []float64{0.1, 0.9}, Periods: []int{}})
		if err != nil {
			t.Fatal(err)
		}
		for h := range res.Mean {
			if lo, hi := res.Quantiles[0][h], res.Quantiles[1][h]; hi-lo < 20 {
				t.Errorf("after %v, step %d: [%v, %v] is too sure", y, h+1, lo, hi)
			}
		}
	}
}

func TestForecastWithoutValues(t *testing.T) {
	t.Parallel()
	for _, y := range [][]float64{nil, {math.NaN(), math.NaN()}, {math.Inf(1)}} {
		_, err := ensemble.Forecast(y, ensemble.Options{Horizon: 5, Levels: robustLevels})
		if !errors.Is(err, models.ErrInsufficientHistory) {
			t.Errorf("%v: %v, not ErrInsufficientHistory", y, err)
		}
	}
}

// TestForecastProperties draws series of pieces that real ones are made of.
func TestForecastProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var y []float64
		for range rapid.IntRange(1, 6).Draw(t, "pieces") {
			n := rapid.IntRange(1, 80).Draw(t, "length")
			level := rapid.SampledFrom([]float64{0, 1, 3, 1e3, 1e9, -5, math.NaN(), math.Inf(1), 1e-9}).Draw(t, "level")
			jump := rapid.SampledFrom([]float64{0, 0, 1, 100, -3}).Draw(t, "jump")
			for i := range n {
				y = append(y, level+jump*float64(i%rapid.IntRange(1, 5).Draw(t, "cycle")))
			}
		}
		opt := ensemble.Options{
			Horizon: rapid.IntRange(1, 40).Draw(t, "horizon"), Levels: robustLevels,
			Periods: rapid.SampledFrom([][]int{{}, {7}, {24}, {12, 60}}).Draw(t, "periods"),
		}
		res, err := ensemble.Forecast(y, opt)
		if errors.Is(err, models.ErrInsufficientHistory) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, y, opt, res)
		again, err := ensemble.Forecast(y, opt)
		if err != nil {
			t.Fatal(err)
		}
		for l := range res.Quantiles {
			if !slices.Equal(res.Quantiles[l], again.Quantiles[l]) {
				t.Fatalf("the same series is forecast in two ways")
			}
		}
	})
}

// FuzzForecast takes values from bytes: each is a small count, but the upper ones stand for what is odd.
func FuzzForecast(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(5), uint8(0))
	f.Add([]byte{0, 0, 0, 255, 0, 0, 254, 9, 253}, uint8(60), uint8(4))
	odd := []float64{1e30, math.Inf(1), math.NaN(), -1e30, 1e9, -1, math.SmallestNonzeroFloat64, math.MaxFloat64}
	f.Fuzz(func(t *testing.T, data []byte, horizon, period uint8) {
		if len(data) > 400 {
			data = data[:400]
		}
		y := make([]float64, len(data))
		for i, b := range data {
			y[i] = float64(b)
			if int(b) > 255-len(odd) {
				y[i] = odd[255-b]
			}
		}
		opt := ensemble.Options{Horizon: int(horizon%70) + 1, Levels: robustLevels, Periods: []int{}}
		if period > 1 {
			opt.Periods = []int{int(period)}
		}
		res, err := ensemble.Forecast(y, opt)
		if errors.Is(err, models.ErrInsufficientHistory) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, y, opt, res)
	})
}

// TestDailyEvent says that what happens for two minutes a day is expected where the step is known, though it is no season to be found.
func TestDailyEvent(t *testing.T) {
	t.Parallel()
	const at = 700
	y := change(noise(14*floorDay), func(i int, v float64) float64 {
		if i%floorDay == at || i%floorDay == at+1 {
			return 5000
		}
		return v
	})
	y = y[:13*floorDay+at-2]
	res, err := ensemble.Forecast(y, ensemble.Options{Horizon: 5, Levels: []float64{0.1, 0.5, 0.9}, Step: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(res.Periods, floorDay) {
		t.Fatalf("periods %v without the day", res.Periods)
	}
	if res.Quantiles[2][2] < 1000 {
		t.Errorf("the daily event is not foreseen: %v", res.Quantiles[2])
	}
}
