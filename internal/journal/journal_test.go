package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"pilotlight/models"
)

// TestMain runs a helper process when the environment asks for one, else the tests, after which no goroutine may be left.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(runRole(role))
	}
	goleak.VerifyTestMain(m)
}

// open opens a journal with the real clock; change may be nil.
func open(tb testing.TB, dir string, change func(*Options)) *Journal {
	tb.Helper()
	opt := Options{Dir: dir, Now: time.Now}
	if change != nil {
		change(&opt)
	}
	j, err := Open(tb.Context(), opt)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() {
		if err := j.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return j
}

func relaxed(o *Options) { o.Relaxed = true }

// base is a time like that of a tick: now, without the parts that JSON would not keep.
func base() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func decisionEvent(target models.TargetID, at time.Time, n int) models.Event {
	return models.NewDecisionEvent(models.Decision{
		ID: models.NewID("decision", target, at, strconv.Itoa(n)), Target: target, At: at, Mode: models.ModeDryRun,
		Current: models.Warm(1), Desired: models.Warm(n), Reactive: 1, Predicted: n,
		Reasons:    []models.Reason{models.Because("test", models.Num("n", float64(n)))},
		Model:      "holt_winters",
		ConfigHash: "abc",
	})
}

func actionEvent(target models.TargetID, at time.Time, n int) models.Event {
	return models.NewActionEvent(models.Action{
		ID: models.NewID("action", target, at, strconv.Itoa(n)), Target: target, To: models.Warm(n), Issued: at, Expires: at.Add(time.Minute),
	})
}

func outcomeEvent(target models.TargetID, at time.Time, n int) models.Event {
	return models.NewOutcomeEvent(models.Outcome{
		Action: models.NewID("action", target, at, strconv.Itoa(n)), Target: target, At: at, Status: models.OutcomeApplied, Observed: models.Warm(n),
	})
}

func approvalEvent(target models.TargetID, at time.Time, n int) models.Event {
	return models.NewApprovalEvent(models.Approval{
		Decision: models.NewID("decision", target, at, strconv.Itoa(n)), Target: target, At: at, By: "op", Approved: true,
	})
}

func controlEvent(at time.Time, n int) models.Event {
	return models.NewControlEvent(models.Control{At: at, By: fmt.Sprint("op", n), Paused: n%2 == 0})
}

func mustAppend(tb testing.TB, j *Journal, events ...models.Event) {
	tb.Helper()
	if err := j.Append(tb.Context(), events...); err != nil {
		tb.Fatalf("append: %v", err)
	}
}

// all returns all events, oldest first.
func all(tb testing.TB, j *Journal) []models.Event {
	tb.Helper()
	events, next, err := j.Query(tb.Context(), models.EventFilter{Limit: 1 << 20})
	if err != nil || next != 0 {
		tb.Fatalf("query all: next %d, %v", next, err)
	}
	for i, k := 0, len(events)-1; i < k; i, k = i+1, k-1 {
		events[i], events[k] = events[k], events[i]
	}
	return events
}

func ids(events []models.Event) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = events[i].ID
	}
	return out
}

var eventEqual = cmp.Options{cmp.AllowUnexported(models.Capacity{}), cmpopts.IgnoreFields(models.Event{}, "Seq"), cmpopts.EquateEmpty()}

func TestAppendKeepsEventsAcrossRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "journal")
	now := base()
	hostile := models.TargetID("a.b *> \"fn\"/ü:$LATEST")
	want := []models.Event{
		decisionEvent(hostile, now, 1), approvalEvent(hostile, now, 1), actionEvent(hostile, now, 1), outcomeEvent(hostile, now, 1),
		controlEvent(now, 0), decisionEvent("other", now, 2),
	}
	j := open(t, dir, nil)
	mustAppend(t, j, want[0])
	mustAppend(t, j, want[1:]...)
	check := func(j *Journal) {
		t.Helper()
		got := all(t, j)
		if diff := cmp.Diff(want, got, eventEqual); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		for i, e := range got {
			if e.Seq != uint64(i+1) {
				t.Errorf("event %d has sequence %d", i, e.Seq)
			}
		}
	}
	check(j)
	if err := j.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("ready after close: %v", err)
	}
	if err := j.Append(t.Context(), want[0]); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	check(open(t, dir, nil))
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
}

