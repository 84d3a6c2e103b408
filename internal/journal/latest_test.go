package journal

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/models"
)

// testLog keeps what is logged.
type testLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *testLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestLatestOutlivesTheRetention(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := base()
	small := func(o *Options) { o.MaxBytes, o.Relaxed = minMaxBytes, true }
	j := open(t, dir, small)
	pause := controlEvent(now, 2)
	kept := []models.Event{actionEvent("old", now, 2), outcomeEvent("old", now, 2), approvalEvent("old", now, 2), pause}
	mustAppend(t, j, controlEvent(now.Add(-time.Second), 1), actionEvent("old", now, 1), outcomeEvent("old", now, 1), decisionEvent("old", now, 1))
	mustAppend(t, j, kept...)
	// So many at once are a batch.
	var batch []models.Event
	for n := range minBatch * 2 {
		batch = append(batch, outcomeEvent("batch", now, n))
	}
	mustAppend(t, j, batch...)
	kept = append(kept, batch[len(batch)-1])
	for n := 0; ; n++ {
		e := decisionEvent("busy", now, n)
		e.Decision.Model = strings.Repeat("m", 100_000)
		mustAppend(t, j, e)
		if s, err := j.Stats(t.Context()); err != nil {
			t.Fatal(err)
		} else if s.FirstSeq > uint64(8+len(batch)) {
			break
		}
	}
	for range 2 {
		seqs := map[string]uint64{}
		err := j.Latest(t.Context(), func(e models.Event) error { seqs[e.ID] = e.Seq; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if len(seqs) != len(kept)+1 {
			t.Errorf("latest has %d events, want %d: %v", len(seqs), len(kept)+1, seqs)
		}
		for i, e := range kept[:4] {
			if got, want := seqs[e.ID], uint64(5+i); got != want {
				t.Errorf("%s has sequence %d, want that of the original, %d", e.ID, got, want)
			}
		}
		if got, want := seqs[kept[4].ID], uint64(8+len(batch)); got != want {
			t.Errorf("the last of the batch has sequence %d, want %d", got, want)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, dir, small)
	}
	// A newer event replaces the kept one.
	resume := controlEvent(now.Add(time.Second), 3)
	mustAppend(t, j, resume)
	var controls []string
	err := j.Latest(t.Context(), func(e models.Event) error {
		if e.Type == models.EventControl {
			controls = append(controls, e.ID)
		}
		return nil
	})
	if diff := cmp.Diff([]string{resume.ID}, controls); diff != "" || err != nil {
		t.Errorf("control: %v (-want +got):\n%s", err, diff)
	}
}

func TestUnreadableEventsAreSkipped(t *testing.T) {
	t.Parallel()
	var log testLog
	registry := prometheus.NewRegistry()
	j := open(t, t.TempDir(), func(o *Options) { o.Logger, o.Registerer, o.Relaxed = log.logger(), registry, true })
	now := base()
	before, after := decisionEvent("fn", now, 1), decisionEvent("fn2", now, 2)
	mustAppend(t, j, before)
	for i, data := range []string{"", "{", `{"id":"x","type":"pilotlight.unknown","data":{}}`, `{"id":"x","type":"pilotlight.action","data":[]}`} {
		msg := &nats.Msg{Subject: eventSubject(models.EventAction, models.TargetID(string(rune('a'+i)))), Data: []byte(data)}
		if _, err := j.client().js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, j, after)
	want := []string{before.ID, after.ID}
	if diff := cmp.Diff(want, ids(all(t, j))); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	collect := func(into *[]string, enough int) func(models.Event) error {
		return func(e models.Event) error {
			*into = append(*into, e.ID)
			if len(*into) == enough {
				return errEnough
			}
			return nil
		}
	}
	var latest, watched []string
	if err := j.Latest(t.Context(), collect(&latest, 0)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, latest); diff != "" {
		t.Errorf("latest (-want +got):\n%s", diff)
	}
	if err := j.Watch(t.Context(), 1, collect(&watched, 1)); !errors.Is(err, errEnough) {
		t.Error(err)
	}
	if diff := cmp.Diff(want[1:], watched); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
	if !strings.Contains(log.String(), "skip an unreadable event") {
		t.Errorf("log: %s", log.String())
	}
	if got := value(t, registry, "pilotlight_journal_unreadable_total"); got < 12 {
		t.Errorf("unreadable: %v, want at least 12", got)
	}
}

var errEnough = errors.New("enough")

// value returns the value of a metric without labels.
func value(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	dir := t.TempDir()
	with := func(o *Options) { o.Registerer, o.Relaxed = registry, true }
	j := open(t, dir, with)
	now := base()
	mustAppend(t, j, decisionEvent("a", now, 1), decisionEvent("b", now, 1), decisionEvent("a", now, 1))
	mustAppend(t, j, decisionEvent("a", now, 1))
	if err := j.SaveState(t.Context(), "k", []byte("12345")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"events_appended_total": 2, "events_repeated_total": 2, "append_failures_total": 0, "events": 2, "events_lost": 0,
		"states_saved_total": 1, "states_saved_bytes_total": 5, "states": 1, "unreadable_total": 0,
	} {
		if got := value(t, registry, "pilotlight_journal_"+name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, with)
	if _, err := Open(t.Context(), Options{Dir: t.TempDir(), Now: time.Now, Registerer: registry}); err == nil {
		t.Error("two journals share a registry without an error")
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	now := base()
	var events []models.Event
	for n := range 40 {
		events = append(events, decisionEvent("fn", now, n))
	}
	mustAppend(t, j, events[:20]...)
	results := make(chan []string, 3)
	ready := make(chan struct{}, 3)
	var wg sync.WaitGroup
	for _, after := range []uint64{5, 20, 0} {
		wg.Go(func() {
			var got []string
			if after == 0 {
				ready <- struct{}{}
			}
			err := j.Watch(t.Context(), after, func(e models.Event) error {
				if after > 0 && len(got) == 0 && after == 5 {
					ready <- struct{}{}
				}
				got = append(got, e.ID)
				if e.ID == events[39].ID {
					return errEnough
				}
				return nil
			})
			if !errors.Is(err, errEnough) {
				t.Errorf("watch after %d: %v", after, err)
			}
			if after > 0 {
				if diff := cmp.Diff(ids(events[after:]), got); diff != "" {
					t.Errorf("watch after %d (-want +got):\n%s", after, diff)
				}
				return
			}
			// Where "only new" begins depends on when it was asked.
			if n := len(got); n == 0 || n > 20 || !slices.Equal(got, ids(events[40-n:])) {
				t.Errorf("watch new: %v", got)
			}
		})
	}
	<-ready
	<-ready
	for _, e := range events[20:39] {
		mustAppend(t, j, e)
	}
	waitForConsumers(t, j, 3)
	mustAppend(t, j, events[39])
	wg.Wait()
	close(results)
}

// waitForConsumers waits until so many watchers read the stream of events.
func waitForConsumers(t *testing.T, j *Journal, n int) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		info, err := j.client().events.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Consumers >= n {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("%d consumers, want %d", info.State.Consumers, n)
		default:
		}
	}
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	mustAppend(t, j, decisionEvent("fn", base(), 1), decisionEvent("fn", base(), 2))
	reason := errors.New("reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := j.Watch(ctx, 1, func(models.Event) error { cancel(reason); return nil }); !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		err := j.Watch(t.Context(), 1, func(models.Event) error {
			go j.Close()
			return nil
		})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	})
	wg.Wait()
}

