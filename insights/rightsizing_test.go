package insights_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/insights"
	"pilotlight/models"
)

var epoch = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// hours feeds one sample an hour with that use, load and duration, and returns when the last one ended.
func hours(u *insights.Usage, from time.Time, n int, mb, invocations, duration float64) time.Time {
	for i := range n {
		u.Observe(insights.Sample{
			Start: from.Add(time.Duration(i) * time.Hour), Step: time.Hour, MB: mb, Invocations: invocations, Duration: duration,
		})
	}
	return from.Add(time.Duration(n) * time.Hour)
}

func lambda() models.MemorySizes {
	return models.MemorySizes{Min: 128, Max: 10240, Step: 1, FullCPU: 1769}
}

// usEast1 are the list prices of AWS Lambda.
func usEast1() insights.Rates {
	return insights.Rates{Warm: 0.0000041667, Busy: 0.0000097222, Demand: 0.0000166667}
}

func codes(a *models.SizeAdvice) (out []models.ReasonCode) {
	for _, r := range a.Reasons {
		out = append(out, r.Code)
	}
	return out
}

// TestVerdicts goes through what an advice can come to. The load is 1,000 invocations an hour of a second each.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const peak, risk, learning, small, cpu = models.ReasonMemoryPeak, models.ReasonMemoryRisk, models.ReasonMemoryLearning,
		models.ReasonMemorySmall, models.ReasonMemoryCPU
	type edit = func(c *models.RightSizing, in *insights.Instance)
	same := func(*models.RightSizing, *insights.Instance) {}
	for name, test := range map[string]struct {
		hours   int
		mb      float64
		edit    edit
		verdict models.SizeVerdict
		want    int
		codes   []models.ReasonCode
	}{
		// 300 * 1.2 = 360, and the next multiple of 64 is 384.
		"half is not used":    {168, 300, same, models.SizeLower, 384, []models.ReasonCode{peak, cpu}},
		"too little history":  {71, 300, same, models.SizeLearning, 1024, []models.ReasonCode{peak, learning}},
		"too few samples":     {99, 300, func(c *models.RightSizing, _ *insights.Instance) { c.MinHistory = 0 }, models.SizeLearning, 1024, []models.ReasonCode{peak, learning}},
		"near the limit":      {1, 930, same, models.SizeRaise, 1152, []models.ReasonCode{peak, risk}},
		"headroom is missing": {168, 900, same, models.SizeRaise, 1088, []models.ReasonCode{peak}},
		"the same, but new":   {10, 900, same, models.SizeLearning, 1024, []models.ReasonCode{peak, learning}},
		"just right":          {168, 850, same, models.SizeKeep, 1024, []models.ReasonCode{peak}},
		"saves little":        {168, 790, same, models.SizeKeep, 1024, []models.ReasonCode{peak, small}},
		"saves few dollars": {
			168, 300, func(c *models.RightSizing, _ *insights.Instance) { c.MinSavingUSD = 8 }, models.SizeKeep, 1024,
			[]models.ReasonCode{peak, small},
		},
		"the price is unknown": {
			168, 300, func(c *models.RightSizing, in *insights.Instance) { c.MinSavingUSD, in.Rates = 1e6, insights.Rates{} },
			models.SizeLower, 384,
			[]models.ReasonCode{peak, cpu},
		},
		"lower bound": {
			168, 300, func(_ *models.RightSizing, in *insights.Instance) { in.Low = 500 }, models.SizeLower, 512,
			[]models.ReasonCode{peak, models.ReasonMinBound, cpu},
		},
		"upper bound": {
			168, 1000, func(_ *models.RightSizing, in *insights.Instance) { in.High = 1100 }, models.SizeRaise, 1100,
			[]models.ReasonCode{peak, models.ReasonMaxBound, risk},
		},
		"at the upper bound": {
			168, 1000, func(_ *models.RightSizing, in *insights.Instance) { in.High = 1024 }, models.SizeKeep, 1024,
			[]models.ReasonCode{peak, models.ReasonMaxBound, risk},
		},
		"no size within the bounds": {168, 1000, func(_ *models.RightSizing, in *insights.Instance) {
			in.Low, in.High, in.Sizes = 600, 1100, models.MemorySizes{Only: []int{512, 2048}}
		}, models.SizeKeep, 1024, []models.ReasonCode{peak, models.ReasonMaxBound, risk}},
		"bounds above the platform": {168, 300, func(_ *models.RightSizing, in *insights.Instance) { in.Low = 20000 }, models.SizeKeep, 1024, []models.ReasonCode{peak, models.ReasonMinBound}},
		"between two multiples":     {168, 808.4, func(_ *models.RightSizing, in *insights.Instance) { in.MemoryMB = 1000 }, models.SizeKeep, 1000, []models.ReasonCode{peak}},
		"few sizes": {168, 1000, func(_ *models.RightSizing, in *insights.Instance) {
			in.MemoryMB, in.Sizes = 4096, models.MemorySizes{Only: []int{512, 2048, 4096}, FullCPU: 2048}
		}, models.SizeLower, 2048, []models.ReasonCode{peak}},
		"above a whole processor": {
			168, 2000, func(_ *models.RightSizing, in *insights.Instance) { in.MemoryMB = 8192 }, models.SizeLower, 2432,
			[]models.ReasonCode{peak},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := models.DefaultRightSizing()
			in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1, Rates: usEast1()}
			test.edit(&cfg, &in)
			u := insights.NewUsage(cfg.Lookback.Std())
			now := hours(u, epoch, test.hours, test.mb, 1000, 1)
			a := u.Advise(now, &cfg, &in)
			if a.Verdict != test.verdict || a.RecommendedMB != test.want {
				t.Errorf("%s, want %s %d: %v", a, test.verdict, test.want, a.Reasons)
			}
			if diff := cmp.Diff(test.codes, codes(a)); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			if a.Risky != slices.Contains(test.codes, cpu) || a.Urgent != slices.Contains(test.codes, risk) {
				t.Errorf("risky %v, urgent %v", a.Risky, a.Urgent)
			}
		})
	}
}

