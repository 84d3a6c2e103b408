package faulttest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
)

// Script is what goes wrong with the requests that a fake gets. A fake embeds it and plays each request by it. It is safe for
// concurrent use.
type Script struct {
	fail  func(w http.ResponseWriter, op string, err error) (status int)
	named []string

	mu      sync.Mutex
	faults  []Fault
	stalled *stall
	before  func(op string)
}

// NewScript returns a script in which nothing goes wrong. fail answers with an error that a fault of Answer has, nil if there are none.
// The named operations are struck only by faults that name them, such as one that gives tokens.
func NewScript(fail func(w http.ResponseWriter, op string, err error) (status int), named ...string) *Script {
	return &Script{fail: fail, named: named}
}

// Inject makes the next n requests that the fault strikes go wrong. Faults wait in the order in which they were injected.
func (s *Script) Inject(n int, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, fault)
	}
}

// Withdraw takes back the faults that have not struck yet, and returns how many there were.
func (s *Script) Withdraw() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.faults)
	s.faults = nil
	return n
}

// BeforeAnswer sets a function that is called with the operation before each request is carried out; nil is none.
func (s *Script) BeforeAnswer(call func(op string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = call
}

// Play answers a request of an operation. carryOut does what was asked for and returns what sends the answer, which returns its
// status. Neither is called if the fault comes before them. The status is 0 if there was no answer that counts.
func (s *Script) Play(w http.ResponseWriter, r *http.Request, op string, carryOut func() (answer func() (status int))) (status int) {
	if !s.waitWhileStalled(r) {
		return 0
	}
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before(op)
	}
	fault := s.next(op)
	if fault == nil {
		return carryOut()()
	}
	if fault.AfterEffect {
		_ = carryOut() // its answer is lost
	}
	if fault.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(fault.RetryAfter.Seconds())))
	}
	if fault.spoil != nil {
		return fault.spoil(w, r)
	}
	return s.fail(w, op, fault.err)
}

// Send sends an answer that was written to a recorder, and returns its status.
func Send(w http.ResponseWriter, said *httptest.ResponseRecorder) (status int) {
	maps.Copy(w.Header(), said.Header())
	w.WriteHeader(said.Code)
	_, _ = w.Write(said.Body.Bytes())
	return said.Code
}

// next takes the first fault that strikes the operation.
func (s *Script) next(op string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	named := slices.Contains(s.named, op)
	for i := range s.faults {
		if f := s.faults[i]; f.strikes(op, named) {
			s.faults = slices.Delete(s.faults, i, i+1)
			return &f
		}
	}
	return nil
}

// stall is a time in which requests hang.
type stall struct {
	hanging, released chan struct{}
	seen              bool
}

// Stall leaves requests unanswered until release is called or the client goes away. hanging is closed once one hangs.
func (s *Script) Stall() (hanging <-chan struct{}, release func()) {
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

// waitWhileStalled reports whether the request may go on.
func (s *Script) waitWhileStalled(r *http.Request) bool {
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
