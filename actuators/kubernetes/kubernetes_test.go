package kubernetes_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

// TestOwnerIsWritten raises the floor of each kind of owner, and looks that nothing else is written.
func TestOwnerIsWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own   func(t *testing.T, f fixture)
		key   string
		field string
	}{
		"none": {own: func(*testing.T, fixture) {}, key: appKey, field: "replicas"},
		"hpa":  {own: func(t *testing.T, f fixture) { t.Helper(); f.hpa(t, "app", "app", 1, 9) }, key: hpaKey, field: "minReplicas"},
		"keda": {own: func(t *testing.T, f fixture) { t.Helper(); f.keda(t, "app", "app", "") }, key: kedaKey, field: "minReplicaCount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.own(t, f)
			before := f.Object(appKey)
			if err := f.apply(t, "prod/app", models.Warm(5)); err != nil {
				t.Fatal(err)
			}
			if got := f.spec(c.key, c.field); got != 5 {
				t.Errorf("%s of %s is %v, want 5", c.field, c.key, got)
			}
			if c.key != appKey && kubeapitest.Child(f.Object(appKey), "metadata")["resourceVersion"] != kubeapitest.Child(before, "metadata")["resourceVersion"] {
				t.Error("the workload was written though it has an owner")
			}
			fields, _ := kubeapitest.Child(f.Object(c.key), "metadata")["managedFields"].([]any)
			if len(fields) == 0 || fields[0].(map[string]any)["manager"] != "pilotlight" {
				t.Errorf("the field manager is not pilotlight: %v", fields)
			}
			if c.key != appKey && !f.observe(t, "prod/app").Pending {
				t.Error("the owner has not acted yet, but nothing is pending")
			}
			f.Settle()
			want := models.Observation{Capacity: f.observe(t, "prod/app").Capacity, Ready: 5}
			if got := f.observe(t, "prod/app"); got != want || !got.Capacity.Satisfies(models.Warm(5)) {
				t.Errorf("Observe = %+v, want 5 ready", got)
			}
			if n := f.Patches(); n != 1 {
				t.Errorf("%d requests that write, want 1", n)
			}
		})
	}
}

// TestRestoreGivesBackNone takes the last replica away where there was none before, also where one is kept otherwise.
func TestRestoreGivesBackNone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *kubernetes.Config) { c.OnZero = kubernetes.OnZeroKeepOne })
	for _, c := range []struct {
		restores bool
		want     models.Capacity
	}{{false, models.Warm(1)}, {true, models.Warm(0)}} {
		f.have(t, "prod/app", models.Warm(3))
		a := action("prod/app", models.Warm(0))
		a.Restores = c.restores
		if err := f.actuator.Apply(t.Context(), target("prod/app"), a); err != nil {
			t.Fatal(err)
		}
		f.Settle()
		if got := f.observe(t, "prod/app").Capacity; !got.Satisfies(c.want) {
			t.Errorf("restores %t: %s, want %s", c.restores, got, c.want)
		}
	}
}

// TestDefaults reads owners that do not say what their defaults are for.
func TestDefaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.keda(t, "app", "app", "")
	f.deployment(t, "other", 1)
	// Without an API version in the reference.
	f.Put(t, "horizontalpodautoscalers.autoscaling/prod/other",
		`{"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"other"}}}`)
	if got, want := f.observe(t, "prod/app").Capacity, models.Warm(0).WithMax(100).WithKeepAlive(5*time.Minute); got != want {
		t.Errorf("the defaults of KEDA are %s, want %s", got, want)
	}
	if got, want := f.observe(t, "prod/other").Capacity, models.Warm(1).WithMax(3); got != want {
		t.Errorf("the defaults of a HorizontalPodAutoscaler are %s, want %s", got, want)
	}
}

// TestAmbiguous refuses workloads that two owners scale, and names them.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own  func(t *testing.T, f fixture)
		says string
	}{
		"two HPAs": {
			func(t *testing.T, f fixture) { t.Helper(); f.hpa(t, "a", "app", 1, 9); f.hpa(t, "b", "app", 1, 9) },
			"HorizontalPodAutoscaler a and HorizontalPodAutoscaler b scale the same workload",
		},
		"HPA and ScaledObject": {
			func(t *testing.T, f fixture) { t.Helper(); f.hpa(t, "a", "app", 1, 9); f.keda(t, "k", "app", "") },
			"HorizontalPodAutoscaler a and ScaledObject k",
		},
		"two ScaledObjects": {
			func(t *testing.T, f fixture) { t.Helper(); f.keda(t, "k", "app", ""); f.keda(t, "l", "app", "") },
			"ScaledObject k and ScaledObject l",
		},
		"KEDA unseen": {func(t *testing.T, f fixture) {
			t.Helper()
			f.keda(t, "k", "app", "")
			f.Delete("scaledobjects.keda.sh/prod/k")
		}, "is made by KEDA"},
		"belongs to another": {func(t *testing.T, f fixture) {
			t.Helper()
			f.Edit(t, appKey, func(o map[string]any) {
				kubeapitest.Child(o, "metadata")["ownerReferences"] = []any{map[string]any{
					"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "name": "app-00001", "uid": "u", "controller": true,
				}}
			})
		}, "belongs to Revision app-00001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.own(t, f)
			err := f.apply(t, "prod/app", models.Warm(5))
			wantKind(t, err, models.KindConflict)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if n := f.Patches(); n != 0 {
				t.Errorf("%d requests that write, want none", n)
			}
		})
	}
}