// TestSaving checks the worked example of docs/right-sizing.md.
func TestSaving(t *testing.T) {
	t.Parallel()
	cfg := models.DefaultRightSizing()
	u := insights.NewUsage(cfg.Lookback.Std())
	now := hours(u, epoch, 168, 300, 1000, 1)
	in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1, Rates: usEast1()}
	a := u.Advise(now, &cfg, &in)
	// 1,000 seconds an hour are 730,000 a month; 1024 to 384 MB are 0.625 GB less.
	if math.Abs(a.BilledSeconds-730_000) > 1 || math.Abs(a.SavedUSD-0.625*730_000*0.0000166667) > 1e-4 {
		t.Errorf("%v billed seconds, %v USD", a.BilledSeconds, a.SavedUSD)
	}
	if a.PeakMB != 300 || a.HighMB < 270 || a.HighMB > 300 || a.Samples != 168 || a.History != 168*time.Hour {
		t.Errorf("evidence %+v", a)
	}
	in.Warm = 2
	a = u.Advise(now, &cfg, &in)
	want := 0.625 * (730_000*0.0000097222 + 2*730*3600*0.0000041667)
	if math.Abs(a.SavedUSD-want) > 1e-4 {
		t.Errorf("with a floor of 2 %v USD, want %v", a.SavedUSD, want)
	}
	in.Warm, in.Concurrency = 0, 10
	if a = u.Advise(now, &cfg, &in); math.Abs(a.BilledSeconds-73_000) > 1 {
		t.Errorf("10 at a time: %v billed seconds", a.BilledSeconds)
	}
}

