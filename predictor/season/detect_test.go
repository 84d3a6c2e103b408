package season_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pilotlight/predictor/season"
)

const (
	minute  = time.Minute
	unknown = time.Duration(0)
)

// steps returns the lengths of periods.
func steps(periods []season.Period) []int {
	out := []int{}
	for _, p := range periods {
		out = append(out, p.Steps)
	}
	return out
}

// runsFor returns how many series of n values to test: fewer of the long ones, for the sake of time.
func runsFor(n int, runs uint64) uint64 {
	if n > 2000 {
		return runs / 5
	}
	return runs
}

func TestDetectFindsClearSeasons(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		step time.Duration
		want []int
		make func(g generator) []float64
	}{
		{"daily hourly 5 days", time.Hour, []int{24}, func(g generator) []float64 { return g.daily(120, 24, 100, 0.5) }},
		{"daily hourly 2 days", time.Hour, []int{24}, func(g generator) []float64 { return g.daily(48, 24, 1000, 0.6) }},
		{"daily hourly unknown step", unknown, []int{24}, func(g generator) []float64 { return g.daily(240, 24, 100, 0.5) }},
		{"daily minutes", minute, []int{1440}, func(g generator) []float64 { return g.daily(7*1440, 1440, 5, 0.6) }},
		{"daily minutes sparse counts", minute, []int{1440}, func(g generator) []float64 { return g.daily(14*1440, 1440, 0.3, 0.8) }},
		{"daily minutes unknown step", unknown, []int{1440}, func(g generator) []float64 { return g.daily(14*1440, 1440, 50, 0.6) }},
		{"daily 5 min missing outliers", 5 * minute, []int{288}, func(g generator) []float64 {
			return g.spoil(g.daily(14*288, 288, 100, 0.4), 0.01, 0.2)
		}},
		{"daily hourly outliers", time.Hour, []int{24}, func(g generator) []float64 { return g.spoil(g.daily(14*24, 24, 100, 0.5), 0.02, 0.2) }},
		{"daily level shift", time.Hour, []int{24}, func(g generator) []float64 { return shift(g.daily(14*24, 24, 100, 0.5), 10) }},
		{"daily growth", 5 * minute, []int{288}, func(g generator) []float64 { return grow(g.daily(14*288, 288, 50, 0.5), 100) }},
		{"week hourly", time.Hour, []int{24, 168}, func(g generator) []float64 { return g.weekly(5*168, 24, 100, 0.4) }},
		{"week hourly unknown step", unknown, []int{24, 168}, func(g generator) []float64 { return g.weekly(5*168, 24, 100, 0.4) }},
		{"week 5 min two weeks", 5 * minute, []int{288, 2016}, func(g generator) []float64 { return g.weekly(14*288, 288, 100, 0.4) }},
		{"week 5 min four weeks spoilt", 5 * minute, []int{288, 2016}, func(g generator) []float64 {
			return g.spoil(g.weekly(28*288, 288, 100, 0.4), 0.01, 0.2)
		}},
		{"half-daily", time.Hour, []int{12}, func(g generator) []float64 { return g.daily(14*24, 12, 100, 0.5) }},
		{"timer 5", minute, []int{5}, func(g generator) []float64 { return g.timer(1440, 5, 3, 0.1) }},
		{"timer 15", minute, []int{15}, func(g generator) []float64 { return g.timer(1440, 15, 1, 0.05) }},
		{"timer 60", minute, []int{60}, func(g generator) []float64 { return g.timer(1440, 60, 1, 0) }},
		{"timer 60 noise", minute, []int{60}, func(g generator) []float64 { return g.timer(7*1440, 60, 2, 0.05) }},
		{"timer 7", minute, []int{7}, func(g generator) []float64 { return g.timer(1440, 7, 2, 0.1) }},
		{"timer 45 unknown step", unknown, []int{45}, func(g generator) []float64 { return g.timer(1440, 45, 2, 0.01) }},
		{"timer 2", minute, []int{2}, func(g generator) []float64 { return g.timer(1440, 2, 2, 0.3) }},
		{"nightly timer", minute, []int{1440}, func(g generator) []float64 { return g.timer(7*1440, 1440, 5, 0) }},
		{"timer and day", minute, []int{15, 1440}, func(g generator) []float64 {
			y := g.daily(7*1440, 1440, 3, 0.8)
			for i, v := range g.timer(len(y), 15, 20, 0) {
				y[i] += v
			}
			return y
		}},
		{"week of light weekends unknown step", unknown, []int{24, 168}, func(g generator) []float64 { return g.weekly(700, 24, 200, 0.9) }},
		{"week under a level that wanders unknown step", unknown, []int{24, 168}, func(g generator) []float64 {
			y := g.weekly(700, 24, 500, 0.8)
			for i, v := range g.ar(len(y), 0.98, 10, 0.1) {
				y[i] *= math.Exp(v - 10)
			}
			return y
		}},
		{"rare calls by day", minute, []int{1440}, func(g generator) []float64 { return g.daily(14*1440, 1440, 0.05, 0.9) }},
		{"timer 87", minute, []int{87}, func(g generator) []float64 { return g.timer(1440, 87, 1, 0.02) }},
		{"timer 200 of 2", minute, []int{200}, func(g generator) []float64 { return g.timer(2000, 200, 2, 0) }},
		{"timer 60 that sometimes fails", minute, []int{60}, func(g generator) []float64 { return g.unsure(1440, 60, 0.8) }},
		{"timer 87 that sometimes fails", minute, []int{87}, func(g generator) []float64 { return g.unsure(1440, 87, 0.8) }},
		{"odd period 100", minute, []int{100}, func(g generator) []float64 { return g.daily(3000, 100, 20, 0.6) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runs := runsFor(len(tt.make(newGenerator(0))), 100)
			right := uint64(0)
			wrong := map[string]int{}
			for seed := range runs {
				got := steps(season.Detect(tt.make(newGenerator(seed)), season.Options{Step: tt.step}))
				if slices.Equal(got, tt.want) {
					right++
				} else {
					wrong[fmt.Sprint(got)]++
				}
			}
			if 100*right < 98*runs {
				t.Errorf("found %v in %d of %d series, want at least 98 %%; else %v", tt.want, right, runs, wrong)
			}
		})
	}
}

