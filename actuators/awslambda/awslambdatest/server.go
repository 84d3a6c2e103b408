// Package awslambdatest is a fake of the parts of the AWS Lambda and Application Auto Scaling APIs that package awslambda needs, for
// tests that drive the real SDK. One address serves both. It is strict: each request and each answer is checked against the published API model (see model/README.md), and
// what breaks it fails the test. It works with a clock of its own, which Advance moves on.
//
// What the models do not say follows the developer guides and answers of the services that users have reported: the texts and
// codes of errors, one configuration per version, the time an allocation takes, that none of it is usable before its end, the weights that
// an alias with provisioned concurrency has while it moves, and that Application Auto Scaling itself keeps what it owns within bounds.
package awslambdatest

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
	opPut      = "PutProvisionedConcurrencyConfig"
	opGet      = "GetProvisionedConcurrencyConfig"
	opDelete   = "DeleteProvisionedConcurrencyConfig"
	opList     = "ListProvisionedConcurrencyConfigs"
	opAlias    = "GetAlias"
	opAccount  = "GetAccountSettings"
	opReserved = "GetFunctionConcurrency"

	opReserve   = "PutFunctionConcurrency"
	opUnreserve = "DeleteFunctionConcurrency"
	opConfig    = "GetFunctionConfiguration"
	opConfigure = "UpdateFunctionConfiguration"
	opPublish   = "PublishVersion"
	opMove      = "UpdateAlias"
	opTag       = "TagResource"
	opUntag     = "UntagResource"
	opMapping   = "GetEventSourceMapping"
	opRemap     = "UpdateEventSourceMapping"
	opScalables = "DescribeScalableTargets"
	opRegister  = "RegisterScalableTarget"
)

// writeOps are the operations that write.
func writeOps() []string {
	return []string{opPut, opDelete, opReserve, opUnreserve, opConfigure, opPublish, opMove, opRemap, opRegister, opTag, opUntag}
}

// Where the server stands.
const (
	Region  = "eu-west-1"
	Account = "123456789012"
)

// Config is how the fake account is made; zero fields stand for the defaults.
type Config struct {
	// AccountLimit is the concurrency of the account, by default 1,000.
	AccountLimit int
	// Delay is how long it takes before an allocation begins, by default 2 minutes, and PerMinute how many instances are
	// allocated per minute then, by default 6,000.
	Delay     time.Duration
	PerMinute int
	// LowerDelay is how long a lowering takes, by default 10 seconds.
	LowerDelay time.Duration
	// UpdateDelay is how long an update of $LATEST takes, by default 5 seconds; VersionDelay how long a new version is pending, by default
	// 3 seconds; MappingDelay how long an update of an event source mapping takes, by default 20 seconds.
	UpdateDelay, VersionDelay, MappingDelay time.Duration
	// ScalingDelay is how long Application Auto Scaling takes to act on a new minimum or maximum, by default 15 seconds.
	ScalingDelay time.Duration
	// MemoryCap is the most memory that the account may give a function, by default 10,240 MB; new accounts have 3,008.
	MemoryCap int
	// Start is where the clock begins, by default a day in 2026.
	Start time.Time
}

// withDefaults returns the configuration with its zero fields filled.
func (c Config) withDefaults() Config {
	if c.AccountLimit == 0 {
		c.AccountLimit = 1000
	}
	if c.Delay == 0 {
		c.Delay = 2 * time.Minute
	}
	if c.PerMinute == 0 {
		c.PerMinute = 6000
	}
	for _, delay := range []struct {
		of       *time.Duration
		standard time.Duration
	}{
		{&c.LowerDelay, 10 * time.Second},
		{&c.UpdateDelay, 5 * time.Second},
		{&c.VersionDelay, 3 * time.Second},
		{&c.MappingDelay, 20 * time.Second},
		{&c.ScalingDelay, 15 * time.Second},
	} {
		if *delay.of == 0 {
			*delay.of = delay.standard
		}
	}
	if c.MemoryCap == 0 {
		c.MemoryCap = 10240
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	}
	return c
}

// Call is a request that the server got.
type Call struct {
	Op     string
	Method string
	Path   string
	Query  string
	Input  map[string]any
	// Status is that of the answer, 0 if there was none that counts.
	Status int
	// At is when the request came, by the clock of the machine.
	At time.Time
}

// Server is the fake.
type Server struct {
	config Config
	lambda *model
	// scaling is the model of Application Auto Scaling.
	scaling *model
	http    *httptest.Server
	*faulttest.Script

	mu         sync.Mutex
	now        time.Time
	functions  map[string]*function
	mappings   map[string]*mapping
	scalables  map[string]*scalable
	calls      []Call
	violations []string
	writes     int
}