// TestSlowdown lowers the memory of a target that only computes, and of one that only waits.
func TestSlowdown(t *testing.T) {
	t.Parallel()
	cfg := models.DefaultRightSizing()
	in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1, Rates: usEast1()}
	for name, test := range map[string]struct {
		after   float64
		verdict models.SizeVerdict
		want    int
	}{
		"computes": {2, models.SizeRaise, 1024},
		"waits":    {1.01, models.SizeKeep, 512},
		"faster":   {0.5, models.SizeKeep, 512},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := in
			u := insights.NewUsage(cfg.Lookback.Std())
			u.SetSize(1024)
			at := hours(u, epoch, 168, 400, 1000, 1)
			u.SetSize(512)
			in.MemoryMB = 512
			at = hours(u, at, 168, 400, 1000, test.after)
			a := u.Advise(at, &cfg, &in)
			if a.Verdict != test.verdict || a.RecommendedMB != test.want {
				t.Fatalf("%s, want %s %d: %v", a, test.verdict, test.want, a.Reasons)
			}
			if a.Verdict != models.SizeRaise {
				return
			}
			// Once it is back, what was learned keeps it there.
			u.SetSize(1024)
			in.MemoryMB = 1024
			at = hours(u, at, 168, 400, 1000, 1)
			a = u.Advise(at, &cfg, &in)
			if a.Verdict != models.SizeKeep || !slices.Contains(codes(a), models.ReasonMemorySlower) {
				t.Errorf("after going back: %s: %v", a, a.Reasons)
			}
		})
	}
}

// TestPeakIsNeverLess checks that the highest use is not rounded down where it is kept.
func TestPeakIsNeverLess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := models.DefaultRightSizing()
		in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1}
		mb := rapid.Float64Range(1, 10240).Draw(t, "use")
		u := insights.NewUsage(cfg.Lookback.Std())
		at := hours(u, epoch, 1, mb, 1, 1)
		if a := u.Advise(at, &cfg, &in); a.PeakMB < mb || a.PeakMB > mb*1.000001 {
			t.Fatalf("the highest use is %v, not %v", a.PeakMB, mb)
		}
	})
}

// TestForgets checks that the highest use counts for the look-back, and no longer than an eighth more.
func TestForgets(t *testing.T) {
	t.Parallel()
	cfg := models.DefaultRightSizing()
	in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1}
	u := insights.NewUsage(cfg.Lookback.Std())
	at := hours(u, epoch, 1, 500, 1, 1)
	at = hours(u, at, 7*24-1, 100, 1, 1)
	if a := u.Advise(at, &cfg, &in); a.PeakMB != 500 {
		t.Errorf("after 7 days the peak is %v", a.PeakMB)
	}
	at = hours(u, at, 25, 100, 1, 1)
	if a := u.Advise(at, &cfg, &in); a.PeakMB != 100 || a.History > 8*24*time.Hour {
		t.Errorf("after 8 days the peak is %v, history %s", a.PeakMB, a.History)
	}
	// A gap of a year.
	at = hours(u, at.AddDate(1, 0, 0), 1, 7, 1, 1)
	if a := u.Advise(at, &cfg, &in); a.PeakMB != 7 || a.Samples != 1 {
		t.Errorf("after a year the peak is %v of %d samples", a.PeakMB, a.Samples)
	}
}

// TestUnusable feeds what cannot be, and nothing.
func TestUnusable(t *testing.T) {
	t.Parallel()
	cfg := models.DefaultRightSizing()
	in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1, Rates: usEast1()}
	u := insights.NewUsage(cfg.Lookback.Std())
	for _, mb := range []float64{math.NaN(), math.Inf(1), -1, 0, 1e300} {
		hours(u, epoch, 1, mb, mb, mb)
	}
	if a := u.Advise(epoch, &cfg, &in); a != nil {
		t.Errorf("advice %s of nothing", a)
	}
	u = insights.NewUsage(cfg.Lookback.Std())
	at := hours(u, epoch, 168, 100, math.NaN(), math.NaN())
	a := u.Advise(at, &cfg, &in)
	if a.Verdict != models.SizeLower || !math.IsNaN(a.SavedUSD) || !math.IsNaN(a.BilledSeconds) {
		t.Errorf("without a load: %s, saves %v", a, a.SavedUSD)
	}
	in.MemoryMB = 0
	if a := u.Advise(at, &cfg, &in); a != nil {
		t.Errorf("advice %s about an unknown memory", a)
	}
}

