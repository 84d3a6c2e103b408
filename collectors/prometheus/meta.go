package prometheus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotlight/collectors"
	"pilotlight/models"
)

const (
	// metaSpan is the range that queries about targets look back over: a day has the busy and the quiet hours.
	metaSpan = 24 * time.Hour
	// metaEvery is how long their answers are used.
	metaEvery = time.Hour
)

// metaName is something that is known about a target beyond series.
type metaName int

const (
	metaMemory metaName = iota
	metaColdStart
	metaP50
	metaP99
	numMeta
)

// metaNames are the names in the configuration.
func metaNames() []string { return []string{"memory_mb", "cold_start", "duration_p50", "duration_p99"} }

func parseMeta(name string) (metaName, error) {
	i := slices.Index(metaNames(), name)
	if i < 0 {
		return 0, fmt.Errorf("%q is not one of %s: %w", clean(name), strings.Join(metaNames(), ", "), models.ErrInvalid)
	}
	return metaName(i), nil
}

// set puts a value in the unit of the query (MB or seconds) into the meta data of a target.
func (n metaName) set(meta *collectors.Meta, value float64) {
	switch n {
	case metaMemory:
		meta.MemoryMB = value
	case metaColdStart:
		meta.ColdStart = models.Seconds(value)
	case metaP50:
		meta.DurationP50 = models.Seconds(value)
	case metaP99:
		meta.DurationP99 = models.Seconds(value)
	case numMeta:
	}
}

// quantile is a quantile over a day from the buckets of a histogram.
func quantile(q, by, metric string) string {
	return "histogram_quantile(" + q + ", sum by (" + by + ", le) (increase(" + metric + "_bucket{${selector}}[${window}])))"
}

// quantiles are the queries for the quantiles of the duration; unit is what the result is divided by, "" for seconds.
func quantiles(by, metric, unit string) [numMeta]string {
	return [numMeta]string{metaP50: quantile("0.5", by, metric) + unit, metaP99: quantile("0.99", by, metric) + unit}
}

// metaQueries returns the query of each name, with the overrides applied. A query of the preset that does not fit another
// target_id is left out: nothing depends on it.
func (c *Config) metaQueries(p preset) [numMeta]string {
	out := p.meta
	for n, query := range out {
		if query != "" && c.TargetID != "" && checkSyntax(c.expand(query, sampleStep), c.TargetID) != nil {
			out[n] = ""
		}
	}
	for name, query := range c.Meta {
		if n, err := parseMeta(name); err == nil {
			out[n] = strings.TrimSpace(query)
		}
	}
	return out
}

// metaCache keeps the last answers. They depend on the hour only, so a request has the same answer whoever fills the cache.
type metaCache struct {
	turn   chan struct{} // holds one token: who has it may read and fill the cache
	at     time.Time
	values map[models.TargetID]collectors.Meta
}

func newMetaCache() *metaCache {
	m := &metaCache{turn: make(chan struct{}, 1)}
	m.turn <- struct{}{}
	return m
}

// describeAll adds what is known about the targets at the last full hour before the end of the request. What cannot be read
// becomes a warning: the series are of use without it.
func (c *Collector) describeAll(ctx context.Context, end time.Time, result *collectors.Result) error {
	if c.metaQueries == [numMeta]string{} {
		return nil
	}
	select {
	case <-c.meta.turn:
		defer func() { c.meta.turn <- struct{}{} }()
	case <-ctx.Done():
		return canceled(ctx)
	}
	if at := end.Truncate(metaEvery); !at.Equal(c.meta.at) || c.meta.values == nil {
		values, warnings := c.readMeta(ctx, at)
		if ctx.Err() != nil {
			return canceled(ctx)
		}
		// Also an answer with failures is kept for the hour, so that a source that cannot answer is not asked at every step.
		c.meta.at, c.meta.values = at, values
		result.Warnings = append(result.Warnings, warnings...)
	}
	for i := range result.Targets {
		target := &result.Targets[i]
		group := target.Meta.Group
		target.Meta = c.meta.values[target.ID]
		target.Meta.Group = group
	}
	return nil
}

// readMeta asks for everything that is known about targets at a time.
func (c *Collector) readMeta(ctx context.Context, at time.Time) (map[models.TargetID]collectors.Meta, []string) {
	values := map[models.TargetID]collectors.Meta{}
	var warnings []string
	for n, query := range c.metaQueries {
		if query == "" {
			continue
		}
		s := span{start: at.Add(-metaSpan), step: metaSpan, n: 1}
		t := newTable(models.SignalDuration, s, c.id)
		got, err := c.client.query(ctx, models.SignalDuration, c.cfg.expand(query, metaSpan), s)
		if err == nil {
			err = c.file(t, got.value)
		}
		if err != nil {
			warnings = append(warnings, "meta."+metaNames()[n]+": "+clean(err.Error()))
			continue
		}
		for id, col := range t.finish() {
			meta := values[id]
			metaName(n).set(&meta, col.values[0])
			values[id] = meta
		}
		for _, p := range t.problems.all() {
			warnings = append(warnings, "meta."+metaNames()[n]+": "+clean(p.Err.Error()))
		}
	}
	return values, warnings
}
