package config

import (
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"

	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// document is a file that was read: its nodes, and what overrides it.
type document struct {
	name string
	root *yaml.Node
	// mode overrides engine.mode unless it is "".
	mode models.Mode
}

// rawConfig is the shape of the file, and of the effective configuration that is shown.
type rawConfig struct {
	Server  rawServer  `yaml:"server"`
	Storage rawStorage `yaml:"storage"`

	ExternalScaler  rawExternalScaler  `yaml:"external_scaler"`
	ExternalMetrics rawExternalMetrics `yaml:"external_metrics"`

	Engine     rawEngine        `yaml:"engine"`
	Predictor  predictor.Config `yaml:"predictor"`
	Policy     policy.Config    `yaml:"policy"`
	Quotas     []rawQuota       `yaml:"quotas"`
	Budgets    []rawBudget      `yaml:"budgets"`
	Collectors []rawCollector   `yaml:"collectors"`
	Actuators  []rawActuator    `yaml:"actuators"`
	Targets    []rawTarget      `yaml:"targets"`

	Hints         []rawHint     `yaml:"hints"`
	HintCalendars []rawCalendar `yaml:"hint_calendars"`
}

// rawServer is the server block.
type rawServer struct {
	Listen string     `yaml:"listen"`
	Tokens []rawToken `yaml:"tokens"`
	Open   *bool      `yaml:"open"`
}

// rawToken is one token of the server block.
type rawToken struct {
	Name      string `yaml:"name"`
	Role      string `yaml:"role"`
	TokenFile string `yaml:"token_file,omitempty"`
	TokenEnv  string `yaml:"token_env,omitempty"`
}

// rawStorage is the storage block.
type rawStorage struct {
	Dir    string          `yaml:"dir"`
	MaxAge models.Duration `yaml:"max_age"`
}

// rawEngine is the engine block.
type rawEngine struct {
	Mode             string          `yaml:"mode"`
	Interval         models.Duration `yaml:"interval"`
	Step             models.Duration `yaml:"step"`
	IngestionDelay   models.Duration `yaml:"ingestion_delay"`
	Lookback         models.Duration `yaml:"lookback"`
	ActionTTL        models.Duration `yaml:"action_ttl"`
	StaleAfter       models.Duration `yaml:"stale_after"`
	OutOfBandBackoff models.Duration `yaml:"out_of_band_backoff"`
	ObserveEvery     models.Duration `yaml:"observe_every"`
	RestartHold      models.Duration `yaml:"restart_hold"`
	Recent           models.Duration `yaml:"recent"`
	ForgetAfter      models.Duration `yaml:"forget_after"`
	Rehearse         bool            `yaml:"rehearse"`
	Workers          int             `yaml:"workers"`
	CheckpointEvery  models.Duration `yaml:"checkpoint_every"`
}

// rawTarget is one entry of the targets.
type rawTarget struct {
	ID          string           `yaml:"id,omitempty"`
	Match       string           `yaml:"match,omitempty"`
	Collector   string           `yaml:"collector,omitempty"`
	Exclude     bool             `yaml:"exclude,omitempty"`
	Actuator    string           `yaml:"actuator,omitempty"`
	Ref         string           `yaml:"ref"`
	Group       string           `yaml:"group,omitempty"`
	MemoryMB    *float64         `yaml:"memory_mb,omitempty"`
	ColdStart   *models.Duration `yaml:"cold_start,omitempty"`
	Lead        models.Duration  `yaml:"lead"`
	Concurrency int              `yaml:"concurrency"`
	Limits      rawLimits        `yaml:"limits"`
	Policy      yaml.Node        `yaml:"policy"`
}

// rawQuota is one entry of the quotas.
type rawQuota policy.Quota

// setDefaults implements defaulter.
func (q *rawQuota) setDefaults() { *q = rawQuota{Scope: policy.ScopeGroup, Match: "*"} }

// rawBudget is one entry of the budgets.
type rawBudget policy.Budget

// setDefaults implements defaulter.
func (b *rawBudget) setDefaults() {
	*b = rawBudget{Scope: policy.ScopeFleet, Match: "*", Per: policy.PerMonth}
}

// rawLimits are the limits of a target entry.
type rawLimits struct {
	MinWarm      int             `yaml:"min_warm"`
	MaxWarm      *int            `yaml:"max_warm"`
	MaxKeepAlive models.Duration `yaml:"max_keep_alive"`
	MinMemoryMB  int32           `yaml:"min_memory_mb"`
	MaxMemoryMB  int32           `yaml:"max_memory_mb"`
}

// defaults returns the configuration of an empty file.
func defaults() rawConfig {
	const day = 24 * time.Hour
	return rawConfig{
		Server:          rawServer{Listen: "127.0.0.1:8080"},
		Storage:         rawStorage{Dir: "./pilotlight-data", MaxAge: models.Duration(90 * day)},
		ExternalScaler:  rawExternalScaler{MaxAge: defaultFeedAge, MaxStreams: 1000},
		ExternalMetrics: rawExternalMetrics{MaxAge: defaultFeedAge},
		Engine: rawEngine{
			Mode: string(models.ModeDryRun), Interval: models.Duration(time.Minute), Step: models.Duration(time.Minute),
			IngestionDelay: models.Duration(15 * time.Second), Lookback: models.Duration(14 * day),
			ActionTTL: models.Duration(2 * time.Minute), StaleAfter: models.Duration(5 * time.Minute),
			OutOfBandBackoff: models.Duration(30 * time.Minute), ObserveEvery: models.Duration(5 * time.Minute),
			RestartHold: models.Duration(5 * time.Minute), Recent: models.Duration(day), CheckpointEvery: models.Duration(5 * time.Minute),
			ForgetAfter: models.Duration(7 * day),
		},
		Predictor: predictor.DefaultConfig(),
		Policy:    policy.DefaultConfig(),
	}
}

// setDefaults implements defaulter.
func (a *rawActuator) setDefaults() {
	a.Limits = CallLimits{
		Rate: 10, Burst: 10, Timeout: models.Duration(30 * time.Second), Retries: 2,
		Breaker: BreakerLimits{Failures: 5, Open: models.Duration(15 * time.Second), Max: models.Duration(5 * time.Minute), Probes: 1},
	}
}

// dryRunMaxWarm is the greatest floor that dry-run mode assumes where limits.max_warm is missing: nothing is written there.
const dryRunMaxWarm = 1000

// setDefaults implements defaulter.
func (t *rawTarget) setDefaults() {
	*t = rawTarget{Ref: "${id}", Lead: models.Duration(2 * time.Minute), Concurrency: 1}
}

// deepCopy returns a copy that shares no slice, map or pointer with v.
func deepCopy[T any](v T) T {
	var out T
	copyInto(reflect.ValueOf(&out).Elem(), reflect.ValueOf(&v).Elem())
	return out
}

// copyInto copies src into dst. Fields that are not exported are copied as they are, with their struct.
func copyInto(dst, src reflect.Value) {
	dst.Set(src)
	switch kind := src.Kind(); {
	case kind == reflect.Struct:
		for info, field := range src.Fields() {
			if info.IsExported() {
				copyInto(dst.FieldByIndex(info.Index), field)
			}
		}
	case kind == reflect.Pointer && !src.IsNil():
		dst.Set(reflect.New(src.Type().Elem()))
		copyInto(dst.Elem(), src.Elem())
	case kind == reflect.Slice && !src.IsNil():
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		for i := range src.Len() {
			copyInto(dst.Index(i), src.Index(i))
		}
	case kind == reflect.Map && !src.IsNil():
		dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
		for iter := src.MapRange(); iter.Next(); {
			v := reflect.New(src.Type().Elem()).Elem()
			copyInto(v, iter.Value())
			dst.SetMapIndex(iter.Key(), v)
		}
	}
}