// drawn is any target that can be configured.
func drawn(t *rapid.T) (models.RightSizing, insights.Instance) {
	cfg := models.DefaultRightSizing()
	cfg.Headroom = rapid.Float64Range(0.15, 2).Draw(t, "headroom")
	cfg.MinSaving = rapid.Float64Range(0, 0.5).Draw(t, "min saving")
	cfg.MinSavingUSD = rapid.SampledFrom([]float64{0, 1}).Draw(t, "min usd")
	cfg.MinSamples = rapid.IntRange(1, 200).Draw(t, "min samples")
	cfg.RoundMB = rapid.SampledFrom([]int{1, 64, 100, 128}).Draw(t, "round")
	sizes := rapid.SampledFrom([]models.MemorySizes{
		{}, lambda(), {Min: 64, Step: 64}, {Only: []int{512, 2048, 4096}, FullCPU: 2048},
	}).Draw(t, "sizes")
	in := insights.Instance{
		MemoryMB: rapid.IntRange(1, 12000).Draw(t, "memory"), Sizes: sizes, Concurrency: 1, Rates: usEast1(),
		Low: rapid.IntRange(0, 2000).Draw(t, "low"),
	}
	if rapid.Bool().Draw(t, "bounded") {
		in.High = in.Low + rapid.IntRange(1, 8000).Draw(t, "width")
	}
	return cfg, in
}

// TestAdviceProperties checks of any target and any uses: what is recommended keeps within the bounds and the sizes of the platform, does
// not lie below the highest use with headroom unless these forbid it, and stays once it has been carried out.
func TestAdviceProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg, in := drawn(t)
		u := insights.NewUsage(cfg.Lookback.Std())
		at, most := epoch, 0.0
		for _, mb := range rapid.SliceOfN(rapid.Float64Range(1, 9000), 1, 40).Draw(t, "uses") {
			at = hours(u, at, 4, mb, 3600, 1)
			most = max(most, mb)
		}
		a := u.Advise(at, &cfg, &in)
		if !a.Changes() {
			if a.RecommendedMB != in.MemoryMB {
				t.Fatalf("%s, but %d MB are recommended", a.Verdict, a.RecommendedMB)
			}
			return
		}
		need, got := most*(1+cfg.Headroom), a.RecommendedMB
		if got < in.Low || in.High > 0 && got > in.High || got < in.Sizes.Min || in.Sizes.Max > 0 && got > in.Sizes.Max {
			t.Fatalf("%d MB are outside the bounds of %+v", got, in)
		}
		if len(in.Sizes.Only) > 0 && !slices.Contains(in.Sizes.Only, got) || in.Sizes.Step > 0 && got%in.Sizes.Step != 0 {
			t.Fatalf("%d MB are no size of %+v", got, in.Sizes)
		}
		if bigger := in.Sizes.Fit(need, in.Low, in.High, cfg.RoundMB); float64(got) < need && got != bigger {
			t.Fatalf("%d MB are below %v", got, need)
		}
		if (got > in.MemoryMB) != (a.Verdict == models.SizeRaise) {
			t.Fatalf("%s to %d MB from %d", a.Verdict, got, in.MemoryMB)
		}
		in.MemoryMB = got
		if again := u.Advise(at, &cfg, &in); again.Changes() {
			t.Fatalf("after %s comes %s", a, again)
		}
	})
}

