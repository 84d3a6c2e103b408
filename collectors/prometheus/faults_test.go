package prometheus

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"

	"pilotlight/models"
)

// reply answers with a status and a body; pairs are headers.
func reply(status int, body string, pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(pairs); i += 2 {
			w.Header().Set(pairs[i], pairs[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// transport is a transport made of a function, for tests in a bubble, where sockets do not work.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string, pairs ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	return r
}

const (
	goodBody = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"function":"a"},"value":[1,"1"]}]}}`
	htmlBody = "<html>502 Bad Gateway</html>"
)

// TestRefusals checks for each refusal how often it is tried, and that the error says what happened and what to do.
func TestRefusals(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vec`)
	}
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for _, test := range []struct {
		name  string
		fault http.HandlerFunc
		tries int
		parts []string
	}{
		{"throttled", reply(429, "slow down"), 3, []string{"client error: 429", "slow down", "raise its limit"}},
		{"bad gateway", reply(502, htmlBody), 3, []string{"server error: 502", "502 Bad Gateway"}},
		{"unavailable", reply(503, `{"status":"error","errorType":"timeout","error":"query timed out"}`), 3, []string{"query timed out"}},
		{"gateway timeout", reply(504, ""), 3, []string{"server error: 504"}},
		{"cut off", cut, 3, []string{"unexpected EOF", "check url and network"}},
		{"hang up", hangUp, 3, []string{"EOF", "check url and network"}},
		{"waits too long", reply(503, "", "Retry-After", "3600"), 1, []string{"it asks to wait 1h0m0s"}},
		{"internal error", reply(500, "boom"), 1, []string{"server error: 500: boom", "server's log"}},
		{"unauthorized", reply(401, "who"), 1, []string{"http.basic_auth"}},
		{"not found", reply(404, "404 page not found"), 1, []string{"no Prometheus API under this url"}},
		{"bad query", reply(400, `{"status":"error","errorType":"bad_data","error":"parse error"}`), 1, []string{"parse error; correct the query"}},
		{"execution", reply(422, `{"status":"error","errorType":"execution","error":"many-to-many matching"}`), 1, []string{"many-to-many"}},
		{"not JSON", reply(200, "<html>hello</html>"), 1, []string{"not an answer of a Prometheus API"}},
		{"other JSON", reply(200, `{"hello":"world"}`), 1, []string{"answered without a result; check url"}},
		{"error with 200", reply(200, `{"status":"error","errorType":"internal","error":"odd"}`), 1, []string{"odd"}},
		{"redirect", reply(302, "", "Location", "http://elsewhere.test/"), 1, []string{"the server redirects"}},
		{"scalar", reply(200, `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`), 1, []string{"gives a scalar"}},
		{
			"histogram", reply(200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"function":"a"},`+
				`"histogram":[1,{"count":"1","sum":"1","buckets":[]}]}]}}`), 1, []string{"gives native histograms"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			for range 10 {
				f.faults = append(f.faults, test.fault)
			}
			c := f.collector(t, func(c *Config) {
				c.MaxRetries = 2
				c.HTTP.FollowRedirects = false
				c.URL = strings.Replace(f.url, "http://", "http://user:s3cret@", 1) + "/?token=t0ken"
			})
			_, err := c.Collect(t.Context(), minutes(1))
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range append(test.parts, `collector "test": invocations: `) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "user") || strings.Contains(err.Error(), "t0ken") {
				t.Errorf("error %q holds credentials", err)
			}
			if got := len(f.requests()); got != test.tries {
				t.Errorf("%d requests, want %d", got, test.tries)
			}
		})
	}
}

// TestForbidden is apart because the API's client repeats a 403 as GET.
func TestForbidden(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.faults = []http.HandlerFunc{reply(403, "no"), reply(403, "no")}
	_, err := f.collector(t, nil).Collect(t.Context(), minutes(1))
	if err == nil || !strings.Contains(err.Error(), "may not query; check its permissions") {
		t.Errorf("error %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	cfg := DefaultConfig()
	cfg.URL, cfg.MaxRetries = strings.Replace(server.URL, "http://", "http://user:s3cret@", 1)+"?token=t0ken", 1
	c, err := New("test", cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.client.firstWait = time.Millisecond
	_, err = c.Collect(t.Context(), minutes(2, models.SignalInvocations, models.SignalErrors))
	if err == nil || !strings.Contains(err.Error(), "all 2 queries failed, the first: invocations: query "+server.URL+": ") ||
		!strings.Contains(err.Error(), "connection refused; check url and network") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("error %q holds credentials", err)
	}
}

func TestRecoversAfterRetries(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: constant(1)}}
	f.faults = []http.HandlerFunc{reply(503, ""), reply(429, "", "Retry-After", "0"), nil}
	if got := mustCollect(t, f.collector(t, nil), minutes(3)); len(got.Targets) != 1 || len(got.Problems) != 0 {
		t.Errorf("got %+v", got)
	}
}

// waits collects in a bubble of fake time through a transport, and returns how long it took with the error.
func waits(t *testing.T, change func(*Config), rt transport) (took time.Duration, tries int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.URL = "http://fake.test"
		if change != nil {
			change(&cfg)
		}
		c, buildErr := build("test", cfg, nil, nil, transport(func(r *http.Request) (*http.Response, error) {
			tries++
			return rt(r)
		}))
		if buildErr != nil {
			t.Fatal(buildErr)
		}
		begin := time.Now()
		_, err = c.Collect(t.Context(), minutes(1))
		took = time.Since(begin)
	})
	return took, tries, err
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"7", "Mon, 02 Mar 2026 10:00:07 GMT"} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			took, tries, err := waits(t, nil, func(*http.Request) (*http.Response, error) {
				return response(429, "", "Retry-After", header, "Date", "Mon, 02 Mar 2026 10:00:00 GMT"), nil
			})
			if want := 3 * 7 * time.Second; took != want || tries != 4 || err == nil {
				t.Errorf("%d tries within %s, want 4 within %s; error %v", tries, took, want, err)
			}
		})
	}
}

func TestBackOffGrowsWithJitter(t *testing.T) {
	t.Parallel()
	took, tries, err := waits(t, func(c *Config) { c.MaxRetries = 4 }, func(*http.Request) (*http.Response, error) {
		return response(503, ""), nil
	})
	// Means of 0.5, 1, 2 and 4 s, each +-50 %.
	if took < 3700*time.Millisecond || took > 11300*time.Millisecond || tries != 5 || err == nil {
		t.Errorf("%d tries within %s, error %v", tries, took, err)
	}
}

func TestTimeoutIsNotRetried(t *testing.T) {
	t.Parallel()
	took, tries, err := waits(t, func(c *Config) { c.Timeout = models.Duration(5 * time.Second) }, func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	if took != 5*time.Second || tries != 1 {
		t.Errorf("%d tries within %s, want 1 within 5s", tries, took)
	}
	if err == nil || !strings.Contains(err.Error(), "query http://fake.test: no answer within 5s; make the query cheaper or raise timeout") ||
		errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestBodyHangs checks that the timeout covers reading the body.
func TestBodyHangs(t *testing.T) {
	t.Parallel()
	took, _, err := waits(t, nil, func(r *http.Request) (*http.Response, error) {
		reader, writer := io.Pipe()
		context.AfterFunc(r.Context(), func() { _ = writer.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: reader}, nil
	})
	if took != 30*time.Second || err == nil || !strings.Contains(err.Error(), "no answer within 30s") {
		t.Errorf("%s, error %v", took, err)
	}
}

// TestCancelWhileWaiting checks that a cancelled context ends the wait before a retry.
func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.URL = "http://fake.test"
		c, err := build("test", cfg, nil, nil, transport(func(*http.Request) (*http.Response, error) {
			return response(503, "", "Retry-After", "50"), nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		_, err = c.Collect(ctx, minutes(1))
		if took := time.Since(begin); took != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, error %v", took, err)
		}
	})
}

func TestHugeAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int64]string{int64(len(goodBody)): "", int64(len(goodBody)) - 1: "larger than"} {
		rt := &observer{limit: limit, next: transport(func(*http.Request) (*http.Response, error) { return response(200, goodBody), nil })}
		resp, err := rt.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://fake.test", nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case want == "" && (err != nil || string(body) != goodBody):
			t.Errorf("limit %d: %d bytes, error %v", limit, len(body), err)
		case want != "" && !errors.Is(err, errTooLarge):
			t.Errorf("limit %d: error %v", limit, err)
		}
	}
	c := &client{where: "http://fake.test"}
	if f := c.unanswered(errTooLarge); !f.smaller || f.retry || !strings.Contains(f.Error(), "max_points_per_query") {
		t.Errorf("failure %+v", f)
	}
}

// TestCredentials checks that the options of HTTPClientConfig reach the requests.
func TestCredentials(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: constant(1)}}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := f.collector(t, func(c *Config) {
		c.HTTP.BasicAuth = &config.BasicAuth{Username: "me", PasswordFile: file}
		c.HTTP.HTTPHeaders = &config.Headers{Headers: map[string]config.Header{"X-Scope-Orgid": {Values: []string{"tenant"}}}}
	})
	mustCollect(t, c, minutes(1))
	header := f.requests()[0].header
	req := &http.Request{Header: header}
	if user, password, _ := req.BasicAuth(); user != "me" || password != "from a file" {
		t.Errorf("user %q, password %q", user, password)
	}
	if header.Get("X-Scope-OrgID") != "tenant" || header.Get("User-Agent") != "pilotlight" {
		t.Errorf("header %v", header)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	before := len(f.requests())
	_, err := c.Collect(t.Context(), minutes(1))
	if err == nil || !strings.Contains(err.Error(), "check the files named under http") || len(f.requests()) != before {
		t.Errorf("error %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(reply(200, goodBody))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, test := range []struct {
		name, url string
		tls       config.TLSConfig
		want      string
	}{
		{"trusted", server.URL, config.TLSConfig{CA: ca}, ""},
		{"untrusted", server.URL, config.TLSConfig{}, "check url and http.tls_config"},
		{"wrong name", server.URL, config.TLSConfig{CA: ca, ServerName: "other.test"}, "check url and http.tls_config"},
		{"plain HTTP", strings.Replace(server.URL, "https", "http", 1), config.TLSConfig{}, "client error: 400"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.URL, cfg.HTTP.TLSConfig = test.url, test.tls
			c, err := New("test", cfg, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			_, err = c.Collect(t.Context(), minutes(1))
			// The answer's time is not asked for, so a good connection ends in ErrNoData.
			if test.want == "" && !errors.Is(err, models.ErrNoData) || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// answering is a transport that always gives the same body.
func answering(body string) transport {
	return func(*http.Request) (*http.Response, error) { return response(200, body), nil }
}
