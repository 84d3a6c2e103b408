package season_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

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

func TestErrorScaleKeepsDetectorsQuiet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(g generator) func() float64
	}{
		{"independent", func(g generator) func() float64 { return func() float64 { return 7 * g.r.NormFloat64() } }},
		{"autocorrelated 0.5", func(g generator) func() float64 { return walkBack(g, 0.5) }},
		{"autocorrelated 0.8", func(g generator) func() float64 { return walkBack(g, 0.8) }},
		{"heavy tails", func(g generator) func() float64 {
			return func() float64 { return g.r.NormFloat64() / math.Sqrt(g.r.ExpFloat64()) } // Student's t with 2 degrees of freedom
		}},
		{"counts", func(g generator) func() float64 { return func() float64 { return g.poisson(0.3) - 0.3 } }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const runs, length = 20, 20_000
			alarms, bare := 0, 0
			for seed := range uint64(runs) {
				next := tt.make(newGenerator(seed))
				scale, scaled, raw := season.ErrorScale{}, season.CUSUM{}, season.CUSUM{}
				for range length {
					e := next()
					if scaled.Add(scale.Add(e)) != season.AlarmNone {
						alarms++
					}
					if raw.Add(e/(1.2533*scale.Mean)) != season.AlarmNone {
						bare++
					}
				}
			}
			t.Logf("an alarm every %d steps, without the allowance for autocorrelation every %d", runs*length/max(alarms, 1), runs*length/max(bare, 1))
			if alarms > runs*length/2000 {
				t.Errorf("%d alarms in %d steps, want at most one in 2,000", alarms, runs*length)
			}
		})
	}
}

// walkBack gives autocorrelated errors.
func walkBack(g generator, r float64) func() float64 {
	v := 0.0
	return func() float64 {
		v = r*v + g.r.NormFloat64()
		return v
	}
}

func TestErrorScaleSurvivesAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := season.ErrorScale{}
		for range rapid.IntRange(0, 300).Draw(t, "n") {
			e := rapid.SampledFrom([]float64{0, 1, -1, 0.5, 1e9, -1e300, math.MaxFloat64, math.NaN(), math.Inf(1)}).Draw(t, "e")
			s.Add(e)
			if s.Mean-s.Mean != 0 || s.Square-s.Square != 0 || s.Product-s.Product != 0 || s.Mean < 0 {
				t.Fatalf("state %+v after %g", s, e)
			}
		}
	})
}

func TestErrorScaleFindsAMove(t *testing.T) {
	t.Parallel()
	found := 0
	for seed := range uint64(100) {
		g := newGenerator(seed)
		scale, c := season.ErrorScale{}, season.CUSUM{}
		for range 500 {
			c.Add(scale.Add(g.r.NormFloat64() * 40))
		}
		c.Reset()
		for range 25 {
			if c.Add(scale.Add(60+40*g.r.NormFloat64())) == season.AlarmUp {
				found++
				break
			}
		}
	}
	if found < 90 {
		t.Errorf("a move of 1.5 standard deviations is found within 25 steps in %d of 100, want 90", found)
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
