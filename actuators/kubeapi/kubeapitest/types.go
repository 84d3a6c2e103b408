package kubeapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// resourceType is a type of object that the server has.
type resourceType struct {
	group, version, resource, kind string
	namespaced, scale              bool
	// generations says that a change of the spec counts metadata.generation up.
	generations bool
	// check says what is wrong with an object that is about to replace another.
	check func(before, after map[string]any) []string
}

// name returns resource.group.
func (t resourceType) name() string { return t.resource + "." + t.group }

func (t resourceType) apiVersion() string { return t.group + "/" + t.version }

// resourceTypes returns all types.
func resourceTypes() []resourceType {
	return []resourceType{
		{"apps", "v1", "deployments", "Deployment", true, true, true, strictly[appsv1.Deployment]},
		{"apps", "v1", "statefulsets", "StatefulSet", true, true, true, strictly[appsv1.StatefulSet]},
		{"apps", "v1", "replicasets", "ReplicaSet", true, true, true, strictly[appsv1.ReplicaSet]},
		{"example.com", "v1", "rollouts", "Rollout", true, true, true, nil},
		{"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true, false, false, checkHPA},
		{"keda.sh", "v1alpha1", "scaledobjects", "ScaledObject", true, false, true, checkScaledObject},
		{"serving.knative.dev", "v1", "services", "Service", true, false, true, nil},
		{"serving.knative.dev", "v1", "configurations", "Configuration", true, false, true, nil},
		{"serving.knative.dev", "v1", "revisions", "Revision", true, false, true, checkRevision},
		{"autoscaling.internal.knative.dev", "v1alpha1", "podautoscalers", "PodAutoscaler", true, false, true, nil},
		{"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false, false, true, nil},
	}
}

// typeOfKey returns the type of an object named resource.group/namespace/name or resource.group/name, and the rest of the name.
func typeOfKey(key string) (resourceType, []string, bool) {
	parts := strings.Split(key, "/")
	for _, t := range resourceTypes() {
		if t.name() == parts[0] && len(parts) == map[bool]int{true: 3, false: 2}[t.namespaced] {
			return t, parts[1:], true
		}
	}
	return resourceType{}, nil, false
}

// queryOf takes a path apart, and reports whether it leads somewhere.
func queryOf(path string) (*query, bool) {
	parts := strings.Split(path, "/")
	if len(parts) < 5 || parts[0] != "" || parts[1] != "apis" {
		return nil, false
	}
	group, version, rest := parts[2], parts[3], parts[4:]
	namespace := ""
	if rest[0] == "namespaces" && len(rest) > 2 {
		namespace, rest = rest[1], rest[2:]
	}
	for _, t := range resourceTypes() {
		if t.group == group && t.version == version && t.resource == rest[0] && t.namespaced == (namespace != "") {
			return t.query(namespace, rest[1:])
		}
	}
	return nil, false
}

// query reads what follows the resource in a path: nothing, a name, or a name and a subresource.
func (t resourceType) query(namespace string, rest []string) (*query, bool) {
	q := &query{typ: t, namespace: namespace}
	switch len(rest) {
	case 0:
	case 1:
		q.name = rest[0]
	case 2:
		q.name, q.subresource = rest[0], rest[1]
		if q.subresource != "scale" || !t.scale {
			return nil, false
		}
	default:
		return nil, false
	}
	q.key = t.name() + "/" + q.name
	if t.namespaced {
		q.key = t.name() + "/" + namespace + "/" + q.name
	}
	return q, true
}

// strictly says which fields of an object a Go type does not have, or has with another type.
func strictly[T any](_, after map[string]any) []string {
	data, err := json.Marshal(after)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(new(T))
	}
	if err != nil {
		return []string{"strict decoding error: " + err.Error()}
	}
	return nil
}

// checkHPA checks the bounds of a HorizontalPodAutoscaler as its validation does.
func checkHPA(before, after map[string]any) []string {
	wrong := strictly[autoscalingv2.HorizontalPodAutoscaler](before, after)
	spec := child(after, "spec")
	least, most := number(spec["minReplicas"], 1), number(spec["maxReplicas"], 0)
	if least < 0 {
		wrong = append(wrong, fmt.Sprintf("spec.minReplicas: Invalid value: %v: must be greater than or equal to 0", least))
	}
	if most < 1 {
		wrong = append(wrong, fmt.Sprintf("spec.maxReplicas: Invalid value: %v: must be greater than 0", most))
	}
	if most < least {
		wrong = append(wrong, fmt.Sprintf("spec.maxReplicas: Invalid value: %v: must be greater than or equal to `minReplicas`", most))
	}
	if metrics, _ := json.Marshal(spec["metrics"]); least == 0 && !bytes.Contains(metrics, []byte("External")) && !bytes.Contains(metrics, []byte("Object")) {
		wrong = append(wrong, "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas")
	}
	return wrong
}

// checkScaledObject checks a ScaledObject as the schema of its definition does.
func checkScaledObject(_, after map[string]any) []string {
	var wrong []string
	spec := child(after, "spec")
	known := map[string]float64{
		"pollingInterval": 1, "initialCooldownPeriod": 0, "cooldownPeriod": 0, "idleReplicaCount": 0, "minReplicaCount": 0, "maxReplicaCount": 1,
	}
	for name, value := range spec {
		least, isNumber := known[name]
		switch {
		case !isNumber && name != "scaleTargetRef" && name != "triggers" && name != "advanced" && name != "fallback":
			wrong = append(wrong, fmt.Sprintf("strict decoding error: unknown field \"spec.%s\"", name))
		case isNumber && (number(value, -1) < least || number(value, -1) != float64(int32(number(value, -1)))):
			wrong = append(wrong, fmt.Sprintf("spec.%s: Invalid value: %v: should be a whole number from %v on", name, value, least))
		}
	}
	if number(spec["minReplicaCount"], 0) > number(spec["maxReplicaCount"], 100) {
		wrong = append(wrong, "spec: Invalid value: minReplicaCount must be less than or equal to maxReplicaCount")
	}
	return wrong
}

// checkRevision refuses a change of the spec, as the webhook of Knative does.
func checkRevision(before, after map[string]any) []string {
	if !equal(before["spec"], after["spec"]) {
		return []string{"admission webhook denied the request: validation failed: Immutable fields changed (-old +new)"}
	}
	return nil
}

// number returns a number of JSON, or what stands for a missing one; -1 for what is none.
func number(value any, missing float64) float64 {
	switch v := value.(type) {
	case nil:
		return missing
	case float64:
		return v
	default:
		return -1
	}
}

// child returns the object under a key, which it makes if need be.
func child(o map[string]any, key string) map[string]any {
	c, ok := o[key].(map[string]any)
	if !ok {
		c = map[string]any{}
		o[key] = c
	}
	return c
}

// Child returns the object under a key, which it makes if need be.
func Child(o map[string]any, key string) map[string]any { return child(o, key) }

// clone copies an object deeply.
func clone(o map[string]any) map[string]any {
	data, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
