package insights_test

import (
	"compress/gzip"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"pilotlight/insights"
	"pilotlight/models"
)

// appMemory is a row of the memory of real apps: how often it counts, and its percentiles in MB.
type appMemory struct {
	weight    float64
	quantiles []float64
}

// levels are the percentiles that the rows have.
func levels() []float64 { return []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1} }

func readApps(t *testing.T) (apps []appMemory) {
	t.Helper()
	f, err := os.Open("testdata/azure2019_app_memory.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		numbers := make([]float64, len(row))
		for i, text := range row {
			if numbers[i], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
		if numbers[0] > 0 {
			apps = append(apps, appMemory{numbers[0], numbers[3:]})
		}
	}
	return apps
}

// at returns the use at a quantile, between the percentiles that are known.
func (a *appMemory) at(q float64) float64 {
	known := levels()
	if q <= known[0] {
		return a.quantiles[0]
	}
	for i := 1; i < len(known); i++ {
		if q <= known[i] {
			part := (q - known[i-1]) / (known[i] - known[i-1])
			return a.quantiles[i-1] + part*(a.quantiles[i]-a.quantiles[i-1])
		}
	}
	return a.quantiles[len(a.quantiles)-1]
}

// TestRealMemory recommends a memory for real apps as if each instance had the 1,536 MB that the platform allowed them, by a week of
// samples drawn from the percentiles of one day, and prints the figures of docs/right-sizing.md.
func TestRealMemory(t *testing.T) {
	t.Parallel()
	const perHour, limit = 6, 1536
	cfg := models.DefaultRightSizing()
	in := insights.Instance{MemoryMB: limit, Sizes: lambda(), Concurrency: 1}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // samples, and the same each time
	var all, lowered, raised, recommended, above95, above99 float64
	for _, app := range readApps(t) {
		u := insights.NewUsage(cfg.Lookback.Std())
		at, n := epoch, 7*24*perHour
		for _, i := range rng.Perm(n) {
			u.Observe(insights.Sample{Start: at, Step: time.Hour / perHour, MB: app.at(float64(i+1) / float64(n)), Invocations: 1, Duration: 1})
			at = at.Add(time.Hour / perHour)
		}
		a := u.Advise(at, &cfg, &in)
		most := app.quantiles[7]
		if want := min(most*(1+cfg.Headroom), 10240); a.Changes() && float64(a.RecommendedMB) < want {
			t.Errorf("%s: %d MB are below %v", a, a.RecommendedMB, want)
		}
		all += app.weight
		recommended += app.weight * float64(a.RecommendedMB)
		for sum, is := range map[*float64]bool{
			&lowered: a.Verdict == models.SizeLower, &raised: a.Verdict == models.SizeRaise,
			&above95: most > 1.2*app.quantiles[5], &above99: most > 1.2*app.quantiles[6],
		} {
			if is {
				*sum += app.weight
			}
		}
	}
	if all < 1000 || lowered == 0 {
		t.Fatalf("%v apps, %v lowered", all, lowered)
	}
	percent := 100 / all
	t.Logf("of %.0f apps with %d MB: lowered %.1f %%, raised %.1f %%; recommended %.0f MB in the mean, %.1f %% of what they had",
		all, limit, percent*lowered, percent*raised, recommended/all, percent*recommended/limit)
	t.Logf("the highest use is more than 1.2 times the 95 %% quantile in %.1f %% of the apps, more than 1.2 times the 99 %% quantile in %.1f %%",
		percent*above95, percent*above99)
}
