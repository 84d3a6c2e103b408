package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// FuzzRequest sends any path, query and body; whatever comes, the answer is a described one and never a 5xx.
func FuzzRequest(f *testing.F) {
	f.Add("a", "limit=1&cursor=dGE", `{"note":"x"}`)
	f.Add("a/b", "from=2026-01-05T00:00:00Z&to=2026-01-06T00:00:00Z&signal=errors", `{"nte":1}`)
	f.Add("%2F", "type=pilotlight.decision,pilotlight.control&target=a", "[]")
	f.Add("\xff", "cursor=ZTE", "null")
	f.Add("", "a=%zz&limit=99999999999999999999", "{")
	world := newWorld("a", "a/b")
	world.record(someEvent(0), someEvent(1), someEvent(2))
	h := mustNew(f, world.deps())
	f.Fuzz(func(t *testing.T, id, query, body string) {
		world.calls, world.filters = nil, nil
		escaped := url.PathEscape(id)
		for _, route := range []struct{ method, path string }{
			{http.MethodGet, "/api/v1/targets"},
			{http.MethodGet, "/api/v1/targets/" + escaped},
			{http.MethodGet, "/api/v1/targets/" + escaped + "/series"},
			{http.MethodGet, "/api/v1/recommendations"},
			{http.MethodGet, "/api/v1/decisions"},
			{http.MethodPost, "/api/v1/recommendations/" + escaped + "/approve"},
			{http.MethodPost, "/api/v1/pause"},
			{http.MethodHead, "/api/v1/events"},
			{http.MethodGet, "/"},
		} {
			r := request(route.method, "/", body)
			u, err := url.ParseRequestURI(route.path)
			if err != nil {
				t.Fatal(err)
			}
			u.RawQuery = query
			r.URL = u
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			checkAnswer(t, r, w)
			if w.Code >= 500 {
				t.Errorf("%s %s: %d %s", route.method, u, w.Code, w.Body)
			}
		}
	})
}
