package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// deadlines records the bounds on reading that a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

// SetReadDeadline is what http.ResponseController calls.
func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// TestUnhurried lifts the bound on reading for requests that have been read whole, else streams of events would end with it, and for
// no others.
func TestUnhurried(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{"": 1, "{": 0} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events", strings.NewReader(body))
		if body == "" {
			r.Body = http.NoBody
		}
		reached := false
		unhurried(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })).ServeHTTP(w, r)
		if !reached || len(w.set) != want || want > 0 && !w.set[0].IsZero() {
			t.Errorf("body %q: reached %v, bounds %v", body, reached, w.set)
		}
	}
}
