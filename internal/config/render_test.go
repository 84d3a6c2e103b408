package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"pilotlight/models"
)

// TestHash checks that the hash changes with everything that has an effect, and with nothing else.
func TestHash(t *testing.T) {
	t.Parallel()
	base := parse(t, full)
	if len(base.Hash()) != 64 || strings.Trim(base.Hash(), "0123456789abcdef") != "" {
		t.Errorf("hash %q", base.Hash())
	}
	for name, text := range map[string]string{
		"comment": "# a comment\n" + full,
		"default": full + "storage: {max_age: 90d}\n",
		"null":    full + "storage: {max_age: }\n",
		"style":   replaced(t, full, "{mode: auto}", `{"mode": "auto"}`),
		"unit":    replaced(t, full, "lead: 3m", "lead: 180s"),
	} {
		if parse(t, text).Hash() != base.Hash() {
			t.Errorf("%s changes the hash", name)
		}
	}
	c, err := Parse("/elsewhere/q.yaml", []byte(full), testParts(), noEnv)
	if err != nil || c.Hash() != base.Hash() {
		t.Errorf("the place of the file changes the hash, or %v", err)
	}
	seen := map[string]string{base.Hash(): "base"}
	for _, change := range [][2]string{
		{"0.0.0.0:8080", "0.0.0.0:8081"},
		{"role: operator", "role: viewer"},
		{"token_env: OPS", "token_env: OPS2"},
		{"token_env: OPS", "token_file: OPS"},
		{"mode: auto", "mode: approve"},
		{"{mode: auto}", "{mode: auto, workers: 3}"},
		{"hysteresis: 0.3", "hysteresis: 0.4"},
		{"http://prod:9090", "http://prod:9091"},
		{"region: eu-west-1", "region: eu-west-2"},
		{"name: fake, type: dry_run", "name: fake, type: dry_run, limits: {rate: 3}"},
		{"max_warm: 20", "max_warm: 21"},
		{"hold: 2m", "hold: 3m"},
		{"exclude: true", "exclude: false, actuator: fake, limits: {max_warm: 1}"},
		{"team ${team}", "${team}"},
		{"prod/checkout-*", "prod/checkout-?*"},
		{"memory_mb: 512", "memory_mb: 513"},
		{"lead: 3m", "lead: 4m"},
		{"config: {url: \"http://prod:9090\"}", "config: {url: \"http://prod:9090\", http: {authorization: {credentials_file: f}}}"},
	} {
		h := parse(t, replaced(t, full, change[0], change[1])).Hash()
		if seen[h] != "" {
			t.Errorf("%q has the hash of %q", change[1], seen[h])
		}
		seen[h] = change[1]
	}
}

// TestRedactedReadsBack checks that the effective configuration is itself a configuration, with the same effect.
func TestRedactedReadsBack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{minimal, full} {
		c := parse(t, text)
		back := parse(t, c.Redacted())
		if back.Redacted() != c.Redacted() || back.Hash() != c.Hash() {
			t.Errorf("came back as\n%s\nnot\n%s", back.Redacted(), c.Redacted())
		}
	}
}

// TestRedacted checks that secrets that a part may hold in spite of all are not shown.
func TestRedacted(t *testing.T) {
	t.Parallel()
	text := replaced(t, minimal, `config: {url: "http://localhost:9090"}`,
		`config: {url: u, http: {proxy_url: "http://me:s3cret@proxy", proxy_connect_header: {A: [s3cret]}, basic_auth: {username: me, password_file: pw}}}`)
	got := parse(t, text).Redacted()
	for _, want := range []string{"password_file: pw", "<secret>", "http://me:xxxxx@proxy", "open: true", "lead: 2m", "mode: dry-run"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "s3cret") {
		t.Errorf("a secret is in\n%s", got)
	}
}

// TestLoadMode checks that another mode takes the place of the file's before anything is checked.
func TestLoadMode(t *testing.T) {
	t.Parallel()
	c := parse(t, full)
	dry, err := loadAs(t, full, models.ModeDryRun)
	if err != nil || dry.Engine().Mode != models.ModeDryRun || c.Engine().Mode != models.ModeAuto || dry.Hash() == c.Hash() {
		t.Errorf("%v", err)
	}
	same, err := loadAs(t, full, models.ModeAuto)
	if err != nil || same.Hash() != c.Hash() {
		t.Errorf("the same mode changes the hash, or %v", err)
	}
	if _, err := loadAs(t, full, "fast"); err == nil || !strings.Contains(err.Error(), `engine.mode: "fast" is no mode`) {
		t.Errorf("error %v", err)
	}
	// What only writing asks for is not asked of a file that is used for a dry run.
	text := "engine: {mode: auto}\nserver: {open: true}\nactuators: [{name: a, type: dry_run}]" + replaced(t, minimal, ", limits: {max_warm: 10}", "")
	if _, err := loadAs(t, text, ""); err == nil || !strings.Contains(err.Error(), "max_warm: is missing") {
		t.Errorf("auto without a limit: %v", err)
	}
	if c, err := loadAs(t, text, models.ModeDryRun); err != nil || c.Engine().Mode != models.ModeDryRun {
		t.Errorf("the same as a dry run: %v", err)
	}
}

