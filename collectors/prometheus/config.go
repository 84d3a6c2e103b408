package prometheus

import (
	"time"

	"github.com/prometheus/common/config"

	"pilotlight/models"
)

// maxPoints is the number of points per series that Prometheus answers at most to one range query.
const maxPoints = 11000

// The dialects of queries.
const (
	dialectPromQL    = "promql"
	dialectMetricsQL = "metricsql"
)

// Config says what to read from where.
type Config struct {
	// URL is the base of the HTTP API, such as http://prometheus:9090 or https://mimir.example.com/prometheus.
	URL string `yaml:"url"`
	// HTTP holds authentication, TLS, proxy and headers, exactly as in Prometheus' own configuration.
	HTTP config.HTTPClientConfig `yaml:"http"`
	// Preset names the set of queries to start from; see Presets.
	Preset string `yaml:"preset"`
	// Queries override the preset: signal name to PromQL. An empty query turns the signal off.
	Queries map[string]string `yaml:"queries"`
	// Meta override the preset's queries about targets: memory_mb, cold_start, duration_p50 and duration_p99 (in seconds), each
	// over a day and asked for once an hour. An empty query turns one off.
	Meta map[string]string `yaml:"meta"`
	// Selector holds extra label matchers for every query, such as cluster="eu",env="prod".
	Selector string `yaml:"selector"`
	// TargetID makes the id of a target from the labels of its series, such as ${namespace}/${name}; empty takes the preset's.
	TargetID string `yaml:"target_id"`
	// Group makes the group (application or owner) in the same way; empty takes the preset's.
	Group string `yaml:"group"`
	// Labels adds labels to the target, each made from the labels of its series in the same way.
	Labels map[string]string `yaml:"labels"`
	// Window is the range for increase() and rate(); the step if that is longer. Set it to at least twice the scrape interval
	// where functions are scraped less often than twice per step.
	Window models.Duration `yaml:"window"`
	// SamplePeriod is the period that one sample of a cloud exporter sums up (YACE's period, Azure's interval).
	SamplePeriod models.Duration `yaml:"sample_period"`
	// Lookback is how long Prometheus may repeat the last value of a plain gauge; 0 leaves it to the server, usually 5m.
	Lookback models.Duration `yaml:"lookback"`
	// Timeout bounds one request to the server; the server is asked to keep it too.
	Timeout models.Duration `yaml:"timeout"`
	// MaxRetries is how often a request is repeated after 429, 502, 503, 504 or a broken connection.
	MaxRetries int `yaml:"max_retries"`
	// MaxPointsPerQuery is the longest range of one query in steps, at most 11,000; longer requests are sliced.
	MaxPointsPerQuery int `yaml:"max_points_per_query"`
	// MaxSeries is how many series one query may answer; more fail the signal.
	MaxSeries int `yaml:"max_series"`
	// MaxParallel is how many queries run at a time.
	MaxParallel int `yaml:"max_parallel"`
	// Dialect is promql, or metricsql for VictoriaMetrics, whose increase() takes the sample before its range into account: there
	// ${window} is exactly the step, and the syntax of queries is not checked.
	Dialect string `yaml:"dialect"`
	// SkipSyntaxCheck leaves the check of queries to the server.
	SkipSyntaxCheck bool `yaml:"skip_syntax_check"`
}

// DefaultConfig returns the defaults; only URL lacks one.
func DefaultConfig() Config {
	return Config{
		HTTP:              config.DefaultHTTPClientConfig,
		Preset:            presetGeneric,
		Dialect:           dialectPromQL,
		SamplePeriod:      models.Duration(time.Minute),
		Timeout:           models.Duration(30 * time.Second),
		MaxRetries:        3,
		MaxPointsPerQuery: maxPoints,
		MaxSeries:         100_000,
		MaxParallel:       4,
	}
}
