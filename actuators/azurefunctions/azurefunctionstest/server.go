// Package azurefunctionstest is a fake of the part of Azure Resource Manager that the scaling of function apps needs, with its
// token service, for tests that drive the real SDK over TLS. It is strict: each body is decoded as the SDK's own types, which are
// made from the API description that Microsoft publishes, and unknown members, other types, versions, names and states are
// refused as Azure would and fail the test. It works with a clock of its own, which Advance moves on.
//
// The SDK's package of fakes is not its base: it finds the method in the context instead of the path, and reads the body of a
// patch without functionAppConfig. What the description does not say follows the guides of Azure Functions and answers of
// the service that users have reported.
package azurefunctionstest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotlight/actuators/faulttest"
)

// The operations, as they are called in Call and Fault.
const (
	OpGet       = "Sites.Get"
	OpPatch     = "Sites.Update"
	OpGetConfig = "Sites.GetConfiguration"
	OpPutConfig = "Sites.UpdateConfiguration"
	OpOperation = "Operations.Get"
	OpToken     = "Token"
)

// Where the server stands, and who may use it.
const (
	Subscription  = "11111111-2222-3333-4444-555555555555"
	ResourceGroup = "shop-rg"
	Tenant        = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	ClientID      = "99999999-8888-7777-6666-555555555555"
	clientSecret  = "not-a-secret"
)

// ID returns the id of an app in the server's resource group.
func ID(app string) string {
	return "/subscriptions/" + Subscription + "/resourceGroups/" + ResourceGroup + "/providers/Microsoft.Web/sites/" + app
}

// Config is how the fake is made; zero fields stand for the defaults.
type Config struct {
	// Operation is how long a change of an app takes, by default 10 seconds; negative is no time at all, and an answer of 200.
	Operation time.Duration
	// LocationOnly follows operations by a Location header only.
	LocationOnly bool
	// Sizes are the memory sizes of instances that the region has, by default 512, 2048 and 4096.
	Sizes []int
	// Cores is the quota of the region, by default 250.
	Cores float64
	// Start is where the clock begins, by default a day in 2026.
	Start time.Time
}

// withDefaults returns the configuration with its zero fields filled.
func (c Config) withDefaults() Config {
	if c.Operation == 0 {
		c.Operation = 10 * time.Second
	}
	if c.Sizes == nil {
		c.Sizes = []int{512, 2048, 4096}
	}
	if c.Cores == 0 {
		c.Cores = 250
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	}
	return c
}

// Call is a request that the server got.
type Call struct {
	Op   string
	Path string
	// Query and Body are as they were sent.
	Query string
	Body  string
	// Status is that of the answer, 0 if there was none that counts.
	Status int
}

// Server is the fake.
type Server struct {
	config Config
	routes []route
	http   *httptest.Server
	*faulttest.Script

	mu         sync.Mutex
	now        time.Time
	apps       map[string]*app
	operations map[string]*operation
	failing    map[string]*failure
	tokens     map[string]bool
	remaining  int
	calls      []Call
	violations []string
	writes     int
}

// New starts a server, and stops it when the test ends. The test fails if a request or an answer was not as Azure would have
// it, unless the test has taken the violations.
func New(tb testing.TB, config Config) *Server {
	tb.Helper()
	config = config.withDefaults()
	s := &Server{
		config: config, now: config.Start, apps: make(map[string]*app), operations: make(map[string]*operation),
		failing: make(map[string]*failure), tokens: make(map[string]bool), remaining: 1000, routes: routes(),
	}
	s.Script = faulttest.NewScript(s.strike, OpToken)
	s.http = httptest.NewUnstartedServer(s)
	// Clients that hang up are part of the tests.
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.http.StartTLS()
	tb.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
		for _, text := range s.TakeViolations() {
			tb.Errorf("against Azure Resource Manager: %s", text)
		}
	})
	return s
}

// URL returns the address of the server.
func (s *Server) URL() string { return s.http.URL }

// CAFile writes the certificate of the server, and SecretFile the secret of the one client.
func (s *Server) CAFile(tb testing.TB) string {
	tb.Helper()
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw}
	return file(tb, "ca.pem", string(pem.EncodeToMemory(block)))
}

// SecretFile writes the secret of the one client.
func (s *Server) SecretFile(tb testing.TB) string {
	tb.Helper()
	return file(tb, "secret", clientSecret+"\n")
}

