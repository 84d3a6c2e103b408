//go:build kube

package kube

import (
	"context"
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"pilotlight/models"
)

const minScale = "autoscaling.knative.dev/min-scale"

// setKnativeVersion gives Knative's definition the version of a release.
func setKnativeVersion(t *testing.T, version string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{"app.kubernetes.io/version": version}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plane.admin.Resource(definitions).Patch(context.WithoutCancel(t.Context()), "podautoscalers.autoscaling.internal.knative.dev",
		types.MergePatchType, data, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestKnativeVersions looks at the version where Knative keeps it and writes where that version wants it. It changes what all share,
// so it does not run beside other tests.
func TestKnativeVersions(t *testing.T) { //nolint:paralleltest // it changes the version of Knative for all
	for _, c := range []struct { //nolint:paralleltest // as above
		version        string
		written, other schema.GroupVersionResource
	}{
		{"1.20.1", podAutoscalers, revisions}, {"1.21.0", revisions, podAutoscalers}, {"devel", revisions, podAutoscalers},
	} {
		t.Run(c.version, func(t *testing.T) {
			setKnativeVersion(t, c.version)
			w := newKnative(t)
			w.service(t, "app")
			w.revision(t, "app", "app-00002")
			for _, want := range []string{"3", "1"} {
				if err := w.apply(t, "app", models.Warm(int(want[0]-'0'))); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"app-00001", "app-00002"} {
					object := plane.get(t, c.written, w.namespace, name)
					if got, _, _ := unstructured.NestedString(object, "metadata", "annotations", minScale); got != want {
						t.Errorf("the floor of %s is %q, want %q", name, got, want)
					}
					if got := manager(object, "", "metadata", "annotations", minScale); got != "Update" {
						t.Errorf("the server records %q of pilotlight for the annotation, want Update", got)
					}
					if generation := number(object, "metadata", "generation"); generation != 1 {
						t.Errorf("%s is in generation %d: its spec was changed", name, generation)
					}
					other := plane.get(t, c.other, w.namespace, name)
					if _, given, _ := unstructured.NestedString(other, "metadata", "annotations", minScale); given && c.version == "1.20.1" {
						t.Errorf("the Revision of %s was written", name)
					}
				}
				w.settleServices(t, c.version != "1.20.1")
				n := int(want[0] - '0')
				if obs := w.observe(t, "app"); obs.Ready != n || obs.Pending || obs.Capacity != models.Warm(n) {
					t.Errorf("Observe = %+v, want %d ready", obs, n)
				}
			}
		})
	}
}

// TestStaleRevision lets somebody else annotate the revision between the read and the write.
func TestStaleRevision(t *testing.T) {
	t.Parallel()
	for name, floor := range map[string]bool{minScale: true, "example.com/other": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKnative(t)
			w.service(t, "app")
			w.onPatch(func() { plane.patch(t, revisions, w.namespace, "app-00001", annotation(name, "1")) })
			err, want := w.apply(t, "app", models.Warm(6)), "6"
			if floor {
				wantKind(t, err, models.KindConflict)
				want = "1"
			} else if err != nil {
				t.Error(err)
			}
			got, _, _ := unstructured.NestedString(plane.get(t, revisions, w.namespace, "app-00001"), "metadata", "annotations", minScale)
			if got != want {
				t.Errorf("the floor is %q, want %q", got, want)
			}
		})
	}
}
