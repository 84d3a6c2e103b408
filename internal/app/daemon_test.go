package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/internal/sim/promstore"
)

func TestMain(m *testing.M) {
	// A SIGHUP that a test sends after its daemon has ended must not end the tests.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	// The library that waits for signals keeps one goroutine for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.signal_recv"), goleak.IgnoreTopFunction("os/signal.loop"))
}

// patience is how long a daemon may take to do what a test waits for.
const patience = 30 * time.Second

// The secrets of the tokens in these tests.
const (
	operator = "operator-0123456789abcdef"
	viewer   = "viewer-0123456789abcdefgh"
)

// servePrometheus serves a Prometheus that knows a steady load of the functions for the last four hours and for some minutes to
// come, and returns its address.
func servePrometheus(t *testing.T, functions ...string) string {
	t.Helper()
	store, err := promstore.Open(filepath.Join(t.TempDir(), "prometheus"), promstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	until := now().Truncate(time.Minute).Add(10 * time.Minute)
	var samples []promstore.Sample
	for _, f := range functions {
		series, err := promstore.NewSeries("function_invocations_total", promstore.Label{Name: "function", Value: f})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 250 {
			samples = append(samples, promstore.Sample{Series: series, Time: until.Add(time.Duration(i-249) * time.Minute), Value: 60 * float64(i)})
		}
	}
	if err := store.Append(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	l, err := listen(t.Context(), "127.0.0.1:0")
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

// site is the folder and the configuration of a daemon, which may be started several times.
type site struct {
	dir, config, prometheus string
}

// newSite writes the files of a daemon. Its one function has a floor of at least two, and so waits for a raise from none.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), prometheus: servePrometheus(t, "shop", "blog")}
	write(t, s.dir, "ops.token", operator+"\n")
	s.config = filepath.Join(s.dir, "p.yaml")
	s.configure(t, 2, "")
	return s
}

// configure writes the configuration with a lower bound and more text.
func (s *site) configure(t *testing.T, minWarm int, more string) {
	t.Helper()
	write(t, s.dir, "p.yaml", fmt.Sprintf(`
server:
  listen: 127.0.0.1:0
  tokens:
    - {name: ops, role: operator, token_file: ops.token}
    - {name: eye, role: viewer, token_env: EYE}
storage: {dir: data}
engine: {mode: approve, interval: 1s, ingestion_delay: 0s, lookback: 3h, observe_every: 0s, restart_hold: 0s}
collectors: [{name: prod, type: prometheus, config: {url: %q, max_retries: 0}}]
actuators: [{name: fake, type: dry_run}]
targets:
  - {id: shop, memory_mb: 512, cold_start: 1s, limits: {min_warm: %d, max_warm: 9}}
%s`, s.prometheus, minWarm, more))
}

// instance is a running daemon.
type instance struct {
	api    string
	client *http.Client
	log    *safeBuffer
	stop   func() error
}

// safeBuffer is a buffer for many goroutines.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// address finds the address of the API in the log.
var address = regexp.MustCompile(`msg="pilotlight runs".* api=(http://\S+)`)

// start runs a daemon until its stop is called or the test ends, and waits until it is ready.
func (s *site) start(t *testing.T, mode string) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in := &instance{log: &safeBuffer{}, client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	stdio := IO{Out: in.log, Err: in.log, Env: func(name string) (string, bool) { return viewer, name == "EYE" }}
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, stdio, RunOptions{Config: s.config, Mode: mode, LogLevel: "info", LogFormat: "logfmt"})
	}()
	in.stop = sync.OnceValue(func() error {
		cancel()
		in.client.CloseIdleConnections()
		return <-done
	})
	t.Cleanup(func() {
		if err := in.stop(); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", in.log)
		}
	})
	eventually(t, func() error {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("the daemon ended: %v\n%s", err, in.log)
		default:
		}
		m := address.FindStringSubmatch(in.log.String())
		if m == nil {
			return fmt.Errorf("no address in the log:\n%s", in.log)
		}
		in.api = m[1]
		return nil
	})
	eventually(t, func() error {
		if code, body := in.call(t, "GET", "/readyz", ""); code != http.StatusOK {
			return fmt.Errorf("not ready: %s", body)
		}
		return nil
	})
	return in
}

