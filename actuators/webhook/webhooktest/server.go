// Package webhooktest is a strict receiver of webhooks for tests. It checks every request as the documentation tells receivers to:
// the signature with the library of the authors of Standard Webhooks, the age, every field of the body; and it carries out what
// has the same idempotency key once.
package webhooktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// Secret is the secret of the signatures, which opens nothing.
//
//nolint:gosec // it is the secret of nobody
const Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTw=="

// The operations, as they are called in faults.
const (
	OpScale   = "scale"
	OpObserve = "observe"
)

// maxAge is how old or how far ahead a request may be.
const maxAge = 5 * time.Minute

// Server is the receiver. It is safe for concurrent use.
type Server struct {
	server *httptest.Server
	tb     testing.TB
	now    func() time.Time
	*faulttest.Script

	mu       sync.Mutex
	secret   string
	capacity map[string]models.Capacity
	known    map[string]bool
	ids      []string
	writes   int
	requests int
	last     map[string]any
}

// New starts a receiver that ends with the test and knows targets by their references. now is the clock that the age of requests
// is checked by.
func New(tb testing.TB, now func() time.Time, refs ...string) *Server {
	tb.Helper()
	s := &Server{
		tb: tb, now: now, Script: faulttest.NewScript(nil), secret: Secret,
		capacity: map[string]models.Capacity{}, known: map[string]bool{},
	}
	for _, ref := range refs {
		s.capacity[ref] = models.Warm(0).WithKeepAlive(0).WithMax(0).WithMemory(0)
	}
	s.server = httptest.NewServer(s)
	tb.Cleanup(s.server.Close)
	return s
}

// URL returns the address that takes capacities, and ObserveURL the one that shows them.
func (s *Server) URL() string { return s.server.URL + "/scale" }

// ObserveURL returns the address that shows capacities.
func (s *Server) ObserveURL() string { return s.server.URL + "/state?from=test" }

// Close stops the receiver before the test ends.
func (s *Server) Close() { s.server.Close() }

// SecretFile writes the secret into a file of the test.
func (s *Server) SecretFile(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(Secret+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// SetSecret changes the secret that signatures are checked with.
func (s *Server) SetSecret(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = secret
}

// Capacity returns the capacity that a target has.
func (s *Server) Capacity(ref string) models.Capacity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.capacity[ref]
}

// Writes returns how many requests have changed a capacity.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Requests returns how many requests came, whatever became of them.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// IDs returns the ids of the requests that were genuine.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids)
}

// Last returns the last body that was taken.
func (s *Server) Last() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	op := OpScale
	if r.Method == http.MethodGet {
		op = OpObserve
	}
	s.Play(w, r, op, func() func() int {
		said := httptest.NewRecorder()
		s.carryOut(said, r, content)
		return func() int { return faulttest.Send(w, said) }
	})
}

// carryOut checks a request and does what it asks for.
func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	signed := content
	if r.Method == http.MethodGet {
		signed = []byte(r.URL.RequestURI())
	}
	if !s.genuine(r.Header, signed) {
		http.Error(w, "the signature is wrong", http.StatusUnauthorized)
		return
	}
	s.ids = append(s.ids, r.Header.Get("Webhook-Id"))
	switch r.Method + " " + r.URL.Path {
	case "POST /scale":
		s.take(w, r, content)
	case "GET /state":
		s.show(w, r)
	default:
		http.Error(w, "no such path", http.StatusMethodNotAllowed)
	}
}

// genuine checks signature, age and idempotency key.
func (s *Server) genuine(h http.Header, content []byte) bool {
	sec, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || s.now().Sub(time.Unix(sec, 0)).Abs() > maxAge {
		return false
	}
	library, err := standardwebhooks.NewWebhook(s.secret)
	if err != nil {
		s.tb.Error(err)
		return false
	}
	return library.VerifyIgnoringTimestamp(content, h) == nil && h.Get("Webhook-Id") == h.Get("Idempotency-Key")
}

// body is what a request that changes a capacity says.
type body struct {
	Version  int
	Type     string
	Action   string
	Decision string
	Target   struct{ ID, Ref, Group string }
	From, To models.Capacity
	Issued   time.Time
	Expires  time.Time
}

// wrong reports whether the documentation does not allow the body under that id.
func (b *body) wrong(id string) bool {
	return b.Version != 1 || b.Type != "pilotlight.capacity.apply" || b.Action != id || b.Target.ID == "" || b.To.Levers() == 0 ||
		!b.Expires.After(b.Issued)
}

// take carries a body out.
func (s *Server) take(w http.ResponseWriter, r *http.Request, content []byte) {
	var in body
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil || in.wrong(r.Header.Get("Webhook-Id")) || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, fmt.Sprintf("the body is wrong: %v %s", err, content), http.StatusBadRequest)
		return
	}
	s.last = map[string]any{}
	if err := json.Unmarshal(content, &s.last); err != nil {
		s.tb.Error(err)
	}
	have, ok := s.capacity[in.Target.Ref]
	if !ok {
		http.Error(w, "no such target", http.StatusNotFound)
		return
	}
	if !s.known[in.Action] && !have.Satisfies(in.To) {
		s.capacity[in.Target.Ref] = have.Merge(in.To)
		s.writes++
	}
	s.known[in.Action] = true
	w.WriteHeader(http.StatusAccepted)
}

// show answers an observation.
func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	have, ok := s.capacity[r.URL.Query().Get("ref")]
	if !ok || r.URL.Query().Get("target") == "" {
		http.Error(w, "no such target", http.StatusNotFound)
		return
	}
	ready, _ := have.Warm()
	if err := json.NewEncoder(w).Encode(map[string]any{"capacity": have, "ready": ready, "pending": false}); err != nil {
		s.tb.Error(err)
	}
}
