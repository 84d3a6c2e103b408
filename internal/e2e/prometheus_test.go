//go:build realprom

package e2e

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/collectors/trace"
)

// backfilled is how many minutes of the recorded trace the server is given, ahead how many of them lie in the future, so that
// time does not outrun the data during the test.
const (
	backfilled = 3 * 24 * 60
	ahead      = 30 * time.Minute
)

// openMetrics writes the first minutes of the trace as counters, moved in time so that they end at end.
func openMetrics(t *testing.T, tr *trace.Trace, end time.Time) string {
	t.Helper()
	var b bytes.Buffer
	for _, metric := range []struct {
		name  string
		scale func(f *trace.Function) float64
	}{
		{"function_invocations", func(*trace.Function) float64 { return 1 }},
		{"function_duration_seconds_count", func(*trace.Function) float64 { return 1 }},
		{"function_duration_seconds_sum", func(f *trace.Function) float64 { return f.AvgMS / 1000 }},
	} {
		family, suffix := metric.name, "_total"
		if strings.HasPrefix(metric.name, "function_duration") {
			suffix = ""
		}
		kind := "counter"
		if suffix == "" {
			kind = "unknown"
		}
		fmt.Fprintf(&b, "# TYPE %s %s\n", family, kind)
		for i := range tr.Functions {
			f := &tr.Functions[i]
			total := 0.0
			for m := 0; m <= backfilled; m++ {
				for _, row := range tr.Rows(i, m-1, m) {
					total += float64(row.Count) * metric.scale(f)
				}
				at := end.Add(time.Duration(m-backfilled) * time.Minute).Unix()
				fmt.Fprintf(&b, "%s%s{namespace=\"prod\",function=%q} %v %d\n", family, suffix, f.Name, total, at)
			}
		}
	}
	b.WriteString("# EOF\n")
	return write(t, t.TempDir(), "trace.om", b.String())
}

// startPrometheus starts the server on loopback over the data directory.
func startPrometheus(t *testing.T, address, data string) *process {
	t.Helper()
	config := write(t, t.TempDir(), "prometheus.yml", "global: {scrape_interval: 1m}\n")
	p := start(t, nil, "prometheus", "--config.file="+config, "--storage.tsdb.path="+data, "--web.listen-address="+address,
		"--storage.tsdb.retention.time=30d")
	eventually(t, 30*time.Second, func() error {
		_, err := get("http://"+address+"/-/ready", nil)
		return err
	})
	return p
}

// target is the part of the API's answer about a target that the test reads.
type target struct {
	ID   string `json:"id"`
	Data struct {
		State string `json:"state"`
	} `json:"data"`
	Problems       []string `json:"problems"`
	Recommendation *struct {
		ID       string `json:"id"`
		Status   string `json:"status"`
		Decision struct {
			Reasons []struct{ Code, Detail string } `json:"reasons"`
		} `json:"decision"`
	} `json:"recommendation"`
}

// codes returns the reasons of the latest decision.
func (t *target) codes() string {
	var codes []string
	if t.Recommendation != nil {
		for _, r := range t.Recommendation.Decision.Reasons {
			codes = append(codes, r.Code)
		}
	}
	return strings.Join(codes, " ")
}

