package main

import (
	"strings"
	"testing"
)

// promised are the commands and flags that scripts may rely on.
var promised = map[string][]string{
	"demo":     {"--speed", "--once", "--listen"},
	"run":      {"--config", "--mode"},
	"plan":     {"--config", "--output", "--rehearse"},
	"backtest": {"--trace", "--config", "--from", "--to", "--setting", "--current", "--lead", "--what-if", "--curve", "--html", "--json", "--output", "--workers"},
	"replay":   {"--trace", "--decisions", "--lead", "--setting", "--cold-start-cost", "--config"},
	"forecast": {"--input", "--horizon", "--period", "--quantiles", "--output", "--explain", "--plot", "--models", "--step", "--time-zone", "--holidays", "--workers"},
	"accuracy": {"--input", "--horizon", "--period", "--origins", "--models", "--test", "--output", "--html", "--compare", "--point"},
	"check":    {"--config"},
	"hints":    {"list", "add", "remove", "import", "parse", "confirm"},
	"notes":    {"list", "add"},
	"advise":   {"--text", "--show-prompt", "--output"},
	"advisor":  {"report"},
	"explain":  {"--question", "--output"},
	"version":  nil,
}

func TestHelp(t *testing.T) {
	t.Parallel()
	whole := pilotlight(t, "--help")
	whole.want(t, 0, []string{"Usage:", "pilotlight demo"}, nil)
	pilotlight(t).want(t, 0, []string{"Usage:"}, nil) // without a command
	for command, flags := range promised {
		if !strings.Contains(whole.out, "\n  "+command+" ") {
			t.Errorf("%s is not listed in\n%s", command, whole.out)
		}
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			r := pilotlight(t, command, "--help")
			r.want(t, 0, append([]string{"Usage:\n  pilotlight " + command}, flags...), nil)
			for line := range strings.SplitSeq(r.out, "\n") {
				if flag, about, ok := strings.Cut(strings.TrimSpace(line), "   "); ok && strings.HasPrefix(flag, "--") && strings.TrimSpace(about) == "" {
					t.Errorf("nothing is said about %s", flag)
				}
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	pilotlight(t, "version").want(t, 0, []string{"pilotlight, version ", "go version:"}, nil)
}

// TestUsage checks that every wrong call ends with 2 and says what to do, and does nothing else.
func TestUsage(t *testing.T) {
	t.Parallel()
	config := configFile(t, "")
	for _, tc := range []struct{ args, want string }{
		{"plna", `there is no command "plna"; see pilotlight --help`},
		{"version now", `pilotlight version takes flags only, not "now"`},
		{"check p.yaml", `pilotlight check takes flags only, not "p.yaml"`},
		{"check", "pilotlight check needs --config; see pilotlight check --help"},
		{"plan", "pilotlight plan needs --config; see pilotlight plan --help"},
		{"run", "pilotlight run needs --config; see pilotlight run --help"},
		{"hints lst", `pilotlight hints takes flags only, not "lst"`},
		{"hints add", "pilotlight hints add needs --start; see pilotlight hints add --help"},
		{"hints add --start noon", `"noon" is no time`},
		{"hints import", "pilotlight hints import needs one iCalendar file"},
		{"hints remove", "name the ids of the hints to remove"},
		{"hints parse", "pilotlight hints parse needs one text in quotes; see pilotlight hints parse --help"},
		{"hints parse sale tonight", "needs one text in quotes"},
		{"hints confirm", "needs the id of a proposal"},
		{"explain", "pilotlight explain needs the id of one target; see pilotlight explain --help"},
		{"advise now", `pilotlight advise takes flags only, not "now"`},
		{"advise --show-prompt --text sale", "leave one of them out"},
		{"advisor report --output xml", `--output "xml" is not table or json`},
		{"notes add --kind deployment", "pilotlight notes add needs --text; see pilotlight notes add --help"},
		{"notes add --kind deployment --text x --at noon", `"noon" is no time`},
		{"hints list --output xml", `--output "xml" is not table or json`},
		{"replay", "pilotlight replay needs --trace; see pilotlight replay --help"},
		{"replay --trace x", "pilotlight replay needs --decisions; see pilotlight replay --help"},
		{"plan --cnofig x", "unknown flag: --cnofig; see pilotlight plan --help"},
		{"plan --config", "flag needs an argument: --config; see pilotlight plan --help"},
		{"plan --output xml --config " + config, `--output "xml" is not table or json`},
		{"run --mode fast --config " + config, `--mode: `},
		{"run --log-level loud --config " + config, "--log-level: "},
		{"run --log-format xml --config " + config, "--log-format: "},
		{"backtest", "needs --trace or --config; see pilotlight backtest --help"},
		{"backtest --trace x --setting both", "--setting: "},
		{"backtest --trace x --current magic", "--current: "},
		{"backtest --trace x --what-if policy", "--what-if: "},
		{"backtest --trace x --output xml", `--output "xml" is not table, json or none`},
		{"replay --trace x --decisions y --setting both", `--setting: `},
		{"replay --trace x --decisions y --lead -1s", "--lead"},
		{"replay --trace x --decisions y --lead soon", `invalid argument "soon" for "--lead"`},
		{"replay --trace x --decisions y --cold-start-cost -1", "--cold-start-cost"},
		{"replay --trace x --decisions y --cold-start-cost NaN", "--cold-start-cost"},
		{"replay --trace x --decisions y --cold-start-cost Inf", "--cold-start-cost"},
		{"replay --trace x --decisions y --workers -1", "--workers"},
		{"forecast --horizon 3", "pilotlight forecast needs --input; see pilotlight forecast --help"},
		{"forecast --input x", "pilotlight forecast needs --horizon; see pilotlight forecast --help"},
		{"forecast --input x --horizon 0", "horizon 0 is not in [1, "},
		{"forecast --input x --horizon two", `invalid argument "two" for "--horizon"`},
		{"forecast --input x --horizon 3 --period 24,day", `--period: "day" is no whole number of steps`},
		{"forecast --input x --horizon 3 --period 1", "period 1 is not in [2, "},
		{"forecast --input x --horizon 3 --quantiles 0.1,1", `--quantiles: "1" is no level between 0 and 1`},
		{"forecast --input x --horizon 3 --quantiles 0.5,.5", "--quantiles: a level is there twice in 0.5,.5"},
		{"forecast --input x --horizon 3 --quantiles 0.1;0.5", `--quantiles: "0.1;0.5" is no level`},
		{"forecast --input x --horizon 3 --models mean,nosuch", `--models: there is no model "nosuch"; name some of `},
		{"forecast --input x --horizon 3 --models mean,mean", `--models: the model "mean" is there twice`},
		{"forecast --input x --horizon 3 --explain=xml", `--explain "xml" is not text or json`},
		{"forecast --input x --horizon 3 --step -1m", "--step must not be negative"},
		{"forecast --input x --horizon 3 --time-zone Mars", "--time-zone: unknown time zone Mars"},
		{"forecast --input x --horizon 3 --holidays 25.12.2026", "--holidays: date \"25.12.2026\": write it like 2026-12-25"},
		{"forecast --input x --horizon 3 --holidays 2026-12-25=sonntag", "\"sonntag\" is no weekday; write sunday to saturday"},
		{"forecast --input x --horizon 3 --holidays @no/such/file", "--holidays: open no/such/file"},
		{"forecast --input x --horizon 3 --workers -1", "--workers must not be negative"},
		{"forecast --input x --horizon 3 --plot x.pdf", "--plot x.pdf: name a file that ends in .svg or .png"},
		{"accuracy", "pilotlight accuracy needs --input; see pilotlight accuracy --help"},
		{"accuracy --input x", "name the number of steps to forecast with --horizon, or a continuation with --test"},
		{"accuracy --input x --horizon -1", "horizon -1 is not in [1, "},
		{"accuracy --input x --horizon 3 --output xml", `--output "xml" is not table or json`},
		{"accuracy --input x --horizon 3 --point mode", `--point "mode" is not mean or median`},
		{"accuracy --input x --horizon 3 --origins 0", "--origins must be at least 1"},
		{"accuracy --input x --horizon 3 --workers -1", "--workers must not be negative"},
		{"accuracy --input x --horizon 3 --models nosuch", `--models: there is no model "nosuch"`},
		{"accuracy --input x --horizon 3 --period -1", "period -1 is not in [2, "},
		{"forecast x.csv", `pilotlight forecast takes flags only, not "x.csv"`},
		{"demo --speed -1", "--speed must be"},
		{"demo --speed NaN", "--speed must be"},
		{"demo --once --plot x.pdf", "name a file that ends in .svg or .png"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			t.Parallel()
			pilotlight(t, strings.Fields(tc.args)...).want(t, 2, nil, []string{"pilotlight: usage: ", tc.want})
		})
	}
}

const goodConfig = `
collectors: [{name: prod, type: prometheus, config: {url: "http://localhost:9090"}}]
targets: [{match: "*", memory_mb: 512, cold_start: 800ms, limits: {max_warm: 10}}]
`

func TestCheck(t *testing.T) {
	t.Parallel()
	good := configFile(t, goodConfig)
	pilotlight(t, "check", "--config", good).want(t, 0,
		[]string{good + " is fine: 1 collectors, 0 actuators, 1 policies, mode dry-run, hash "},
		[]string{"warning: " + good, "server: has no tokens"})
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"everything at once": {`
engine: {intervall: 1m, lookback: 10}
collectors: [{name: prod, type: prometheus, config: {url: "", timeout: -1s}}, {name: prod, type: promtheus}]
targets: [{match: "*", limits: {max_warm: -1}}]
`, []string{
			`p.yaml:2: engine.intervall: unknown key "intervall": did you mean "interval"?`, "p.yaml:2: engine.lookback: ",
			"p.yaml:3: collectors[0].config.url: ", "p.yaml:3: collectors[0].config.timeout: ", "p.yaml:3: collectors[1].name: ",
			`p.yaml:3: collectors[1].type: unknown type "promtheus": did you mean "prometheus"?`, "p.yaml:4: targets[0].limits.max_warm: ",
		}},
		"empty":       {"", []string{"p.yaml: is empty: it needs at least the keys collectors and targets"}},
		"not YAML":    {"collectors: [", []string{"is no YAML: "}},
		"a tab":       {"engine:\n\tmode: auto", []string{"p.yaml:2: is indented with a tab"}},
		"a secret":    {strings.Replace(goodConfig, `9090"`, `9090", http: {basic_auth: {username: me, password: hunter2}}`, 1), []string{"name that with password_file"}},
		"wrong query": {strings.Replace(goodConfig, `9090"`, `9090", queries: {invocations: "sum("}`, 1), []string{"collectors[0].config.queries.invocations: is not PromQL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := pilotlight(t, "check", "--config", configFile(t, "%s", tc.text))
			r.want(t, 1, nil, tc.want)
			if strings.Contains(r.err, "hunter2") {
				t.Error("a secret is repeated")
			}
		})
	}
	pilotlight(t, "check", "--config", "no/such/file.yaml").want(t, 1, nil, []string{"no/such/file.yaml: cannot be read: no such file or directory"})
	pilotlight(t, "check", "--config", t.TempDir()).want(t, 1, nil, []string{"cannot be read: is a directory"})
}
