package season_test

import (
	"testing"
	"time"

	"pilotlight/predictor/season"
)

func BenchmarkDetect(b *testing.B) {
	for _, tt := range []struct {
		name string
		y    []float64
		opt  season.Options
	}{
		{"hours_1000", newGenerator(1).weekly(1000, 24, 100, 0.5), season.Options{}},
		{"minutes_1440", newGenerator(1).timer(1440, 15, 1, 0.1), season.Options{Step: minute}},
		{"minutes_40000", newGenerator(1).weekly(40000, 1440, 10, 0.5), season.Options{Step: minute}},
		{"unknown_40000", newGenerator(1).weekly(40000, 1440, 10, 0.5), season.Options{}},
		{"known_40000", newGenerator(1).weekly(40000, 1440, 10, 0.5), season.Options{Step: minute, KnownOnly: true}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				season.Detect(tt.y, tt.opt)
			}
		})
	}
}

func BenchmarkDriftDetectors(b *testing.B) {
	g := newGenerator(1)
	z := make([]float64, 1024)
	for i := range z {
		z[i] = g.r.NormFloat64()
	}
	scale, cusum, hinkley, signal := season.ErrorScale{}, season.CUSUM{}, season.PageHinkley{}, season.TrackingSignal{}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e := scale.Add(z[i%len(z)])
		cusum.Add(e)
		hinkley.Add(e)
		signal.Add(e)
		i++
	}
}

func BenchmarkSlots(b *testing.B) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	c, err := season.NewCalendar(berlin, []season.Holiday{{Date: season.Date{Year: 2026, Month: 12, Day: 25}}})
	if err != nil {
		b.Fatal(err)
	}
	slots, err := season.NewSlots(c, time.Minute, 7*24*time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		slots.At(at)
		at = at.Add(time.Minute)
	}
}

func BenchmarkLevelShifts(b *testing.B) {
	y := shift(newGenerator(1).weekly(20160, 1440, 10, 0.5), 3)
	b.ReportAllocs()
	for b.Loop() {
		season.LevelShifts(y, 1440)
	}
}

func BenchmarkClean(b *testing.B) {
	g := newGenerator(1)
	y := g.spoil(g.weekly(20160, 1440, 10, 0.5), 0.01, 0.1)
	b.ReportAllocs()
	for b.Loop() {
		season.Clean(y, 1440)
	}
}
