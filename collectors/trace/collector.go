package trace

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pilotlight/collectors"
	"pilotlight/models"
)

// Config says which trace a Collector reads.
type Config struct {
	// Dir is the trace folder.
	Dir string `yaml:"dir"`
	// DefaultColdStart is how long a cold start takes for functions whose cold_start_ms is empty.
	DefaultColdStart models.Duration `yaml:"default_cold_start"`
}

// DefaultConfig returns the configuration with everything but Dir set.
func DefaultConfig() Config { return Config{DefaultColdStart: models.Duration(time.Second)} }

// SetDirectory makes a relative Dir one below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) {
	if c.Dir != "" && !filepath.IsAbs(c.Dir) {
		c.Dir = filepath.Join(dir, c.Dir)
	}
}

// Validate says what is wrong with the configuration, everything at once, or returns nil.
func (c *Config) Validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, fmt.Errorf("dir is empty; name a trace folder: %w", models.ErrInvalid))
	}
	if c.DefaultColdStart <= 0 {
		errs = append(errs, fmt.Errorf("default_cold_start %s is not above 0: %w", c.DefaultColdStart, models.ErrInvalid))
	}
	return errors.Join(errs...)
}

// Collector collects from a trace: invocations, which are 0 in minutes without a row, and the mean duration, which is the
// function's avg_ms in steps with invocations and a gap in others. There is no concurrency: it is not in the trace, and to
// compute it from the two others would be an invention that looks like a measurement; whoever wants it has the two others.
// Before the start and after the end of the trace there is nothing.
type Collector struct {
	name  string
	trace *Trace
	// order are the functions by name, targets the data about them without series.
	order   []int
	targets []collectors.TargetData
	// durations are the mean durations in seconds.
	durations []float64
}

var _ collectors.Collector = (*Collector)(nil)

// New reads the trace folder of the configuration into a Collector. The name is for errors.
func New(name string, cfg Config) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("collector %q: %w", name, err)
	}
	t, err := Read(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("collector %q: %w", name, err)
	}
	return NewFromTrace(name, t, cfg.DefaultColdStart.Std()), nil
}

// NewFromTrace makes a Collector of a trace in memory; coldStart is for functions whose cold start is unknown.
func NewFromTrace(name string, t *Trace, coldStart time.Duration) *Collector {
	c := &Collector{name: name, trace: t, order: sortedByName(t.Functions)}
	for _, i := range c.order {
		f := &t.Functions[i]
		labels := map[string]string{"function": f.Name}
		if f.App != "" {
			labels["app"] = f.App
		}
		if f.Trigger != "" {
			labels["trigger"] = f.Trigger
		}
		c.targets = append(c.targets, collectors.TargetData{
			ID: models.TargetID(f.Name), Labels: labels, Meta: metaOf(f, coldStart),
		})
		c.durations = append(c.durations, f.AvgMS/1000)
	}
	return c
}

func metaOf(f *Function, coldStart time.Duration) collectors.Meta {
	return collectors.Meta{
		Group:    f.App,
		MemoryMB: f.MemoryMB,
		// A recorded cold start of 0 is known; as the zero Meta means unknown, it is told as the shortest time there is.
		ColdStart:   max(f.ColdStart(coldStart), time.Microsecond),
		DurationP50: milliseconds(f.P50MS),
		DurationP99: milliseconds(f.P99MS),
	}
}

// sortedByName returns the indices of the functions in the order of their names.
func sortedByName(functions []Function) []int {
	order := make([]int, len(functions))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(functions[a].Name, functions[b].Name) })
	return order
}

// Trace returns the trace that the Collector reads.
func (c *Collector) Trace() *Trace { return c.trace }

// Collect implements collectors.Collector. The step must be a whole number of minutes. A request that ends where the trace
// starts finds every function, without samples. The labels are shared between results and must not be changed.
func (c *Collector) Collect(ctx context.Context, req collectors.Request) (collectors.Result, error) {
	w, err := c.window(req)
	if errors.Is(err, models.ErrNoData) && req.End.Equal(c.trace.Start) && ctx.Err() == nil {
		// Which functions there are is known before they are invoked.
		return collectors.Result{Targets: slices.Clone(c.targets)}, nil
	}
	var targets []collectors.TargetData
	if err == nil {
		targets, err = c.fill(ctx, w, req.Signals)
	}
	if err != nil {
		return collectors.Result{}, fmt.Errorf("collector %q: %w", c.name, err)
	}
	return collectors.Result{Targets: targets}, nil
}

