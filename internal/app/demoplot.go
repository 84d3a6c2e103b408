package app

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"pilotlight/internal/sim"
)

// createPlot opens the file of a plot.
func createPlot(path string) (*output, error) {
	if ext := filepath.Ext(path); ext != ".svg" && ext != ".png" {
		return nil, fmt.Errorf("%w: --plot %s: name a file that ends in .svg or .png", ErrUsage, path)
	}
	return createOutput(path)
}

// writePlot draws the busiest function into an .svg or .png file.
func writePlot(out *output, name string, points []point) error {
	data := sim.PlotData{
		Title: "Real traffic of the function " + name + ", and what Pilotlight made of it", Step: time.Minute,
	}
	for i, p := range points {
		if i == 0 {
			data.Start = p.Time
			continue // the first point is the moment before the first minute
		}
		before := points[i-1]
		low, median, high := math.NaN(), math.NaN(), math.NaN()
		if before.HasForecast {
			low, median, high = before.Low, before.Median, before.High
		}
		data.Invocations = append(data.Invocations, p.Invocations)
		data.Low, data.Forecast, data.High = append(data.Low, low), append(data.Forecast, median), append(data.High, high)
		data.Warm = append(data.Warm, float64(p.Warm))
		data.ColdWith = append(data.ColdWith, float64(p.ColdWith-before.ColdWith))
		data.ColdWithout = append(data.ColdWithout, float64(p.ColdWithout-before.ColdWithout))
	}
	return out.finish(func(w io.Writer) error {
		return sim.WritePlot(w, strings.TrimPrefix(filepath.Ext(out.path), "."), data)
	})
}
