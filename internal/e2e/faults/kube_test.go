package faults

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

// wireOf is that of a cluster.
func wireOf(server *kubeapitest.Server) *wire {
	return &wire{
		script: server.Script, reads: []string{http.MethodGet}, writes: []string{http.MethodPatch},
		own: []named{
			own("throttled", kubeapitest.Later(429, "TooManyRequests", "too many requests", 0)),
			onWrites("conflict", kubeapitest.Conflict()),
			onWrites("quota", kubeapitest.Status(403, "Forbidden", "pods is forbidden: exceeded quota: q, requested: x")),
			own("internal", kubeapitest.Status(500, "InternalError", "on purpose")),
			own("unavailable", kubeapitest.Status(503, "ServiceUnavailable", "on purpose")),
			own("timeout", kubeapitest.Status(504, "Timeout", "on purpose")),
			own("denied", kubeapitest.Status(403, "Forbidden", "on purpose")),
			own("unauthenticated", kubeapitest.Status(401, "Unauthorized", "on purpose")),
			own("not found", kubeapitest.Status(404, "NotFound", "on purpose")),
			onWrites("invalid", kubeapitest.Status(422, "Invalid", "on purpose")),
		},
	}
}

// onCluster returns a stage with the target prod/app.
func onCluster(server *kubeapitest.Server, again func() actuators.Actuator, floor func() int) stage {
	return stage{
		Platform: actuatorstest.Platform{
			Actuator: again(), Targets: []models.Target{{ID: "f", Ref: "prod/app"}}, Writes: server.Writes, Settle: server.Settle, Clock: day,
		},
		again: again, floor: floor, wire: wireOf(server),
	}
}

// onKubernetes returns a Deployment, with the autoscaler that owns its replicas: hpa, keda or none.
func onKubernetes(owner string) func(t *testing.T) stage {
	return func(t *testing.T) stage {
		t.Helper()
		server, config := kubeapitest.New(t), kubernetes.DefaultConfig()
		key, field := "deployments.apps/prod/app", "replicas"
		server.Put(t, key, `{"spec":{"replicas":2,"selector":{"matchLabels":{"app":"a"}},
			"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"a","image":"a"}]}}},
			"status":{"observedGeneration":1,"replicas":2,"readyReplicas":2}}`)
		switch owner {
		case "hpa":
			key, field = "horizontalpodautoscalers.autoscaling/prod/app", "minReplicas"
			server.Put(t, key, `{"spec":{"minReplicas":2,"maxReplicas":50,
				"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"app"},
				"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","value":"1"}}}]}}`)
		case "keda":
			key, field = "scaledobjects.keda.sh/prod/app", "minReplicaCount"
			server.Put(t, key, `{"spec":{"scaleTargetRef":{"name":"app"},"triggers":[{"type":"cron"}],"minReplicaCount":2,"maxReplicaCount":50},
				"status":{"hpaName":"keda-hpa-app"}}`)
			server.Put(t, "horizontalpodautoscalers.autoscaling/prod/keda-hpa-app", `{
				"metadata":{"ownerReferences":[{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","name":"app","uid":"u","controller":true}]},
				"spec":{"minReplicas":2,"maxReplicas":50,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"app"}}}`)
		}
		config.Kubeconfig, config.Requests.PerSecond = server.Kubeconfig(t), 0
		again := func() actuators.Actuator {
			a, err := kubernetes.New("cluster", config, day)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		return onCluster(server, again, func() int {
			n, _ := kubeapitest.Child(server.Object(key), "spec")[field].(float64)
			return int(n)
		})
	}
}

// onKnative returns a service of that version of Knative Serving, whose floor the Revision has from 1.21 on, before that its PodAutoscaler.
func onKnative(version string) func(t *testing.T) stage {
	return func(t *testing.T) stage {
		t.Helper()
		server, config := kubeapitest.New(t), knative.DefaultConfig()
		holder := "revisions.serving.knative.dev/prod/app-00001"
		if version < "1.21" {
			server.OldKnative()
			holder = "podautoscalers.autoscaling.internal.knative.dev/prod/app-00001"
		}
		for _, o := range []struct{ key, object string }{
			{
				"customresourcedefinitions.apiextensions.k8s.io/podautoscalers.autoscaling.internal.knative.dev",
				fmt.Sprintf(`{"metadata":{"labels":{"app.kubernetes.io/version":%q}}}`, version),
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
		again := func() actuators.Actuator {
			a, err := knative.New("cluster", config, day)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		return onCluster(server, again, func() int {
			annotations := kubeapitest.Child(kubeapitest.Child(server.Object(holder), "metadata"), "annotations")
			text, _ := annotations["autoscaling.knative.dev/min-scale"].(string)
			n, err := strconv.Atoi(text)
			if err != nil {
				return 0
			}
			return n
		})
	}
}
