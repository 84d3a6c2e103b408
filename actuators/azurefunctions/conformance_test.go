package azurefunctions_test

import (
	"fmt"
	"testing"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/azurefunctions/azurefunctionstest"
	"pilotlight/models"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]edit{
		"flex":         nil,
		"flex at once": {func(_ *azurefunctions.Config, server *azurefunctionstest.Config) { server.Operation = -1 }},
		"flex and max": {with(func(c *azurefunctions.Config) { c.Max = true })},
		"premium":      {premium()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				return platform(t, edits...)
			}})
		})
	}
}

func platform(t *testing.T, edits ...edit) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, edits...)
	p := actuatorstest.Platform{
		Actuator: f.actuator, Unknown: target(azurefunctionstest.ID("nobody")),
		Writes: f.Writes, Settle: f.settle, Stall: f.Stall, Clock: f.Now,
	}
	plan := azurefunctionstest.Flex
	if f.config.Hosting == azurefunctions.HostingPremium {
		plan = azurefunctionstest.Premium
	}
	for i := range 8 {
		name := fmt.Sprintf("app-%d", i)
		f.AddApp(t, name, azurefunctionstest.App{Plan: plan})
		p.Targets = append(p.Targets, target(azurefunctionstest.ID(name)))
	}
	faults := map[models.ErrorKind]azurefunctionstest.Fault{
		models.KindThrottled:    azurefunctionstest.Throttled(0),
		models.KindUnauthorized: azurefunctionstest.Denied(),
		models.KindNotFound:     azurefunctionstest.NotFound(),
		models.KindConflict:     azurefunctionstest.InProgress(),
		models.KindInvalid:      azurefunctionstest.Invalid(),
		models.KindQuota:        azurefunctionstest.Quota(),
		models.KindTransient:    azurefunctionstest.Internal(),
		models.KindTimeout:      azurefunctionstest.Timeout(),
	}
	p.Fail = func(kind models.ErrorKind) bool {
		fault, ok := faults[kind]
		if ok {
			// What held requests back before is over.
			f.settle()
			f.Inject(1, fault)
		}
		return ok
	}
	return p
}
