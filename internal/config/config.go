// Package config reads the configuration of Pilotlight: defaults, overlaid by a strictly decoded YAML file, validated as a
// whole, then immutable. Every problem of a file is reported at once, each with its path, its line and what to do.
//
// Secrets never stand in the file: keys that end in _file or _env say where they are, and they are read by Tokens or by the
// parts themselves, so that neither Redacted nor Hash can hold them.
package config

import (
	"fmt"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// Server configures the API.
type Server struct {
	// Listen is the address of the API as host:port; port 0 takes a free one.
	Listen string
	// Open lets everybody who reaches the address do everything without a token. Only on the loopback interface.
	Open bool
}

// Storage configures the journal on disk.
type Storage struct {
	// Dir is the folder, MaxAge how long records are kept.
	Dir    string
	MaxAge time.Duration
}

// Engine configures the loop from samples to actions.
type Engine struct {
	// Mode says how far Pilotlight may go.
	Mode models.Mode
	// Interval is the time between ticks, Step the length of one step of a series.
	Interval, Step time.Duration
	// IngestionDelay is how long after its end a step is complete in the source.
	IngestionDelay time.Duration
	// Lookback is how much history is read at the start.
	Lookback time.Duration
	// ActionTTL is how long an action may be sent after it was decided.
	ActionTTL time.Duration
	// StaleAfter is how old the newest sample may be before data counts as missing.
	StaleAfter time.Duration
	// OutOfBandBackoff is how long a target is left alone after somebody else changed it.
	OutOfBandBackoff time.Duration
	// ForgetAfter is how long no collector must have reported a target before it is forgotten; 0 is never.
	ForgetAfter time.Duration
	// Rehearse asks platforms that can tell whether they would accept what dry-run mode advises.
	Rehearse bool
	// Workers is how many targets are worked on at once; 0 is one for each processor.
	Workers int
	// ObserveEvery is how long a look at a platform is trusted while nothing changes; 0 looks at every tick.
	ObserveEvery time.Duration
	// RestartHold is how long after the start no capacity is lowered.
	RestartHold time.Duration
	// Recent is how much of the samples is kept in memory for the API.
	Recent time.Duration
	// CheckpointEvery is the time between saves of the state of the forecasters.
	CheckpointEvery time.Duration
}

// Config is a valid configuration. It is immutable and safe for concurrent use; get it from Load or Parse.
type Config struct {
	dir        string
	env        Env
	server     Server
	storage    Storage
	engine     Engine
	predictor  predictor.Config
	policies   []policy.Config
	shared     policy.Shared
	collectors []Part
	actuators  []Part
	matcher    matcher
	tokens     []rawToken
	hints      []timedHint
	calendars  []string // the hashes of the files of calendars

	externalScaler  ExternalScaler
	externalMetrics ExternalMetrics

	warnings []string
	redacted string
	hash     string
}

// Env looks a variable of the environment up, as os.LookupEnv does.
type Env func(name string) (string, bool)

// Server returns the configuration of the API. Its tokens are returned by Tokens.
func (c *Config) Server() Server { return c.server }

// Storage returns the configuration of the journal; Dir is resolved against the folder of the file.
func (c *Config) Storage() Storage { return c.storage }

// Engine returns the configuration of the engine.
func (c *Config) Engine() Engine { return c.engine }

// Predictor returns the configuration of the predictor.
func (c *Config) Predictor() predictor.Config { return deepCopy(c.predictor) }

// Collectors returns the collectors in the order of the file; there is at least one.
func (c *Config) Collectors() []Part { return slices.Clone(c.collectors) }

// Actuators returns the actuators in the order of the file.
func (c *Config) Actuators() []Part { return slices.Clone(c.actuators) }

// Policies returns the policies: the default at index 0, then one for each target entry that overrides parts of it. Match
// says which one a target has.
func (c *Config) Policies() []policy.Config {
	out := make([]policy.Config, len(c.policies))
	for i, p := range c.policies {
		out[i] = deepCopy(p)
	}
	return out
}

// Shared returns the quotas and budgets that targets share.
func (c *Config) Shared() policy.Shared { return deepCopy(c.shared) }

// OldPrices returns a warning for each policy whose prices were read more than a year before now.
func (c *Config) OldPrices(now time.Time) []string {
	var out []string
	for i := range c.policies {
		p := &c.policies[i].Prices
		text := fmt.Sprintf("prices of %s %s are of %s, more than a year old: compare them with the platform's list, and set "+
			"prices.warm_gb_second and prices.as_of", p.Platform, p.Region, p.AsOfDate())
		if p.Outdated(now) && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// Warnings returns what is allowed but suspicious, in the order of the file.
func (c *Config) Warnings() []string { return slices.Clone(c.warnings) }

// Redacted returns the effective configuration as YAML: defaults filled in, secrets left out.
func (c *Config) Redacted() string { return c.redacted }

// Hash returns 64 hexadecimal digits that change when anything effective changes: SHA-256 of Redacted and of
// the calendars it names. Secrets count by the
// name of their file or variable, not by value; comments, order of keys and the place of the file do not count.
func (c *Config) Hash() string { return c.hash }
