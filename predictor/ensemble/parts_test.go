package ensemble

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// seeded returns the random numbers of a seed.
func seeded(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // tests need repeatable numbers, not secrets
}

// TestWithout compares the quantiles of one pass with those of the residuals that are left.
func TestWithout(t *testing.T) {
	t.Parallel()
	rng := seeded(1)
	for _, n := range []int{2, 3, 10, 57, 200} {
		q := &quantiler{}
		for range n {
			q.buf = append(q.buf, scored{math.Round(rng.NormFloat64()*8) / 8, rng.IntN(folds)})
		}
		slices.SortFunc(q.buf, func(a, b scored) int { return int(math.Round(8 * (a.e - b.e))) })
		for f := range folds {
			var rest []float64
			for _, v := range q.buf {
				if v.fold != f {
					rest = append(rest, v.e)
				}
			}
			for l, got := range q.without(f, len(rest)) {
				if want := empirical(rest, grid[firstDecile+l]); math.Abs(got-want) > 1e-12 {
					t.Fatalf("%d residuals, fold %d, level %v: %v, not %v", n, f, grid[firstDecile+l], got, want)
				}
			}
		}
	}
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	var d dist
	for l, level := range grid {
		d[l] = 100 * level
	}
	for _, level := range []float64{0.005, 0.07, 0.5, 0.65, 0.995} {
		if got := d.at(level); math.Abs(got-100*level) > 1e-9 {
			t.Errorf("the quantile %v is %v", level, got)
		}
	}
	if d.at(0.001) != d[0] || d.at(0.9999) != d[gridLen-1] {
		t.Error("levels outside the grid must take its ends")
	}
	wide := d
	wide.widen(2, -1000)
	if wide[firstDecile] != d[firstDecile] || wide[lastDecile] != d[lastDecile] {
		t.Error("the scored deciles must not move")
	}
	if got, want := wide.at(0.99)-wide.at(0.9), 2*(d.at(0.99)-d.at(0.9)); math.Abs(got-want) > 1e-9 {
		t.Errorf("the upper tail is %v long, not %v", got, want)
	}
	if got, want := wide.at(0.1)-wide.at(0.01), 2*(d.at(0.1)-d.at(0.01)); math.Abs(got-want) > 1e-9 {
		t.Errorf("the lower tail is %v long, not %v", got, want)
	}
}

// TestPick checks the weights and that a candidate without losses is never chosen.
func TestPick(t *testing.T) {
	t.Parallel()
	all := []candidate{{member: 0, loss: 2}, {member: 1, loss: 1}, {member: 2, loss: math.Inf(1)}, {member: 3, loss: math.NaN()}}
	best := pick(all)
	if len(best) != 2 || best[0].member != 1 || best[1].member != 0 {
		t.Fatalf("picked %+v", best)
	}
	if r := best[0].weight / best[1].weight; math.Abs(r-math.Exp2(quantilePower)) > 1e-6*r {
		t.Errorf("half the loss weighs %v times as much", r)
	}
	if sum := best[0].weight + best[1].weight; math.Abs(sum-1) > 1e-12 {
		t.Errorf("the weights sum to %v", sum)
	}
}

// TestJudge checks that a window where everybody fails does not rule the choice.
func TestJudge(t *testing.T) {
	t.Parallel()
	steady := candidate{member: 0, losses: []float64{1, 1, 1, 1, 100}}
	lucky := candidate{member: 1, losses: []float64{2, 2, 2, 2, 90}}
	bucket := []candidate{steady, lucky}
	judge([][]candidate{bucket}, 5)
	if bucket[0].loss >= bucket[1].loss {
		t.Errorf("one window of five decided: %v and %v", bucket[0].loss, bucket[1].loss)
	}
}

// TestJudgeUnknownBucket checks that steps of which no value is known leave the choice at the other steps alone.
func TestJudgeUnknownBucket(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	known := []candidate{{member: 0, kind: native, losses: []float64{1, 1}}, {member: 1, losses: []float64{2, 2}}}
	unknown := []candidate{{member: 0, kind: native, losses: []float64{nan, nan}}}
	judge([][]candidate{known, unknown}, 2)
	if best := pick(known); len(best) != 2 || best[0].member != 0 {
		t.Errorf("picked %+v", best)
	}
	if best := pick(unknown); len(best) != 0 {
		t.Errorf("picked %+v of steps that nobody knows", best)
	}
}

// TestZeroTraces checks that less than half of the least load is none, but only where there are zeros.
func TestZeroTraces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		y, mean, want []float64
	}{
		{[]float64{0, 8, 3, math.NaN(), 0}, []float64{6e-21, 1.4, 1.6, 9}, []float64{0, 0, 1.6, 9}},
		{[]float64{0, 0.02, 5}, []float64{0.009, 0.011}, []float64{0, 0.011}},
		{[]float64{8, 3, 5}, []float64{1.4}, []float64{1.4}},
		{[]float64{0, 0}, []float64{0}, []float64{0}},
	} {
		got := slices.Clone(c.mean)
		zeroTraces(got, c.y)
		if !slices.Equal(got, c.want) {
			t.Errorf("after %v the mean %v became %v, not %v", c.y, c.mean, got, c.want)
		}
	}
}

// TestNoTraces checks on bursts between zeros, forecast a day ahead, that no hour has a trace of a call.
func TestNoTraces(t *testing.T) {
	t.Parallel()
	rng := seeded(41)
	y := make([]float64, 14*24)
	for i := range y {
		if i%24 > 17 && rng.IntN(2) == 0 && i < 12*24 {
			y[i] = float64(1 + rng.IntN(500))
		}
	}
	res, err := Forecast(y, Options{Horizon: 24, Levels: []float64{0.5}, Periods: []int{24, 168}})
	if err != nil {
		t.Fatal(err)
	}
	for h, f := range res.Mean {
		if f > 0 && f < 0.5 {
			t.Errorf("step %d: %v of a call", h+1, f)
		}
	}
}

// TestRecentPlan checks that no window reaches beyond the end, and that the places of past periods are among them.
func TestRecentPlan(t *testing.T) {
	t.Parallel()
	const n, period, horizon = 20160, 1440, 60
	at := origins(n, &Options{Horizon: horizon, Periods: []int{period}})
	if !slices.IsSorted(at) || at[len(at)-1] != n-horizon {
		t.Fatalf("origins %v", at)
	}
	for k := 1; k <= phaseOrigins; k++ {
		if !slices.Contains(at, n-k*period) {
			t.Errorf("the same time %d periods back is not among %v", k, at)
		}
	}
	if at := origins(2*period+10, &Options{Horizon: horizon, Periods: []int{period}}); len(at) < recentOrigins {
		t.Errorf("two days leave only the windows %v", at)
	}
}
