package ensemble_test

import (
	"math"
	"testing"
	"time"

	"pilotlight/predictor/ensemble"
)

// daily returns a clean daily series.
func daily(n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = 100 + 50*math.Sin(2*math.Pi*float64(i)/24)
	}
	return y
}

func TestForecastOfACleanSeason(t *testing.T) {
	t.Parallel()
	y := daily(24*15 + 24)
	res, err := ensemble.Forecast(y[:24*15], ensemble.Options{Horizon: 24, Levels: []float64{0.1, 0.5, 0.9}, Step: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for h, v := range res.Mean {
		if math.Abs(v-y[24*15+h]) > 3 {
			t.Errorf("%d steps ahead: %v, not %v", h+1, v, y[24*15+h])
		}
	}
}
