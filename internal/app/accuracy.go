package app

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"

	"pilotlight/internal/series"
	"pilotlight/predictor/accuracy"
	"pilotlight/predictor/ensemble"
)

// AccuracyOptions are the flags of accuracy.
type AccuracyOptions struct {
	Input, Test, Compare, Output, HTML, Point string
	Horizon, Origins, Workers                 int
	SeriesOptions
}

// Accuracy forecasts the past of series and says how good the forecasts were.
func Accuracy(ctx context.Context, stdio IO, o AccuracyOptions) error {
	a, err := newAssessment(o)
	if err != nil {
		return err
	}
	defer a.abandon()
	if err := a.load(stdio, o); err != nil {
		return err
	}
	bar := newProgress(stdio, "accuracy", len(a.jobs))
	rep, err := a.run(ctx, func() { bar.add(1) })
	bar.finish()
	if err != nil {
		return err
	}
	rep.Input = o.Input
	if a.html != nil {
		err := a.html.finish(func(w io.Writer) error { return a.writeHTML(w, rep) })
		if err != nil {
			return err
		}
	}
	if o.Output == "json" {
		return rep.writeJSON(stdio.Out)
	}
	return rep.writeTable(stdio.Out)
}

// assessment is one run of accuracy.
type assessment struct {
	parsedSeries
	// test says that a continuation is given, so that there is one origin: the end of each series.
	test             bool
	origins, workers int
	median           bool
	html             *output // nil if no page is asked for
	series           []series.Series
	jobs             []job
	skipped          []skipped
	contenders       []contender
}

// job is a series with the windows in which it is forecast.
type job struct {
	series  *series.Series
	period  int // of the reference and the scale
	windows []window
}

// window is one past forecast to make: from history, of actual. origin is the index of the first step forecast.
type window struct {
	origin          int
	history, actual []float64
}

// skipped is a series that is not scored.
type skipped struct {
	Series string `json:"series"`
	Reason string `json:"reason"`
}

