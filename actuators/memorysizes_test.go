package actuators_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotlight/actuators"
	"pilotlight/models"
)

// sized is an actuator whose platform has sizes of memory.
type sized struct{ actuators.Actuator }

func (sized) MemorySizes() models.MemorySizes {
	return models.MemorySizes{Min: 128, Max: 10240, Step: 1, FullCPU: 1769}
}

// TestMemorySizes looks through decorators, and says nothing where there is nothing to say.
func TestMemorySizes(t *testing.T) {
	t.Parallel()
	inner := sized{}
	for name, c := range map[string]struct {
		actuator actuators.Actuator
		want     models.MemorySizes
	}{
		"adapter":    {inner, inner.MemorySizes()},
		"decorated":  {actuators.WithGate(actuators.WithTimeout(inner, actuators.DefaultTimeoutConfig()), nil), inner.MemorySizes()},
		"none":       {actuators.WithGate(nil, nil), models.MemorySizes{}},
		"no adapter": {nil, models.MemorySizes{}},
	} {
		if diff := cmp.Diff(c.want, actuators.MemorySizes(c.actuator)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
