package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pilotlight/models"
)

// keeper copies the newest event of each target and type but decisions into a stream of its own, without retention: a
// pause, an approval, or what was done to a target must be known after a restart, however long ago it was. Decisions are
// not copied: they are many, and the next tick makes new ones. The copies follow the events, and are written to the disk in
// the background, so that after a crash the last of them may be missing: they are made when the journal is opened. An event
// that has no copy yet is new, so that the stream of events still has it.
//
// Only the opener and then the writer of the journal use it.
type keeper struct {
	// done is the sequence up to which the copies are complete; behind says that those after it must be looked for.
	done   uint64
	behind bool
}

// keptSubjects returns the subjects of the events that are copied.
func keptSubjects() []string {
	var subjects []string
	for _, t := range models.EventTypes() {
		if t != models.EventDecision {
			subjects = append(subjects, eventPrefix+strings.TrimPrefix(string(t), typePrefix)+".*")
		}
	}
	return subjects
}

// isKept reports whether the events of a subject are copied.
func isKept(subject string) bool {
	return !strings.HasPrefix(subject, eventPrefix+strings.TrimPrefix(string(models.EventDecision), typePrefix)+".")
}

// recover reads from the copies how far they go.
func (k *keeper) recover(ctx context.Context, c *client) error {
	k.done, k.behind = 0, true
	info, err := c.latest.Info(ctx)
	if err != nil {
		return fmt.Errorf("read the stream of the latest events: %w", err)
	}
	if info.State.Msgs == 0 {
		return nil
	}
	msg, err := c.latest.GetMsg(ctx, info.State.LastSeq)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("read the stream of the latest events: %w", err)
	}
	if err == nil {
		// Without a number all copies are made again.
		k.done, _ = originOf(msg.Header)
	}
	return nil
}

// keep copies what is to be kept of the records, which have just been stored.
func (k *keeper) keep(ctx context.Context, c *client, records []record, stored []place) error {
	if k.behind {
		return k.catchUp(ctx, c)
	}
	newest := make(map[string]message)
	last := k.done
	for i := range records {
		if stored[i].duplicate {
			continue
		}
		last = max(last, stored[i].seq)
		if isKept(records[i].subject) {
			newest[records[i].subject] = message{seq: stored[i].seq, subject: records[i].subject, data: records[i].data}
		}
	}
	return k.write(ctx, c, newest, last)
}

// catchUp copies what is to be kept of the events that have no copy yet.
func (k *keeper) catchUp(ctx context.Context, c *client) error {
	newest := make(map[string]message)
	last := k.done
	err := c.scan(ctx, c.events, scan{subjects: keptSubjects(), startSeq: k.done + 1}, func(m message) (bool, error) {
		newest[m.subject] = m
		last = m.seq
		return true, nil
	})
	if err != nil {
		k.behind = true
		return fmt.Errorf("look for events to keep: %w", err)
	}
	return k.write(ctx, c, newest, last)
}

// write writes copies in the order of the events.
func (k *keeper) write(ctx context.Context, c *client, newest map[string]message, last uint64) error {
	copies := slices.SortedFunc(maps.Values(newest), func(a, b message) int {
		return int(min(max(int64(a.seq)-int64(b.seq), -1), 1)) //nolint:gosec // Sequences do not reach the sign.
	})
	messages := make([]*nats.Msg, len(copies))
	for i, m := range copies {
		messages[i] = nats.NewMsg(latestPrefix + strings.TrimPrefix(m.subject, eventPrefix))
		messages[i].Header[headerOrigin] = []string{strconv.FormatUint(m.seq, 10)}
		messages[i].Data = m.data
	}
	if _, err := c.publish(ctx, latestStream, messages); err != nil {
		k.behind = true
		return fmt.Errorf("keep the latest events: %w", err)
	}
	k.done, k.behind = last, false
	return nil
}

// originOf returns the sequence of the event of which the message is a copy.
func originOf(h nats.Header) (uint64, error) {
	seq, err := strconv.ParseUint(h.Get(headerOrigin), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the copy of an event does not say where it comes from: %w", err)
	}
	return seq, nil
}