func TestAppendRefusesWrongEvents(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	now := base()
	good := decisionEvent("fn", now, 1)
	change := func(f func(*models.Event)) models.Event {
		e := good
		f(&e)
		return e
	}
	huge := *good.Decision
	huge.Model = strings.Repeat("m", maxEvent)
	nan := *good.Decision
	nan.Price.ColdStarts = nanValue()
	for name, tc := range map[string]struct {
		event models.Event
		want  string
	}{
		"no id":             {change(func(e *models.Event) { e.ID = "" }), "no id"},
		"no time":           {change(func(e *models.Event) { e.Time = time.Time{} }), "time"},
		"no target":         {change(func(e *models.Event) { e.Target = "" }), "target is needed"},
		"control of target": {change(func(e *models.Event) { e.Type = models.EventControl }), "target is needed"},
		"hostile target":    {change(func(e *models.Event) { e.Target = "a\nb" }), "control character"},
		"no payload":        {change(func(e *models.Event) { e.Decision = nil }), "no payload"},
		"unknown type":      {change(func(e *models.Event) { e.Type = "x.y" }), "no payload"},
		"huge":              {change(func(e *models.Event) { e.Decision = &huge }), "record less detail"},
		"not a number":      {change(func(e *models.Event) { e.Decision = &nan }), "JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := j.Append(t.Context(), decisionEvent("before", now, 1), tc.event)
			if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an invalid value: %s", err, tc.want)
			}
			if got := all(t, j); len(got) != 0 {
				t.Errorf("recorded %v", ids(got))
			}
		})
	}
}

func nanValue() float64 {
	zero := 0.0
	return zero / zero
}

func TestAppendTakesLargeEvents(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	now := base()
	var want []models.Event
	for i := range 3 {
		e := decisionEvent("fn", now, i)
		e.Decision.Model = strings.Repeat("m", maxEvent-2000)
		want = append(want, e)
	}
	mustAppend(t, j, want...) // more than one batch can hold
	if diff := cmp.Diff(ids(want), ids(all(t, j))); diff != "" {
		t.Error(diff)
	}
}

