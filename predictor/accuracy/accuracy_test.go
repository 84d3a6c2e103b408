package accuracy_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"pilotlight/predictor/accuracy"
)

var (
	nan  = math.NaN()
	inf  = math.Inf(1)
	near = cmp.Options{cmpopts.EquateApprox(0, 1e-12), cmpopts.EquateNaNs()}
)

// same complains if two values differ by more than rounding; NaN is the same as NaN.
func same(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !cmp.Equal(got, want, near) {
		t.Errorf("%s is %v, not %v", what, got, want)
	}
}

func TestPointMetrics(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		history, actual, forecast []float64
		period                    int
		smape, mae, mase          float64
	}{
		// 200/2 (1/3 + 2/10); (1+2)/2; history moves by (2+4)/2 = 3 a step
		"by hand":                  {[]float64{1, 3, 7}, []float64{1, 4}, []float64{2, 6}, 1, 100 * (1.0/3 + 0.2), 1.5, 0.5},
		"seasonal scale":           {[]float64{1, 5, 2, 9}, []float64{10}, []float64{5}, 2, 200.0 / 3, 5, 5 / 2.5},
		"period below 1":           {[]float64{1, 3, 7}, []float64{1, 4}, []float64{2, 6}, 0, 100 * (1.0/3 + 0.2), 1.5, 0.5},
		"0/0 is 0":                 {[]float64{0, 2}, []float64{0, 0}, []float64{0, 1}, 1, 100, 0.5, 0.25},
		"negative":                 {[]float64{0, 2}, []float64{-1}, []float64{1}, 1, 200, 2, 1},
		"missing is left out":      {[]float64{1, nan, 3, 7}, []float64{1, nan, inf}, []float64{2, 6, 6}, 1, 200.0 / 3, 1, 0.25},
		"constant history":         {[]float64{4, 4, 4}, []float64{5}, []float64{4}, 1, 200.0 / 9, 1, nan},
		"history of one":           {[]float64{4}, []float64{5}, []float64{4}, 1, 200.0 / 9, 1, nan},
		"no history":               {nil, []float64{5}, []float64{4}, 1, 200.0 / 9, 1, nan},
		"nothing came":             {[]float64{1, 2}, []float64{nan}, []float64{4}, 1, nan, nan, nan},
		"no steps":                 {[]float64{1, 2}, nil, nil, 1, nan, nan, nan},
		"forecast too short":       {[]float64{1, 2}, []float64{1, 2}, []float64{1}, 1, nan, nan, nan},
		"forecast missing":         {[]float64{1, 2}, []float64{1, 2}, []float64{1, nan}, 1, nan, nan, nan},
		"short where nothing came": {[]float64{1, 2}, []float64{1, nan}, []float64{1}, 1, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scale := accuracy.Scale(tc.history, tc.period)
			same(t, "sMAPE", accuracy.SMAPE(tc.actual, tc.forecast), tc.smape)
			same(t, "MAE", accuracy.MAE(tc.actual, tc.forecast), tc.mae)
			same(t, "MASE", accuracy.MASE(tc.actual, tc.forecast, scale), tc.mase)
		})
	}
	same(t, "OWA", accuracy.OWA(5, 1, 10, 4), (0.5+0.25)/2)
}

// deciles returns quantiles that are the same at all levels, but for those given.
func deciles(path []float64, other map[float64][]float64) accuracy.Quantiles {
	q := accuracy.Quantiles{Levels: accuracy.Deciles()}
	for _, l := range q.Levels {
		p, ok := other[l]
		if !ok {
			p = path
		}
		q.Values = append(q.Values, p)
	}
	return q
}

