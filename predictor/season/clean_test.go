package season_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pilotlight/predictor/season"
)

func TestMedianAndMAD(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	for _, tt := range []struct {
		y        []float64
		med, mad float64
	}{
		{nil, nan, nan},
		{[]float64{nan, inf}, nan, nan},
		{[]float64{3}, 3, 0},
		{[]float64{4, 1, nan, 3, 2}, 2.5, 1},
		{[]float64{1, 1, 2, 2, 4, 6, 9}, 2, 1}, // the textbook example
		{[]float64{1e308, 1e308}, 1e308, 0},
	} {
		med, mad := season.Median(tt.y), season.MAD(tt.y)
		if !alike(med, tt.med) || !alike(mad, tt.mad) {
			t.Errorf("%v: median %g, MAD %g, want %g, %g", tt.y, med, mad, tt.med, tt.mad)
		}
	}
}

// alike reports whether two numbers are the same, NaN included.
func alike(a, b float64) bool { return a == b || a != a && b != b }

func TestMedianIsTheMiddle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		y := rapid.SliceOfN(rapid.Float64Range(-5, 5), 1, 200).Draw(t, "y")
		for i := range y {
			y[i] = math.Round(y[i]) // ties
		}
		before := slices.Clone(y)
		got := season.Median(y)
		if !slices.Equal(y, before) {
			t.Fatal("Median changed its argument")
		}
		slices.Sort(y)
		if want := (y[(len(y)-1)/2] + y[len(y)/2]) / 2; got != want {
			t.Fatalf("median %g, want %g", got, want)
		}
	})
}

func TestWinsorise(t *testing.T) {
	t.Parallel()
	y := []float64{1, 2, 3, 4, 5, 1e9, math.NaN(), math.Inf(-1)}
	got := make([]float64, len(y))
	season.Winsorise(got, y, 2)
	// The median of the finite values is 3.5, their MAD 1.5.
	if want := 3.5 + 2*1.4826*1.5; math.Abs(got[5]-want) > 1e-12 {
		t.Errorf("outlier became %g, want %g", got[5], want)
	}
	if !slices.Equal(got[:5], y[:5]) || got[6] == got[6] || !math.IsInf(got[7], -1) {
		t.Errorf("the others changed: %v", got)
	}
	sparse := []float64{0, 0, 0, 0, 0, 0, 1, 2, 3, 1e9}
	season.Winsorise(sparse, sparse, 2)
	if sparse[8] != 3 || sparse[9] > 10 {
		t.Errorf("sparse: %v, want the active steps kept and the outlier cut", sparse)
	}
}

func TestStrength(t *testing.T) {
	t.Parallel()
	pure := make([]float64, 240)
	for i := range pure {
		pure[i] = 100 + 50*math.Sin(2*math.Pi*float64(i)/24)
	}
	if s := season.Strength(pure, 24); s != 1 {
		t.Errorf("a season without noise has strength %g, want 1", s)
	}
	if s := season.Strength(newGenerator(1).counts(2400, 20), 24); s > 0.02 {
		t.Errorf("noise has strength %g", s)
	}
	// Signal and noise of variance 1 each.
	g := newGenerator(2)
	half := make([]float64, 24*100)
	for i := range half {
		half[i] = -50 + math.Sqrt2*math.Sin(2*math.Pi*float64(i)/24) + g.r.NormFloat64()
	}
	if s := season.Strength(half, 24); math.Abs(s-0.5) > 0.04 {
		t.Errorf("half signal, half noise has strength %g, want 0.5", s)
	}
	for _, period := range []int{-1, 0, 1, 121} {
		if s := season.Strength(pure, period); s != 0 {
			t.Errorf("period %d has strength %g, want 0", period, s)
		}
	}
}

func TestFillGapsFollowsTheSeason(t *testing.T) {
	t.Parallel()
	full := make([]float64, 24*14)
	for i := range full {
		full[i] = 100 * (1 + float64(i)/300) * (1.5 + math.Sin(2*math.Pi*float64(i)/24))
	}
	holed := slices.Clone(full)
	for i := 100; i < 130; i++ {
		holed[i] = math.NaN()
	}
	holed[0], holed[len(holed)-1] = math.NaN(), math.Inf(1)
	filled := season.FillGaps(holed, 24)
	plain := season.FillGaps(holed, 0)
	worst, worstPlain := 0.0, 0.0
	for i := 100; i < 130; i++ {
		worst = max(worst, math.Abs(filled[i]/full[i]-1))
		worstPlain = max(worstPlain, math.Abs(plain[i]/full[i]-1))
	}
	if worst > 0.1 || worstPlain < 0.5 {
		t.Errorf("worst error %.3f with the season and %.3f without, want at most 0.1 and at least 0.5", worst, worstPlain)
	}
	if math.Abs(filled[0]/full[0]-1) > 0.15 || math.Abs(filled[len(full)-1]/full[len(full)-1]-1) > 0.15 {
		t.Errorf("ends %g, %g, want about %g, %g", filled[0], filled[len(full)-1], full[0], full[len(full)-1])
	}
	for i := range full {
		if holed[i]-holed[i] == 0 && filled[i] != holed[i] {
			t.Fatalf("value %d changed from %g to %g", i, holed[i], filled[i])
		}
	}
}

