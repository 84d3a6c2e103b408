//go:build realprom

package prometheus

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pilotlight/collectors"
	"pilotlight/collectors/collectorstest"
	"pilotlight/models"
)

// These tests run against a real Prometheus server: go test -tags realprom ./collectors/prometheus. The server is the one
// that PILOTLIGHT_PROMETHEUS names, or prometheus in PATH; promtool must be beside it or in PATH.

const traceDir = "../../testdata/traces/azure2021-14d"

// recording is a recorded trace: the start, and the count of each function in each minute.
type recording struct {
	start   time.Time
	minutes int
	names   []string
	millis  map[string]float64
	counts  map[string][]float64
}

func readTrace(t *testing.T) recording {
	t.Helper()
	var about struct {
		Start   time.Time `json:"start"`
		Minutes int       `json:"minutes"`
	}
	text, err := os.ReadFile(filepath.Join(traceDir, "trace.json"))
	if err == nil {
		err = json.Unmarshal(text, &about)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := recording{start: about.Start, minutes: about.Minutes, millis: map[string]float64{}, counts: map[string][]float64{}}
	for _, row := range readCSV(t, "functions.csv") {
		out.names = append(out.names, row[0])
		out.millis[row[0]] = number(t, row[3])
		out.counts[row[0]] = make([]float64, about.Minutes)
	}
	for _, row := range readCSV(t, "invocations.csv.gz") {
		out.counts[row[0]][int(number(t, row[1]))] = number(t, row[2])
	}
	return out
}

// readCSV returns the rows after the header.
func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join(traceDir, name)) //nolint:gosec // the names are constants
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, error %v", name, len(rows), err)
	}
	return rows[1:]
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// silentFrom is the minute from which on the gauge of memory is not written any more, resetAt the one in which the counter of
// the function named resetting starts from zero again.
const (
	silentFrom = 300
	resetAt    = 120
)

