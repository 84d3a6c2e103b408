package predictor_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

// cleanWeek is a clean series with a day of short steps, quieter at the end of its week.
func cleanWeek(short, n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = 100 + 50*math.Sin(2*math.Pi*float64(i)/float64(short))
		if i/short%7 >= 5 {
			y[i] = 60 + 30*math.Cos(4*math.Pi*float64(i)/float64(short))
		}
	}
	return y
}

// multiSeason returns the models that choose among several periods.
func multiSeason(tb testing.TB, set predictor.Setting) map[string]predictor.MultiSeason {
	tb.Helper()
	out := map[string]predictor.MultiSeason{}
	for _, m := range predictor.Models() {
		if !m.Seasonal {
			continue
		}
		f, err := m.New(set)
		if err != nil {
			tb.Fatalf("%s with periods %v: %v", m.Name, set.Periods, err)
		}
		if s, ok := f.(predictor.MultiSeason); ok {
			out[m.Name] = s
		}
	}
	return out
}

// TestCleanWeek: on a series that repeats itself the models that know the week are nearly exact, whatever the step.
func TestCleanWeek(t *testing.T) {
	t.Parallel()
	knowOnlyTheDay := []string{"shifted_period", "shifted_periods", "rank1", "theta", "lag_ridge_change"}
	for _, short := range []int{24, 48, 12} {
		y := cleanWeek(short, 7*short*6)
		end := 7*short*5 - short
		for name, f := range multiSeason(t, predictor.Setting{Step: 24 * time.Hour / time.Duration(short), Periods: []int{7 * short, short}, Period: short}) {
			if slices.Contains(knowOnlyTheDay, name) {
				continue
			}
			for _, v := range y[:end] {
				f.Update(v)
			}
			got := make([]float64, 2*short)
			if err := f.Forecast(got); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			miss := 0.0
			for h, v := range got {
				miss += math.Abs(v-y[end+h]) / float64(len(got))
			}
			if miss > 12 {
				t.Errorf("%s with a day of %d steps misses by %.2f of about 50", name, short, miss)
			}
		}
	}
}

// TestSeasons: which periods the models take.
func TestSeasons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given, want []int
	}{
		{[]int{24}, []int{24}},
		{[]int{168, 24}, []int{24, 168}},
		{[]int{12, 24, 168}, []int{24, 168}},
		{[]int{60, 1440, 10080}, []int{60, 1440}},
		{[]int{48, 336, 17520}, []int{48, 336}},
	} {
		m := multiSeason(t, predictor.Setting{Step: time.Hour, Period: c.given[0], Periods: c.given})["double_season"]
		if got := m.Seasons(); !slices.Equal(got, c.want) {
			t.Errorf("of %v the model takes %v, not %v", c.given, got, c.want)
		}
	}
}

// TestSeasonalLags: lags increase, around the multiples of the periods.
func TestSeasonalLags(t *testing.T) {
	t.Parallel()
	got := predictor.SeasonalLags(2, []int{24, 168}, 2, 1)
	want := []int{1, 2, 23, 24, 25, 47, 48, 49, 167, 168, 169, 335, 336, 337}
	if !slices.Equal(got, want) {
		t.Errorf("lags %v, not %v", got, want)
	}
}

