package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestBadRequests checks that what is wrong with a request is said, and where.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld("a").deps())
	for _, tc := range []struct {
		method, target, body, kind string
		status                     int
		says                       string
	}{
		{"GET", "/api/v1/targets?limit=0", "", "", 422, "limit"},
		{"GET", "/api/v1/targets?limit=1001", "", "", 422, "limit"},
		{"GET", "/api/v1/targets?limit=-1", "", "", 422, "limit"},
		{"GET", "/api/v1/targets?limit=ten", "", "", 422, "limit"},
		{"GET", "/api/v1/targets?limit=1e3", "", "", 422, "limit"},
		{"GET", "/api/v1/targets?limit=99999999999999999999", "", "", 422, "limit"},
		{"GET", "/api/v1/targets?limit=1&limit=2", "", "", 422, "more than once"},
		{"GET", "/api/v1/targets?lmit=1", "", "", 422, "the known parameters are limit, cursor, group, data"},
		{"GET", "/api/v1/targets?data=old", "", "", 422, "fresh"},
		{"GET", "/api/v1/targets?cursor=%21", "", "", 422, "begin without"},
		{"GET", "/api/v1/targets?cursor=ZQ", "", "", 422, "begin without"},
		{"GET", "/api/v1/targets?cursor=dGF", "", "", 422, "begin without"},
		{"GET", "/api/v1/targets?cursor=dA", "", "", 422, "begin without"},
		{"GET", "/api/v1/targets?a=%zz", "", "", 400, "query"},
		{"GET", "/api/v1/targets?a=1;b=2", "", "", 400, "query"},
		{"GET", "/api/v1/targets/a?limit=1", "", "", 422, "no query parameters"},
		{"GET", "/api/v1/version?x=1", "", "", 422, "no query parameters"},
		{"GET", "/api/v1/recommendations?status=open", "", "", 422, "pending"},
		{"GET", "/api/v1/decisions?type=decision", "", "", 422, "pilotlight.decision"},
		{"GET", "/api/v1/decisions?cursor=dGE", "", "", 422, "begin without"},
		{"GET", "/api/v1/decisions?cursor=ZTA", "", "", 422, "begin without"},
		{"GET", "/api/v1/decisions?cursor=ZTAx", "", "", 422, "begin without"},
		{"GET", "/api/v1/decisions?cursor=ZS0x", "", "", 422, "begin without"},
		{"GET", "/api/v1/decisions?from=yesterday", "", "", 422, "from"},
		{"GET", "/api/v1/decisions?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "", "", 422, "not before the end"},
		{"GET", "/api/v1/events?after=-1", "", "", 422, "after"},
		{"GET", "/api/v1/events?after=99999999999999999999", "", "", 422, "after"},
		{"GET", "/api/v1/targets/a/series?signal=rps", "", "", 422, "invocations"},
		{"GET", "/api/v1/targets/a/series?from=2026-01-07T00:00:00Z", "", "", 422, "not before the end"},
		{"GET", "/api/v1/targets/a/series?from=2020-01-07T00:00:00Z", "", "", 422, "longer than"},
		{"GET", "/api/v1/targets/a/series?from=9999-01-07T00:00:00Z", "", "", 422, "1970"},
		{"GET", "/api/v1/targets/a/series?to=0001-01-07T00:00:00Z", "", "", 422, "1970"},
		{"POST", "/api/v1/pause", `{"nte":"x"}`, "", 422, "body.nte: unknown field; known are: note"},
		{"POST", "/api/v1/pause", `{"note":1}`, "", 422, "note"},
		{"POST", "/api/v1/pause", `[]`, "", 422, "object"},
		{"POST", "/api/v1/pause", `null`, "", 422, "object"},
		{"POST", "/api/v1/pause", `{"note":`, "", 400, "body"},
		{"POST", "/api/v1/pause", `{"note":"` + strings.Repeat("é", 9000), "", 400, "body"},
		{"POST", "/api/v1/pause", `{} {}`, "", 400, "body"},
		{"POST", "/api/v1/pause", `{"note":"` + strings.Repeat("x", 1001) + `"}`, "", 422, "note"},
		{"POST", "/api/v1/pause", `{"note":"` + strings.Repeat("x", 1<<16) + `"}`, "", 413, "bytes"},
		{"POST", "/api/v1/pause", `note=x`, "application/x-www-form-urlencoded", 415, "body"},
		{"POST", "/api/v1/pause", `{}`, "text/plain", 415, "body"},
		{"POST", "/api/v1/pause?note=x", ``, "", 422, "no query parameters"},
		{"GET", "/nope", "", "", 404, "/docs"},
		{"GET", "/api/v1", "", "", 404, "/docs"},
		{"GET", "/api/v2/targets", "", "", 404, "/docs"},
		{"DELETE", "/api/v1/targets", "", "", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/api/v1/resume", "", "", 405, "OPTIONS, POST"},
		{"HEAD", "/api/v1/resume", "", "", 405, ""},
		{"PUT", "/api/v1/pause", "", "", 405, "GET, HEAD, OPTIONS, POST"},
		{"TRACE", "/api/v1/pause", "", "", 405, "GET, HEAD, OPTIONS, POST"},
	} {
		kind := tc.kind
		if kind == "" {
			kind = "application/json"
		}
		w := do(t, h, request(tc.method, tc.target, tc.body, "Content-Type", kind))
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.says) {
			t.Errorf("%s %s %.60s: status %d, not %d, or no %q in %s", tc.method, tc.target, tc.body, w.Code, tc.status, tc.says, w.Body)
		}
		if w.Body.Len() > 2000 {
			t.Errorf("%s %s: a problem of %d bytes", tc.method, tc.target, w.Body.Len())
		}
	}
}

// TestChunkedBody checks the bound of a body that does not say its length.
func TestChunkedBody(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld().deps())
	r := request(http.MethodPost, "/api/v1/pause", `{"note":"`+strings.Repeat(" ", 1<<17)+`"}`)
	r.ContentLength = -1
	if w := do(t, h, r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// TestProblemsAreStable checks that the order of several complaints does not change.
func TestProblemsAreStable(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld().deps())
	var first string
	for range 50 {
		w := do(t, h, request(http.MethodGet, "/api/v1/targets?z=1&y=2&x=3&w=4&v=5", "", "X-Request-Id", "r"))
		if first == "" {
			first = w.Body.String()
		}
		if w.Body.String() != first {
			t.Fatalf("%s\n%s", first, w.Body)
		}
	}
}

func TestHeadAndOptions(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld("a").deps())
	for _, path := range []string{"/", "/docs", "/api/v1/targets", "/api/v1/targets/a", "/api/v1/events", "/metrics", "/healthz"} {
		w := do(t, h, request(http.MethodHead, path, ""))
		if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Type") == "" {
			t.Errorf("HEAD %s: status %d, %d bytes, %v", path, w.Code, w.Body.Len(), w.Header())
		}
		w = do(t, h, request(http.MethodOptions, path, ""))
		if w.Code != http.StatusNoContent || w.Header().Get("Allow") != "GET, HEAD, OPTIONS" || w.Body.Len() != 0 {
			t.Errorf("OPTIONS %s: status %d, Allow %q: %s", path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}
