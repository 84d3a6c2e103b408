package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pilotlight/models"
)

func TestMinimal(t *testing.T) {
	t.Parallel()
	c := parse(t, minimal)
	if c.Engine().Mode != models.ModeDryRun || !c.Server().Open || len(c.Collectors()) != 1 || len(c.Actuators()) != 0 {
		t.Errorf("wrong defaults:\n%s", c.Redacted())
	}
	if len(c.Warnings()) != 1 || !strings.Contains(c.Warnings()[0], "dir/p.yaml:2: server: has no tokens") {
		t.Errorf("warnings %q", c.Warnings())
	}
}

// TestAllProblemsAtOnce checks that one run reports everything that is wrong with a file, in the order of its lines.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	got := wrong(t, `
server: {listen: ":8080", tokens: [{name: a, role: op, token: s3cret}, {name: a, role: viewer, token_env: X}], opne: true}
engine:
  mode: automatic
  interval: soon
  stpe: 3
  workers: 1.5
predictor: {levels: [0.5, 3, a], horizn: 3}
policy: {hysteresis: 70, max_step_up: {share: -1}}
collectors:
  - {name: prod, type: promteheus}
  - name: prod
    type: prometheus
    config: {http: {basic_auth: {username: a, password: hunter2, passwrd: c}, tls_config: {foo: 1}}}
  -
actuators:
  - {name: "l l", type: aws_lambda, limits: {rate: .nan, burst: 0}}
targets:
  - {id: a, match: b}
  - {limits: {max_wram: 3}, policy: {hysteresi: 3}}
  - {match: "*", memory_mb: -1, policy: {hysteresis: 3.5, hold: 0s}, ref: "${x", actuator: z}
`).Error()
	want := `p.yaml:2: server.tokens[0].token: unknown key "token": a secret must not stand in the configuration; name where it is with token_file
