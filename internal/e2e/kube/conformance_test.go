//go:build kube

package kube

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

// world is a namespace with objects of one kind, an actuator for them, and what plays the controllers.
type world struct {
	*proxy
	namespace string
	actuator  actuators.Actuator
}

func target(ref string) models.Target { return models.Target{ID: models.TargetID(ref), Ref: ref} }

// newKubernetes makes a world with an actuator for workloads.
func newKubernetes(t *testing.T, edits ...func(*kubernetes.Config)) world {
	t.Helper()
	w := world{proxy: newProxy(t), namespace: plane.namespace(t)}
	config := kubernetes.DefaultConfig()
	config.Kubeconfig, config.Requests.PerSecond = w.kubeconfig(t, plane.token(t)), 0
	for _, edit := range edits {
		edit(&config)
	}
	a, err := kubernetes.New("cluster", config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.actuator = a
	return w
}

// newKnative makes a world with an actuator for services.
func newKnative(t *testing.T, edits ...func(*knative.Config)) world {
	t.Helper()
	w := world{proxy: newProxy(t), namespace: plane.namespace(t)}
	config := knative.DefaultConfig()
	config.Kubeconfig, config.Requests.PerSecond = w.kubeconfig(t, plane.token(t)), 0
	for _, edit := range edits {
		edit(&config)
	}
	a, err := knative.New("cluster", config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.actuator = a
	return w
}

func (w world) apply(t *testing.T, name string, to models.Capacity) error {
	t.Helper()
	return w.actuator.Apply(t.Context(), target(w.namespace+"/"+name), models.Action{ID: "a", To: to, Issued: time.Now(), Expires: time.Now().Add(time.Hour)})
}

func (w world) observe(t *testing.T, name string) models.Observation {
	t.Helper()
	obs, err := w.actuator.Observe(t.Context(), target(w.namespace+"/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return obs
}

// deployment makes a Deployment with 2 replicas.
func (w world) deployment(t *testing.T, name string) {
	t.Helper()
	plane.create(t, deployments, w.namespace, fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%q},"spec":{"replicas":2,
		"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"a","image":"a"}]}}},
		"status":{"observedGeneration":1,"replicas":2,"readyReplicas":2}}`, name))
}

func (w world) hpa(t *testing.T, name string) {
	t.Helper()
	plane.create(t, autoscalers, w.namespace, fmt.Sprintf(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":%q},
		"spec":{"minReplicas":2,"maxReplicas":50,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":%q},
		"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","value":"1"}}}]}}`, name, name))
}

// keda makes a ScaledObject, and the HorizontalPodAutoscaler that KEDA makes for it.
func (w world) keda(t *testing.T, name string) {
	t.Helper()
	plane.create(t, scaledObjects, w.namespace, fmt.Sprintf(`{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","metadata":{"name":%q},
		"spec":{"minReplicaCount":2,"scaleTargetRef":{"name":%q},"triggers":[{"type":"cron","metadata":{"timezone":"UTC"}}]},
		"status":{"hpaName":"keda-hpa-%s"}}`, name, name, name))
	plane.create(t, autoscalers, w.namespace, fmt.Sprintf(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"keda-hpa-%s",
		"ownerReferences":[{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","name":%q,"uid":"u","controller":true}]},
		"spec":{"minReplicas":2,"maxReplicas":100,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":%q}}}`, name, name, name))
}

// service makes a service with one active revision at rest.
func (w world) service(t *testing.T, name string) {
	t.Helper()
	plane.create(t, services, w.namespace, fmt.Sprintf(`{"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":%q},"spec":{}}`, name))
	plane.create(t, configurations, w.namespace,
		fmt.Sprintf(`{"apiVersion":"serving.knative.dev/v1","kind":"Configuration","metadata":{"name":%q},"spec":{}}`, name))
	w.revision(t, name, name+"-00001")
}

// revision makes an active revision with its PodAutoscaler.
func (w world) revision(t *testing.T, service, name string) {
	t.Helper()
	plane.create(t, revisions, w.namespace, fmt.Sprintf(`{"apiVersion":"serving.knative.dev/v1","kind":"Revision","metadata":{"name":%q,"labels":{
		"serving.knative.dev/configuration":%q,"serving.knative.dev/routingState":"active"}},"spec":{"containers":[{"image":"a"}]}}`, name, service))
	plane.create(t, podAutoscalers, w.namespace, fmt.Sprintf(`{"apiVersion":"autoscaling.internal.knative.dev/v1alpha1","kind":"PodAutoscaler",
		"metadata":{"name":%q,"labels":{"serving.knative.dev/configuration":%q}},"spec":{"protocolType":"http1",
		"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"a"}},"status":{"serviceName":"s","metricsServiceName":"m","desiredScale":0,"actualScale":0}}`, name, service))
}

// settleWorkloads plays the controllers of Deployments, HorizontalPodAutoscalers and KEDA without load.
func (w world) settleWorkloads(t *testing.T) {
	t.Helper()
	for _, owner := range []struct {
		all   []unstructured.Unstructured
		field string
	}{{w.list(t, autoscalers), "minReplicas"}, {w.list(t, scaledObjects), "minReplicaCount"}} {
		for i := range owner.all {
			o := &owner.all[i]
			name, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
			if floor := number(o.Object, "spec", owner.field); !strings.HasPrefix(o.GetName(), "keda-hpa-") && floor >= 0 {
				plane.patch(t, deployments, w.namespace, name, map[string]any{"spec": map[string]any{"replicas": floor}}, "scale")
			}
		}
	}
	for _, d := range w.list(t, deployments) {
		n := number(d.Object, "spec", "replicas")
		plane.patch(t, deployments, w.namespace, d.GetName(), map[string]any{"status": map[string]any{
			"replicas": n, "readyReplicas": n, "observedGeneration": d.GetGeneration(),
		}}, "status")
	}
}

// settleServices plays the controllers of Knative without load; synced copies annotations as from 1.21 on.
func (w world) settleServices(t *testing.T, synced bool) {
	t.Helper()
	for _, r := range w.list(t, revisions) {
		if synced {
			plane.patch(t, podAutoscalers, w.namespace, r.GetName(), map[string]any{"metadata": map[string]any{"annotations": r.GetAnnotations()}})
		}
		pa := plane.get(t, podAutoscalers, w.namespace, r.GetName())
		text, _, _ := unstructured.NestedString(pa, "metadata", "annotations", "autoscaling.knative.dev/min-scale")
		n, _ := strconv.Atoi(text)
		plane.patch(t, podAutoscalers, w.namespace, r.GetName(), map[string]any{"status": map[string]any{"desiredScale": n, "actualScale": n}}, "status")
	}
}

// list reads all objects of a type in the namespace.
func (w world) list(t *testing.T, gvr schema.GroupVersionResource) []unstructured.Unstructured {
	t.Helper()
	all, err := plane.admin.Resource(gvr).Namespace(w.namespace).List(context.WithoutCancel(t.Context()), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return all.Items
}

// platform makes a world one for the conformance suite.
func (w world) platform(t *testing.T, create func(t *testing.T, name string), settle func()) actuatorstest.Platform {
	t.Helper()
	p := actuatorstest.Platform{
		Actuator: w.actuator, Unknown: target(w.namespace + "/nobody"), Writes: w.changes, Settle: settle, Fail: w.failNext, Stall: w.stall,
		Clock: time.Now,
	}
	for i := range 4 {
		name := fmt.Sprintf("app-%d", i)
		create(t, name)
		p.Targets = append(p.Targets, target(w.namespace+"/"+name))
	}
	return p
}

func TestConformanceOfKubernetes(t *testing.T) {
	t.Parallel()
	for name, levers := range map[string][]string{
		"none": {"warm"}, "hpa": {"warm", "max"}, "keda": {"warm", "max", "keep_alive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				w := newKubernetes(t, func(c *kubernetes.Config) { c.Levers, c.OnZero = levers, kubernetes.OnZeroScaleToZero })
				return w.platform(t, func(t *testing.T, app string) {
					t.Helper()
					w.deployment(t, app)
					switch name {
					case "hpa":
						w.hpa(t, app)
					case "keda":
						w.keda(t, app)
					}
				}, func() { w.settleWorkloads(t) })
			}})
		})
	}
}

func TestConformanceOfKnative(t *testing.T) {
	t.Parallel()
	for _, holder := range []knative.WritesTo{knative.WritesToRevision, knative.WritesToPodAutoscaler} {
		t.Run(string(holder), func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				w := newKnative(t, func(c *knative.Config) { c.WritesTo = holder })
				return w.platform(t, w.service, func() { w.settleServices(t, holder == knative.WritesToRevision) })
			}})
		})
	}
}
