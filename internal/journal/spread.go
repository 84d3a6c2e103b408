package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// slack covers the time between taking the clock and storing the message.
const slack = 10 * time.Minute

// spreadValue bounds how far the time of an event and the time at which it was stored are apart, over all events so far.
// Each message carries the value that held when it was stored, so that the newest message tells it for the whole journal.
// It makes queries by time exact without an index: events of a range of times are looked for in the range of storing times
// widened by the spread.
type spreadValue struct{ late, early time.Duration }

// String renders the value for a header.
func (v spreadValue) String() string { return fmt.Sprintf("%d %d", v.late, v.early) }

// unbounded is the spread of a journal of which nothing is known.
func unbounded() spreadValue { return spreadValue{late: math.MaxInt64, early: math.MaxInt64} }

// parseSpread reads what String wrote.
func parseSpread(text string) (spreadValue, error) {
	var v spreadValue
	if _, err := fmt.Sscanf(text, "%d %d", &v.late, &v.early); err != nil || v.late < 0 || v.early < 0 {
		return unbounded(), invalid("spread %q", text)
	}
	return v, nil
}

// after returns the earliest time at which an event of time t can have been stored, and false if there is no bound.
func (v spreadValue) after(t time.Time) (time.Time, bool) {
	if t.IsZero() || v.early > math.MaxInt64-slack {
		return time.Time{}, false
	}
	return t.Add(-v.early - slack), true
}

// before returns the latest time at which an event of time t can have been stored, and false if there is no bound.
func (v spreadValue) before(t time.Time) (time.Time, bool) {
	if t.IsZero() || v.late > math.MaxInt64-slack {
		return time.Time{}, false
	}
	return t.Add(v.late + slack), true
}

// spread is the value for the whole journal; it only grows.
type spread struct {
	mu    sync.Mutex
	value spreadValue
}

// load returns the present value.
func (s *spread) load() spreadValue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value
}

// widen makes the spread cover events of these records stored now.
func (s *spread) widen(now time.Time, records []record) spreadValue {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range records {
		late := now.Sub(records[i].time)
		s.value.late = max(s.value.late, late)
		s.value.early = max(s.value.early, -late)
	}
	return s.value
}

// recoverSpread reads the spread from the newest event.
func (j *Journal) recoverSpread(ctx context.Context) error {
	info, err := j.client().events.Info(ctx)
	if err != nil {
		return fmt.Errorf("read the stream of events: %w", err)
	}
	if info.State.Msgs == 0 {
		return nil
	}
	j.spread.value = unbounded()
	msg, err := j.client().events.GetMsg(ctx, info.State.LastSeq)
	if err != nil {
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		return fmt.Errorf("read the newest event: %w", err)
	}
	if v, err := parseSpread(msg.Header.Get(headerSpread)); err == nil {
		j.spread.value = v
	}
	return nil
}
