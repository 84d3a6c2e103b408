package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"pilotlight/models"
)

// Query returns the events that the filter selects, newest first, and the cursor of the next page for the filter's Before,
// which is 0 at the end. A page that is not the last has exactly Limit events.
func (j *Journal) Query(ctx context.Context, f models.EventFilter) (events []models.Event, next uint64, err error) {
	if err := checkFilter(&f); err != nil {
		return nil, 0, fmt.Errorf("query events: %w", err)
	}
	ctx, cancel := j.bound(ctx)
	defer cancel()
	q, err := j.newQuery(ctx, f)
	if err == nil {
		err = q.run(ctx)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("query events: %w", cause(ctx, err))
	}
	events = q.found
	slices.Reverse(events)
	if len(events) > f.Limit {
		events = events[:f.Limit]
		next = events[f.Limit-1].Seq
	}
	return events, next, nil
}

// checkFilter refuses filters that cannot be meant.
func checkFilter(f *models.EventFilter) error {
	if f.Limit < 1 {
		return invalid("limit %d is below 1", f.Limit)
	}
	for _, t := range f.Types {
		if !slices.Contains(models.EventTypes(), t) {
			return invalid("type of events %q is none of %q", t, models.EventTypes())
		}
	}
	return nil
}

// query walks back through the journal in windows of sequences, since a stream can only be read forward.
type query struct {
	journal  *Journal
	filter   models.EventFilter
	subjects []string
	// lo and hi are the sequences still to search: lo <= seq < hi.
	lo, hi uint64
	// above is how many messages of the subjects are at or after hi, if known.
	above uint64
	known bool
	found []models.Event // oldest first, at most Limit+1, the newest that were found
}

// errMissing says that the server has passed over an event: events are only removed from the old end, so it is damaged.
var errMissing = errors.New("the event is damaged on the disk, and may not be the only one")

// newQuery finds the bounds of the search.
func (j *Journal) newQuery(ctx context.Context, f models.EventFilter) (*query, error) {
	info, err := j.client().events.Info(ctx)
	if err != nil {
		return nil, err
	}
	q := &query{journal: j, filter: f, subjects: subjectsOf(f), lo: info.State.FirstSeq, hi: info.State.LastSeq + 1, known: true}
	if f.Before > 0 && f.Before < q.hi {
		q.hi, q.known = f.Before, false
	}
	s := j.spread.load()
	if from, ok := s.after(f.From); ok {
		seq, found, err := j.client().firstAt(ctx, from)
		if err != nil {
			return nil, err
		}
		if !found {
			seq = q.hi
		}
		q.lo = max(q.lo, seq)
	}
	if to, ok := s.before(f.To); ok {
		seq, found, err := j.client().firstAt(ctx, to)
		if err != nil {
			return nil, err
		}
		if found && seq < q.hi {
			q.hi, q.known = seq, false
		}
	}
	return q, nil
}