// TestLagRidgeLearns: a regression finds the rule that made the series.
func TestLagRidgeLearns(t *testing.T) {
	t.Parallel()
	r, err := predictor.NewLagRidge(predictor.LagRidgeOptions{Lags: []int{1, 2}, Season: 1, Power: 1, Lambda: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	y := []float64{3, 5}
	for i := 2; i < 60; i++ {
		y = append(y, 10+1.5*y[i-1]-0.9*y[i-2])
	}
	for _, v := range y[:50] {
		r.Update(v)
	}
	got := make([]float64, 10)
	if err := r.Forecast(got); err != nil {
		t.Fatal(err)
	}
	for h, v := range got {
		if math.Abs(v-y[50+h]) > 1e-4 {
			t.Errorf("%d steps ahead: %v, not %v", h+1, v, y[50+h])
		}
	}
}

// TestDoubleSeasonByHand: the recursion against numbers worked out by hand. After the first period the level is 15 and the season
// -5, 5; running through it again changes nothing. Then 12 comes: e = 2, l = 15 + 1 = 16, u = -5 + 0.5 = -4.5, p = 2 - 0.75·2 = 0.5,
// and half of 2 echoes.
func TestDoubleSeasonByHand(t *testing.T) {
	t.Parallel()
	d, err := predictor.NewDoubleSeason(predictor.DoubleSeasonOptions{
		Periods: []int{2}, Params: predictor.DoubleSeasonParams{Alpha: 0.5, Short: 0.25, Rho: 0.5, Echo: 0.5},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{10, 20, 12} {
		d.Update(v)
	}
	got := make([]float64, 2)
	if err := d.Forecast(got); err != nil {
		t.Fatal(err)
	}
	for h, want := range []float64{16 + 5 + 0.25 + 0.95, 16 - 4.5 + 0.125 + 0.95*0.95} {
		if math.Abs(got[h]-want) > 1e-12 {
			t.Errorf("%d steps ahead: %v, not %v", h+1, got[h], want)
		}
	}
}

// TestNearestFindsTheTwin: of three candidates the model continues the one that looked the same at half the height.
func TestNearestFindsTheTwin(t *testing.T) {
	t.Parallel()
	n, err := predictor.NewNearest(predictor.NearestOptions{Period: 4, Window: 2, Neighbours: 1, OffPhase: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{9, 9, 9, 9, 5, 5, 1, 2, 3, 4, 8, 1, 7, 7, 2, 4} {
		n.Update(v)
	}
	got := make([]float64, 2)
	if err := n.Forecast(got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []float64{6, 8}) {
		t.Errorf("forecast %v, not [6 8]", got)
	}
}

// TestSeasonalMedianByHand: the median of three periods, halfway moved up.
func TestSeasonalMedianByHand(t *testing.T) {
	t.Parallel()
	m, err := predictor.NewSeasonalMedian(predictor.SeasonalMedianOptions{Period: 2, Depth: 3, Window: 2, Share: 0.5, Decay: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{10, 20, 10, 20, 90, 20, 20, 40} {
		m.Update(v)
	}
	got := make([]float64, 2)
	if err := m.Forecast(got); err != nil {
		t.Fatal(err)
	}
	// The profile is 20, 20 over the last three periods, and was 10, 20 before the last values 20 and 40: up by half of 60/30 - 1.
	for h, want := range []float64{30, 30} {
		if math.Abs(got[h]-want) > 1e-12 {
			t.Errorf("%d steps ahead: %v, not %v", h+1, got[h], want)
		}
	}
}

// TestThetaFollowsHalfTheTrend: on a straight line with a season, alpha is 1 and the drift half the slope.
func TestThetaFollowsHalfTheTrend(t *testing.T) {
	t.Parallel()
	m, err := predictor.NewTheta(1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		m.Update(float64(3 * i))
	}
	got := make([]float64, 3)
	if err := m.Forecast(got); err != nil {
		t.Fatal(err)
	}
	for h, want := range []float64{21 + 1.5, 21 + 3, 21 + 4.5} {
		if math.Abs(got[h]-want) > 1e-9 {
			t.Errorf("%d steps ahead: %v, not %v", h+1, got[h], want)
		}
	}
}

// TestRank1IsExactOnProducts: a shape times levels that alternate is forecast exactly but for the penalty.
func TestRank1IsExactOnProducts(t *testing.T) {
	t.Parallel()
	m, err := predictor.NewRank1(predictor.Rank1Options{Period: 3, Shapes: 2, Lambda: 1e-6})
	if err != nil {
		t.Fatal(err)
	}
	levels := []float64{10, 20}
	for i := range 60 {
		m.Update([]float64{0.5, 1, 1.5}[i%3] * levels[i/3%2])
	}
	got := make([]float64, 6)
	if err := m.Forecast(got); err != nil {
		t.Fatal(err)
	}
	for h, want := range []float64{5, 10, 15, 10, 20, 30} {
		if math.Abs(got[h]-want) > 0.01 {
			t.Errorf("%d steps ahead: %v, not %v", h+1, got[h], want)
		}
	}
}

// TestKernelContinuesTheMixture: windows that are halfway between two kinds continue halfway.
func TestKernelContinuesTheMixture(t *testing.T) {
	t.Parallel()
	k, err := predictor.NewKernel(predictor.KernelOptions{Period: 4, Window: 2, Lambda: 1e-6, Shift: true})
	if err != nil {
		t.Fatal(err)
	}
	var y []float64
	for range 6 {
		y = append(y, -1, 1, 10, 10, 1, -1, 20, 20)
	}
	y = append(y, 0, 0) // halfway between the two windows
	for _, v := range y {
		k.Update(v)
	}
	got := make([]float64, 2)
	if err := k.Forecast(got); err != nil {
		t.Fatal(err)
	}
	for h, v := range got {
		if math.Abs(v-15) > 0.01 {
			t.Errorf("%d steps ahead: %v, not 15", h+1, v)
		}
	}
}

// TestSeasonalOptions: wrong options are explained.
func TestSeasonalOptions(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() error{
		"no period": func() error { _, err := predictor.NewDoubleSeason(predictor.DoubleSeasonOptions{}); return err },
		"periods in the wrong order": func() error {
			_, err := predictor.NewDoubleSeason(predictor.DoubleSeasonOptions{Periods: []int{168, 24}})
			return err
		},
		"a parameter of 3": func() error {
			_, err := predictor.NewDoubleSeason(predictor.DoubleSeasonOptions{Periods: []int{24}, Params: predictor.DoubleSeasonParams{Alpha: 3}})
			return err
		},
		"no lags": func() error {
			_, err := predictor.NewLagRidge(predictor.LagRidgeOptions{Season: 1, Power: 1, Lambda: 1})
			return err
		},
		"a lag of 0": func() error {
			_, err := predictor.NewLagRidge(predictor.LagRidgeOptions{Lags: []int{0, 1}, Season: 1, Power: 1, Lambda: 1})
			return err
		},
		"a lag twice": func() error {
			_, err := predictor.NewLagRidge(predictor.LagRidgeOptions{Lags: []int{1, 1}, Season: 1, Power: 1, Lambda: 1})
			return err
		},
		"no penalty": func() error {
			_, err := predictor.NewLagRidge(predictor.LagRidgeOptions{Lags: []int{1}, Season: 1, Power: 1})
			return err
		},
		"no window": func() error { _, err := predictor.NewNearest(predictor.NearestOptions{Period: 24}); return err },
		"no neighbours": func() error {
			_, err := predictor.NewNearest(predictor.NearestOptions{Period: 24, Window: 24, OffPhase: 1})
			return err
		},
		"no kernel": func() error {
			_, err := predictor.NewKernel(predictor.KernelOptions{Period: 24, Window: 24})
			return err
		},
		"no depth": func() error {
			_, err := predictor.NewSeasonalMedian(predictor.SeasonalMedianOptions{Period: 24, Decay: 1})
			return err
		},
		"no shape":      func() error { _, err := predictor.NewRank1(predictor.Rank1Options{Period: 24, Lambda: 1}); return err },
		"a period of 0": func() error { _, err := predictor.NewTheta(0); return err },
	} {
		if err := make(); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v, not ErrInvalid", name, err)
		}
	}
}

// BenchmarkSeasonalModels takes each model through 40 days of hours with 17 forecasts of two days, as a back-test does.
func BenchmarkSeasonalModels(b *testing.B) {
	y := cleanWeek(24, 960)
	for i := range y {
		y[i] += 5 * math.Sin(float64(i*i)) // no two days are the same
	}
	dst := make([]float64, 48)
	set := predictor.Setting{Step: time.Hour, Period: 24, Periods: []int{24, 168}}
	for _, m := range predictor.Models() {
		if _, ok := multiSeason(b, set)[m.Name]; !ok {
			continue
		}
		b.Run(m.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := m.New(set)
				if err != nil {
					b.Fatal(err)
				}
				for i, v := range y {
					f.Update(v)
					if i >= len(y)-16*24 && i%24 == 23 {
						_ = f.Forecast(dst) // what is too early says so
					}
				}
			}
		})
	}
}
