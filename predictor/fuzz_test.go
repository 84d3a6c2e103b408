package predictor

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"
	"time"
)

// The fuzz tests put a right checksum on the data first, because they would never get past a wrong one.

func resealed(data []byte) []byte {
	if len(data) < frameHead+frameTail {
		return data
	}
	body := data[:len(data)-frameTail]
	return binary.LittleEndian.AppendUint32(append([]byte(nil), body...), crc32.ChecksumIEEE(body))
}

func fuzzConfig() Config {
	c := DefaultConfig()
	c.Models = modelNames()
	c.Periods = c.Periods[:1]
	return c
}

func FuzzHoltWintersState(f *testing.F) {
	for _, opt := range []HoltWintersOptions{
		{},
		{Period: 6, AR: true, Scale: ScaleLog1p},
		{Period: 6, Trend: TrendDamped, Season: SeasonMultiplicative},
	} {
		w, err := NewHoltWinters(opt)
		if err != nil {
			f.Fatal(err)
		}
		for i := range 15 {
			data, err := w.MarshalBinary()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			w.Update(float64(i%6 + 1))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var w HoltWinters
		if w.UnmarshalBinary(resealed(data)) != nil {
			return
		}
		dst := make([]float64, 10)
		for i := range 20 {
			w.Update(float64(i))
			if w.Forecast(dst) != nil {
				continue
			}
			for _, v := range dst {
				if math.IsNaN(v) {
					t.Fatalf("forecast %v from %+v", dst, w)
				}
			}
		}
	})
}

func FuzzPredictorState(f *testing.F) {
	p, err := New(fuzzConfig(), time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 200 {
		if i%40 == 0 || i == 199 {
			data, err := p.MarshalBinary()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
		p.Update(float64(i % 24))
		if p.RefitDue() {
			if err := p.Refit(); err != nil {
				f.Fatal(err)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := New(fuzzConfig(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if p.UnmarshalBinary(resealed(data)) != nil {
			if p.Steps() != 0 {
				t.Fatal("a state that was refused changed the predictor")
			}
			return
		}
		for i := range 40 {
			p.Update(float64(i % 5))
			// Values that no predictor would have written may leave one without a finite forecast; it must say so, not panic.
			_, _ = p.Forecast("f", 0, time.Time{})
		}
	})
}

// FuzzForecasters feeds two values of any kind many times to all models.
func FuzzForecasters(f *testing.F) {
	f.Add(0.0, 1e9, uint64(0xf0f0))
	f.Add(math.Inf(1), math.NaN(), uint64(1))
	f.Add(-1e30, 1e30, uint64(0xaaaa))
	f.Fuzz(func(t *testing.T, a, b float64, pattern uint64) {
		dst := make([]float64, 5)
		for _, m := range Models() {
			g, err := m.New(Setting{Step: time.Hour, Period: 7})
			if err != nil {
				t.Fatal(err)
			}
			y := make([]float64, 64)
			for i := range y {
				if y[i] = a; pattern>>i&1 == 1 {
					y[i] = b
				}
				g.Update(y[i])
			}
			if fit, ok := g.(Fitter); ok {
				_ = fit.Refit(y) // values it cannot take are an error
			}
			if g.Forecast(dst) != nil {
				continue
			}
			for _, v := range dst {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s forecasts %v of %v and %v", m.Name, dst, a, b)
				}
			}
		}
	})
}
