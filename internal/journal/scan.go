package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// fetchSize is how many messages are asked for at a time.
	fetchSize = 500
	// consumerTime is how long the server keeps a reader that has gone without a word.
	consumerTime = time.Minute
	// maxTries bounds how often a reader begins anew, and how often it asks in vain.
	maxTries = 3
)

// errGap says that the server and the client disagree about what was read.
var errGap = errors.New("messages were lost while reading: try again")

// scan says which messages to read, oldest first. The zero scan reads all.
type scan struct {
	subjects       []string
	startSeq       uint64
	startTime      time.Time
	lastPerSubject bool
	headersOnly    bool
	// fetch is how many messages to ask for at a time; 0 is fetchSize.
	fetch int
}

// config describes the reader of the scan.
func (s scan) config() jetstream.ConsumerConfig {
	cfg := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: consumerTime, Replicas: 1,
		FilterSubjects: s.subjects, HeadersOnly: s.headersOnly, DeliverPolicy: jetstream.DeliverAllPolicy,
	}
	switch {
	case s.lastPerSubject:
		cfg.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
	case s.startSeq > 0:
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, s.startSeq
	case !s.startTime.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &s.startTime
	}
	return cfg
}

// message is one message of a stream.
type message struct {
	seq     uint64
	subject string
	header  nats.Header
	data    []byte
}

// reader reads the messages of a scan that were there when it was made.
type reader struct {
	stream   jetstream.Stream
	what     scan
	consumer jetstream.Consumer
	// pending is how many messages are left, as far as the server knows.
	pending uint64
	// count is how many messages the consumer has brought, last the sequence of the newest message read.
	count, last uint64
	idle, tries int
}

// newReader makes a reader; the caller must call remove.
func (c *client) newReader(ctx context.Context, stream jetstream.Stream, what scan) (*reader, error) {
	if what.fetch <= 0 {
		what.fetch = fetchSize
	}
	r := &reader{stream: stream, what: what}
	return r, r.begin(ctx)
}

// begin makes the consumer.
func (r *reader) begin(ctx context.Context) error {
	consumer, err := r.stream.CreateConsumer(ctx, r.what.config())
	if err != nil {
		return fmt.Errorf("read a stream: %w", err)
	}
	r.consumer, r.count, r.pending = consumer, 0, consumer.CachedInfo().NumPending
	return nil
}

// remove gives the consumer up.
func (r *reader) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
	defer cancel()
	// The server removes it by itself later if this fails.
	_ = r.stream.DeleteConsumer(ctx, r.consumer.CachedInfo().Name)
}

// scan calls fn with each message until it returns false or an error, or all are read.
func (c *client) scan(ctx context.Context, stream jetstream.Stream, what scan, fn func(message) (bool, error)) error {
	r, err := c.newReader(ctx, stream, what)
	if err != nil {
		return err
	}
	defer r.remove(ctx)
	return r.each(ctx, fn)
}

// each calls fn with each message that is left.
func (r *reader) each(ctx context.Context, fn func(message) (bool, error)) error {
	for r.pending > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		more, err := r.some(ctx, fn)
		if errors.Is(err, errGap) && r.tries < maxTries {
			r.tries++
			err = r.resume(ctx)
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// some reads one round of messages: those that the server has ready. After a silence of a second the client gives up
// waiting for a round, and the messages that come later are lost; their numbers tell.
func (r *reader) some(ctx context.Context, fn func(message) (bool, error)) (more bool, err error) {
	//nolint:gosec // The minimum fits.
	batch, err := r.consumer.FetchNoWait(int(min(r.pending, uint64(r.what.fetch))))
	if err != nil {
		return false, fmt.Errorf("read a stream: %w", err)
	}
	before := r.count
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return false, fmt.Errorf("read a stream: %w", err)
		}
		if meta.Sequence.Consumer != r.count+1 {
			return true, errGap
		}
		r.count, r.pending = meta.Sequence.Consumer, meta.NumPending
		if meta.Sequence.Stream <= r.last {
			continue // Read before the consumer was made anew.
		}
		r.last = meta.Sequence.Stream
		more, err := fn(message{seq: r.last, subject: msg.Subject(), header: msg.Headers(), data: msg.Data()})
		if err != nil || !more {
			return false, err
		}
	}
	if err := batch.Error(); err != nil {
		return false, fmt.Errorf("read a stream: %w", err)
	}
	if r.count == before {
		return true, r.nothing(ctx)
	}
	r.idle = 0
	return true, nil
}

// nothing finds out why a round brought nothing although messages were left. That is so when the retention has removed
// them, or when they are damaged: the server passes over those.
func (r *reader) nothing(ctx context.Context) error {
	info, err := r.consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("read a stream: %w", err)
	}
	if info.Delivered.Consumer != r.count {
		return errGap
	}
	r.idle++
	if r.pending = info.NumPending; r.idle >= maxTries {
		r.pending = 0
	}
	return nil
}

// resume makes the consumer anew behind the newest message read.
func (r *reader) resume(ctx context.Context) error {
	r.remove(ctx)
	if !r.what.lastPerSubject && r.last > 0 {
		r.what.startSeq = r.last + 1
	}
	return r.begin(ctx)
}
