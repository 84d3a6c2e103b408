package predictor

import (
	"math"
	"testing"
	"time"
)

// FuzzArrivalsState: whatever state is accepted, the answers are probabilities.
func FuzzArrivalsState(f *testing.F) {
	seed := NewArrivals(time.Minute)
	for i := range 700 {
		if i%100 == 0 {
			data, err := seed.MarshalBinary()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			for _, part := range []Forecaster{&seed.hazard, &seed.timer} {
				if data, err = part.MarshalBinary(); err != nil {
					f.Fatal(err)
				}
				f.Add(data)
			}
		}
		y := 0.0
		if i%9 == 0 {
			y = float64(i % 5)
		}
		seed.Update(y)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, g := range []interface {
			Forecaster
			ArrivalForecaster
		}{NewArrivals(time.Minute), NewHazard(), NewTimer(time.Minute), NewCroston(false), &TSB{beta: 1}} {
			if g.UnmarshalBinary(resealed(data)) != nil {
				continue
			}
			p := make([]float64, 20)
			for i := range 30 {
				g.Update(float64(i % 3))
				if err := g.Arrival(p); err != nil {
					t.Fatal(err)
				}
				for _, v := range p {
					if !(v >= 0 && v <= 1) {
						t.Fatalf("probabilities %v", p)
					}
				}
				if err := g.Forecast(p); err != nil || math.IsNaN(p[0]) || math.IsInf(p[0], 0) {
					t.Fatalf("forecast %v: %v", p, err)
				}
			}
		}
	})
}
