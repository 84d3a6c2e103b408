package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"pilotlight/internal/series"
	"pilotlight/predictor/ensemble"
)

// ForecastOptions are the flags of forecast.
type ForecastOptions struct {
	Input, Output, Explain, Plot string
	Horizon, Workers             int
	SeriesOptions
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
	bar := &progress{}
	if o.Explain == "" && (f.output != nil || !isTerminal(stdio.Out)) { // else it would mix with what is printed
		bar = newProgress(stdio, "forecast", len(file.Series))
	}
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
