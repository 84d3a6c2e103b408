package prometheus

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/collectors"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// t0 is a whole day, hour and minute.
var t0 = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

// fakeSeries is a series of the fake server: its value at a time of evaluation, and whether there is one.
type fakeSeries struct {
	labels map[string]string
	value  func(at time.Time) (float64, bool)
}

// fake is a server with the query API of Prometheus. It finds the series by a part of the query.
type fake struct {
	mu      sync.Mutex
	series  map[string][]fakeSeries
	faults  []http.HandlerFunc // one per request, nil to answer it
	extra   string             // further members of the JSON answer, such as "warnings":[..]
	seen    []seenRequest
	maxSeen int
	hang    chan struct{}
	url     string
}

// seenRequest is what the fake server was asked.
type seenRequest struct {
	path, query      string
	start, end, step float64
	points           int
	form             map[string][]string
	header           http.Header
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{series: map[string][]fakeSeries{}}
	server := httptest.NewServer(f)
	f.url = server.URL
	t.Cleanup(func() {
		f.mu.Lock()
		if f.hang != nil {
			close(f.hang)
		}
		f.mu.Unlock()
		server.Close()
	})
	return f
}

// Hang makes the server keep all further requests without an answer.
func (f *fake) Hang() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hang = make(chan struct{})
}

// requests returns what was asked.
func (f *fake) requests() []seenRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	req := seenRequest{path: r.URL.Path, query: r.Form.Get("query"), form: r.Form, header: r.Header, points: 1}
	number := func(name string) float64 {
		v, _ := strconv.ParseFloat(r.Form.Get(name), 64)
		return v
	}
	if strings.HasSuffix(req.path, "query_range") {
		req.start, req.end, req.step = number("start"), number("end"), number("step")
		req.points = int((req.end-req.start)/req.step) + 1
	} else {
		req.start, req.end, req.step = number("time"), number("time"), 1
	}
	f.mu.Lock()
	n := len(f.seen)
	f.seen = append(f.seen, req)
	var fault http.HandlerFunc
	if n < len(f.faults) {
		fault = f.faults[n]
	}
	hang, series, extra, maxSeen := f.hang, f.series, f.extra, f.maxSeen
	f.mu.Unlock()
	switch {
	case hang != nil:
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	case fault != nil:
		fault(w, r)
	case req.points > 11000 || (maxSeen > 0 && req.points > maxSeen):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points `+
			`per timeseries. Try decreasing the query resolution (?step=XX)"}`)
	default:
		_, _ = fmt.Fprint(w, answerTo(req, series, extra))
	}
}

// answerTo renders the answer to a query.
func answerTo(req seenRequest, all map[string][]fakeSeries, extra string) string {
	ranged := strings.HasSuffix(req.path, "query_range")
	type stream struct {
		Metric map[string]string `json:"metric"`
		Values [][2]any          `json:"values,omitempty"`
		Value  *[2]any           `json:"value,omitempty"`
	}
	result := []stream{}
	for part, list := range all {
		if !strings.Contains(req.query, part) {
			continue
		}
		for _, s := range list {
			out := stream{Metric: s.labels}
			for i := range req.points {
				at := req.start + float64(i)*req.step
				v, ok := s.value(time.UnixMilli(int64(math.Round(at * 1000))).UTC())
				if ok {
					out.Values = append(out.Values, [2]any{at, strconv.FormatFloat(v, 'g', -1, 64)})
				}
			}
			if len(out.Values) == 0 {
				continue
			}
			if !ranged {
				out.Value, out.Values = &out.Values[0], nil
			}
			result = append(result, out)
		}
	}
	kind := "vector"
	if ranged {
		kind = "matrix"
	}
	text, _ := json.Marshal(result)
	return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}%s}`, kind, text, extra)
}

// minuteOf gives the minute whose end is the time of evaluation, counted from t0; so a value names its step.
func minuteOf(at time.Time) (float64, bool) { return float64(at.Sub(t0)/time.Minute) - 1, true }

func constant(v float64) func(time.Time) (float64, bool) {
	return func(time.Time) (float64, bool) { return v, true }
}

// named are the labels of a function of the generic preset.
func named(function string) map[string]string { return map[string]string{"function": function} }

func (f *fake) config() Config {
	cfg := DefaultConfig()
	cfg.URL = f.url
	return cfg
}

// collector builds a collector of the fake server that does not wait long before retries.
func (f *fake) collector(t *testing.T, change func(*Config)) *Collector {
	t.Helper()
	cfg := f.config()
	if change != nil {
		change(&cfg)
	}
	c, err := New("test", cfg, nil, nil)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	c.client.firstWait = time.Millisecond
	t.Cleanup(c.Close)
	return c
}

// minutes is a request for invocations in n minutes from t0 on.
func minutes(n int, signals ...models.Signal) collectors.Request {
	if len(signals) == 0 {
		signals = []models.Signal{models.SignalInvocations}
	}
	return collectors.Request{Start: t0, End: t0.Add(time.Duration(n) * time.Minute), Step: time.Minute, Signals: signals}
}
