package kubernetes_test

import (
	"fmt"
	"testing"

	"pilotlight/actuators"
	"pilotlight/models"
)

// TestRehearse lets the API server check changes of each owner: nothing is written.
func TestRehearse(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]func(f fixture){
		"nobody": func(fixture) {},
		"hpa":    func(f fixture) { f.hpa(t, "app", "app", 2, 10) },
		"keda":   func(f fixture) { f.keda(t, "app", "app", `,"minReplicaCount":2,"maxReplicaCount":10`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			own(f)
			a := actuators.WithGate(f.actuator, func() error { return models.ErrDryRun })
			before := fmt.Sprint(f.Object("deployments.apps/prod/app"), f.Object("horizontalpodautoscalers.autoscaling/prod/app"))
			if err := actuators.Rehearse(t.Context(), a, target("prod/app"), action("prod/app", models.Warm(5))); err != nil || f.Patches() != 1 {
				t.Errorf("an acceptable change: %v after %d patches", err, f.Patches())
			}
			if after := fmt.Sprint(f.Object("deployments.apps/prod/app"), f.Object("horizontalpodautoscalers.autoscaling/prod/app")); f.Writes() != 0 || after != before {
				t.Errorf("%d writes: %s became %s", f.Writes(), before, after)
			}
			if name != "nobody" {
				wantKind(t, actuators.Rehearse(t.Context(), a, target("prod/app"), action("prod/app", models.Warm(11))), models.KindInvalid)
			}
			f.Deny("patch", map[string]string{
				"nobody": "deployments.apps/scale", "hpa": "horizontalpodautoscalers.autoscaling", "keda": "scaledobjects.keda.sh",
			}[name])
			wantKind(t, actuators.Rehearse(t.Context(), a, target("prod/app"), action("prod/app", models.Warm(6))), models.KindUnauthorized)
		})
	}
}
