package app

import (
	"testing"
	"time"

	"pilotlight/internal/config"
)

// TestExampleOfHints checks what the example says, the calendar beside it included.
func TestExampleOfHints(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("../../deploy/examples/hints-dry-run.yaml", "", parts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := cfg.Hints(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
	got := map[string]float64{}
	for i := range all {
		got[all[i].Reason] = all[i].Multiplier
	}
	for reason, want := range map[string]float64{"Singles' Day": 4, "nightly import": 0, "Christmas": 0.6, "Black Friday starts": 4, "Newsletter": 2} {
		if times, ok := got[reason]; !ok || times != want {
			t.Errorf("%s: multiplier %v (%v), want %v; all are %v", reason, times, ok, want, got)
		}
	}
}
