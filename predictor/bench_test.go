package predictor_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

// minutes makes a series of counts per minute with two weeks of a daily course and Poisson-like noise.
func minutes() []float64 {
	const days = 14
	rng := seeded(1, 1)
	y := make([]float64, days*1440)
	for i := range y {
		mean := 40 + 30*math.Sin(2*math.Pi*float64(i)/1440)
		y[i] = math.Round(max(0, mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	return y
}

func BenchmarkHoltWintersUpdate(b *testing.B) {
	for _, period := range []int{1440, 10080} {
		for _, scale := range []predictor.Scale{predictor.ScaleRaw, predictor.ScaleLog1p} {
			b.Run(fmt.Sprintf("m=%d/%s", period, scale), func(b *testing.B) {
				y := minutes()
				w, err := predictor.FitHoltWinters(y, predictor.HoltWintersOptions{
					Period: period, AR: true, Scale: scale, Params: &predictor.HoltWintersParams{Alpha: 0.1, Gamma: 0.1, Phi: 1, Rho: 0.5},
				})
				if err != nil {
					b.Fatal(err)
				}
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					w.Update(y[i])
					if i++; i == len(y) {
						i = 0
					}
				}
			})
		}
	}
}

func BenchmarkHoltWintersFit(b *testing.B) {
	for _, period := range []int{1440, 10080} {
		m := "holt_winters"
		b.Run(fmt.Sprintf("%s/m=%d", m, period), func(b *testing.B) {
			y := minutes()
			for _, model := range predictor.Models() {
				if model.Name != m {
					continue
				}
				f, err := model.New(predictor.Setting{Step: time.Minute, Period: period, Scale: predictor.ScaleLog1p})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := f.(predictor.Fitter).Refit(y); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// warmed returns a predictor of the default configuration with history.
func warmed(b *testing.B, y []float64) *predictor.Predictor {
	b.Helper()
	p := newPredictor(b, predictor.DefaultConfig(), time.Minute)
	for _, v := range y {
		if err := give(p, v); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

func BenchmarkPredictorUpdate(b *testing.B) {
	y := minutes()
	p := warmed(b, y)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		p.Update(y[i])
		if i++; i == len(y) {
			i = 0
		}
	}
}

func BenchmarkPredictorUpdateAsleep(b *testing.B) {
	p := newPredictor(b, predictor.DefaultConfig(), time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		p.Update(0)
	}
}

func BenchmarkPredictorForecast(b *testing.B) {
	p := warmed(b, minutes())
	now := time.Unix(0, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Forecast("f", models.SignalInvocations, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPredictorRefit(b *testing.B) {
	p := warmed(b, minutes())
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Refit(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPredictorState(b *testing.B) {
	p := warmed(b, minutes())
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		data, err := p.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		size = len(data)
	}
	b.ReportMetric(float64(size), "state-bytes")
}
