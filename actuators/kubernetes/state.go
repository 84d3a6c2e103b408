package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// state is what holds the capacity of a target, as it was read.
type state struct {
	workload workload
	owner    owner
	// have holds every lever that the target has.
	have models.Capacity
	// holder is the object whose spec holds the levers, version its resource version.
	holder  kubeapi.Object
	version string
	// fields are the names of the levers in the spec of the holder.
	fields fields
	// pending says that what holds the floor will still raise the replicas to it.
	pending bool
	// refusal says why nothing may be written now, "" if it may.
	refusal string
	notes   []string
}

// fields are the names under which a spec holds levers, "" for one that it does not have.
type fields struct{ warm, maxInst, keepAlive string }

// observation returns the state in the words of Pilotlight.
func (s *state) observation(levers models.Lever) models.Observation {
	notes := s.notes
	if note := s.workload.readiness(); note != "" {
		notes = append(notes, note)
	}
	return models.Observation{
		Capacity: s.have.Only(levers), Ready: s.workload.ready, Pending: s.pending || s.workload.unseen, Note: strings.Join(notes, "; "),
	}
}

// patch returns the change of the spec that gives the holder the levers of to.
func (s *state) patch(to models.Capacity) map[string]any {
	spec := make(map[string]any)
	if n, ok := to.Warm(); ok {
		spec[s.fields.warm] = n
	}
	if n, ok := to.Max(); ok {
		spec[s.fields.maxInst] = n
	}
	if d, ok := to.KeepAlive(); ok {
		spec[s.fields.keepAlive] = int64(d / time.Second)
	}
	return map[string]any{"spec": spec}
}

// look reads the state of a target. With writing it makes sure that an autoscaler that is new is seen.
func (a *Actuator) look(ctx context.Context, r ref, writing bool) (state, error) {
	w, err := a.workload(ctx, r)
	if err != nil {
		return state{}, err
	}
	o, err := a.ownerOf(ctx, r, writing)
	if err != nil {
		return state{}, err
	}
	switch {
	case o == owner{}:
		return a.bare(r, w), nil
	case o.scaledObject:
		return a.kedaState(ctx, r, w, o)
	default:
		return a.hpaState(ctx, r, w, o)
	}
}

// bare is the state of a workload without an autoscaler: its replicas are the floor.
func (a *Actuator) bare(r ref, w workload) state {
	s := state{workload: w, have: models.Warm(w.replicas), holder: r.object("scale"), version: w.version, fields: fields{warm: "replicas"}}
	if w.controller != "" {
		s.refusal = "it belongs to " + w.controller + ", which would undo the change; name that as the target"
		s.notes = append(s.notes, "belongs to "+w.controller)
	}
	return s
}

// hpaState is the state of a workload whose replicas a HorizontalPodAutoscaler sets.
func (a *Actuator) hpaState(ctx context.Context, r ref, w workload, o owner) (state, error) {
	h, err := kubeapi.Get[autoscalingv2.HorizontalPodAutoscaler](ctx, a.client, hpas(r.namespace, o.name))
	ref := h.Spec.ScaleTargetRef
	if err := a.still(r, o, err, r.is(ref.Kind, ref.Name, ref.APIVersion)); err != nil {
		return state{}, err
	}
	floor := 1
	if h.Spec.MinReplicas != nil {
		floor = int(*h.Spec.MinReplicas)
	}
	s := state{
		workload: w, owner: o, holder: hpas(r.namespace, o.name), version: h.ResourceVersion,
		have:   models.Warm(floor).WithMax(int(h.Spec.MaxReplicas)),
		fields: fields{warm: "minReplicas", maxInst: "maxReplicas"},
	}
	unable := condition(h.Status.Conditions, autoscalingv2.AbleToScale)
	switch {
	case w.replicas == 0 && floor > 0:
		s.notes = append(s.notes, o.String()+" is off, because the workload has 0 replicas")
	case unable != "":
		s.notes = append(s.notes, o.String()+" cannot scale: "+unable)
	default:
		s.pending = w.replicas < floor
	}
	return s, nil
}

// condition returns what a condition that is false says, "" if it is not false.
func condition(all []autoscalingv2.HorizontalPodAutoscalerCondition, which autoscalingv2.HorizontalPodAutoscalerConditionType) string {
	for i := range all {
		if all[i].Type == which && all[i].Status == corev1.ConditionFalse {
			return all[i].Reason + ": " + all[i].Message
		}
	}
	return ""
}

