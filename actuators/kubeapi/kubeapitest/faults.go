package kubeapitest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Fault is how a request goes wrong.
type Fault struct {
	// Methods are those that it strikes; none is any.
	Methods []string
	// Code, Reason and Message are the status to answer with.
	Code            int
	Reason, Message string
	// RetryAfter is sent as a header and in the status.
	RetryAfter time.Duration
	// Text answers with plain text in place of a status, as proxies and the fairness of the API server do.
	Text bool
	// Drop closes the connection: without an answer, or in the middle of it with HalfClose.
	Drop, HalfClose bool
	// Body answers 200 with a body that is no object.
	Body string
}

// On limits the fault to methods.
func (f Fault) On(methods ...string) Fault {
	f.Methods = methods
	return f
}

// Inject makes the next n requests that the fault strikes go wrong.
func (s *Server) Inject(n int, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, fault)
	}
}

// nextFault takes the first fault that strikes the method.
func (s *Server) nextFault(method string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		if f := s.faults[i]; len(f.Methods) == 0 || slices.Contains(f.Methods, method) {
			s.faults = slices.Delete(s.faults, i, i+1)
			return &f
		}
	}
	return nil
}

// strike answers a request as the fault says.
func (f *Fault) strike(w http.ResponseWriter) {
	switch {
	case f.Drop, f.HalfClose:
		f.drop(w)
	case f.Body != "":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, f.Body)
	case f.Text:
		f.setRetryAfter(w)
		http.Error(w, f.Message, f.Code)
	default:
		f.setRetryAfter(w)
		var details map[string]any
		if f.RetryAfter > 0 {
			details = map[string]any{"retryAfterSeconds": int(f.RetryAfter.Seconds())}
		}
		fail(w, f.Code, f.Reason, f.Message, details)
	}
}

func (f *Fault) setRetryAfter(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
}

func (f *Fault) drop(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if f.HalfClose {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{\"kind\":")
	}
	_ = conn.Close()
}

// fail answers with a Status.
func fail(w http.ResponseWriter, code int, reason, message string, details map[string]any) {
	status := map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure", "message": message, "reason": reason, "code": code,
	}
	if details != nil {
		status["details"] = details
	}
	writeJSON(w, code, status)
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// stall is a time in which requests hang.
type stall struct {
	hanging, released chan struct{}
	seen              bool
}

// Stall leaves requests unanswered until release is called or the client goes away. hanging is closed once one hangs.
func (s *Server) Stall() (hanging <-chan struct{}, release func()) {
	now := &stall{hanging: make(chan struct{}), released: make(chan struct{})}
	s.mu.Lock()
	s.stalled = now
	s.mu.Unlock()
	return now.hanging, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stalled == now {
			s.stalled = nil
			close(now.released)
		}
	}
}

// waitWhileStalled reports whether the request may go on.
func (s *Server) waitWhileStalled(r *http.Request) bool {
	s.mu.Lock()
	now := s.stalled
	if now != nil && !now.seen {
		now.seen = true
		close(now.hanging)
	}
	s.mu.Unlock()
	if now == nil {
		return true
	}
	select {
	case <-now.released:
		return true
	case <-r.Context().Done():
		return false
	}
}
