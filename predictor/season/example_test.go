package season_test

import (
	"fmt"
	"math"
	"time"

	"pilotlight/predictor/season"
)

func ExampleDetect() {
	y := make([]float64, 14*24)
	for i := range y {
		y[i] = 100 + 60*math.Sin(2*math.Pi*float64(i)/24) + 10*math.Sin(float64(i*i))
	}
	y[50], y[51] = 1e9, math.NaN()
	for _, p := range season.Detect(y, season.Options{Step: time.Hour}) {
		fmt.Printf("every %d hours, strength %.2f, seen %d times\n", p.Steps, p.Strength, p.Cycles)
	}
	// Output: every 24 hours, strength 0.89, seen 14 times
}

func ExampleSlots() {
	slots, err := season.NewSlots(season.Calendar{}, time.Hour, 7*24*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, 11, 29, 22, 0, 0, 0, time.UTC) // a Sunday evening
	for i := range 4 {
		fmt.Print(slots.At(at.Add(time.Duration(i)*time.Hour)), " ")
	}
	// Output: 166 167 0 1
}
