package policy

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// TestLadderIsPoisson compares needs and idle times with the Poisson law of gonum, also where rungs are several instances wide.
func TestLadderIsPoisson(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		rates       []float64
		duration    float64
		concurrency int
		tolerance   float64
	}{
		{"one rate", []float64{2}, 3, 1, 1e-12},
		{"mixed rates", []float64{0.01, 2, 7}, 1.5, 1, 1e-12},
		{"several requests an instance", []float64{20, 30}, 2, 8, 1e-12},
		{"at the edge of the fine walk", []float64{500}, 1, 1, 1e-9},
		{"coarse", []float64{900}, 1, 1, 0.02},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var mix mixture
			mix.duration = test.duration
			for _, r := range test.rates {
				mix.add(r)
			}
			l := newLadder(&mix, test.concurrency)
			for range 90 {
				g := l.next()
				level := (float64(g.from) + float64(g.width-1)/2) * float64(test.concurrency)
				var needs, idle float64
				for _, r := range test.rates {
					law := distuv.Poisson{Lambda: r * test.duration}
					needs += r * law.Prob(math.Round(level)) / float64(len(test.rates))
					idle += law.CDF(math.Round(level)) / float64(len(test.rates))
				}
				scale := 1.0
				if l.coarse {
					scale = 0.4 * test.rates[0] / math.Sqrt(test.rates[0]*test.duration) // the highest value of needs
				}
				if math.Abs(g.needs-needs) > test.tolerance*scale || math.Abs(g.idle-idle) > test.tolerance {
					t.Fatalf("instance %d: needs %v idle %v, want %v and %v", g.from, g.needs, g.idle, needs, idle)
				}
			}
		})
	}
}

// TestFloorsAreTheBest compares with adding up value minus cost for every floor by brute force.
func TestFloorsAreTheBest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mix := drawMix(t, 40)
		r := rule{breakEven: rapid.Float64Range(1, 5000).Draw(t, "b"), hold: 60, free: -1, concurrency: 1, max: 1000}
		net, best, want := 0.0, 0.0, 0
		for n := range 400 {
			needs, idle := 0.0, 0.0
			for _, rate := range mix.rate[:mix.n] {
				law := distuv.Poisson{Lambda: rate * mix.duration}
				needs += rate * law.Prob(float64(n))
				idle += law.CDF(float64(n))
			}
			net += (needs*r.breakEven - idle) * r.hold
			if net > best*(1+1e-9)+1e-9 {
				best, want = net, n+1
			}
		}
		if up, down := r.floors(&mix); up != want || down != want {
			t.Fatalf("floors %d and %d, want %d", up, down, want)
		}
	})
}

func drawMix(t *rapid.T, most float64) mixture {
	var mix mixture
	mix.duration = rapid.Float64Range(0.01, 20).Draw(t, "duration")
	for range rapid.IntRange(1, maxMix).Draw(t, "rates") {
		mix.add(rapid.Float64Range(1e-6, most/mix.duration).Draw(t, "rate"))
	}
	return mix
}

// TestFloorsAreMonotone checks that a dearer cold start, and for one rate also more load, never gives a lower floor.
func TestFloorsAreMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mix := drawMix(t, rapid.SampledFrom([]float64{1, 30, 2000}).Draw(t, "most"))
		r := rule{
			breakEven: rapid.Float64Range(1, 1e4).Draw(t, "b"), hold: 60,
			free: rapid.SampledFrom([]float64{-1, 0, 600}).Draw(t, "free"), alive: rapid.IntRange(0, 10).Draw(t, "alive"),
			hysteresis: rapid.Float64Range(0, 1).Draw(t, "band"), concurrency: rapid.SampledFrom([]int{1, 1, 3, 80}).Draw(t, "c"), max: 1 << 20,
		}
		up, down := r.floors(&mix)
		if up > down {
			t.Fatalf("up %d above down %d", up, down)
		}
		dearer := r
		dearer.breakEven *= rapid.Float64Range(1, 10).Draw(t, "dearer")
		if u, d := dearer.floors(&mix); u < up || d < down {
			t.Fatalf("dearer cold starts lower the floors %d %d to %d %d", up, down, u, d)
		}
		if mix.n > 1 || r.free >= 0 {
			return
		}
		// For one rate above the level of one in flight more load never lowers the floor. Coarse rungs may round differently.
		more := mix
		more.rate[0] *= rapid.Float64Range(1, 3).Draw(t, "more")
		if u, _ := r.floors(&more); u < up-up/50 {
			t.Fatalf("more load lowers the floor %d to %d", up, u)
		}
	})
}

func TestHugeLoadIsBounded(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1e3, 1e6, 1e12, 1e300} {
		var mix mixture
		mix.duration = 10
		mix.add(rate)
		r := rule{breakEven: 400, hold: 60, free: -1, concurrency: 1, max: 5000}
		if up, down := r.floors(&mix); up != 5000 || down != 5000 {
			t.Errorf("rate %g: floors %d and %d, want the most allowed", rate, up, down)
		}
		if p := r.price(&mix, 5000, 0); !usable(p.idle) || !usable(p.cold) || !usable(p.saved) {
			t.Errorf("rate %g: price %+v", rate, p)
		}
	}
}

// TestPriceAddsUp checks that cold starts and those saved are all uses, and that idle time is what is not in use.
func TestPriceAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mix := drawMix(t, 40)
		r := rule{breakEven: 400, hold: 60, free: -1, concurrency: 1, max: 1000}
		floor := rapid.IntRange(0, 200).Draw(t, "floor")
		p := r.price(&mix, floor, 0)
		// Without keep-alive every arrival above the floor is a cold start.
		if uses := mix.mean() * r.hold; math.Abs(p.cold+p.saved-uses) > 1e-6*uses+1e-6 {
			t.Fatalf("%v cold and %v saved of %v", p.cold, p.saved, uses)
		}
		idle := 0.0
		for _, rate := range mix.rate[:mix.n] {
			law := distuv.Poisson{Lambda: rate * mix.duration}
			for n := range floor {
				idle += law.CDF(float64(n)) * r.hold / float64(mix.n)
			}
		}
		if math.Abs(p.idle-idle) > 1e-6*idle+1e-6 {
			t.Fatalf("idle %v, want %v", p.idle, idle)
		}
	})
}

// TestQuantilesOfRecentLoad compares the Wilson-Hilferty quantiles with gonum's gamma distribution.
func TestQuantilesOfRecentLoad(t *testing.T) {
	t.Parallel()
	m, _ := fed(mustNew(t, nil), facts(0), 1, repeat(5, 20)...)
	var mix mixture
	if !m.recentMix(&mix) {
		t.Fatal("no mix")
	}
	law := distuv.Gamma{Alpha: 100.5, Beta: 100.5 / 100.01 * 300}
	for i, p := range []float64{0.125, 0.375, 0.625, 0.875} {
		if got, want := mix.rate[i], law.Quantile(p); math.Abs(got-want) > 1e-3*want {
			t.Errorf("quantile %v is %v, want %v", p, got, want)
		}
	}
}
