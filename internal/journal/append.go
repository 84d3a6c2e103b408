package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pilotlight/models"
)

const (
	// maxBatch is the greatest number of events that one write to the disk takes.
	maxBatch = 1000
	// maxBatchBytes bounds the memory of one write.
	maxBatchBytes = 16 << 20
	// minBatch is how many events are worth a batch: it costs about as much as syncing the disk that often.
	minBatch = 12
	// maxQueued is how many calls of Append can wait without blocking one another.
	maxQueued = 256
	// errDuplicateInBatch is what the server answers to a batch that has an event it knows already.
	errDuplicateInBatch jetstream.ErrorCode = 10201

	headerBatchID     = "Nats-Batch-Id"
	headerBatchSeq    = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
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
		err := j.commit(ctx, records[start:end])
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
	}
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

// commit records up to maxBatch events.
func (j *Journal) commit(ctx context.Context, records []record) error {
	if err := j.repair(ctx); err != nil {
		j.metrics.failed()
		return err
	}
	current := j.store.Load()
	ctx, cancel := current.server.whileUsable(ctx)
	defer cancel()
	start := j.options.Now()
	fresh, err := current.client.dropOld(ctx, records, start, j.options.DedupWindow, j.spread.load())
	duplicates := 0
	if err == nil {
		duplicates, err = current.client.store(ctx, fresh, j.spread.widen(start, fresh))
	}
	if err != nil {
		j.metrics.failed()
		return current.server.explain(cause(ctx, err))
	}
	j.metrics.duplicates(duplicates + len(records) - len(fresh))
	j.metrics.appended(len(fresh)-duplicates, j.options.Now().Sub(start))
	return nil
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
	return nil
}

// store writes the records and returns how many of them the server knew already. Many are written as an atomic batch, which
// costs one sync of the disk. The server refuses a batch in which it knows one event; such a batch, which follows an error,
// is written one by one.
func (c *client) store(ctx context.Context, records []record, s spreadValue) (duplicates int, err error) {
	if len(records) < minBatch {
		return c.storeEach(ctx, records, s)
	}
	err = c.storeBatch(ctx, records, s)
	if apiErr := (*jetstream.APIError)(nil); errors.As(err, &apiErr) && apiErr.ErrorCode == errDuplicateInBatch {
		return c.storeEach(ctx, records, s)
	}
	return 0, err
}

// storeEach writes record after record, without waiting for the answer to one before the next is sent.
func (c *client) storeEach(ctx context.Context, records []record, s spreadValue) (duplicates int, err error) {
	acks := make([]jetstream.PubAckFuture, 0, len(records))
	for i := range records {
		ack, err := c.js.PublishMsgAsync(records[i].message(s), jetstream.WithExpectStream(eventStream))
		if err != nil {
			return duplicates, fmt.Errorf("write an event: %w", err)
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case a := <-ack.Ok():
			if a.Duplicate {
				duplicates++
			}
		case err := <-ack.Err():
			return duplicates, fmt.Errorf("write an event: %w", err)
		case <-ctx.Done():
			return duplicates, context.Cause(ctx)
		}
	}
	return duplicates, nil
}

// storeBatch writes the records as one atomic batch: all are recorded or none. Only the last message is answered.
func (c *client) storeBatch(ctx context.Context, records []record, s spreadValue) error {
	id := token(nats.NewInbox())
	for i := range records {
		msg := records[i].message(s)
		msg.Header[headerBatchID] = []string{id}
		msg.Header[headerBatchSeq] = []string{strconv.Itoa(i + 1)}
		if i < len(records)-1 {
			if err := c.conn.PublishMsg(msg); err != nil {
				return fmt.Errorf("write a batch of events: %w", err)
			}
			continue
		}
		msg.Header[headerBatchCommit] = []string{"1"}
		answer, err := c.conn.RequestMsgWithContext(ctx, msg)
		if err != nil {
			return fmt.Errorf("write a batch of events: %w", err)
		}
		return batchError(answer.Data, len(records))
	}
	return nil
}

// batchError reads the server's answer to a batch.
func batchError(data []byte, want int) error {
	var answer struct {
		Error *jetstream.APIError `json:"error"`
		Seq   uint64              `json:"seq"`
		Count int                 `json:"count"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("write a batch of events: answer %.100q: %w", data, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("write a batch of events: %w", answer.Error)
	}
	if answer.Seq == 0 || answer.Count != want {
		return fmt.Errorf("write a batch of %d events: the server recorded %d", want, answer.Count)
	}
	return nil
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
