package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	eventStream  = "PILOTLIGHT_EVENTS"
	latestStream = "PILOTLIGHT_LATEST"
	stateStream  = "PILOTLIGHT_STATE"
	// requestTime bounds one request to the server.
	requestTime = 10 * time.Second
)

// client speaks to any NATS server with JetStream, embedded or not.
type client struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	events jetstream.Stream
	latest jetstream.Stream
	states jetstream.Stream
}

// newClient creates or updates the streams and returns a client of them.
func newClient(ctx context.Context, conn *nats.Conn, opt Options) (*client, error) {
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(requestTime))
	if err != nil {
		return nil, fmt.Errorf("use jetstream: %w", err)
	}
	c := &client{conn: conn, js: js}
	for _, s := range []struct {
		into   *jetstream.Stream
		config jetstream.StreamConfig
	}{
		{&c.events, eventsConfig(opt)}, {&c.latest, latestConfig()}, {&c.states, statesConfig()},
	} {
		*s.into, err = js.CreateOrUpdateStream(ctx, s.config)
		if err != nil {
			return nil, fmt.Errorf("prepare the stream %s: %w", s.config.Name, err)
		}
	}
	return c, nil
}

// eventsConfig describes the stream of all events.
func eventsConfig(opt Options) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: eventStream, Description: "Pilotlight: decisions, approvals, actions, outcomes, controls.",
		Subjects: []string{eventPrefix + "*.*"}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardOld, MaxAge: opt.MaxAge.Std(), MaxBytes: opt.MaxBytes, MaxMsgs: -1,
		Duplicates: opt.DedupWindow, AllowAtomicPublish: true, AllowDirect: true, DenyDelete: true,
	}
}

// latestConfig describes the stream that keeps the newest of the events that must outlive the retention; see keeper.
func latestConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: latestStream, Description: "Pilotlight: the newest of each kind of event, kept beyond the retention.",
		Subjects: []string{latestPrefix + "*.*"},
		Storage:  jetstream.FileStorage, MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, AllowDirect: true,
		PersistMode: jetstream.AsyncPersistMode,
	}
}

// statesConfig describes the stream of states: the newest per key, written to disk in the background.
func statesConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: stateStream, Description: "Pilotlight: the state of forecasters.", Subjects: []string{statePrefix + "*"},
		Storage: jetstream.FileStorage, MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, AllowDirect: true,
		PersistMode: jetstream.AsyncPersistMode,
	}
}

// stats reads the state of the streams.
func (c *client) stats(ctx context.Context) (Stats, error) {
	events, err := c.events.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("read the stream of events: %w", err)
	}
	states, err := c.states.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("read the stream of states: %w", err)
	}
	e := events.State
	s := Stats{
		Events: e.Msgs, Bytes: e.Bytes, FirstSeq: e.FirstSeq, LastSeq: e.LastSeq,
		States: states.State.Msgs, StateBytes: states.State.Bytes,
	}
	if e.Msgs > 0 {
		s.First, s.Last = e.FirstTime.UTC(), e.LastTime.UTC()
		s.Lost = e.LastSeq - e.FirstSeq + 1 - e.Msgs
	}
	return s, nil
}
