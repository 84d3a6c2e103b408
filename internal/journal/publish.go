package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// minBatch is how many events are worth a batch: it costs about as much as syncing the disk that often.
	minBatch = 12
	// errDuplicateInBatch is what the server answers to a batch that has an event it knows already.
	errDuplicateInBatch jetstream.ErrorCode = 10201

	headerBatchID     = "Nats-Batch-Id"
	headerBatchSeq    = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
)

// place is where the store has a record.
type place struct {
	seq uint64
	// duplicate says that the store had it already.
	duplicate bool
}

// store writes the records. Many are written as an atomic batch, which costs one sync of the disk. The server refuses a batch
// in which it knows one event; such a batch, which follows an error, is written one by one.
func (c *client) store(ctx context.Context, records []record, s spreadValue) ([]place, error) {
	messages := make([]*nats.Msg, len(records))
	for i := range records {
		messages[i] = records[i].message(s)
	}
	if len(messages) < minBatch {
		return c.publish(ctx, eventStream, messages)
	}
	stored, err := c.publishBatch(ctx, messages)
	if apiErr := (*jetstream.APIError)(nil); errors.As(err, &apiErr) && apiErr.ErrorCode == errDuplicateInBatch {
		for _, msg := range messages {
			for _, header := range []string{headerBatchID, headerBatchSeq, headerBatchCommit} {
				msg.Header.Del(header)
			}
		}
		return c.publish(ctx, eventStream, messages)
	}
	return stored, err
}

// publish writes message after message, without waiting for the answer to one before the next is sent.
func (c *client) publish(ctx context.Context, stream string, messages []*nats.Msg) ([]place, error) {
	acks := make([]jetstream.PubAckFuture, 0, len(messages))
	for _, msg := range messages {
		ack, err := c.js.PublishMsgAsync(msg, jetstream.WithExpectStream(stream))
		if err != nil {
			return nil, fmt.Errorf("write to %s: %w", stream, err)
		}
		acks = append(acks, ack)
	}
	stored := make([]place, len(acks))
	for i, ack := range acks {
		select {
		case a := <-ack.Ok():
			stored[i] = place{seq: a.Sequence, duplicate: a.Duplicate}
		case err := <-ack.Err():
			return nil, fmt.Errorf("write to %s: %w", stream, err)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return stored, nil
}

// publishBatch writes the messages as one atomic batch of events: all are recorded or none. Only the last is answered.
func (c *client) publishBatch(ctx context.Context, messages []*nats.Msg) ([]place, error) {
	id := token(nats.NewInbox())
	for i, msg := range messages {
		msg.Header[headerBatchID] = []string{id}
		msg.Header[headerBatchSeq] = []string{strconv.Itoa(i + 1)}
		if i == len(messages)-1 {
			break
		}
		if err := c.conn.PublishMsg(msg); err != nil {
			return nil, fmt.Errorf("write a batch of events: %w", err)
		}
	}
	msg := messages[len(messages)-1]
	msg.Header[headerBatchCommit] = []string{"1"}
	answer, err := c.conn.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return nil, fmt.Errorf("write a batch of events: %w", err)
	}
	last, err := batchAnswer(answer.Data, len(messages))
	if err != nil {
		return nil, fmt.Errorf("write a batch of events: %w", err)
	}
	stored := make([]place, len(messages))
	for i := range stored {
		//nolint:gosec // A batch is small.
		stored[i].seq = last - uint64(len(messages)-1-i)
	}
	return stored, nil
}

// batchAnswer reads the server's answer to a batch: the sequence of its last message.
func batchAnswer(data []byte, want int) (last uint64, err error) {
	var answer struct {
		Error *jetstream.APIError `json:"error"`
		Seq   uint64              `json:"seq"`
		Count int                 `json:"count"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return 0, fmt.Errorf("answer %.100q: %w", data, err)
	}
	if answer.Error != nil {
		return 0, answer.Error
	}
	//nolint:gosec // A batch is small.
	if answer.Count != want || answer.Seq < uint64(want) {
		return 0, fmt.Errorf("the server recorded %d of %d events", answer.Count, want)
	}
	return answer.Seq, nil
}
