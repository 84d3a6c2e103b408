package advisor_test

import (
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// valid is a configuration that can be used.
func valid() advisor.Config {
	c := advisor.DefaultConfig()
	c.Enabled, c.BaseURL, c.Model = true, "http://localhost:11434/v1", "m"
	return c
}

// TestDefaults checks what holds unless somebody sets it.
func TestDefaults(t *testing.T) {
	t.Parallel()
	c := advisor.DefaultConfig()
	if c.Enabled || !c.Prompt.MaskNames || !c.Bounds.RaiseOnly || c.Bounds.MaxMultiplier != 3 || c.Bounds.MaxSpan.Std() != 24*time.Hour || c.Bounds.MaxAhead.Std() != 14*24*time.Hour {
		t.Errorf("defaults %+v", c)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("an advisor that is off: %v", err)
	}
	if _, err := advisor.New(c, deps()); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("an advisor that is off starts: %v", err)
	}
	c.Enabled = true
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "base_url: is missing") || !strings.Contains(err.Error(), "model: ") {
		t.Errorf("without an address: %v", err)
	}
	if err := valid().Validate(); err != nil {
		t.Error(err)
	}
	for _, d := range []advisor.Deps{{}, {Now: deps().Now}, {Now: deps().Now, BoundaryKey: make([]byte, 15)}} {
		if _, err := advisor.New(valid(), d); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// TestValidate breaks each key.
func TestValidate(t *testing.T) {
	t.Parallel()
	for want, breakIt := range map[string]func(*advisor.Config){
		"name: ":                      func(c *advisor.Config) { c.Name = "two words" },
		"base_url: is not an address": func(c *advisor.Config) { c.BaseURL = "ftp://x" },
		"base_url: holds a user":      func(c *advisor.Config) { c.BaseURL = "https://u:p@x/v1" },
		"base_url: has a query":       func(c *advisor.Config) { c.BaseURL = "https://x/v1?key=abc" },
		"proxy: holds":                func(c *advisor.Config) { c.Proxy = "http://u:p@proxy" },
		"api_type: ":                  func(c *advisor.Config) { c.APIType = "other" },
		"deployment: deployment and":  func(c *advisor.Config) { c.Deployment = "d" },
		"deployment: \"\" is":         func(c *advisor.Config) { c.APIType, c.APIKeyEnv, c.APIVersion = advisor.APIAzure, "K", "v1" },
		"deployment: \"a/b\" is": func(c *advisor.Config) {
			c.APIType, c.APIKeyEnv, c.APIVersion, c.Deployment = advisor.APIAzure, "K", "v1", "a/b"
		},
		"api_version: ":                   func(c *advisor.Config) { c.APIType, c.APIKeyEnv, c.Deployment = advisor.APIAzure, "K", "d" },
		"api_key_file: is missing":        func(c *advisor.Config) { c.BaseURL = "https://api.openai.com/v1" },
		"api_key_env: is set beside":      func(c *advisor.Config) { c.APIKeyEnv, c.APIKeyFile = "K", "f" },
		"api_key_env: is no name":         func(c *advisor.Config) { c.APIKeyEnv = "sk-x y" },
		"api_key_file: looks like":        func(c *advisor.Config) { c.APIKeyFile = "sk-" + "abcdefgh12345678" },
		"model: ":                         func(c *advisor.Config) { c.Model = "a model" },
		"organisation: ":                  func(c *advisor.Config) { c.Organisation = "a\nb" },
		"timeout: ":                       func(c *advisor.Config) { c.Timeout = 0 },
		"output: ":                        func(c *advisor.Config) { c.Output = "xml" },
		"max_tokens: ":                    func(c *advisor.Config) { c.MaxTokens = 10 },
		"max_reply_bytes: ":               func(c *advisor.Config) { c.MaxReplyBytes = 1 << 30 },
		"reasoning_effort: ":              func(c *advisor.Config) { c.ReasoningEffort = "huge" },
		"retries: ":                       func(c *advisor.Config) { c.Retries = -1 },
		"max_retry_after: ":               func(c *advisor.Config) { c.MaxRetryAfter = -1 },
		"repairs: ":                       func(c *advisor.Config) { c.Repairs = 9 },
		"max_concurrent: ":                func(c *advisor.Config) { c.MaxConcurrent = 0 },
		"cache_ttl: ":                     func(c *advisor.Config) { c.CacheTTL = -1 },
		"breaker.failures: ":              func(c *advisor.Config) { c.Breaker.Failures = 0 },
		"breaker.open: ":                  func(c *advisor.Config) { c.Breaker.Open = 0 },
		"budget.tokens_per_day: ":         func(c *advisor.Config) { c.Budget.TokensPerDay = 0 },
		"budget.usd_per_day: needs":       func(c *advisor.Config) { c.Budget.USDPerDay = 1 },
		"budget.usd_per_day: NaN":         func(c *advisor.Config) { c.Budget.USDPerDay = math.NaN() },
		"budget.input_usd_per_million: ":  func(c *advisor.Config) { c.Budget.InputPerMillion = -1 },
		"budget.output_usd_per_million: ": func(c *advisor.Config) { c.Budget.OutputPerMillion = math.Inf(1) },
		"bounds.min_multiplier: ":         func(c *advisor.Config) { c.Bounds.MinMultiplier = 0 },
		"bounds.max_multiplier: ":         func(c *advisor.Config) { c.Bounds.MaxMultiplier = math.NaN() },
		"bounds.max_floor: ":              func(c *advisor.Config) { c.Bounds.MaxFloor = -1 },
		"bounds.max_span: ":               func(c *advisor.Config) { c.Bounds.MaxSpan = 0 },
		"bounds.max_ahead: ":              func(c *advisor.Config) { c.Bounds.MaxAhead = models.Duration(400 * 24 * time.Hour) },
		"bounds.max_advice: ":             func(c *advisor.Config) { c.Bounds.MaxAdvice = 0 },
		"bounds.min_confidence: ":         func(c *advisor.Config) { c.Bounds.MinConfidence = math.NaN() },
		"parse.max_multiplier: ":          func(c *advisor.Config) { c.Parse.MaxMultiplier = 0.5 },
		"parse.max_hints: ":               func(c *advisor.Config) { c.Parse.MaxHints = 0 },
		"prompt.max_subjects: ":           func(c *advisor.Config) { c.Prompt.MaxSubjects = 0 },
		"prompt.max_notes: ":              func(c *advisor.Config) { c.Prompt.MaxNotes = -1 },
		"prompt.max_chars: ":              func(c *advisor.Config) { c.Prompt.MaxChars = 100 },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			c := valid()
			breakIt(&c)
			err := c.Validate()
			if err == nil || !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Fatalf("error %v", err)
			}
			if text := err.Error(); strings.Contains(text, "u:p") || strings.Contains(text, "key=abc") || strings.Contains(text, "sk-") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

// TestSetDirectory checks that relative files are found beside the configuration.
func TestSetDirectory(t *testing.T) {
	t.Parallel()
	c := valid()
	c.APIKeyFile, c.CAFile = "key", "/etc/ca.pem"
	c.SetDirectory("/etc/pilotlight")
	if c.APIKeyFile != filepath.Join("/etc/pilotlight", "key") || c.CAFile != "/etc/ca.pem" {
		t.Errorf("%q %q", c.APIKeyFile, c.CAFile)
	}
}

// TestCertificates checks that files of certificates are read at the start.
func TestCertificates(t *testing.T) {
	t.Parallel()
	c := valid()
	c.CAFile = filepath.Join(t.TempDir(), "none.pem")
	if _, err := advisor.New(c, deps()); err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("no file: %v", err)
	}
	c.CAFile = "config_test.go"
	if _, err := advisor.New(c, deps()); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("no certificate: %v", err)
	}
}

// keysOf lists the keys of a configuration with their defaults.
func keysOf(v reflect.Value, prefix string, into map[string]reflect.Value) {
	for field, value := range v.Fields() {
		key := prefix + field.Tag.Get("yaml")
		if value.Kind() == reflect.Struct {
			keysOf(value, key+".", into)
			continue
		}
		into[key] = value
	}
}