// TestDaemonOnRealPrometheus runs the daemon in dry-run against Debian's Prometheus, filled with a recorded trace: it reads what
// the trace says, holds while the server is away and says so, and recovers.
func TestDaemonOnRealPrometheus(t *testing.T) {
	for _, name := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed: on Debian, apt-get install prometheus", name)
		}
	}
	tr, err := trace.Read("../../testdata/traces/azure2021-14d")
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().UTC().Truncate(time.Minute).Add(ahead)
	data := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	fill := exec.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h", openMetrics(t, tr, end), data)
	if out, err := fill.CombinedOutput(); err != nil {
		t.Fatalf("back-fill: %v\n%s", err, out)
	}
	promAddress, apiAddress := freePort(t), freePort(t)
	prom := startPrometheus(t, promAddress, data)

	dir := t.TempDir()
	config := write(t, dir, "pilotlight.yaml", fmt.Sprintf(`
server: {listen: %s, open: true}
storage: {dir: %s}
engine: {interval: 1s, step: 1m, ingestion_delay: 0s, lookback: 3d, stale_after: 1h}
collectors:
  - name: prod
    type: prometheus
    config: {url: "http://%s", preset: generic, target_id: "${function}", timeout: 2s, max_retries: 0}
targets:
  - {match: "*", collector: prod, memory_mb: 256, cold_start: 1s, lead: 1m, limits: {min_warm: 1, max_warm: 20}}
`, apiAddress, filepath.Join(dir, "data"), promAddress))
	daemon := start(t, nil, binary, "run", "--config", config)
	api := "http://" + apiAddress
	all := func(check func(*target) error) func() error {
		return func() error {
			var page struct{ Items []target }
			if body, err := get(api+"/api/v1/targets", &page); err != nil {
				return err
			} else if len(page.Items) != len(tr.Functions) {
				return fmt.Errorf("%d targets, want %d: %s", len(page.Items), len(tr.Functions), body)
			}
			for i := range page.Items {
				if err := check(&page.Items[i]); err != nil {
					return fmt.Errorf("%s: %w", page.Items[i].ID, err)
				}
			}
			return nil
		}
	}
	eventually(t, time.Minute, func() error { _, err := get(api+"/readyz", nil); return err })
	eventually(t, 20*time.Second, all(func(x *target) error {
		// Every target has no warm instance and a least of one, so each must be advised to change.
		if x.Data.State != "fresh" || x.Recommendation == nil || x.Recommendation.Status != "advised" || x.codes() == "" {
			return fmt.Errorf("%+v", x)
		}
		return nil
	}))
	compareSeries(t, api, tr, end)

	prom.kill()
	eventually(t, 90*time.Second, // the server is asked again when the next minute has ended
		all(func(x *target) error {
			if x.Data.State != "stale" || !strings.Contains(x.codes(), "missing_data_hold") || len(x.Problems) == 0 ||
				!strings.Contains(x.Problems[0], "prod") {
				return fmt.Errorf("the outage is not said: %+v", x)
			}
			return nil
		}))
	metrics, err := get(api+"/metrics", nil)
	if err != nil || !strings.Contains(metrics, `pilotlight_collector_up{collector="prod"} 0`) {
		t.Errorf("the outage is not in the metrics: %v", err)
	}
	if resp, err := client.Get(api + "/readyz"); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz in the outage: %v, %v", resp, err)
	}

	startPrometheus(t, promAddress, data)
	eventually(t, 90*time.Second, all(func(x *target) error {
		if x.Data.State != "fresh" || strings.Contains(x.codes(), "missing_data_hold") {
			return fmt.Errorf("no recovery: %+v", x)
		}
		return nil
	}))
	daemon.stop(t)
	if last := daemon.tail(1); !strings.Contains(last, "capacity stays as it is") {
		t.Errorf("the daemon's last words: %s", last)
	}
}

// compareSeries checks the samples that the API shows against the trace, minute by minute.
func compareSeries(t *testing.T, api string, tr *trace.Trace, end time.Time) {
	t.Helper()
	for i := range tr.Functions {
		name := tr.Functions[i].Name
		var series struct {
			Start  time.Time  `json:"start"`
			Values []*float64 `json:"values"`
		}
		query := url.Values{"signal": {"invocations"}, "from": {end.Add(-ahead - 6*time.Hour).Format(time.RFC3339)}, "to": {end.Add(-ahead).Format(time.RFC3339)}}
		path := api + "/api/v1/targets/" + url.PathEscape(name) + "/series?" + query.Encode()
		if _, err := get(path, &series); err != nil {
			t.Fatal(err)
		}
		if len(series.Values) < 350 {
			t.Fatalf("%s: %d of 360 minutes", name, len(series.Values))
		}
		wrong := 0
		for j, v := range series.Values {
			minute := backfilled - int(end.Sub(series.Start)/time.Minute) + j
			want := 0.0
			for _, row := range tr.Rows(i, minute, minute+1) {
				want = float64(row.Count)
			}
			if v == nil || math.Abs(*v-want) > 1e-6*want+1e-9 {
				wrong++
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d minutes differ from the trace", name, wrong, len(series.Values))
		}
	}
}
