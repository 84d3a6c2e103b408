package models

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// spec returns a specification of h steps that NewForecast accepts.
func spec(h int) ForecastSpec {
	row := func(v float64) []float64 { return slices.Repeat([]float64{v}, h) }
	return ForecastSpec{
		Target: "f", Signal: SignalConcurrency, Start: t0, Step: time.Minute, Model: "m", Levels: []float64{0.1, 0.5, 0.9},
		Mean: row(5), Values: [][]float64{row(1), row(4), row(9)},
	}
}

func TestNewForecastRefusals(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for name, breakIt := range map[string]func(*ForecastSpec){
		"step 0":           func(s *ForecastSpec) { s.Step = 0 },
		"no steps":         func(s *ForecastSpec) { s.Mean = nil },
		"row missing":      func(s *ForecastSpec) { s.Values = s.Values[:2] },
		"row too short":    func(s *ForecastSpec) { s.Values[1] = s.Values[1][:1] },
		"level 0":          func(s *ForecastSpec) { s.Levels[0] = 0 },
		"level 1":          func(s *ForecastSpec) { s.Levels[2] = 1 },
		"level NaN":        func(s *ForecastSpec) { s.Levels[1] = nan },
		"levels equal":     func(s *ForecastSpec) { s.Levels[1] = 0.1 },
		"levels fall":      func(s *ForecastSpec) { s.Levels[1] = 0.05 },
		"mean NaN":         func(s *ForecastSpec) { s.Mean[1] = nan },
		"mean infinite":    func(s *ForecastSpec) { s.Mean[1] = math.Inf(1) },
		"quantile NaN":     func(s *ForecastSpec) { s.Values[1][1] = nan },
		"quantile -Inf":    func(s *ForecastSpec) { s.Values[0][0] = math.Inf(-1) },
		"last row too big": func(s *ForecastSpec) { s.Values[2] = append(s.Values[2], 1) },
	} {
		s := spec(3)
		breakIt(&s)
		if _, err := NewForecast(s); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}

func TestForecastAccess(t *testing.T) {
	t.Parallel()
	s := spec(3)
	s.Unfit = &Reason{Code: ReasonNoSkill}
	s.Skill = Skill{Windows: 3, MAE: 1}
	f, err := NewForecast(s)
	if err != nil {
		t.Fatal(err)
	}
	if f.Target() != "f" || f.Signal() != SignalConcurrency || f.Model() != "m" || f.Step() != time.Minute || f.Horizon() != 3 ||
		!f.Start().Equal(t0) || !f.End().Equal(t0.Add(3*time.Minute)) || f.Skill().Windows != 3 || f.Unfit().Code != ReasonNoSkill {
		t.Errorf("wrong forecast %+v", f)
	}
	f.Levels()[0] = 0.99
	for level, want := range map[float64]float64{0: 1, 0.1: 1, 0.3: 2.5, 0.5: 4, 0.7: 6.5, 0.9: 9, 0.99: 9, 1: 9} {
		if got := f.Quantile(level, 1); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v is %v, want %v", level, got, want)
		}
	}
	s = spec(1)
	s.Levels, s.Values = nil, nil
	point, err := NewForecast(s)
	if err != nil || point.Quantile(0.9, 0) != 5 {
		t.Errorf("a forecast without levels gives %v, %v, want its mean 5", point, err)
	}
}

func TestForecastProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.IntRange(1, 8).Draw(t, "h")
		numbers := rapid.SliceOfN(rapid.Float64Range(-1e300, 1e300), h, h)
		levels := rapid.SliceOfNDistinct(rapid.Float64Range(0.001, 0.999), 0, 6, rapid.ID[float64]).Draw(t, "levels")
		slices.Sort(levels)
		s := ForecastSpec{Target: "f", Start: t0, Step: time.Minute, Levels: levels, Mean: numbers.Draw(t, "mean")}
		for range levels {
			s.Values = append(s.Values, numbers.Draw(t, "row"))
		}
		f, err := NewForecast(s)
		if err != nil {
			t.Fatal(err)
		}
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		for i := range h {
			if !(f.Mean(i) >= 0) {
				t.Fatalf("mean %v", f.Mean(i))
			}
			last := 0.0
			for _, l := range f.Levels() {
				q := f.Quantile(l, i)
				if !(q >= last) {
					t.Fatalf("quantile %v of step %d is %v, below %v", l, i, q, last)
				}
				last = q
			}
			// Between the levels too; rounding may cost the last digits.
			if low, high := f.Quantile(min(a, b), i), f.Quantile(max(a, b), i); low > high*(1+1e-9) {
				t.Fatalf("quantile %v is %v, quantile %v is %v", min(a, b), low, max(a, b), high)
			}
		}
	})
}

func TestForecastSteps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.IntRange(1, 10).Draw(t, "h")
		f, err := NewForecast(spec(h))
		if err != nil {
			t.Fatal(err)
		}
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.Bool().Draw(t, "far") {
				return rapid.SampledFrom([]time.Time{{}, time.Unix(1<<40, 0), time.Unix(-1<<40, 0)}).Draw(t, "at")
			}
			return t0.Add(time.Duration(rapid.Int64Range(-5*60e9, 15*60e9).Draw(t, "near")))
		})
		from, to := moment.Draw(t, "from"), moment.Draw(t, "to")
		lo, hi := f.Steps(from, to)
		if lo < 0 || hi > h || lo > hi {
			t.Fatalf("steps [%d, %d) of %d", lo, hi, h)
		}
		for i := range h {
			start := f.Start().Add(time.Duration(i) * f.Step())
			overlaps := start.Before(to) && start.Add(f.Step()).After(from) && from.Before(to)
			if in := i >= lo && i < hi; overlaps && !in || in && !overlaps && from.Before(to) {
				t.Fatalf("step %d in [%d, %d): %v, overlaps %s to %s: %v", i, lo, hi, in, from, to, overlaps)
			}
		}
	})
	var zero Forecast
	if lo, hi := zero.Steps(t0, t0.Add(time.Hour)); lo != 0 || hi != 0 {
		t.Errorf("the zero forecast has steps [%d, %d)", lo, hi)
	}
}