func newAssessment(o AccuracyOptions) (*assessment, error) {
	for _, bad := range []struct {
		is   bool
		what string
	}{
		{o.Output != "table" && o.Output != "json", fmt.Sprintf("--output %q is not table or json", o.Output)},
		{o.Point != "mean" && o.Point != "median", fmt.Sprintf("--point %q is not mean or median", o.Point)},
		{o.Origins < 1, "--origins must be at least 1"},
		{o.Workers < 0, "--workers must not be negative"},
		{o.Horizon == 0 && o.Test == "", "name the number of steps to forecast with --horizon, or a continuation with --test"},
	} {
		if bad.is {
			return nil, fmt.Errorf("%w: %s", ErrUsage, bad.what)
		}
	}
	horizon := o.Horizon
	if horizon == 0 {
		horizon = 1 // until the continuation is read
	}
	alone := o.Models
	o.Models = ""
	parsed, err := o.parse(horizon)
	if err != nil {
		return nil, err
	}
	a := &assessment{parsedSeries: *parsed, origins: o.Origins, workers: o.Workers, median: o.Point == "median", test: o.Test != ""}
	if a.workers == 0 {
		a.workers = runtime.GOMAXPROCS(0)
	}
	names, err := parseModels(alone)
	if err != nil {
		return nil, fmt.Errorf("%w: --models: %w", ErrUsage, err)
	}
	a.contenders = a.own(names)
	if o.HTML != "" {
		if a.html, err = createOutput(o.HTML); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *assessment) abandon() {
	if a.html != nil {
		a.html.abandon()
	}
}

// load reads all files and lays out the work.
func (a *assessment) load(stdio IO, o AccuracyOptions) error {
	file, err := readSeries(stdio, o.Input, a.read)
	if err != nil {
		return err
	}
	a.series = file.Series
	if o.Test != "" {
		test, err := readSeries(stdio, o.Test, a.read)
		if err != nil {
			return err
		}
		a.continued(test, o.Horizon)
	} else {
		a.rolling()
	}
	if len(a.jobs) == 0 {
		return fmt.Errorf("nothing can be scored: series %q: %s", a.skipped[0].Series, a.skipped[0].Reason)
	}
	if o.Compare == "" {
		return nil
	}
	others, err := readCompared(o.Compare, a)
	if err != nil {
		return err
	}
	a.contenders = append(a.contenders, others...)
	return nil
}

// rolling lays out non-overlapping windows, the latest ones of each series.
func (a *assessment) rolling() {
	h := a.forecast.Horizon
	for i := range a.series {
		s := &a.series[i]
		j := job{series: s, period: a.basePeriod(s, h)}
		least := max(2*j.period+1, h, 3)
		for k := a.origins; k >= 1; k-- {
			if at := len(s.Values) - h*k; at >= least {
				j.add(s.Values[:at], s.Values[at:at+h])
			}
		}
		if len(j.windows) == 0 {
			a.skip(s.Name, fmt.Sprintf("it has %d values, and needs %d so that one forecast of %d steps can be scored; lower --horizon or --period",
				len(s.Values), least+h, h))
			continue
		}
		a.jobs = append(a.jobs, j)
	}
}

// continued takes what came after the end of each series from another file.
func (a *assessment) continued(test *series.File, horizon int) {
	longest := 0
	for _, s := range test.Series {
		longest = max(longest, len(s.Values))
	}
	if horizon == 0 {
		a.forecast.Horizon = max(1, longest)
	}
	index := map[string]*series.Series{}
	for i := range test.Series {
		index[test.Series[i].Name] = &test.Series[i]
	}
	for i := range a.series {
		s := &a.series[i]
		came, ok := index[s.Name]
		if !ok || len(came.Values) == 0 {
			a.skip(s.Name, "the continuation does not have it")
			continue
		}
		j := job{series: s, period: a.basePeriod(s, 0)}
		j.add(s.Values, came.Values[:min(a.forecast.Horizon, len(came.Values))])
		a.jobs = append(a.jobs, j)
	}
}

func (j *job) add(history, actual []float64) {
	j.windows = append(j.windows, window{len(history), history, actual})
}

func (a *assessment) skip(name, why string) { a.skipped = append(a.skipped, skipped{name, why}) }

// basePeriod is the season of seasonal naive and of the scale of MASE: the first of --period, else the convention for the step, else the
// strongest that is found before the last held-out steps, else 1.
func (a *assessment) basePeriod(s *series.Series, held int) int {
	if a.forecast.Periods != nil {
		return slices.Concat(a.forecast.Periods, []int{1})[0]
	}
	if m := conventional(s.Step); m > 0 {
		return m
	}
	opt := a.optionsFor(s)
	opt.Horizon = 1
	r, err := ensemble.Forecast(s.Values[:max(0, len(s.Values)-a.origins*held)], opt)
	if err != nil || len(r.Periods) == 0 {
		return 1
	}
	return r.Periods[0]
}

// run scores all contenders on all jobs.
func (a *assessment) run(ctx context.Context, done func()) (*report, error) {
	rows := make([]accuracy.Row, len(a.jobs))
	byStep := make([]stepErrors, len(a.jobs))
	err := parallel(ctx, a.workers, len(a.jobs), func(i int) {
		rows[i], byStep[i] = a.score(&a.jobs[i])
		done()
	})
	if err != nil {
		return nil, err
	}
	rep := a.report(rows)
	rep.byStep = byStep
	return rep, nil
}

// stepErrors are the sums of scaled absolute errors, one row of steps ahead for each contender.
type stepErrors [][]float64

// score makes and scores all forecasts of one series.
func (a *assessment) score(j *job) (accuracy.Row, stepErrors) {
	row := accuracy.Row{Series: j.series.Name, Tallies: make([]accuracy.Tally, len(a.contenders))}
	steps := make(stepErrors, len(a.contenders))
	for c := range steps {
		steps[c] = make([]float64, a.forecast.Horizon)
	}
	for _, w := range j.windows {
		scale := accuracy.Scale(w.history, j.period)
		for c := range a.contenders {
			t := &row.Tallies[c]
			f, cost, err := a.contenders[c].forecast(j, w)
			if err != nil {
				t.Missing++
				continue
			}
			t.CPU += cost
			t.Add(w.actual, f, scale)
			for h, y := range w.actual[:min(len(w.actual), len(f.Point))] {
				if e := math.Abs(y-f.Point[h]) / scale; !math.IsNaN(e) && !math.IsInf(e, 0) {
					steps[c][h] += e
				}
			}
		}
	}
	return row, steps
}
