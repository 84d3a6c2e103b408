package faulttest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators/faulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errOwn is an error of the fake platform's own.
var errOwn = errors.New("own")

// fake is a platform with the operations of HTTP, which counts what it has carried out.
type fake struct {
	*faulttest.Script
	done     atomic.Int32
	statuses chan int
	url      string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{statuses: make(chan int, 10)}
	f.Script = faulttest.NewScript(func(w http.ResponseWriter, op string, err error) int {
		if !errors.Is(err, errOwn) {
			t.Errorf("the error of %s is %v", op, err)
		}
		w.WriteHeader(http.StatusTeapot)
		return http.StatusTeapot
	}, http.MethodHead)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.statuses <- f.Play(w, r, r.Method, func() func() int {
			f.done.Add(1)
			said := httptest.NewRecorder()
			said.WriteHeader(http.StatusCreated)
			return func() int { return faulttest.Send(w, said) }
		})
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// ask sends a request and returns the status and text of the answer.
func (f *fake) ask(ctx context.Context, t *testing.T, method string) (status int, wait, text string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, f.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", "", err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Retry-After"), string(body), err
}

// TestFaults lets each fault strike, before and after the effect.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault        faulttest.Fault
		status, told int
		wait, text   string
		broken       bool
	}{
		"own":        {faulttest.Answer(errOwn), 418, 418, "", "", false},
		"own later":  {faulttest.Answer(errOwn).Later(7 * time.Second), 418, 418, "7", "", false},
		"status":     {faulttest.Status(503), 503, 503, "", "Service Unavailable\n", false},
		"text":       {faulttest.Text(429, "slowly").Later(time.Second), 429, 429, "1", "slowly\n", false},
		"proxy":      {faulttest.Proxy(), 502, 502, "", "<html><h1>Bad Gateway</h1></html>", false},
		"malformed":  {faulttest.Malformed(), 200, 0, "", "<html>proxy</html>", false},
		"empty":      {faulttest.Empty(), 200, 0, "", "{}", false},
		"dropped":    {faulttest.Dropped(), 0, 0, "", "", true},
		"halfclosed": {faulttest.HalfClosed(), 200, 0, "", `{"name":`, true},
	} {
		for _, done := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				fault, effects := c.fault, int32(0)
				if done {
					fault, effects = fault.ButDone(), 1
				}
				f.Inject(1, fault)
				status, wait, text, err := f.ask(t.Context(), t, http.MethodPost)
				if status != c.status || wait != c.wait || text != c.text || (err != nil) != c.broken || f.done.Load() != effects {
					t.Errorf("status %d, wait %q, text %q, %v, %d effects", status, wait, text, err, f.done.Load())
				}
				if told := <-f.statuses; told != c.told || f.Withdraw() != 0 {
					t.Errorf("the fake is told of status %d, want %d, or the fault is still waiting", told, c.told)
				}
			})
		}
	}
}

// TestOrder lets faults wait until an operation comes that they strike.
func TestOrder(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var seen []string
	f.BeforeAnswer(func(op string) { seen = append(seen, op) })
	f.Inject(1, faulttest.Status(409).On(http.MethodPut))
	f.Inject(2, faulttest.Status(503))
	f.Inject(1, faulttest.Status(500).On(http.MethodHead, http.MethodGet))
	for i, c := range []struct {
		method string
		status int
	}{{"GET", 503}, {"HEAD", 500}, {"HEAD", 201}, {"PUT", 409}, {"PUT", 503}, {"PUT", 201}} {
		if status, _, _, err := f.ask(t.Context(), t, c.method); err != nil || status != c.status {
			t.Errorf("request %d: status %d, %v, want %d", i, status, err, c.status)
		}
		<-f.statuses
	}
	f.Inject(2, faulttest.Status(500))
	if n := f.Withdraw(); n != 2 {
		t.Errorf("%d faults were waiting, want 2", n)
	}
	if want := []string{"GET", "HEAD", "HEAD", "PUT", "PUT", "PUT"}; !slices.Equal(seen, want) {
		t.Errorf("before the answers %q, want %q", seen, want)
	}
}

// TestSlow lets the client lose its patience, with one fault and with a stall.
func TestSlow(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.Inject(1, faulttest.Slow(cancel).ButDone())
	if _, _, _, err := f.ask(ctx, t, http.MethodGet); !errors.Is(err, context.Canceled) {
		t.Errorf("the answer came: %v", err)
	}
	if told := <-f.statuses; told != 0 || f.done.Load() != 1 {
		t.Errorf("status %d, %d effects", told, f.done.Load())
	}
	ctx, cancel = context.WithCancel(t.Context())
	hanging, release := f.Stall()
	go func() { <-hanging; cancel() }()
	if _, _, _, err := f.ask(ctx, t, http.MethodGet); !errors.Is(err, context.Canceled) {
		t.Errorf("the answer came: %v", err)
	}
	if told := <-f.statuses; told != 0 || f.done.Load() != 1 {
		t.Errorf("status %d, %d effects", told, f.done.Load())
	}
	release()
	if status, _, _, err := f.ask(t.Context(), t, http.MethodGet); err != nil || status != http.StatusCreated {
		t.Errorf("after the release: status %d, %v", status, err)
	}
	<-f.statuses
}
