package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// The shapes of the effective configuration. They differ from those of the file where a default depends on something else.
type (
	shownConfig struct {
		Server  shownServer `yaml:"server"`
		Storage rawStorage  `yaml:"storage"`

		// What is off is not shown.
		ExternalScaler  *rawExternalScaler  `yaml:"external_scaler,omitempty"`
		ExternalMetrics *rawExternalMetrics `yaml:"external_metrics,omitempty"`

		Engine     rawEngine        `yaml:"engine"`
		Predictor  predictor.Config `yaml:"predictor"`
		Policy     policy.Config    `yaml:"policy"`
		Quotas     []rawQuota       `yaml:"quotas"`
		Budgets    []rawBudget      `yaml:"budgets"`
		Collectors []shownPart      `yaml:"collectors"`
		Actuators  []shownPart      `yaml:"actuators"`
		Targets    []shownTarget    `yaml:"targets"`

		Hints         []rawHint     `yaml:"hints,omitempty"`
		HintCalendars []rawCalendar `yaml:"hint_calendars,omitempty"`
	}
	shownServer struct {
		Listen string     `yaml:"listen"`
		Tokens []rawToken `yaml:"tokens"`
		Open   bool       `yaml:"open"`
	}
	shownPart struct {
		Name   string      `yaml:"name"`
		Type   string      `yaml:"type"`
		Config any         `yaml:"config"`
		Limits *CallLimits `yaml:"limits,omitempty"`
	}
	shownTarget struct {
		ID          string           `yaml:"id,omitempty"`
		Match       string           `yaml:"match,omitempty"`
		Collector   string           `yaml:"collector,omitempty"`
		Exclude     bool             `yaml:"exclude,omitempty"`
		Actuator    string           `yaml:"actuator,omitempty"`
		Ref         string           `yaml:"ref,omitempty"`
		Group       string           `yaml:"group,omitempty"`
		MemoryMB    *float64         `yaml:"memory_mb,omitempty"`
		ColdStart   *models.Duration `yaml:"cold_start,omitempty"`
		Lead        *models.Duration `yaml:"lead,omitempty"`
		Concurrency int              `yaml:"concurrency,omitempty"`
		Limits      *rawLimits       `yaml:"limits,omitempty"`
		Policy      *policy.Config   `yaml:"policy,omitempty"`
	}
)

// render fills in the redacted text and the hash of the configuration, then resolves relative paths inside parts: the text
// shows them as written, so that the hash does not depend on the folder.
func (b *builder) render() error {
	c := b.cfg
	shown := shownConfig{
		Server: shownServer{Listen: c.server.Listen, Tokens: b.raw.Server.Tokens, Open: c.server.Open},
		Quotas: b.raw.Quotas, Budgets: b.raw.Budgets,
		Hints: b.raw.Hints, HintCalendars: b.raw.HintCalendars,
		Storage: b.raw.Storage, Engine: b.raw.Engine, Predictor: c.predictor, Policy: c.policies[0],
	}
	if b.raw.ExternalScaler.Listen != "" {
		shown.ExternalScaler = &b.raw.ExternalScaler
	}
	if b.raw.ExternalMetrics.Listen != "" {
		shown.ExternalMetrics = &b.raw.ExternalMetrics
	}
	for _, p := range c.collectors {
		shown.Collectors = append(shown.Collectors, shownPart{Name: p.Name, Type: p.Type, Config: p.Config})
	}
	for _, p := range c.actuators {
		shown.Actuators = append(shown.Actuators, shownPart{Name: p.Name, Type: p.Type, Config: p.Config, Limits: &p.Limits})
	}
	for i := range b.raw.Targets {
		shown.Targets = append(shown.Targets, b.shownTarget(i))
	}
	text, err := marshal(shown)
	if err != nil {
		return &Errors{Cause: err, Problems: []Problem{{File: b.doc.name, Text: "cannot be written back: " + err.Error()}}}
	}
	sum := sha256.Sum256(append(text, strings.Join(c.calendars, "")...))
	c.redacted, c.hash = string(text), hex.EncodeToString(sum[:])
	for _, list := range [][]Part{c.collectors, c.actuators} {
		for i := range list {
			list[i].Config = resolved(list[i].Config, c.dir)
		}
	}
	c.tokens = b.raw.Server.Tokens
	return nil
}

// shownTarget returns entry i as it works.
func (b *builder) shownTarget(i int) shownTarget {
	r, e := b.raw.Targets[i], b.cfg.matcher.entries[i]
	if r.Exclude {
		return shownTarget{ID: r.ID, Match: r.Match, Collector: r.Collector, Exclude: true}
	}
	out := shownTarget{
		ID: r.ID, Match: r.Match, Collector: r.Collector, Actuator: r.Actuator, Ref: r.Ref, Group: r.Group, MemoryMB: r.MemoryMB,
		ColdStart: r.ColdStart, Lead: &r.Lead, Concurrency: r.Concurrency,
		Limits: &rawLimits{
			MinWarm: e.limits.MinWarm, MaxWarm: &e.limits.MaxWarm, MaxKeepAlive: r.Limits.MaxKeepAlive,
			MinMemoryMB: e.limits.MinMemoryMB, MaxMemoryMB: e.limits.MaxMemoryMB,
		},
	}
	if e.policy > 0 {
		out.Policy = &b.cfg.policies[e.policy]
	}
	return out
}

// marshal renders a value as YAML with two spaces of indentation. The YAML library panics on values it cannot render, which
// a part may hold.
func marshal(v any) (text []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	var buf bytes.Buffer
	e := yaml.NewEncoder(&buf)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), e.Close()
}
