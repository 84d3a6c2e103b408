package chart

import (
	"math"
	"strconv"
	"time"

	"gonum.org/v1/plot"
)

// TimeTicks marks whole hours or days in UTC, at most about ten of them, on an axis of Unix seconds.
func TimeTicks(low, high float64) []plot.Tick {
	const most, day = 10, 24 * time.Hour
	step := 365 * day
	for _, s := range []time.Duration{
		time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 90 * day,
	} {
		if (high-low)/s.Seconds() <= most {
			step = s
			break
		}
	}
	var ticks []plot.Tick
	for x := math.Ceil(low/step.Seconds()) * step.Seconds(); x <= high && len(ticks) < 2*most; x += step.Seconds() {
		at := time.Unix(int64(x), 0).UTC()
		layout := "15:04"
		switch {
		case at.Equal(at.Truncate(day)):
			layout = "Jan 2"
		case step < time.Minute:
			layout = "15:04:05"
		}
		ticks = append(ticks, plot.Tick{Value: x, Label: at.Format(layout)})
	}
	return ticks
}

// rounder is the factor from one round step to the next: 1, 2, 5, 10 and so on.
func rounder(i int) float64 { return []float64{2, 2.5, 2}[i%3] }

// CountTicks marks round numbers from 0, at most about five of them and none between whole numbers.
func CountTicks(_, high float64) []plot.Tick {
	const most = 5
	step := 1.0
	for i := 0; high/step > most && i < 60; i++ {
		step *= rounder(i)
	}
	var ticks []plot.Tick
	for y := 0.0; y <= high && len(ticks) < 2*most; y += step {
		ticks = append(ticks, plot.Tick{Value: y, Label: Grouped(y)})
	}
	return ticks
}

// NumberTicks marks round numbers of any size, at most about six of them.
func NumberTicks(low, high float64) []plot.Tick {
	const most = 6
	step := math.Pow(10, math.Floor(math.Log10((high-low)/most)))
	for i := 0; (high-low)/step > most && i < 60; i++ {
		step *= rounder(i)
	}
	if !(step > 0) || math.IsInf(step, 0) {
		return nil
	}
	var ticks []plot.Tick
	for k := math.Ceil(low / step); k*step <= high && len(ticks) < 2*most; k++ {
		label := Grouped(k * step)
		if step < 1 {
			label = strconv.FormatFloat(k*step, 'f', max(0, int(math.Ceil(-math.Log10(step)-1e-9))), 64)
		}
		ticks = append(ticks, plot.Tick{Value: k * step, Label: label})
	}
	return ticks
}

// Grouped writes a rounded number with spaces between groups of three digits.
func Grouped(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}
