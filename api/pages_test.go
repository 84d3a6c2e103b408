package api_test

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"pilotlight/models"
)

// outside matches what would load or run something: scripts, handlers, other hosts.
var outside = regexp.MustCompile(`(?i)<script|<iframe|<img|(src|href|action)\s*=\s*"?\s*(https?:|//|javascript:|data:)|@import|url\(`)

func page(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := do(t, h, request(http.MethodGet, target, ""))
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestIndex(t *testing.T) {
	t.Parallel()
	world := newWorld(hostileIDs...)
	world.pause = models.PauseState{Paused: true, Since: now, By: "<b>bob</b>", Note: "<i>"}
	world.ready = []string{"collector <prom> is down"}
	h := mustNew(t, world.deps())
	text := page(t, h, "/")
	if found := outside.FindString(text); found != "" {
		t.Errorf("the page has %q", found)
	}
	for _, id := range hostileIDs {
		link := "api/v1/targets/" + url.PathEscape(string(id))
		if !strings.Contains(html.UnescapeString(text), `<a href="`+html.EscapeString(link)) && !strings.Contains(html.UnescapeString(text), link) {
			t.Errorf("no link to %q", id)
		}
		if !strings.Contains(text, ">"+escapeText(string(id))+"</a>") {
			t.Errorf("%q is not shown", id)
		}
	}
	for _, want := range []string{
		"approve: writes what an operator approved", "paused", "Every write is held back", "since 2026-01-06 12:00:00 UTC by &lt;b&gt;bob",
		"collector &lt;prom&gt; is down", ">warm 2<", ">keep-alive 10m0s<", ">warm 3<", ">keep-alive 1m30s<", "waits for approval", "2 ready",
		"instances that the forecast load needs (warm 3, level 0.9, odd NaN)", "&lt;img src=x onerror=alert(1)&gt;",
		"check the query &lt;invocations&gt;", "no decision yet", "unknown", "Targets: 24. Changes recommended: 16, of which waiting for approval: 8. Without fresh data: 8.", "As of 2026-01-06 12:00:00 UTC", "1.2.3-test",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if text := page(t, mustNew(t, newWorld().deps()), "/"); !strings.Contains(text, "No target is known yet") {
		t.Error("the empty page does not say so")
	}
}

// escapeText escapes as html/template does in text.
func escapeText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "+", "&#43;").Replace(s)
}

func TestIndexPages(t *testing.T) {
	t.Parallel()
	ids := make([]models.TargetID, 150)
	for i := range ids {
		ids[i] = models.TargetID("t" + strings.Repeat("x", i))
	}
	h := mustNew(t, newWorld(ids...).deps())
	first := page(t, h, "/")
	next := regexp.MustCompile(`\?cursor=[A-Za-z0-9_-]+`).FindString(first)
	second := page(t, h, "/"+next)
	if strings.Count(first, "<tr>") != 101 || strings.Count(second, "<tr>") != 51 || !strings.Contains(second, "First page") {
		t.Errorf("%d and %d rows", strings.Count(first, "<tr>"), strings.Count(second, "<tr>"))
	}
	for _, bad := range []string{"/?cursor=!", "/?page=2"} {
		if w := do(t, h, request(http.MethodGet, bad, "")); w.Code != 422 {
			t.Errorf("GET %s: %d", bad, w.Code)
		}
	}
}

func TestDocs(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld().deps())
	text := page(t, h, "/docs")
	if found := outside.FindString(text + page(t, h, "/style.css")); found != "" {
		t.Errorf("the page has %q", found)
	}
	for path, item := range loadSpec().Paths {
		for method := range item {
			if !strings.Contains(text, ">"+strings.ToUpper(method)+"</span> <code>"+path+"</code>") {
				t.Errorf("the page lacks %s %s", method, path)
			}
		}
	}
}

// TestGuide checks that docs/api.md has every operation and every kind of problem, with its status.
func TestGuide(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := string(data)
	for path, item := range loadSpec().Paths {
		for method := range item {
			if !strings.Contains(guide, "| `"+strings.ToUpper(method)+" "+path+"` |") {
				t.Errorf("the guide lacks %s %s", method, path)
			}
		}
	}
	rows := regexp.MustCompile(`<code>(urn:[^<]+)</code></td><td>(\d+)<`).FindAllStringSubmatch(page(t, mustNew(t, newWorld().deps()), "/docs"), -1)
	for _, row := range rows {
		if !strings.Contains(guide, "| `"+row[1]+"` | "+row[2]+" |") {
			t.Errorf("the guide lacks %s with status %s", row[1], row[2])
		}
	}
	if n := strings.Count(guide, "| `urn:"); len(rows) == 0 || n != len(rows) {
		t.Errorf("the guide has %d kinds of problems, the server %d", n, len(rows))
	}
}
