package kubeapitest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Settle lets the controllers act, without load: autoscalers take their targets to the floor, every replica asked for becomes
// ready, and Knative takes annotations over.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		switch typ, parts, _ := typeOfKey(key); typ.kind {
		case "HorizontalPodAutoscaler":
			s.autoscale(key, parts[0], "minReplicas", 1, true)
		case "ScaledObject":
			s.autoscale(key, parts[0], "minReplicaCount", 0, false)
		case "Revision":
			s.knative(key, parts)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if typ, _, _ := typeOfKey(key); typ.scale {
			s.update(key, func(o map[string]any) {
				replicas := number(child(o, "spec")["replicas"], 1)
				status := child(o, "status")
				status["replicas"], status["readyReplicas"] = replicas, replicas
				status["observedGeneration"] = child(o, "metadata")["generation"]
			})
		}
	}
}

// update changes an object as a controller does.
func (s *Server) update(key string, change func(o map[string]any)) {
	if o, ok := s.objects[key]; ok {
		after := clone(o)
		change(after)
		s.replace(key, o, after)
	}
}

// autoscale takes the target of an autoscaler to its floor. One that off applies to does nothing at 0 replicas.
func (s *Server) autoscale(key, namespace, field string, missing float64, off bool) {
	spec := child(s.objects[key], "spec")
	floor := number(spec[field], missing)
	target := child(spec, "scaleTargetRef")
	kind, _ := target["kind"].(string)
	if kind == "" {
		kind = "Deployment"
	}
	name, _ := target["name"].(string)
	s.update(strings.ToLower(kind)+"s.apps/"+namespace+"/"+name, func(o map[string]any) {
		if off && floor > 0 && number(child(o, "spec")["replicas"], 1) == 0 {
			return
		}
		child(o, "spec")["replicas"] = floor
	})
}

// annotationPrefix begins the annotations that Knative's autoscaler reads.
const annotationPrefix = "autoscaling.knative.dev/"

// OldKnative makes the controllers those of a release before 1.21, which leave the annotations of PodAutoscalers alone.
func (s *Server) OldKnative() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced = false
}

// Awaken plays the request that wakes a revision whose autoscaler knows no desired scale.
func (s *Server) Awaken(namespace, revision string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awakened[namespace+"/"+revision] = true
}

// knative takes the annotations of a revision over to its PodAutoscaler and scales to the floor.
func (s *Server) knative(key string, parts []string) {
	annotations := child(child(s.objects[key], "metadata"), "annotations")
	s.update("podautoscalers.autoscaling.internal.knative.dev/"+parts[0]+"/"+parts[1], func(o map[string]any) {
		to := child(child(o, "metadata"), "annotations")
		if s.synced {
			maps.DeleteFunc(to, func(name string, _ any) bool { return strings.HasPrefix(name, annotationPrefix) })
			for name, value := range annotations {
				if strings.HasPrefix(name, annotationPrefix) {
					to[name] = value
				}
			}
		}
		status := child(o, "status")
		if number(status["desiredScale"], 0) < 0 && !s.awakened[parts[0]+"/"+parts[1]] {
			return
		}
		text, _ := to[annotationPrefix+"min-scale"].(string)
		floor, _ := strconv.Atoi(text)
		status["desiredScale"], status["actualScale"] = float64(floor), float64(floor)
	})
}