// fill returns the targets with the series of the window.
func (c *Collector) fill(ctx context.Context, w *window, signals []models.Signal) ([]collectors.TargetData, error) {
	invocations := slices.Contains(signals, models.SignalInvocations)
	duration := slices.Contains(signals, models.SignalDuration)
	if invocations {
		w.series += len(c.targets)
	}
	if duration {
		w.series += len(c.targets)
	}
	targets := slices.Clone(c.targets)
	if w.series == 0 {
		return targets, nil
	}
	var err error
	for k := range targets {
		if k%256 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		rows := c.trace.Rows(c.order[k], w.from, w.from+w.steps*w.minutes)
		if invocations {
			if targets[k].Series[models.SignalInvocations], err = w.counts(rows); err != nil {
				return nil, err
			}
		}
		if duration {
			if targets[k].Series[models.SignalDuration], err = w.present(rows, c.durations[k]); err != nil {
				return nil, err
			}
		}
	}
	return targets, nil
}

// window is the part of a request that the trace covers.
type window struct {
	start   time.Time
	step    time.Duration
	from    int // the first minute
	minutes int // of a step
	steps   int
	series  int // how many still need values
	// arena is where the values of series are cut from: one allocation for many targets.
	arena []float64
}

func (c *Collector) window(req collectors.Request) (*window, error) {
	if req.Step < time.Minute || req.Step%time.Minute != 0 {
		return nil, fmt.Errorf("step %s is not a whole number of minutes, which is what a trace has: %w", req.Step, models.ErrInvalid)
	}
	if !req.Start.Before(req.End) || offGrid(req.Start, req.Step) || offGrid(req.End, req.Step) {
		return nil, fmt.Errorf("the request from %s to %s is not one or more steps of %s on the clock: %w",
			req.Start.Format(time.RFC3339Nano), req.End.Format(time.RFC3339Nano), req.Step, models.ErrInvalid)
	}
	start, end := req.Start, req.End
	if start.Before(c.trace.Start) {
		start = c.trace.Start
	}
	if end.After(c.trace.End()) {
		end = c.trace.End()
	}
	// Only steps that the trace covers as a whole; both times are after 1970.
	step := int64(req.Step)
	first := (start.UnixNano() + step - 1) / step
	steps := end.UnixNano()/step - first
	if steps < 1 {
		return nil, fmt.Errorf("the trace %q is from %s to %s, which has no step of %s to %s: %w",
			c.trace.Name, c.trace.Start.Format(time.RFC3339), c.trace.End().Format(time.RFC3339),
			req.Start.Format(time.RFC3339), req.End.Format(time.RFC3339), models.ErrNoData)
	}
	w := &window{start: time.Unix(0, first*step).UTC(), step: req.Step, minutes: int(req.Step / time.Minute), steps: int(steps)}
	w.from = c.trace.Minute(w.start)
	return w, nil
}

// offGrid reports whether a time is not a multiple of the step since 1970, which is how a Series counts steps.
func offGrid(at time.Time, step time.Duration) bool { return at.UnixNano()%int64(step) != 0 }

// maxArena bounds the values in one allocation, so that a series that is kept does not keep much else alive.
const maxArena = 1 << 12

// values returns room for the values of a series.
func (w *window) values() []float64 {
	if len(w.arena) < w.steps {
		w.arena = make([]float64, w.steps*min(w.series, max(1, maxArena/w.steps)))
	}
	w.series--
	values := w.arena[:w.steps:w.steps]
	w.arena = w.arena[w.steps:]
	return values
}

// counts sums the rows by steps.
func (w *window) counts(rows []Row) (models.Series, error) {
	values := w.values()
	for _, row := range rows {
		values[(int(row.Minute)-w.from)/w.minutes] += float64(row.Count)
	}
	return models.SeriesOf(w.start, w.step, values)
}

// present has a value in the steps with rows.
func (w *window) present(rows []Row, value float64) (models.Series, error) {
	values := w.values()
	for i := range values {
		values[i] = math.NaN()
	}
	for _, row := range rows {
		values[(int(row.Minute)-w.from)/w.minutes] = value
	}
	return models.SeriesOf(w.start, w.step, values)
}
