package promstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testStart = time.Date(2021, 1, 31, 0, 0, 0, 0, time.UTC)

func open(tb testing.TB, o Options) *Store {
	tb.Helper()
	s, err := Open(tb.TempDir(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func series(tb testing.TB, metric string, pairs ...string) *Series {
	tb.Helper()
	var with []Label
	for pair := range slices.Chunk(pairs, 2) {
		with = append(with, Label{pair[0], pair[1]})
	}
	s, err := NewSeries(metric, with...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// client serves the store on loopback and returns the official client for it.
func client(tb testing.TB, s *Store) v1.API {
	tb.Helper()
	server := httptest.NewServer(s.Handler())
	tb.Cleanup(server.Close)
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	c, err := api.NewClient(api.Config{Address: server.URL, RoundTripper: transport})
	if err != nil {
		tb.Fatal(err)
	}
	return v1.NewAPI(c)
}

func get(tb testing.TB, s *Store, method, path string, form url.Values) (int, string) {
	tb.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		path += "?" + form.Encode()
	}
	r := httptest.NewRequestWithContext(tb.Context(), method, path, body)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// ramp appends a counter that grows by one per minute, for that many minutes of 2021.
func ramp(tb testing.TB, s *Store, minutes int, of ...*Series) {
	tb.Helper()
	samples := make([]Sample, 0, minutes*len(of))
	for m := range minutes {
		for _, one := range of {
			samples = append(samples, Sample{one, testStart.Add(time.Duration(m) * time.Minute), float64(m)})
		}
	}
	if err := s.Append(tb.Context(), samples); err != nil {
		tb.Fatal(err)
	}
}

func TestQueriesThroughTheOfficialClient(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	hostile := "a\"b\\c\n{é}"
	ramp(t, s, 3*1440, series(t, "calls_total", "function", hostile, "namespace", "n"), series(t, "calls_total", "function", "plain", "namespace", "n"))
	c := client(t, s)
	at := testStart.Add(2*24*time.Hour + 500*time.Millisecond)
	value, warnings, _, err := c.Query(t.Context(), `sum by (function) (increase(calls_total[1h]))`, at)
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	vector, ok := value.(model.Vector)
	if !ok || len(vector) != 2 {
		t.Fatalf("got %v", value)
	}
	slices.SortFunc(vector, func(a, b *model.Sample) int {
		return strings.Compare(string(a.Metric["function"]), string(b.Metric["function"]))
	})
	if vector[0].Metric["function"] != model.LabelValue(hostile) || math.Abs(float64(vector[0].Value)-60) > 1e-6 || !vector[0].Timestamp.Time().Equal(at) {
		t.Errorf("got %v", vector[0])
	}
	value, _, _, err = c.QueryRange(t.Context(), `calls_total{function="plain"}`, v1.Range{Start: testStart, End: testStart.Add(2 * time.Hour), Step: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok || len(matrix) != 1 || len(matrix[0].Values) != 121 {
		t.Fatalf("got %v", value)
	}
	for i, p := range matrix[0].Values {
		if !p.Timestamp.Time().Equal(testStart.Add(time.Duration(i)*time.Minute)) || float64(p.Value) != float64(i) {
			t.Fatalf("point %d is %v", i, p)
		}
	}
	values, _, _, err := c.LabelValues(t.Context(), "function", nil, time.Time{}, time.Time{})
	if diff := cmp.Diff(model.LabelValues{model.LabelValue(hostile), "plain"}, values); err != nil || diff != "" {
		t.Error(err, diff)
	}
	names, _, _, err := c.LabelNames(t.Context(), []string{`calls_total`}, testStart, testStart.Add(time.Hour))
	if diff := cmp.Diff(model.LabelNames{"__name__", "function", "namespace"}, names); err != nil || diff != "" {
		t.Error(err, diff)
	}
	sets, _, _, err := c.Series(t.Context(), []string{`calls_total{function="plain"}`}, testStart, testStart.Add(time.Hour))
	if err != nil || len(sets) != 1 || sets[0]["function"] != "plain" {
		t.Error(err, sets)
	}
	// A gap is a gap: five minutes after the last sample there is nothing.
	value, _, _, err = c.Query(t.Context(), `calls_total`, testStart.Add(3*24*time.Hour+10*time.Minute))
	if v, ok := value.(model.Vector); err != nil || !ok || len(v) != 0 {
		t.Errorf("after the end: %v, %v", value, err)
	}
}

func TestHandlerAnswers(t *testing.T) {
	t.Parallel()
	s := open(t, Options{MaxSamples: 11_500})
	ramp(t, s, 30, series(t, "m", "function", "f"), series(t, "m", "function", "g"))
	if err := s.Append(t.Context(), []Sample{
		{series(t, "odd", "v", "nan"), testStart, math.NaN()},
		{series(t, "odd", "v", "inf"), testStart, math.Inf(1)},
		{series(t, "odd", "v", "minus"), testStart, math.Inf(-1)},
		{series(t, "odd", "v", "small"), testStart, 1.5e-7},
	}); err != nil {
		t.Fatal(err)
	}
	const start = "1612051200"
	v := func(pairs ...string) url.Values {
		form := url.Values{}
		for pair := range slices.Chunk(pairs, 2) {
			form.Add(pair[0], pair[1])
		}
		return form
	}
	tests := map[string]struct {
		path string
		form url.Values
		code int
		want string // the whole body, or a part of it after "..."
	}{
		"vector": {
			"/api/v1/query", v("query", `m{function="f"}`, "time", start+".25"), 200,
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"m","function":"f"},"value":[1612051200.25,"0"]}]}}`,
		},
		"time in RFC 3339": {
			"/api/v1/query", v("query", `m{function="f"}`, "time", "2021-01-31T00:01:00Z"), 200,
			`...[1612051260,"1"]`,
		},
		"without a time it is the newest sample's": {"/api/v1/query", v("query", `m{function="f"}`), 200, `...[1612052940,"29"]`},
		"scalar":          {"/api/v1/query", v("query", "1.5", "time", "0"), 200, `{"status":"success","data":{"resultType":"scalar","result":[0,"1.5"]}}`},
		"string":          {"/api/v1/query", v("query", `"a\"b"`, "time", "-1.5"), 200, `{"status":"success","data":{"resultType":"string","result":[-1.5,"a\"b"]}}`},
		"instant matrix":  {"/api/v1/query", v("query", `m{function="f"}[2m]`, "time", start), 200, `...{"resultType":"matrix","result":[{"metric":{"__name__":"m","function":"f"},"values":[[1612051200,"0"]]}]}`},
		"nothing":         {"/api/v1/query", v("query", "absent_metric"), 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`},
		"NaN":             {"/api/v1/query", v("query", `odd{v="nan"}`, "time", start), 200, `...,"NaN"]`},
		"Inf":             {"/api/v1/query", v("query", `odd{v="inf"}`, "time", start), 200, `...,"+Inf"]`},
		"-Inf":            {"/api/v1/query", v("query", `odd{v="minus"}`, "time", start), 200, `...,"-Inf"]`},
		"small":           {"/api/v1/query", v("query", `odd{v="small"}`, "time", start), 200, `...,"0.00000015"]`},
		"limit":           {"/api/v1/query", v("query", "m", "limit", "1"), 200, `..."warnings":["results truncated due to limit"]`},
		"info":            {"/api/v1/query", v("query", "rate(m[5m])"), 200, `..."infos":["PromQL info: metric might not be a counter`},
		"range":           {"/api/v1/query_range", v("query", `m{function="f"}`, "start", start, "end", "1612051320", "step", "1m"), 200, `..."values":[[1612051200,"0"],[1612051260,"1"],[1612051320,"2"]]`},
		"range limit":     {"/api/v1/query_range", v("query", `m`, "start", start, "end", start, "step", "1", "limit", "1"), 200, `..."warnings":["results truncated`},
		"lookback":        {"/api/v1/query", v("query", "m", "time", "1612052960", "lookback_delta", "10s"), 200, `..."result":[]`},
		"11,000 points":   {"/api/v1/query_range", v("query", "1", "start", "0", "end", "660000", "step", "60"), 200, `...[660000,"1"]`},
		"labels":          {"/api/v1/labels", v(), 200, `{"status":"success","data":["__name__","function","v"]}`},
		"label values":    {"/api/v1/label/function/values", v("match[]", `m{function="g"}`), 200, `{"status":"success","data":["g"]}`},
		"no label values": {"/api/v1/label/zz/values", v(), 200, `{"status":"success","data":[]}`},
		"limited values":  {"/api/v1/label/function/values", v("limit", "1"), 200, `..."data":["f"],"warnings":["results truncated due to limit"]`},
		"series":          {"/api/v1/series", v("match[]", "m", "match[]", `m{function="f"}`), 200, `{"status":"success","data":[{"__name__":"m","function":"f"},{"__name__":"m","function":"g"}]}`},

		"syntax":              {"/api/v1/query", v("query", "sum("), 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"}`},
		"no query":            {"/api/v1/query", v(), 400, `..."errorType":"bad_data"`},
		"bad time":            {"/api/v1/query", v("query", "m", "time", "yesterday"), 400, `..."error":"invalid parameter \"time\": cannot parse \"yesterday\" to a valid timestamp"`},
		"time NaN":            {"/api/v1/query", v("query", "m", "time", "NaN"), 400, `...cannot parse`},
		"time too far":        {"/api/v1/query", v("query", "m", "time", "1e300"), 400, `...cannot parse`},
		"bad timeout":         {"/api/v1/query", v("query", "m", "timeout", "soon"), 400, `...invalid parameter \"timeout\"`},
		"bad limit":           {"/api/v1/query", v("query", "m", "limit", "-1"), 400, `...limit must be non-negative`},
		"bad lookback":        {"/api/v1/query", v("query", "m", "lookback_delta", "x"), 400, `...invalid parameter \"lookback_delta\"`},
		"no start":            {"/api/v1/query_range", v("query", "m", "end", start, "step", "60"), 400, `...invalid parameter \"start\"`},
		"end before start":    {"/api/v1/query_range", v("query", "m", "start", start, "end", "5", "step", "60"), 400, `...end timestamp must not be before start time`},
		"no step":             {"/api/v1/query_range", v("query", "m", "start", start, "end", start), 400, `...invalid parameter \"step\"`},
		"step 0":              {"/api/v1/query_range", v("query", "m", "start", start, "end", start, "step", "0"), 400, `...zero or negative query resolution`},
		"step NaN":            {"/api/v1/query_range", v("query", "m", "start", start, "end", start, "step", "NaN"), 400, `...invalid parameter \"step\"`},
		"step overflows":      {"/api/v1/query_range", v("query", "m", "start", start, "end", start, "step", "1e300"), 400, `...overflows int64`},
		"11,001 points":       {"/api/v1/query_range", v("query", "1", "start", "0", "end", "660060", "step", "60"), 400, `...exceeded maximum resolution of 11,000 points per timeseries`},
		"execution":           {"/api/v1/query", v("query", "m + on(v) m"), 422, `..."errorType":"execution","error":"found duplicate series`},
		"too many samples":    {"/api/v1/query_range", v("query", "m", "start", start, "end", "1612052940", "step", "0.2"), 422, `...query processing would load too many samples into memory`},
		"timeout":             {"/api/v1/query", v("query", "m", "timeout", "0.000000001"), 503, `..."errorType":"timeout"`},
		"series without":      {"/api/v1/series", v(), 400, `...no match[] parameter provided`},
		"series bad selector": {"/api/v1/series", v("match[]", "{"), 400, `...invalid parameter \"match[]\"`},
		"labels end first":    {"/api/v1/labels", v("start", "9", "end", "1"), 400, `...end timestamp`},
		"label name":          {"/api/v1/label/%ff/values", v(), 400, `...invalid label name`},
		"elsewhere":           {"/api/v1/rules", v(), 404, "...404"},
	}
	for name, test := range tests {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				code, body := get(t, s, method, test.path, test.form)
				part, found := strings.CutPrefix(test.want, "...")
				if code != test.code || found && !strings.Contains(body, part) || !found && body != test.want {
					t.Errorf("status %d: %s\nwant %d: %s", code, body, test.code, test.want)
				}
			})
		}
	}
	for _, state := range []string{"ready", "healthy"} {
		if code, body := get(t, s, http.MethodGet, "/-/"+state, nil); code != http.StatusOK || !strings.Contains(strings.ToLower(body), state) {
			t.Errorf("%s: %d %s", state, code, body)
		}
	}
	if code, _ := get(t, s, http.MethodPut, "/api/v1/query", nil); code != http.StatusMethodNotAllowed {
		t.Errorf("PUT gives %d", code)
	}
	if code, body := get(t, s, http.MethodPost, "/api/v1/query", url.Values{"query": {strings.Repeat("1", maxBody)}}); code != http.StatusBadRequest {
		t.Errorf("a huge form gives %d %s", code, body)
	}
}

