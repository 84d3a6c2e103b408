package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pilotlight/internal/config"
	"pilotlight/models"
)

// overriding reads a small configuration with overrides.
func overriding(t *testing.T, overrides ...string) (*config.Config, error) {
	t.Helper()
	var list []config.Override
	for _, text := range overrides {
		o, err := config.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	return config.ParseWith("test.yaml", []byte(`
collectors: [{name: t, type: trace}]
policy: {hysteresis: 0.5}
targets:
  - {match: "a*", limits: {max_warm: 5}}
  - {match: "*", policy: {cold_start_price: 7}}
`), models.ModeDryRun, list, config.Parts{Collectors: map[string]config.Decoder{
		"trace": config.DecodeAs(func() struct{} { return struct{}{} }, func(*struct{}) error { return nil }),
	}}, nil)
}

// TestOverrides checks that an override counts as if it stood in the file: in a block that is there, in one that is not, in an entry
// of a list, and over a value.
func TestOverrides(t *testing.T) {
	t.Parallel()
	plain, err := overriding(t)
	if err != nil {
		t.Fatal(err)
	}
	c, err := overriding(t, "policy.hysteresis=0.1", "policy.max_step_up.instances=3", "targets[1].policy.cold_start_price=9", "targets[0].lead=30s", "engine.stale_after=7m")
	if err != nil {
		t.Fatal(err)
	}
	p := c.Policies()
	if p[0].Hysteresis != 0.1 || p[0].MaxStepUp.Instances != 3 || p[1].ColdStartPrice != 9 || p[1].Hysteresis != 0.1 || c.Engine().StaleAfter != 7*time.Minute {
		t.Errorf("policies %+v, engine %+v", p, c.Engine())
	}
	target, _, ok, err := c.Match(config.Seen{Collector: "t", ID: "apple", MemoryMB: 1, ColdStart: time.Second})
	if err != nil || !ok || target.Lead != 30*time.Second || target.Limits.MaxWarm != 5 {
		t.Errorf("target %+v, %v, %v", target, ok, err)
	}
	if plain.Hash() == c.Hash() {
		t.Error("the hash does not tell the two apart")
	}
	if o, _ := config.ParseOverride(" policy.hold = 2m "); o.String() != "policy.hold=2m" {
		t.Errorf("override %q", o)
	}
}

// TestOverrideRefusals checks what is said about overrides that cannot be.
func TestOverrideRefusals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "key=value", "policy": "key=value", "policy=1": "key=value", "policy.hold": "key=value", "server.listen=:1": "only values below",
		"collectors[0].type=x": "only values below", "storage.dir=/": "only values below", "actuators[0].name=x": "only values below",
		"policy.x=" + strings.Repeat("1", 5000): "key=value",
	} {
		if _, err := config.ParseOverride(text); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"policy.hysteresis=-1": "policy.hysteresis", "policy.hysterisis=1": "hysteresis", "policy.hold=soon": "policy.hold",
		"targets[9].lead=1s": "targets[9].lead", "targets[0].limits.max_warm=x": "max_warm", "policy.hysteresis=[": "policy.hysteresis",
		"policy.hysteresis=": "policy.hysteresis", "policy.hysteresis.deep=1": "policy.hysteresis.deep", "targets.first.lead=1s": "targets.first.lead",
	} {
		if _, err := overriding(t, text); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to name %s", text, err, want)
		}
	}
}

// FuzzOverride checks that no override is a panic, and that what it cannot change stays.
func FuzzOverride(f *testing.F) {
	for _, s := range []string{"policy.hold=1m", "targets[0].lead=*a", "engine.step={a: &b 1}", "predictor.[].=", "targets[-1].x=1", "policy.a=!!binary x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := config.ParseOverride(text)
		if err != nil {
			return
		}
		c, err := config.ParseWith("fuzz.yaml", []byte("collectors: [{name: t, type: trace}]\ntargets: [{match: '*'}]\n"), models.ModeDryRun,
			[]config.Override{o}, config.Parts{Collectors: map[string]config.Decoder{
				"trace": config.DecodeAs(func() struct{} { return struct{}{} }, func(*struct{}) error { return nil }),
			}}, nil)
		if err == nil && (c.Server().Listen != "127.0.0.1:8080" || len(c.Collectors()) != 1 || len(c.Actuators()) != 0) {
			t.Errorf("%q changed %+v", text, c)
		}
	})
}
