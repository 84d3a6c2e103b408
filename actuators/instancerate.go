package actuators

// InstanceRater is implemented by actuators whose platform bounds how many invocations a second an instance starts, such as AWS
// Lambda.
type InstanceRater interface {
	// InstanceRate returns how many invocations a second an instance of the floor starts at most, however short they are. It does
	// no I/O.
	InstanceRate() float64
}

// InstanceRate returns how many invocations a second an instance on the actuator's platform starts at most, 0 for no bound. It
// looks through decorators.
func InstanceRate(a Actuator) float64 {
	for a != nil {
		if r, ok := a.(InstanceRater); ok {
			return r.InstanceRate()
		}
		outer, ok := a.(interface{ Unwrap() Actuator })
		if !ok {
			break
		}
		a = outer.Unwrap()
	}
	return 0
}
