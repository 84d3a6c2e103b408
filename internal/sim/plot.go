package sim

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"pilotlight/internal/chart"
	"pilotlight/models"
)

// PlotData is what WritePlot shows: series with a value for each step, all of the same length or nil. NaN is a gap.
type PlotData struct {
	Title string
	// Start is the start of the first step.
	Start time.Time
	Step  time.Duration
	// Invocations are the number in each step.
	Invocations []float64
	// Forecast is what was expected of each step before it began, Low and High the bounds of its band.
	Forecast, Low, High []float64
	// Warm is the floor of warm instances.
	Warm []float64
	// ColdWith and ColdWithout are the cold starts in each step with and without Pilotlight.
	ColdWith, ColdWithout []float64
}

// The size of a plot in points.
const (
	plotWidth  = 720
	plotHeight = 520
	// maxColumns is how many steps are drawn; more are put together.
	maxColumns = 720
)

func (d *PlotData) validate() error {
	n := len(d.Invocations)
	if n == 0 || n > models.MaxSeriesLen {
		return fmt.Errorf("plot %q has %d steps, want 1 to %d: %w", d.Title, n, models.MaxSeriesLen, models.ErrInvalid)
	}
	if d.Step <= 0 {
		return fmt.Errorf("plot %q has a step of %s: %w", d.Title, d.Step, models.ErrInvalid)
	}
	for _, s := range []struct {
		name   string
		values []float64
	}{
		{"forecast", d.Forecast}, {"low", d.Low}, {"high", d.High}, {"warm", d.Warm}, {"cold with", d.ColdWith}, {"cold without", d.ColdWithout},
	} {
		if s.values != nil && len(s.values) != n {
			return fmt.Errorf("plot %q has %d values of %s for %d steps: %w", d.Title, len(s.values), s.name, n, models.ErrInvalid)
		}
	}
	return nil
}

// WritePlot draws the traffic with its forecast, the floor of warm instances, and the cold starts with and without Pilotlight, one
// above the other, as "svg" or "png". It returns an error wrapping models.ErrInvalid for another format or series that do not fit
// together, and the error of w. The same data gives the same bytes.
func WritePlot(w io.Writer, format string, data PlotData) error {
	if err := data.validate(); err != nil {
		return err
	}
	f := chart.Figure{Title: data.Title, Width: plotWidth, Height: plotHeight, Panels: data.panels()}
	if err := f.Write(w, format); err != nil {
		if errors.Is(err, chart.ErrFormat) {
			return errors.Join(models.ErrInvalid, err)
		}
		return err
	}
	return nil
}

// columns puts steps together so that at most maxColumns are left. It returns how many steps are in a column.
func (d *PlotData) columns() int { return (len(d.Invocations) + maxColumns - 1) / maxColumns }

// reduce puts n values together at a time, leaving gaps out.
func reduce(values []float64, n int, add func(sum, v float64) float64, mean bool) []float64 {
	out := make([]float64, 0, len(values)/n+1)
	for start := 0; start < len(values); start += n {
		sum, count := math.NaN(), 0
		for _, v := range values[start:min(start+n, len(values))] {
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
			case count == 0:
				sum, count = v, 1
			default:
				sum, count = add(sum, v), count+1
			}
		}
		if mean {
			sum /= float64(count) // NaN without values
		}
		out = append(out, sum)
	}
	return out
}

func sum(a, b float64) float64 { return a + b }

// cumulated returns the running sums, gaps counting as 0.
func cumulated(values []float64) []float64 {
	out := make([]float64, len(values))
	total := 0.0
	for i, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			total += v
		}
		out[i] = total
	}
	return out
}
