package policy

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

func TestBestKeepAlive(t *testing.T) {
	t.Parallel()
	var none gapHistogram
	if got := none.best(400, 1e9); got < 20 || got > 100 {
		t.Errorf("without history %v, want well below the break-even", got)
	}
	if got := none.best(400, 20); got != 20 {
		t.Errorf("without history %v, want the limit", got)
	}
	var timer gapHistogram
	for range 50 {
		timer.add(300, 1)
	}
	if got := timer.best(400, 1e9); got < 300 || got > 420 {
		t.Errorf("gaps of 300 s at a break-even of 400 s: keep %v", got)
	}
	if got := timer.best(100, 1e9); got > 10 {
		t.Errorf("gaps of 300 s at a break-even of 100 s: keep %v", got)
	}
}

// TestBestKeepAliveIsBest compares with the cost of every edge.
func TestBestKeepAliveIsBest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h gapHistogram
		gaps := rapid.SliceOfN(rapid.Float64Range(0.1, 1e5), 1, 60).Draw(t, "gaps")
		for _, g := range gaps {
			h.add(g, 1)
		}
		b := rapid.Float64Range(1, 1e4).Draw(t, "b")
		cost := func(keep float64) float64 {
			sum := 0.0
			for i, n := range h {
				middle := gapLow * math.Exp((float64(i)+0.5)/binsPerLog)
				edge := gapLow * math.Exp(float64(i+1)/binsPerLog)
				if i == 0 {
					middle = gapLow / 2
				}
				weight := float64(n) + float64(priorGaps)/gapBins
				if edge <= keep*(1+1e-9) {
					sum += weight * middle
				} else {
					sum += weight * (keep + b)
				}
			}
			return sum
		}
		got := h.best(b, 1e9)
		if got > maxKeepRatio*b*(1+1e-9) {
			t.Fatalf("keep %v above %v", got, maxKeepRatio*b)
		}
		for i := range gapBins {
			if edge := gapLow * math.Exp(float64(i+1)/binsPerLog); edge <= maxKeepRatio*b && cost(edge) < cost(got)*(1-1e-9) {
				t.Fatalf("keep %v costs %v, %v costs %v", got, cost(got), edge, cost(edge))
			}
		}
	})
}

func TestHistogramScale(t *testing.T) {
	t.Parallel()
	if got, want := binsPerLog*math.Log(gapHigh/gapLow), float64(gapBins); math.Abs(got-want) > 1e-9 {
		t.Errorf("the bins span %v, want %v", got, want)
	}
}

// TestGapsOfATimer checks that gaps are those between the end of one use and the next.
func TestGapsOfATimer(t *testing.T) {
	t.Parallel()
	f := facts(0)
	m, _ := fed(mustNew(t, nil), f, 59)
	for i := range 100 {
		n := 0.0
		if i%10 == 0 {
			n = 1
		}
		m.Observe(minuteBin(i, n, 59))
	}
	total, inside := 0.0, 0.0
	for b, n := range m.gaps {
		total += float64(n)
		if low := gapLow * math.Exp(float64(b)/binsPerLog); low > 350 && low < 650 {
			inside += float64(n)
		}
	}
	// Every ten minutes, less a minute of work, give or take a minute for the place in the bin.
	if total != 9 || inside != 9 {
		t.Errorf("%v gaps, %v of about nine minutes: %v", total, inside, m.gaps)
	}
}

// TestHazard knows a timer.
func TestHazard(t *testing.T) {
	t.Parallel()
	var r renewals
	for range 40 {
		r.add(60, 2)
	}
	if p := middle(r.shares(60, 59, 0.01)); p < 0.5 {
		t.Errorf("when due %v", p)
	}
	if p := middle(r.shares(30, 29, 0.01)); p > 0.02 {
		t.Errorf("half way %v", p)
	}
	if r.peakAtLeast(2) != 1 || r.peakAtLeast(3) != 0 {
		t.Errorf("peaks %v", r.peaks)
	}
}