// backFill writes the trace as counters that are sampled at the end of each minute.
func backFill(t *testing.T, rec recording, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "trace.om"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	counter := func(metric string, value func(name string, minute int) float64) {
		for _, name := range rec.names {
			total := 0.0
			for m := -1; m < rec.minutes; m++ {
				if m >= 0 {
					total += value(name, m)
				}
				fmt.Fprintf(w, "%s{function=%q,app=\"az\"} %v %d\n", metric, name, total, rec.start.Unix()+int64(m+1)*60)
			}
		}
	}
	fmt.Fprintln(w, "# TYPE function_invocations counter")
	counter("function_invocations_total", func(name string, m int) float64 { return rec.counts[name][m] })
	total := 0
	for m := range 240 {
		if total += 5; m == resetAt {
			total = 3 // three invocations since the restart
		}
		fmt.Fprintf(w, "function_invocations_total{function=\"resetting\"} %d %d\n", total, rec.start.Unix()+int64(m+1)*60)
	}
	fmt.Fprintln(w, "# TYPE function_duration_seconds summary")
	counter("function_duration_seconds_sum", func(name string, m int) float64 { return rec.counts[name][m] * rec.millis[name] / 1000 })
	counter("function_duration_seconds_count", func(name string, m int) float64 { return rec.counts[name][m] })
	fmt.Fprintln(w, "# TYPE function_memory_bytes gauge")
	for m := range silentFrom {
		fmt.Fprintf(w, "function_memory_bytes{function=%q} %d %d\n", rec.names[0], 64<<20, rec.start.Unix()+int64(m)*60+30)
	}
	fmt.Fprintln(w, "# EOF")
	if err := errors.Join(w.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(filepath.Dir(serverPath(t)), "promtool")
	if _, err := os.Stat(tool); err != nil {
		tool = "promtool"
	}
	//nolint:gosec // the developer names the program by an environment variable
	cmd := exec.CommandContext(t.Context(), tool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h",
		file.Name(), dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
}

func serverPath(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath(firstOf(os.Getenv("PILOTLIGHT_PROMETHEUS"), "prometheus"))
	if err != nil {
		t.Fatalf("no Prometheus: %v; install the package prometheus, or set PILOTLIGHT_PROMETHEUS", err)
	}
	return path
}

// server is a real Prometheus on a loopback port that stays the same over restarts.
type server struct {
	dir, config, address string
	cmd                  *exec.Cmd
	log                  *strings.Builder
}

func newServer(t *testing.T, dir string) *server {
	t.Helper()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: dir, config: filepath.Join(t.TempDir(), "prometheus.yml"), address: free.Addr().String(), log: &strings.Builder{}}
	if err := errors.Join(free.Close(), os.WriteFile(s.config, []byte("global: {}\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *server) start(t *testing.T, flags ...string) {
	t.Helper()
	args := append([]string{
		"--config.file=" + s.config, "--storage.tsdb.path=" + s.dir, "--web.listen-address=" + s.address,
		"--storage.tsdb.retention.time=20y", "--log.level=warn",
	}, flags...)
	// The server outlives the context of a subtest; stop ends it.
	//nolint:gosec // the developer names the program by an environment variable
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), serverPath(t), args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/-/ready", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := hc.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.stop(t)
			t.Fatalf("Prometheus is not ready within a minute:\n%s", s.log)
		}
	}
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Errorf("stop Prometheus: %v", err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("Prometheus: %v\n%s", err, s.log)
	}
	s.cmd = nil
}

func realCollector(t *testing.T, s *server, change func(*Config)) *Collector {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL, cfg.MaxRetries = "http://"+s.address, 1
	if change != nil {
		change(&cfg)
	}
	c, err := New("real", cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// compare checks the exact counts of all minutes from first on.
func (rec recording) compare(t *testing.T, got collectors.Result, first int) {
	t.Helper()
	for _, name := range rec.names {
		series := target(t, got, name).Series[models.SignalInvocations]
		wrong := 0
		for i := range series.Len() {
			if v := series.At(i); v != rec.counts[name][first+i] {
				if wrong++; wrong <= 3 {
					t.Errorf("%s at minute %d: got %v, the trace has %v", name, first+i, v, rec.counts[name][first+i])
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d minutes are wrong", name, wrong, series.Len())
		}
	}
}

func target(t *testing.T, got collectors.Result, id string) collectors.TargetData {
	t.Helper()
	for _, data := range got.Targets {
		if string(data.ID) == id {
			return data
		}
	}
	t.Fatalf("no target %q among %d", id, len(got.Targets))
	return collectors.TargetData{}
}

func (rec recording) request(first, n int, signals ...models.Signal) collectors.Request {
	start := rec.start.Add(time.Duration(first) * time.Minute)
	return collectors.Request{Start: start, End: start.Add(time.Duration(n) * time.Minute), Step: time.Minute, Signals: signals}
}

func TestRealPrometheus(t *testing.T) {
	t.Parallel()
	rec := readTrace(t)
	dir := t.TempDir()
	backFill(t, rec, dir)
	s := newServer(t, dir)
	s.start(t)
	c := realCollector(t, s, nil)
	all := rec.request(0, rec.minutes, models.SignalInvocations, models.SignalDuration, models.SignalMemory)

	got := mustCollect(t, c, all)
	rec.compare(t, got, 0)
	if len(got.Targets) != len(rec.names)+1 || len(got.Problems) > 0 {
		t.Errorf("%d targets, problems %q, warnings %q", len(got.Targets), problems(got), got.Warnings)
	}
	realDurations(t, rec, got)
	realReset(t, got)
	realStaleness(t, rec, got)

	last := rec.request(rec.minutes-1, 1, models.SignalInvocations)
	rec.compare(t, mustCollect(t, c, last), rec.minutes-1)
	realErrors(t, s, last)

	// Without the server: a clear error. With it again: all is as before, also when it refuses long ranges.
	s.stop(t)
	_, err := c.Collect(t.Context(), last)
	if err == nil || !strings.Contains(err.Error(), "query http://"+s.address) || !strings.Contains(err.Error(), "check url and network") {
		t.Errorf("error without a server: %v", err)
	}
	s.start(t, "--query.max-samples=20000")
	rec.compare(t, mustCollect(t, c, all), 0)
}

func realDurations(t *testing.T, rec recording, got collectors.Result) {
	t.Helper()
	for _, name := range rec.names {
		series := target(t, got, name).Series[models.SignalDuration]
		for i := range series.Len() {
			v, want := series.At(i), rec.millis[name]/1000
			// A mean over nothing is unknown, not zero. The counter of seconds has grown to 1e5 and more, so differences of it
			// are good to some 1e-9.
			if count := rec.counts[name][i]; (count == 0) != math.IsNaN(v) || count > 0 && math.Abs(v-want) > 1e-6 {
				t.Errorf("%s at minute %d with %v invocations: mean duration %v, want %v", name, i, count, v, want)
				break
			}
		}
	}
}

func realReset(t *testing.T, got collectors.Result) {
	t.Helper()
	series := target(t, got, "resetting").Series[models.SignalInvocations]
	for m, want := range map[int]float64{resetAt - 1: 5, resetAt: 3, resetAt + 1: 5, 239: 5, 240: math.NaN(), 243: math.NaN()} {
		if v := series.At(m); v != want && !(math.IsNaN(v) && math.IsNaN(want)) {
			t.Errorf("counter that restarts in minute %d: minute %d is %v, want %v", resetAt, m, v, want)
		}
	}
}

func realStaleness(t *testing.T, rec recording, got collectors.Result) {
	t.Helper()
	series := target(t, got, rec.names[0]).Series[models.SignalMemory]
	for m, want := range map[int]float64{0: 64, silentFrom - 1: 64, silentFrom: math.NaN(), silentFrom + 3: math.NaN()} {
		if v := series.At(m); v != want && !(math.IsNaN(v) && math.IsNaN(want)) {
			t.Errorf("gauge that ends in minute %d: minute %d is %v, want %v", silentFrom, m, v, want)
		}
	}
}

func realErrors(t *testing.T, s *server, req collectors.Request) {
	t.Helper()
	for query, want := range map[string]string{
		"sum by (function) (increase(x[1m]":             "parse error",
		"sum by (function) (function_memory_bytes[5m])": "expected type instant vector",
		`{__name__=~"function_.*",function="az21_110"}`: "add __name__ to target_id, or sum over it",
	} {
		c := realCollector(t, s, func(c *Config) {
			c.Queries, c.SkipSyntaxCheck = map[string]string{"invocations": query}, true
		})
		got, err := c.Collect(t.Context(), req)
		if err == nil || !strings.Contains(err.Error()+strings.Join(problems(got), "\n"), want) {
			t.Errorf("%s: error %v, problems %q, want %q", query, err, problems(got), want)
		}
	}
	for _, name := range Presets() {
		if name == presetGeneric || name == presetCustom {
			continue
		}
		c := realCollector(t, s, func(c *Config) { c.Preset, c.Selector = name, `cluster="eu"` })
		all := req
		all.Signals = models.Signals()
		if got, err := c.Collect(t.Context(), all); !errors.Is(err, models.ErrNoData) || len(got.Problems) > 0 {
			t.Errorf("preset %s: error %v, problems %q", name, err, problems(got))
		}
	}
}

func TestRealConformance(t *testing.T) {
	t.Parallel()
	rec := readTrace(t)
	dir := t.TempDir()
	backFill(t, rec, dir)
	s := newServer(t, dir)
	var once sync.Once
	collectorstest.Run(t, func(t *testing.T) collectorstest.Fixture {
		t.Helper()
		once.Do(func() { s.start(t) })
		req := rec.request(silentFrom-200, 210, models.SignalInvocations, models.SignalDuration, models.SignalMemory)
		return collectorstest.Fixture{
			Collector: realCollector(t, s, func(c *Config) { c.MaxPointsPerQuery = 50 }),
			Request:   req,
			Gaps: []collectorstest.Gap{{
				Target: models.TargetID(rec.names[0]), Signal: models.SignalMemory,
				Start: rec.start.Add(silentFrom * time.Minute),
			}},
			Empty: rec.request(-3000, 60, models.SignalInvocations),
		}
	})
}