func TestAppendAgainHasNoEffect(t *testing.T) {
	t.Parallel()
	const window = 2 * time.Second
	now := base()
	for name, tc := range map[string]struct {
		at    time.Time
		ahead time.Duration // of the clock at the second time
	}{
		"soon":              {at: now},
		"old event":         {at: now.Add(-100 * 24 * time.Hour)},
		"future event":      {at: now.Add(100 * 24 * time.Hour)},
		"after the window":  {at: now, ahead: 24 * time.Hour},
		"clock turned back": {at: now, ahead: -24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var want []models.Event
			for i := range 50 {
				at := tc.at.Add(time.Duration(i%7) * time.Minute) // not in the order of time
				want = append(want, decisionEvent(models.TargetID(fmt.Sprint("fn", i%3)), at, i))
			}
			short := func(o *Options) { o.DedupWindow = window }
			j := open(t, dir, short)
			mustAppend(t, j, want[:10]...)
			mustAppend(t, j, want[10:20]...)
			mustAppend(t, j, want[0])
			mustAppend(t, j, want[5:20]...)
			mustAppend(t, j, want[5:30]...)
			mustAppend(t, j, append(want[30:40:40], want[20:50]...)...)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, func(o *Options) {
				short(o)
				o.Now = func() time.Time { return time.Now().Add(tc.ahead) }
			})
			if tc.ahead != 0 {
				// The server forgets by its own clock; what it forgets is emulated by a stream that remembers nothing.
				forget(t, j)
			}
			for i := range want {
				mustAppend(t, j, want[len(want)-1-i])
			}
			mustAppend(t, j, want...)
			if diff := cmp.Diff(ids(want), ids(all(t, j))); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

// forget waits until the server has forgotten the ids of events, so that only the journal's own check is left.
func forget(t *testing.T, j *Journal) {
	t.Helper()
	config := j.client().events.CachedInfo().Config
	config.Duplicates = 100 * time.Millisecond
	if _, err := j.client().js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for n := 0; ; n++ {
		r := record{id: "probe", subject: eventSubject(models.EventDecision, "probe"), time: time.Now(), data: []byte("{}")}
		stored, err := j.client().publish(t.Context(), eventStream, []*nats.Msg{r.message(spreadValue{})})
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && !stored[0].duplicate {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal("the server does not forget")
		default:
		}
	}
}

func TestAppendFromManyGoroutines(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), nil)
	now := base()
	const workers, each = 20, 30
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			target := models.TargetID(fmt.Sprint("fn", w))
			for i := range each {
				if err := j.Append(t.Context(), decisionEvent(target, now, i), actionEvent(target, now, i)); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	events := all(t, j)
	if len(events) != workers*each*2 {
		t.Fatalf("%d events, want %d", len(events), workers*each*2)
	}
	next := map[models.TargetID]int{}
	for _, e := range events {
		n := next[e.Target]
		next[e.Target]++
		want := decisionEvent(e.Target, now, n/2).ID
		if n%2 == 1 {
			want = actionEvent(e.Target, now, n/2).ID
		}
		if e.ID != want {
			t.Fatalf("event %d of %s is %s, want %s: the order of the caller is lost", n, e.Target, e.ID, want)
		}
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	noEvent := func(models.Event) error { return nil }
	_, _, queryErr := j.Query(ctx, models.EventFilter{Limit: 1})
	_, loadErr := j.LoadState(ctx, "k")
	_, openErr := Open(ctx, Options{Dir: t.TempDir(), Now: time.Now})
	for name, err := range map[string]error{
		"append": j.Append(ctx, decisionEvent("fn", base(), 1)), "query": queryErr, "latest": j.Latest(ctx, noEvent),
		"watch": j.Watch(ctx, 0, noEvent), "save": j.SaveState(ctx, "k", nil), "load": loadErr, "open": openErr,
		"delete": j.DeleteState(ctx, "k"), "list": j.ListStates(ctx, func(string, []byte) error { return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		opt  Options
		want string
	}{
		"no directory":     {Options{Now: time.Now}, "set Dir"},
		"no clock":         {Options{Dir: t.TempDir()}, "set Now"},
		"negative age":     {Options{Dir: t.TempDir(), Now: time.Now, MaxAge: -1}, "below"},
		"tiny age":         {Options{Dir: t.TempDir(), Now: time.Now, MaxAge: 1}, "below 1h"},
		"negative size":    {Options{Dir: t.TempDir(), Now: time.Now, MaxBytes: -1}, "below"},
		"tiny size":        {Options{Dir: t.TempDir(), Now: time.Now, MaxBytes: 1}, "below"},
		"negative window":  {Options{Dir: t.TempDir(), Now: time.Now, DedupWindow: -1}, "between"},
		"window above age": {Options{Dir: t.TempDir(), Now: time.Now, MaxAge: models.Duration(time.Hour), DedupWindow: 2 * time.Hour}, "between"},
		"file":             {Options{Dir: filepath.Join(file, "journal"), Now: time.Now}, "choose another one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(t.Context(), tc.opt)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestOpenTwiceIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, relaxed)
	_, err := Open(t.Context(), Options{Dir: dir, Now: time.Now})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Fatalf("got %v, want %v with the process", err, ErrInUse)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, relaxed)
}
