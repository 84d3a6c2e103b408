package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// renewEvery is the least time between two times that a capacity is set again because the platform made anew what holds it.
const renewEvery = time.Minute

// fallen is what a platform made by itself of the capacity that was set: it let the floor fall, or made anew what holds it.
type fallen struct {
	// on says that this is so at the last look, for the reason why; every is how often it is set again at most.
	on    bool
	why   string
	every time.Duration
	// due says that the decision being made must set it again, unless it says otherwise.
	due bool
	// next is when it may be set again.
	next time.Time
}

// fell looks whether the platform by itself took back what was set and is not shown any more, and reports whether it did.
func (u *unit) fell() bool {
	o, set := &u.observation, u.marks.Set
	f := &u.fallen
	f.on = false
	if fresh := renewed(u.marks.Holder, o.Holder); fresh != "" {
		f.on, f.every = true, renewEvery
		f.why = fmt.Sprintf("set was %s, and the platform has made %s since, with %s", set, fresh, o.Capacity.Only(set.Levers()))
	} else if every, ok := actuators.Erodes(u.actuator, set, o.Capacity); ok {
		f.on, f.every = true, every
		f.why = fmt.Sprintf("set was %s, and the platform by itself went to %s", set, o.Capacity.Only(set.Levers()))
	}
	return f.on
}

// renewed returns the first of the holders of a capacity that was not among them when it was set, "" if there is none or it is not known.
func renewed(before, now string) string {
	if before == "" {
		return ""
	}
	old := strings.Fields(before)
	for name := range strings.FieldsSeq(now) {
		if !slices.Contains(old, name) {
			return name
		}
	}
	return ""
}

// current is the capacity to decide from: what the platform took back by itself counts as still there.
func (u *unit) current() models.Capacity {
	u.fallen.due = u.fallen.on
	if u.fallen.on {
		return u.observation.Capacity.Merge(u.marks.Set)
	}
	return u.observation.Capacity
}

// assert makes a decision one to set again what the platform took back by itself, as far as it is still wanted, unless that was done
// a short while ago. What asks for more than was set does not wait.
func (e *Engine) assert(u *unit, d *models.Decision, now time.Time) {
	f := &u.fallen
	if !f.due {
		return
	}
	f.due = false
	d.Current = u.observation.Capacity
	set := u.marks.Set
	want := set.Merge(d.Desired)
	switch left := f.next.Sub(now); {
	case exceeds(want, set) || exceeds(d.Current, want):
		d.Desired = want
	case e.pause.Load().Paused:
		d.Desired = models.Capacity{}
	case left > 0:
		r := models.Because(models.ReasonAssertLater, models.Num("left_s", left.Seconds()))
		r.Detail = f.why
		d.Desired, d.Reasons = models.Capacity{}, append(slices.Clip(d.Reasons), r)
	default:
		r := models.Because(models.ReasonAssert)
		r.Detail = f.why
		d.Desired, d.Reasons = want, append(slices.Clip(d.Reasons), r)
	}
}

// exceeds reports whether a capacity has more warm instances than another, or differs in other levers.
func exceeds(c, other models.Capacity) bool {
	n, _ := c.Warm()
	m, _ := other.Warm()
	const rest = ^models.LeverWarm
	return n > m || c.Only(rest) != other.Only(rest)
}

// observeEvery is how long an observation of a target is trusted when nothing changes.
func (e *Engine) observeEvery(u *unit) time.Duration {
	every := e.settings().ObserveEvery
	if erodes := actuators.AssertEvery(u.actuator); erodes > 0 && u.marks.Set.Levers() != 0 {
		return min(every, erodes)
	}
	return every
}