// TestStrangersAreNoOwners has autoscalers of other workloads around.
func TestStrangersAreNoOwners(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.hpa(t, "a", "other", 1, 9)
	f.keda(t, "k", "another", "")
	f.Put(t, "horizontalpodautoscalers.autoscaling/prod/set", `{"spec":{"minReplicas":1,"maxReplicas":3,
		"scaleTargetRef":{"apiVersion":"apps/v1","kind":"StatefulSet","name":"app"}}}`)
	f.Put(t, "horizontalpodautoscalers.autoscaling/prod/group", `{"spec":{"minReplicas":1,"maxReplicas":3,
		"scaleTargetRef":{"apiVersion":"example.com/v1","kind":"Deployment","name":"app"}}}`)
	f.Put(t, "horizontalpodautoscalers.autoscaling/elsewhere/app", `{"spec":{"minReplicas":1,"maxReplicas":3,
		"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"app"}}}`)
	if err := f.apply(t, "prod/app", models.Warm(4)); err != nil {
		t.Fatal(err)
	}
	if got := f.spec(appKey, "replicas"); got != 4 {
		t.Errorf("%v replicas, want 4", got)
	}
}

// TestNewOwnerIsSeen gives a workload an owner after it was last looked for: its replicas are not written.
func TestNewOwnerIsSeen(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *kubernetes.Config) { c.OwnersTTL = models.Duration(time.Hour) })
	f.have(t, "prod/app", models.Warm(3))
	f.hpa(t, "app", "app", 3, 9)
	f.have(t, "prod/app", models.Warm(5))
	if got := f.spec(hpaKey, "minReplicas"); got != 5 {
		t.Errorf("minReplicas is %v, want 5", got)
	}
	// The owner goes away: what is remembered is wrong, and is asked for anew.
	f.Delete(hpaKey)
	wantKind(t, f.apply(t, "prod/app", models.Warm(6)), models.KindConflict)
	f.have(t, "prod/app", models.Warm(6))
	if got := f.spec(appKey, "replicas"); got != 6 {
		t.Errorf("%v replicas, want 6", got)
	}
	// It turns to another workload.
	f.hpa(t, "app", "app", 3, 9)
	f.have(t, "prod/app", models.Warm(7))
	f.Edit(t, hpaKey, func(o map[string]any) {
		kubeapitest.Child(kubeapitest.Child(o, "spec"), "scaleTargetRef")["name"] = "other"
	})
	wantKind(t, f.apply(t, "prod/app", models.Warm(8)), models.KindConflict)
	if got := f.spec(hpaKey, "minReplicas"); got != 7 {
		t.Errorf("minReplicas of another workload's owner is %v, want 7 as before", got)
	}
}

// TestSomebodyElseWrites changes objects between the read and the write: a capacity that was changed is not overwritten, a status
// that moved on does not hold the write up.
func TestSomebodyElseWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(o map[string]any)
		want   float64
		fails  bool
	}{
		"status": {change: func(o map[string]any) { kubeapitest.Child(o, "status")["currentReplicas"] = 2.0 }, want: 6},
		"floor":  {change: func(o map[string]any) { kubeapitest.Child(o, "spec")["minReplicas"] = 4.0 }, want: 4, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.hpa(t, "app", "app", 2, 9)
			done := false
			f.Before(func(method, _ string) {
				if method == http.MethodPatch && !done {
					done = true
					f.Edit(t, hpaKey, c.change)
				}
			})
			err := f.apply(t, "prod/app", models.Warm(6))
			if c.fails {
				wantKind(t, err, models.KindConflict)
			} else if err != nil {
				t.Error(err)
			}
			if got := f.spec(hpaKey, "minReplicas"); got != c.want {
				t.Errorf("minReplicas is %v, want %v", got, c.want)
			}
		})
	}
	t.Run("always", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		n := 0.0
		f.Before(func(method, _ string) {
			if method == http.MethodPatch {
				n++
				f.Edit(t, appKey, func(o map[string]any) { kubeapitest.Child(o, "status")["collisionCount"] = n })
			}
		})
		wantKind(t, f.apply(t, "prod/app", models.Warm(6)), models.KindConflict)
		if f.Patches() != 4 {
			t.Errorf("%d requests that write, want 4", f.Patches())
		}
	})
}

