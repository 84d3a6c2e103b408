package kubernetes

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"pilotlight/actuators/kubeapi"
)

// appsWorkload is what Deployments, StatefulSets and ReplicaSets of apps/v1 have in common.
type appsWorkload struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Replicas *int32 `json:"replicas"`
	} `json:"spec"`
	Status struct {
		ReadyReplicas      int32 `json:"readyReplicas"`
		ObservedGeneration int64 `json:"observedGeneration"`
	} `json:"status"`
}

// workload is what is read of a workload of any kind.
type workload struct {
	version string
	// replicas are those asked for, ready those that can serve, -1 if unknown.
	replicas, ready int
	// unseen says that the controller has not yet looked at the last change.
	unseen bool
	// controller is what made the workload, such as "Revision app-00001"; "" for nobody.
	controller string
}

// workload reads the workload.
func (a *Actuator) workload(ctx context.Context, r ref) (workload, error) {
	if !r.kind.apps {
		scale, err := kubeapi.Get[autoscalingv1.Scale](ctx, a.client, r.object("scale"))
		return workload{version: scale.ResourceVersion, replicas: int(scale.Spec.Replicas), ready: -1}, err
	}
	object, err := kubeapi.Get[appsWorkload](ctx, a.client, r.object(""))
	if err != nil {
		return workload{}, err
	}
	w := workload{
		version: object.ResourceVersion, replicas: 1, ready: int(object.Status.ReadyReplicas),
		unseen: object.Status.ObservedGeneration < object.Generation,
	}
	if object.Spec.Replicas != nil {
		w.replicas = int(*object.Spec.Replicas)
	}
	if c := metav1.GetControllerOf(&object); c != nil {
		w.controller = c.Kind + " " + c.Name
	}
	return w, nil
}

// setReplicas asks for n replicas of a workload that must still be as it was read.
func (a *Actuator) setReplicas(ctx context.Context, r ref, version string, n int, send kubeapi.Patcher) error {
	return send(ctx, a.client, r.object("scale"), version, map[string]any{"spec": map[string]any{"replicas": n}})
}

// readiness says how many replicas are ready, if fewer than asked for.
func (w workload) readiness() string {
	if w.ready < 0 || w.ready >= w.replicas {
		return ""
	}
	return fmt.Sprintf("%d of %d replicas are ready", w.ready, w.replicas)
}
