package actuators

import "pilotlight/models"

// MemorySizer is implemented by actuators that know which sizes of memory an instance can have on their platform, whether or not they
// have the lever memory.
type MemorySizer interface {
	// MemorySizes does no I/O.
	MemorySizes() models.MemorySizes
}

// MemorySizes returns the sizes of memory that an instance can have on the actuator's platform; the zero value bounds nothing and says
// nothing. It looks through decorators.
func MemorySizes(a Actuator) models.MemorySizes {
	for a != nil {
		if s, ok := a.(MemorySizer); ok {
			return s.MemorySizes()
		}
		outer, ok := a.(interface{ Unwrap() Actuator })
		if !ok {
			break
		}
		a = outer.Unwrap()
	}
	return models.MemorySizes{}
}