p.yaml:2: server.opne: unknown key "opne": did you mean "open"?
p.yaml:2: server.tokens[0].role: "op" is no role: choose viewer or operator
p.yaml:2: server.tokens[1].name: "a" is the name of entry [0] too: names must differ
p.yaml:4: engine.mode: "automatic" is no mode: choose dry-run, approve or auto
p.yaml:5: engine.interval: duration "soon": write it like 90s, 15m, 1h30m or 14d
p.yaml:6: engine.stpe: unknown key "stpe": did you mean "step"?
p.yaml:7: engine.workers: is "1.5": write a whole number that fits
p.yaml:8: predictor.levels[2]: is "a": write a finite number
p.yaml:8: predictor.horizn: unknown key "horizn": did you mean "horizon"?
p.yaml:8: predictor.levels[1]: 3 is not inside (0, 1); 0.9 means the 90th percentile
p.yaml:9: policy.hysteresis: 70 is not a number from 0 to 10; set one in that range
p.yaml:9: policy.max_step_up.share: -1 is not a number from 0 to 1e+06; set one in that range
p.yaml:11: collectors[0].type: unknown type "promteheus": did you mean "prometheus"?
p.yaml:12: collectors[1].name: "prod" is the name of entry [0] too: names must differ
p.yaml:14: collectors[1].config.http.basic_auth.password: a secret must not stand in the configuration: put it into a file and name that with password_file
p.yaml:14: collectors[1].config.http.basic_auth.passwrd: unknown key "passwrd": did you mean "password"?
p.yaml:14: collectors[1].config.http.tls_config.foo: unknown key "foo": known are ca, cert, key, ca_file, cert_file, key_file, ca_ref, cert_ref, key_ref, server_name, insecure_skip_verify, min_version, max_version
p.yaml:15: collectors[2]: is empty: fill it in, or remove the dash
p.yaml:17: actuators[0].limits.rate: is ".nan": write a finite number
p.yaml:17: actuators[0].name: "l l" is no name: use at most 63 letters, digits, dots, dashes and underscores
p.yaml:17: actuators[0].limits.burst: 0 is below 1: no call could be made
p.yaml:17: actuators[0].config.region: is empty
p.yaml:19: targets[0]: has both id and match: keep one of them
p.yaml:20: targets[1].limits.max_wram: unknown key "max_wram": did you mean "max_warm"?
p.yaml:20: targets[1].policy.hysteresi: unknown key "hysteresi": did you mean "hysteresis"?
p.yaml:21: targets[2].actuator: unknown actuator "z": known are l l
p.yaml:21: targets[2].ref: has ${ without a label and }: write ${label}, or $${ for the characters themselves
p.yaml:21: targets[2].memory_mb: -1 is not above 0
p.yaml:21: targets[2].policy.hold: 0s is not from 1s to 24h0m0s; set a duration in that range, such as 90s`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for _, secret := range []string{"s3cret", "hunter2"} {
		if strings.Contains(got, secret) {
			t.Errorf("the secret %q is in the message", secret)
		}
	}
}

// TestDocuments checks files that are wrong as a whole.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"empty":             {"", "p.yaml: is empty: it needs at least the keys collectors and targets"},
		"only a comment":    {"# nothing\n", "p.yaml: is empty"},
		"null":              {"~", "p.yaml: is empty"},
		"only a separator":  {"---\n", "p.yaml: is empty"},
		"empty mapping":     {"{}", "p.yaml:1: collectors: is missing"},
		"a list":            {"- a\n", "p.yaml:1: is a list: write keys and values"},
		"a word":            {"hello", `p.yaml:1: is "hello": write keys and values`},
		"tab":               {"engine:\n\tmode: auto\n", "p.yaml:2: is indented with a tab: YAML wants spaces"},
		"tab after spaces":  {"engine:\n  mode: auto\n  \tstep: 1m\n", "p.yaml:3: is indented with a tab"},
		"two documents":     {minimal + "---\nengine: {}\n", "p.yaml:6: has a second document after ---: put everything into one"},
		"no YAML":           {"a: [", "p.yaml:1: is no YAML: did not find expected node content"},
		"no YAML 2":         {"a: b: c", "is no YAML: mapping values are not allowed"},
		"duplicate key":     {"engine: {}\nengine: {}\n", "p.yaml:2: engine: is given twice, first in line 1: remove one"},
		"duplicate merged":  {minimal + "engine: {<<: {mode: auto}, <<: {mode: auto}, step: 1m, step: 2m}", "engine.step: is given twice"},
		"bad merge":         {minimal + "engine: {<<: 3}", `engine.<<: is "3": write keys and values`},
		"mapping as key":    {minimal + "{a: b}: c\n", "has a key that is a mapping: write plain keys"},
		"list as key":       {minimal + "? [a, b]\n: c\n", "has a key that is a list: write plain keys"},
		"unknown anchor":    {"engine: *nothing", "unknown anchor"},
		"self containing":   {"engine: &a [*a]", `the anchor "a" contains itself`},
		"tag":               {minimal + "engine: {mode: !env MODE}", "engine.mode: is a value with the tag !env: write a single value"},
		"binary":            {minimal + "storage: {dir: !!binary aGk=}", "storage.dir: is a value with the tag !!binary"},
		"zero byte":         {"a: \x00", "is no YAML"},
		"not UTF-8":         {"a: \xff\xfe", "is no YAML"},
		"Windows newlines":  {"engine:\r\n  mode: x\r\n", `p.yaml:2: engine.mode: "x" is no mode`},
		"byte order mark":   {"\ufeffengine: {mode: x}\n", `engine.mode: "x" is no mode`},
		"unknown long key":  {strings.Repeat("x", 300) + ": 1\n", "unknown key"},
		"unknown key dash":  {minimal + "Engine: {}\n", `unknown key "Engine": did you mean "engine"?`},
		"list for mapping":  {minimal + "engine: [a]\n", "engine: is a list: write keys and values"},
		"value for list":    {"collectors: prod\n", `collectors: is "prod": write a list`},
		"mapping for value": {minimal + "engine: {mode: {a: b}}\n", "engine.mode: is a mapping: write a single value"},
		"list for duration": {minimal + "engine: {step: [a]}\n", "engine.step: is a list: write a single value"},
		"text for bool":     {minimal + "server: {open: yes}\n", `server.open: is "yes": write true or false`},
		"number too large":  {minimal + "engine: {workers: 99999999999999999999}\n", "engine.workers: is"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := wrong(t, tc.text).Error(); !strings.Contains(got, tc.want) {
				t.Errorf("got:\n%s\nwant %q in it", got, tc.want)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	big := minimal + "#" + strings.Repeat("x", MaxSize)
	if got := wrong(t, big).Error(); !strings.Contains(got, "is larger than 10 MiB") {
		t.Errorf("%.200s", got)
	}
	path := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(path, []byte(big), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, "", testParts(), noEnv); err == nil || !strings.Contains(err.Error(), "is larger than 10 MiB") {
		t.Errorf("%v", err)
	}
}

// TestAliasBomb checks that a few lines cannot grow without end.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	b.WriteString("predictor: {models: *a11}\n")
	if got := wrong(t, b.String()).Error(); !strings.Contains(got, "once its aliases are expanded: use fewer aliases") {
		t.Errorf("%.300s", got)
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	t.Parallel()
	c := parse(t, `
collectors: [{name: prod, type: prometheus, config: {url: "http://localhost:9090"}}]
targets:
  - &base {id: a, memory_mb: 512, cold_start: 1s, limits: &limits {max_warm: 7}}
  - {<<: *base, id: b, memory_mb: 1024}
  - {<<: [{id: c, concurrency: 5}, *base], limits: *limits}
`)
	for id, want := range map[models.TargetID]string{"a": "512 1 7", "b": "1024 1 7", "c": "512 5 7"} {
		got, _, ok, err := c.Match(Seen{Collector: "prod", ID: id})
		if text := fmt.Sprint(got.MemoryMB, got.Concurrency, got.Limits.MaxWarm); !ok || err != nil || text != want {
			t.Errorf("%s: %s, %v, %v, want %s", id, text, ok, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml"), "", testParts(), noEnv); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml: cannot be read: ") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(dir, "", testParts(), noEnv); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("folder: %v", err)
	}
	text := replaced(t, minimal, `config: {url: "http://localhost:9090"}`,
		`config: {url: "http://localhost:9090", http: {authorization: {credentials_file: secrets/token}, tls_config: {ca_file: /etc/ca.pem}, http_headers: {X-Scope: {files: [scope]}}}}`)
	path := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, "", testParts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	http := c.Collectors()[0].Config.(promLike).HTTP
	for name, pair := range map[string][2]string{
		"relative file": {http.Authorization.CredentialsFile, filepath.Join(dir, "secrets/token")},
		"absolute file": {http.TLSConfig.CAFile, "/etc/ca.pem"},
		"in a map":      {http.HTTPHeaders.Headers["X-Scope"].Files[0], filepath.Join(dir, "scope")},
		"storage":       {c.Storage().Dir, filepath.Join(dir, "pilotlight-data")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %q, want %q", name, pair[0], pair[1])
		}
	}
	if strings.Contains(c.Redacted(), dir) {
		t.Errorf("the folder is part of the effective configuration:\n%s", c.Redacted())
	}
}

// TestValues checks single values that are wrong, with the change of a file that is right.
func TestValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ add, want string }{
		{"engine: {interval: 10ms}", "engine.interval: 10ms is below 1s"},
		{"engine: {step: 0s}", "engine.step: 0s is below 1s"},
		{"engine: {step: -1m}", "engine.step: -1m is below 1s"},
		{"engine: {step: 60}", `engine.step: duration "60": write it like 90s`},
		{"engine: {ingestion_delay: -1s}", "engine.ingestion_delay: -1s is below 0s"},
		{"engine: {ingestion_delay: 5m}", "engine.ingestion_delay: 5m is not below engine.stale_after 5m"},
		{"engine: {lookback: 1m}", "engine.lookback: 1m is less than two steps of 1m"},
		{"engine: {lookback: 5000d}", "engine.lookback: 5000d is 7200000 steps of 1m, more than 2108160"},
		{"engine: {stale_after: 30s}", "engine.stale_after: 30s is shorter than one step of 1m"},
		{"engine: {action_ttl: 0s}", "engine.action_ttl: 0s is below 1s"},
		{"engine: {out_of_band_backoff: -1s}", "engine.out_of_band_backoff: -1s is below 0s"},
		{"engine: {checkpoint_every: 0s}", "engine.checkpoint_every: 0s is below 1s"},
		{"engine: {observe_every: -1s}", "engine.observe_every: -1s is below 0s"},
		{"engine: {restart_hold: -1s}", "engine.restart_hold: -1s is below 0s"},
		{"engine: {recent: -1s}", "engine.recent: -1s is below 0s"},
		{"engine: {workers: -1}", "engine.workers: -1 is negative"},
		{"engine: {step: 7m, stale_after: 10m}", "predictor.periods[0]: 1h is not a multiple of the step 7m0s"},
		{"storage: {dir: ''}", "storage.dir: is empty"},
		{`storage: {dir: "a\0b"}`, "storage.dir: has a zero byte"},
		{"storage: {max_age: 1m}", "storage.max_age: 1m is below 1h"},
		{"predictor: {horizon: 0s}", "predictor.horizon: 0s is not above 0"},
		{"predictor: {models: []}", "predictor.models: is empty"},
		{"policy: {missing_data: shrug}", `policy.missing_data: "shrug" is unknown`},
		{"policy: {prices: {as_of: never}}", `policy.prices.as_of: "never" is not a date`},
		{"server: {listen: nowhere}", `server.listen: "nowhere" is no address`},
		{"server: {listen: '127.0.0.1:http'}", `server.listen: "http" is no port`},
		{"server: {listen: '127.0.0.1:65536'}", `server.listen: "65536" is no port`},
		{"server: {listen: ':8080'}", "server.listen: :8080 is reached from other machines, and there are no tokens"},
		{"server: {listen: '0.0.0.0:8080', open: true}", "server.listen: 0.0.0.0:8080 is reached from other machines, and there are no tokens"},
		{"server: {listen: 'localhost.evil.example:80'}", "server.listen: localhost.evil.example:80 is reached from other machines"},
		{"server: {open: false}", "server.open: is false and there are no tokens, so nobody could use the API"},
		{"server: {open: true, tokens: [{name: a, role: viewer, token_env: A}]}", "server.open: the API is open although it has tokens"},
		{"server: {tokens: [{role: viewer, token_env: A}]}", "server.tokens[0].name: is missing"},
		{"server: {tokens: [{name: a, token_env: A}]}", "server.tokens[0].role: is missing: choose viewer or operator"},
		{"server: {tokens: [{name: a, role: viewer}]}", "server.tokens[0]: has no secret"},
		{"server: {tokens: [{name: a, role: viewer, token_env: A, token_file: f}]}", "server.tokens[0]: has both token_file and token_env"},
		{"server: {tokens: [{name: a, role: viewer, token_env: 's3cret!'}]}", "server.tokens[0].token_env: is no name of a variable"},
		{"actuators: [{name: l, type: aws_lambda, config: {region: eu}, limits: {timeout: 0s}}]", "actuators[0].limits.timeout: 0s is below 1ms"},
		{"actuators: [{name: l, type: aws_lambda, config: {region: eu}, limits: {retries: 11}}]", "actuators[0].limits.retries: 11 is not between 0 and 10"},
		{breakerOf("failures: -1"), "actuators[0].limits.breaker.failures: -1 is negative: 0 never leaves the platform alone"},
		{breakerOf("open: 0s"), "actuators[0].limits.breaker.open: 0s is not above 0"},
		{breakerOf("open: 10m"), "actuators[0].limits.breaker.max: 5m is below open, 10m"},
		{breakerOf("probes: 0"), "actuators[0].limits.breaker.probes: 0 is below 1"},
		{"actuators: [{name: l, type: aws_lambda, config: {region: eu}, limits: {budget: 'a b'}}]", `actuators[0].limits.budget: "a b" is no name`},
		{"actuators: [{name: l}]", "actuators[0].type: is missing: known are aws_lambda, dry_run"},
		{"actuators: [{name: l, type: lambda}]", `actuators[0].type: unknown type "lambda": known are aws_lambda, dry_run`},
		{"actuators: [{name: l, type: aws_lambda, config: [a]}]", "actuators[0].config: is a list: write keys and values"},
	} {
		t.Run(tc.add, func(t *testing.T) {
			t.Parallel()
			es := wrong(t, minimal+tc.add+"\n")
			if got := es.Error(); !strings.Contains(got, ": "+tc.want) || len(es.Problems) != 1 {
				t.Errorf("got:\n%s\nwant only %q", got, tc.want)
			}
			if strings.Contains(es.Error(), "s3cret") {
				t.Error("the secret is in the message")
			}
		})
	}
}

// TestSecretsInTheClear checks that no secret may stand in the block of a part, and that none is repeated in a message.
func TestSecretsInTheClear(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{ //nolint:gosec // the secrets are made up
		"url: 'http://user:s3cret@host'":                                              "config.url: holds a password inside a URL",
		"queries: {a: 'http://user:s3cret@host'}":                                     "config.queries.a: holds a password inside a URL",
		"url: u, http: {bearer_token: s3cret}":                                        "config.http.bearer_token: a secret must not stand in the configuration: put it into a file and name that with bearer_token_file",
		"url: u, http: {authorization: {credentials: s3cret}}":                        "credentials_file",
		"url: u, http: {oauth2: {client_id: a, client_secret: s3cret, token_url: b}}": "client_secret_file",
		"url: u, http: {tls_config: {key: s3cret, cert: a}}":                          "key_file",
		"url: u, http: {http_headers: {A: {secrets: [s3cret]}}}":                      "name that with files",
		"url: u, http: {basic_auth: {username: a, password: [s3cret]}}":               "password_file",
	} {
		text := replaced(t, minimal, `url: "http://localhost:9090"`, config)
		if got := wrong(t, text).Error(); !strings.Contains(got, want) || strings.Contains(got, "s3cret") {
			t.Errorf("%s: got:\n%s\nwant %q in it and no secret", config, got, want)
		}
	}
	// The HTTP client of Prometheus checks its own block too.
	text := replaced(t, minimal, `url: "http://localhost:9090"`, "url: u, http: {basic_auth: {username: a}, authorization: {credentials_file: f}}")
	if got := wrong(t, text).Error(); !strings.Contains(got, "collectors[0].config.http: at most one of basic_auth, oauth2 & authorization must be configured") {
		t.Errorf("got:\n%s", got)
	}
}

func TestManyProblems(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(minimal)
	for range 3 * maxProblemsShown {
		b.WriteString("  - {}\n")
	}
	got := wrong(t, b.String()).Error()
	if lines := strings.Split(got, "\n"); len(lines) != maxProblemsShown+1 || lines[maxProblemsShown] != "and 200 more problems" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// TestUnreadBlockIsNotJudged checks that the defaults that stand in for what could not be read are not complained about.
func TestUnreadBlockIsNotJudged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"collectors: nothing\ntargets: nothing\n":                                  2,
		strings.Replace(minimal, `match: "*"`, "mach: x", 1):                       1,
		minimal + "server: {listen: [a]}\n":                                        1,
		strings.Replace(minimal, "type: prometheus, ", "type: {a: b}, ", 1):        1,
		strings.Replace(minimal, "max_warm: 10", "max_warm: ten", 1):               1,
		strings.Replace(minimal, "type: prometheus, ", "name2: x, type: foo, ", 1): 2,
	} {
		if es := wrong(t, text); len(es.Problems) != want {
			t.Errorf("%d problems, want %d:\n%v", len(es.Problems), want, es)
		}
	}
}

// breakerOf is an actuator with settings of its circuit breaker.
func breakerOf(text string) string {
	return "actuators: [{name: l, type: aws_lambda, config: {region: eu}, limits: {breaker: {" + text + "}}}]"
}
