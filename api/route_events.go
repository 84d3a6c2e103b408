package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"pilotlight/models"
)

const (
	// maxStreams bounds the streams that are open at a time.
	maxStreams = 256
	// heartbeat is the time between signs of life on a stream, below the idle timeout of usual proxies.
	heartbeat = 15 * time.Second
	// writeTimeout is how long a client may take to receive; a slower one is cut off and may resume.
	writeTimeout = 10 * time.Second
	// retryMS is what clients are told to wait before they connect again.
	retryMS = 3000
)

type eventsInput struct {
	EventSelection
	LastEventID string `header:"Last-Event-ID" pattern:"^[0-9]{1,20}$" doc:"The id of the last event received; a browser sends it by itself when it connects again."`
	After       string `query:"after" pattern:"^[0-9]{1,20}$" doc:"Begin after this place in the journal: 0 is its beginning. Without it, and without Last-Event-ID, only new events are sent."`
}

func (s *server) registerEvents() {
	schema := &huma.Schema{
		Type:        huma.TypeString,
		Description: "Server-sent events: id is the place in the journal, event the type, data a CloudEvent (schema Event) in one line.",
	}
	register(s, huma.Operation{
		OperationID: "stream-events", Method: http.MethodGet, Path: pathEvents, Tags: []string{"Audit"},
		Summary: "Follow the journal",
		Description: "A stream of server-sent events (text/event-stream) that does not end by itself. To resume without a loss, " +
			"connect again with the last id received in the header Last-Event-ID.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: schema}},
		}},
	}, s.streamEvents)
}

// streamEvents checks the request and starts the stream.
func (s *server) streamEvents(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	after, err := s.startOf(ctx, in)
	if err != nil {
		return nil, err
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return nil, huma.ErrorWithHeaders(
			problem(problemBusy, fmt.Sprintf("%d streams are open; close one, or try again later", maxStreams)),
			http.Header{"Retry-After": {"10"}})
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer s.streams.Add(-1)
		s.metrics.streams.Inc()
		defer s.metrics.streams.Dec()
		hc.SetHeader("Content-Type", "text/event-stream")
		hc.SetHeader("X-Accel-Buffering", "no")
		hc.SetStatus(http.StatusOK)
		raw := humagin.Unwrap(hc).Writer
		if isHead(ctx) {
			raw.WriteHeaderNow()
			return
		}
		w := &sseWriter{out: raw, control: http.NewResponseController(raw), sent: s.metrics.events, last: after}
		err := s.follow(ctx, w, in)
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "event stream ended", "error", err, "request_id", requestIDOf(ctx))
		}
	}}, nil
}

// startOf returns the place in the journal after which the stream begins.
func (s *server) startOf(ctx context.Context, in *eventsInput) (uint64, error) {
	for _, place := range []struct{ name, text string }{{"header.Last-Event-ID", in.LastEventID}, {"query.after", in.After}} {
		if place.text == "" {
			continue
		}
		seq, err := strconv.ParseUint(place.text, 10, 64)
		if err != nil {
			return 0, invalid(place.name, "this is no place in the journal; send the id of an event, or leave it out")
		}
		return seq, nil
	}
	newest, _, err := s.deps.Audit.Query(ctx, models.EventFilter{Limit: 1})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].Seq, nil
}

// errWatchPanicked ends a stream whose source failed.
var errWatchPanicked = errors.New("watching the journal panicked")

// follow copies the journal to the stream until either ends. It waits for the goroutine it starts.
func (s *server) follow(ctx context.Context, w *sseWriter, in *eventsInput) error {
	if err := w.write(fmt.Appendf(nil, "retry: %d\n\n", retryMS)); err != nil {
		return err
	}
	after := w.last
	ctx, cancel := context.WithCancel(ctx)
	events, done := make(chan models.Event), make(chan error, 1)
	go func() {
		defer close(done)
		done <- s.watch(ctx, after, events)
	}()
	defer func() {
		cancel()
		<-done
	}()
	types := in.types()
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case e := <-events:
			if err := s.send(ctx, w, &e, types, in.Target); err != nil {
				return err
			}
		case <-tick.C:
			if err := w.beat(); err != nil {
				return err
			}
		case err := <-done:
			return err
		}
	}
}

// watch sends the events of the journal to the channel; a panic of the source must not end the process.
func (s *server) watch(ctx context.Context, after uint64, events chan<- models.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errWatchPanicked, p)
		}
	}()
	return s.deps.Audit.Watch(ctx, after, func(e models.Event) error {
		select {
		case events <- e:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// send writes an event if the request selects it.
func (s *server) send(ctx context.Context, w *sseWriter, e *models.Event, types []models.EventType, target string) error {
	w.last = e.Seq
	if len(types) > 0 && !slices.Contains(types, e.Type) || target != "" && string(e.Target) != target {
		return nil
	}
	wire, err := toEvent(e)
	if err != nil {
		s.log.ErrorContext(ctx, "event left out", "error", err)
		return nil
	}
	return w.event(&wire)
}
