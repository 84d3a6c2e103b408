package app

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pilotlight/internal/sim"
)

// writePlot draws the busiest function into an .svg or .png file.
func writePlot(path, name string, points []point) error {
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
	return writeFile(path, func(w io.Writer) error {
		return sim.WritePlot(w, strings.TrimPrefix(filepath.Ext(path), "."), data)
	})
}

// writeFile writes a file as a whole or not at all: a reader never sees half of it.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