func TestQuantileMetrics(t *testing.T) {
	t.Parallel()
	same(t, "pinball above", accuracy.Pinball(0.9, 3, 1), 1.8)
	same(t, "pinball below", accuracy.Pinball(0.9, 1, 3), 0.2)
	actual := []float64{2, nan, 6}
	// The same path at all levels: the pinball losses of 0.1 to 0.9 average half the absolute error, so that WQL is Σ|e|/Σ|y|.
	flat := deciles([]float64{1, 9, 8}, nil)
	same(t, "WQL", accuracy.WQL(actual, flat), 3.0/8)
	same(t, "SQL", accuracy.SQL(actual, flat, 3), 1.5/3)
	// The level 0.9 alone is worse: 2 (0.9·0 + 0.1·(10-2) + 0.1·(10-6)) instead of 2 (0.9·1 + 0.1·2).
	same(t, "WQL with a wide end", accuracy.WQL(actual, deciles([]float64{1, 9, 8}, map[float64][]float64{0.9: {10, 0, 10}})),
		(3.0/8*9+2*(1.2-1.1)/8)/9)
	same(t, "WQL of zeros", accuracy.WQL([]float64{0}, deciles([]float64{0}, nil)), nan)
	same(t, "WQL without a decile", accuracy.WQL(actual, accuracy.Quantiles{Levels: []float64{0.5}, Values: [][]float64{{1, 9, 8}}}), nan)
	// Widths 2 and 4, the second value 1 below its interval.
	same(t, "MSIS", accuracy.MSIS([]float64{2, 4}, []float64{1, 5}, []float64{3, 9}, 0.05, 2), (2+4+40*1)/2.0/2)
	same(t, "MSIS above", accuracy.MSIS([]float64{10}, []float64{1}, []float64{9}, 0.05, 2), (8+40*1)/2.0)
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		level        float64
		actual, path []float64
		below, mid   float64
		off          float64
	}{
		"all below":      {0.9, []float64{1, 2, 3, 4}, []float64{5, 5, 5, 5}, 1, 1, 0.1},
		"all above":      {0.9, []float64{6, 6}, []float64{5, 5}, 0, 0, -0.9},
		"ties are right": {0.9, []float64{0, 0, 0, 0}, []float64{0, 0, 0, 0}, 1, 0.5, 0},
		"some ties":      {0.5, []float64{0, 0, 3, 9}, []float64{0, 1, 3, 1}, 0.75, 0.5, 0},
		"missing":        {0.5, []float64{nan, 1, 3}, []float64{9, 2, 2}, 0.5, 0.5, 0},
		"no forecast":    {0.9, []float64{1, 1}, []float64{2}, 0.5, 0.5, -0.4},
		"nothing came":   {0.9, []float64{nan}, []float64{2}, nan, nan, nan},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := accuracy.Cover(tc.level, tc.actual, tc.path)
			same(t, "coverage", c.AtOrBelow(), tc.below)
			same(t, "mid-rank coverage", c.MidRank(), tc.mid)
			same(t, "off", c.Off(), tc.off)
		})
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	yes := []bool{true, false, true}
	p := []float64{0.8, 0.1, 0.5}
	same(t, "Brier", accuracy.Brier(p, yes), (0.04+0.01+0.25)/3)
	same(t, "log loss", accuracy.LogLoss(p, yes), -(math.Log(0.8)+math.Log(0.9)+math.Log(0.5))/3)
	same(t, "log loss of certainty that is right", accuracy.LogLoss([]float64{1, 0}, []bool{true, false}), -math.Log(1-1e-15))
	if l := accuracy.LogLoss([]float64{0}, []bool{true}); !(l > 34 && l < 35) {
		t.Errorf("certain and wrong costs %v", l)
	}
	for _, bad := range [][]float64{nil, {0.5}, {0.5, 0.5, nan}, {0.5, 0.5, 1.1}} {
		same(t, "Brier of bad input", accuracy.Brier(bad, yes), nan)
		same(t, "log loss of bad input", accuracy.LogLoss(bad, yes), nan)
	}
}

func TestSeasonalNaive(t *testing.T) {
	t.Parallel()
	y := []float64{1, 2, 3, 4, 5, 6}
	for name, tc := range map[string]struct {
		history []float64
		period  int
		want    []float64
	}{
		"repeats":              {y, 3, []float64{4, 5, 6, 4, 5}},
		"period 1":             {y, 1, []float64{6, 6, 6, 6, 6}},
		"period too long":      {y, 7, []float64{6, 6, 6, 6, 6}},
		"gap: an older period": {[]float64{1, 2, 3, 4, nan, 6}, 3, []float64{4, 2, 6, 4, 2}},
		"gap: the last value":  {[]float64{nan, 2, 3, nan, nan, 6}, 3, []float64{6, 2, 6, 6, 2}},
		"nothing known":        {[]float64{nan, nan}, 1, []float64{nan, nan, nan, nan, nan}},
		"no history":           {nil, 24, []float64{nan, nan, nan, nan, nan}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, accuracy.SeasonalNaive(tc.history, tc.period, 5), near); diff != "" {
				t.Error(diff)
			}
		})
	}
	// Differences to the period before are all 3, so sigma is 3, and √2 times that two periods ahead.
	point := accuracy.SeasonalNaive(y, 3, 4)
	q := accuracy.SeasonalNaiveQuantiles(y, 3, []float64{0.5, 0.8413447460685429}, point)
	if diff := cmp.Diff([][]float64{{4, 5, 6, 4}, {7, 8, 9, 4 + 3*math.Sqrt2}}, q.Values, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
}

// wave is level times a season, whose indices are then known exactly.
func wave(index []float64, n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = 10 * index[i%len(index)]
	}
	return y
}

