package azurefunctionstest

import (
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

// Status answers with an error of that HTTP status, code and message, as Azure Resource Manager does.
func Status(status int, code, message string) Fault {
	return Fault{failure: armError(status, code, message)}
}

// Web answers with an error as Microsoft.Web does.
func Web(status int, code, message string) Fault {
	return Fault{failure: webError(status, code, message)}
}

// Throttled answers 429.
func Throttled(retryAfter time.Duration) Fault {
	f := Status(http.StatusTooManyRequests, "SubscriptionRequestsThrottled", "Number of requests for subscription exceeded the limit. Please try again later.")
	f.retryAfter = retryAfter
	return f
}

// InProgress answers 409 for a change under way.
func InProgress() Fault {
	return Web(http.StatusConflict, "Conflict", "Cannot modify this site because another operation is in progress. Details: Id: 1, OperationName: Update")
}

// Quota answers 400 for a limit of the region.
func Quota() Fault {
	return Web(http.StatusBadRequest, "BadRequest", "This region has quota of 250 cores for your subscription.")
}

// Internal answers 500.
func Internal() Fault {
	return Status(http.StatusInternalServerError, "InternalServerError", "There was an unexpected InternalServerError.")
}

// Unavailable answers 503.
func Unavailable() Fault {
	return Status(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is unavailable.")
}

// Timeout answers 504: Azure ran out of time, and may have done what was asked.
func Timeout() Fault {
	return Status(http.StatusGatewayTimeout, "GatewayTimeout", "The gateway did not receive a response from 'Microsoft.Web' within the specified time period.")
}

// Denied answers 403.
func Denied() Fault {
	return Status(http.StatusForbidden, "AuthorizationFailed", "The client does not have authorization to perform action 'Microsoft.Web/sites/write'.")
}

// Locked answers 409 for a lock that an administrator set.
func Locked() Fault {
	return Status(http.StatusConflict, "ScopeLocked", "The scope cannot perform write operation because following scope(s) are locked.")
}

// NotFound answers 404.
func NotFound() Fault {
	return Status(http.StatusNotFound, "ResourceNotFound", "The Resource was not found.")
}

// Invalid answers 400.
func Invalid() Fault { return Web(http.StatusBadRequest, "BadRequest", "The parameter is invalid.") }

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