func TestFillGapsOfNegativeSeries(t *testing.T) {
	t.Parallel()
	got := season.FillGaps([]float64{-4, math.NaN(), -2, math.NaN()}, 0)
	if !slices.Equal(got, []float64{-4, -3, -2, -2}) {
		t.Errorf("got %v", got)
	}
	if empty := season.FillGaps([]float64{math.NaN()}, 0); empty[0] == empty[0] {
		t.Errorf("a series without values became %v", empty)
	}
}

func TestCleanFindsTheOutliers(t *testing.T) {
	t.Parallel()
	found, wrong := 0, 0
	const outliers, runs = 5, 40
	for seed := range uint64(runs) {
		g := newGenerator(seed)
		y := g.daily(28*24, 24, 200, 0.5)
		var at []int
		for k := range outliers {
			i := 50 + 120*k + g.r.IntN(60)
			at = append(at, i)
			y[i] = []float64{1e9, 0, 5000}[g.r.IntN(3)]
		}
		cleaned, got := season.Clean(y, 24)
		for _, i := range got {
			if slices.Contains(at, i) {
				found++
			} else {
				wrong++
			}
		}
		for _, i := range at {
			if cleaned[i] < 20 || cleaned[i] > 600 {
				t.Errorf("outlier %d became %g", i, cleaned[i])
			}
		}
	}
	if found < outliers*runs || wrong > runs/2 {
		t.Errorf("found %d of %d outliers and %d others", found, outliers*runs, wrong)
	}
}

func TestCleanKeepsShiftsAndSparseCounts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		g := newGenerator(seed)
		y := shift(g.daily(14*24, 24, 200, 0.5), 10)
		if cleaned, outliers := season.Clean(y, 24); len(outliers) > 2 {
			t.Errorf("%d outliers in a series with a level shift: %v", len(outliers), outliers)
		} else if season.Median(cleaned[200:]) < 1000 {
			t.Error("the level after the shift is gone")
		}
		sparse := g.timer(1440, 15, 3, 0)
		if cleaned, outliers := season.Clean(sparse, 0); len(outliers) > 0 || !slices.Equal(cleaned, sparse) {
			t.Errorf("a timer lost %d calls", len(outliers))
		}
	}
}

// hostile draws series of everything.
func hostile(t *rapid.T) []float64 {
	value := rapid.OneOf(
		rapid.Float64Range(0, 100), rapid.Just(0.0), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e9, 1e308, -1e308, -3}),
	)
	y := rapid.SliceOfN(value, 0, 300).Draw(t, "y")
	if len(y) > 0 && rapid.Bool().Draw(t, "repeat") {
		unit := y[:min(len(y), 40)]
		for len(y) < 300 {
			y = append(y, unit...)
		}
	}
	return y
}

func TestNothingPanicsAndAllIsFinite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		y := hostile(t)
		before := slices.Clone(y)
		period := rapid.IntRange(-2, 400).Draw(t, "period")
		some, negative := false, false
		for _, v := range y {
			if v-v == 0 {
				some, negative = true, negative || v < 0
			}
		}
		for _, filled := range [][]float64{season.FillGaps(y, period), first(season.Clean(y, period))} {
			for i, v := range filled {
				if some && v-v != 0 || !negative && v < 0 {
					t.Fatalf("value %d is %g", i, v)
				}
			}
		}
		if s := season.Strength(y, period); !(s >= 0 && s <= 1) {
			t.Fatalf("strength %g", s)
		}
		step := rapid.SampledFrom([]int{0, 1, 60, 3600}).Draw(t, "step")
		last := 0
		for _, p := range season.Detect(y, season.Options{Step: seconds(step), Candidates: []int{-1, 0, 1, period}}) {
			if p.Steps <= last || p.Steps > len(y)/2 || !(p.Strength > 0 && p.Strength <= 1) || !(p.Gain > 0 && p.Gain <= 1) || !(p.Score > 0) || p.Cycles < 2 {
				t.Fatalf("period %+v", p)
			}
			last = p.Steps
		}
		at := -1
		for _, s := range season.LevelShifts(y, period) {
			if s.Index <= at || s.Index >= len(y) || s.Before-s.Before != 0 || s.After-s.After != 0 {
				t.Fatalf("shift %+v", s)
			}
			at = s.Index
		}
		for i := range y {
			if !alike(y[i], before[i]) {
				t.Fatal("the argument changed")
			}
		}
	})
}

// first returns the first of two results.
func first[A, B any](a A, _ B) A { return a }
