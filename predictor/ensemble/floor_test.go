package ensemble_test

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"strconv"
	"testing"
	"time"

	"pilotlight/predictor/accuracy"
	"pilotlight/predictor/ensemble"
	"pilotlight/testdata"
)

// The floors hold on five functions of two weeks; what is reached is about a tenth lower.
const (
	floorWQL  = 0.60
	floorMASE = 0.60
	floorDay  = 1440
)

// recorded reads the counts per minute of the functions of the trace azure2021-14d.
func recorded(t *testing.T) map[string][]float64 {
	t.Helper()
	f, err := testdata.Traces.Open("traces/azure2021-14d/invocations.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, row := range rows[1:] {
		minute, errMinute := strconv.Atoi(row[1])
		count, errCount := strconv.ParseFloat(row[2], 64)
		if errMinute != nil || errCount != nil {
			t.Fatalf("row %v", row)
		}
		if out[row[0]] == nil {
			out[row[0]] = make([]float64, 14*floorDay)
		}
		out[row[0]][minute] = count
	}
	return out
}

// TestOperationalFloor keeps the accuracy on recorded functions.
func TestOperationalFloor(t *testing.T) {
	t.Parallel()
	levels := accuracy.Deciles()
	var loss, base, mae, baseMAE, covered, n float64
	all := recorded(t)
	for _, name := range []string{"az21_235", "az21_191", "az21_186", "az21_190"} {
		y := all[name]
		scale := accuracy.Scale(y, floorDay)
		for _, horizon := range []int{15, 60} {
			for at := 10*floorDay + 333; at+horizon <= len(y); at += 2222 {
				res, err := ensemble.Forecast(y[:at], ensemble.Options{Horizon: horizon, Levels: levels, Step: time.Minute, Periods: []int{floorDay}})
				if err != nil {
					t.Fatal(err)
				}
				actual := y[at : at+horizon]
				naive := accuracy.SeasonalNaive(y[:at], floorDay, horizon)
				normal := accuracy.SeasonalNaiveQuantiles(y[:at], floorDay, levels, naive)
				for l, level := range levels {
					for h, v := range actual {
						loss += accuracy.Pinball(level, v, res.Quantiles[l][h]) / scale
						base += accuracy.Pinball(level, v, max(0, normal.Values[l][h])) / scale
					}
				}
				mae += accuracy.MASE(actual, res.Mean, scale)
				baseMAE += accuracy.MASE(actual, naive, scale)
				for h, v := range actual {
					n++
					if v <= res.Quantiles[8][h] {
						covered++
					}
				}
			}
		}
	}
	t.Logf("WQL %.3f and MASE %.3f of seasonal naive, %.3f below the quantile 0.9", loss/base, mae/baseMAE, covered/n)
	if r := loss / base; !(r <= floorWQL) {
		t.Errorf("the quantile loss is %.3f of that of seasonal naive, above %v", r, floorWQL)
	}
	if r := mae / baseMAE; !(r <= floorMASE) {
		t.Errorf("the absolute error is %.3f of that of seasonal naive, above %v", r, floorMASE)
	}
	if c := covered / n; math.Abs(c-0.92) > 0.07 {
		t.Errorf("%.3f of the values lie below the quantile 0.9", c)
	}
}

// BenchmarkForecastMinutes forecasts an hour from two weeks of minutes.
func BenchmarkForecastMinutes(b *testing.B) {
	y := noise(14 * floorDay)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ensemble.Forecast(y, ensemble.Options{Horizon: 60, Levels: accuracy.Deciles(), Step: time.Minute, Periods: []int{floorDay}}); err != nil {
			b.Fatal(err)
		}
	}
}
