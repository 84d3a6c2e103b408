package engine

import (
	"errors"
	"math"
	"testing"
	"time"

	"pilotlight/models"
)

// TestRecent compares the rings with all that was ever fed, while they grow and after they wrap; a signal that starts late is
// missing before, and never takes more room than the span.
func TestRecent(t *testing.T) {
	t.Parallel()
	const size = 100
	r := newRecent(time.Minute, size*time.Minute)
	start := time.Unix(1_700_000_040, 0).UTC()
	value := func(sig models.Signal, i int) float64 {
		switch {
		case sig == models.SignalInvocations && i%7 != 3, sig == models.SignalDuration && i >= 60:
			return float64(i)
		}
		return math.NaN()
	}
	for i := range 350 {
		r.push(start.Add(time.Duration(i)*time.Minute), func(sig models.Signal) float64 { return value(sig, i) })
		if _, err := r.series(models.SignalQueueDepth, start, r.end); !errors.Is(err, models.ErrNoData) {
			t.Fatalf("a signal without values: %v", err)
		}
		for _, sig := range []models.Signal{models.SignalInvocations, models.SignalDuration} {
			s, err := r.series(sig, start, r.end)
			if sig == models.SignalDuration && i < 60 {
				continue
			}
			if err != nil || s.Len() != min(i+1, size) {
				t.Fatalf("after %d: %d values of %s, error %v", i, s.Len(), sig, err)
			}
			for k := range s.Len() {
				want := value(sig, i-s.Len()+1+k)
				if got := s.At(k); got != want && !(s.IsGap(k) && math.IsNaN(want)) {
					t.Fatalf("after %d: value %d of %s is %v, not %v", i, k, sig, got, want)
				}
			}
			if c := cap(r.rings[sig].values); c > size {
				t.Fatalf("room for %d values", c)
			}
		}
	}
}
