package sim_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
	"pilotlight/models"
)

// some makes a short trace of one function by chance.
func some(t *rapid.T) *trace.Trace {
	const minutes = 120
	var rows []trace.Row
	for m := range int32(minutes) {
		if n := rapid.SampledFrom([]int32{0, 0, 0, 1, 2, 30}).Draw(t, "count"); n > 0 {
			rows = append(rows, trace.Row{Minute: m, Count: n})
		}
	}
	f := trace.Function{
		Name: "f", MemoryMB: 512, AvgMS: 900, ColdStartMS: float64(rapid.SampledFrom([]int{0, 200, 5000}).Draw(t, "cold")),
		P50MS: 800, P99MS: float64(rapid.SampledFrom([]int{0, 5000, 100_000}).Draw(t, "p99")),
	}
	tr, err := trace.Build(trace.Info{Name: "some", Start: time.Unix(0, 0).UTC(), Minutes: minutes}, []trace.Function{f}, [][]trace.Row{rows})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestRaceIsThePlatform checks that a lane uses exactly what a platform does under the same decisions.
func TestRaceIsThePlatform(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tr := some(t)
		cfg := sim.DefaultConfig(sim.Provider)
		cfg.KeepAlive = rapid.SampledFrom([]time.Duration{0, time.Minute, 10 * time.Minute}).Draw(t, "keep")
		cfg.CountFrom = rapid.IntRange(0, 60).Draw(t, "from")
		platform, err := sim.NewPlatform(tr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var decisions []sim.Decision
		for m := range tr.Minutes {
			at := time.Duration(m) * time.Minute
			if err := platform.Advance(tr.Start.Add(at)); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 9).Draw(t, "decide") > 0 {
				continue
			}
			d := sim.Decision{Time: at, Warm: rapid.IntRange(0, 5).Draw(t, "warm")}
			if rapid.Bool().Draw(t, "with keep-alive") {
				d.KeepAlive, d.HasKeepAlive = time.Duration(rapid.IntRange(0, 900).Draw(t, "s"))*time.Second, true
				if err := platform.SetKeepAlive("f", d.KeepAlive); err != nil {
					t.Fatal(err)
				}
			}
			if err := platform.SetFloor("f", d.Warm); err != nil {
				t.Fatal(err)
			}
			decisions = append(decisions, d)
		}
		if err := platform.Advance(tr.End()); err != nil {
			t.Fatal(err)
		}
		minutes := make([]int32, tr.Minutes)
		got, err := sim.Race(tr, 0, cfg, []sim.Entry{
			{KeepAlive: time.Hour}, // another lane must not matter
			{Policy: sim.NewReplayed(decisions), Lead: cfg.Lead, KeepAlive: cfg.KeepAlive, ColdStarts: minutes},
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(platform.Total(), got[1], cmpopts.EquateApprox(1e-9, 1e-12)); diff != "" {
			t.Error(diff)
		}
		cold := int64(0)
		for _, n := range minutes[cfg.CountFrom:] {
			cold += int64(n)
		}
		if cold != got[1].ColdStarts {
			t.Errorf("%d cold starts by the minute, %d in all", cold, got[1].ColdStarts)
		}
	})
}

// spy notes what a policy sees.
type spy struct{ see func(*sim.Demand) }

func (s spy) Act(now *sim.Demand, _ *sim.Lane) time.Duration {
	s.see(now)
	return now.Now() + time.Minute
}

// TestDemand checks peaks and running times by hand: three invocations of 90 s arrive in minute 0 and one in minute 5.
func TestDemand(t *testing.T) {
	t.Parallel()
	tr, err := trace.Build(trace.Info{Name: "d", Start: time.Unix(0, 0).UTC(), Minutes: 10},
		[]trace.Function{{Name: "f", MemoryMB: 128, AvgMS: 90_000, ColdStartMS: trace.Unknown}},
		[][]trace.Row{{{Minute: 0, Count: 3}, {Minute: 5, Count: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	var past, future []int
	seconds := 0.0
	_, err = sim.Race(tr, 0, sim.DefaultConfig(sim.Provider), []sim.Entry{{Policy: spy{func(now *sim.Demand) {
		m := int(now.Now() / time.Minute)
		past, future, seconds = append(past, now.Peak(m-1)), append(future, now.Foresee(m)), now.Seconds()
		if now.Peak(m) != 0 || now.Peak(m+3) != 0 || now.Peak(-1) != 0 || now.Foresee(100) != 0 {
			t.Errorf("minute %d: a peak of what has not ended or is not there", m)
		}
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 3, 3, past[3], 0, 0, 1, 1, past[8], 0, 0}; !slices.Equal(past, want) || past[3] > 3 || past[8] > 1 {
		t.Errorf("peaks of the past %v, want %v", past, want)
	}
	if !slices.Equal(future[:10], past[1:]) {
		t.Errorf("peaks foreseen %v are not those that came %v", future, past)
	}
	if seconds != 4*90 {
		t.Errorf("%v s of work, want 360", seconds)
	}
}

// TestHindsight checks that the oracle keeps what is used again in time, and nothing else: at a bound it is as good as a fixed
// keep-alive of the same length, without paying for what is not used.
func TestHindsight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tr := some(t)
		keep := time.Duration(rapid.IntRange(1, 1800).Draw(t, "s")) * time.Second
		got, err := sim.Race(tr, 0, sim.DefaultConfig(sim.Provider), []sim.Entry{{KeepAlive: keep}, {Hindsight: keep}})
		if err != nil {
			t.Fatal(err)
		}
		// A gap of exactly the keep-alive is the one case in which the two differ, and random times do not hit it.
		if got[0].ColdStarts != got[1].ColdStarts || got[1].IdleGBs() > got[0].IdleGBs()+1e-9 {
			t.Errorf("keep-alive %+v, with hindsight %+v", got[0], got[1])
		}
	})
}

func TestRaceRefusals(t *testing.T) {
	t.Parallel()
	tr, err := trace.Build(trace.Info{Name: "d", Start: time.Unix(0, 0).UTC(), Minutes: 1}, []trace.Function{{Name: "f", MemoryMB: 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Race(tr, 1, sim.DefaultConfig(sim.Provider), nil); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("another function: %v", err)
	}
	if _, err := sim.Race(tr, 0, sim.Config{}, nil); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("no setting: %v", err)
	}
}

// BenchmarkRace measures an invocation under a field of policies.
func BenchmarkRace(b *testing.B) {
	tr, err := trace.Build(trace.Info{Name: "d", Start: time.Unix(0, 0).UTC(), Minutes: 1440},
		[]trace.Function{{Name: "f", MemoryMB: 128, P50MS: 100, P99MS: 2000}}, [][]trace.Row{slices.Collect(func(yield func(trace.Row) bool) {
			for m := range int32(1440) {
				if !yield(trace.Row{Minute: m, Count: 100}) {
					return
				}
			}
		})})
	if err != nil {
		b.Fatal(err)
	}
	var entries []sim.Entry
	for k := range 20 {
		entries = append(entries, sim.Entry{KeepAlive: time.Duration(k) * time.Minute})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sim.Race(tr, 0, sim.DefaultConfig(sim.Provider), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/144_000, "ns/invocation")
}
