package awslambdatest

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Fault is how a request goes wrong.
type Fault struct {
	// Ops are the operations that it strikes; none is any.
	Ops []string
	// Code is the error to answer with, one that the model allows for the operation, and Message its text.
	Code    string
	Message string
	// RetryAfter is sent as a header if above 0.
	RetryAfter time.Duration
	// AfterEffect carries the request out before its answer goes wrong.
	AfterEffect bool

	spoil func(w http.ResponseWriter)
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

// Throttled answers 429.
func Throttled(retryAfter time.Duration) Fault {
	return Fault{Code: "TooManyRequestsException", Message: "Rate exceeded", RetryAfter: retryAfter}
}

// Conflict answers 409. Reads have no such error: it strikes those that write.
func Conflict() Fault {
	return Fault{
		Code: "ResourceConflictException", Message: "A previous request is being processed. Please try again shortly",
		Ops: writeOps(),
	}
}

// Internal answers 500.
func Internal() Fault {
	return Fault{Code: "ServiceException", Message: "An error occurred and the request cannot be processed."}
}

// Unavailable answers 503.
func Unavailable() Fault { return Fault{Code: "ServiceUnavailable", Message: "Service is unavailable"} }

// AccessDenied answers 403 for missing permissions.
func AccessDenied() Fault {
	return Fault{Code: "AccessDeniedException", Message: "User is not authorized to perform this operation"}
}

// ExpiredToken answers 403 for credentials that have expired.
func ExpiredToken() Fault {
	return Fault{Code: "ExpiredTokenException", Message: "The security token included in the request is expired"}
}

// InvalidParameter answers 400.
func InvalidParameter(message string) Fault {
	return Fault{Code: "InvalidParameterValueException", Message: message}
}

// NotFound answers 404.
func NotFound() Fault { return Fault{Code: "ResourceNotFoundException", Message: "Function not found"} }

// Malformed answers 200 with a body that is no JSON.
func Malformed() Fault { return answers("<html>proxy</html>") }

// Empty answers 200 with an empty JSON object, which says nothing.
func Empty() Fault { return answers("{}") }

func answers(body string) Fault {
	return Fault{spoil: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
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
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{\"Status\":")
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
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
		if f := s.faults[i]; len(f.Ops) == 0 || slices.Contains(f.Ops, op) {
			s.faults = slices.Delete(s.faults, i, i+1)
			return &f
		}
	}
	return nil
}

// strike answers a request as the fault says.
func (s *Server) strike(w http.ResponseWriter, op *operation, f *Fault) int {
	if f.spoil != nil {
		f.spoil(w)
		return 0
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	code := f.Code
	if op.model == s.scaling {
		code = inScaling(code)
	}
	return s.fail(w, op, &failure{code, f.Message})
}

// inScaling returns what Application Auto Scaling calls an error of AWS Lambda.
func inScaling(code string) string {
	switch code {
	case "TooManyRequestsException":
		return "ThrottlingException"
	case "ServiceException":
		return "InternalServiceException"
	case "ResourceConflictException":
		return "ConcurrentUpdateException"
	case "InvalidParameterValueException", "ResourceNotFoundException":
		return "ValidationException"
	}
	return code
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
