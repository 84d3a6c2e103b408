package actuators

import "pilotlight/models"

// Reacher is implemented by actuators whose platform does not show every capacity just as it was asked for, such as one that
// keeps a last warm instance.
type Reacher interface {
	// Reach returns what Observe will show of the levers of want after Apply(want) on a target that has the capacity have. It
	// does no I/O.
	Reach(have, want models.Capacity) models.Capacity
}

// Reach returns what the actuator will show of the levers of want after Apply(want) on a target that has the capacity have;
// want itself if the platform shows what it was asked for. A write is needed only if have does not satisfy the result, and
// has been carried out once what is read back does. It looks through decorators.
func Reach(a Actuator, have, want models.Capacity) models.Capacity {
	for a != nil {
		if r, ok := a.(Reacher); ok {
			return r.Reach(have, want)
		}
		outer, ok := a.(interface{ Unwrap() Actuator })
		if !ok {
			break
		}
		a = outer.Unwrap()
	}
	return want
}