// eventually calls check until it returns nil, and fails the test with its last error when patience ends.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %v", patience, err)
		case <-again.C:
		}
	}
}

// call sends a request and returns the status and body of its answer.
func (in *instance) call(t *testing.T, method, path, token string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, in.api+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := in.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// get reads JSON with the viewer's token.
func (in *instance) get(t *testing.T, path string, out any) {
	t.Helper()
	code, body := in.call(t, "GET", path, viewer)
	if code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, code, body)
	}
	if err := json.Unmarshal([]byte(body), out); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

// metric returns the line of a metric.
func (in *instance) metric(t *testing.T, name string) string {
	t.Helper()
	_, body := in.call(t, "GET", "/metrics", viewer)
	for line := range strings.SplitSeq(body, "\n") {
		if strings.HasPrefix(line, name) {
			return line
		}
	}
	t.Fatalf("no metric %s in\n%s", name, body)
	return ""
}

// shop is what the API says about the one target.
type shop struct {
	Observed *struct {
		Capacity struct{ Warm int }
	}
	Recommendation *struct {
		ID, Status, By string
		Decision       struct {
			Desired struct{ Warm *int }
			Reasons []struct{ Code string }
		}
	}
}

// shop reads the one target.
func (in *instance) shop(t *testing.T) shop {
	t.Helper()
	var s shop
	in.get(t, "/api/v1/targets/shop", &s)
	return s
}

// pending waits for a recommendation of so many instances that an operator may approve, and returns its id.
func (in *instance) pending(t *testing.T, warm int) (id string) {
	t.Helper()
	eventually(t, func() error {
		s := in.shop(t)
		if r := s.Recommendation; r == nil || r.Status != "pending" || r.Decision.Desired.Warm == nil || *r.Decision.Desired.Warm != warm {
			return fmt.Errorf("recommendation %+v, want one of %d that is pending", r, warm)
		}
		id = s.Recommendation.ID
		return nil
	})
	return id
}

// outcomes counts how the actions on record ended.
func (in *instance) outcomes(t *testing.T) map[string]int {
	t.Helper()
	var page struct {
		Items []struct {
			Data struct{ Status string }
		}
		Next string
	}
	in.get(t, "/api/v1/decisions?type=pilotlight.outcome", &page)
	if page.Next != "" {
		t.Fatal("more than a page of records")
	}
	counts := map[string]int{}
	for _, e := range page.Items {
		counts[e.Data.Status]++
	}
	return counts
}

// TestDaemonRoles checks who may do what over HTTP.
func TestDaemonRoles(t *testing.T) {
	t.Parallel()
	in := newSite(t).start(t, "")
	id := in.pending(t, 2)
	for _, tc := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/api/v1/targets", "", 401},
		{"GET", "/api/v1/targets", "wrong-0123456789abcdef", 401},
		{"GET", "/api/v1/targets", viewer, 200},
		{"GET", "/api/v1/config", viewer, 200},
		{"GET", "/metrics", viewer, 200},
		{"POST", "/api/v1/pause", "", 401},
		{"POST", "/api/v1/pause", viewer, 403},
		{"POST", "/api/v1/config/reload", viewer, 403},
		{"POST", "/api/v1/recommendations/" + id + "/approve", viewer, 403},
		{"POST", "/api/v1/recommendations/" + id + "/reject", "", 401},
		{"POST", "/api/v1/config/reload", operator, 200},
		{"GET", "/api/v1/targets/blog", viewer, 404}, // Prometheus knows it, the configuration does not
	} {
		if code, body := in.call(t, tc.method, tc.path, tc.token); code != tc.want {
			t.Errorf("%s %s with token %q: %d, want %d: %s", tc.method, tc.path, tc.token, code, tc.want, body)
		}
	}
	if got := in.shop(t); got.Observed == nil || got.Observed.Capacity.Warm != 0 || len(in.outcomes(t)) != 0 {
		t.Errorf("something was written without an operator: %+v", got)
	}
	for _, secret := range []string{operator, viewer} {
		if _, config := in.call(t, "GET", "/api/v1/config", viewer); strings.Contains(config, secret) || strings.Contains(in.log.String(), secret) {
			t.Error("a secret is shown")
		}
	}
}

