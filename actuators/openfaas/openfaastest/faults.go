package openfaastest

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Fault is how a request goes wrong.
type Fault struct {
	// Ops are the operations that it strikes; none is any.
	Ops []string
	// AfterEffect carries the request out before its answer goes wrong.
	AfterEffect bool

	answer func(w http.ResponseWriter)
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

// Status answers a status; a retryAfter above 0 is sent as a header.
func Status(code int, retryAfter time.Duration) Fault {
	return Fault{answer: func(w http.ResponseWriter) {
		if retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		}
		http.Error(w, http.StatusText(code), code)
	}}
}

// Malformed answers 200 with something that is not what was asked for.
func Malformed(body string) Fault {
	return Fault{answer: func(w http.ResponseWriter) { _, _ = io.WriteString(w, body) }}
}

// Dropped closes the connection without an answer.
func Dropped() Fault {
	return Fault{answer: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }}
}

// HalfClosed begins an answer and closes the connection.
func HalfClosed() Fault {
	return Fault{answer: func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "200")
		_, _ = io.WriteString(w, `{"name":`)
	}}
}

// Inject makes the next n requests that the fault strikes go wrong. Faults wait in the order in which they were injected.
func (s *Server) Inject(n int, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, fault)
	}
}

// nextFault takes the first fault that strikes the operation; the caller holds mu.
func (s *Server) nextFault(op string) *Fault {
	for i := range s.faults {
		if f := s.faults[i]; len(f.Ops) == 0 || slices.Contains(f.Ops, op) {
			s.faults = slices.Delete(s.faults, i, i+1)
			return &f
		}
	}
	return nil
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
