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
	consumer jetstream.Consumer
	// pending is how many messages are left.
	pending uint64
	fetch   int
	read    uint64
	remove  func()
}

// newReader makes a reader; the caller must call remove.
func (c *client) newReader(ctx context.Context, stream jetstream.Stream, what scan) (*reader, error) {
	consumer, err := stream.CreateConsumer(ctx, what.config())
	if err != nil {
		return nil, fmt.Errorf("read a stream: %w", err)
	}
	info := consumer.CachedInfo()
	r := &reader{consumer: consumer, pending: info.NumPending, fetch: what.fetch}
	if r.fetch <= 0 {
		r.fetch = fetchSize
	}
	r.remove = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
		defer cancel()
		// The server removes it by itself later if this fails.
		_ = stream.DeleteConsumer(ctx, info.Name)
	}
	return r, nil
}

// scan calls fn with each message until it returns false or an error, or all are read.
func (c *client) scan(ctx context.Context, stream jetstream.Stream, what scan, fn func(message) (bool, error)) error {
	r, err := c.newReader(ctx, stream, what)
	if err != nil {
		return err
	}
	defer r.remove()
	return r.each(ctx, fn)
}

// each calls fn with each message that is left.
func (r *reader) each(ctx context.Context, fn func(message) (bool, error)) error {
	for r.pending > 0 {
		more, err := r.some(ctx, fn)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// some reads one round of messages.
func (r *reader) some(ctx context.Context, fn func(message) (bool, error)) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	//nolint:gosec // The minimum fits.
	batch, err := r.consumer.Fetch(int(min(r.pending, uint64(r.fetch))), jetstream.FetchContext(ctx))
	if err != nil {
		return false, fmt.Errorf("read a stream: %w", cause(ctx, err))
	}
	before := r.read
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return false, fmt.Errorf("read a stream: %w", err)
		}
		r.read++
		r.pending = meta.NumPending
		if meta.Sequence.Consumer != r.read {
			return false, errGap
		}
		more, err := fn(message{seq: meta.Sequence.Stream, subject: msg.Subject(), header: msg.Headers(), data: msg.Data()})
		if err != nil || !more {
			return false, err
		}
	}
	if err := batch.Error(); err != nil {
		return false, fmt.Errorf("read a stream: %w", cause(ctx, err))
	}
	if r.read == before {
		// The messages that were left have been removed by the retention meanwhile.
		r.pending = 0
	}
	return true, nil
}
