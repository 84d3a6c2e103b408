package season_test

import (
	"testing"

	"pilotlight/predictor/season"
)

func TestLevelShifts(t *testing.T) {
	t.Parallel()
	const n = 600
	tests := []struct {
		name   string
		period int
		want   []int // the indices, give or take near
		near   int
		make   func(g generator) []float64
	}{
		{"none", 0, nil, 0, func(g generator) []float64 { return g.counts(n, 50) }},
		{"none in a season", 24, nil, 0, func(g generator) []float64 { return g.daily(n, 24, 50, 0.6) }},
		{"none in autocorrelated noise", 0, nil, 0, func(g generator) []float64 { return g.ar(n, 0.8, 100, 15) }},
		{"none for one burst", 0, nil, 0, func(g generator) []float64 {
			y := g.counts(n, 50)
			for i := range 6 {
				y[300+i] = 5000
			}
			return y
		}},
		{"none for a small move in a long series", 0, nil, 0, func(g generator) []float64 { return shift(g.counts(4*n, 50), 1.12) }},
		{"half way", 0, []int{300}, 2, func(g generator) []float64 { return shift(g.counts(n, 50), 2) }},
		{"late", 0, []int{560}, 2, func(g generator) []float64 {
			y := g.counts(n, 50)
			for i := 560; i < n; i++ {
				y[i] *= 2
			}
			return y
		}},
		{"up and down", 0, []int{200, 400}, 2, func(g generator) []float64 {
			y := g.counts(n, 20)
			for i := 200; i < 400; i++ {
				y[i] = g.poisson(80)
			}
			return y
		}},
		{"under a season", 24, []int{300}, 6, func(g generator) []float64 { return shift(g.daily(n, 24, 100, 0.5), 3) }},
		{"with outliers and gaps", 0, []int{300}, 4, func(g generator) []float64 {
			return g.spoil(shift(g.counts(n, 50), 2), 0.03, 0.3)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const runs = 100
			right := 0
			var other []season.Shift
			for seed := range uint64(runs) {
				got := season.LevelShifts(tt.make(newGenerator(seed)), tt.period)
				ok := len(got) == len(tt.want)
				for i := range got {
					ok = ok && max(got[i].Index-tt.want[i], tt.want[i]-got[i].Index) <= tt.near
				}
				if ok {
					right++
				} else {
					other = got
				}
			}
			if right < 96 {
				t.Errorf("right in %d of %d, want 96; for example %+v", right, runs, other)
			}
		})
	}
}

func TestLevelShiftsGiveTheLevels(t *testing.T) {
	t.Parallel()
	got := season.LevelShifts(shift(newGenerator(1).counts(400, 50), 4), 0)
	if len(got) != 1 || got[0].Before < 47 || got[0].Before > 53 || got[0].After < 188 || got[0].After > 212 {
		t.Errorf("got %+v, want one from 50 to 200", got)
	}
}