func TestNaive2(t *testing.T) {
	t.Parallel()
	even, odd := []float64{0.5, 1.5, 1, 1}, []float64{0.5, 1.5, 1}
	missing := wave(even, 24)
	missing[0], missing[23] = nan, nan // the ends are cut, which leaves the last known value in its place of the season
	for name, tc := range map[string]struct {
		history []float64
		period  int
		want    []float64
	}{
		"even period":     {wave(even, 25), 4, []float64{15, 10, 10, 5, 15}},
		"odd period":      {wave(odd, 24), 3, []float64{5, 15, 10, 5, 15}},
		"no third period": {wave(even, 11), 4, []float64{10, 10, 10, 10, 10}},
		"not seasonal":    {[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 4, []float64{12, 12, 12, 12, 12}},
		"constant":        {[]float64{7, 7, 7, 7, 7, 7, 7, 7}, 2, []float64{7, 7, 7, 7, 7}},
		"zeros":           {make([]float64, 9), 3, []float64{0, 0, 0, 0, 0}},
		"an index is 0":   {wave([]float64{0, 1}, 20), 2, []float64{10, 10, 10, 10, 10}},
		"period 1":        {wave(even, 24), 1, []float64{10, 10, 10, 10, 10}},
		"no history":      {nil, 4, []float64{nan, nan, nan, nan, nan}},
		"missing at ends": {missing, 4, []float64{10, 5, 15, 10, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, accuracy.Naive2(tc.history, tc.period, 5), cmpopts.EquateApprox(1e-9, 0), cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
		})
	}
	if !accuracy.Seasonal(wave(even, 24), 4) || accuracy.Seasonal(wave(even, 24), 2) {
		t.Error("a period of 4 is not told from one of 2")
	}
}

func TestGeometricMean(t *testing.T) {
	t.Parallel()
	if g := accuracy.GeometricMean([]float64{0.5, 2, 1}); math.Abs(g-1) > 1e-4 {
		t.Errorf("mean of a half, 2 and 1 is %v", g)
	}
	same(t, "mean of one", accuracy.GeometricMean([]float64{0.7}), 0.7)
	if g := accuracy.GeometricMean([]float64{0, 1}); !(g > 0.003 && g < 0.004) {
		t.Errorf("a ratio of 0 gives %v, not √1e-5", g)
	}
	for _, bad := range [][]float64{nil, {nan}, {1, inf}, {1, -1}} {
		same(t, "mean of bad ratios", accuracy.GeometricMean(bad), nan)
	}
}

func TestValueInJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal([]accuracy.Value{0.1, accuracy.Value(nan), accuracy.Value(inf), 1e300})
	if err != nil || string(text) != "[0.1,null,null,1e+300]" {
		t.Errorf("%s, %v", text, err)
	}
}

// forecast is a forecast whose quantiles are all its points.
func forecast(path ...float64) accuracy.Forecast {
	return accuracy.Forecast{Point: path, Quantiles: deciles(path, nil)}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	models := []string{"seasonal_naive", "naive2", "good", "silent"}
	rows := []accuracy.Row{{Series: "a", Tallies: make([]accuracy.Tally, 4)}, {Series: "b", Tallies: make([]accuracy.Tally, 4)}}
	// Series a: errors 4, 2, 1 and nothing in one window of two; series b has a constant history, and no error of seasonal naive.
	for w := range 2 {
		actual := []float64{10, nan}
		for m, e := range []float64{4, 2, 1} {
			rows[0].Tallies[m].Add(actual, forecast(10+e, 0), 2)
		}
		path := []float64{10, 10}
		if w == 1 {
			path = []float64{nan, 10}
		}
		rows[0].Tallies[3].Add(actual, forecast(path...), 2)
	}
	rows[0].Tallies[2].CPU = 6 * time.Millisecond
	for m, e := range []float64{0, 2, 1, 0} {
		rows[1].Tallies[m].Add([]float64{10}, forecast(10+e), nan)
	}
	all := accuracy.Summarise(models, rows, 0, 1)
	good := all[2]
	if good.Series != 2 || good.Windows != 3 || good.Incomplete != 0 || good.Unscaled != 1 {
		t.Errorf("counts are wrong: %+v", good)
	}
	smape := 200.0 / 21
	same(t, "sMAPE", float64(good.SMAPE), smape)
	same(t, "MASE", float64(good.MASE), 0.5)
	same(t, "OWA", float64(good.OWA), (smape/(200*2/22.0)+0.5)/2)
	same(t, "WQL", float64(good.WQL), 3.0/30)
	same(t, "SQL", float64(good.SQL), 0.5)
	same(t, "CPU", float64(good.CPUMillis), 2)
	if r := good.RelativeMASE; r.Series != 1 || r.Above != 0 || r.Undefined != 1 || r.WorstSeries != "a" || math.Abs(float64(r.Mean)-0.25) > 1e-12 {
		t.Errorf("MASE ratios: %+v", r)
	}
	if r := good.RelativeWQL; r.Series != 1 || r.Above != 1 || r.Undefined != 1 {
		t.Errorf("an error where the reference has none must count as above: %+v", r)
	}
	if r := all[0].RelativeWQL; r.Series != 2 || r.Mean != 1 || r.Above != 0 {
		t.Errorf("the reference against itself: %+v", r)
	}
	if c := good.Coverage[8]; c.Level != 0.9 || c.N != 3 || c.Below != 3 {
		t.Errorf("coverage: %+v", c)
	}
	if silent := all[3]; silent.Series != 1 || silent.Incomplete != 1 || silent.SMAPE != 0 {
		t.Errorf("a series with a missing forecast must be left out and counted: %+v", silent)
	}
	rows[0].Tallies[0].Missing++ // a series without its reference tells nothing about any model
	if good := accuracy.Summarise(models, rows, 0, 1)[2]; good.Series != 1 || good.Incomplete != 1 {
		t.Errorf("the reference is missing: %+v", good)
	}
	var unknown accuracy.Tally
	unknown.Add([]float64{nan, nan}, forecast(1, 2), 2)
	rows[1].Tallies = []accuracy.Tally{unknown, unknown, unknown, unknown}
	if r := accuracy.Summarise(models, rows, 0, 1)[2].RelativeWQL; r.Series != 0 || r.Undefined != 1 {
		t.Errorf("where no value is known nothing is as good as the reference: %+v", r)
	}
	if none := accuracy.Summarise(models, nil, 0, 1)[0]; !math.IsNaN(float64(none.OWA)) || none.Series != 0 {
		t.Errorf("no series: %+v", none)
	}
}