func TestDamagedFilesAreReported(t *testing.T) {
	t.Parallel()
	now := base()
	var want []models.Event
	for n := range 130 {
		e := decisionEvent("fn", now, n)
		e.Decision.Model = strings.Repeat("m", 80_000) // so that there are several files
		want = append(want, e)
	}
	for name, clean := range map[string]bool{"after a clean stop": true, "after a crash": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			j := open(t, dir, relaxed)
			mustAppend(t, j, want...)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, dir, clean)
			var log testLog
			j = open(t, dir, func(o *Options) { o.Relaxed, o.Logger = true, log.logger() })
			s, err := j.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := ids(all(t, j))
			t.Logf("%d of %d events are left, %+v\n%s", len(got), len(want), s, log.String())
			if len(got) == len(want) || len(got) < len(want)/3 {
				t.Errorf("%d of %d events are left", len(got), len(want))
			}
			if !strings.Contains(log.String(), "damaged") {
				t.Errorf("the log does not say that there is damage:\n%s", log.String())
			}
			known := ids(want)
			for _, id := range got {
				if !slices.Contains(known, id) {
					t.Errorf("event %s was never recorded", id)
				}
			}
			next := decisionEvent("fn", now, -1)
			mustAppend(t, j, next)
			if got, _, err := j.Query(t.Context(), models.EventFilter{Limit: 1}); err != nil || got[0].ID != next.ID {
				t.Errorf("append after damage: %v, %v", ids(got), err)
			}
		})
	}
}

// damage inverts bytes in the middle of the first file of events; without a clean stop there is no index of the files.
func damage(t *testing.T, dir string, clean bool) {
	t.Helper()
	messages := filepath.Join(dir, "jetstream", "$G", "streams", eventStream, "msgs")
	blocks, err := filepath.Glob(filepath.Join(messages, "*.blk"))
	if err != nil || len(blocks) < 2 {
		t.Fatalf("files %v, %v", blocks, err)
	}
	slices.Sort(blocks)
	data, err := os.ReadFile(blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data)/2+64; i++ {
		data[i] ^= 0xff
	}
	//nolint:gosec // The path is in the directory of the test.
	if err := os.WriteFile(blocks[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if !clean {
		if err := os.Remove(filepath.Join(messages, "index.db")); err != nil {
			t.Fatal(err)
		}
	}
}