// TestTimerIsWarmedInTime replays a function that is called every 30 minutes. Warming it for a minute is cheaper than to keep
// it for 30, and than a cold start.
func TestTimerIsWarmedInTime(t *testing.T) {
	t.Parallel()
	p := mustNew(t, nil)
	f := facts(0)
	m := NewMemory()
	warmWhenCalled, warmOtherwise := 0, 0
	for i := range 3000 {
		if i > 0 {
			n := 0.0
			if (i-1)%30 == 7 {
				n = 1
			}
			m.Observe(minuteBin(i-1, n, 0.2))
		}
		f.Now = epoch.Add(time.Duration(i) * time.Minute)
		d := p.Decide(f, m)
		before, _ := f.Current.Warm()
		f.Current = f.Current.Merge(d.Desired)
		after, _ := f.Current.Warm()
		if i > 1500 && min(before, after) > 0 { // ready after the lead of a minute, if it was not taken back
			if i%30 == 7 {
				warmWhenCalled++
			} else {
				warmOtherwise++
			}
		}
	}
	if warmWhenCalled < 48 || warmOtherwise > 10 {
		t.Errorf("warm in %d of 50 minutes with a call and in %d without", warmWhenCalled, warmOtherwise)
	}
}

func TestObserveOrderAndGaps(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	m.Observe(minuteBin(0, 5, 1))
	m.Observe(minuteBin(4, 7, 1)) // three skipped
	m.Observe(minuteBin(2, 100, 1))
	m.Observe(minuteBin(4, 100, 1))
	if total, bins := m.recent(300); total != 12 || bins != 2 || m.bin != 5 {
		t.Errorf("%v invocations in %d known bins of %d", total, bins, m.bin)
	}
	m.Observe(minuteBin(100000, 3, 1))
	if total, bins := m.recent(300); total != 3 || bins != 1 {
		t.Errorf("after a long gap %v invocations in %d known bins", total, bins)
	}
}

// TestUnknownStepsAreNoGap checks that a time without data is not taken for a time without use.
func TestUnknownStepsAreNoGap(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	m.Observe(minuteBin(0, 1, 0.1))
	m.Observe(minuteBin(1, math.NaN(), 0.1))
	m.Observe(minuteBin(2, 1, 0.1))
	if n := m.hops.between(1, math.MaxInt); n != 0 {
		t.Errorf("%v gaps", n)
	}
	if m.gaps != (gapHistogram{}) {
		t.Errorf("gaps %v", m.gaps)
	}
}

// TestBusyBinsAreSliced checks that the part of a bin that is left out does not look like a gap.
func TestBusyBinsAreSliced(t *testing.T) {
	t.Parallel()
	m, _ := fed(mustNew(t, nil), facts(0), 4, repeat(200, 1000)...) // 67 in flight, a quarter of each minute simulated
	short, long := 0.0, 0.0
	for b, n := range m.gaps {
		if gapLow*math.Exp(float64(b)/binsPerLog) < 5 {
			short += float64(n)
		} else {
			long += float64(n)
		}
	}
	if total := short + long; total < 150000 || total > 220000 {
		t.Errorf("%v gaps of 200000 uses", total)
	}
	if long > 0.065*short {
		t.Errorf("%v long and %v short gaps of a busy target", long, short)
	}
}

// TestFloorInForce checks that a floor is in force from the lead after it was asked for until it is taken back.
func TestFloorInForce(t *testing.T) {
	t.Parallel()
	m, _ := fed(mustNew(t, nil), facts(0), 1)
	l := &m.cost
	var got []int
	for _, ask := range []int{3, 3, 5, 2, 0, 4, 4} {
		m.bin++
		l.set(m, floorStrategy, 2, ask)
		got = append(got, l.inForce(floorStrategy))
	}
	if want := []int{0, 0, 3, 2, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("in force %v, want %v", got, want)
	}
}

// randomMemory is a memory with a random past.
func randomMemory(t *rapid.T, p *Policy) *Memory {
	m := NewMemory()
	f := facts(0)
	f.Target.Concurrency = rapid.SampledFrom([]int{1, 1, 4}).Draw(t, "concurrency")
	if rapid.Bool().Draw(t, "prepare") {
		p.Prepare(f, m)
	}
	for i := range rapid.IntRange(0, 40).Draw(t, "bins") {
		m.Observe(drawBin(t, i))
		f.Now = epoch.Add(time.Duration(i+1) * time.Minute)
		if rapid.Bool().Draw(t, "decide") {
			p.Decide(f, m)
		}
	}
	return m
}

