package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

func TestRestore(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	h := mustNew(t, world.deps())
	w := do(t, h, request(http.MethodPost, "/api/v1/restore", `{"targets":["a","shop/b"],"dry_run":true,"note":"why"}`))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w = do(t, h, request(http.MethodPost, "/api/v1/restore", ""))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := []models.RestoreOrder{{Targets: []models.TargetID{"a", "shop/b"}, DryRun: true, By: "alice", Note: "why"}, {By: "alice"}}
	if diff := cmp.Diff(want, world.restores); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if w := do(t, h, request(http.MethodPost, "/api/v1/restore", `{"note":"fail"}`)); w.Code != http.StatusConflict {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(t, h, request(http.MethodPost, "/api/v1/restore", `{"targets":[" a"]}`)); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestNoticesAreShown lists what was noticed among the other events, as the journal has it.
func TestNoticesAreShown(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	world.record(models.NewNoticeEvent(models.Notice{
		Target: "a", At: now, Code: models.ReasonOutOfBand, Text: "<b>", Observed: models.Warm(3), Times: 1, Until: now.Add(1),
		Before: models.Marks{Set: models.Warm(5), Actuator: "lambda", Ref: "fn:live"},
	}))
	w := do(t, mustNew(t, world.deps()), request(http.MethodGet, "/api/v1/decisions?type=pilotlight.notice", ""))
	list := struct {
		Items []struct {
			Data struct{ Code, Text string }
		}
	}{}
	unmarshal(t, w.Body.Bytes(), &list)
	if len(list.Items) != 1 || list.Items[0].Data.Code != "out_of_band_change" || list.Items[0].Data.Text != "<b>" {
		t.Errorf("%s", w.Body)
	}
}

func TestRefusedTargets(t *testing.T) {
	t.Parallel()
	w := do(t, mustNew(t, newWorld("a").deps()), request(http.MethodGet, "/api/v1/refused-targets", ""))
	list := struct {
		Items []struct{ ID, Collector, Why string }
	}{}
	unmarshal(t, w.Body.Bytes(), &list)
	if len(list.Items) != 1 || list.Items[0].ID != `"<b>` || list.Items[0].Why != "no label function" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
