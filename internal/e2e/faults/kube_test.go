package faults

import (
	"testing"
	"time"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

// day is when the clusters' tests play.
func day() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }

// onKubernetes returns a Deployment, with an autoscaler that owns its replicas if owned.
func onKubernetes(owned bool) func(t *testing.T) actuatorstest.Platform {
	return func(t *testing.T) actuatorstest.Platform {
		t.Helper()
		server, config := kubeapitest.New(t), kubernetes.DefaultConfig()
		server.Put(t, "deployments.apps/prod/app", `{"spec":{"replicas":2,"selector":{"matchLabels":{"app":"a"}},
			"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"a","image":"a"}]}}},
			"status":{"observedGeneration":1,"replicas":2,"readyReplicas":2}}`)
		if owned {
			server.Put(t, "horizontalpodautoscalers.autoscaling/prod/app", `{"spec":{"minReplicas":2,"maxReplicas":50,
				"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"app"},
				"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","value":"1"}}}]}}`)
		}
		config.Kubeconfig, config.Requests.PerSecond = server.Kubeconfig(t), 0
		a, err := kubernetes.New("cluster", config, day)
		if err != nil {
			t.Fatal(err)
		}
		return actuatorstest.Platform{
			Actuator: a, Targets: []models.Target{{ID: "f", Ref: "prod/app"}}, Writes: server.Writes, Settle: server.Settle, Clock: day,
		}
	}
}

func onKnative(t *testing.T) actuatorstest.Platform {
	t.Helper()
	server, config := kubeapitest.New(t), knative.DefaultConfig()
	for _, o := range []struct{ key, object string }{
		{
			"customresourcedefinitions.apiextensions.k8s.io/podautoscalers.autoscaling.internal.knative.dev",
			`{"metadata":{"labels":{"app.kubernetes.io/version":"1.21.0"}}}`,
		},
		{"services.serving.knative.dev/prod/app", `{"spec":{}}`},
		{"configurations.serving.knative.dev/prod/app", `{"spec":{}}`},
		{"revisions.serving.knative.dev/prod/app-00001", `{"metadata":{"labels":{"serving.knative.dev/configuration":"app",
			"serving.knative.dev/service":"app","serving.knative.dev/routingState":"active"}},"spec":{"containers":[{"image":"a"}]}}`},
		{"podautoscalers.autoscaling.internal.knative.dev/prod/app-00001", `{"metadata":{"labels":{
			"serving.knative.dev/configuration":"app"}},"spec":{},"status":{"desiredScale":0,"actualScale":0}}`},
	} {
		server.Put(t, o.key, o.object)
	}
	config.Kubeconfig, config.Requests.PerSecond = server.Kubeconfig(t), 0
	a, err := knative.New("cluster", config, day)
	if err != nil {
		t.Fatal(err)
	}
	return actuatorstest.Platform{
		Actuator: a, Targets: []models.Target{{ID: "f", Ref: "prod/app"}}, Writes: server.Writes, Settle: server.Settle, Clock: day,
	}
}