// TestRestoredMemoryGoesOn checks that a memory decides the same after being stored and restored.
func TestRestoredMemoryGoesOn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := mustNew(t, func(c *Config) {
			c.Selection, c.Stabilisation, c.MaxRateUp.Instances = SelectMax, models.Duration(time.Hour), 3
			c.MaxChanges.Changes = 2
			c.KeepAlive, c.Prices.CountWork = rapid.SampledFrom([]KeepAliveRule{KeepAliveAuto, KeepAliveOff}).Draw(t, "keep-alive"), true
			c.Objective = drawObjective(t)
		})
		a := randomMemory(t, p)
		for range rapid.IntRange(0, 20).Draw(t, "leads") {
			a.NoteLead(time.Duration(rapid.IntRange(1, 500).Draw(t, "took")) * time.Second)
		}
		data, err := a.MarshalBinary()
		if err != nil || len(data) >= 4096 {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
		b := NewMemory()
		if err := b.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		again, _ := b.MarshalBinary()
		if !bytes.Equal(data, again) {
			t.Fatal("stored again, it differs")
		}
		f := facts(30)
		for i := range 10 {
			bin := minuteBin(41+i, rapid.Float64Range(0, 50).Draw(t, "n"), 1)
			a.Observe(bin)
			b.Observe(bin)
			f.Now = bin.Start.Add(bin.Step)
			x, y := p.Decide(f, a), p.Decide(f, b)
			if !cmp.Equal(x, y, cmp.AllowUnexported(models.Capacity{})) {
				t.Fatalf("step %d: %s", i, cmp.Diff(x, y, cmp.AllowUnexported(models.Capacity{})))
			}
		}
	})
}

func TestFullMemoryIsSmall(t *testing.T) {
	t.Parallel()
	p := mustNew(t, nil)
	m := NewMemory()
	f := facts(0)
	f.Target.Limits.MaxWarm = 1 << 20
	p.Prepare(f, m)
	for i := range 20000 {
		n := float64(i * i % 997)
		if i%100 > 60 {
			n = 0 // long gaps too
		}
		m.Observe(minuteBin(i, n, float64(1+i%50)))
		f.Now = epoch.Add(time.Duration(i+1) * time.Minute)
		if i%3 == 0 {
			p.Decide(f, m)
		}
	}
	data, err := m.MarshalBinary()
	if err != nil || len(data) >= 4096 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// FuzzMemory checks that whatever is restored is refused or works.
func FuzzMemory(f *testing.F) {
	p := mustNew(f, nil)
	fc := facts(0)
	m, _ := fed(p, fc, 1, 0, 5, 600, 0, 0, 1)
	p.Decide(fc, m)
	data, _ := m.MarshalBinary()
	f.Add(data)
	f.Add(data[:40])
	m.NoteLead(time.Minute)
	m.remembers().floors.note(epoch, 3)
	m.remembers().moves.note(epoch, models.Warm(3))
	m.remembers().spend.until(epoch)
	data, _ = m.MarshalBinary()
	f.Add(data)
	empty, _ := NewMemory().MarshalBinary()
	f.Add(empty)
	f.Fuzz(func(t *testing.T, data []byte) {
		m := NewMemory()
		if err := m.UnmarshalBinary(data); err != nil {
			return
		}
		end := time.Unix(0, 0).Add(models.Seconds(m.end)).UTC()
		for i := range 3 {
			b := minuteBin(0, float64(i*20), 1)
			b.Start = end.Add(time.Duration(i) * time.Minute)
			m.Observe(b)
			g := facts(1)
			g.Now = b.Start.Add(time.Minute)
			d := p.Decide(g, m)
			if warm, ok := d.Desired.Warm(); ok && (warm < 0 || warm > 100) {
				t.Fatalf("floor %d", warm)
			}
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	for _, test := range []struct {
		name string
		n    float64
	}{{"quiet", 0}, {"one", 1}, {"hot", 120}, {"hottest", 1e5}} {
		b.Run(test.name, func(b *testing.B) {
			m, _ := fed(mustNew(b, nil), facts(0), 0.5, repeat(60, test.n)...)
			b.ReportAllocs()
			for i := 60; b.Loop(); i++ {
				m.Observe(minuteBin(i, test.n, 0.5))
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, test := range []struct {
		name     string
		n        float64
		forecast bool
	}{{"quiet", 0, false}, {"hot", 120, false}, {"hot with forecast", 120, true}} {
		b.Run(test.name, func(b *testing.B) {
			p := mustNew(b, nil)
			f := facts(1)
			m, now := fed(p, f, 0.5, repeat(60, test.n)...)
			f.Now = now
			if test.forecast {
				f.Forecast = steady(b, now, test.n)
			}
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(f, m)
			}
		})
	}
}
