package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"pilotlight/models"
)

// promLike is a collector's configuration with the HTTP client block that real ones have.
type promLike struct {
	URL     string                      `yaml:"url"`
	Timeout models.Duration             `yaml:"timeout"`
	Preset  string                      `yaml:"preset"`
	Queries map[string]string           `yaml:"queries,omitempty"`
	HTTP    promconfig.HTTPClientConfig `yaml:"http"`
}

// lambdaLike is an actuator's configuration.
type lambdaLike struct {
	Region string `yaml:"region"`
}

func testParts() Parts {
	return Parts{
		Collectors: map[string]Decoder{
			"prometheus": DecodeAs(
				func() promLike {
					return promLike{Timeout: models.Duration(30e9), Preset: "generic", HTTP: promconfig.DefaultHTTPClientConfig}
				},
				func(c *promLike) error {
					if c.URL == "" {
						return errors.Join(errors.New("url: is empty: write the address of Prometheus"))
					}
					return nil
				}),
			"trace": DecodeAs(func() struct{ Dir string } { return struct{ Dir string }{} }, nil),
		},
		Actuators: map[string]Decoder{
			"aws_lambda": DecodeAs(func() lambdaLike { return lambdaLike{} }, func(c *lambdaLike) error {
				if c.Region == "" {
					return errors.New("region is empty")
				}
				return nil
			}),
			"dry_run": DecodeAs(func() struct{} { return struct{}{} }, nil),
		},
	}
}

// minimal is the shortest file that works.
const minimal = `
collectors:
  - {name: prod, type: prometheus, config: {url: "http://localhost:9090"}}
targets:
  - {match: "*", memory_mb: 512, cold_start: 800ms, limits: {max_warm: 10}}
`

func noEnv(string) (string, bool) { return "", false }

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("dir/p.yaml", []byte(text), testParts(), noEnv)
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, text)
	}
	return c
}

// loadAs loads a file with that text in a mode.
func loadAs(t *testing.T, text string, mode models.Mode) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, mode, testParts(), noEnv)
}

// wrong returns the error of a file that cannot be used.
func wrong(t *testing.T, text string) *Errors {
	t.Helper()
	_, err := Parse("p.yaml", []byte(text), testParts(), noEnv)
	es, ok := errors.AsType[*Errors](err)
	if !ok {
		t.Fatalf("Parse returned %v, want *Errors, of\n%s", err, text)
	}
	if !errors.Is(err, models.ErrInvalid) {
		t.Errorf("%v is not ErrInvalid", err)
	}
	for _, p := range es.Problems {
		if strings.Contains(p.String(), "\n") {
			t.Errorf("problem %q has more than one line", p)
		}
	}
	return es
}

// replaced returns text with one replacement, which must apply.
func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%q is not in\n%s", old, text)
	}
	return strings.Replace(text, old, with, 1)
}
