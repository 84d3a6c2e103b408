package season_test

import (
	"math"
	"testing"

	"pilotlight/predictor/season"
)

// detector is what the three have in common.
type detector interface {
	Add(float64) season.Alarm
	Reset()
}

var detectors = []struct {
	name string
	make func() detector
	// quiet is the least mean run length without drift, in steps; slow and quick are the greatest mean delays for moves of one
	// and two standard deviations.
	quiet       float64
	slow, quick float64
}{
	{"cusum", func() detector { return &season.CUSUM{} }, 8000, 20, 8},
	{"cusum of the books", func() detector { return &season.CUSUM{Limit: 5} }, 430, 12, 6},
	{"page-hinkley", func() detector { return &season.PageHinkley{} }, 8000, 70, 12},
	{"tracking signal", func() detector { return &season.TrackingSignal{} }, 8000, 40, 20},
}

// signed returns errors of a mean.
func signed(g generator, mean float64) float64 { return mean + g.r.NormFloat64() }

// runLength returns the mean number of steps to an alarm, cut at limit, after 200 steps without drift; and the share of right
// directions.
func runLength(mk func() detector, mean float64, runs uint64, limit int) (length, right float64) {
	for seed := range runs {
		g := newGenerator(seed)
		d := mk()
		for range 200 {
			if d.Add(signed(g, 0)) != season.AlarmNone {
				d.Reset()
			}
		}
		at := 1
		for ; at < limit; at++ {
			if alarm := d.Add(signed(g, mean)); alarm != season.AlarmNone {
				if alarm == season.AlarmUp {
					right++
				}
				break
			}
		}
		length += float64(at)
	}
	return length / float64(runs), right / float64(runs)
}

func TestDriftDetectors(t *testing.T) {
	t.Parallel()
	for _, tt := range detectors {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if quiet, _ := runLength(tt.make, 0, 60, 60_000); quiet < tt.quiet {
				t.Errorf("a false alarm every %.0f steps, want at most one in %.0f", quiet, tt.quiet)
			} else {
				t.Logf("a false alarm every %.0f steps", quiet)
			}
			for _, move := range []struct{ size, delay float64 }{{1, tt.slow}, {2, tt.quick}} {
				delay, right := runLength(tt.make, move.size, 400, 10_000)
				if delay > move.delay || right < 0.97 {
					t.Errorf("a move of %g is found after %.1f steps in the right direction in %.2f, want %g and 0.97", move.size, delay, right, move.delay)
				}
				t.Logf("a move of %g: %.1f steps", move.size, delay)
			}
		})
	}
}

// siegmund is the run length of a one-sided CUSUM whose increments have the drift: D. Siegmund, Sequential Analysis, 1985.
func siegmund(drift, limit float64) float64 {
	b := limit + 1.166
	return (math.Exp(-2*drift*b) + 2*drift*b - 1) / (2 * drift * drift)
}

func TestCUSUMAgreesWithSiegmund(t *testing.T) {
	t.Parallel()
	for _, limit := range []float64{3, 4, 5} {
		want := siegmund(-0.5, limit) / 2 // two sides
		got, _ := runLength(func() detector { return &season.CUSUM{Limit: limit} }, 0, 1500, 1_000_000)
		if math.Abs(got/want-1) > 0.15 {
			t.Errorf("limit %g: run length %.0f, Siegmund's approximation is %.0f", limit, got, want)
		}
	}
}

func TestDetectorsIgnoreOneOutlier(t *testing.T) {
	t.Parallel()
	for _, wild := range []float64{1e9, -1e300, math.Inf(1), math.NaN()} {
		c, p, s := season.CUSUM{}, season.PageHinkley{}, season.TrackingSignal{}
		for i := range 1000 {
			z := math.Sin(float64(i))
			if i == 500 {
				z = wild
			}
			if c.Add(z) != season.AlarmNone || p.Add(z) != season.AlarmNone {
				t.Errorf("alarm at step %d for one value of %g", i, wild)
			}
			if i != 500 || math.IsInf(wild, 0) || math.IsNaN(wild) {
				if s.Add(z) != season.AlarmNone {
					t.Errorf("tracking signal: alarm at step %d for one value of %g", i, wild)
				}
			}
		}
	}
}

func TestPageHinkleyLearnsItsMean(t *testing.T) {
	t.Parallel()
	g := newGenerator(3)
	p := season.PageHinkley{}
	for i := range 5000 {
		if a := p.Add(0.8 + 0.6*g.r.NormFloat64()); a != season.AlarmNone {
			t.Fatalf("alarm %s at step %d of a steady signal", a, i)
		}
	}
	for i := range 100 {
		if a := p.Add(2 + 0.6*g.r.NormFloat64()); a == season.AlarmUp {
			if i > 30 {
				t.Errorf("alarm after %d steps", i)
			}
			if p != (season.PageHinkley{}) {
				t.Errorf("after an alarm the state is %+v, want none", p)
			}
			return
		}
	}
	t.Error("no alarm for a move of two standard deviations")
}

func TestDetectorsContinueFromTheirFields(t *testing.T) {
	t.Parallel()
	g := newGenerator(4)
	a := season.PageHinkley{Tolerance: 0.1}
	for range 50 {
		a.Add(g.r.NormFloat64())
	}
	b := season.PageHinkley{Tolerance: a.Tolerance, Threshold: a.Threshold, Count: a.Count, Mean: a.Mean, Up: a.Up, Down: a.Down}
	for range 500 {
		z := g.r.NormFloat64() + 0.5
		if a.Add(z) != b.Add(z) || a != b {
			t.Fatal("a copy of the fields goes another way")
		}
	}
}

func TestAlarmString(t *testing.T) {
	t.Parallel()
	if season.AlarmUp.String()+season.AlarmDown.String()+season.AlarmNone.String() != "updownnone" {
		t.Error("wrong names")
	}
}