// TestNoFlapping lets a use wander and carries every advice out, once a day as the cooldown allows: memory must not go down and up again
// without a use that asks for it.
func TestNoFlapping(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := models.DefaultRightSizing()
		in := insights.Instance{MemoryMB: 2048, Sizes: lambda(), Concurrency: 1, Rates: usEast1()}
		u := insights.NewUsage(cfg.Lookback.Std())
		base, noise := rapid.Float64Range(50, 900).Draw(t, "base"), rapid.Float64Range(0, 0.15).Draw(t, "noise")
		at, changes := epoch, 0
		for range 30 {
			for range 24 {
				at = hours(u, at, 1, base*(1+noise*rapid.Float64Range(-1, 1).Draw(t, "use")), 1000, 1)
			}
			if a := u.Advise(at, &cfg, &in); a.Changes() {
				changes++
				in.MemoryMB = a.RecommendedMB
				u.SetSize(a.RecommendedMB)
			}
		}
		// One to get there, one for a higher use that came after the first days, and one back when that has left the look-back.
		if changes > 3 {
			t.Fatalf("%d changes in 30 days of a steady use", changes)
		}
	})
}

// TestUsageState checks that a saved state gives the same advice, and that anything else is refused or harmless.
func TestUsageState(t *testing.T) {
	t.Parallel()
	cfg := models.DefaultRightSizing()
	in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1, Rates: usEast1()}
	u := insights.NewUsage(cfg.Lookback.Std())
	u.SetSize(2048)
	at := hours(u, epoch, 100, 300, 10, 1)
	u.SetSize(1024)
	at = hours(u, at, 100, 350, 10, 1.2)
	data, err := u.MarshalBinary()
	if err != nil || len(data) > 1000 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	var back insights.Usage
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u.Advise(at, &cfg, &in), back.Advise(at, &cfg, &in)); diff != "" {
		t.Errorf("advice (-before +after):\n%s", diff)
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "short": data[:len(data)-1], "long": append(slices.Clone(data), 0),
		"version": append(binary.LittleEndian.AppendUint32(nil, 99), data[4:]...),
	} {
		if err := new(insights.Usage).UnmarshalBinary(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzUsageState checks that no saved state makes an advice fail.
func FuzzUsageState(f *testing.F) {
	u := insights.NewUsage(7 * 24 * time.Hour)
	at := hours(u, epoch, 100, 300, 10, 1)
	data, err := u.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	cfg := models.DefaultRightSizing()
	f.Fuzz(func(t *testing.T, data []byte) {
		var u insights.Usage
		if u.UnmarshalBinary(data) != nil {
			return
		}
		hours(&u, at, 2, 100, 1, 1)
		in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Low: 128, High: 4096, Concurrency: 1, Rates: usEast1()}
		if a := u.Advise(at, &cfg, &in); a != nil && (a.RecommendedMB < 128 || a.RecommendedMB > 4096) {
			t.Errorf("%s", a)
		}
	})
}

// BenchmarkObserve is what a step costs, BenchmarkAdvise what an advice does.
func BenchmarkObserve(b *testing.B) {
	u := insights.NewUsage(7 * 24 * time.Hour)
	b.ReportAllocs()
	s := insights.Sample{Start: epoch, Step: time.Minute, MB: 300, Invocations: 10, Duration: 1}
	for b.Loop() {
		u.Observe(s)
		s.Start = s.Start.Add(time.Minute)
	}
}

func BenchmarkAdvise(b *testing.B) {
	u := insights.NewUsage(7 * 24 * time.Hour)
	at := hours(u, epoch, 168, 300, 10, 1)
	cfg := models.DefaultRightSizing()
	in := insights.Instance{MemoryMB: 1024, Sizes: lambda(), Concurrency: 1, Rates: usEast1()}
	b.ReportAllocs()
	for b.Loop() {
		u.Advise(at, &cfg, &in)
	}
}
