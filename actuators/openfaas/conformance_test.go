package openfaas_test

import (
	"fmt"
	"net/http"
	"testing"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/openfaas"
	"pilotlight/actuators/openfaas/openfaastest"
	"pilotlight/models"
)

// TestConformance runs the suite where the number of instances is free and Pilotlight lowers; the Community Edition cannot have
// the eight instances that the suite asks for.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, edition := range map[string]openfaas.Edition{"told": openfaas.EditionPro, "asked": openfaas.EditionAuto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				return platform(t, edition)
			}})
		})
	}
}

func platform(t *testing.T, edition openfaas.Edition) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, openfaastest.Config{}, func(c *openfaas.Config) {
		c.Edition, c.Lower = edition, openfaas.LowerWrite
	})
	p := actuatorstest.Platform{
		Actuator: f.actuator, Unknown: target("nobody"), Writes: f.Writes, Settle: f.Settle, Stall: f.Stall, Clock: day,
	}
	for i := range 8 {
		name, namespace, suffix := fmt.Sprintf("fn-%d", i), "", ""
		if i%2 == 1 {
			namespace, suffix = "staging", ".staging"
		}
		f.Deploy(name, namespace)
		p.Targets = append(p.Targets, target(name+suffix))
	}
	faults := map[models.ErrorKind]int{
		models.KindThrottled:    http.StatusTooManyRequests,
		models.KindUnauthorized: http.StatusUnauthorized,
		models.KindNotFound:     http.StatusNotFound,
		models.KindInvalid:      http.StatusBadRequest,
		models.KindTransient:    http.StatusBadGateway,
		models.KindConflict:     http.StatusConflict,
	}
	p.Fail = func(kind models.ErrorKind) bool {
		code, ok := faults[kind]
		if ok {
			f.Inject(1, faulttest.Status(code))
		}
		return ok
	}
	return p
}
