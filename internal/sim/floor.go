package sim

import "math"

// never is a time that does not come.
const never = math.MaxInt64

// floor is a number of provisioned instances that is asked for and becomes ready after a lead. What is ready is the least that
// was asked for during the last lead: a rise takes the lead, a fall happens at once and also cuts rises under way. That is the
// minimum over a sliding window, kept as a queue of the rises that are still to come.
type floor struct {
	asked int
	ready int
	rises []rise // in the order of time, and of height
}

// rise is a height that the floor reaches at a time.
type rise struct {
	at     int64
	height int
}

// set asks for a height at time t.
func (f *floor) set(t, lead int64, height int) {
	f.asked = height
	f.ready = min(f.ready, height)
	at := t + lead
	// A rise to at least this height was asked for earlier, so this height is reached when that would have been.
	for n := len(f.rises); n > 0 && f.rises[n-1].height >= height; n-- {
		at = f.rises[n-1].at
		f.rises = f.rises[:n-1]
	}
	if height > f.ready {
		f.rises = append(f.rises, rise{at, height})
	}
}

// next returns when the next rise happens, or never.
func (f *floor) next() int64 {
	if len(f.rises) == 0 {
		return never
	}
	return f.rises[0].at
}

// rise lets the next rise happen.
func (f *floor) rise() {
	f.ready = f.rises[0].height
	f.rises = append(f.rises[:0], f.rises[1:]...)
}
