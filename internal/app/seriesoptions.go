package app

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/internal/series"
	"pilotlight/predictor"
	"pilotlight/predictor/ensemble"
)

// SeriesOptions are the flags about series that forecast and accuracy share.
type SeriesOptions struct {
	// Period, Quantiles and Models are lists, separated by commas; "" leaves the choice to the program.
	Period, Quantiles, Models string
	Step                      time.Duration
	TimeZone                  string
}

// defaultQuantiles are the levels of a forecast for which none are named.
const defaultQuantiles = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.95,0.99"

// parsedSeries are SeriesOptions with their lists taken apart.
type parsedSeries struct {
	forecast ensemble.Options
	read     series.Options
	// columns are the names of the quantile columns, and order the place of each in forecast.Levels, which increase.
	columns []string
	order   []int
}

// parse takes the flags apart and checks them.
func (o *SeriesOptions) parse(horizon int) (*parsedSeries, error) {
	p := &parsedSeries{forecast: ensemble.Options{Horizon: horizon, Step: o.Step}, read: series.Options{Step: o.Step}}
	var err error
	if p.read.Location, err = time.LoadLocation(o.TimeZone); err != nil {
		return nil, fmt.Errorf("%w: --time-zone: %w; name one such as Europe/Berlin", ErrUsage, err)
	}
	if p.forecast.Periods, err = parsePeriods(o.Period); err != nil {
		return nil, fmt.Errorf("%w: --period: %w", ErrUsage, err)
	}
	if o.Quantiles == "" {
		o.Quantiles = defaultQuantiles
	}
	if err := p.parseQuantiles(o.Quantiles); err != nil {
		return nil, fmt.Errorf("%w: --quantiles: %w", ErrUsage, err)
	}
	if p.forecast.Models, err = parseModels(o.Models); err != nil {
		return nil, fmt.Errorf("%w: --models: %w", ErrUsage, err)
	}
	if o.Step < 0 {
		return nil, fmt.Errorf("%w: --step must not be negative", ErrUsage)
	}
	if err := p.forecast.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return p, nil
}

// splitList takes a list apart.
func splitList(list string) []string {
	all := strings.Split(list, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// parseModels reads names of models; "" leaves the choice to the program, and "all" is all there are.
func parseModels(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	var known []string
	for _, m := range predictor.Models() {
		known = append(known, m.Name)
	}
	if list == "all" {
		return known, nil
	}
	names := splitList(list)
	for i, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no model %q; name some of %s, or all", name, strings.Join(known, ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("the model %q is there twice; name each once", name)
		}
	}
	return names, nil
}

// parsePeriods reads numbers of steps; "" lets the periods be detected, and "none" says that there are none.
func parsePeriods(list string) ([]int, error) {
	switch list {
	case "":
		return nil, nil
	case "none":
		return []int{}, nil
	}
	var periods []int
	for _, s := range splitList(list) {
		p, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number of steps; write numbers such as 24,168, or none", s)
		}
		periods = append(periods, p)
	}
	return periods, nil
}

// parseQuantiles reads levels in any order; the columns are named and placed as they were written.
func (p *parsedSeries) parseQuantiles(list string) error {
	var given []float64
	for _, s := range splitList(list) {
		level, err := strconv.ParseFloat(s, 64)
		if err != nil || !(level > 0 && level < 1) {
			return fmt.Errorf("%q is no level between 0 and 1; write levels such as 0.1,0.5,0.9", s)
		}
		p.columns = append(p.columns, s)
		given = append(given, level)
	}
	levels := slices.Sorted(slices.Values(given))
	if again := slices.Compact(slices.Clone(levels)); len(again) < len(levels) {
		return fmt.Errorf("a level is there twice in %s; name each once", list)
	}
	for _, l := range given {
		p.order = append(p.order, slices.Index(levels, l))
	}
	p.forecast.Levels = levels
	return nil
}

// readSeries reads the input and says what was done to it.
func readSeries(stdio IO, path string, opt series.Options) (*series.File, error) {
	file, err := series.ReadFile(path, stdio.In, opt)
	if err != nil {
		return nil, err
	}
	for _, note := range file.Notes {
		if _, err := fmt.Fprintf(stdio.Err, "note: %s: %s\n", path, note); err != nil {
			return nil, err
		}
	}
	return file, nil
}

// optionsFor returns the options for one series.
func (p *parsedSeries) optionsFor(s *series.Series) ensemble.Options {
	opt := p.forecast
	opt.Step = s.Step
	return opt
}
