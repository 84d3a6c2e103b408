package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"pilotlight/models"
)

const (
	// maxBatch is the greatest number of events that one write to the disk takes.
	maxBatch = 1000
	// maxBatchBytes bounds the memory of one write.
	maxBatchBytes = 4 << 20
	// maxQueued is how many calls of Append can wait without blocking one another.
	maxQueued = 256
)

// appendRequest is a call of Append on its way to the writer.
type appendRequest struct {
	records []record
	done    chan error
}

// Append records the events in their order. When it returns nil they are on the disk. After an error some of them may be
// recorded: the caller may append the same events again, as often as it likes, since an ID that is recorded already has no
// effect, however long ago that was, as long as the event keeps its Time. An event with a wrong value is refused before
// anything is recorded. Calls that come together share a write to the disk.
func (j *Journal) Append(ctx context.Context, events ...models.Event) error {
	if j.closed() {
		return fmt.Errorf("append: %w", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("append: %w", context.Cause(ctx))
	}
	if len(events) == 0 {
		return nil
	}
	r := &appendRequest{records: make([]record, len(events)), done: make(chan error, 1)}
	for i, e := range events {
		rec, err := encode(e)
		if err != nil {
			return fmt.Errorf("append: %w", err)
		}
		r.records[i] = rec
	}
	select {
	case j.requests <- r:
	case <-ctx.Done():
		return fmt.Errorf("append: %w", context.Cause(ctx))
	case <-j.life:
		return fmt.Errorf("append: %w", ErrClosed)
	}
	return j.await(ctx, r)
}

// await waits for the writer to answer.
func (j *Journal) await(ctx context.Context, r *appendRequest) error {
	var err error
	select {
	case err = <-r.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-j.written:
		select {
		case err = <-r.done:
		default:
			err = ErrClosed
		}
	}
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

// write is the only writer of events: it takes what waits, and writes it together, until the journal is closed.
func (j *Journal) write(ctx context.Context) {
	defer close(j.written)
	for {
		select {
		case r := <-j.requests:
			j.writeAll(ctx, j.gather(r))
		case <-j.life:
			if group := j.gather(nil); len(group) > 0 {
				j.writeAll(ctx, group)
			}
			return
		}
	}
}

// gather returns the first request and those that wait behind it, up to a full batch.
func (j *Journal) gather(first *appendRequest) []*appendRequest {
	var group []*appendRequest
	size := 0
	if first != nil {
		group, size = append(group, first), len(first.records)
	}
	for size < maxBatch {
		select {
		case r := <-j.requests:
			group, size = append(group, r), size+len(r.records)
		default:
			return group
		}
	}
	return group
}

// writeAll records the events of a group of requests and answers each as soon as its own events are recorded.
func (j *Journal) writeAll(ctx context.Context, group []*appendRequest) {
	var records []record
	ends := make([]int, len(group)) // of each request in records
	seen := make(map[string]bool)
	for i, r := range group {
		for _, rec := range r.records {
			if !seen[rec.id] {
				seen[rec.id] = true
				records = append(records, rec)
			}
		}
		ends[i] = len(records)
	}
	j.metrics.duplicates(countRecords(group) - len(records))
	answered := 0
	for start := 0; start < len(records); {
		end := chunkEnd(records, start)
		fresh, stored, err := j.commit(ctx, records[start:end])
		j.remember(err)
		if err != nil {
			for ; answered < len(group); answered++ {
				group[answered].done <- err
			}
			return
		}
		for ; answered < len(group) && ends[answered] <= end; answered++ {
			group[answered].done <- nil
		}
		start = end
		if err := j.keep(ctx, fresh, stored); err != nil {
			j.log.LogAttrs(ctx, slog.LevelWarn, "copies of the latest events are made later", slog.Any("error", err))
		}
	}
}

// keep copies the latest events beyond the retention.
func (j *Journal) keep(ctx context.Context, records []record, stored []place) error {
	current := j.store.Load()
	ctx, cancel := current.server.whileUsable(ctx)
	defer cancel()
	if err := j.keeper.keep(ctx, current.client, records, stored); err != nil {
		return current.server.explain(cause(ctx, err))
	}
	return nil
}

func countRecords(group []*appendRequest) int {
	n := 0
	for _, r := range group {
		n += len(r.records)
	}
	return n
}

// chunkEnd returns where the batch that begins at start ends.
func chunkEnd(records []record, start int) int {
	size, end := 0, start
	for end < len(records) && end-start < maxBatch {
		size += len(records[end].data)
		if size > maxBatchBytes && end > start {
			break
		}
		end++
	}
	return end
}

// remember keeps the problem of the last write for Ready.
func (j *Journal) remember(err error) {
	if err == nil {
		j.problem.Store(nil)
		return
	}
	j.problem.Store(&err)
}

// commit records up to maxBatch events. It returns those that were sent to the store, and where it has them.
func (j *Journal) commit(ctx context.Context, records []record) (fresh []record, stored []place, err error) {
	if err := j.repair(ctx); err != nil {
		j.metrics.failed()
		return nil, nil, err
	}
	current := j.store.Load()
	ctx, cancel := current.server.whileUsable(ctx)
	defer cancel()
	start := j.options.Now()
	fresh, err = current.client.dropOld(ctx, records, start, j.options.DedupWindow, j.spread.load())
	if err == nil {
		stored, err = current.client.store(ctx, fresh, j.spread.widen(start, fresh))
	}
	if err != nil {
		// What of it is stored will be known as a duplicate, and must be looked for to be kept.
		j.keeper.behind = true
		j.metrics.failed()
		return nil, nil, current.server.explain(cause(ctx, err))
	}
	added := 0
	for _, p := range stored {
		if !p.duplicate {
			added++
		}
	}
	j.metrics.duplicates(len(records) - added)
	j.metrics.appended(added, j.options.Now().Sub(start))
	return fresh, stored, nil
}

// repair replaces a store that has met an error of the disk: the server does not write to a file again after that. Readers
// of the old store get an error.
func (j *Journal) repair(ctx context.Context) error {
	if !j.server().broken() {
		return nil
	}
	j.log.LogAttrs(ctx, slog.LevelWarn, "start the embedded server anew after an error of the disk")
	j.server().stop()
	s, err := openStore(ctx, j.options)
	if err != nil {
		return fmt.Errorf("start the store anew after an error of the disk: %w", err)
	}
	j.store.Store(s)
	return j.keeper.recover(ctx, s.client)
}

// dropOld removes the records that are in the journal already, of those that the server has forgotten: its memory covers
// the events stored within the window, and an event is not stored before its time, but for what the spread says.
func (c *client) dropOld(ctx context.Context, records []record, now time.Time, window time.Duration, s spreadValue) ([]record, error) {
	fresh := records[:0:0]
	for i := range records {
		if age := now.Sub(records[i].time); age.Abs() > window/2 {
			known, err := c.knows(ctx, &records[i], s)
			if err != nil {
				return nil, fmt.Errorf("look up an event of %s: %w", records[i].time.UTC().Format(time.RFC3339), err)
			}
			if known {
				continue
			}
		}
		fresh = append(fresh, records[i])
	}
	return fresh, nil
}

// knows reports whether the journal has the record, by looking at the events of the same type and target.
func (c *client) knows(ctx context.Context, r *record, s spreadValue) (bool, error) {
	last, err := c.events.GetLastMsgForSubject(ctx, r.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if last.Header.Get(jetstream.MsgIDHeader) == r.id {
		return true, nil
	}
	known := false
	what := scan{subjects: []string{r.subject}, headersOnly: true}
	if from, ok := s.after(r.time); ok {
		what.startTime = from
	}
	err = c.scan(ctx, c.events, what, func(m message) (bool, error) {
		known = m.header.Get(jetstream.MsgIDHeader) == r.id
		return !known, nil
	})
	return known, err
}
