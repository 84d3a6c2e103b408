package knative_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/knative"
	"pilotlight/models"
)

// TestRehearse lets the API server check the changes of every revision: nothing is written, and nothing is woken.
func TestRehearse(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0", func(c *knative.Config) { c.Wake = knative.WakeURL })
	f.revision(t, "app", "app-00002", "active")
	f.sleep(t)
	a := actuators.WithGate(f.actuator, func() error { return models.ErrDryRun })
	action := models.Action{ID: "a", To: models.Warm(3), Issued: day, Expires: day.Add(-time.Hour)}
	if err := actuators.Rehearse(t.Context(), a, target("prod/app"), action); err != nil {
		t.Errorf("an acceptable change: %v", err)
	}
	if f.Patches() != 2 || f.Writes() != 0 || f.annotation(revisionKey("app-00001"), minScale) != "" {
		t.Errorf("%d patches, %d writes", f.Patches(), f.Writes())
	}
	for _, call := range f.Calls() {
		if strings.Contains(call, "/services/") {
			t.Errorf("it was to be woken: %s", call)
		}
	}
	f.Deny("patch", "revisions.serving.knative.dev")
	wantKind(t, actuators.Rehearse(t.Context(), a, target("prod/app"), action), models.KindUnauthorized)
	f.Before(func(method, _ string) {
		if method == http.MethodPatch {
			t.Error("nothing is to be changed, and something was to be checked")
		}
	})
	action.To = models.Warm(0)
	if err := actuators.Rehearse(t.Context(), a, target("prod/app"), action); err != nil {
		t.Error(err)
	}
}
