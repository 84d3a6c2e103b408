// Package predictortest holds the suite that every forecaster must pass.
package predictortest

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pilotlight/models"
	"pilotlight/predictor"
)

// Case describes a forecaster to the suite.
type Case struct {
	// New makes a forecaster without history; each call the same one.
	New func(t *testing.T) predictor.Forecaster
	// Warm is after how many ordinary values there must be a forecast.
	Warm int
}

// horizon is how far the suite forecasts.
const horizon = 30

// Run checks the contract of predictor.Forecaster.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("cold", func(t *testing.T) { t.Parallel(); c.cold(t) })
	t.Run("prefix", func(t *testing.T) { t.Parallel(); c.prefix(t) })
	t.Run("pure", func(t *testing.T) { t.Parallel(); c.pure(t) })
	t.Run("missing", func(t *testing.T) { t.Parallel(); c.missing(t) })
	t.Run("hostile", func(t *testing.T) { t.Parallel(); c.hostile(t) })
	t.Run("state", func(t *testing.T) { t.Parallel(); c.state(t) })
	t.Run("damage", func(t *testing.T) { t.Parallel(); c.damage(t) })
}

// seeded returns the random numbers of two seeds.
func seeded(a, b uint64) *rand.Rand {
	return rand.New(rand.NewPCG(a, b)) //nolint:gosec // tests need repeatable numbers, not secrets
}

// values makes a positive series with a season and noise; one seed, one series.
func values(seed uint64, n int) []float64 {
	rng := seeded(seed, 1)
	y := make([]float64, n)
	for i := range y {
		y[i] = math.Round(50+30*math.Sin(2*math.Pi*float64(i)/24)+10*rng.Float64()) + 1
	}
	return y
}

// feed gives the values to the forecaster.
func feed(f predictor.Forecaster, y []float64) {
	for _, v := range y {
		f.Update(v)
	}
}

// cold: no value, no forecast; enough values, a forecast; the answer before is ErrInsufficientHistory.
func (c Case) cold(t *testing.T) {
	t.Helper()
	f := c.New(t)
	dst := make([]float64, horizon)
	if err := f.Forecast(dst); !errors.Is(err, models.ErrInsufficientHistory) {
		t.Errorf("forecast without history returned %v, not ErrInsufficientHistory", err)
	}
	for i, v := range values(1, c.Warm) {
		if err := f.Forecast(dst); err != nil && !errors.Is(err, models.ErrInsufficientHistory) {
			t.Fatalf("after %d values: %v", i, err)
		}
		f.Update(v)
	}
	if err := f.Forecast(dst); err != nil {
		t.Fatalf("no forecast after %d values: %v", c.Warm, err)
	}
	for h, v := range dst {
		// The series stays between 21 and 92; a sane forecast stays in the neighbourhood.
		if !(v > -100 && v < 300) {
			t.Errorf("forecast %d steps ahead is %v for values around 50", h+1, v)
		}
	}
	if err := f.Forecast(nil); err != nil {
		t.Errorf("forecast of no steps: %v", err)
	}
}

// prefix: a shorter forecast is the beginning of a longer one.
func (c Case) prefix(t *testing.T) {
	t.Helper()
	f := c.New(t)
	feed(f, values(2, c.Warm+7))
	long := forecast(t, f, horizon)
	for n := range horizon {
		equal(t, "a shorter forecast", forecast(t, f, n), long[:n])
	}
}

// pure: to forecast changes nothing, and two forecasters with the same history say the same.
func (c Case) pure(t *testing.T) {
	t.Helper()
	a, b := c.New(t), c.New(t)
	y := values(3, c.Warm+50)
	dst := make([]float64, horizon)
	for _, v := range y {
		a.Update(v)
		b.Update(v)
		_ = b.Forecast(dst) // an error while cold is fine
	}
	equal(t, "a forecaster that was asked more often", forecast(t, b, horizon), forecast(t, a, horizon))
}