func TestAtZeroReplicas(t *testing.T) {
	t.Parallel()
	zero := func(o map[string]any) { kubeapitest.Child(o, "spec")["replicas"] = 0.0 }
	for name, c := range map[string]struct {
		floor   int
		wake    bool
		refused bool
		writes  int
	}{
		"switched off":       {floor: 1, refused: true},
		"to be woken":        {floor: 1, wake: true, writes: 2},
		"scaled to zero":     {floor: 0, writes: 2},
		"to be woken only":   {floor: 5, wake: true, writes: 1},
		"off, floor is held": {floor: 5, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c2 *kubernetes.Config) { c2.WakeFromZero = c.wake })
			f.hpa(t, "app", "app", c.floor, 9)
			f.Edit(t, appKey, zero)
			if note := f.observe(t, "prod/app").Note; strings.Contains(note, "is off") != (c.floor > 0) {
				t.Errorf("the note is %q", note)
			}
			err := f.apply(t, "prod/app", models.Warm(5))
			if f.Writes() != c.writes {
				t.Errorf("%d writes, want %d", f.Writes(), c.writes)
			}
			if c.refused {
				wantKind(t, err, models.KindConflict)
				if err != nil && !strings.Contains(err.Error(), "wake_from_zero") {
					t.Errorf("error %q gives no advice", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			f.Settle()
			if obs := f.observe(t, "prod/app"); obs.Ready != 5 || obs.Pending {
				t.Errorf("Observe = %+v, want 5 ready", obs)
			}
		})
	}
}

func TestKEDAHolds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotation, value string
		idle, refused     bool
	}{
		"paused":           {annotation: "paused", value: "true", refused: true},
		"paused False":     {annotation: "paused", value: "false"},
		"paused replicas":  {annotation: "paused-replicas", value: "0", refused: true},
		"paused scale in":  {annotation: "paused-scale-in", value: "True", refused: true},
		"paused scale out": {annotation: "paused-scale-out", value: "true", refused: true},
		"idle":             {idle: true, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.keda(t, "app", "app", `,"minReplicaCount":2`)
			f.Edit(t, kedaKey, func(o map[string]any) {
				if c.idle {
					kubeapitest.Child(o, "spec")["idleReplicaCount"] = 0.0
					return
				}
				kubeapitest.Child(kubeapitest.Child(o, "metadata"), "annotations")["autoscaling.keda.sh/"+c.annotation] = c.value
			})
			err := f.apply(t, "prod/app", models.Warm(5))
			if !c.refused {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantKind(t, err, models.KindConflict)
			obs := f.observe(t, "prod/app")
			if f.Patches() != 0 || obs.Pending || obs.Note == "" {
				t.Errorf("%d requests that write, Observe = %+v; want none, and a note", f.Patches(), obs)
			}
			// What is there already is no change.
			if err := f.apply(t, "prod/app", models.Warm(2)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFailingOwnersAreNotPending says what is wrong with an owner that does not act, rather than waiting for it for ever.
func TestFailingOwnersAreNotPending(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.hpa(t, "app", "app", 5, 9)
	f.Edit(t, hpaKey, func(o map[string]any) {
		kubeapitest.Child(o, "status")["conditions"] = []any{map[string]any{
			"type": "AbleToScale", "status": "False", "reason": "FailedGetScale", "message": "no scale",
		}}
	})
	if obs := f.observe(t, "prod/app"); obs.Pending || !strings.Contains(obs.Note, "FailedGetScale: no scale") {
		t.Errorf("Observe = %+v", obs)
	}
	f.deployment(t, "b", 1)
	f.keda(t, "b", "b", `,"minReplicaCount":3`)
	f.Edit(t, "scaledobjects.keda.sh/prod/b", func(o map[string]any) {
		kubeapitest.Child(o, "status")["conditions"] = []any{map[string]any{
			"type": "Ready", "status": "False", "reason": "ScaledObjectCheckFailed", "message": "bad trigger",
		}}
	})
	got, err := f.another(t).Observe(t.Context(), target("prod/b"))
	if err != nil || got.Pending || !strings.Contains(got.Note, "bad trigger") {
		t.Errorf("Observe = %+v, %v", got, err)
	}
}
