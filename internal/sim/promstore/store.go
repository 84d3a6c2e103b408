// Package promstore is a Prometheus inside the process: its time series database and its query engine, with the part of its HTTP
// API that readers use. Samples come from code instead of scrapes and may have any times, so recorded traffic can be read through
// the real collector for Prometheus. It forgets everything when it is closed, apart from files in its directory, which its owner
// removes.
package promstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"pilotlight/models"
)

const (
	// blockRange is how much time one block holds. The default of two hours would write a folder for each of them.
	blockRange = 24 * time.Hour
	// commitEvery is how many samples are committed together.
	commitEvery = 20_000

	defaultMaxSamples = 50_000_000
	defaultTimeout    = 2 * time.Minute
	defaultLookback   = 5 * time.Minute
	defaultOutOfOrder = 2 * time.Hour
)

// Options say how a Store behaves. The zero Options are the defaults of Prometheus.
type Options struct {
	// Now is the time of queries that name none; nil stands for the time of the newest sample.
	Now func() time.Time
	// Logger gets what the database has to say; nil is silence.
	Logger *slog.Logger
	// MaxSamples bounds the samples that one query holds in memory; 0 is 50 million.
	MaxSamples int
	// Timeout bounds the time of one query; 0 is two minutes.
	Timeout time.Duration
	// OutOfOrder is how much older than the newest sample a sample may be; 0 is two hours.
	OutOfOrder time.Duration
}

func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxSamples == 0 {
		o.MaxSamples = defaultMaxSamples
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.OutOfOrder == 0 {
		o.OutOfOrder = defaultOutOfOrder
	}
}

func (o *Options) validate() error {
	if o.MaxSamples < 0 || o.Timeout < 0 || o.OutOfOrder < 0 {
		return fmt.Errorf("max samples %d, timeout %s and out-of-order window %s must not be negative: %w",
			o.MaxSamples, o.Timeout, o.OutOfOrder, models.ErrInvalid)
	}
	return nil
}

// Label is a name and value that tell series of a metric apart.
type Label struct{ Name, Value string }

// Series is one time series that samples can be appended to.
type Series struct {
	labels labels.Labels
	// ref is where the database keeps the series; 0 before the first sample.
	ref storage.SeriesRef
}

// NewSeries returns the series of a metric with these labels, in any order. It returns an error wrapping models.ErrInvalid for names
// that Prometheus would not take, labels that appear twice, and values that are not UTF-8.
func NewSeries(metric string, with ...Label) (*Series, error) {
	if !model.LegacyValidation.IsValidMetricName(metric) {
		return nil, fmt.Errorf("metric name %q: %w", metric, models.ErrInvalid)
	}
	set := map[string]string{model.MetricNameLabel: metric}
	for _, l := range with {
		_, twice := set[l.Name]
		if !model.LegacyValidation.IsValidLabelName(l.Name) || !model.LabelValue(l.Value).IsValid() || twice {
			return nil, fmt.Errorf("label %q of metric %s is badly named, not UTF-8 or there twice: %w", l.Name, metric, models.ErrInvalid)
		}
		set[l.Name] = l.Value
	}
	return &Series{labels: labels.FromMap(set)}, nil
}

// Sample is a value of a series at a time, of which whole milliseconds count.
type Sample struct {
	Series *Series
	Time   time.Time
	Value  float64
}

// Store is an embedded Prometheus. Appending is for one goroutine at a time; queries may run meanwhile.
type Store struct {
	options Options
	db      *tsdb.DB
	engine  *promql.Engine
}

// Open makes an empty Store that keeps files in dir, which is made if it is missing and must be empty: what an earlier Store left
// there is not complete.
func Open(dir string, options Options) (*Store, error) {
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("open metric store: %w", err)
	}
	options.fill()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open metric store: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("open metric store: %s is not empty; name an empty folder: %w", dir, models.ErrConflict)
	}
	o := tsdb.DefaultOptions()
	o.WALSegmentSize = -1   // nothing has to survive, and loading is twice as fast without a log
	o.RetentionDuration = 0 // keep everything
	o.MinBlockDuration = blockRange.Milliseconds()
	o.MaxBlockDuration = blockRange.Milliseconds()
	o.OutOfOrderTimeWindow = options.OutOfOrder.Milliseconds()
	db, err := tsdb.Open(dir, options.Logger, nil, o, nil)
	if err != nil {
		return nil, fmt.Errorf("open metric store in %s: %w", dir, err)
	}
	engine := promql.NewEngine(promql.EngineOpts{
		Logger:               options.Logger,
		MaxSamples:           options.MaxSamples,
		Timeout:              options.Timeout,
		LookbackDelta:        defaultLookback,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               parser.NewParser(parser.Options{}),
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return time.Minute.Milliseconds() // the default evaluation interval of Prometheus
		},
	})
	return &Store{options: options, db: db, engine: engine}, nil
}

// Append stores samples. Those of a series should come in the order of time; older ones are accepted within the out-of-order
// window. It returns an error wrapping models.ErrConflict for a sample that is too old or contradicts one that is there, and the
// cause of ctx if that ends; some of the samples may be stored then. NaN is a value like others.
func (s *Store) Append(ctx context.Context, samples []Sample) error {
	for part := range slices.Chunk(samples, commitEvery) {
		if ctx.Err() != nil {
			return fmt.Errorf("append samples: %w", context.Cause(ctx))
		}
		if err := s.commit(ctx, part); err != nil {
			return fmt.Errorf("append samples: %w", err)
		}
	}
	return nil
}

func (s *Store) commit(ctx context.Context, samples []Sample) error {
	app := s.db.Appender(ctx)
	for i := range samples {
		sample := &samples[i]
		ref, err := app.Append(sample.Series.ref, sample.Series.labels, sample.Time.UnixMilli(), sample.Value)
		if err != nil {
			err = fmt.Errorf("%s at %s: %w", sample.Series.labels, sample.Time.UTC().Format(time.RFC3339Nano), err)
			return errors.Join(classify(err), app.Rollback())
		}
		sample.Series.ref = ref
	}
	return app.Commit()
}

// classify wraps the error of an append with what it means.
func classify(err error) error {
	for _, conflict := range []error{storage.ErrOutOfOrderSample, storage.ErrOutOfBounds, storage.ErrTooOldSample, storage.ErrDuplicateSampleForTimestamp} {
		if errors.Is(err, conflict) {
			return fmt.Errorf("%w; append in the order of time: %w", err, models.ErrConflict)
		}
	}
	return err
}

// now returns the time of queries that name none.
func (s *Store) now() time.Time {
	if s.options.Now != nil {
		return s.options.Now()
	}
	newest := s.db.Head().MaxTime()
	if newest == math.MinInt64 {
		return time.Unix(0, 0)
	}
	return time.UnixMilli(newest)
}

// Close ends the Store and what runs in the background. Queries must have ended.
func (s *Store) Close() error {
	return errors.Join(s.engine.Close(), s.db.Close())
}