// missing: NaN moves time on and keeps forecasts finite; infinities and absurd values count as missing.
func (c Case) missing(t *testing.T) {
	t.Helper()
	f, g := c.New(t), c.New(t)
	y := values(4, c.Warm+20)
	feed(f, y)
	feed(g, y)
	for i := range 40 {
		f.Update(math.NaN())
		g.Update([]float64{math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64}[i%4])
		equal(t, "infinities instead of NaN", forecast(t, g, horizon), forecast(t, f, horizon))
	}
	finite(t, forecast(t, f, horizon))
	half := c.New(t)
	for _, v := range y {
		half.Update(math.NaN())
		half.Update(v)
	}
	dst := make([]float64, horizon)
	if err := half.Forecast(dst); err == nil {
		finite(t, dst)
	}
}

// hostile: whatever comes, a forecast is finite or an error of a known kind.
func (c Case) hostile(t *testing.T) {
	t.Helper()
	rng := seeded(5, 5)
	odd := []float64{0, 0, 0, 1, 1e9, 1e30, -1, -1e30, 1e-300, math.NaN(), math.Inf(1), math.SmallestNonzeroFloat64}
	dst := make([]float64, horizon)
	for range 20 {
		f := c.New(t)
		for i := range 2*c.Warm + 100 {
			v := odd[rng.IntN(len(odd))]
			if i > c.Warm && rng.IntN(2) == 0 {
				v = 10
			}
			f.Update(v)
			switch err := f.Forecast(dst); {
			case err == nil:
				finite(t, dst)
			case !errors.Is(err, models.ErrInsufficientHistory) && !errors.Is(err, models.ErrInvalid):
				t.Fatalf("error of an unknown kind: %v", err)
			}
		}
	}
}

// state: at any point a state goes into a new forecaster, which then continues the same, bit for bit.
func (c Case) state(t *testing.T) {
	t.Helper()
	y := values(6, c.Warm+90)
	y[c.Warm/2] = math.NaN()
	f := c.New(t)
	for i, v := range y {
		if i%7 == 0 || i > c.Warm-3 && i < c.Warm+3 {
			data, err := f.MarshalBinary()
			if err != nil {
				t.Fatalf("marshal after %d values: %v", i, err)
			}
			g := c.New(t)
			if err := g.UnmarshalBinary(data); err != nil {
				t.Fatalf("unmarshal after %d values: %v", i, err)
			}
			f = g
		}
		f.Update(v)
	}
	g := c.New(t)
	feed(g, y)
	equal(t, "a forecaster restored again and again", forecast(t, f, horizon), forecast(t, g, horizon))
}

// damage: a state that is cut or changed is an error and leaves the forecaster as it was.
func (c Case) damage(t *testing.T) {
	t.Helper()
	f := c.New(t)
	feed(f, values(7, c.Warm+10))
	data, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	g := c.New(t)
	feed(g, values(8, c.Warm+10))
	before := forecast(t, g, horizon)
	step := max(1, len(data)/200)
	for i := 0; i < len(data); i += step {
		if err := g.UnmarshalBinary(data[:i]); !errors.Is(err, models.ErrInvalid) {
			t.Fatalf("state cut at %d of %d: %v, not ErrInvalid", i, len(data), err)
		}
		changed := append([]byte(nil), data...)
		changed[i] ^= 0x41
		if err := g.UnmarshalBinary(changed); !errors.Is(err, models.ErrInvalid) {
			t.Fatalf("state changed at %d: %v, not ErrInvalid", i, err)
		}
	}
	equal(t, "a forecaster that was given damaged states", forecast(t, g, horizon), before)
}

func forecast(t *testing.T, f predictor.Forecaster, n int) []float64 {
	t.Helper()
	dst := make([]float64, n)
	if err := f.Forecast(dst); err != nil {
		t.Fatalf("forecast: %v", err)
	}
	return dst
}

func equal(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d steps, not %d", what, len(got), len(want))
	}
	for h := range want {
		if math.Float64bits(got[h]) != math.Float64bits(want[h]) {
			t.Fatalf("%s says %v at step %d, not %v", what, got[h], h+1, want[h])
		}
	}
}

func finite(t *testing.T, v []float64) {
	t.Helper()
	for h, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Fatalf("forecast %d steps ahead is %v", h+1, x)
		}
	}
}
