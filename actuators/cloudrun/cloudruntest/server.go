// Package cloudruntest is a fake of the part of the Cloud Run Admin API that scaling needs, for tests that drive the real SDK. It
// is strict: each request and each answer is checked against the discovery document that Google publishes (see
// model/README.md), and what breaks it is refused as Google would and fails the test. It gives tokens for a service account
// of its own, and works with a clock of its own, which Advance moves on.
//
// What the document does not say follows Google's guides on errors, field masks, long-running operations and Cloud Run, and
// answers of the service that users have reported: the texts of conflicts, revisions that exist already, and quotas.
package cloudruntest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotlight/actuators/faulttest"
)

// The operations, as they are called in Call and Fault.
const (
	OpGet       = "run.projects.locations.services.get"
	OpPatch     = "run.projects.locations.services.patch"
	OpOperation = "run.projects.locations.operations.get"
	OpToken     = "token"
)

// Config is how the fake is made; zero fields stand for the defaults.
type Config struct {
	// Reconcile is how long a change takes, by default 5 seconds; negative is no time at all.
	Reconcile time.Duration
	// MaxInstances is how many instances a service may have at most, by default 1,000.
	MaxInstances int
	// Start is where the clock begins, by default a day in 2026.
	Start time.Time
}

// withDefaults returns the configuration with its zero fields filled.
func (c Config) withDefaults() Config {
	if c.Reconcile == 0 {
		c.Reconcile = 5 * time.Second
	}
	if c.MaxInstances == 0 {
		c.MaxInstances = 1000
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	}
	return c
}

// Call is a request that the server got.
type Call struct {
	Op   string
	Name string
	// Query and Body are as they were sent.
	Query string
	Body  string
	// QuotaProject is the project whose quota is to be used.
	QuotaProject string
	// Status is that of the answer, 0 if there was none that counts.
	Status int
}

// Server is the fake.
type Server struct {
	config Config
	model  *model
	http   *httptest.Server
	*faulttest.Script

	mu         sync.Mutex
	now        time.Time
	services   map[string]*service
	operations map[string]*operation
	failing    map[string]*failure
	tokens     map[string]bool
	calls      []Call
	violations []string
	writes     int
}

// New starts a server, and stops it when the test ends. The test fails if a request or an answer broke the document, unless
// the test has taken the violations.
func New(tb testing.TB, config Config) *Server {
	tb.Helper()
	m, err := loadModel()
	if err != nil {
		tb.Fatal(err)
	}
	config = config.withDefaults()
	s := &Server{
		config: config, model: m, now: config.Start, services: make(map[string]*service), operations: make(map[string]*operation),
		failing: make(map[string]*failure), tokens: make(map[string]bool),
	}
	s.Script = faulttest.NewScript(s.strike, OpToken)
	s.http = httptest.NewServer(s)
	tb.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
		for _, text := range s.TakeViolations() {
			tb.Errorf("against the Cloud Run Admin API: %s", text)
		}
	})
	return s
}

// URL returns the address of the server.
func (s *Server) URL() string { return s.http.URL }

// Now returns the time of the server's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Advance moves the clock on.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Calls returns the requests so far, in the order of their answers.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// CallsOf returns how many requests of the operations there were; all but those for tokens without an argument.
func (s *Server) CallsOf(ops ...string) int {
	n := 0
	for _, call := range s.Calls() {
		if len(ops) == 0 && call.Op != OpToken || slices.Contains(ops, call.Op) {
			n++
		}
	}
	return n
}

// Writes returns how many requests have changed a service.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// TakeViolations returns in what the requests and answers so far broke the document, and forgets it.
func (s *Server) TakeViolations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.violations
	s.violations = nil
	return taken
}

// violated notes a violation.
func (s *Server) violated(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := Call{Query: r.URL.RawQuery, QuotaProject: r.Header.Get("X-Goog-User-Project")}
	var c *method
	if r.URL.Path == tokenPath {
		call.Op = OpToken
	} else if c, call.Name = s.model.match(r.Method, r.URL.Path); c != nil {
		call.Op = c.ID
	} else {
		s.violated("%s %s is no known method", r.Method, r.URL.EscapedPath())
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>"))
		return
	}
	call.Status = s.serve(w, r, c, &call)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// serve checks a request, carries it out and answers.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, c *method, call *Call) int {
	req, refused := s.read(r, c, call)
	return s.Play(w, r, call.Op, func() func() int {
		var out map[string]any
		if refused == nil {
			out, refused = s.carryOut(call, req)
		}
		return func() int { return s.answer(w, c, call, out, refused) }
	})
}

// answer checks what is answered, and sends it.
func (s *Server) answer(w http.ResponseWriter, c *method, call *Call, out map[string]any, refused *failure) int {
	switch {
	case refused != nil:
		return s.fail(w, refused)
	case c == nil:
		return s.send(w, http.StatusOK, out)
	}
	data, decoded := encode(out)
	for _, wrong := range s.model.check("", c.Response, decoded, false) {
		s.violated("answer of %s: %s", call.Op, wrong)
	}
	return s.send(w, http.StatusOK, json.RawMessage(data))
}

// encode returns a value as JSON, and decoded again as a client sees it.
func encode(value any) (data []byte, decoded any) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if decoder.Decode(&decoded) != nil {
		return data, nil
	}
	return data, decoded
}

// failure is an error to answer with.
type failure struct {
	code    int
	status  string
	message string
	details []any
}

// Error implements error.
func (f *failure) Error() string { return f.status + ": " + f.message }

// badRequest refuses fields.
func badRequest(wrong ...violation) *failure {
	fields := make([]any, len(wrong))
	texts := make([]string, len(wrong))
	for i, v := range wrong {
		fields[i] = map[string]any{"field": v.Field, "description": v.Description}
		texts[i] = v.Description
	}
	return &failure{
		http.StatusBadRequest, "INVALID_ARGUMENT", strings.Join(texts, "\n"),
		[]any{map[string]any{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}},
	}
}

// fail sends an error as Google's front end does.
func (s *Server) fail(w http.ResponseWriter, f *failure) int {
	body := map[string]any{"code": f.code, "message": f.message, "status": f.status}
	if len(f.details) > 0 {
		body["details"] = f.details
	}
	return s.send(w, f.code, map[string]any{"error": body})
}

// send writes an answer.
func (s *Server) send(w http.ResponseWriter, status int, body any) int {
	data, err := json.Marshal(body)
	if err != nil {
		s.violated("answer: %v", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(data)
	return status
}
