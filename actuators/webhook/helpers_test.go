package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/webhook"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secretText is the secret of all tests, which opens nothing.
//
//nolint:gosec // it is the secret of nobody
const secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTw=="

// day is when the tests take place.
func day() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }

// receiver is a strict receiver: it checks every request as the documentation tells receivers to.
type receiver struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	secret   string
	capacity map[string]models.Capacity
	// ids are those of the requests that were genuine.
	ids      []string
	writes   int
	requests int
	last     map[string]any
	fault    func(http.ResponseWriter)
	lost     bool
	hanging  chan struct{}
	released chan struct{}
}

func newReceiver(t *testing.T, targets ...string) *receiver {
	t.Helper()
	r := &receiver{t: t, secret: secretText, capacity: map[string]models.Capacity{}}
	for _, ref := range targets {
		r.capacity[ref] = models.Warm(0).WithKeepAlive(0).WithMax(0).WithMemory(0)
	}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	content, err := io.ReadAll(req.Body)
	if err != nil {
		return // the client went away
	}
	if !r.wait(req) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if f := r.fault; f != nil {
		r.fault = nil
		f(w)
		return
	}
	signed := content
	if req.Method == http.MethodGet {
		signed = []byte(req.URL.RequestURI())
	}
	if !r.genuine(req.Header, signed) {
		http.Error(w, "the signature is wrong", http.StatusUnauthorized)
		return
	}
	r.ids = append(r.ids, req.Header.Get("webhook-id"))
	if r.lost {
		r.lost = false
		defer func() { panic(http.ErrAbortHandler) }()
		w = httptest.NewRecorder()
	}
	switch req.Method + " " + req.URL.Path {
	case "POST /scale":
		r.take(w, req, content)
	case "GET /state":
		r.show(w, req)
	default:
		http.Error(w, "no such path", http.StatusMethodNotAllowed)
	}
}

// genuine checks the signature with the library of the authors of Standard Webhooks, and the age by the clock of the tests.
func (r *receiver) genuine(h http.Header, content []byte) bool {
	sec, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Unix(sec, 0).Before(day().Add(-5*time.Minute)) || time.Unix(sec, 0).After(day().Add(5*time.Minute)) {
		return false
	}
	library, err := standardwebhooks.NewWebhook(r.secret)
	if err != nil {
		r.t.Error(err)
		return false
	}
	return library.VerifyIgnoringTimestamp(content, h) == nil && h.Get("webhook-id") == h.Get("Idempotency-Key")
}

// take carries a body out.
func (r *receiver) take(w http.ResponseWriter, req *http.Request, content []byte) {
	var body struct {
		Version  int
		Type     string
		Action   string
		Decision string
		Target   struct{ ID, Ref, Group string }
		From, To models.Capacity
		Issued   time.Time
		Expires  time.Time
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || body.Version != 1 || body.Type != "pilotlight.capacity.apply" ||
		body.Action != req.Header.Get("webhook-id") || body.Target.ID == "" || body.To.Levers() == 0 || !body.Expires.After(body.Issued) ||
		req.Header.Get("Content-Type") != "application/json" {
		http.Error(w, fmt.Sprintf("the body is wrong: %v %s", err, content), http.StatusBadRequest)
		return
	}
	r.last = map[string]any{}
	if err := json.Unmarshal(content, &r.last); err != nil {
		r.t.Error(err)
	}
	have, ok := r.capacity[body.Target.Ref]
	if !ok {
		http.Error(w, "no such target", http.StatusNotFound)
		return
	}
	if !have.Satisfies(body.To) {
		r.capacity[body.Target.Ref] = have.Merge(body.To)
		r.writes++
	}
	w.WriteHeader(http.StatusAccepted)
}

// show answers an observation.
func (r *receiver) show(w http.ResponseWriter, req *http.Request) {
	have, ok := r.capacity[req.URL.Query().Get("ref")]
	if !ok || req.URL.Query().Get("target") == "" {
		http.Error(w, "no such target", http.StatusNotFound)
		return
	}
	ready, _ := have.Warm()
	if err := json.NewEncoder(w).Encode(map[string]any{"capacity": have, "ready": ready, "pending": false}); err != nil {
		r.t.Error(err)
	}
}

// wait hangs while the receiver is stalled, and reports whether the request may go on.
func (r *receiver) wait(req *http.Request) bool {
	r.mu.Lock()
	hanging, released := r.hanging, r.released
	if hanging != nil {
		close(hanging)
		r.hanging = nil
	}
	r.mu.Unlock()
	if hanging == nil {
		return true
	}
	select {
	case <-released:
		return true
	case <-req.Context().Done():
		return false
	}
}

// stall makes the next request hang.
func (r *receiver) stall() (hanging <-chan struct{}, release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, released := make(chan struct{}), make(chan struct{})
	r.hanging, r.released = h, released
	return h, func() { close(released) }
}

// spoil makes the next request fail.
func (r *receiver) spoil(f func(http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = f
}

// lose makes the next request be carried out and its answer be lost.
func (r *receiver) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
}

// status returns a fault that answers a status.
func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { http.Error(w, "as the test wants it", code) }
}

func (r *receiver) count() (writes, requests int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes, r.requests
}

// newActuator returns an actuator for the receiver; edit changes its configuration.
func newActuator(t *testing.T, r *receiver, edit func(*webhook.Config)) *webhook.Actuator {
	t.Helper()
	config := webhook.DefaultConfig()
	config.URL, config.ObserveURL = r.server.URL+"/scale", r.server.URL+"/state?from=test"
	config.SecretFile = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(config.SecretFile, []byte(secretText+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(&config)
	}
	a, err := webhook.New("hook", config, webhook.Deps{Now: day})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func target(ref string) models.Target {
	return models.Target{ID: models.TargetID("id of " + ref), Ref: ref, Group: "shop"}
}

func action(ref string, to models.Capacity) models.Action {
	t := target(ref)
	return models.Action{
		ID: models.NewID("action", t.ID, day(), to.String()), Decision: "d1", Target: t.ID, From: models.Warm(0), To: to,
		Issued: day(), Expires: day().Add(2 * time.Minute),
	}
}

func wantKind(t *testing.T, what string, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("%s: error %v of kind %s, want kind %s", what, err, actuators.KindOf(err), kind)
	}
}
