package kubeapi_test

import (
	"testing"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const appKey = "deployments.apps/prod/app"

// app names the Deployment of the tests.
func app() kubeapi.Object {
	return kubeapi.Object{
		Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, Namespace: "prod", Name: "app",
	}
}

// object is what the tests read.
type object struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Replicas int `json:"replicas"`
	} `json:"spec"`
}

// newServer returns a server with the Deployment, and a client for it.
func newServer(t *testing.T) (*kubeapitest.Server, *kubeapi.Client) {
	t.Helper()
	server := kubeapitest.New(t)
	server.Put(t, appKey, `{"spec":{"replicas":2,"selector":{},"template":{"metadata":{},"spec":{"containers":[]}}}}`)
	return server, kubeapi.NewClient(kubeapi.Access{Kubeconfig: server.Kubeconfig(t)})
}

// replicas is a patch.
func replicas(n int) map[string]any { return map[string]any{"spec": map[string]any{"replicas": n}} }

// wantKind checks the kind of an error.
func wantKind(t *testing.T, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("got error %v of kind %s, want kind %s", err, actuators.KindOf(err), kind)
	}
}
