package knative_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day is when the tests play.
var day = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

const (
	minScale  = "autoscaling.knative.dev/min-scale"
	maxScale  = "autoscaling.knative.dev/max-scale"
	retention = "autoscaling.knative.dev/scale-to-zero-pod-retention-period"
)

// fixture is a cluster with Knative Serving of a version and the service prod/app with one active revision, and an actuator.
type fixture struct {
	*kubeapitest.Server
	actuator *knative.Actuator
}

func newFixture(t *testing.T, version string, edits ...func(*knative.Config)) fixture {
	t.Helper()
	server := kubeapitest.New(t)
	server.Put(t, "customresourcedefinitions.apiextensions.k8s.io/podautoscalers.autoscaling.internal.knative.dev",
		fmt.Sprintf(`{"metadata":{"labels":{"app.kubernetes.io/version":%q}}}`, version))
	config := knative.DefaultConfig()
	config.Kubeconfig = server.Kubeconfig(t)
	config.Requests.PerSecond = 0
	for _, edit := range edits {
		edit(&config)
	}
	a, err := knative.New("cluster", config, func() time.Time { return day })
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{Server: server, actuator: a}
	if version == "1.20.1" {
		server.OldKnative()
	}
	f.service(t, "app")
	f.revision(t, "app", "app-00001", "active")
	return f
}

// service makes a service with its configuration.
func (f fixture) service(t *testing.T, name string) {
	t.Helper()
	f.Put(t, "services.serving.knative.dev/prod/"+name, `{"spec":{}}`)
	f.Put(t, "configurations.serving.knative.dev/prod/"+name, `{"spec":{}}`)
}

// revision makes a revision of a service and its PodAutoscaler, at rest at 0 instances.
func (f fixture) revision(t *testing.T, service, name, state string) {
	t.Helper()
	f.Put(t, revisionKey(name), fmt.Sprintf(`{"metadata":{"labels":{"serving.knative.dev/configuration":%q,
		"serving.knative.dev/service":%q,"serving.knative.dev/routingState":%q}},"spec":{"containers":[{"image":"a"}]}}`, service, service, state))
	f.Put(t, scalerKey(name), fmt.Sprintf(`{"metadata":{"labels":{"serving.knative.dev/configuration":%q}},"spec":{},
		"status":{"desiredScale":0,"actualScale":0}}`, service))
}

func revisionKey(name string) string { return "revisions.serving.knative.dev/prod/" + name }

func scalerKey(name string) string {
	return "podautoscalers.autoscaling.internal.knative.dev/prod/" + name
}

// annotation returns an annotation of an object, "" if it has none.
func (f fixture) annotation(key, name string) string {
	text, _ := kubeapitest.Child(kubeapitest.Child(f.Object(key), "metadata"), "annotations")[name].(string)
	return text
}

// annotate sets an annotation as somebody else would.
func (f fixture) annotate(t *testing.T, key, name, value string) {
	t.Helper()
	f.Edit(t, key, func(o map[string]any) {
		kubeapitest.Child(kubeapitest.Child(o, "metadata"), "annotations")[name] = value
	})
}

func target(ref string) models.Target { return models.Target{ID: models.TargetID(ref), Ref: ref} }

func (f fixture) apply(t *testing.T, ref string, to models.Capacity) error {
	t.Helper()
	action := models.Action{ID: "a", Target: models.TargetID(ref), To: to, Issued: day, Expires: day.Add(time.Hour)}
	return f.actuator.Apply(t.Context(), target(ref), action)
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

// wantKind checks the kind of an error.
func wantKind(t *testing.T, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("got error %v of kind %s, want kind %s", err, actuators.KindOf(err), kind)
	}
}
