package prometheus

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"pilotlight/models"
)

// Validate returns everything that is wrong with the configuration, each problem prefixed by its path. All wrap
// models.ErrInvalid.
func (c *Config) Validate() error {
	var errs []error
	report := func(path string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	_, err := parseURL(c.URL)
	report("url", err)
	if err := c.HTTP.Validate(); err != nil {
		report("http", fmt.Errorf("%w: %w", err, models.ErrInvalid))
	}
	c.validateNumbers(report)
	if c.Dialect != dialectPromQL && c.Dialect != dialectMetricsQL {
		report("dialect", fmt.Errorf("%q is not %s or %s: %w", clean(c.Dialect), dialectPromQL, dialectMetricsQL, models.ErrInvalid))
	}
	p, err := presetNamed(c.Preset)
	report("preset", err)
	c.validateTemplates(p, report)
	c.validateQueries(p, report)
	return errors.Join(errs...)
}

func parseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, fmt.Errorf("is missing; set the base of the API, such as http://prometheus:9090: %w", models.ErrInvalid)
	}
	u, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse holds the text, which may hold a password.
		return nil, fmt.Errorf("cannot be parsed; write it like http://prometheus:9090: %w", models.ErrInvalid)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("scheme %q is not http or https: %w", u.Scheme, models.ErrInvalid)
	case u.Host == "":
		return nil, fmt.Errorf("has no host; write it like http://prometheus:9090: %w", models.ErrInvalid)
	case u.Fragment != "":
		return nil, fmt.Errorf("has a fragment (#...); remove it: %w", models.ErrInvalid)
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/api/v1"):
		return nil, fmt.Errorf("ends with /api/v1, which is added by itself; remove it: %w", models.ErrInvalid)
	}
	return u, nil
}

func (c *Config) validateNumbers(report func(string, error)) {
	positive := func(path string, bad bool, value any, rule string) {
		if bad {
			report(path, fmt.Errorf("%v is not %s: %w", value, rule, models.ErrInvalid))
		}
	}
	positive("window", c.Window < 0, c.Window, "0 or more")
	positive("sample_period", c.SamplePeriod <= 0, c.SamplePeriod, "above 0")
	positive("lookback", c.Lookback < 0, c.Lookback, "0 or more")
	positive("timeout", c.Timeout <= 0, c.Timeout, "above 0")
	positive("max_retries", c.MaxRetries < 0 || c.MaxRetries > 100, c.MaxRetries, "between 0 and 100")
	positive("max_points_per_query", c.MaxPointsPerQuery < 1 || c.MaxPointsPerQuery > maxPoints, c.MaxPointsPerQuery,
		fmt.Sprintf("between 1 and %d", maxPoints))
	positive("max_series", c.MaxSeries < 1, c.MaxSeries, "above 0")
	positive("max_parallel", c.MaxParallel < 1 || c.MaxParallel > 64, c.MaxParallel, "between 1 and 64")
}

func (c *Config) validateTemplates(p preset, report func(string, error)) {
	text := firstOf(c.TargetID, p.targetID)
	id, err := parseTemplate(text)
	if err == nil && len(id.labels()) == 0 && (text != "" || c.Preset == presetCustom) {
		err = fmt.Errorf("%q uses no label, so all series would be one target; write it like ${namespace}/${function}: %w",
			clean(text), models.ErrInvalid)
	}
	report("target_id", err)
	_, err = parseTemplate(firstOf(c.Group, p.group))
	report("group", err)
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if name == "" || len(name) > 128 {
			report("labels", fmt.Errorf("name %q is empty or too long: %w", clean(name), models.ErrInvalid))
			continue
		}
		_, err := parseTemplate(c.Labels[name])
		report("labels."+name, err)
	}
}

func (c *Config) validateQueries(p preset, report func(string, error)) {
	report("selector", checkSelector(c.Selector, !c.checksSyntax()))
	for _, name := range slices.Sorted(maps.Keys(c.Queries)) {
		_, err := models.ParseSignal(name)
		report("queries."+clean(name), err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Meta)) {
		_, err := parseMeta(name)
		report("meta."+clean(name), err)
	}
	queries, some := c.queries(p), false
	for _, signal := range models.Signals() {
		query := queries[signal]
		if query == "" {
			continue
		}
		some = true
		report("queries."+signal.String(), c.checkQuery(query, p))
	}
	for n, query := range c.metaQueries(p) {
		if query != "" {
			report("meta."+metaNames()[n], c.checkQuery(query, p))
		}
	}
	if !some && (p.targetID != "" || c.Preset == presetCustom) {
		report("queries", fmt.Errorf("no signal has a query; set at least invocations: %w", models.ErrInvalid))
	}
}

func (c *Config) checksSyntax() bool { return c.Dialect != dialectMetricsQL && !c.SkipSyntaxCheck }

func (c *Config) checkQuery(query string, p preset) error {
	if err := checkVariables(query); err != nil {
		return err
	}
	if c.Selector != "" && !strings.Contains(query, "${selector}") {
		return fmt.Errorf("has no ${selector}, so the selector would not apply to it; add ${selector} to its braces: %w",
			models.ErrInvalid)
	}
	if !c.checksSyntax() {
		return nil
	}
	return checkSyntax(c.expand(query, sampleStep), firstOf(c.TargetID, p.targetID))
}

// queries returns the query of each signal, with the overrides applied.
func (c *Config) queries(p preset) [models.NumSignals]string {
	out := p.queries
	for name, query := range c.Queries {
		if signal, err := models.ParseSignal(name); err == nil {
			out[signal] = strings.TrimSpace(query)
		}
	}
	return out
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
