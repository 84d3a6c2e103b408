package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/api"
	"pilotlight/models"
)

func unmarshal(tb rapid.TB, data []byte, into any) {
	if err := json.Unmarshal(data, into); err != nil {
		tb.Fatalf("%s: %v", data, err)
	}
}

func mustNewRapid(tb rapid.TB, deps api.Deps) http.Handler {
	h, err := api.New(deps)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func targetIDs(ids []string) []models.TargetID {
	out := make([]models.TargetID, len(ids))
	for i, id := range ids {
		out[i] = models.TargetID(id)
	}
	return out
}

// TestEventsAreModelEvents checks that the API shows each event exactly as the journal writes it.
func TestEventsAreModelEvents(t *testing.T) {
	t.Parallel()
	world := newWorld()
	for i := range 5 {
		e := someEvent(i)
		if e.Decision != nil {
			// The journal cannot hold these; the API shows null.
			e.Decision.Price = models.Price{IdleGBs: 1, ColdStarts: 2, ColdStartsSaved: 3, USDPerHour: 4}
		}
		world.record(e)
	}
	list := get[struct{ Items []any }](t, mustNew(t, world.deps()), "/api/v1/decisions")
	for i, item := range list.Items {
		data, err := json.Marshal(world.events[len(list.Items)-1-i])
		if err != nil {
			t.Fatal(err)
		}
		var want any
		unmarshal(t, data, &want)
		if diff := cmp.Diff(want, item); diff != "" {
			t.Error(diff)
		}
	}
}

// block is one block of a stream.
type block struct{ id, event, data string }

// parse reads a stream as a browser does, by the rules of the HTML standard.
func parse(t *testing.T, text string) []block {
	t.Helper()
	var out []block
	var b block
	scanner := bufio.NewScanner(strings.NewReader(text))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := scanner.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if b != (block{}) {
				out = append(out, b)
			}
			b = block{}
		case name == "id":
			b.id = value
		case name == "event":
			b.event = value
		case name == "data":
			b.data += value
		case name != "" && name != "retry":
			t.Errorf("unknown field %q", line)
		}
	}
	return out
}

// stream runs a request in a bubble until everything waits, and for longer if asked, then ends it and returns what was sent.
func stream(t *testing.T, world *world, r *http.Request, longer time.Duration, meanwhile func()) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	synctest.Test(t, func(t *testing.T) {
		world.more = make(chan struct{})
		h := mustNew(t, world.deps())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(w, r.WithContext(ctx))
		}()
		synctest.Wait()
		meanwhile()
		synctest.Wait()
		time.Sleep(longer)
		cancel()
		<-done
	})
	return w
}

