package api_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pilotlight/api"
)

// everyRoute lists every route of the description and the pages beside it, as "METHOD path".
func everyRoute() []string {
	routes := []string{"GET /", "GET /docs", "GET /style.css", "GET /openapi.json", "GET /openapi.yaml", "GET /metrics", "GET /nope", "POST /nope"}
	for path, item := range loadSpec().Paths {
		for method := range item {
			routes = append(routes, strings.ToUpper(method)+" "+strings.ReplaceAll(path, "{id}", "a"))
		}
	}
	return routes
}

// TestAuthorisation checks every route with every kind of credentials.
func TestAuthorisation(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	h := mustNew(t, world.deps())
	for _, route := range everyRoute() {
		method, path, _ := strings.Cut(route, " ")
		if path == "/api/v1/events" {
			method = http.MethodHead // The stream itself does not end.
		}
		health := path == "/healthz" || path == "/readyz"
		for _, tc := range []struct {
			name, authorization string
			known, operator     bool
		}{
			{"none", "", false, false},
			{"wrong", "Bearer wrong-secret-0123456789", false, false},
			{"empty", "Bearer ", false, false},
			{"prefix", "Bearer " + operatorSecret[:len(operatorSecret)-1], false, false},
			{"longer", "Bearer " + operatorSecret + "x", false, false},
			{"other scheme", "Digest " + operatorSecret, false, false},
			{"no scheme", operatorSecret, false, false},
			{"viewer", "Bearer " + viewerSecret, true, false},
			{"operator", "bearer " + operatorSecret, true, true},
		} {
			r := request(method, path, "", "Authorization", tc.authorization)
			w := do(t, h, r)
			want := "through"
			switch {
			case health:
			case !tc.known:
				want = "401"
			case (method == http.MethodPost || method == http.MethodDelete) && !tc.operator:
				want = "403"
			}
			got := "through"
			if w.Code == 401 || w.Code == 403 {
				got = http.StatusText(w.Code)
				want = strings.NewReplacer("401", "Unauthorized", "403", "Forbidden").Replace(want)
			}
			if got != want {
				t.Errorf("%s %s with token %q: %s, not %s", method, path, tc.name, got, want)
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") != `Bearer realm="pilotlight"` {
				t.Errorf("%s %s: challenge %q", method, path, w.Header().Values("WWW-Authenticate"))
			}
		}
	}
	for _, call := range world.calls {
		if strings.Contains(call, `"grafana"`) {
			t.Errorf("a viewer wrote: %s", call)
		}
	}
}

// TestBasic checks that a browser can read with a token as the password, and never write with it.
func TestBasic(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld("a").deps())
	basic := func(method, path, password string) *httptest.ResponseRecorder {
		r := request(method, path, "")
		r.Header.Del("Authorization")
		if password != "" {
			r.SetBasicAuth("me", password)
		}
		r.Header.Set("Accept", "text/html,*/*")
		return do(t, h, r)
	}
	if w := basic(http.MethodGet, "/", operatorSecret); w.Code != 200 {
		t.Errorf("page: %d", w.Code)
	}
	if w := basic(http.MethodGet, "/", ""); w.Code != 401 || !strings.Contains(strings.Join(w.Header().Values("WWW-Authenticate"), " "), "Basic") {
		t.Errorf("page without token: %d %v", w.Code, w.Header())
	}
	if w := basic(http.MethodPost, "/api/v1/pause", operatorSecret); w.Code != 401 {
		t.Errorf("write: %d", w.Code)
	}
}

