//go:build kube

package kube

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pilotlight/actuators"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

// wantKind checks the kind of an error.
func wantKind(t *testing.T, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("got error %v of kind %s, want kind %s", err, actuators.KindOf(err), kind)
	}
}

// spec wraps fields of a spec.
func spec(fields map[string]any) map[string]any { return map[string]any{"spec": fields} }

// annotation wraps one annotation.
func annotation(name string, value any) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": map[string]any{name: value}}}
}

// manager returns the operation by which pilotlight is recorded to own a field, "" if it is not.
func manager(object map[string]any, subresource string, path ...string) string {
	u := unstructured.Unstructured{Object: object}
	for _, m := range u.GetManagedFields() {
		if m.Manager == "pilotlight" && m.Subresource == subresource && m.FieldsV1 != nil {
			text := m.FieldsV1.GetRawString()
			for _, part := range path {
				if !strings.Contains(text, `"f:`+part+`"`) {
					return ""
				}
			}
			return string(m.Operation)
		}
	}
	return ""
}

// TestOwnerIsWritten raises and lowers the floor of each kind of owner, and looks at the objects and who the server says wrote them.
func TestOwnerIsWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own                func(t *testing.T, w world)
		gvr                schema.GroupVersionResource
		field, subresource string
	}{
		"none": {own: func(*testing.T, world) {}, gvr: deployments, field: "replicas", subresource: "scale"},
		"hpa":  {own: func(t *testing.T, w world) { t.Helper(); w.hpa(t, "app") }, gvr: autoscalers, field: "minReplicas"},
		"keda": {own: func(t *testing.T, w world) { t.Helper(); w.keda(t, "app") }, gvr: scaledObjects, field: "minReplicaCount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKubernetes(t)
			w.deployment(t, "app")
			c.own(t, w)
			for i, n := range []int{6, 3} {
				if err := w.apply(t, "app", models.Warm(n)); err != nil {
					t.Fatal(err)
				}
				object := plane.get(t, c.gvr, w.namespace, "app")
				if got := number(object, "spec", c.field); got != int64(n) {
					t.Errorf("%s is %d, want %d", c.field, got, n)
				}
				if got := manager(object, c.subresource, "spec", c.field); got != "Update" {
					t.Errorf("the server records %q of pilotlight for %s, want Update", got, c.field)
				}
				if c.gvr != deployments {
					if got := number(plane.get(t, deployments, w.namespace, "app"), "spec", "replicas"); got != []int64{2, 6}[i] {
						t.Errorf("the workload has %d replicas before its owner has acted", got)
					}
				}
				w.settleWorkloads(t)
				if obs := w.observe(t, "app"); obs.Ready != n || obs.Pending || !obs.Capacity.Satisfies(models.Warm(n)) {
					t.Errorf("Observe = %+v, want %d ready", obs, n)
				}
			}
		})
	}
}

// TestStaleVersion lets somebody else write between the read and the write: the server's 409 is a conflict if the floor was
// changed, and overcome if it was something else.
func TestStaleVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own       func(t *testing.T, w world)
		gvr       schema.GroupVersionResource
		field     string
		elsewhere map[string]any
	}{
		"none": {func(*testing.T, world) {}, deployments, "replicas", spec(map[string]any{"paused": true})},
		"hpa": {
			func(t *testing.T, w world) { t.Helper(); w.hpa(t, "app") }, autoscalers, "minReplicas",
			spec(map[string]any{"behavior": map[string]any{"scaleDown": map[string]any{"stabilizationWindowSeconds": 60}}}),
		},
		"keda": {
			func(t *testing.T, w world) { t.Helper(); w.keda(t, "app") }, scaledObjects, "minReplicaCount",
			spec(map[string]any{"pollingInterval": 7}),
		},
	} {
		for _, floor := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newKubernetes(t)
				w.deployment(t, "app")
				c.own(t, w)
				change, want := c.elsewhere, int64(6)
				if floor {
					change, want = spec(map[string]any{c.field: 4}), 4
				}
				w.onPatch(func() { plane.patch(t, c.gvr, w.namespace, "app", change) })
				err := w.apply(t, "app", models.Warm(6))
				if floor {
					wantKind(t, err, models.KindConflict)
				} else if err != nil {
					t.Error(err)
				}
				if got := number(plane.get(t, c.gvr, w.namespace, "app"), "spec", c.field); got != want {
					t.Errorf("%s is %d, want %d", c.field, got, want)
				}
			})
		}
	}
}