// TestExamples loads the files under deploy/examples.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../deploy/examples/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			c, err := Load(file, "", lenientParts(), noEnv)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(file, "dry-run") != (c.Engine().Mode == models.ModeDryRun) {
				t.Errorf("mode %s", c.Engine().Mode)
			}
			for _, w := range c.Warnings() {
				if !strings.Contains(w, "proxy with TLS") {
					t.Errorf("warning %s", w)
				}
			}
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		})
	}
}

// lenientParts knows the types of parts that the program has, but not their configuration, which the test of internal/app
// loads with the real ones.
func lenientParts() Parts {
	anything := func(node *yaml.Node) (any, error) {
		out := map[string]any{}
		if node == nil {
			return out, nil
		}
		return out, node.Decode(&out)
	}
	return Parts{
		Collectors: map[string]Decoder{"prometheus": anything, "trace": anything},
		Actuators:  map[string]Decoder{"aws_lambda": anything, "aws_lambda_sqs": anything, "azure_functions": anything, "cloud_run": anything, "dry_run": anything, "knative": anything, "kubernetes": anything, "openfaas": anything, "published": anything, "webhook": anything},
	}
}

// FuzzParse looks for files that make the loader panic, hang, or accept what it cannot write back.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		minimal, full, "", "a: [", "a: &a [*a]", "{}", "- a", "targets: [{}]", "engine: {mode: !!binary aGk=, <<: {step: 1m}}",
		"policy: {max_step_up: {}}\npredictor: {levels: []}", "server: {tokens: [null, {}, 3]}", "collectors: [{name: a, type: prometheus, config: 3}]",
		"? {a: b}\n: c", "\t", "a: 1\n---\nb: 2", "targets: [{match: '*', ref: '${'}]", "targets: [{match: a, policy: {<<: [1]}}]",
		"collectors: [{type: prometheus, config: {queries: {a: {b: c}}, http: {tls_config: {min_version: 3}}}}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("p.yaml", data, testParts(), noEnv)
		if err != nil {
			if c != nil || strings.TrimSpace(err.Error()) == "" {
				t.Fatalf("%q: %v, %v", data, c, err)
			}
			return
		}
		back, err := Parse("p.yaml", []byte(c.Redacted()), testParts(), noEnv)
		if err != nil || back.Hash() != c.Hash() {
			t.Fatalf("%q was written as\n%s\nwhich gives %v", data, c.Redacted(), err)
		}
		_, _, _, _ = c.Match(Seen{Collector: "prod", ID: "a", Labels: map[string]string{"a": "b"}})
		if bytes.Contains([]byte(c.Hash()), []byte("\n")) {
			t.Fatal("the hash has more than one line")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("p.yaml", []byte(full), testParts(), noEnv); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHugeFiles checks that files near the limit of the size are read, or refused, in a time that does not grow with the square
// of their size.
func TestHugeFiles(t *testing.T) {
	t.Parallel()
	head := strings.Split(minimal, "targets:")[0] + "targets:\n"
	for name, tc := range map[string]struct{ item, want string }{
		"good":         {"  - {id: f%d, memory_mb: 1}\n", ""},
		"patterns":     {"  - {match: 'f%d*'}\n", ""},
		"unknown keys": {"  - {id: f%d, memry_mb: 1}\n", `unknown key "memry_mb": did you mean "memory_mb"?`},
		"bad values":   {"  - {id: f%d, memory_mb: 0, lead: -1s}\n", "more problems"},
		"both":         {"  - {id: f%d, memory_mb: x, lead: -1s}\n", "more problems"},
		"empty":        {"  - \n#%d\n", "is empty: fill it in"},
		"overrides":    {"  - {id: f%d, policy: {hysteresis: 99}}\n", "more problems"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			b.WriteString(head)
			for i := 0; b.Len() < 1<<19; i++ {
				b.WriteString(strings.ReplaceAll(tc.item, "%d", strconv.Itoa(i)))
			}
			_, err := Parse("p.yaml", []byte(b.String()), testParts(), noEnv)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %.500v, want %q", err, tc.want)
			}
		})
	}
}
