package models

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// sameValues compares lists of numbers in which gaps are equal to one another.
func sameValues(got, want []float64) string {
	return cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty())
}

func TestNewSeries(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	at := func(d time.Duration, v float64) Sample { return Sample{Time: t0.Add(d), Value: v} }
	for name, tc := range map[string]struct {
		samples []Sample
		want    []float64
		start   time.Time
	}{
		"one":                           {[]Sample{at(0, 1)}, []float64{1}, t0},
		"unordered":                     {[]Sample{at(2*time.Minute, 3), at(0, 1), at(time.Minute, 2)}, []float64{1, 2, 3}, t0},
		"hole":                          {[]Sample{at(0, 1), at(3*time.Minute, 4)}, []float64{1, nan, nan, 4}, t0},
		"rounded down":                  {[]Sample{at(59*time.Second, 1), at(61*time.Second, 2)}, []float64{1, 2}, t0},
		"same step, last wins":          {[]Sample{at(0, 1), at(30*time.Second, 2)}, []float64{2}, t0},
		"same step, last usable wins":   {[]Sample{at(0, 1), at(30*time.Second, nan)}, []float64{1}, t0},
		"not a number, infinite":        {[]Sample{at(0, nan), at(time.Minute, math.Inf(1)), at(2*time.Minute, math.Inf(-1))}, []float64{nan, nan, nan}, t0},
		"before 1970":                   {[]Sample{{time.Unix(-90, 0), 1}, {time.Unix(-30, 0), 2}}, []float64{1, 2}, time.Unix(-120, 0).UTC()},
		"other time zone":               {[]Sample{{t0.In(time.FixedZone("x", 3600)), 1}}, []float64{1}, t0},
		"negative and huge are allowed": {[]Sample{at(0, -math.MaxFloat64), at(time.Minute, math.MaxFloat64)}, []float64{-math.MaxFloat64, math.MaxFloat64}, t0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := NewSeries(time.Minute, tc.samples)
			if err != nil {
				t.Fatal(err)
			}
			if diff := sameValues(s.Values(), tc.want); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if !s.Start().Equal(tc.start) || s.Step() != time.Minute {
				t.Errorf("start %s, step %s", s.Start(), s.Step())
			}
			if want := tc.start.Add(time.Duration(len(tc.want)) * time.Minute); !s.End().Equal(want) {
				t.Errorf("end %s, want %s", s.End(), want)
			}
		})
	}
}

func TestSeriesRefusals(t *testing.T) {
	t.Parallel()
	one := []Sample{{Time: t0, Value: 1}}
	build := func(step time.Duration, samples ...Sample) error {
		_, err := NewSeries(step, samples)
		return err
	}
	of := func(start time.Time, step time.Duration, n int) error {
		_, err := SeriesOf(start, step, make([]float64, n))
		return err
	}
	far := time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		err  error
		want error
	}{
		"no samples":             {build(time.Minute), ErrNoData},
		"step 0":                 {build(0, one...), ErrInvalid},
		"negative step":          {build(-time.Minute, one...), ErrInvalid},
		"too long":               {build(time.Minute, one[0], Sample{Time: t0.Add(MaxSeriesLen * time.Minute)}), ErrInvalid},
		"too long by far":        {build(1, Sample{Time: time.Unix(-9e9, 0)}, Sample{Time: time.Unix(9e9, 0)}), ErrInvalid},
		"zero time":              {build(time.Minute, one[0], Sample{}), ErrInvalid},
		"year 3000":              {build(time.Minute, Sample{Time: far}), ErrInvalid},
		"of: step 0":             {of(t0, 0, 1), ErrInvalid},
		"of: too long":           {of(t0, time.Second, MaxSeriesLen+1), ErrInvalid},
		"of: zero time":          {of(time.Time{}, time.Second, 1), ErrInvalid},
		"of: year 3000":          {of(far, time.Second, 1), ErrInvalid},
		"of: ends too late":      {of(t0, math.MaxInt64, 2), ErrInvalid},
		"of: longest that works": {of(t0, time.Minute, MaxSeriesLen), nil},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: error %v, want %v", name, tc.err, tc.want)
		}
	}
}

