package prometheus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"pilotlight/collectors"
	"pilotlight/models"
)

// Collector reads the series of all targets of one Prometheus. It is safe for concurrent use and holds no state between
// calls but idle connections.
type Collector struct {
	name    string
	cfg     Config
	queries [models.NumSignals]string
	id      template
	group   template
	labels  []labelTemplate
	client  *client
	logger  *slog.Logger
	metrics *metrics
	close   func()

	metaQueries [numMeta]string
	meta        *metaCache
}

type labelTemplate struct {
	name  string
	value template
}

var _ collectors.Collector = (*Collector)(nil)

// New builds a collector of that name. It validates the configuration and reads the certificate files it names, but neither
// connects nor starts anything. The logger and the registerer may be nil. Close frees its idle connections.
func New(name string, cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("prometheus collector %q: %w", clean(name), err)
	}
	hc, err := config.NewClientFromConfig(cfg.HTTP, "pilotlight_"+name, config.WithUserAgent("pilotlight"))
	if err != nil {
		return nil, fmt.Errorf("prometheus collector %q: http: %w", clean(name), err)
	}
	c, err := build(name, cfg, logger, reg, hc.Transport)
	if err != nil {
		return nil, fmt.Errorf("prometheus collector %q: %w", clean(name), err)
	}
	c.close = hc.CloseIdleConnections
	return c, nil
}

// build assembles a collector from a valid configuration and a transport.
func build(name string, cfg Config, logger *slog.Logger, reg prometheus.Registerer, rt http.RoundTripper) (*Collector, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	p, err := presetNamed(cfg.Preset)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(name, reg)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	c := &Collector{
		name: name, cfg: cfg, queries: cfg.queries(p), metrics: m, close: func() {},
		metaQueries: cfg.metaQueries(p), meta: newMetaCache(),
		logger: logger.With("component", "collector", "collector", name),
	}
	if c.client, err = newClient(cfg, rt, c.logger, m); err != nil {
		return nil, err
	}
	if c.id, err = parseTemplate(firstOf(cfg.TargetID, p.targetID)); err != nil {
		return nil, err
	}
	if c.group, err = parseTemplate(firstOf(cfg.Group, p.group)); err != nil {
		return nil, err
	}
	for _, label := range slices.Sorted(maps.Keys(cfg.Labels)) {
		value, err := parseTemplate(cfg.Labels[label])
		if err != nil {
			return nil, err
		}
		c.labels = append(c.labels, labelTemplate{name: label, value: value})
	}
	return c, nil
}

// Close frees idle connections. The collector can be used afterwards.
func (c *Collector) Close() { c.close() }

// Collect implements collectors.Collector. All signals are read at the same time, as far as max_parallel allows, each by one
// query for all targets, sliced where the range is long. With the duration it also reads what is known about targets, once an
// hour. It returns an error wrapping models.ErrNoData if invocations were
// asked for and there are none, models.ErrInvalid for a request that is not on its grid, and the error of ctx if that ended.
func (c *Collector) Collect(ctx context.Context, req collectors.Request) (collectors.Result, error) {
	s, err := newSpan(req)
	if err != nil {
		return collectors.Result{}, fmt.Errorf("collector %q: %w", c.name, err)
	}
	signals, err := c.sourced(req.Signals)
	if err != nil {
		return collectors.Result{}, fmt.Errorf("collector %q: %w", c.name, err)
	}
	reads := make([]reading, len(signals))
	var group errgroup.Group
	group.SetLimit(c.cfg.MaxParallel)
	for i, signal := range signals {
		group.Go(func() error {
			reads[i] = c.read(ctx, signal, s)
			return nil
		})
	}
	_ = group.Wait() // the functions return nil; errors are in reads
	if ctx.Err() != nil {
		return collectors.Result{}, fmt.Errorf("collector %q: %w", c.name, canceled(ctx))
	}
	out, err := c.assemble(s, reads)
	if err == nil && slices.Contains(signals, models.SignalDuration) {
		err = c.describeAll(ctx, req.End, &out)
	}
	if err != nil {
		return out, fmt.Errorf("collector %q: %w", c.name, err)
	}
	return out, nil
}

// sourced returns those of the signals that have a query, in their order, each once.
func (c *Collector) sourced(asked []models.Signal) ([]models.Signal, error) {
	var out []models.Signal
	for _, signal := range models.Signals() {
		if slices.Contains(asked, signal) && c.queries[signal] != "" {
			out = append(out, signal)
		}
	}
	for _, signal := range asked {
		if !slices.Contains(models.Signals(), signal) {
			return nil, fmt.Errorf("%s is not a signal: %w", signal, models.ErrInvalid)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no query for any of the signals %v; set queries or another preset: %w", asked, models.ErrNoData)
	}
	return out, nil
}

// reading is what was read of one signal.
type reading struct {
	signal   models.Signal
	columns  map[models.TargetID]*column
	problems []collectors.Problem
	warnings []string
	err      error
}

// read reads one signal, slice after slice.
func (c *Collector) read(ctx context.Context, signal models.Signal, s span) reading {
	r := reading{signal: signal}
	t := newTable(signal, s, c.id)
	promql := c.cfg.expand(c.queries[signal], s.step)
	for from, size := 0, c.cfg.MaxPointsPerQuery; from < s.n; {
		part := s.slice(from, min(size, s.n-from))
		got, err := c.client.query(ctx, signal, promql, part)
		for _, note := range got.notes {
			r.warnings = append(r.warnings, signal.String()+": "+clean(note))
		}
		if f, ok := errors.AsType[*failure](err); ok && f.smaller && part.n > 1 {
			size = part.n / 2
			c.logger.DebugContext(ctx, "query is repeated over a shorter range", "signal", signal.String(), "steps", size,
				"error", err)
			continue
		}
		if err == nil {
			err = c.file(t, got.value)
		}
		if err != nil {
			r.err = err
			return r
		}
		from += part.n
	}
	r.columns = t.finish()
	r.problems = t.problems.all()
	return r
}

// file puts an answer into the table, unless it has more series than allowed: a part of them would look like all.
func (c *Collector) file(t *table, value model.Value) error {
	n := 0
	switch v := value.(type) {
	case model.Matrix:
		n = len(v)
	case model.Vector:
		n = len(v)
	}
	if n > c.cfg.MaxSeries {
		return fmt.Errorf("the query gives more than max_series %d series; aggregate by the labels of target_id, narrow it by "+
			"selector, or raise max_series: %w", c.cfg.MaxSeries, models.ErrInvalid)
	}
	if err := t.add(value); err != nil {
		return fmt.Errorf("the query %w", err)
	}
	return nil
}
