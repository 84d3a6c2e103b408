package kubernetes_test

import (
	"fmt"
	"net/http"
	"testing"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

// ownership is one way in which the replicas of workloads are set.
type ownership struct {
	levers []string
	own    func(t *testing.T, f fixture, name string)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]ownership{
		"no autoscaler": {levers: []string{"warm"}},
		"HorizontalPodAutoscaler": {levers: []string{"warm", "max"}, own: func(t *testing.T, f fixture, name string) {
			t.Helper()
			f.hpa(t, name, name, 2, 50)
		}},
		"ScaledObject": {levers: []string{"warm", "max", "keep_alive"}, own: func(t *testing.T, f fixture, name string) {
			t.Helper()
			f.keda(t, name, name, `,"minReplicaCount":2`)
		}},
	} {
		for _, onZero := range []kubernetes.OnZero{kubernetes.OnZeroKeepOne, kubernetes.OnZeroScaleToZero} {
			t.Run(name+"/"+string(onZero), func(t *testing.T) {
				t.Parallel()
				actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
					t.Helper()
					return platform(t, o, onZero)
				}})
			})
		}
	}
}

func platform(t *testing.T, o ownership, onZero kubernetes.OnZero) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, func(c *kubernetes.Config) { c.Levers, c.OnZero = o.levers, onZero })
	p := actuatorstest.Platform{
		Actuator: f.actuator, Unknown: target("prod/nobody"), Writes: f.Writes, Settle: f.Settle, Stall: f.Stall,
	}
	for i := range 8 {
		name := fmt.Sprintf("app-%d", i)
		f.deployment(t, name, 2)
		if o.own != nil {
			o.own(t, f, name)
		}
		p.Targets = append(p.Targets, target("prod/"+name))
	}
	faults := map[models.ErrorKind]kubeapitest.Fault{
		models.KindThrottled:    kubeapitest.Status(http.StatusTooManyRequests, "TooManyRequests", "too many requests"),
		models.KindUnauthorized: kubeapitest.Status(http.StatusForbidden, "Forbidden", "no"),
		models.KindNotFound:     kubeapitest.Status(http.StatusNotFound, "NotFound", "not found"),
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
