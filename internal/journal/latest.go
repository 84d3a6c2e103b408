package journal

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"pilotlight/models"
)

// Latest calls fn with the newest event of each type and target. They come in the order of the journal, except that those
// of which the retention has removed the original come last. It stops at the first error of fn.
func (j *Journal) Latest(ctx context.Context, fn func(models.Event) error) error {
	ctx, cancel := j.bound(ctx)
	defer cancel()
	seen := make(map[string]bool)
	newest := scan{subjects: []string{eventPrefix + "*.*"}, lastPerSubject: true}
	err := j.client().scan(ctx, j.client().events, newest, func(m message) (bool, error) {
		e, ok := j.readable(ctx, m.data, m.seq)
		if !ok {
			return true, nil
		}
		if e.Type != models.EventDecision {
			seen[strings.TrimPrefix(m.subject, eventPrefix)] = true
		}
		return true, fn(e)
	})
	if err != nil {
		return fmt.Errorf("read the latest events: %w", cause(ctx, err))
	}
	err = j.client().scan(ctx, j.client().latest, scan{}, func(m message) (bool, error) {
		if seen[strings.TrimPrefix(m.subject, latestPrefix)] {
			return true, nil
		}
		seq, err := originOf(m.header)
		if err != nil {
			j.unreadable(ctx, m.seq, err)
			return true, nil
		}
		e, ok := j.readable(ctx, m.data, seq)
		if !ok {
			return true, nil
		}
		return true, fn(e)
	})
	if err != nil {
		return fmt.Errorf("read the latest events: %w", cause(ctx, err))
	}
	return nil
}

// readable decodes an event; one that cannot be decoded is counted, logged and skipped, so that it cannot stop a start.
func (j *Journal) readable(ctx context.Context, data []byte, seq uint64) (models.Event, bool) {
	e, err := decode(data, seq)
	if err != nil {
		j.unreadable(ctx, seq, err)
		return models.Event{}, false
	}
	return e, true
}

func (j *Journal) unreadable(ctx context.Context, seq uint64, err error) {
	j.metrics.unreadable()
	j.log.LogAttrs(ctx, slog.LevelWarn, "skip an unreadable event", slog.Uint64("seq", seq), slog.Any("error", err))
}

// Watch calls fn with each event after the sequence, those to come included, in the order of the journal; after 0 it begins
// with the next event that is recorded. It returns the first error of fn, or why the context ended, or ErrClosed.
func (j *Journal) Watch(ctx context.Context, after uint64, fn func(models.Event) error) error {
	ctx, cancel := j.bound(ctx)
	defer cancel()
	err := j.watch(ctx, after, fn)
	if err != nil {
		return fmt.Errorf("watch events: %w", cause(ctx, err))
	}
	return nil
}

func (j *Journal) watch(ctx context.Context, after uint64, fn func(models.Event) error) error {
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy}
	if after > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, after+1
	}
	consumer, err := j.client().events.OrderedConsumer(ctx, cfg)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		e, ok := j.readable(ctx, msg.Data(), meta.Sequence.Stream)
		if !ok {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
	}
}
