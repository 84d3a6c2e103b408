package prometheus

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"pilotlight/models"
)

func TestPresetsAreValid(t *testing.T) {
	t.Parallel()
	for _, name := range Presets() {
		if name == presetCustom {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.URL, cfg.Preset, cfg.Selector = "http://fake.test", name, `cluster="eu"`
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			p, err := presetNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, signal := range []models.Signal{models.SignalInvocations, models.SignalDuration} {
				if p.queries[signal] == "" {
					t.Errorf("no query for %s", signal)
				}
			}
			for signal, query := range p.queries {
				// Every range ends with the step and is at least as long: nothing is repeated that is older than that.
				expanded := cfg.expand(query, time.Minute)
				if query != "" && !strings.Contains(expanded, "[1m]") && !strings.Contains(expanded, "[1m1ms]") {
					t.Errorf("%s looks at no range of a step: %s", models.Signal(signal), expanded)
				}
			}
		})
	}
}

func TestValidateReportsEverything(t *testing.T) {
	t.Parallel()
	cfg := Config{
		URL: "ftp://user:" + "s3cret" + "@host", Preset: "nomad", TargetID: "fixed", Group: "${", Selector: `{a="b"}`,
		Labels: map[string]string{"x": "$"}, Window: -1, MaxRetries: -1, MaxPointsPerQuery: 11001, MaxParallel: 1000,
		Queries: map[string]string{
			"invocations": "sum by (fn) (x{", "duration": "1", "errors": "up[5m]", "latency": "up", "memory": `up{${selector},${setp}}`,
		},
	}
	cfg.HTTP.BearerToken, cfg.HTTP.BearerTokenFile = "a", "b"
	err := cfg.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	var paths []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		path, _, _ := strings.Cut(line, ": ")
		paths = append(paths, path)
	}
	want := []string{
		"url", "http", "window", "sample_period", "timeout", "max_retries", "max_points_per_query", "max_series", "max_parallel",
		"dialect", "preset", "target_id", "group", "labels.x", "selector", "queries.latency",
		"queries.invocations", "queries.duration", "queries.errors", "queries.memory",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s\n%v", diff, err)
	}
	if strings.Contains(err.Error(), "s3cret") || !errors.Is(err, models.ErrInvalid) {
		t.Errorf("error %v", err)
	}
	if _, err := New("x", cfg, nil, nil); err == nil {
		t.Error("New accepts what Validate refuses")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string // "" is valid
	}{
		{"default", func(*Config) {}, ""},
		{"no url", func(c *Config) { c.URL = "" }, "url: is missing; set the base of the API"},
		{"no host", func(c *Config) { c.URL = "http:///x" }, "url: has no host"},
		{"unparsable", func(c *Config) { c.URL = "http://u:p%zz@h" }, "url: cannot be parsed"},
		{"full path", func(c *Config) { c.URL = "http://h/api/v1/" }, "url: ends with /api/v1"},
		{"fragment", func(c *Config) { c.URL = "http://h/#x" }, "url: has a fragment"},
		{"preset", func(c *Config) { c.Preset = "lambda" }, "is not one of generic, knative, knative-legacy, openfaas, aws-lambda-yace"},
		{"id without label", func(c *Config) { c.TargetID = "all" }, "target_id: \"all\" uses no label"},
		{"custom", func(c *Config) { c.Preset = presetCustom }, "target_id: \"\" uses no label"},
		{"custom without queries", func(c *Config) { c.Preset, c.TargetID = presetCustom, "${x}" }, "queries: no signal has a query"},
		{"custom complete", func(c *Config) {
			c.Preset, c.TargetID, c.Queries = presetCustom, "${x}", map[string]string{"invocations": "sum by (x) (y)"}
		}, ""},
		{"meta", func(c *Config) { c.Meta = map[string]string{"p50": "up"} }, "meta.p50: \"p50\" is not one of memory_mb, cold_start"},
		{"meta syntax", func(c *Config) { c.Meta = map[string]string{"memory_mb": "sum("} }, "meta.memory_mb: is not PromQL"},
		{"signal", func(c *Config) { c.Queries = map[string]string{"invocation": "up"} }, "queries.invocation: signal \"invocation\" is not one of"},
		{"off", func(c *Config) { c.Queries = map[string]string{"errors": ""} }, ""},
		{"all off", func(c *Config) {
			c.Queries = map[string]string{}
			for _, s := range models.Signals() {
				c.Queries[s.String()] = ""
			}
		}, "queries: no signal has a query"},
		{"variable", func(c *Config) { c.Queries = map[string]string{"errors": "up{a=\"${interval}\"}"} }, "${interval} is not a variable; there are step,"},
		{"open variable", func(c *Config) { c.Queries = map[string]string{"errors": "up[${step"} }, "${ is not closed"},
		{"regexp group", func(c *Config) {
			c.Queries = map[string]string{"errors": `label_replace(up, "function", "${1}$2", "job", "(.*)(.*)")`}
		}, ""},
		{"syntax", func(c *Config) { c.Queries = map[string]string{"errors": "sum by (function"} }, "queries.errors: is not PromQL: "},
		{"dialect", func(c *Config) {
			c.Queries, c.SkipSyntaxCheck = map[string]string{"errors": "sum(increase(x)) by (function) keep_metric_names"}, true
		}, ""},
		{"metricsql", func(c *Config) {
			c.Queries, c.Dialect = map[string]string{"errors": "sum(increase(x)) by (function) keep_metric_names"}, "metricsql"
		}, ""},
		{"unknown dialect", func(c *Config) { c.Dialect = "sql" }, "dialect: \"sql\" is not promql or metricsql"},
		{"scalar", func(c *Config) { c.Queries = map[string]string{"errors": "scalar(up)"} }, "gives a scalar"},
		{"range", func(c *Config) { c.Queries = map[string]string{"errors": "up[5m]"} }, "gives a range vector"},
		{"grouping", func(c *Config) { c.Queries = map[string]string{"errors": "2 * (sum by (app) (x)) / 3"} }, `groups by (app), but target_id needs the label "function"`},
		{"join", func(c *Config) {
			c.Queries = map[string]string{"errors": "sum by (app) (x) * on (app) group_right sum by (function, app) (y)"}
		}, ""},
		{"no selector", func(c *Config) { c.Selector, c.Queries = `a="b"`, map[string]string{"errors": "x"} }, "queries.errors: has no ${selector}"},
		{"selector", func(c *Config) { c.Selector = "a=b" }, "selector: is not a list of label matchers"},
		{"selector escape", func(c *Config) { c.Selector = `a="b"} or vector(1) or up{a="c"` }, "selector: is not a list of label matchers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.URL = "http://prometheus.test:9090/prefix"
			test.change(&cfg)
			err := cfg.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestYAML(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	err := yaml.Unmarshal([]byte(`
url: http://prometheus.test
http: {authorization: {credentials: s3cret}, tls_config: {insecure_skip_verify: true}}
preset: knative
queries:
  errors:
  memory: ""
  invocations: sum by (k8s_namespace_name, kn_configuration_name) (increase(x[${window}]))
window: 2m
timeout: 1m
`), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := New("x", cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for signal, query := range c.queries {
		if query != "" {
			have = append(have, models.Signal(signal).String())
		}
	}
	if diff := cmp.Diff([]string{"invocations", "duration", "concurrency"}, have); diff != "" {
		t.Errorf("signals with a query (-want +got):\n%s", diff)
	}
	if !cfg.HTTP.FollowRedirects || cfg.MaxRetries != 3 || cfg.Window.Std() != 2*time.Minute {
		t.Errorf("defaults are lost: %+v", cfg)
	}
	if text, err := yaml.Marshal(cfg); err != nil || strings.Contains(string(text), "s3cret") {
		t.Errorf("%s, error %v", text, err)
	}
}
