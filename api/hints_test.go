package api_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	_ "time/tzdata" // so that the zones are there on any machine

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

func (w *world) Hints() []models.Hint {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.hints)
}

func (w *world) AddHints(_ context.Context, all []models.Hint, by string) ([]models.Hint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("add-hints by " + by); err != nil {
		return nil, err
	}
	out := slices.Clone(all)
	for i := range out {
		h := &out[i]
		if h.ID == "" {
			h.ID = "made-" + h.Reason
		}
		if h.Created.IsZero() {
			h.Created = now
		}
		if err := h.Validate(); err != nil {
			return nil, err
		}
		at := slices.IndexFunc(w.hints, func(old models.Hint) bool { return old.ID == h.ID })
		switch {
		case at < 0:
			w.hints = append(w.hints, *h)
		case w.hints[at].Source == models.HintConfig:
			return nil, fmt.Errorf("hint %q is one of the configuration: change it there and reload: %w", h.ID, models.ErrConflict)
		default:
			w.hints[at] = *h
		}
	}
	slices.SortFunc(w.hints, func(a, b models.Hint) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func (w *world) RemoveHint(_ context.Context, id, by string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("remove-hint by " + by); err != nil {
		return err
	}
	at := slices.IndexFunc(w.hints, func(h models.Hint) bool { return h.ID == id })
	switch {
	case at < 0:
		return models.ErrNotFound
	case w.hints[at].Source == models.HintConfig:
		return fmt.Errorf("hint %q is one of the configuration: remove it there and reload: %w", id, models.ErrConflict)
	}
	w.hints = slices.Delete(w.hints, at, at+1)
	return nil
}

type hintAnswer struct {
	ID, Author, Source, Reason, Change string
	Multiplier                         float64
	Active                             bool
	Next                               []struct{ Start, End string }
}

type hintsAnswer struct {
	Items []hintAnswer
	Next  string
}

func idsOf(list hintsAnswer) []string {
	out := []string{}
	for _, h := range list.Items {
		out = append(out, h.ID)
	}
	return out
}

const weekly = `{"id":"sale","selector":{"targets":["shop/*"],"groups":["group-0"]},"start":"2026-01-02T09:00:00+01:00","end":"2026-01-02T14:00:00+01:00",
"recurrence":"FREQ=WEEKLY;BYDAY=TU,FR","time_zone":"Europe/Berlin","multiplier":4,"reason":"Sale"}`

func TestHints(t *testing.T) {
	t.Parallel()
	world := newWorld("shop/a", "shop/b")
	h := mustNew(t, world.deps())
	var added hintAnswer
	for range 2 {
		w := do(t, h, request(http.MethodPost, "/api/v1/hints", weekly))
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		unmarshal(t, w.Body.Bytes(), &added)
	}
	if added.ID != "sale" || !added.Active || len(added.Next) != 10 || added.Next[1].Start != "2026-01-09T08:00:00Z" || len(world.hints) != 1 {
		t.Errorf("added %+v", added)
	}
	if got := get[hintAnswer](t, h, "/api/v1/hints/sale"); !cmp.Equal(got, added) {
		t.Errorf("shown %+v, added %+v", got, added)
	}
	world.hints = append(world.hints, models.Hint{ID: "zz", Source: models.HintConfig, Start: now.AddDate(0, 0, 1), End: now.AddDate(0, 0, 2), Floor: 3})
	for query, want := range map[string][]string{
		"": {"sale", "zz"}, "?limit=1": {"sale"}, "?source=config": {"zz"}, "?target=shop%2Fa": {"sale", "zz"}, "?target=shop%2Fb": {"zz"},
		"?at=2026-01-07T13:00:00Z": {"zz"}, "?at=2026-01-09T09:00:00Z": {"sale"}, "?at=2030-01-02T09:00:00Z": {},
	} {
		list := get[hintsAnswer](t, h, "/api/v1/hints"+query)
		if diff := cmp.Diff(want, idsOf(list)); diff != "" {
			t.Errorf("list %s (-want +got):\n%s", query, diff)
		}
		if list.Next != "" {
			if rest := get[hintsAnswer](t, h, "/api/v1/hints?limit=1&cursor="+list.Next); len(rest.Items) != 1 || rest.Items[0].ID != "zz" || rest.Next != "" {
				t.Errorf("next page %+v", rest)
			}
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{http.MethodDelete, "/hints/zz", "", 409, "remove it there and reload"},
		{http.MethodPost, "/hints", strings.Replace(weekly, `"sale"`, `"zz"`, 1), 409, "change it there and reload"},
		{http.MethodDelete, "/hints/none", "", 404, ""},
		{http.MethodDelete, "/hints/sale?x=1", "", 422, "no query parameters"},
		{http.MethodGet, "/hints/none", "", 404, "it may be over"},
		{http.MethodGet, "/hints?target=none", "", 404, ""},
		{http.MethodGet, "/hints?source=me", "", 422, "calendar"},
		{http.MethodGet, "/hints?cursor=dGE", "", 422, "begin without"},
		{http.MethodPost, "/hints", `{"start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z"}`, 422, "multiplier or a floor"},
		{http.MethodPost, "/hints", `{"id":"a b","start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z","floor":1}`, 422, "id"},
		{http.MethodPost, "/hints", `{"begin":"2026-01-01T00:00:00Z"}`, 422, "unknown field"},
		{http.MethodPost, "/hints", `{"start":"tomorrow","end":"2026-01-02T00:00:00Z","floor":1}`, 422, "start"},
		{http.MethodDelete, "/hints/sale", "", 204, ""},
	} {
		w := do(t, h, request(c.method, "/api/v1"+c.path, c.body))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	if len(world.hints) != 1 || world.hints[0].ID != "zz" {
		t.Errorf("hints at the end: %+v", world.hints)
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete} {
		path := map[string]string{http.MethodPost: "/api/v1/hints", http.MethodDelete: "/api/v1/hints/zz"}[method]
		r := request(method, path, weekly)
		r.Header.Set("Authorization", "Bearer "+viewerSecret)
		if w := do(t, h, r); w.Code != http.StatusForbidden {
			t.Errorf("%s by a viewer: %d %s", method, w.Code, w.Body)
		}
	}
}

const twoEvents = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Sale <b>\r\nCATEGORIES:Campaign\r\nDTSTART:20260107T100000\r\nDTEND:20260107T120000\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Push\r\nX-PILOTLIGHT-MULTIPLIER:2\r\nDTSTART;TZID=HQ:20260108T100000\r\nDTEND;TZID=HQ:20260108T120000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

type importAnswer struct {
	Items    []hintAnswer
	Removed  []string
	Problems []struct {
		Line    int
		Text    string
		Ignored bool
	}
}

func changes(a *importAnswer) string {
	var out []string
	for _, h := range a.Items {
		out = append(out, fmt.Sprintf("%s x%v %s", h.Reason, h.Multiplier, h.Change))
	}
	return fmt.Sprintf("%v removed %d problems %d", out, len(a.Removed), len(a.Problems))
}

func TestImport(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	h := mustNew(t, world.deps())
	const all = "?calendar=c&categories=Campaign=3&time_zones=HQ=Asia/Tokyo&targets=shop/*,cart&time_zone=Europe/Berlin"
	for i, c := range []struct{ query, body, want string }{
		{all + "&dry_run=true", twoEvents, "[Sale <b> x3 added Push x2 added] removed 0 problems 0"},
		{"?calendar=c&categories=Campaign=3", twoEvents, "[Sale <b> x3 added] removed 0 problems 1"},
		{all, twoEvents, "[Sale <b> x3 changed Push x2 added] removed 0 problems 0"},
		{all, twoEvents, "[Sale <b> x3 unchanged Push x2 unchanged] removed 0 problems 0"},
		{"?calendar=d&multiplier=5", twoEvents[:strings.Index(twoEvents, "BEGIN:VEVENT\r\nUID:2")] + "END:VCALENDAR", "[Sale <b> x5 added] removed 0 problems 0"},
		{all, strings.Replace(twoEvents, "UID:2", "UID:2\r\nSTATUS:CANCELLED", 1), "[Sale <b> x3 unchanged] removed 1 problems 1"},
		{all + "&replace=true", "BEGIN:VCALENDAR\nEND:VCALENDAR", "[] removed 1 problems 0"},
	} {
		w := do(t, h, request(http.MethodPost, "/api/v1/hints/import"+c.query, c.body, "Content-Type", "text/calendar; charset=utf-8"))
		if w.Code != http.StatusOK {
			t.Fatalf("import %d: %d %s", i, w.Code, w.Body)
		}
		var got importAnswer
		unmarshal(t, w.Body.Bytes(), &got)
		if changes(&got) != c.want {
			t.Errorf("import %d: %s, want %s; %s", i, changes(&got), c.want, w.Body)
		}
		if n := len(world.hints); i == 0 && n != 0 {
			t.Errorf("the dry run left %d hints", n)
		}
	}
	if len(world.hints) != 1 || world.hints[0].Multiplier != 5 || world.hints[0].Author != "alice" {
		t.Errorf("at the end there are %+v", world.hints)
	}
}

func TestBadImports(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	h := mustNew(t, world.deps())
	for _, c := range []struct {
		query, body, kind string
		status            int
		says              string
	}{
		{"", twoEvents, "application/json", 415, "text/calendar"},
		{"", "", "text/calendar", 400, "body"},
		{"", "<html>", "text/calendar", 422, "line 1"},
		{"?strict=true&multiplier=2", twoEvents, "text/calendar", 422, "HQ"},
		{"?categories=x", twoEvents, "text/calendar", 422, "campaign=3"},
		{"?categories=x=-1", twoEvents, "text/calendar", 422, "campaign=3"},
		{"?time_zones=HQ", twoEvents, "text/calendar", 422, "HQ=Europe/Berlin"},
		{"?time_zone=Mars", twoEvents, "text/calendar", 422, "IANA"},
		{"?multiplier=2000", twoEvents, "text/calendar", 422, "multiplier"},
		{"?sloppy=true", twoEvents, "text/calendar", 422, "unknown query parameter"},
		{"", "BEGIN:VCALENDAR\nX:" + strings.Repeat("x", 8<<20), "text/calendar", 413, "bytes"},
	} {
		w := do(t, h, request(http.MethodPost, "/api/v1/hints/import"+c.query, c.body, "Content-Type", c.kind))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %.20q: %d %s", c.query, c.body, w.Code, w.Body)
		}
	}
	if len(world.hints) != 0 {
		t.Errorf("hints in spite of all: %+v", world.hints)
	}
	data, err := os.ReadFile("../hints/testdata/google.ics")
	if err != nil {
		t.Fatal(err)
	}
	// More than other bodies may have.
	large := strings.Replace(string(data), "SUMMARY:Lunch", "DESCRIPTION:"+strings.Repeat("x", 60<<10)+"\r\nCOMMENT:"+strings.Repeat("y", 60<<10)+"\r\nSUMMARY:Lunch", 1)
	w := do(t, h, request(http.MethodPost, "/api/v1/hints/import", large, "Content-Type", "text/calendar"))
	if w.Code != http.StatusOK || len(world.hints) != 1 {
		t.Errorf("%d %s, hints %+v", w.Code, w.Body, world.hints)
	}
}
