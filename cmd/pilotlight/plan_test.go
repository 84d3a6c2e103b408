package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/internal/sim/promstore"
	"pilotlight/models"
)

// traffic is what a function gets, for each minute of the history that a fake Prometheus knows.
type traffic struct {
	function string
	// rate is the number of invocations of a minute that is so many minutes ago; NaN is no sample.
	rate func(ago int) float64
	// seconds is how long an invocation takes.
	seconds float64
	// memory is how many MB its instances use; 0 is not measured.
	memory float64
}

// history is how many minutes a Prometheus of these tests knows.
const history = 240

// prometheus serves a Prometheus with the counters of functions up to a time, and returns its address.
func prometheus(t *testing.T, until time.Time, functions ...traffic) string {
	t.Helper()
	store, err := promstore.Open(filepath.Join(t.TempDir(), "prometheus"), promstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	until = until.Truncate(time.Minute)
	var samples []promstore.Sample
	for _, f := range functions {
		series := map[string]*promstore.Series{}
		for _, metric := range []string{"function_invocations_total", "function_duration_seconds_sum", "function_duration_seconds_count", "function_memory_bytes"} {
			if series[metric], err = promstore.NewSeries(metric, promstore.Label{Name: "function", Value: f.function}); err != nil {
				t.Fatal(err)
			}
		}
		total := 0.0
		for ago := history; ago >= 0; ago-- {
			rate := f.rate(ago)
			if math.IsNaN(rate) {
				continue
			}
			total += rate
			at := until.Add(-time.Duration(ago) * time.Minute)
			samples = append(samples,
				promstore.Sample{Series: series["function_invocations_total"], Time: at, Value: total},
				promstore.Sample{Series: series["function_duration_seconds_sum"], Time: at, Value: total * f.seconds},
				promstore.Sample{Series: series["function_duration_seconds_count"], Time: at, Value: total})
			if f.memory > 0 {
				samples = append(samples, promstore.Sample{Series: series["function_memory_bytes"], Time: at, Value: f.memory * (1 << 20)})
			}
		}
	}
	if err := store.Append(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: store.Handler(), ReadHeaderTimeout: patience}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // it ends with the test
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func always(rate float64) func(int) float64 { return func(int) float64 { return rate } }

// planConfig is a configuration file; its arguments are the address of Prometheus and more of the collector's configuration.
const planConfig = `
engine: {lookback: 4h}
collectors:
  - {name: prod, type: prometheus, config: {url: %q, max_retries: 0%s}}
targets:
  - {id: busy, memory_mb: 512, cold_start: 800ms, limits: {min_warm: 2, max_warm: 50}}
  - {match: "*", memory_mb: 512, cold_start: 800ms, limits: {max_warm: 50}}
`

// busy and quiet are what most of these tests need: the first one must be raised to its lower bound.
func busy() traffic  { return traffic{function: "busy", rate: always(600), seconds: 2} }
func quiet() traffic { return traffic{function: "quiet", rate: always(0), seconds: 0.1} }

// soon is the end of a history that does not end while a test runs.
func soon() time.Time { return time.Now().Add(5 * time.Minute) }

func TestPlan(t *testing.T) {
	t.Parallel()
	config := configFile(t, planConfig, prometheus(t, soon(), busy(), quiet()), "")
	r := pilotlight(t, "plan", "--config", config)
	r.want(t, 2, []string{"1 of 2 targets would change. Nothing was written.\n"}, nil)
	for _, want := range []string{
		`(?m)^TARGET +NOW +RECOMMENDED +IDLE \$/H +COLD STARTS SAVED$`, `(?m)^"busy" +warm 0 +warm 2 +0\.\d{4} +\d+\.\d{2}$`,
		`(?m)^"quiet" +warm 0 +hold `, `(?m)^  - raised to the lower bound`,
	} {
		if !regexp.MustCompile(want).MatchString(r.out) {
			t.Errorf("no %s in\n%s", want, r.out)
		}
	}
}

// TestPlanMemory checks that memory is recommended below the table, and is no change of the plan.
func TestPlanMemory(t *testing.T) {
	t.Parallel()
	lean, tight := quiet(), busy()
	lean.memory, tight.function, tight.memory = 100, "tight", 500
	config := configFile(t, planConfig+"policy: {right_sizing: {min_history: 3h, min_saving_usd: 0}}\n", prometheus(t, soon(), lean, tight), "")
	r := pilotlight(t, "plan", "--config", config)
	for _, want := range []string{
		`(?m)^TARGET +NOW +RECOMMENDED +HIGHEST USE +SAVED \$/MONTH +NOTE *$`, `(?m)^"tight" +512 MB +640 MB +500 MB +-\d+\.\d{2} +near its limit: raise it now$`,
		`(?m)^"quiet" +512 MB +128 MB +100 MB +0.00 *$`,
	} {
		if !regexp.MustCompile(want).MatchString(r.out) {
			t.Errorf("no %s in\n%s", want, r.out)
		}
	}
}

func TestPlanJSON(t *testing.T) {
	t.Parallel()
	config := configFile(t, planConfig, prometheus(t, soon(), busy(), quiet()), "")
	r := pilotlight(t, "plan", "--config", config, "--output", "json")
	r.want(t, 2, []string{"["}, nil)
	var decisions []models.Decision
	if err := json.Unmarshal([]byte(r.out), &decisions); err != nil {
		t.Fatalf("%v in\n%s", err, r.out)
	}
	if len(decisions) != 2 || decisions[0].Target != "busy" || decisions[0].Desired != models.Warm(2) || !decisions[0].Changes() ||
		decisions[1].Target != "quiet" || decisions[1].Changes() || decisions[0].Mode != models.ModeDryRun {
		t.Errorf("decisions %+v", decisions)
	}
	for _, d := range decisions {
		if len(d.Reasons) == 0 || len(d.ConfigHash) != 64 {
			t.Errorf("%s has no reason or no hash: %+v", d.Target, d)
		}
	}
}

// TestPlanWithoutChanges checks the exit code that scripts rely on.
func TestPlanWithoutChanges(t *testing.T) {
	t.Parallel()
	config := configFile(t, planConfig, prometheus(t, soon(), quiet()), "")
	pilotlight(t, "plan", "--config", config).want(t, 0, []string{"hold", "0 of 1 targets would change"}, nil)
	pilotlight(t, "plan", "--config", config, "--output", "json").want(t, 0, []string{`"code": "unchanged"`}, nil)
}

// TestPlanNeedsNoPermissionToWrite checks that a file for mode auto that is not complete for it yet can be planned with.
func TestPlanNeedsNoPermissionToWrite(t *testing.T) {
	t.Parallel()
	config := configFile(t, `
engine: {lookback: 4h, mode: auto}
collectors: [{name: prod, type: prometheus, config: {url: %q}}]
targets: [{match: "*", memory_mb: 512, cold_start: 800ms}]
`, prometheus(t, soon(), quiet()))
	pilotlight(t, "plan", "--config", config).want(t, 0, []string{"0 of 1 targets would change"}, nil)
	pilotlight(t, "check", "--config", config).want(t, 1, nil, []string{"targets[0].limits.max_warm: is missing: mode auto spends money"})
}

// TestPlanFails checks that whatever is wrong with Prometheus or its data gives an error that says what to do, and no plan.
func TestPlanFails(t *testing.T) {
	t.Parallel()
	const perFunction = " * sum by (function) (clamp(function_invocations_total, 1, 1))"
	query := func(promql string) string {
		return fmt.Sprintf(", skip_syntax_check: true, queries: {invocations: %q}", promql)
	}
	for name, tc := range map[string]struct {
		until time.Duration // of the data, from now on
		more  string        // of the collector's configuration
		want  string
	}{
		"wrong PromQL":        {0, `, queries: {invocations: "sum by (function"}`, "collectors[0].config.queries.invocations: is not PromQL: "},
		"wrong for server":    {0, query("sum by (function"), "parse error: "},
		"unknown function":    {0, query("nothing_like_this(x)"), `unknown function with name "nothing_like_this"; correct the query`},
		"empty":               {0, query("increase(nothing_called_so[1m])"), "no invocations from "},
		"a number, no vector": {0, query("scalar(vector(3))"), "not one value per function (an instant vector)"},
		"no label":            {0, query("vector(3)"), `has no label "function", which target_id needs`},
		"negative":            {0, query("-1" + perFunction), "negative values became gaps; correct the query (a counter needs increase(), not delta())"},
		"absurd":              {0, query("1e300" + perFunction), "values above 1e+12 became gaps; correct the query, its unit may be wrong"},
		"not a number":        {0, query("0/0" + perFunction), "check preset, selector and target_id"},
		"infinite":            {0, query("1/0" + perFunction), "check preset, selector and target_id"},
		"20 days old":         {-20 * 24 * time.Hour, "", "that the server has samples of that time, and its clock and this machine's"},
		"20 days ahead":       {20 * 24 * time.Hour, "", "that the server has samples of that time, and its clock and this machine's"},
		"an hour old":         {-time.Hour, "", "that the server has samples of that time, and its clock and this machine's"},
		"too many functions":  {0, ", max_series: 1", "narrow it by selector, or raise max_series"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configFile(t, planConfig, prometheus(t, soon().Add(tc.until), busy(), quiet()), tc.more)
			pilotlight(t, "plan", "--config", config).want(t, 1, nil, []string{tc.want})
		})
	}
}

func TestPlanUnreachable(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	pilotlight(t, "plan", "--config", configFile(t, planConfig, url, "")).want(t, 1, nil, []string{
		`pilotlight: no plan: collector "prod": `, "query " + url, "connection refused; check url and network, and that the server runs",
	})
	pilotlight(t, "plan", "--config", configFile(t, planConfig, "http://no-such-host.invalid", "")).want(t, 1, nil, []string{
		"no-such-host.invalid", "check url and network",
	})
}

// TestPlanTwoCollectors checks that a target in two places is held, with both names.
func TestPlanTwoCollectors(t *testing.T) {
	t.Parallel()
	url := prometheus(t, soon(), busy())
	config := configFile(t, `
engine: {lookback: 4h}
collectors:
  - {name: first, type: prometheus, config: {url: %[1]q}}
  - {name: second, type: prometheus, config: {url: %[1]q}}
targets:
  - {match: "*", memory_mb: 512, cold_start: 800ms, limits: {min_warm: 2, max_warm: 50}}
`, url)
	pilotlight(t, "plan", "--config", config).want(t, 0,
		[]string{`two collectors report this target; keep it in one of them: collectors "first" and "second"`, "hold"}, nil)
}

// TestPlanOneCollectorFails checks that a plan is all or nothing: half of the fleet would look like all of it.
func TestPlanOneCollectorFails(t *testing.T) {
	t.Parallel()
	config := configFile(t, `
engine: {lookback: 4h}
collectors:
  - {name: good, type: prometheus, config: {url: %q}}
  - {name: bad, type: prometheus, config: {url: "http://127.0.0.1:1", max_retries: 0}}
targets:
  - {match: "*", memory_mb: 512, cold_start: 800ms, limits: {max_warm: 50}}
`, prometheus(t, soon(), busy()))
	pilotlight(t, "plan", "--config", config).want(t, 1, nil, []string{`no plan: collector "bad": `})
}

// TestPlanWithoutTargets checks that a plan about nothing is an error.
func TestPlanWithoutTargets(t *testing.T) {
	t.Parallel()
	url := prometheus(t, soon(), busy())
	for name, tc := range map[string]struct{ entry, want string }{
		"no match":  {`{match: "shop-*", memory_mb: 512, cold_start: 1s, limits: {max_warm: 1}}`, "check id, match and collector of the entries"},
		"no memory": {`{match: "*", cold_start: 1s, limits: {max_warm: 1}}`, "its memory is unknown: set targets[0].memory_mb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configFile(t, `
engine: {lookback: 4h}
collectors: [{name: prod, type: prometheus, config: {url: %q}}]
targets: [%s]
`, url, tc.entry)
			for _, output := range []string{"table", "json"} {
				pilotlight(t, "plan", "--config", config, "--output", output).want(t, 1, nil, []string{"no plan: ", tc.want})
			}
		})
	}
}

// TestPlanRehearses asks an API server whether it would accept the change, only if that is wanted, and changes nothing.
func TestPlanRehearses(t *testing.T) {
	t.Parallel()
	cluster := kubeapitest.New(t)
	cluster.Put(t, "deployments.apps/prod/busy", `{"spec":{"replicas":1,"selector":{"matchLabels":{"app":"a"}},
		"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"a","image":"a"}]}}},
		"status":{"observedGeneration":1,"replicas":1,"readyReplicas":1}}`)
	config := configFile(t, `
engine: {lookback: 4h}
collectors:
  - {name: prod, type: prometheus, config: {url: %q, max_retries: 0}}
actuators:
  - {name: cluster, type: kubernetes, config: {kubeconfig: %q}}
targets:
  - {id: busy, actuator: cluster, ref: prod/busy, memory_mb: 512, cold_start: 800ms, limits: {min_warm: 2, max_warm: 50}}
`, prometheus(t, soon(), busy()), cluster.Kubeconfig(t))
	pilotlight(t, "plan", "--config", config).want(t, 2, []string{"1 of 1 targets would change. Nothing was written."}, nil)
	if n := cluster.Patches(); n != 0 {
		t.Errorf("%d requests that could write without --rehearse", n)
	}
	pilotlight(t, "plan", "--config", config, "--rehearse").want(t, 2, []string{models.ReasonRehearsed.Meaning()}, nil)
	cluster.Deny("patch", "deployments.apps/scale")
	pilotlight(t, "plan", "--config", config, "--rehearse").want(t, 2, []string{models.ReasonRehearsalRefused.Meaning(), "unauthorized"}, nil)
	if n := cluster.Writes(); n != 0 || cluster.Patches() == 0 {
		t.Errorf("%d writes, %d requests that could write", n, cluster.Patches())
	}
}
