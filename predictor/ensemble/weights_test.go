package ensemble

import (
	"math"
	"slices"
	"testing"
)

// turning is a record in which the first member is right in the first half of eight windows and off by 10 later, and the second
// the other way round.
func turning() (*record, []float64) {
	const h, windows = 4, 8
	y := make([]float64, 20+h*windows)
	for i := range y {
		y[i] = 100 + float64(i%2)
	}
	r := &record{horizon: h, names: []string{"early", "late"}, paths: make([][]float64, 2), scale: 1, relative: true}
	for o := range windows {
		at := 20 + o*h
		r.origins = append(r.origins, at)
		r.actual = append(r.actual, y[at:at+h]...)
		for m := range r.paths {
			off := 10.0
			if (m == 0) == (o < windows/2) {
				off = 1
			}
			for _, v := range y[at : at+h] {
				r.paths[m] = append(r.paths[m], v+off)
			}
		}
	}
	r.now = [][]float64{{100, 101, 100, 101}, {100, 101, 100, 101}}
	return r, y
}

// TestWeightsKnowOnlyThePast: at each window the weights come from those that were over.
func TestWeightsKnowOnlyThePast(t *testing.T) {
	t.Parallel()
	r, y := turning()
	w := newWeigher(r, []int{2, 4})
	if got := w.weights(r.origins[0])[0]; math.Abs(got[0]-0.5) > 1e-12 {
		t.Errorf("before any window is over the weights are %v, not equal", got)
	}
	if got := w.weights(r.origins[4])[1]; got[0] < 0.99 {
		t.Errorf("after four windows that the first member won the weights are %v", got)
	}
	if got := w.weights(r.origins[1] + r.horizon - 1)[0]; !slices.Equal(got, w.weights(r.origins[1])[0]) {
		t.Errorf("a window counts before it is over: %v", got)
	}
	if got := w.weights(len(y))[0]; got[1] < 0.5 {
		t.Errorf("the younger windows do not count more: %v", got)
	}
}

// TestSkillIsOutOfSample: the skill is that of forecasts with the weights known at each window; with the final weights the error
// over five windows would be about 2.8.
func TestSkillIsOutOfSample(t *testing.T) {
	t.Parallel()
	r, y := turning()
	s := newWeigher(r, []int{4}).skill(y, &Options{Periods: []int{2}}, 0)
	r.origins, r.actual = r.origins[:5], r.actual[:5*r.horizon]
	five := newWeigher(r, []int{4}).skill(y, &Options{Periods: []int{2}}, 0)
	// Half of 1 and 10, then three times nearly 1, then nearly 10.
	if want := (5.5 + 3 + 10) / 5; math.Abs(five.MAE-want) > 0.2 {
		t.Errorf("error %v over five windows, not about %v", five.MAE, want)
	}
	if s.Windows != 8 || s.SeasonalNaiveMAE != 0 || s.PersistenceMAE != 0.5 {
		t.Errorf("skill %+v; 8 windows, errors of 0 and 0.5 are right", s)
	}
}

// TestWeightsWithout: the weights for the residuals of a window do not come from it.
func TestWeightsWithout(t *testing.T) {
	t.Parallel()
	r, _ := turning()
	w := newWeigher(r, []int{4})
	before := w.weightsWithout(7)
	for i := 7 * r.horizon; i < 8*r.horizon; i++ {
		r.paths[0][i], r.paths[1][i] = r.paths[1][i], r.paths[0][i]
	}
	after := newWeigher(r, []int{4}).weightsWithout(7)
	if !slices.Equal(before[0], after[0]) {
		t.Errorf("weights %v became %v by what happened in the window", before[0], after[0])
	}
}

// TestWholePlan: windows lie whole periods apart, at least half a horizon, and more of them where history is short.
func TestWholePlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, horizon  int
		periods     []int
		first, step int
		windows     int
	}{
		{960, 48, []int{24, 168}, 960 - 48 - 15*24, 24, 16},
		{700, 48, []int{24, 168}, 700 - 48 - 13*24, 24, 14},
		{400, 48, []int{24, 168}, 400 - 48 - 5*24, 24, 6}, // 336 would leave one
		{960, 48, []int{4}, 960 - 48 - 15*24, 24, 16},
		{500, 168, []int{24}, 260, 72, 2},
	} {
		at := origins(c.n, &Options{Horizon: c.horizon, Periods: c.periods})
		if len(at) != c.windows || at[0] != c.first || len(at) > 1 && at[1]-at[0] != c.step {
			t.Errorf("%d steps, %d ahead, periods %v: windows at %v", c.n, c.horizon, c.periods, at)
		}
		if last := at[len(at)-1]; last+c.horizon != c.n {
			t.Errorf("the last window begins at %d of %d", last, c.n)
		}
	}
}