// New starts a server, and stops it when the test ends. The test fails if a request or an answer broke the model, unless the
// test has taken the violations.
func New(tb testing.TB, config Config) *Server {
	tb.Helper()
	loaded, err := models()
	if err != nil {
		tb.Fatal(err)
	}
	config = config.withDefaults()
	s := &Server{
		config: config, lambda: loaded[0], scaling: loaded[1], now: config.Start, functions: make(map[string]*function),
		mappings: make(map[string]*mapping), scalables: make(map[string]*scalable),
	}
	s.Script = faulttest.NewScript(s.strike)
	s.http = httptest.NewServer(s)
	tb.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
		for _, violation := range s.TakeViolations() {
			tb.Errorf("against the API models of AWS: %s", violation)
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
	s.scale()
}

// Calls returns the requests so far, in the order of their answers.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// CallsOf returns how many requests of the operations there were; all without an argument.
func (s *Server) CallsOf(ops ...string) int {
	n := 0
	for _, call := range s.Calls() {
		if len(ops) == 0 || slices.Contains(ops, call.Op) {
			n++
		}
	}
	return n
}

// WriteRequests returns how many requests there were that write, whatever became of them.
func (s *Server) WriteRequests() int { return s.CallsOf(writeOps()...) }

// Writes returns how many requests have changed a configuration.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// TakeViolations returns in what the requests and answers so far broke the model, and forgets it.
func (s *Server) TakeViolations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.violations
	s.violations = nil
	return taken
}

// violated notes violations.
func (s *Server) violated(violations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, violations...)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op, labels := s.match(r)
	if op == nil {
		s.violated(fmt.Sprintf("%s %s %s is no known operation", r.Method, r.URL.EscapedPath(), r.Header.Get(targetHeader)))
		w.Header().Set("X-Amzn-Errortype", "UnknownOperationException")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	call := Call{Op: op.name, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, At: time.Now()}
	call.Input, call.Status = s.serve(w, r, op, labels)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// serve checks a request, carries it out and answers.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, op *operation, labels map[string]string) (map[string]any, int) {
	if code, wrong := checkSignature(r, Region, op.model.service); code != "" {
		s.violated(op.name + ": " + wrong)
		return nil, s.fail(w, op, &failure{code, wrong})
	}
	input, wrong := op.model.input(op, labels, r)
	if len(wrong) > 0 {
		s.violated(wrong...)
		return input, s.fail(w, op, &failure{"ValidationException", strings.Join(wrong, "; ")})
	}
	return input, s.Play(w, r, op.name, func() func() int {
		output, failed := s.carryOut(op.name, input)
		return func() int {
			if failed != nil {
				return s.fail(w, op, failed)
			}
			return s.answer(w, op, output)
		}
	})
}

// answer checks an output against the model and sends it.
func (s *Server) answer(w http.ResponseWriter, op *operation, output map[string]any) int {
	status := http.StatusOK
	if op.shape.Traits.HTTP != nil {
		status = op.shape.Traits.HTTP.Code
	}
	if op.shape.Output.Target == unit {
		if output != nil {
			s.violated(op.name + ": an answer where there is none")
		}
		w.WriteHeader(status)
		return status
	}
	s.send(w, op, op.name+" answer", op.shape.Output.Target, status, output)
	return status
}

// failure is an error to answer with.
type failure struct{ code, message string }

// Error implements error.
func (f *failure) Error() string { return f.code + ": " + f.message }

// fail checks that the operation may answer with the error, and sends it.
func (s *Server) fail(w http.ResponseWriter, op *operation, f *failure) int {
	status, ok := op.model.errorStatus(op, f.code)
	if !ok {
		s.violated(fmt.Sprintf("%s must not answer with %s", op.name, f.code))
		status = http.StatusInternalServerError
	}
	kind, body := "User", map[string]any{}
	if status >= http.StatusInternalServerError {
		kind = "Service"
	}
	w.Header().Set("X-Amzn-Errortype", f.code)
	name := op.model.namespace + f.code
	shape := op.model.shapes[name]
	if shape == nil {
		// An error common to all services, which has no shape.
		body["message"] = f.message
		s.send(w, op, "", "", status, body)
		return status
	}
	// The model writes the name of the message now one way, now the other, and not all have the type.
	for _, member := range shape.members() {
		switch {
		case strings.EqualFold(member, "message"):
			body[member] = f.message
		case member == "Type":
			body[member] = kind
		}
	}
	s.send(w, op, op.name+" error "+f.code, name, status, body)
	return status
}

// send checks a body against a shape, "" for none, and writes it.
func (s *Server) send(w http.ResponseWriter, op *operation, path, shapeName string, status int, body map[string]any) {
	data, err := json.Marshal(body)
	if err != nil {
		s.violated(path + ": " + err.Error())
	}
	if shapeName != "" {
		var sent any
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.UseNumber()
		if err := decoder.Decode(&sent); err != nil {
			s.violated(path + ": " + err.Error())
		}
		s.violated(op.model.check(path, shapeName, sent)...)
	}
	w.Header().Set("Content-Type", op.contentType())
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
