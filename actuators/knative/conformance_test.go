package knative_test

import (
	"fmt"
	"net/http"
	"testing"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/models"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.21.0", "1.20.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				return platform(t, version)
			}})
		})
	}
}

func platform(t *testing.T, version string) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, version)
	p := actuatorstest.Platform{
		Actuator: f.actuator, Unknown: target("prod/nobody"), Writes: f.Writes, Settle: f.Settle, Stall: f.Stall,
	}
	for i := range 8 {
		name := fmt.Sprintf("app-%d", i)
		f.service(t, name)
		f.revision(t, name, name+"-00001", "reserve")
		f.revision(t, name, name+"-00002", "active")
		p.Targets = append(p.Targets, target("prod/"+name))
	}
	faults := map[models.ErrorKind]kubeapitest.Fault{
		models.KindThrottled:    kubeapitest.Status(http.StatusTooManyRequests, "TooManyRequests", "too many requests"),
		models.KindUnauthorized: kubeapitest.Status(http.StatusForbidden, "Forbidden", "no"),
		models.KindInvalid:      kubeapitest.Status(http.StatusUnprocessableEntity, "Invalid", "invalid"),
		models.KindTransient:    kubeapitest.Status(http.StatusServiceUnavailable, "ServiceUnavailable", "later"),
		models.KindConflict:     kubeapitest.Status(http.StatusConflict, "Conflict", "changed"),
	}
	p.Fail = func(kind models.ErrorKind) bool {
		fault, ok := faults[kind]
		if ok {
			f.Inject(1, fault)
		}
		return ok
	}
	return p
}
