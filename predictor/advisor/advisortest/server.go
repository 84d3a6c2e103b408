// Package advisortest is a server with the API of OpenAI whose answers a test writes: good, hostile and broken ones. It refuses what the
// real one refuses, so that a request which passes here has the right form.
package advisortest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Request is a request that had the right form.
type Request struct {
	// N counts the requests of the server from 1 on, those refused too.
	N int
	// Path is the path with its query, Key what came as key.
	Path, Key string
	// Body is the body as it came.
	Body []byte
	// Model, Stream and Organisation are as they were sent.
	Model, Organisation string
	Stream              bool
	// Tool is the tool that has to be called, "" if none.
	Tool string
	// System is the instruction, Data the JSON text between its delimiters.
	System, Data string
	// Complaints are what the client said about answers before.
	Complaints []string
}

// Purpose returns what the request is for: advice, hints or explanation.
func (r Request) Purpose() string {
	switch {
	case strings.Contains(r.System, `"advices": for each`):
		return "advice"
	case strings.Contains(r.System, `"hints": one for each`):
		return "hints"
	case strings.Contains(r.System, `answer "question"`):
		return "explanation"
	}
	return ""
}

// Reply is what the server answers. The zero value is an empty answer.
type Reply struct {
	// Content is the text of the answer, or the arguments of the tool call where a tool has to be called.
	Content string
	// Tool calls another tool than the one asked for.
	Tool string
	// Refusal refuses in the way of the API.
	Refusal string
	// Finish is the reason for the end; empty is the usual one.
	Finish string
	// Model is what the server calls itself; empty is the model that was asked for.
	Model string
	// In and Out are the tokens that it says it counted; NoUsage counts none.
	In, Out int
	NoUsage bool
	// Piece is the size of the pieces of a stream in bytes; 0 is 16.
	Piece int
	// Status answers with an error of that status, Code and Message; RetryAfter is its header.
	Status        int
	Code, Message string
	RetryAfter    string
	// Location redirects there.
	Location string
	// Raw is sent as the body in place of an answer.
	Raw []byte
	// Hang answers nothing until the client goes away; Delay waits before.
	Hang  bool
	Delay time.Duration
	// Cut breaks the connection off after so many bytes of the body; 0 does not.
	Cut int
	// Endless repeats the content until the client goes away.
	Endless bool
}

// Respond writes the answer to a request.
type Respond func(Request) Reply

// Config says what the server insists on.
type Config struct {
	// Key has to be sent; empty takes any and none.
	Key string
	// Deployment and APIVersion make it a server of Azure.
	Deployment, APIVersion string
}

// Server is a server. Its URL is that of base_url.
type Server struct {
	URL string

	config  Config
	respond Respond
	closing chan struct{}

	mu       sync.Mutex
	requests []Request
	refused  []string
	count    int
}

// New starts a server that ends with the test.
func New(tb testing.TB, config Config, respond Respond) *Server {
	tb.Helper()
	s := &Server{config: config, respond: respond, closing: make(chan struct{})}
	server := httptest.NewServer(s)
	s.URL = server.URL + "/v1"
	if config.Deployment != "" {
		s.URL = server.URL
	}
	tb.Cleanup(func() {
		close(s.closing)
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// Always answers every request in the same way.
func Always(r Reply) Respond { return func(Request) Reply { return r } }

// InTurn answers with one reply after the other, and goes on with the last one.
func InTurn(replies ...Reply) Respond {
	var mu sync.Mutex
	next := 0
	return func(Request) Reply {
		mu.Lock()
		defer mu.Unlock()
		r := replies[min(next, len(replies)-1)]
		next++
		return r
	}
}

// Requests returns the requests that had the right form.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.requests...)
}

// Refused says why requests were refused for their form.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.refused...)
}

// maxRequest bounds the body of a request.
const maxRequest = 8 << 20

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return
	}
	request, problem := s.check(r, body)
	s.mu.Lock()
	s.count++
	request.N = s.count
	if problem == nil {
		s.requests = append(s.requests, request)
	} else {
		s.refused = append(s.refused, problem.message)
	}
	s.mu.Unlock()
	if problem != nil {
		problem.write(w, "")
		return
	}
	s.answer(w, r, &request, s.respond(request))
}

// answer writes a reply.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, request *Request, reply Reply) {
	if !s.waited(r, &reply) {
		return
	}
	if reply.Location != "" {
		http.Redirect(w, r, reply.Location, http.StatusTemporaryRedirect)
		return
	}
	if reply.Status != 0 {
		(&problem{status: reply.Status, code: reply.Code, message: reply.Message, kind: "error"}).write(w, reply.RetryAfter)
		return
	}
	out := &writer{w: w, cut: reply.Cut}
	if request.Stream {
		w.Header().Set("Content-Type", "text/event-stream")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	switch {
	case reply.Raw != nil:
		out.write(reply.Raw)
	case request.Stream:
		s.stream(r, out, request, &reply)
	default:
		out.write(encoded(whole(request, &reply)))
	}
	out.end()
}

// waited waits as long as a reply says, and returns false if nobody waits for the answer any more.
func (s *Server) waited(r *http.Request, reply *Reply) bool {
	var after <-chan time.Time
	switch {
	case reply.Hang:
	case reply.Delay > 0:
		timer := time.NewTimer(reply.Delay)
		defer timer.Stop()
		after = timer.C
	default:
		return true
	}
	select {
	case <-after:
		return true
	case <-r.Context().Done():
	case <-s.closing:
	}
	return false
}

// blockPattern finds the data between its delimiters.
var blockPattern = regexp.MustCompile(`(?s)^BEGIN-DATA-([0-9a-f]+)\n(.*)\nEND-DATA-([0-9a-f]+)$`)

// encoded renders a value of this package, which never fails.
func encoded(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return []byte(err.Error())
	}
	return raw
}