func TestOpenServer(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	deps := world.deps()
	deps.Open, deps.Tokens = true, nil
	h := mustNew(t, deps)
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.": true, "app.localhost:1": true, "127.0.0.1": true, "127.9.9.9:80": true,
		"[::1]": true, "[::1]:8080": true, "::1": true, "[::ffff:127.0.0.1]:80": true,
		"": false, "evil.example": false, "evil.example:8080": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false,
		"10.0.0.1": false, "[::2]": false, "0.0.0.0": false, "notlocalhost": false, "127.0.0.1@evil.example": false, "2130706433": false,
	} {
		r := request(http.MethodGet, "/api/v1/targets", "")
		r.Header.Del("Authorization")
		r.Host = host
		w := do(t, h, r)
		if (w.Code == 200) != ok || !ok && decode[problem](t, w).Type != "urn:pilotlight:problem:foreign-host" {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
	r := request(http.MethodPost, "/api/v1/pause", "")
	r.Host = "localhost"
	if w := do(t, h, r); w.Code != 200 || world.pause.By != "anonymous" {
		t.Errorf("open write: %d by %q", w.Code, world.pause.By)
	}
}

// TestCrossOrigin checks what another site may cause in a browser.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	deps := newWorld("a").deps()
	deps.Open, deps.Tokens = true, nil
	h := mustNew(t, deps)
	for _, tc := range []struct {
		method  string
		headers []string
		ok      bool
	}{
		{"POST", nil, true},
		{"POST", []string{"Origin", "http://localhost:8080"}, true},
		{"POST", []string{"Origin", "http://localhost:8080", "Sec-Fetch-Site", "same-origin"}, true},
		{"POST", []string{"Sec-Fetch-Site", "none"}, true},
		{"POST", []string{"Origin", "http://localhost:9999"}, false},
		{"POST", []string{"Origin", "https://evil.example"}, false},
		{"POST", []string{"Origin", "null"}, false},
		{"POST", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"POST", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, true},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, false},
		{"GET", []string{"Origin", "https://evil.example"}, true}, // Without CORS headers the page cannot read the answer.
	} {
		r := request(tc.method, "/api/v1/pause", "", tc.headers...)
		r.Host = "localhost:8080"
		w := do(t, h, r)
		if (w.Code == 200) != tc.ok {
			t.Errorf("%s %v: status %d: %s", tc.method, tc.headers, w.Code, w.Body)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	token := func(change func(*api.Token)) func(*api.Deps) {
		return func(d *api.Deps) { change(&d.Tokens[1]) }
	}
	for name, tc := range map[string]struct {
		change func(*api.Deps)
		says   string
	}{
		"no fleet":      {func(d *api.Deps) { d.Fleet = nil }, "fleet is missing"},
		"no logger":     {func(d *api.Deps) { d.Logger = nil }, "logger is missing"},
		"no clock":      {func(d *api.Deps) { d.Now = nil }, "now is missing"},
		"no tokens":     {func(d *api.Deps) { d.Tokens = nil }, "no token is configured"},
		"open, tokens":  {func(d *api.Deps) { d.Open = true }, "choose one"},
		"no name":       {token(func(k *api.Token) { k.Name = "" }), "name"},
		"no role":       {token(func(k *api.Token) { k.Role = "admin" }), "not viewer or operator"},
		"short secret":  {token(func(k *api.Token) { k.Secret = "hunter2" }), "openssl rand"},
		"spaced secret": {token(func(k *api.Token) { k.Secret = "hunter2 hunter2 hunter2" }), "space"},
		"same name":     {token(func(k *api.Token) { k.Name = "grafana" }), "same name"},
		"same secret":   {token(func(k *api.Token) { k.Secret = viewerSecret }), "same secret"},
	} {
		deps := newWorld().deps()
		tc.change(&deps)
		_, err := api.New(deps)
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), viewerSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := api.New(api.Deps{}); err == nil || strings.Count(err.Error(), "missing") != 18 {
		t.Errorf("nothing given: %v", err)
	}
}

// TestLog checks that the access log has what it should and no secret.
func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	world := newWorld("a")
	deps := world.deps()
	deps.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	h := mustNew(t, deps)
	do(t, h, request(http.MethodPost, "/api/v1/pause", `{"note":"in the body"}`, "X-Request-Id", "req-7", "Cookie", "session=cookie-secret"))
	do(t, h, request(http.MethodGet, "/api/v1/targets/a?token=query-secret", "", "X-Request-Id", "bad id\"\n"))
	do(t, h, request(http.MethodGet, "/x%0Ay", "", "Authorization", "Bearer almost-"+operatorSecret))
	do(t, h, request(http.MethodGet, "/healthz", ""))
	text := log.String()
	for _, secret := range []string{operatorSecret, "query-secret", "cookie-secret", "in the body", "bad id"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q: %s", secret, text)
		}
	}
	for _, want := range []string{`"request_id":"req-7"`, `"by":"alice"`, `"route":"/api/v1/pause"`, `"status":200`, `"status":422`, `"status":401`, `"component":"api"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s: %s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n != 3 {
		t.Errorf("%d lines: %s", n, text)
	}
	if got := deps.Tokens[0].String(); got != `token "grafana" (viewer)` {
		t.Error(got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld("a").deps())
	do(t, h, request(http.MethodGet, "/api/v1/targets/a", ""))
	do(t, h, request(http.MethodGet, "/api/v1/targets/b", ""))
	do(t, h, request(http.MethodGet, "/random/1", ""))
	do(t, h, request("BREW", "/random/2", ""))
	do(t, h, request(http.MethodGet, "/healthz", "", "Authorization", ""))
	w := do(t, h, request(http.MethodGet, "/metrics", ""))
	for _, want := range []string{
		`pilotlight_api_requests_total{method="GET",route="/api/v1/targets/:id",status="200"} 1`,
		`pilotlight_api_requests_total{method="GET",route="/api/v1/targets/:id",status="404"} 1`,
		`pilotlight_api_requests_total{method="GET",route="unmatched",status="404"} 1`,
		`pilotlight_api_requests_total{method="other",route="unmatched",status="404"} 1`,
		`pilotlight_api_request_duration_seconds_count{method="GET",route="/healthz"} 1`,
		`pilotlight_api_event_streams 0`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
}