// TestDaemonApprove checks that an approval writes once.
func TestDaemonApprove(t *testing.T) {
	t.Parallel()
	in := newSite(t).start(t, "")
	id := in.pending(t, 2)
	path := "/api/v1/recommendations/" + id + "/approve"
	if code, body := in.call(t, "POST", path, operator); code != 200 || !strings.Contains(body, `"status":"applied"`) || !strings.Contains(body, `"by":"ops"`) {
		t.Fatalf("approval: %d %s", code, body)
	}
	if got := in.shop(t); got.Observed == nil || got.Observed.Capacity.Warm != 2 {
		t.Errorf("the platform shows %+v", got.Observed)
	}
	if code, body := in.call(t, "POST", path, operator); code != 409 && code != 404 {
		t.Errorf("a second approval: %d %s", code, body)
	}
	// Later cycles find everything as it should be.
	eventually(t, func() error {
		if r := in.shop(t).Recommendation; r == nil || r.ID == id || r.Status != "none" {
			return fmt.Errorf("recommendation %+v", r)
		}
		return nil
	})
	if got := in.outcomes(t); len(got) != 1 || got["applied"] != 1 {
		t.Errorf("outcomes %v, want one that was applied", got)
	}
}

// TestDaemonPause checks that a pause holds writes back in every mode until it is lifted, and that it outlives a restart.
func TestDaemonPause(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	in := s.start(t, "")
	id := in.pending(t, 2)
	order := func(what, want string) {
		t.Helper()
		if code, body := in.call(t, "POST", "/api/v1/"+what, operator); code != 200 || !strings.Contains(body, want) {
			t.Fatalf("%s: %d %s", what, code, body)
		}
	}
	order("pause", `"paused":true`)
	if code, body := in.call(t, "POST", "/api/v1/recommendations/"+id+"/approve", operator); code != 409 && code != 404 {
		t.Errorf("approval during a pause: %d %s", code, body)
	}
	write(t, s.dir, "p.yaml", strings.Replace(read(t, s.config), "mode: approve", "mode: auto", 1))
	order("config/reload", `"changed":true`)
	eventually(t, func() error {
		var v struct{ Mode string }
		in.get(t, "/api/v1/version", &v)
		r := in.shop(t).Recommendation
		if v.Mode != "auto" || r == nil || !strings.Contains(fmt.Sprint(r.Decision.Reasons), "{paused}") {
			return fmt.Errorf("no decision in mode %s says that it is paused: %+v", v.Mode, r)
		}
		return nil
	})
	if got := in.shop(t); got.Observed == nil || got.Observed.Capacity.Warm != 0 || in.outcomes(t)["applied"] != 0 {
		t.Errorf("written during a pause: %+v, %v", got.Observed, in.outcomes(t))
	}
	order("resume", `"paused":false`)
	eventually(t, func() error {
		if got := in.outcomes(t); got["applied"] != 1 {
			return fmt.Errorf("outcomes %v, want one that was applied", got)
		}
		return nil
	})
	if got := in.shop(t); got.Observed == nil || got.Observed.Capacity.Warm != 2 {
		t.Errorf("after the pause the platform shows %+v", got.Observed)
	}
	order("pause", `"paused":true`)
	if err := in.stop(); err != nil {
		t.Fatal(err)
	}
	in = s.start(t, "auto")
	var state struct {
		Paused bool
		By     string
	}
	if in.get(t, "/api/v1/pause", &state); !state.Paused || state.By != "ops" || in.metric(t, "pilotlight_paused") != "pilotlight_paused 1" {
		t.Errorf("after the restart: %+v", state)
	}
}