func TestDetectFindsNothingInNoise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		step time.Duration
		make func(g generator) []float64
	}{
		{"walk 300 hours", time.Hour, func(g generator) []float64 { return g.walk(300, false) }},
		{"walk 1000 unknown", unknown, func(g generator) []float64 { return g.walk(1000, false) }},
		{"walk 14 days of 5 min", 5 * minute, func(g generator) []float64 { return g.walk(14*288, true) }},
		{"walk minutes", minute, func(g generator) []float64 { return g.walk(3*1440, true) }},
		{"counts 0.1", minute, func(g generator) []float64 { return g.counts(3*1440, 0.1) }},
		{"counts 0.001", minute, func(g generator) []float64 { return g.counts(14*1440, 0.001) }},
		{"counts 5 unknown", unknown, func(g generator) []float64 { return g.counts(1000, 5) }},
		{"counts 100 hours", time.Hour, func(g generator) []float64 { return g.counts(336, 100) }},
		{"autoregression", time.Hour, func(g generator) []float64 { return g.ar(700, 0.9, 100, 20) }},
		{"slow autoregression", 5 * minute, func(g generator) []float64 { return g.ar(14*288, 0.99, 100, 20) }},
		{"bursts", minute, func(g generator) []float64 { return g.bursts(7*1440, 30) }},
		{"long bursts", 5 * minute, func(g generator) []float64 { return g.bursts(14*288, 200) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runs := runsFor(len(tt.make(newGenerator(0))), 500)
			wrong := map[string]int{}
			n := uint64(0)
			for seed := range runs {
				got := steps(season.Detect(tt.make(newGenerator(seed)), season.Options{Step: tt.step}))
				if len(got) > 0 {
					wrong[fmt.Sprint(got)]++
					n++
				}
			}
			if 100*n > 2*runs {
				t.Errorf("found seasons in %d of %d, want at most 2 %%: %v", n, runs, wrong)
			}
		})
	}
}

func TestDetectOptions(t *testing.T) {
	t.Parallel()
	g := newGenerator(1)
	y := g.daily(20*45, 45, 50, 0.6)
	if got := steps(season.Detect(y, season.Options{})); !slices.Equal(got, []int{45}) {
		t.Errorf("blind: %v, want 45", got)
	}
	if got := steps(season.Detect(y, season.Options{KnownOnly: true, Step: minute})); len(got) > 0 {
		t.Errorf("known only: %v, want none", got)
	}
	got := season.Detect(y, season.Options{KnownOnly: true, Candidates: []int{44, 45}})
	if !slices.Equal(steps(got), []int{45}) || !got[0].Known || got[0].Cycles != 20 {
		t.Errorf("candidates: %+v, want 45, known, 20 cycles", got)
	}
	// Two cycles are enough for a candidate and not for the data alone.
	if got := steps(season.Detect(y[:90], season.Options{Candidates: []int{45}})); !slices.Equal(got, []int{45}) {
		t.Errorf("two cycles, candidate: %v, want 45", got)
	}
	if got := steps(season.Detect(y[:90], season.Options{})); len(got) > 0 {
		t.Errorf("two cycles, blind: %v, want none", got)
	}
	if got := steps(season.Detect(y[:89], season.Options{Candidates: []int{45}})); len(got) > 0 {
		t.Errorf("less than two cycles: %v, want none", got)
	}
	week := g.weekly(6*168, 24, 100, 0.1)
	all := season.Detect(week, season.Options{Step: time.Hour})
	one := season.Detect(week, season.Options{Step: time.Hour, MaxPeriods: 1})
	if len(all) != 2 || len(one) != 1 || one[0].Strength < max(all[0].Strength, all[1].Strength) {
		t.Errorf("of %+v the strongest is %+v", all, one)
	}
}

func TestDetectOnNothing(t *testing.T) {
	t.Parallel()
	spike := make([]float64, 1440)
	spike[700] = 1e9
	constant := slices.Repeat([]float64{7}, 1440)
	for name, y := range map[string][]float64{
		"nothing": nil, "one": {1}, "three": {1, 2, 1}, "constant": constant, "zero": make([]float64, 1440), "one spike": spike,
		"missing": slices.Repeat([]float64{math.NaN()}, 500), "infinite": slices.Repeat([]float64{math.Inf(1)}, 500),
	} {
		for _, step := range []time.Duration{unknown, minute, time.Hour, time.Nanosecond} {
			if got := season.Detect(y, season.Options{Step: step}); len(got) > 0 {
				t.Errorf("%s, step %s: found %+v", name, step, got)
			}
		}
	}
}

func TestDetectDoesNotDependOnScale(t *testing.T) {
	t.Parallel()
	g := newGenerator(5)
	y := g.weekly(5*168, 24, 1000, 0.4)
	want := steps(season.Detect(y, season.Options{Step: time.Hour}))
	for _, factor := range []float64{1e-3, 1e6, 1e200, -1} {
		scaled := make([]float64, len(y))
		for i, v := range y {
			scaled[i] = factor * v
		}
		if got := steps(season.Detect(scaled, season.Options{Step: time.Hour})); !slices.Equal(got, want) {
			t.Errorf("times %g: %v, want %v", factor, got, want)
		}
	}
}
