package actuators_test

import (
	"testing"

	"pilotlight/actuators"
)

// rated is an actuator whose platform bounds the rate of an instance.
type rated struct{ actuators.Actuator }

func (rated) InstanceRate() float64 { return 10 }

// TestInstanceRate looks through decorators, and finds no bound where there is none.
func TestInstanceRate(t *testing.T) {
	t.Parallel()
	inner := rated{}
	for name, c := range map[string]struct {
		actuator actuators.Actuator
		want     float64
	}{
		"adapter":    {inner, 10},
		"decorated":  {actuators.WithGate(actuators.WithTimeout(inner, actuators.DefaultTimeoutConfig()), nil), 10},
		"none":       {actuators.WithGate(nil, nil), 0},
		"no adapter": {nil, 0},
	} {
		if got := actuators.InstanceRate(c.actuator); got != c.want {
			t.Errorf("%s: InstanceRate is %v, want %v", name, got, c.want)
		}
	}
}
