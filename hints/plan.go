package hints

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"pilotlight/models"
)

var errNever = errors.New("hint: it never takes place: all its occurrences are excepted")

// Occurrence is a stretch of time in which an event takes place: Start <= time < End. Occurrences that overlap or touch are one.
type Occurrence struct {
	Start, End time.Time
}

// Plan is the time of a hint, ready to be asked. Safe for concurrent use. What it answers depends on the hint alone, never on what it was asked before.
type Plan struct {
	found atomic.Pointer[found]
	mu    sync.Mutex
	walk  *walk // guarded by mu
}

// found are the stretches that were walked so far, in order. All that start before known are in it.
type found struct {
	spans []span
	known int64
}

// Compile checks a hint, its recurrence and its time zone included, and returns its plan. The error is a models.ErrInvalid that says what to do.
//
// Start is always the first occurrence. The rule is read on the clocks of the time zone, so that 09:00 stays 09:00 over a change of
// the clocks, and so is the end of an occurrence. A start that the clocks skip is moved on by what they skip; of a start that they
// show twice the first counts. A rule may not be more often than hourly, and is walked for 131,072 occurrences.
func Compile(h models.Hint) (*Plan, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	if len(h.Except) > maxExcept {
		return nil, fmt.Errorf("hint: %d exceptions are more than %d; end the recurrence by UNTIL instead: %w", len(h.Except), maxExcept, models.ErrInvalid)
	}
	loc, err := location(h.TimeZone)
	if err != nil {
		return nil, err
	}
	w, err := newWalk(&h, loc)
	if err != nil {
		return nil, err
	}
	p := &Plan{walk: w}
	if f := p.upTo(math.MinInt64); len(f.spans) == 0 {
		return nil, fmt.Errorf("%w: %w", errNever, models.ErrInvalid)
	}
	return p, nil
}

// upTo returns the stretches that start before t, and the first that does not.
func (p *Plan) upTo(t int64) *found {
	if f := p.found.Load(); f != nil && t < f.known {
		return f
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.found.Load()
	if f == nil {
		f = &found{known: math.MinInt64}
	}
	next := *f
	for t >= next.known {
		s, ok := p.walk.stretch()
		if !ok {
			next.known = math.MaxInt64
			break
		}
		// Readers of the older list never look behind its own length, so that it may share its memory.
		next.spans, next.known = append(next.spans, s), s.from
	}
	p.found.Store(&next)
	return &next
}

// Active returns the first occurrence that overlaps the stretch from <= time < to. It allocates nothing once the time was asked for before.
func (p *Plan) Active(from, to time.Time) (start, end time.Time, ok bool) {
	first, last := nanos(from), nanos(to)
	spans := p.upTo(last).spans
	i := after(spans, first)
	if i == len(spans) || spans[i].from >= last {
		return time.Time{}, time.Time{}, false
	}
	return time.Unix(0, spans[i].from).UTC(), time.Unix(0, spans[i].to).UTC(), true
}

// after returns the index of the first stretch that ends after t.
func after(spans []span, t int64) int {
	return sort.Search(len(spans), func(i int) bool { return spans[i].to > t })
}

// Over reports whether no occurrence ends after now.
func (p *Plan) Over(now time.Time) bool {
	at := nanos(now)
	spans := p.upTo(at).spans
	return after(spans, at) == len(spans)
}

// nanos returns nanoseconds since 1970, and the ends of what that can say for times outside of it.
func nanos(t time.Time) int64 {
	switch {
	case t.Year() > lastUsableYear:
		return math.MaxInt64
	case t.Year() < firstUsableYear:
		return math.MinInt64
	default:
		return t.UnixNano()
	}
}

// Between returns the occurrences that overlap the stretch from <= time < to, up to limit of them.
func (p *Plan) Between(from, to time.Time, limit int) []Occurrence {
	var out []Occurrence
	for len(out) < limit {
		start, end, ok := p.Active(from, to)
		if !ok {
			break
		}
		out = append(out, Occurrence{start, end})
		from = end
	}
	return out
}