func file(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

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

// SetRemaining sets what is left of the limits of requests, as the headers of answers tell.
func (s *Server) SetRemaining(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remaining = n
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

// WriteRequests returns how many requests there were that write, whatever became of them.
func (s *Server) WriteRequests() int { return s.CallsOf(OpPatch, OpPutConfig) }

// Writes returns how many requests have changed an app.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// TakeViolations returns in what the requests and answers so far were wrong, and forgets it.
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

// route is a kind of request.
type route struct {
	op, method string
	path       *regexp.Regexp
}

// routes returns the requests that there are. The groups of the pattern are a resource group and an app, or an operation.
func routes() []route {
	const site = `^/subscriptions/` + Subscription + `/resourceGroups/([^/]+)/providers/Microsoft\.Web/sites/([^/]+)`
	one := regexp.MustCompile(site + `$`)
	web := regexp.MustCompile(site + `/config/web$`)
	running := regexp.MustCompile(`^/subscriptions/` + Subscription + `/providers/Microsoft\.Web/locations/westeurope/operations/([^/]+)$`)
	token := regexp.MustCompile(`^/` + Tenant + `/oauth2/v2\.0/token$`)
	known := regexp.MustCompile(`^/` + Tenant + `/v2\.0/\.well-known/openid-configuration$`)
	return []route{
		{OpGet, http.MethodGet, one},
		{OpPatch, http.MethodPatch, one},
		{OpGetConfig, http.MethodGet, web},
		{OpPutConfig, http.MethodPatch, web},
		{OpOperation, http.MethodGet, running},
		{OpToken, http.MethodPost, token},
		{OpToken, http.MethodGet, known},
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := Call{Path: r.URL.Path, Query: r.URL.RawQuery}
	var names []string
	for _, c := range s.routes {
		if m := c.path.FindStringSubmatch(r.URL.Path); m != nil && c.method == r.Method {
			call.Op, names = c.op, m[1:]
		}
	}
	if call.Op == "" {
		s.violated("%s %s is no known request", r.Method, r.URL.EscapedPath())
		s.fail(w, armError(http.StatusNotFound, "InvalidResourceType", "The resource type could not be found."))
		return
	}
	call.Status = s.serve(w, r, &call, names)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// serve checks a request, carries it out and answers.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, call *Call, names []string) int {
	body, refused := s.read(r, call)
	return s.Play(w, r, call.Op, func() func() int {
		answer := answer{status: http.StatusOK}
		if refused == nil {
			refused = s.carryOut(call, names, body, &answer)
		}
		return func() int {
			if refused != nil {
				return s.fail(w, refused)
			}
			s.checkAnswer(call.Op, answer.body)
			for name, value := range answer.header {
				w.Header().Set(name, value)
			}
			return s.send(w, answer.status, answer.body)
		}
	})
}

// answer is what a request is answered with.
type answer struct {
	status int
	header map[string]string
	body   any
}

// checkAnswer checks that the server itself keeps to the description.
func (s *Server) checkAnswer(op string, body any) {
	check := checkSite
	switch op {
	case OpGet, OpPatch:
	case OpGetConfig, OpPutConfig:
		check = checkConfig
	default:
		return
	}
	data, err := json.Marshal(body)
	if err != nil {
		s.violated("answer of %s: %v", op, err)
	}
	_, wrong := check(data)
	for _, text := range wrong {
		s.violated("answer of %s: %s", op, text)
	}
}

// failure is an error to answer with.
type failure struct {
	status        int
	code, message string
	// web is one of Microsoft.Web itself, which has a shape of its own.
	web bool
}

// Error implements error.
func (f *failure) Error() string { return f.code + ": " + f.message }

func armError(status int, code, message string) *failure {
	return &failure{status: status, code: code, message: message}
}

func webError(status int, code, message string) *failure {
	return &failure{status: status, code: code, message: message, web: true}
}

// fail sends an error.
func (s *Server) fail(w http.ResponseWriter, f *failure) int {
	w.Header().Set("X-Ms-Failure-Cause", "gateway")
	if f.web {
		return s.send(w, f.status, map[string]any{
			"Code": f.code, "Message": f.message, "Target": nil, "Innererror": nil,
			"Details": []any{map[string]any{"Message": f.message}, map[string]any{"Code": f.code}},
		})
	}
	return s.send(w, f.status, map[string]any{"error": map[string]any{"code": f.code, "message": f.message}})
}

// send writes an answer.
func (s *Server) send(w http.ResponseWriter, status int, body any) int {
	data, err := json.Marshal(body)
	if err != nil {
		s.violated("answer: %v", err)
	}
	s.mu.Lock()
	remaining := strconv.Itoa(s.remaining)
	s.mu.Unlock()
	w.Header().Set("X-Ms-Ratelimit-Remaining-Subscription-Reads", remaining)
	w.Header().Set("X-Ms-Request-Id", "00000000-0000-4000-8000-000000000000")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if body != nil {
		_, _ = w.Write([]byte(strings.TrimSpace(string(data))))
	}
	return status
}
