package config_test

import (
	"testing"

	"pilotlight/internal/config"
	"pilotlight/models"
)

// TestRewrite checks that a target gets an entry of its own, before and like the one that it has, and that nothing else changes.
func TestRewrite(t *testing.T) {
	t.Parallel()
	const text = `# Ours.
collectors: [{name: a, type: trace, config: {}}, {name: b, type: trace, config: {}}]
policy: &rule {hysteresis: 0.3}
targets:
  - {match: "x-*", collector: b, policy: {hysteresis: 0.9}}
  - match: "*" # all others
    memory_mb: 256
    policy: *rule
`
	entries := []config.Override{{Path: "policy.hysteresis", Value: "0.1"}, {Path: "policy.hold", Value: "2m"}}
	cfg, err := config.ParseWith("c.yaml", []byte(text), models.ModeDryRun, nil, config.Parts{Collectors: map[string]config.Decoder{
		"trace": config.DecodeAs(func() struct{} { return struct{}{} }, func(*struct{}) error { return nil }),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := config.Rewrite([]byte(text), []config.Override{{Path: "policy.cold_start_price", Value: "7"}}, cfg,
		[]config.Own{{Seen: config.Seen{Collector: "a", ID: "x-1"}, Values: entries}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `# Ours.
collectors: [{name: a, type: trace, config: {}}, {name: b, type: trace, config: {}}]
policy: &rule {hysteresis: 0.3, cold_start_price: 7}
targets:
  - id: x-1
    memory_mb: 256
    policy: {hysteresis: 0.1, cold_start_price: 7, hold: 2m}
  - {match: "x-*", collector: b, policy: {hysteresis: 0.9}}
  - match: "*" # all others
    memory_mb: 256
    policy: *rule
`
	if string(out) != want {
		t.Errorf("got\n%s", out)
	}
	if _, err := config.Rewrite([]byte("targets: ["), nil, cfg, nil); err == nil {
		t.Error("rewrote what is no YAML")
	}
	if _, err := config.Rewrite([]byte("policy: {}"), nil, cfg, []config.Own{{}}); err == nil {
		t.Error("rewrote what has no targets")
	}
}
