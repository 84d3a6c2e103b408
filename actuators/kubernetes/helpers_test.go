package kubernetes_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day is when the tests play.
var day = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

const (
	appKey  = "deployments.apps/prod/app"
	hpaKey  = "horizontalpodautoscalers.autoscaling/prod/app"
	kedaKey = "scaledobjects.keda.sh/prod/app"
)

// fixture is a cluster with the Deployment prod/app of 2 replicas, and an actuator for it.
type fixture struct {
	*kubeapitest.Server
	actuator *kubernetes.Actuator
	config   kubernetes.Config
}

// newFixture returns a fixture whose actuator is configured by edits.
func newFixture(t *testing.T, edits ...func(*kubernetes.Config)) fixture {
	t.Helper()
	server := kubeapitest.New(t)
	config := kubernetes.DefaultConfig()
	config.Kubeconfig = server.Kubeconfig(t)
	config.Levers = []string{"warm", "max", "keep_alive"}
	config.Requests.PerSecond = 0
	for _, edit := range edits {
		edit(&config)
	}
	f := fixture{Server: server, config: config}
	f.actuator = f.another(t)
	f.deployment(t, "app", 2)
	return f
}

// another returns a further actuator of the same configuration, which remembers nothing.
func (f fixture) another(t *testing.T) *kubernetes.Actuator {
	t.Helper()
	a, err := kubernetes.New("cluster", f.config, func() time.Time { return day })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f fixture) deployment(t *testing.T, name string, replicas int) {
	t.Helper()
	f.Put(t, "deployments.apps/prod/"+name, fmt.Sprintf(`{"spec":{"replicas":%d,"selector":{"matchLabels":{"app":"a"}},
		"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"a","image":"a"}]}}},
		"status":{"observedGeneration":1,"replicas":%d,"readyReplicas":%d}}`, replicas, replicas, replicas))
}

func (f fixture) hpa(t *testing.T, name, target string, least, most int) {
	t.Helper()
	f.Put(t, "horizontalpodautoscalers.autoscaling/prod/"+name, fmt.Sprintf(`{"spec":{"minReplicas":%d,"maxReplicas":%d,
		"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":%q},
		"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","value":"1"}}}]}}`, least, most, target))
}

// keda makes a ScaledObject, and the HorizontalPodAutoscaler that KEDA makes for it.
func (f fixture) keda(t *testing.T, name, target, more string) {
	t.Helper()
	f.Put(t, "scaledobjects.keda.sh/prod/"+name, fmt.Sprintf(`{"spec":{"scaleTargetRef":{"name":%q},"triggers":[{"type":"cron"}]%s},
		"status":{"hpaName":"keda-hpa-%s"}}`, target, more, name))
	f.Put(t, "horizontalpodautoscalers.autoscaling/prod/keda-hpa-"+name, fmt.Sprintf(`{
		"metadata":{"ownerReferences":[{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","name":%q,"uid":"u","controller":true}]},
		"spec":{"minReplicas":1,"maxReplicas":100,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":%q}}}`, name, target))
}

func target(ref string) models.Target { return models.Target{ID: models.TargetID(ref), Ref: ref} }

func action(ref string, to models.Capacity) models.Action {
	return models.Action{ID: "a", Target: models.TargetID(ref), To: to, Issued: day, Expires: day.Add(time.Hour)}
}

func (f fixture) apply(t *testing.T, ref string, to models.Capacity) error {
	t.Helper()
	return f.actuator.Apply(t.Context(), target(ref), action(ref, to))
}

// have gives a target a capacity and lets the controllers act.
func (f fixture) have(t *testing.T, ref string, to models.Capacity) {
	t.Helper()
	if err := f.apply(t, ref, to); err != nil {
		t.Fatal(err)
	}
	f.Settle()
}

func (f fixture) observe(t *testing.T, ref string) models.Observation {
	t.Helper()
	obs, err := f.actuator.Observe(t.Context(), target(ref))
	if err != nil {
		t.Fatal(err)
	}
	return obs
}

// spec returns a number of the spec of an object, -1 if it has none.
func (f fixture) spec(key, field string) float64 {
	if n, ok := kubeapitest.Child(f.Object(key), "spec")[field].(float64); ok {
		return n
	}
	return -1
}

// wantKind checks the kind of an error.
func wantKind(t *testing.T, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("got error %v of kind %s, want kind %s", err, actuators.KindOf(err), kind)
	}
}
