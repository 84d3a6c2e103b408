package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/actuators"
	"pilotlight/internal/config"
	"pilotlight/models"
)

// TestDecoration takes every limit of an actuator over, and the defaults of configuration are those of the decorators.
func TestDecoration(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("p.yaml", []byte(`
collectors: [{name: prod, type: trace, config: {dir: .}}]
actuators:
  - {name: usual, type: dry_run}
  - name: own
    type: dry_run
    limits: {rate: 3, burst: 4, timeout: 5s, retries: 6, breaker: {failures: 7, open: 8s, max: 9s, probes: 10}}
targets: [{match: "*", memory_mb: 512, cold_start: 1s}]
`), parts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := actuators.DefaultConfig()
	want.Timeout.Observe = want.Timeout.Apply
	if diff := cmp.Diff(want, decoration(cfg.Actuators()[0].Limits)); diff != "" {
		t.Errorf("defaults (-decorators +configuration):\n%s", diff)
	}
	want.RateLimit = actuators.RateLimitConfig{PerSecond: 3, Burst: 4}
	want.Timeout = actuators.TimeoutConfig{Observe: models.Duration(5 * time.Second), Apply: models.Duration(5 * time.Second)}
	want.Retry.Tries = 7
	want.Breaker = actuators.BreakerConfig{
		Failures: 7, Open: models.Duration(8 * time.Second), Max: models.Duration(9 * time.Second), Probes: 10,
	}
	if diff := cmp.Diff(want, decoration(cfg.Actuators()[1].Limits)); diff != "" {
		t.Errorf("own limits (-want +got):\n%s", diff)
	}
}
