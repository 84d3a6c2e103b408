package sim

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// counting counts how often an actuator changes what is observed.
type counting struct {
	actuators.Actuator
	writes atomic.Int64
}

func (c *counting) Apply(ctx context.Context, target models.Target, action models.Action) error {
	before, _ := c.Observe(context.WithoutCancel(ctx), target)
	err := c.Actuator.Apply(ctx, target, action)
	if after, _ := c.Observe(context.WithoutCancel(ctx), target); after.Capacity != before.Capacity {
		c.writes.Add(1)
	}
	return err
}

func TestActuatorConformance(t *testing.T) {
	t.Parallel()
	for _, setting := range []Setting{Customer, Provider} {
		for name, wrap := range map[string]func(*trace.Trace, *Platform) actuators.Actuator{
			"platform":             func(_ *trace.Trace, p *Platform) actuators.Actuator { return p },
			"recorder":             func(tr *trace.Trace, _ *Platform) actuators.Actuator { return NewRecorder(tr, setting, nil) },
			"recorder of platform": func(tr *trace.Trace, p *Platform) actuators.Actuator { return NewRecorder(tr, setting, p) },
		} {
			t.Run(string(setting)+" "+name, func(t *testing.T) {
				t.Parallel()
				actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
					t.Helper()
					var functions []trace.Function
					var targets []models.Target
					for i := range 5 {
						ref := "f" + strconv.Itoa(i)
						functions = append(functions, trace.Function{Name: ref, MemoryMB: 128})
						targets = append(targets, models.Target{ID: models.TargetID("target of " + ref), Ref: ref})
					}
					tr := buildTrace(t, 1000, functions)
					p := platform(t, tr, DefaultConfig(setting))
					c := &counting{Actuator: wrap(tr, p)}
					return actuatorstest.Platform{
						Actuator: c, Targets: targets, Unknown: models.Target{ID: "nobody", Ref: "nobody"},
						Writes: func() int { return int(c.writes.Load()) },
						Settle: func() { advance(t, p, p.Now().Add(time.Minute)) },
						Clock:  p.Now,
					}
				}})
			})
		}
	}
}