// subjectsOf returns the subjects that the filter selects; none is all.
func subjectsOf(f models.EventFilter) []string {
	switch {
	case len(f.Types) == 0 && f.Target == "":
		return nil
	case len(f.Types) == 0:
		return []string{eventPrefix + "*." + token(string(f.Target))}
	}
	var subjects []string
	for _, t := range f.Types {
		s := eventSubject(t, f.Target)
		if f.Target == "" {
			s = eventPrefix + string(t)[len(typePrefix):] + ".*"
		}
		if !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	return subjects
}

// firstAt returns the sequence of the first event stored at the time or later.
func (c *client) firstAt(ctx context.Context, t time.Time) (seq uint64, found bool, err error) {
	err = c.scan(ctx, c.events, scan{startTime: t, headersOnly: true, fetch: 1}, func(m message) (bool, error) {
		seq, found = m.seq, true
		return false, nil
	})
	return seq, found, err
}

// run searches window after window, each twice as large as the one before, until there are more events than asked for.
func (q *query) run(ctx context.Context) error {
	width, err := q.firstWidth(ctx)
	if err != nil {
		return err
	}
	for q.lo < q.hi && len(q.found) <= q.filter.Limit {
		start := q.lo
		if q.hi-q.lo > width {
			start = q.hi - width
		}
		done, err := q.search(ctx, start)
		if err != nil {
			return err
		}
		if !done {
			width /= 2
			continue
		}
		if width < 1<<62 {
			width *= 2
		}
	}
	return nil
}

// firstWidth guesses how wide the first window must be to hold a page: from how many messages of the subjects there are.
func (q *query) firstWidth(ctx context.Context) (uint64, error) {
	//nolint:gosec // A limit is at least 1.
	need := uint64(q.filter.Limit) + 1
	if len(q.subjects) == 0 || q.hi <= q.lo {
		return need, nil
	}
	client := q.journal.client()
	r, err := client.newReader(ctx, client.events, scan{subjects: q.subjects, startSeq: q.lo})
	if err != nil {
		return 0, err
	}
	defer r.remove(ctx)
	if r.pending <= need {
		return q.hi - q.lo, nil
	}
	return max(need, uint64(1.25*float64(need)*float64(q.hi-q.lo)/float64(r.pending))), nil
}

// search reads the window from start to hi. It declines a window that holds many more messages than are needed, unless
// that is as small as it gets.
func (q *query) search(ctx context.Context, start uint64) (done bool, err error) {
	client := q.journal.client()
	r, err := client.newReader(ctx, client.events, scan{subjects: q.subjects, startSeq: start, fetch: q.fetch()})
	if err != nil {
		return false, err
	}
	defer r.remove(ctx)
	//nolint:gosec // A limit is at least 1.
	limit := uint64(q.filter.Limit)
	total := r.pending
	if q.known && total > q.above+8*limit+fetchSize && q.hi-start > limit+1 {
		return false, nil
	}
	var window []models.Event
	if !q.known || total > q.above {
		window, err = q.read(ctx, r)
		if err != nil {
			return false, err
		}
	}
	q.found = append(window, q.found...)
	if extra := len(q.found) - q.filter.Limit - 1; extra > 0 {
		q.found = q.found[extra:]
	}
	q.hi, q.above, q.known = start, total, true
	return true, nil
}

// fetch returns how many messages to ask for at a time: no more than needed for small pages.
func (q *query) fetch() int { return min(q.filter.Limit+1, fetchSize) }

// read returns the newest matching events that the reader has before hi.
func (q *query) read(ctx context.Context, r *reader) ([]models.Event, error) {
	need := q.filter.Limit + 1 - len(q.found)
	var window []models.Event
	expected := uint64(0)
	err := r.each(ctx, func(m message) (bool, error) {
		if m.seq >= q.hi {
			return false, nil
		}
		if len(q.subjects) == 0 && expected > 0 && m.seq > expected {
			q.journal.unreadable(ctx, expected, errMissing)
		}
		expected = m.seq + 1
		if !q.inTime(m) {
			return true, nil
		}
		e, ok := q.journal.readable(ctx, m.data, m.seq)
		if ok && q.matches(&e) {
			window = append(window, e)
		}
		if len(window) > 2*need {
			window = slices.Clone(window[len(window)-need:])
		}
		return true, nil
	})
	return window, err
}

// inTime reports whether the header of a message says that its event is in the range of times, to spare decoding it.
func (q *query) inTime(m message) bool {
	nanos, err := strconv.ParseInt(m.header.Get(headerTime), 10, 64)
	return err != nil || q.within(time.Unix(0, nanos))
}

func (q *query) within(t time.Time) bool {
	return (q.filter.From.IsZero() || !t.Before(q.filter.From)) && (q.filter.To.IsZero() || t.Before(q.filter.To))
}

// matches checks what the subjects and headers promise.
func (q *query) matches(e *models.Event) bool {
	f := &q.filter
	return (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) && (f.Target == "" || f.Target == e.Target) && q.within(e.Time)
}

// Event returns the event at a place in the journal, or models.ErrNotFound.
func (j *Journal) Event(ctx context.Context, seq uint64) (models.Event, error) {
	ctx, cancel := j.bound(ctx)
	defer cancel()
	msg, err := j.client().events.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) || seq == 0 {
		return models.Event{}, fmt.Errorf("event %d: %w", seq, models.ErrNotFound)
	}
	if err != nil {
		return models.Event{}, fmt.Errorf("event %d: %w", seq, cause(ctx, err))
	}
	return decode(msg.Data, seq)
}
