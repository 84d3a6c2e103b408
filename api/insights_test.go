package api_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"pilotlight/api"
	"pilotlight/models"
)

// advise gives the targets of a world advice about their memory, by the savings; every fourth has none.
func (w *world) advise(savings []float64) (want []string) {
	type row struct {
		usd float64
		id  string
	}
	var rows []row
	for i := range w.targets {
		if i%4 == 3 {
			continue
		}
		usd := savings[i%len(savings)]
		a := models.SizeAdvice{
			At: now, Verdict: models.SizeLower, CurrentMB: 1024, RecommendedMB: 384, PeakMB: 300, HighMB: 280, Samples: 10080,
			BilledSeconds: 730_000, SavedUSD: usd, Slowdown: math.NaN(), Risky: true,
			Reasons: []models.Reason{models.Because(models.ReasonMemoryPeak, models.Num("peak_mb", 300))},
		}
		if usd < 0 {
			a.Verdict, a.RecommendedMB, a.Urgent = models.SizeRaise, 2048, true
		}
		w.targets[i].Sizing = &a
		rows = append(rows, row{usd, string(w.targets[i].Target.ID)})
	}
	slices.SortFunc(rows, func(a, b row) int {
		switch {
		case math.IsNaN(a.usd) != math.IsNaN(b.usd):
			return map[bool]int{true: 1, false: -1}[math.IsNaN(a.usd)]
		case a.usd > b.usd:
			return -1
		case a.usd < b.usd:
			return 1
		}
		return 0 // the targets are sorted already
	})
	for _, r := range rows {
		want = append(want, r.id)
	}
	return want
}

// TestRightSizingPages checks, for any savings and limits, that the pages together are the list in its order.
func TestRightSizingPages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var ids []models.TargetID
		for i := range rapid.IntRange(0, 12).Draw(t, "targets") {
			ids = append(ids, models.TargetID(fmt.Sprintf("t %02d", i)))
		}
		world := newWorld(ids...)
		savings := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0.1, 7.25, -3, math.NaN()}), 1, 12).Draw(t, "savings")
		want := world.advise(savings)
		query := url.Values{"limit": {strconv.Itoa(rapid.IntRange(1, 5).Draw(t, "limit"))}}
		got := walk(t, mustNewRapid(t, world.deps()), "/api/v1/insights/right-sizing", query, "target", func(int) {})
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// TestRightSizing checks the numbers, the filters and what is refused.
func TestRightSizing(t *testing.T) {
	t.Parallel()
	world := newWorld("a", "b", "c", "d", "e")
	world.advise([]float64{5, math.NaN(), -3})
	h := mustNew(t, world.deps())
	get := func(query string) (out api.RightSizings) {
		t.Helper()
		w := do(t, h, request(http.MethodGet, "/api/v1/insights/right-sizing?"+query, ""))
		if err := json.Unmarshal(w.Body.Bytes(), &out); w.Code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		return out
	}
	all := get("")
	if all.Count != 4 || all.SavedUSD != 5 || all.Urgent != 1 || len(all.Items) != 4 || all.Items[0].Target != "a" || all.Items[0].RecommendedMB != 384 {
		t.Errorf("got %+v", all)
	}
	for query, n := range map[string]int{
		"verdict=raise": 1, "verdict=lower,raise": 4, "verdict=keep": 0, "urgent=true": 1, "group=group-1": 1, "group=none": 0, "limit=1": 4,
	} {
		if got := get(query); got.Count != n {
			t.Errorf("%s: %d, want %d", query, got.Count, n)
		}
	}
	for _, bad := range []string{"cursor=x", "cursor=cyBub3RoaW5n", "verdict=up", "limit=0"} {
		if w := do(t, h, request(http.MethodGet, "/api/v1/insights/right-sizing?"+bad, "")); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
	w := do(t, h, request(http.MethodGet, "/api/v1/targets/a", ""))
	var target api.Target
	if err := json.Unmarshal(w.Body.Bytes(), &target); err != nil || target.RightSizing == nil || target.RightSizing.Verdict != "lower" {
		t.Errorf("target: %v %s", err, w.Body)
	}
}
