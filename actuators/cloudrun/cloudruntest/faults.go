package cloudruntest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// Fault is how a request goes wrong.
type Fault struct {
	// Ops are the operations that it strikes; none is any but a token.
	Ops []string
	// AfterEffect carries the request out before its answer goes wrong.
	AfterEffect bool

	failure    *failure
	retryAfter time.Duration
	spoil      func(w http.ResponseWriter)
}

// On limits the fault to operations.
func (f Fault) On(ops ...string) Fault {
	f.Ops = ops
	return f
}

// ButDone carries the request out before its answer goes wrong.
func (f Fault) ButDone() Fault {
	f.AfterEffect = true
	return f
}

// Status answers with an error of that HTTP status, code of google.rpc and message.
func Status(code int, status, message string) Fault {
	return Fault{failure: &failure{code: code, status: status, message: message}}
}

// Throttled answers 429, and says in both ways that there are when to come again; 0 does not say.
func Throttled(retryAfter time.Duration) Fault {
	f := Status(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Write requests' and limit 'Write requests "+
		"per minute per region' of service 'run.googleapis.com' for consumer 'project_number:123456789012'.")
	f.failure.details = []any{map[string]any{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com",
	}}
	if retryAfter > 0 {
		f.retryAfter = retryAfter
		f.failure.details = append(f.failure.details, map[string]any{
			"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": fmt.Sprintf("%gs", retryAfter.Seconds()),
		})
	}
	return f
}

// Exhausted answers 429 for a quota that does not come back by waiting.
func Exhausted() Fault {
	f := Status(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Resource exhausted")
	f.failure.details = []any{map[string]any{
		"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []any{map[string]any{"subject": "instances"}},
	}}
	return f
}

// Aborted answers 409 for a change that came first.
func Aborted() Fault {
	return Status(http.StatusConflict, "ABORTED", "Conflict for resource 's': version '1' was specified but current version is '2'.")
}

// Internal answers 500.
func Internal() Fault {
	return Status(http.StatusInternalServerError, "INTERNAL", "Internal error encountered.")
}

// Unavailable answers 503.
func Unavailable() Fault {
	return Status(http.StatusServiceUnavailable, "UNAVAILABLE", "The service is currently unavailable.")
}

// Deadline answers 504: the service ran out of time, and may have done what was asked.
func Deadline() Fault {
	return Status(http.StatusGatewayTimeout, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
}

// Denied answers 403.
func Denied() Fault {
	return Status(http.StatusForbidden, "PERMISSION_DENIED", "Permission 'run.services.update' denied on resource")
}

// Unauthenticated answers 401.
func Unauthenticated() Fault { return Fault{failure: unauthenticated()} }

// NotFound answers 404.
func NotFound() Fault { return Status(http.StatusNotFound, "NOT_FOUND", "Resource 's' was not found") }

// Invalid answers 400.
func Invalid() Fault { return Fault{failure: badRequest(violation{"service", "no such thing"})} }

// Proxy answers 502 with a page of something in between.
func Proxy() Fault {
	return Fault{spoil: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><h1>Bad Gateway</h1></html>")
	}}
}

// Malformed answers 200 with a body that is no JSON.
func Malformed() Fault { return answers("<html>proxy</html>") }

// Empty answers 200 with an empty JSON object, which says nothing.
func Empty() Fault { return answers("{}") }

func answers(body string) Fault {
	return Fault{spoil: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		_, _ = io.WriteString(w, body)
	}}
}

// Dropped closes the connection without an answer.
func Dropped() Fault {
	return Fault{spoil: func(w http.ResponseWriter) {
		if conn := hijack(w); conn != nil {
			_ = conn.Close()
		}
	}}
}

// HalfClosed begins an answer, then closes its half of the connection.
func HalfClosed() Fault {
	return Fault{spoil: func(w http.ResponseWriter) {
		conn := hijack(w)
		if conn == nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{\"name\":")
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		// The client closes its half when it has seen that the answer is cut short.
		_, _ = io.Copy(io.Discard, conn)
	}}
}

func hijack(w http.ResponseWriter) net.Conn {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return nil
	}
	return conn
}

// Inject makes the next n requests that the fault strikes go wrong. Faults wait in the order in which they were injected.
func (s *Server) Inject(n int, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, fault)
	}
}

// nextFault takes the first fault that strikes the operation.
func (s *Server) nextFault(op string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		if f := s.faults[i]; len(f.Ops) == 0 && op != OpToken || slices.Contains(f.Ops, op) {
			s.faults = slices.Delete(s.faults, i, i+1)
			return &f
		}
	}
	return nil
}

// strike answers a request as the fault says.
func (s *Server) strike(w http.ResponseWriter, f *Fault) int {
	if f.spoil != nil {
		f.spoil(w)
		return 0
	}
	return s.fail(w, f.failure, f.retryAfter)
}

// Stall leaves requests unanswered until release is called or the client goes away. hanging is closed once one hangs.
func (s *Server) Stall() (hanging <-chan struct{}, release func()) {
	stall := &stall{hanging: make(chan struct{}), released: make(chan struct{})}
	s.mu.Lock()
	s.stalled = stall
	s.mu.Unlock()
	return stall.hanging, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stalled == stall {
			s.stalled = nil
			close(stall.released)
		}
	}
}

// stall is a time in which requests hang.
type stall struct {
	hanging, released chan struct{}
	seen              bool
}

// waitWhileStalled reports whether the request may go on.
func (s *Server) waitWhileStalled(r *http.Request) bool {
	s.mu.Lock()
	stall := s.stalled
	if stall != nil && !stall.seen {
		stall.seen = true
		close(stall.hanging)
	}
	s.mu.Unlock()
	if stall == nil {
		return true
	}
	select {
	case <-stall.released:
		return true
	case <-r.Context().Done():
		return false
	}
}
