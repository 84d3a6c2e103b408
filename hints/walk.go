package hints

import (
	"slices"
	"time"

	"github.com/teambition/rrule-go"

	"pilotlight/models"
)

// shiftSeconds are 7,600 years. The library looks for a next occurrence up to the year 9999, and nothing but that ends its search. The
// calendar repeats itself every 400 years, weekdays included, so that we let it work on the last centuries, where a search in vain takes
// a twentieth of the time.
const shiftSeconds = 19 * 146_097 * daySeconds

// span is a stretch of time in nanoseconds since 1970: from <= time < to.
type span struct{ from, to int64 }

// walk goes through the occurrences of a hint in order.
type walk struct {
	loc   *time.Location
	first span
	// wallLength and length are how long the event takes on the clocks of the zone, in seconds, and really, in nanoseconds.
	wallLength, length int64
	nanos, endNanos    int64 // the parts of a second in start and end, which rules do not keep
	except             []int64
	rule               *rule
	next               rrule.Next
	started, done      bool
	count              int
	pending            span
	hasPending         bool
}

func newWalk(h *models.Hint, loc *time.Location) (*walk, error) {
	w := &walk{
		loc: loc, first: span{h.Start.UnixNano(), h.End.UnixNano()}, length: int64(h.End.Sub(h.Start)),
		wallLength: wallOf(h.End, loc).Unix() - wallOf(h.Start, loc).Unix(), nanos: int64(h.Start.Nanosecond()), endNanos: int64(h.End.Nanosecond()),
	}
	for _, t := range h.Except {
		w.except = append(w.except, t.Unix())
	}
	slices.Sort(w.except)
	if h.Recurrence == "" {
		return w, nil
	}
	wall := wallOf(h.Start, loc)
	r, err := parseRule(h.Recurrence, wall)
	if err != nil {
		return nil, err
	}
	w.rule = r
	return w, w.expand()
}

// expand starts the library. It has panicked on rules that say nonsense; those known are refused by parseRule, and another one must not end the process.
func (w *walk) expand() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = ruleError("it cannot be expanded (%v); say it in another way", p)
		}
	}()
	option := w.rule.option
	option.Dtstart = time.Unix(option.Dtstart.Unix()+shiftSeconds, 0).UTC()
	expanded, err := rrule.NewRRule(option)
	if err != nil {
		return ruleError("%w", err)
	}
	w.next = expanded.Iterator()
	return nil
}

// named returns the next start that the rule names, on the clocks of the zone.
func (w *walk) named() (wall time.Time, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			ok = false
		}
	}()
	wall, ok = w.next()
	return time.Unix(wall.Unix()-shiftSeconds, 0).UTC(), ok
}

// occurrence returns the next occurrence. The start of the hint is always the first one, whether the rule would name it or not.
func (w *walk) occurrence() (span, bool) {
	if !w.started {
		w.started = true
		if !w.excepted(w.first.from) {
			return w.first, true
		}
	}
	for !w.done && w.next != nil {
		wall, ok := w.named()
		w.count++
		if !ok || w.count > maxOccurrences || wall.Year() > lastUsableYear || w.beyond(wall) {
			w.done = true
			break
		}
		s := w.at(wall.Unix())
		if s.from > w.first.from && !w.excepted(s.from) {
			return s, true
		}
	}
	return span{}, false
}

func (w *walk) excepted(from int64) bool {
	_, found := slices.BinarySearch(w.except, time.Unix(0, from).Unix())
	return found
}

func (w *walk) beyond(wall time.Time) bool {
	if w.rule.until.IsZero() {
		return false
	}
	if w.rule.untilIsInstant {
		return instantOf(wall.Unix(), w.loc) > w.rule.until.Unix()
	}
	return wall.After(w.rule.until)
}

// at returns the occurrence that starts when the clocks show wall. Its end is read on the clocks too, so that 22:00 to 06:00 stays
// that in the night of a change; where the clocks make that no time at all, it takes as long as the first occurrence.
func (w *walk) at(wall int64) span {
	from := instantOf(wall, w.loc)*int64(time.Second) + w.nanos
	to := from + w.length
	if w.wallLength > 0 {
		if end := instantOf(wall+w.wallLength, w.loc)*int64(time.Second) + w.endNanos; end > from {
			to = end
		}
	}
	return span{from, to}
}

// stretch returns the next stretch of time that occurrences cover without a gap. One that would go on for longer than a hint may
// take is cut there, so that a rule whose occurrences overlap for ever comes in pieces.
func (w *walk) stretch() (span, bool) {
	out, ok := w.pending, w.hasPending
	w.hasPending = false
	if !ok {
		if out, ok = w.occurrence(); !ok {
			return span{}, false
		}
	}
	for out.to-out.from < int64(models.MaxHintSpan) {
		next, ok := w.occurrence()
		if !ok {
			return out, true
		}
		if next.from > out.to {
			w.pending, w.hasPending = next, true
			return out, true
		}
		out.to = max(out.to, next.to)
	}
	w.cut(out.to)
	return out, true
}

// cut makes what follows a stretch begin where it ends.
func (w *walk) cut(end int64) {
	for {
		next, ok := w.occurrence()
		if !ok {
			return
		}
		if next.to > end {
			w.pending, w.hasPending = span{max(next.from, end), next.to}, true
			return
		}
	}
}