func TestCanceledQuery(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/query?query=1%2B1", nil))
	if w.Code != statusClientClosed || !strings.Contains(w.Body.String(), `"errorType":"canceled"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNow(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Now: func() time.Time { return testStart.Add(90 * time.Second) }})
	if _, body := get(t, s, http.MethodGet, "/api/v1/query", url.Values{"query": {"time()"}}); !strings.Contains(body, `[1612051290,"1612051290"]`) {
		t.Error(body)
	}
	empty := open(t, Options{})
	if _, body := get(t, empty, http.MethodGet, "/api/v1/query", url.Values{"query": {"time()"}}); !strings.Contains(body, `[0,"0"]`) {
		t.Error(body)
	}
}

// TestAppendOrder accepts late samples within the window, keeps old ones for ever, and refuses what contradicts.
func TestAppendOrder(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	m := series(t, "m")
	add := func(at time.Duration, v float64) error {
		return s.Append(t.Context(), []Sample{{m, testStart.Add(at), v}})
	}
	day := 24 * time.Hour
	for d := range 40 { // longer than the usual retention, and over many blocks
		if err := add(time.Duration(d)*day, float64(d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(39*day-time.Hour, 38.5); err != nil {
		t.Errorf("an hour late: %v", err)
	}
	if err := add(39*day, 39); err != nil {
		t.Errorf("the same again: %v", err)
	}
	for name, err := range map[string]error{"another value": add(39*day, 40), "too late": add(30*day, 1)} {
		if !errors.Is(err, models.ErrConflict) || !strings.Contains(err.Error(), "2021-0") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, body := get(t, s, http.MethodGet, "/api/v1/query", url.Values{"query": {"count_over_time(m[41d])"}, "time": {testStart.Add(40 * day).Format(time.RFC3339)}})
	if !strings.Contains(body, `"41"`) {
		t.Errorf("40 days and a late sample count as %s", body)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if err := s.Append(ctx, []Sample{{m, testStart.Add(50 * day), 1}}); !errors.Is(err, cause) {
		t.Errorf("after the end of the context: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, models.ErrConflict) {
		t.Errorf("a folder with files: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "notes.txt"), Options{}); err == nil {
		t.Error("a file is taken for a folder")
	}
	if _, err := Open(t.TempDir(), Options{Timeout: -1}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("a negative timeout: %v", err)
	}
	for name, bad := range map[string]struct {
		metric string
		labels []Label
	}{
		"metric name":     {"a b", nil},
		"no metric name":  {"", nil},
		"label name":      {"m", []Label{{"a-b", "v"}}},
		"not UTF-8":       {"m", []Label{{"a", "\xff"}}},
		"twice":           {"m", []Label{{"a", "1"}, {"a", "2"}}},
		"the name itself": {"m", []Label{{"__name__", "n"}}},
	} {
		if _, err := NewSeries(bad.metric, bad.labels...); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestQueriesDuringAppends is for the race detector.
func TestQueriesDuringAppends(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	m := series(t, "m")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 50 {
				if code, body := get(t, s, http.MethodGet, "/api/v1/query", url.Values{"query": {"sum(rate(m[5m]))"}}); code != http.StatusOK {
					t.Error(body)
				}
			}
		})
	}
	ramp(t, s, 2000, m)
	wg.Wait()
}

func FuzzHandler(f *testing.F) {
	dir, err := os.MkdirTemp("", "promstore-fuzz")
	if err != nil {
		f.Fatal(err)
	}
	s, err := Open(dir, Options{MaxSamples: 10_000, Timeout: time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := errors.Join(s.Close(), os.RemoveAll(dir)); err != nil {
			f.Error(err)
		}
	})
	ramp(f, s, 100, series(f, "m", "a", "b"))
	f.Add("sum(rate(m[5m]))", "1612051200", "1612054800", "60")
	f.Add("m @ end()", "2021-01-31T00:00:00Z", "1e9", "1h")
	f.Add("label_replace(m, \"x\", \"$1\", \"a\", \"(.*)\")", "-1", "0.0001", "NaN")
	f.Fuzz(func(t *testing.T, query, start, end, step string) {
		for _, path := range []string{"/api/v1/query", "/api/v1/query_range", "/api/v1/series", "/api/v1/labels"} {
			code, body := get(t, s, http.MethodGet, path, url.Values{
				"query": {query}, "time": {start}, "start": {start}, "end": {end}, "step": {step}, "match[]": {query},
			})
			var answer struct{ Status, ErrorType, Error string }
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatalf("%s: %v in %q", path, err, body)
			}
			if (code == http.StatusOK) != (answer.Status == "success") || (answer.ErrorType == "") != (code == http.StatusOK) {
				t.Errorf("%s: status %d with %s", path, code, body)
			}
		}
	})
}

// BenchmarkAppend loads 14 days of 50 series by the minute.
func BenchmarkAppend(b *testing.B) {
	const minutes, count = 14 * 1440, 50
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(b.TempDir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		all := make([]*Series, count)
		for i := range all {
			all[i] = series(b, "m", "i", strconv.Itoa(i))
		}
		ramp(b, s, minutes, all...)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(minutes*count), "ns/sample")
}

// BenchmarkQueryRange asks for a week of minutes of one counter over HTTP.
func BenchmarkQueryRange(b *testing.B) {
	s := open(b, Options{})
	ramp(b, s, 8*1440, series(b, "m_total", "function", "f"))
	c := client(b, s)
	b.ReportAllocs()
	for b.Loop() {
		value, _, _, err := c.QueryRange(b.Context(), "sum by (function) (increase(m_total[60001ms]))",
			v1.Range{Start: testStart.Add(time.Hour), End: testStart.Add(7 * 24 * time.Hour), Step: time.Minute})
		if m, ok := value.(model.Matrix); err != nil || !ok || len(m) != 1 {
			b.Fatal(fmt.Sprint(value), err)
		}
	}
}