// TestPermissions tries tokens that the server does not know or that may not do it, and takes single permissions away.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"unknown": "no-such-token", "without permissions": nobodyToken} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKubernetes(t)
			w.deployment(t, "app")
			config := kubernetes.DefaultConfig()
			config.Kubeconfig = w.kubeconfig(t, token)
			a, err := kubernetes.New("cluster", config, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Observe(t.Context(), target(w.namespace+"/app"))
			wantKind(t, err, models.KindUnauthorized)
			wantKind(t, a.Apply(t.Context(), target(w.namespace+"/app"), models.Action{To: models.Warm(5)}), models.KindUnauthorized)
			if w.changes() != 0 {
				t.Error("something was written")
			}
		})
	}
	t.Run("reading only", func(t *testing.T) {
		t.Parallel()
		w := newKubernetes(t)
		w.deployment(t, "app")
		const role = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"reader"},"rules":[
			{"apiGroups":["apps","autoscaling","keda.sh"],"resources":["*"],"verbs":["get","list"]}]}`
		const binding = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"reader"},
			"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"reader"},"subjects":[{"kind":"User","name":"nobody"}]}`
		rbac := schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
		plane.create(t, rbac.WithResource("roles"), w.namespace, role)
		plane.create(t, rbac.WithResource("rolebindings"), w.namespace, binding)
		config := kubernetes.DefaultConfig()
		config.Kubeconfig = w.kubeconfig(t, nobodyToken)
		a, err := kubernetes.New("cluster", config, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		// The server hears of a new role a moment later.
		if err := wait(t.Context(), "the role has no effect", func() error {
			_, err := a.Observe(t.Context(), target(w.namespace+"/app"))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		wantKind(t, a.Apply(t.Context(), target(w.namespace+"/app"), models.Action{To: models.Warm(5)}), models.KindUnauthorized)
	})
}

// TestServerRefuses sends what only the server knows to be wrong.
func TestServerRefuses(t *testing.T) {
	t.Parallel()
	w := newKubernetes(t, func(c *kubernetes.Config) { c.Levers, c.OnZero = []string{"warm", "max"}, kubernetes.OnZeroScaleToZero })
	w.deployment(t, "app")
	w.hpa(t, "app")
	if err := w.apply(t, "app", models.Warm(0)); err != nil {
		t.Errorf("the floor 0 with an external metric: %v", err)
	}
	plane.patch(t, autoscalers, w.namespace, "app", spec(map[string]any{"minReplicas": 1, "metrics": nil}))
	err := w.apply(t, "app", models.Warm(0))
	wantKind(t, err, models.KindInvalid)
	if err != nil && !strings.Contains(err.Error(), "at least one Object or External metric") {
		t.Errorf("error %q does not say what the server said", err)
	}
	wantKind(t, w.apply(t, "app", models.Capacity{}.WithMax(0)), models.KindInvalid)
}