// TestProperties checks what must hold whatever the numbers are.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.Just(0.0), rapid.Just(nan), rapid.Just(inf))
		history := rapid.SliceOfN(value, 0, 60).Draw(t, "history")
		actual := rapid.SliceOfN(value, 1, 12).Draw(t, "actual")
		path := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), len(actual), len(actual)).Draw(t, "path")
		period := rapid.IntRange(-1, 20).Draw(t, "period")
		factor := rapid.SampledFrom([]float64{0.25, 4, 1024}).Draw(t, "factor") // powers of two, so that nothing is rounded

		smape := accuracy.SMAPE(actual, path)
		if !math.IsNaN(smape) && !(smape >= 0 && smape <= 200+1e-9) {
			t.Errorf("sMAPE %v", smape)
		}
		mase := accuracy.MASE(actual, path, accuracy.Scale(history, period))
		wql := accuracy.WQL(actual, deciles(path, nil))
		times := func(v []float64) []float64 {
			out := slices.Clone(v)
			for i := range out {
				out[i] *= factor
			}
			return out
		}
		for what, pair := range map[string][2]float64{
			"sMAPE": {smape, accuracy.SMAPE(times(actual), times(path))},
			"MASE":  {mase, accuracy.MASE(times(actual), times(path), accuracy.Scale(times(history), period))},
			"WQL":   {wql, accuracy.WQL(times(actual), deciles(times(path), nil))},
		} {
			if !cmp.Equal(pair[0], pair[1], cmpopts.EquateApprox(1e-9, 0), cmpopts.EquateNaNs()) {
				t.Errorf("%s depends on the unit: %v and %v", what, pair[0], pair[1])
			}
		}
		if mase < 0 || wql < 0 {
			t.Errorf("negative: MASE %v, WQL %v", mase, wql)
		}
		if same := accuracy.SMAPE(actual, actual); same != 0 && !math.IsNaN(same) {
			t.Errorf("sMAPE of the truth is %v", same)
		}
		for name, f := range map[string][]float64{
			"naive2": accuracy.Naive2(history, period, 7), "seasonal naive": accuracy.SeasonalNaive(history, period, 7),
		} {
			some := slices.ContainsFunc(history, func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) })
			for _, v := range f {
				if math.IsInf(v, 0) || math.IsNaN(v) == some {
					t.Errorf("%s of a history with values (%v): %v", name, some, f)
				}
			}
		}
	})
}

// TestPinballFindsTheQuantile checks that the loss is smallest at the true quantile, the reason for using it.
func TestPinballFindsTheQuantile(t *testing.T) {
	t.Parallel()
	for _, level := range accuracy.Deciles() {
		best, at := inf, 0.0
		for f := 0.0; f <= 99; f++ {
			sum := 0.0
			for y := 0.0; y <= 99; y++ {
				sum += accuracy.Pinball(level, y, f)
			}
			if sum < best-1e-9 {
				best, at = sum, f
			}
		}
		if math.Abs(at-100*level) > 1 {
			t.Errorf("the loss of level %v is smallest at %v", level, at)
		}
	}
}