// TestDaemonReload checks that a good file takes effect, that of a bad one nothing does, and that both are told.
func TestDaemonReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	in := s.start(t, "")
	in.pending(t, 2)
	hash := func() string {
		var c struct{ Hash string }
		in.get(t, "/api/v1/config", &c)
		return c.Hash
	}
	first := hash()
	for name, tc := range map[string]struct {
		spoil func()
		want  string
	}{
		"unknown key": {
			func() { s.configure(t, 5, "enigne: {}") }, `unknown key \"enigne\": did you mean \"engine\"?`,
		},
		"needs restart": {func() {
			s.configure(t, 5, "")
			write(t, s.dir, "p.yaml", strings.Replace(read(t, s.config), "dir: data", "dir: elsewhere", 1))
		}, "storage cannot change while the daemon runs: restart it"},
		"file is absent": {func() { _ = os.Remove(s.config) }, "cannot be read: no such file or directory"},
	} {
		tc.spoil()
		code, body := in.call(t, "POST", "/api/v1/config/reload", operator)
		if code != 422 || !strings.Contains(body, tc.want) || !strings.Contains(body, "the old configuration stays in force") {
			t.Errorf("%s: %d %s", name, code, body)
		}
		if hash() != first || in.metric(t, "pilotlight_config_last_reload_successful") != "pilotlight_config_last_reload_successful 0" {
			t.Errorf("%s: the hash or the metric is wrong", name)
		}
		if got := in.metric(t, "pilotlight_config_info"); !strings.Contains(got, first) {
			t.Errorf("%s: %s", name, got)
		}
	}
	in.pending(t, 2)
	s.configure(t, 3, "")
	if code, body := in.call(t, "POST", "/api/v1/config/reload", operator); code != 200 || !strings.Contains(body, `"changed":true`) {
		t.Errorf("good file: %d %s", code, body)
	}
	second := hash()
	if got := in.metric(t, "pilotlight_config_last_reload_successful"); second == first || got != "pilotlight_config_last_reload_successful 1" {
		t.Errorf("good file: hash %s after %s, %s", second, first, got)
	}
	in.pending(t, 3)
}

// TestDaemonReloadsOnSignal checks the same for SIGHUP.
//
//nolint:paralleltest // a signal reaches all daemons of the process, and would disturb those of other tests
func TestDaemonReloadsOnSignal(t *testing.T) {
	s := newSite(t)
	in := s.start(t, "")
	in.pending(t, 2)
	s.configure(t, 4, "")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	in.pending(t, 4)
	s.configure(t, 5, "a: [")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if got := in.metric(t, "pilotlight_config_last_reload_successful"); got != "pilotlight_config_last_reload_successful 0" {
			return fmt.Errorf("bad file by a signal: %s", got)
		}
		return nil
	})
	in.pending(t, 4)
}

// TestDaemonRefusesToStart checks what stops a start, and that nothing is left open after it.
func TestDaemonRefusesToStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	run := func(env bool) error {
		stdio := IO{Out: t.Output(), Err: t.Output(), Env: func(string) (string, bool) { return viewer, env }}
		return Run(t.Context(), stdio, RunOptions{Config: s.config, LogLevel: "info", LogFormat: "logfmt"})
	}
	if err := run(false); err == nil || !strings.Contains(err.Error(), "token eye: the variable EYE is not set") {
		t.Errorf("without a secret: %v", err)
	}
	good := read(t, s.config)
	write(t, s.dir, "p.yaml", strings.Replace(good, "127.0.0.1:0", l.Addr().String(), 1))
	if err := run(true); err == nil || !strings.Contains(err.Error(), "address already in use; choose another address") {
		t.Errorf("a taken port: %v", err)
	}
	write(t, s.dir, "p.yaml", good)
	// Both failures have closed the journal, so it can be opened now; a second daemon on it is refused.
	s.start(t, "")
	if err := run(true); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second daemon: %v", err)
	}
}
