package baseline

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHistogramIsFlat compares the quick answer with the coefficient of variation itself, at every idle time learnt.
func TestHistogramIsFlat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h histogram
		far := rapid.IntRange(1, histogramBins+10).Draw(t, "far")
		for _, idle := range rapid.SliceOfN(rapid.IntRange(0, far), 1, 400).Draw(t, "idle") {
			h.learn(time.Duration(idle) * time.Minute)
			if h.within == 0 {
				continue
			}
			if got, want := h.flat(), h.variation() < histogramSpread; got != want {
				t.Fatalf("flat %v with %d idle times and a variation of %v", got, h.within, h.variation())
			}
		}
	})
}
