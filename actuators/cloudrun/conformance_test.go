package cloudrun_test

import (
	"fmt"
	"testing"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/models"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, which := range []cloudrun.Max{cloudrun.MaxOff, cloudrun.MaxService, cloudrun.MaxRevision} {
		t.Run(string(which), func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				return platform(t, which)
			}})
		})
	}
}

func platform(t *testing.T, which cloudrun.Max) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, with(func(c *cloudrun.Config) { c.Max = which }))
	p := actuatorstest.Platform{
		Actuator: f.actuator, Unknown: target("projects/shop-123/locations/europe-west1/services/nobody"),
		Writes: f.Writes, Settle: f.settle, Stall: f.Stall, Clock: f.Now,
	}
	for i := range 8 {
		name := fmt.Sprintf("projects/shop-123/locations/europe-west1/services/service-%d", i)
		f.AddService(t, name, cloudruntest.Service{})
		p.Targets = append(p.Targets, target(name))
	}
	faults := map[models.ErrorKind]cloudruntest.Fault{
		models.KindThrottled:    cloudruntest.Throttled(0),
		models.KindUnauthorized: cloudruntest.Denied(),
		models.KindNotFound:     cloudruntest.NotFound(),
		models.KindConflict:     cloudruntest.Aborted(),
		models.KindInvalid:      cloudruntest.Invalid(),
		models.KindQuota:        cloudruntest.Exhausted(),
		models.KindTransient:    cloudruntest.Internal(),
		models.KindTimeout:      cloudruntest.Deadline(),
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
