package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/api"
	"pilotlight/models"
)

var nextLink = regexp.MustCompile(`^<(\?[^>]+)>; rel="next"$`)

// walk reads all pages of a list by its Link headers and returns a key of each item. Between pages it calls change.
func walk(tb rapid.TB, h http.Handler, path string, query url.Values, key string, change func(page int)) []string {
	var keys []string
	target := path + "?" + query.Encode()
	for page := range 1000 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(http.MethodGet, target, ""))
		if w.Code != http.StatusOK {
			tb.Fatalf("GET %s: %d %s", target, w.Code, w.Body)
		}
		var body struct {
			Items []map[string]any
			Next  string
		}
		unmarshal(tb, w.Body.Bytes(), &body)
		if limit, err := strconv.Atoi(query.Get("limit")); err == nil && len(body.Items) > limit {
			tb.Fatalf("%d items with limit %d", len(body.Items), limit)
		}
		for _, item := range body.Items {
			keys = append(keys, item[key].(string))
		}
		link := nextLink.FindStringSubmatch(w.Header().Get("Link"))
		if (link == nil) != (body.Next == "") {
			tb.Fatalf("next %q but Link %q", body.Next, w.Header().Get("Link"))
		}
		if link == nil {
			return keys
		}
		if parsed, err := url.ParseQuery(link[1][1:]); err != nil || parsed.Get("cursor") != body.Next {
			tb.Fatalf("link %q, next %q", link[1], body.Next)
		}
		target = path + link[1]
		change(page)
	}
	tb.Fatalf("more than 1000 pages")
	return nil
}

// TestPagingTargets checks, for any targets, limit and filter, that the pages together are the list, also when targets come
// and go between pages: those that stay are seen exactly once.
func TestPagingTargets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c/ %é"<]{0,3}x`), 0, 12, rapid.ID[string]).Draw(t, "ids")
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		group := rapid.SampledFrom([]string{"", "group-0", "group-1", "none"}).Draw(t, "group")
		world := newWorld(targetIDs(ids)...)
		h := mustNewRapid(t, world.deps())
		var want []string
		for _, s := range world.targets {
			if group == "" || s.Target.Group == group {
				want = append(want, string(s.Target.ID))
			}
		}
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		if group != "" {
			query.Set("group", group)
		}
		removed := map[string]bool{}
		got := walk(t, h, "/api/v1/targets", query, "id", func(page int) {
			world.mu.Lock()
			defer world.mu.Unlock()
			if len(world.targets) > 0 && rapid.Bool().Draw(t, "remove") {
				i := rapid.IntRange(0, len(world.targets)-1).Draw(t, "which")
				removed[string(world.targets[i].Target.ID)] = true
				world.targets = slices.Delete(slices.Clone(world.targets), i, i+1)
			}
			if rapid.Bool().Draw(t, "add") {
				s := status(models.TargetID(fmt.Sprintf("%c-new-%d", rapid.RuneFrom([]rune("ax")).Draw(t, "rune"), page)), 0)
				s.Target.Group = "added"
				world.targets = append(slices.Clone(world.targets), s)
				slices.SortFunc(world.targets, func(a, b models.TargetStatus) int { return strings.Compare(string(a.Target.ID), string(b.Target.ID)) })
			}
		})
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("not sorted or repeated: %q", got)
		}
		for _, id := range want {
			if !removed[id] && !slices.Contains(got, id) {
				t.Fatalf("%q is missing in %q", id, got)
			}
		}
		for _, id := range got {
			if !slices.Contains(want, id) && !strings.Contains(id, "-new-") {
				t.Fatalf("%q should not be in %q", id, got)
			}
		}
	})
}

// TestPagingDecisions checks the same of the audit trail while it grows.
func TestPagingDecisions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := newWorld("a", "b")
		n := rapid.IntRange(0, 20).Draw(t, "events")
		for i := range n {
			world.record(someEvent(i))
		}
		h := mustNewRapid(t, world.deps())
		query := url.Values{"limit": {strconv.Itoa(rapid.IntRange(1, 7).Draw(t, "limit"))}}
		all := walk(t, h, "/api/v1/decisions", query, "sequence", func(page int) { world.record(someEvent(1000 + page)) })
		if len(all) != n {
			t.Fatalf("%d of %d events", len(all), n)
		}
		for i, text := range all {
			if text != fmt.Sprintf("%020d", n-i) {
				t.Fatalf("item %d is %s", i, text)
			}
		}
	})
}

// someEvent is the i-th event of a journal that mixes all types.
func someEvent(i int) models.Event {
	at := now.Add(time.Duration(i) * time.Second)
	id := models.TargetID([]string{"a", "b"}[i%2])
	d := decision(id, i)
	d.At = at
	switch i % 5 {
	case 0:
		return models.NewDecisionEvent(d)
	case 1:
		return models.NewApprovalEvent(models.Approval{Decision: d.ID, Target: id, At: at, By: "alice\nid: 5", Approved: true, Note: "data: x\n\nevent: y"})
	case 2:
		return models.NewActionEvent(models.Action{ID: fmt.Sprint("act-", i), Decision: d.ID, Target: id, From: d.Current, To: d.Desired, Issued: at, Expires: at.Add(time.Minute)})
	case 3:
		return models.NewOutcomeEvent(models.Outcome{
			Action: fmt.Sprint("act-", i), Decision: d.ID, Target: id, At: at, Status: models.OutcomeFailed, Kind: models.KindThrottled,
			Error: "429\r\nslow down", Marks: models.Marks{LastUp: at, Set: models.Warm(3)},
		})
	default:
		return models.NewControlEvent(models.Control{At: at, By: "bob", Paused: true, Note: "incident"})
	}
}

func TestDecisionFilters(t *testing.T) {
	t.Parallel()
	world := newWorld("a", "b")
	for i := range 10 {
		world.record(someEvent(i))
	}
	h := mustNew(t, world.deps())
	events := func(query string) int {
		return len(get[api.Events](t, h, "/api/v1/decisions"+query).Items)
	}
	for query, want := range map[string]int{
		"": 10, "?target=a": 4, "?target=c": 0, "?type=pilotlight.decision": 2, "?type=pilotlight.decision,pilotlight.control": 4,
		"?from=2026-01-06T12:00:03Z": 7, "?to=2026-01-06T12:00:03Z": 3, "?from=2026-01-06T12:00:03Z&to=2026-01-06T12:00:04Z": 1,
	} {
		if got := events(query); got != want {
			t.Errorf("%s: %d events, not %d", query, got, want)
		}
	}
	// An event that breaks the invariant of its type is left out and does not hide the others.
	world.record(models.Event{ID: "broken", Type: models.EventAction, Time: now})
	if got := events(""); got != 10 {
		t.Errorf("with a broken event: %d", got)
	}
}
