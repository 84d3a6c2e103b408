package knative_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/models"
)

// TestPauseInEachRequest pauses while each request is being answered: nothing is written or woken after that.
func TestPauseInEachRequest(t *testing.T) {
	t.Parallel()
	for at := range 7 {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			var paused, late atomic.Bool
			f := newFixture(t, "1.21.0", func(c *knative.Config) { c.Wake = knative.WakeURL })
			f.revision(t, "app", "app-00002", "active")
			f.sleep(t)
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { late.Store(late.Load() || paused.Load()) }))
			defer server.Close()
			f.Edit(t, "services.serving.knative.dev/prod/app", func(o map[string]any) { kubeapitest.Child(o, "status")["url"] = server.URL })
			var requests atomic.Int32
			f.Before(func(method, _ string) {
				if paused.Load() && method == http.MethodPatch {
					late.Store(true)
				}
				if int(requests.Add(1)) == at+1 {
					paused.Store(true)
				}
			})
			gated := actuators.WithGate(f.actuator, func() error {
				if paused.Load() {
					return models.ErrPaused
				}
				return nil
			})
			action := models.Action{ID: "a", To: models.Warm(3), Issued: day, Expires: day.Add(time.Hour)}
			err := gated.Apply(t.Context(), target("prod/app"), action)
			// Version, two lists, two patches, the address; then it is woken.
			if want := at < 6; errors.Is(err, models.ErrPaused) != want || late.Load() {
				t.Errorf("paused in request %d: %v; something was sent after that: %v", at+1, err, late.Load())
			}
		})
	}
}

// TestPermissions takes away each permission.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, denied := range [][2]string{
		{"get", "customresourcedefinitions.apiextensions.k8s.io"},
		{"list", "revisions.serving.knative.dev"},
		{"patch", "revisions.serving.knative.dev"},
		{"list", "podautoscalers.autoscaling.internal.knative.dev"},
	} {
		t.Run(denied[0]+" "+denied[1], func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, "1.21.0")
			f.Deny(denied[0], denied[1])
			wantKind(t, f.apply(t, "prod/app", models.Warm(5)), models.KindUnauthorized)
			if f.Writes() != 0 {
				t.Error("something was written")
			}
		})
	}
}