func TestSeriesAccess(t *testing.T) {
	t.Parallel()
	values := []float64{math.NaN(), 1, math.Inf(1), 3, math.NaN()}
	s, err := SeriesOf(t0, time.Minute, values)
	if err != nil {
		t.Fatal(err)
	}
	if s.Present() != 2 || s.LastPresent() != 3 || s.Len() != 5 {
		t.Errorf("present %d, last %d, length %d", s.Present(), s.LastPresent(), s.Len())
	}
	if !math.IsNaN(s.At(-1)) || !math.IsNaN(s.At(5)) || s.At(1) != 1 || !s.IsGap(0) || !s.IsGap(2) || s.IsGap(3) {
		t.Errorf("wrong values: %v", s.Values())
	}
	s.Values()[1] = 99
	if s.At(1) != 1 {
		t.Error("Values gave out the memory of the series")
	}
	var zero Series
	if zero.Len() != 0 || zero.Present() != 0 || zero.LastPresent() != -1 || zero.Step() != 0 || zero.Window(t0, t0).Len() != 0 {
		t.Error("the zero series is not empty")
	}
}

// seriesGen generates a series with gaps, and times around it.
func seriesGen(t *rapid.T, label string) Series {
	step := time.Duration(rapid.SampledFrom([]int64{1, 7, 1e9, 60e9, 3600e9}).Draw(t, label+"step"))
	return seriesWithStep(t, label, step)
}

func seriesWithStep(t *rapid.T, label string, step time.Duration) Series {
	start := t0.Add(step * time.Duration(rapid.IntRange(-50, 50).Draw(t, label+"start")))
	values := rapid.SliceOfN(rapid.OneOf(rapid.Just(math.NaN()), rapid.Float64Range(-1e9, 1e9)), 0, 30).Draw(t, label+"values")
	s, err := SeriesOf(start, step, values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewSeriesProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step := time.Duration(rapid.Int64Range(1, int64(2*time.Hour)).Draw(t, "step"))
		n := rapid.IntRange(1, 20).Draw(t, "n")
		samples := make([]Sample, n)
		for i := range samples {
			samples[i] = Sample{
				Time:  t0.Add(time.Duration(rapid.Int64Range(-100*int64(step), 100*int64(step)).Draw(t, "time"))),
				Value: rapid.Float64().Draw(t, "value"),
			}
		}
		s, err := NewSeries(step, samples)
		if err != nil {
			t.Fatal(err)
		}
		if s.Start().UnixNano()%int64(step) != 0 {
			t.Fatalf("start %s is no multiple of %s", s.Start(), step)
		}
		// Every usable sample is the value of its step unless a later one replaced it, and nothing else is there.
		want := map[int64]float64{}
		for _, x := range samples {
			if x.Time.Before(s.Start()) || !x.Time.Before(s.End()) {
				t.Fatalf("sample at %s is outside %s to %s", x.Time, s.Start(), s.End())
			}
			if !math.IsNaN(x.Value) && !math.IsInf(x.Value, 0) {
				want[int64(x.Time.Sub(s.Start())/step)] = x.Value
			}
		}
		if s.Present() != len(want) {
			t.Fatalf("%d present, want %d", s.Present(), len(want))
		}
		for i, v := range want {
			if s.At(int(i)) != v {
				t.Fatalf("step %d is %v, want %v", i, s.At(int(i)), v)
			}
		}
	})
}

func TestWindowProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := seriesGen(t, "")
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.Bool().Draw(t, "far") {
				return rapid.SampledFrom([]time.Time{{}, time.Unix(-1<<40, 0), time.Unix(1<<40, 0), time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)}).Draw(t, "at")
			}
			return t0.Add(time.Duration(rapid.Int64Range(-100*int64(s.Step()), 100*int64(s.Step())).Draw(t, "near")))
		})
		from, to := moment.Draw(t, "from"), moment.Draw(t, "to")
		w := s.Window(from, to)
		want := []float64{}
		for i := range s.Len() {
			if !s.TimeAt(i).Before(from) && !s.TimeAt(i+1).After(to) {
				want = append(want, s.At(i))
			}
		}
		if diff := sameValues(w.Values(), want); diff != "" {
			t.Fatalf("window %s to %s (-want +got):\n%s", from, to, diff)
		}
		if w.Len() > 0 && (w.Start().Before(from) || w.End().After(to)) {
			t.Fatalf("window from %s to %s is %s to %s", from, to, w.Start(), w.End())
		}
	})
}

func TestAppendProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := seriesGen(t, "a")
		b := seriesWithStep(t, "b", a.Step())
		beforeA, beforeB := a.Values(), b.Values()
		c, err := a.Append(b)
		if err != nil {
			t.Fatal(err)
		}
		at := func(s Series, when time.Time) float64 {
			d := when.Sub(s.Start())
			if d < 0 {
				return math.NaN()
			}
			return s.At(int(d / s.Step()))
		}
		for i := range c.Len() {
			want := at(b, c.TimeAt(i))
			if math.IsNaN(want) {
				want = at(a, c.TimeAt(i))
			}
			if got := c.At(i); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Fatalf("step %d is %v, want %v", i, got, want)
			}
		}
		if c.Present() < max(a.Present(), b.Present()) {
			t.Fatal("Append lost values")
		}
		if sameValues(a.Values(), beforeA) != "" || sameValues(b.Values(), beforeB) != "" {
			t.Fatal("Append changed its inputs")
		}
	})
}

func TestAppendRefusals(t *testing.T) {
	t.Parallel()
	of := func(start time.Time, step time.Duration) Series {
		s, err := SeriesOf(start, step, []float64{1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, pair := range map[string][2]Series{
		"other step":  {of(t0, time.Minute), of(t0, time.Hour)},
		"far apart":   {of(t0, time.Second), of(t0.AddDate(100, 0, 0), time.Second)},
		"too far":     {of(time.Unix(-9e9, 0), 1), of(time.Unix(9e9, 0), 1)},
		"too far too": {of(time.Unix(9e9, 0), 1), of(time.Unix(-9e9, 0), 1)},
	} {
		if _, err := pair[0].Append(pair[1]); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}

func TestSeriesJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := seriesGen(t, "")
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Series
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if diff := sameValues(back.Values(), s.Values()); diff != "" || !back.Start().Equal(s.Start()) || back.Step() != s.Step() {
			t.Fatalf("%s came back as %+v:\n%s", data, back, diff)
		}
	})
	var zero, back Series
	data, err := json.Marshal(zero)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &back); err != nil || back.Len() != 0 || back.Step() != 0 {
		t.Errorf("the zero series %s came back as %+v, %v", data, back, err)
	}
}

func FuzzSeriesJSON(f *testing.F) {
	for _, seed := range []string{
		`{"start":"2026-03-01T00:00:00Z","step_s":60,"values":[1,null,3.5]}`,
		`{"start":"0001-01-01T00:00:00Z","step_s":60,"values":[1]}`,
		`{"start":"2026-03-01T00:00:00Z","step_s":1e300,"values":[1,2]}`,
		`{"start":"9999-12-31T23:59:59Z","step_s":-1,"values":[]}`,
		`{}`, `null`, `[]`, `{"values":[1e999]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Series
		if json.Unmarshal(data, &s) != nil {
			return
		}
		if s.Len() > 0 && (s.Step() <= 0 || s.End().Before(s.Start())) {
			t.Fatalf("%s gave a series of step %s from %s to %s", data, s.Step(), s.Start(), s.End())
		}
		for _, v := range s.Values() {
			if math.IsInf(v, 0) {
				t.Fatalf("%s gave an infinite value", data)
			}
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("%s cannot be written back: %v", data, err)
		}
		var back Series
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatalf("%s was written as %s, which cannot be read: %v", data, again, err)
		}
		_ = s.Window(t0, t0.Add(time.Hour))
		_, _ = s.Append(back)
	})
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]time.Duration{
		0: 0, 1.5: 1500 * time.Millisecond, -2: -2 * time.Second, 1e-9: 1, 1e300: math.MaxInt64, -1e300: math.MinInt64,
		math.Inf(1): math.MaxInt64, math.Inf(-1): math.MinInt64, 9.3e9: math.MaxInt64,
	} {
		if got := Seconds(in); got != want {
			t.Errorf("Seconds(%v) = %d, want %d", in, got, want)
		}
	}
	if got := Seconds(math.NaN()); got != 0 {
		t.Errorf("Seconds(NaN) = %d", got)
	}
}

func BenchmarkNewSeries(b *testing.B) {
	samples := make([]Sample, 1440)
	for i := range samples {
		samples[i] = Sample{Time: t0.Add(time.Duration(i) * time.Minute), Value: float64(i)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewSeries(time.Minute, samples); err != nil {
			b.Fatal(err)
		}
	}
}