// TestRehearse lets the real server check changes with dryRun=All: it refuses what it would refuse, and changes nothing.
func TestRehearse(t *testing.T) {
	t.Parallel()
	w := newKubernetes(t, func(c *kubernetes.Config) { c.Levers, c.OnZero = []string{"warm", "max"}, kubernetes.OnZeroScaleToZero })
	rehearse := func(name string, to models.Capacity) error {
		a := actuators.WithGate(w.actuator, func() error { return models.ErrDryRun })
		return actuators.Rehearse(t.Context(), a, target(w.namespace+"/"+name), models.Action{ID: "a", To: to})
	}
	w.deployment(t, "app")
	w.deployment(t, "alone")
	w.hpa(t, "app")
	before := number(plane.get(t, deployments, w.namespace, "alone"), "metadata", "generation")
	for _, name := range []string{"app", "alone"} {
		if err := rehearse(name, models.Warm(5)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	plane.patch(t, autoscalers, w.namespace, "app", spec(map[string]any{"metrics": nil}))
	wantKind(t, rehearse("app", models.Warm(0)), models.KindInvalid)
	if got := number(plane.get(t, autoscalers, w.namespace, "app"), "spec", "minReplicas"); got != 2 {
		t.Errorf("minReplicas is %d, want 2", got)
	}
	if got := number(plane.get(t, deployments, w.namespace, "alone"), "spec", "replicas"); got != 2 {
		t.Errorf("%d replicas, want 2", got)
	}
	if after := number(plane.get(t, deployments, w.namespace, "alone"), "metadata", "generation"); after != before {
		t.Errorf("generation %d became %d", before, after)
	}
	k := newKnative(t)
	k.service(t, "app")
	if err := actuators.Rehearse(t.Context(), k.actuator, target(k.namespace+"/app"), models.Action{ID: "a", To: models.Warm(3)}); err != nil {
		t.Error(err)
	}
	if obs := k.observe(t, "app"); obs.Capacity != models.Warm(0) {
		t.Errorf("Observe = %+v after a rehearsal", obs)
	}
}

// TestAtZeroReplicas raises the floor of an autoscaler that is off and of one that scaled to zero by itself.
func TestAtZeroReplicas(t *testing.T) {
	t.Parallel()
	w := newKubernetes(t)
	w.deployment(t, "app")
	w.hpa(t, "app")
	plane.patch(t, deployments, w.namespace, "app", spec(map[string]any{"replicas": 0}), "scale")
	wantKind(t, w.apply(t, "app", models.Warm(5)), models.KindConflict)
	if w.changes() != 0 {
		t.Error("an autoscaler that is off was written")
	}
	plane.patch(t, autoscalers, w.namespace, "app", spec(map[string]any{"minReplicas": 0}))
	if err := w.apply(t, "app", models.Warm(5)); err != nil {
		t.Fatal(err)
	}
	if got := number(plane.get(t, deployments, w.namespace, "app"), "spec", "replicas"); got != 5 {
		t.Errorf("%d replicas, want 5", got)
	}
	if got := number(plane.get(t, autoscalers, w.namespace, "app"), "spec", "minReplicas"); got != 5 {
		t.Errorf("minReplicas is %d, want 5", got)
	}
}

// TestTwoOwners refuses a workload that two autoscalers scale.
func TestTwoOwners(t *testing.T) {
	t.Parallel()
	w := newKubernetes(t)
	w.deployment(t, "app")
	w.hpa(t, "app")
	w.keda(t, "app")
	err := w.apply(t, "app", models.Warm(5))
	wantKind(t, err, models.KindConflict)
	if err != nil && !strings.Contains(err.Error(), "HorizontalPodAutoscaler app and ScaledObject app") {
		t.Errorf("error %q does not name both", err)
	}
	if w.changes() != 0 {
		t.Error("something was written")
	}
}

// TestOthersSeeWhoHoldsTheFloor applies another floor after Pilotlight, as a GitOps tool does, and is told who holds it.
func TestOthersSeeWhoHoldsTheFloor(t *testing.T) {
	t.Parallel()
	w := newKubernetes(t)
	w.deployment(t, "app")
	manifest := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": map[string]any{"name": "app"},
		"spec": map[string]any{"minReplicas": int64(2), "maxReplicas": int64(50), "scaleTargetRef": map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "name": "app",
		}},
	}}
	gitops := func(force bool) error {
		_, err := plane.admin.Resource(autoscalers).Namespace(w.namespace).
			Apply(t.Context(), "app", manifest, metav1.ApplyOptions{FieldManager: "gitops", Force: force})
		return err
	}
	if err := gitops(false); err != nil {
		t.Fatal(err)
	}
	if err := w.apply(t, "app", models.Warm(6)); err != nil {
		t.Fatal(err)
	}
	err := gitops(false)
	if err == nil || !strings.Contains(err.Error(), `"pilotlight"`) || !strings.Contains(err.Error(), ".spec.minReplicas") {
		t.Errorf("applying another floor returned %v, want a conflict with pilotlight", err)
	}
	// A manifest without the field leaves it to Pilotlight.
	unstructured.RemoveNestedField(manifest.Object, "spec", "minReplicas")
	if err := gitops(false); err != nil {
		t.Fatal(err)
	}
	if got := number(plane.get(t, autoscalers, w.namespace, "app"), "spec", "minReplicas"); got != 6 {
		t.Errorf("minReplicas is %d, want 6", got)
	}
}
