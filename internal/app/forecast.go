package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pilotlight/internal/series"
	"pilotlight/predictor"
	"pilotlight/predictor/ensemble"
)

// ForecastOptions are the flags of forecast.
type ForecastOptions struct {
	Input, Output, Explain, Plot string
	Horizon, Workers             int
	SeriesOptions
}

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

// Forecast reads series and writes what will come.
func Forecast(ctx context.Context, stdio IO, o ForecastOptions) error {
	f, err := newForecasting(stdio, o)
	if err != nil {
		return err
	}
	defer f.abandon()
	file, err := readSeries(stdio, o.Input, f.read)
	if err != nil {
		return err
	}
	bar := newProgress(stdio, "forecast", len(file.Series))
	defer bar.finish()
	f.done = bar.add
	if f.output == nil {
		err = f.run(ctx, stdio.Out, file.Series)
	} else {
		var work error
		err = f.output.finish(func(w io.Writer) error {
			work = f.run(ctx, w, file.Series)
			return work
		})
		if work != nil {
			err = work // without the name of the file, which is not to blame
		}
	}
	if err != nil {
		return err
	}
	return f.plot.finish(stdio.Err)
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

// forecasting is one run of forecast.
type forecasting struct {
	parsedSeries
	workers int
	output  *output // nil is standard output
	explain explainer
	plot    *forecastPlot // nil if none is asked for
	warn    io.Writer
	done    func(int)
}

func newForecasting(stdio IO, o ForecastOptions) (*forecasting, error) {
	if o.Workers < 0 {
		return nil, fmt.Errorf("%w: --workers must not be negative", ErrUsage)
	}
	parsed, err := o.parse(o.Horizon)
	if err != nil {
		return nil, err
	}
	f := &forecasting{parsedSeries: *parsed, workers: o.Workers, warn: stdio.Err}
	if f.workers == 0 {
		f.workers = runtime.GOMAXPROCS(0)
	}
	// The explanation must not mix with the forecast.
	to := stdio.Err
	if o.Output != "" && o.Output != "-" {
		to = stdio.Out
	}
	if f.explain, err = newExplainer(o.Explain, to); err != nil {
		return nil, err
	}
	if o.Plot != "" {
		out, err := createPlot(o.Plot)
		if err != nil {
			return nil, err
		}
		f.plot = &forecastPlot{out: out, levels: f.forecast.Levels}
	}
	if o.Output != "" && o.Output != "-" {
		if f.output, err = createOutput(o.Output); err != nil {
			f.abandon()
			return nil, err
		}
	}
	return f, nil
}

// abandon removes files that were begun and not finished.
func (f *forecasting) abandon() {
	if f.output != nil {
		f.output.abandon()
	}
	if f.plot != nil {
		f.plot.out.abandon()
	}
}

// batch is how many series are worked on before their forecasts are written: enough to keep all cores busy, and few enough to fit into
// memory whatever the number of series.
const batch = 512

// run forecasts all series and writes them in their order.
func (f *forecasting) run(ctx context.Context, w io.Writer, all []series.Series) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if _, err := out.WriteString(strings.Join(append([]string{"series,step,mean"}, f.columns...), ",q") + "\n"); err != nil {
		return err
	}
	written := 0
	var last error
	results, errs := make([]*ensemble.Result, batch), make([]error, batch)
	for from := 0; from < len(all); from += batch {
		part := all[from:min(from+batch, len(all))]
		err := parallel(ctx, f.workers, len(part), func(i int) {
			results[i], errs[i] = f.one(&part[i])
			f.done(1)
		})
		if err != nil {
			return err
		}
		for i := range part {
			if errs[i] != nil {
				last = fmt.Errorf("series %q: %w", part[i].Name, errs[i])
			} else {
				written++
			}
			if err := f.tell(out, &part[i], results[i], errs[i]); err != nil {
				return err
			}
		}
	}
	if written == 0 {
		return fmt.Errorf("no series could be forecast: %w", last)
	}
	return out.Flush()
}

// one forecasts one series. A step of a series goes before that of the options.
func (f *forecasting) one(s *series.Series) (*ensemble.Result, error) {
	return ensemble.Forecast(s.Values, f.optionsFor(s))
}

// optionsFor returns the options for one series.
func (p *parsedSeries) optionsFor(s *series.Series) ensemble.Options {
	opt := p.forecast
	opt.Step = s.Step
	return opt
}

// tell writes the forecast of a series, or a warning that there is none, and the explanation if one is asked for.
func (f *forecasting) tell(out *bufio.Writer, s *series.Series, r *ensemble.Result, why error) error {
	var err error
	if why != nil {
		_, err = fmt.Fprintf(f.warn, "warning: no forecast of series %q: %v\n", s.Name, why)
	} else {
		err = f.write(out, s.Name, r)
		f.plot.add(s, r)
	}
	if err != nil {
		return err
	}
	return f.explain.add(s, r, why)
}

// write writes the rows of one series, numbers in the shortest form that reads back as the same number.
func (f *forecasting) write(out *bufio.Writer, name string, r *ensemble.Result) error {
	var line []byte
	name = quoted(name)
	for h, mean := range r.Mean {
		line = append(line[:0], name...)
		line = append(line, ',')
		line = strconv.AppendInt(line, int64(h+1), 10)
		line = append(line, ',')
		line = strconv.AppendFloat(line, mean, 'g', -1, 64)
		for _, l := range f.order {
			line = append(line, ',')
			line = strconv.AppendFloat(line, r.Quantiles[l][h], 'g', -1, 64)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// quoted returns a CSV field.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, ",\"\r\n") || s[0] == ' ' {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// parallel calls do for 0 to n-1 from several goroutines and waits for them; it stops early when ctx ends and returns why.
func parallel(ctx context.Context, workers, n int, do func(i int)) error {
	var (
		wg   sync.WaitGroup
		next = make(chan int)
	)
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
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
