package app

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/internal/series"
	"pilotlight/predictor"
	"pilotlight/predictor/ensemble"
	"pilotlight/predictor/season"
)

// SeriesOptions are the flags about series that forecast and accuracy share.
type SeriesOptions struct {
	// Period, Quantiles and Models are lists, separated by commas; "" leaves the choice to the program.
	Period, Quantiles, Models string
	Step                      time.Duration
	// TimeZone is where the load is, Holidays a list of dates or @ and a file of them.
	TimeZone, Holidays string
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
	holidays, err := parseHolidays(o.Holidays)
	if err == nil {
		p.forecast.Calendar, err = season.NewCalendar(p.read.Location, holidays)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: --holidays: %w", ErrUsage, err)
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
	opt.Step, opt.Start = s.Step, s.Start
	return opt
}

// parseHolidays reads dates such as 2026-12-25, each with the weekday that it is like if that is not Sunday (2026-12-24=saturday):
// a list, separated by commas, or @ and the name of a file with one on each line, where # begins a remark.
func parseHolidays(text string) ([]season.Holiday, error) {
	if text == "" {
		return nil, nil
	}
	items := strings.Split(text, ",")
	if name, ok := strings.CutPrefix(text, "@"); ok {
		data, err := os.ReadFile(name) //nolint:gosec // the user names the file
		if err != nil {
			return nil, err
		}
		items = strings.Split(string(data), "\n")
	}
	var all []season.Holiday
	for _, item := range items {
		item, _, _ = strings.Cut(item, "#")
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		date, like, given := strings.Cut(item, "=")
		d, err := season.ParseDate(strings.TrimSpace(date))
		if err != nil {
			return nil, err
		}
		h := season.Holiday{Date: d}
		if given {
			if h.As, err = parseWeekday(like); err != nil {
				return nil, fmt.Errorf("%s: %w", item, err)
			}
		}
		all = append(all, h)
	}
	return all, nil
}

// parseWeekday reads the English name of a weekday.
func parseWeekday(name string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(strings.TrimSpace(name), d.String()) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no weekday; write sunday to saturday", name)
}
