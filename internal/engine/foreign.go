package engine

import (
	"context"
	"fmt"
	"time"

	"pilotlight/models"
)

const (
	// foreignMost bounds the back-off of a target whose capacity is changed by somebody else again and again.
	foreignMost = 24 * time.Hour
	// foreignCalm is for how long nobody else must have changed a capacity before the next change counts as the first again.
	foreignCalm = 24 * time.Hour
	// lostFor is for how long after an action whose end was not seen the platform may still come to show it.
	lostFor = time.Hour
)

// foreign is what is known about changes of a target's capacity by somebody else: a person, another program, the platform's own
// autoscaler, or another Pilotlight.
type foreign struct {
	// until is until when the target is left alone, at when the last change was noticed, times how many there were without a
	// calm day between them.
	until, at time.Time
	times     int
	// text tells it all.
	text string
	// seen is the capacity that somebody else gave; before are the marks from before.
	seen   models.Capacity
	before models.Marks
}

// noticeForeign compares what the platform shows with what was set. What somebody else changed is recorded, and the target left
// alone for a while: longer each time, and anew with each further change. It is taken up again when that time is over, from
// what the platform shows then, or at once when the capacity is again the one that was set.
func (e *Engine) noticeForeign(ctx context.Context, u *unit, now time.Time) {
	o := &u.observation
	u.fallen.on = false
	if o.Pending {
		return // the platform is still on its way
	}
	f := &u.foreign
	switch {
	case u.adopt(now):
	case u.marks.Set.Levers() != 0:
		if o.Capacity.Satisfies(u.marks.Set) {
			u.marks.Holder = o.Holder
		} else if !u.fell() {
			e.backAway(ctx, u, now)
		}
	case !now.Before(f.until):
	case f.before.Set.Levers() != 0 && o.Capacity.Satisfies(f.before.Set):
		before := u.marks
		u.marks.Set, u.marks.Original, f.until = f.before.Set, f.before.Original, now
		u.notice(now, models.ReasonOutOfBandOver, "the capacity is again the one that was set: "+f.before.Set.String(), now, before)
	case !o.Capacity.Satisfies(f.seen):
		f.seen, f.at = o.Capacity.Only(f.seen.Levers()), now
		f.until = now.Add(e.foreignWait(u))
		f.text = f.words()
	}
}

// take remembers what a notice of an earlier process says.
func (f *foreign) take(n *models.Notice) {
	if n.Code == models.ReasonOutOfBand || n.Code == models.ReasonOutOfBandOver {
		*f = foreign{until: n.Until, at: n.At, times: n.Times, text: n.Text, before: n.Before, seen: n.Observed.Only(n.Before.Set.Levers())}
	}
}

// backAway takes note of a change by somebody else.
func (e *Engine) backAway(ctx context.Context, u *unit, now time.Time) {
	f := &u.foreign
	if now.Sub(f.at).Abs() > foreignCalm {
		f.times = 0
	}
	f.times++
	f.at, f.before, f.seen = now, u.marks, u.observation.Capacity.Only(u.marks.Set.Levers())
	f.until = now.Add(e.foreignWait(u))
	f.text = f.words()
	// What somebody else gave is what a restore must leave: until the next change of our own the target counts as untouched.
	u.marks.Set, u.marks.Original = models.Capacity{}, models.Capacity{}
	e.log.WarnContext(ctx, "somebody else changed the capacity; backing off", "target", string(u.id),
		"set", f.before.Set.String(), "observed", f.seen.String(), "until", f.until, "times", f.times)
	e.metrics.outOfBand()
	u.notice(now, models.ReasonOutOfBand, f.text, f.until, f.before)
}

// foreignWait returns how long a target is left alone after a change by somebody else.
func (e *Engine) foreignWait(u *unit) time.Duration {
	base := e.settings().OutOfBandBackoff
	if base <= 0 {
		return 0
	}
	return jittered(doubled(base, u.foreign.times-1, max(base, foreignMost)), u.id, u.foreign.times)
}

// words says what happened.
func (f *foreign) words() string {
	return fmt.Sprintf("set was %s, somebody else gave %s, noticed at %s (change %d); left alone until %s",
		f.before.Set, f.seen, f.at.Format(time.RFC3339), f.times, f.until.Format(time.RFC3339))
}

// adopt takes a capacity for our own that an action asked for whose end was never seen: it came into effect later. It reports
// whether it did.
func (u *unit) adopt(now time.Time) bool {
	a := u.lost
	switch {
	case a == nil:
		return false
	case now.Sub(a.Issued) > lostFor:
		u.lost = nil
		return false
	case !u.observation.Capacity.Satisfies(a.To):
		return false
	}
	u.marks, u.lost = marked(u.marks, a, a.Issued), nil
	u.marks.Holder = u.observation.Holder
	return true
}

// notice keeps something to be recorded at this Step, along with the marks.
func (u *unit) notice(now time.Time, code models.ReasonCode, text string, until time.Time, before models.Marks) {
	u.closed = append(u.closed, models.NewNoticeEvent(models.Notice{
		Target: u.id, At: now, Code: code, Text: text, Observed: u.observation.Capacity, Until: until, Times: u.foreign.times,
		Before: before, Marks: u.marks,
	}))
}
