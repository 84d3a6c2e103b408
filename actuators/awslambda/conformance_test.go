package awslambda_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/models"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(*testing.T) actuatorstest.Platform{
		"keep_one":             with(platform, awslambda.OnZeroKeepOne),
		"delete":               with(platform, awslambda.OnZeroDelete),
		"auto scaling":         ownedPlatform,
		"reserved concurrency": reservedPlatform,
		"memory":               memoryPlatform,
		"maximum concurrency":  with(queuePlatform, awslambda.QueueMaximumConcurrency),
		"pollers":              with(queuePlatform, awslambda.QueuePollers),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: build})
		})
	}
}

// with returns what builds a platform with a setting.
func with[S any](build func(*testing.T, S) actuatorstest.Platform, setting S) func(*testing.T) actuatorstest.Platform {
	return func(t *testing.T) actuatorstest.Platform {
		t.Helper()
		return build(t, setting)
	}
}

// platform has targets that are aliases of one function.
func platform(t *testing.T, onZero awslambda.OnZero) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.OnZero = onZero })
	var targets []models.Target
	for i := range 8 {
		alias := fmt.Sprintf("alias-%d", i)
		f.PutAlias(t, "fn", alias, strconv.Itoa(i+2), nil)
		targets = append(targets, target("fn:"+alias))
	}
	return f.platform(f.actuator, target("fn:nobody"), targets)
}

// platform wraps a fixture.
func (f fixture) platform(a actuators.Actuator, unknown models.Target, targets []models.Target) actuatorstest.Platform {
	// A read must fail as well as a write: each error is one that the model allows for the first request of both.
	faults := map[models.ErrorKind]awslambdatest.Fault{
		models.KindThrottled:    awslambdatest.Throttled(0),
		models.KindUnauthorized: awslambdatest.AccessDenied(),
		models.KindNotFound:     awslambdatest.NotFound(),
		models.KindInvalid:      awslambdatest.InvalidParameter("1 validation error detected"),
		models.KindTransient:    awslambdatest.Internal(),
	}
	return actuatorstest.Platform{
		Actuator: a, Unknown: unknown, Targets: targets,
		Writes: f.Writes, Settle: f.settle, Stall: f.Stall, Clock: f.Now,
		Fail: func(kind models.ErrorKind) bool {
			fault, ok := faults[kind]
			if ok {
				f.Inject(1, fault)
			}
			return ok
		},
	}
}

// functions adds functions with an alias on version 1 each, and returns these as targets.
func (f fixture) functions(t *testing.T) []models.Target {
	t.Helper()
	var targets []models.Target
	for i := range 5 {
		name := fmt.Sprintf("fn-%d", i)
		f.AddFunction(t, name, 1)
		f.PutAlias(t, name, "live", "1", nil)
		targets = append(targets, target(name+":live"))
	}
	return targets
}

// ownedPlatform has targets that Application Auto Scaling owns, with a policy that goes down to the minimum.
func ownedPlatform(t *testing.T) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t)
	targets := f.functions(t)
	for i := range targets {
		f.Own(t, fmt.Sprintf("fn-%d", i), "live", 0, 100, true)
	}
	return f.platform(f.actuator, target("fn:nobody"), targets)
}

func reservedPlatform(t *testing.T) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.ReservedConcurrency = true })
	return f.platform(f.actuator, target("fn:nobody"), f.functions(t))
}

func memoryPlatform(t *testing.T) actuatorstest.Platform {
	t.Helper()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) {
		c.ApplyMemory, c.MemoryWait = true, models.Duration(20*time.Millisecond)
	})
	return f.platform(patient{f.actuator, f}, target("fn:nobody"), f.functions(t))
}

// patient decides anew after a conflict, when some time has passed, as the engine does.
type patient struct {
	*awslambda.Actuator
	f fixture
}

func (p patient) Apply(ctx context.Context, target models.Target, action models.Action) error {
	for range 9 {
		err := p.Actuator.Apply(ctx, target, action)
		if err == nil || actuators.KindOf(err) != models.KindConflict {
			return err
		}
		p.f.Advance(3 * time.Minute)
	}
	return fmt.Errorf("%s is in conflict for good", target.Ref)
}

func queuePlatform(t *testing.T, scaling awslambda.QueueScaling) actuatorstest.Platform {
	t.Helper()
	f, queues := newQueues(t, scaling)
	var targets []models.Target
	for i := range 5 {
		uuid := fmt.Sprintf("14e0db71-5d35-4eb5-b481-00000000000%d", i)
		f.AddMapping(t, uuid, "arn:aws:sqs:eu-west-1:123456789012:orders", "fn")
		targets = append(targets, target(uuid))
	}
	return f.platform(queues, target("14e0db71-5d35-4eb5-b481-ffffffffffff"), targets)
}

// newQueues returns an actuator of mappings, with a fixture whose own actuator shares the account.
func newQueues(t *testing.T, scaling awslambda.QueueScaling) (fixture, *awslambda.Queues) {
	t.Helper()
	f := newFixture(t)
	config := awslambda.DefaultQueuesConfig()
	config.Requests.PerSecond, config.Scaling = 0, scaling
	config.Region, config.Endpoint = awslambdatest.Region, f.URL()
	config.ConfigFiles, config.CredentialsFiles = credentialFiles(t)
	queues, err := awslambda.NewQueues(t.Context(), "queues", config, awslambda.Deps{Now: f.Now, Shared: f.shared})
	if err != nil {
		t.Fatal(err)
	}
	return f, queues
}
