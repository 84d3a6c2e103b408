package journal

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/url"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pilotlight/models"
)

const (
	// maxState bounds one state, leaving room for the headers in a message.
	maxState = maxPayload - 16<<10
	// maxKey bounds a key, which is often made from a target's id.
	maxKey = 1024
)

// SaveState keeps the state under the key, replacing an earlier one. Unlike events, a state is written to the disk in the
// background: it survives the end of the process soon after, but a power cut may bring back one that is some seconds
// older. What LoadState returns is always a state as it was saved.
func (j *Journal) SaveState(ctx context.Context, key string, state []byte) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	if len(state) > maxState {
		return fmt.Errorf("save state: %w",
			invalid("state %q has %d bytes, more than the %d that the journal takes: keep less in it", key, len(state), maxState))
	}
	ctx, cancel := j.bound(ctx)
	defer cancel()
	msg := nats.NewMsg(stateSubject(key))
	msg.Data = state
	msg.Header[headerKey] = []string{url.QueryEscape(key)}
	msg.Header[headerSum] = []string{checksum(key, state)}
	if _, err := j.client().js.PublishMsg(ctx, msg, jetstream.WithExpectStream(stateStream)); err != nil {
		return fmt.Errorf("save state %q: %w", key, j.server().explain(cause(ctx, err)))
	}
	j.metrics.saved(len(state))
	return nil
}

// LoadState returns the newest state under the key, or models.ErrNotFound. A damaged state counts as not found.
func (j *Journal) LoadState(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("load state: %w", err)
	}
	ctx, cancel := j.bound(ctx)
	defer cancel()
	msg, err := j.client().states.GetLastMsgForSubject(ctx, stateSubject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("state %q: %w", key, models.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load state %q: %w", key, cause(ctx, err))
	}
	if _, err := stateOf(msg.Header, msg.Data); err != nil {
		j.damaged(ctx, key, err)
		return nil, fmt.Errorf("state %q is damaged: %w", key, models.ErrNotFound)
	}
	return msg.Data, nil
}

// DeleteState removes the state under the key; it is no error if there is none.
func (j *Journal) DeleteState(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("delete state: %w", err)
	}
	ctx, cancel := j.bound(ctx)
	defer cancel()
	if err := j.client().states.Purge(ctx, jetstream.WithPurgeSubject(stateSubject(key))); err != nil {
		return fmt.Errorf("delete state %q: %w", key, cause(ctx, err))
	}
	return nil
}

// ListStates calls fn with each key and its state, oldest first, until fn returns an error. Damaged states are skipped.
func (j *Journal) ListStates(ctx context.Context, fn func(key string, state []byte) error) error {
	ctx, cancel := j.bound(ctx)
	defer cancel()
	err := j.client().scan(ctx, j.client().states, scan{}, func(m message) (bool, error) {
		key, err := stateOf(m.header, m.data)
		if err != nil {
			j.damaged(ctx, key, err)
			return true, nil
		}
		return true, fn(key, m.data)
	})
	if err != nil {
		return fmt.Errorf("list states: %w", cause(ctx, err))
	}
	return nil
}

func (j *Journal) damaged(ctx context.Context, key string, err error) {
	j.metrics.unreadable()
	j.log.LogAttrs(ctx, slog.LevelWarn, "skip a damaged state", slog.String("key", key), slog.Any("error", err))
}

func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return invalid("key of %d bytes is not between 1 and %d", len(key), maxKey)
	}
	return nil
}

func stateSubject(key string) string { return statePrefix + token(key) }

// checksum covers the key too, so that a state cannot pass for that of another key.
func checksum(key string, state []byte) string {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum([]byte(key), table), table, state)
	return strconv.FormatUint(uint64(sum), 16)
}

// stateOf returns the key of a stored state, and an error if the state is not as it was saved.
func stateOf(h nats.Header, data []byte) (key string, err error) {
	key, err = url.QueryUnescape(h.Get(headerKey))
	if err != nil {
		return "", fmt.Errorf("read the key of a state: %w", err)
	}
	if want := h.Get(headerSum); want != checksum(key, data) {
		return key, invalid("checksum %q does not match %q", checksum(key, data), want)
	}
	return key, nil
}
