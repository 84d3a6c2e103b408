package season_test

import (
	"testing"

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
