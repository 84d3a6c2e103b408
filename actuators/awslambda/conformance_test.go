package awslambda_test

import (
	"fmt"
	"strconv"
	"testing"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/models"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, onZero := range []awslambda.OnZero{awslambda.OnZeroKeepOne, awslambda.OnZeroDelete} {
		t.Run(string(onZero), func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				return platform(t, onZero)
			}})
		})
	}
}

func platform(t *testing.T, onZero awslambda.OnZero) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.OnZero = onZero })
	p := actuatorstest.Platform{
		Actuator: f.actuator, Unknown: target("fn:nobody"),
		Writes: f.Writes, Settle: f.settle, Stall: f.Stall, Clock: f.Now,
	}
	for i := range 8 {
		alias := fmt.Sprintf("alias-%d", i)
		f.PutAlias(t, "fn", alias, strconv.Itoa(i+2), nil)
		p.Targets = append(p.Targets, target("fn:"+alias))
	}
	// A read must fail as well as a write: each error is one that the model allows for the first request of both.
	faults := map[models.ErrorKind]awslambdatest.Fault{
		models.KindThrottled:    awslambdatest.Throttled(0),
		models.KindUnauthorized: awslambdatest.AccessDenied(),
		models.KindNotFound:     awslambdatest.NotFound(),
		models.KindInvalid:      awslambdatest.InvalidParameter("1 validation error detected"),
		models.KindTransient:    awslambdatest.Internal(),
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