// scaledObject is what is read of KEDA's object.
type scaledObject struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		ScaleTargetRef struct {
			Name       string `json:"name"`
			Kind       string `json:"kind"`
			APIVersion string `json:"apiVersion"`
		} `json:"scaleTargetRef"`
		MinReplicaCount  *int32 `json:"minReplicaCount"`
		MaxReplicaCount  *int32 `json:"maxReplicaCount"`
		IdleReplicaCount *int32 `json:"idleReplicaCount"`
		CooldownPeriod   *int32 `json:"cooldownPeriod"`
	} `json:"spec"`
	Status struct {
		HPAName    string             `json:"hpaName"`
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// targets reports whether the object scales that workload, by default a Deployment.
func (s *scaledObject) targets(r ref) bool {
	to := s.Spec.ScaleTargetRef
	if to.Kind == "" {
		to.Kind = "Deployment"
	}
	if to.APIVersion == "" {
		to.APIVersion = "apps/v1"
	}
	return r.is(to.Kind, to.Name, to.APIVersion)
}

// KEDA's defaults for what a ScaledObject does not say.
const (
	kedaMax      = 100
	kedaCooldown = 300
)

// kedaState is the state of a workload whose replicas KEDA sets.
func (a *Actuator) kedaState(ctx context.Context, r ref, w workload, o owner) (state, error) {
	k, err := kubeapi.Get[scaledObject](ctx, a.client, scaledObjects(r.namespace, o.name))
	if err := a.still(r, o, err, k.targets(r)); err != nil {
		return state{}, err
	}
	floor := or(k.Spec.MinReplicaCount, 0)
	s := state{
		workload: w, owner: o, holder: scaledObjects(r.namespace, o.name), version: k.ResourceVersion,
		have: models.Warm(floor).WithMax(or(k.Spec.MaxReplicaCount, kedaMax)).
			WithKeepAlive(time.Duration(or(k.Spec.CooldownPeriod, kedaCooldown)) * time.Second),
		fields: fields{warm: "minReplicaCount", maxInst: "maxReplicaCount", keepAlive: "cooldownPeriod"},
	}
	failing := ""
	for _, c := range k.Status.Conditions {
		if c.Type == "Ready" && c.Status == metav1.ConditionFalse {
			failing = c.Reason + ": " + c.Message
		}
	}
	switch paused := pausedBy(k.Annotations); {
	case paused != "":
		s.refusal = o.String() + " is paused by its annotation " + paused + "; remove that first"
		s.notes = append(s.notes, o.String()+" is paused by "+paused)
	case k.Spec.IdleReplicaCount != nil:
		s.refusal = fmt.Sprintf("%s has idleReplicaCount %d, which holds instead of the floor while no trigger is active; remove it",
			o, *k.Spec.IdleReplicaCount)
		s.notes = append(s.notes, "idleReplicaCount holds instead of the floor while no trigger is active")
	case failing != "":
		s.notes = append(s.notes, o.String()+" is not ready: "+failing)
	default:
		s.pending = w.replicas < floor
	}
	return s, nil
}

// or returns the number, or what stands for a missing one.
func or(n *int32, missing int) int {
	if n == nil {
		return missing
	}
	return int(*n)
}

// pausedBy returns which annotation stops KEDA from scaling, "" for none.
func pausedBy(annotations map[string]string) string {
	const prefix = "autoscaling.keda.sh/"
	if _, given := annotations[prefix+"paused-replicas"]; given {
		return prefix + "paused-replicas"
	}
	for _, name := range []string{"paused", "paused-scale-in", "paused-scale-out"} {
		if strings.EqualFold(annotations[prefix+name], "true") {
			return prefix + name
		}
	}
	return ""
}

// still checks that the owner that was remembered is there and still scales the workload; else it is looked for anew next time.
func (a *Actuator) still(r ref, o owner, err error, same bool) error {
	switch {
	case err != nil && actuators.KindOf(err) == models.KindNotFound, err == nil && !same:
		a.owners.forget(r.namespace)
		return &actuators.Error{
			Kind: models.KindConflict, Op: "read " + o.String(), Err: errors.New("it no longer scales " + r.String() + "; it is looked for anew"),
		}
	}
	return err
}