func TestStream(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, query, last string
		want              []string
	}{
		{"only new ones", "", "", []string{"6", "7"}},
		{"all", "?after=0", "", []string{"1", "2", "3", "4", "5", "6", "7"}},
		{"resumed", "", "4", []string{"5", "6", "7"}},
		{"resumed in a browser", "?after=0", "4", []string{"5", "6", "7"}},
		{"by type", "?after=0&type=pilotlight.decision", "", []string{"1", "6"}},
		{"by target", "?after=2&target=a", "", []string{"3", "7"}},
		{"from the future", "?after=100", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			world := newWorld()
			for i := range 5 {
				world.record(someEvent(i))
			}
			w := stream(t, world, request(http.MethodGet, "/api/v1/events"+tc.query, "", "Last-Event-ID", tc.last), 0, func() {
				world.record(someEvent(5))
				world.record(someEvent(16))
			})
			if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" || !strings.HasPrefix(w.Body.String(), "retry: 3000\n\n") {
				t.Errorf("status %d, %v: %.100s", w.Code, w.Header(), w.Body)
			}
			var ids []string
			for _, b := range parse(t, w.Body.String()) {
				ids = append(ids, b.id)
				seq, _ := strconv.Atoi(b.id)
				var got, want any
				unmarshal(t, []byte(b.data), &got)
				e := world.events[seq-1]
				if e.Decision != nil {
					clean := *e.Decision
					clean.Price.ColdStarts, clean.Price.ColdStartsSaved = 0, 0
					e.Decision = &clean
				}
				data, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				unmarshal(t, []byte(strings.NewReplacer(`"cold_starts":0`, `"cold_starts":null`, `"cold_starts_saved":0`, `"cold_starts_saved":null`).Replace(string(data))), &want)
				if diff := cmp.Diff(want, got); diff != "" || b.event != string(e.Type) {
					t.Errorf("event %s of type %s: %s", b.id, b.event, diff)
				}
			}
			if diff := cmp.Diff(tc.want, ids); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestStreamBeats checks the signs of life, and that they move the place to resume past events that were not selected.
func TestStreamBeats(t *testing.T) {
	t.Parallel()
	world := newWorld()
	w := stream(t, world, request(http.MethodGet, "/api/v1/events?target=other", ""), 46*time.Second, func() { world.record(someEvent(0)) })
	if want := "retry: 3000\n\nid: 1\n: alive\n\nid: 1\n: alive\n\nid: 1\n: alive\n\n"; w.Body.String() != want {
		t.Errorf("stream %q", w.Body)
	}
}

// TestStreamEnds checks that a stream ends when its source does, however it does.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world){
		"error": func(w *world) { w.err = errors.New("journal closed") },
		"panic": func(w *world) { w.panics = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := newWorld()
			h := mustNew(t, world.deps())
			done := make(chan struct{})
			w := httptest.NewRecorder()
			go func() {
				defer close(done)
				h.ServeHTTP(w, request(http.MethodGet, "/api/v1/events?after=0", ""))
			}()
			world.mu.Lock()
			change(world)
			close(world.more)
			world.more = make(chan struct{})
			world.mu.Unlock()
			<-done
			if w.Code != 200 || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}

// TestStreamLimit checks the bound of open streams, and that a closed one makes room.
func TestStreamLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		world := newWorld()
		h := mustNew(t, world.deps())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		for range 256 {
			r := request(http.MethodGet, "/api/v1/events", "").WithContext(ctx)
			go func() {
				h.ServeHTTP(httptest.NewRecorder(), r)
				done <- struct{}{}
			}()
		}
		synctest.Wait()
		w := do(t, h, request(http.MethodGet, "/api/v1/events", ""))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "10" {
			t.Errorf("status %d, %v", w.Code, w.Header())
		}
		cancel()
		for range 256 {
			<-done
		}
		if w := do(t, h, request(http.MethodHead, "/api/v1/events", "")); w.Code != 200 {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}

// TestStreamOverTheNetwork checks flushing and the end of a connection with a real server.
func TestStreamOverTheNetwork(t *testing.T) {
	t.Parallel()
	world := newWorld()
	server := httptest.NewServer(mustNew(t, world.deps()))
	t.Cleanup(server.Close)
	r := request(http.MethodGet, server.URL+"/api/v1/events?after=0", "")
	r.RequestURI = ""
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	world.record(someEvent(1))
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			var e models.Event
			unmarshal(t, []byte(strings.TrimPrefix(lines.Text(), "data: ")), &e)
			if e.Seq != 1 || e.Approval == nil || e.Approval.Note != "data: x\n\nevent: y" {
				t.Errorf("event %+v", e)
			}
			return
		}
	}
	t.Error("no event came")
}

// TestTimeout checks that a slow source does not hold a request for ever.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deps := newWorld("a").deps()
		deps.Audit = slow{}
		w := do(t, mustNew(t, deps), request(http.MethodGet, "/api/v1/decisions", ""))
		if p := decode[problem](t, w); w.Code != http.StatusGatewayTimeout || p.Type != "urn:pilotlight:problem:timeout" {
			t.Errorf("status %d: %+v", w.Code, p)
		}
	})
}

type slow struct{}

func (slow) Query(ctx context.Context, _ models.EventFilter) ([]models.Event, uint64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func (slow) Watch(context.Context, uint64, func(models.Event) error) error { return nil }

func TestNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[api.Number]string{
		api.Number(math.NaN()): "null", api.Number(math.Inf(1)): "null", api.Number(math.Inf(-1)): "null", 1.5: "1.5", 1e300: "1e+300",
	} {
		data, err := json.Marshal(in)
		if err != nil || string(data) != want {
			t.Errorf("%v: %s, %v", in, data, err)
		}
		var back api.Number
		unmarshal(t, data, &back)
		if want == "null" != math.IsNaN(float64(back)) || want != "null" && back != in {
			t.Errorf("%s came back as %v", want, back)
		}
	}
}
