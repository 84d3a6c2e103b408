package kubeapitest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
)

// scaleOf is the scale of a workload.
func scaleOf(o map[string]any) map[string]any {
	meta := child(o, "metadata")
	return map[string]any{
		"kind": "Scale", "apiVersion": "autoscaling/v1",
		"metadata": map[string]any{
			"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"], "resourceVersion": meta["resourceVersion"],
		},
		"spec":   map[string]any{"replicas": number(child(o, "spec")["replicas"], 1)},
		"status": map[string]any{"replicas": number(child(o, "status")["replicas"], 0)},
	}
}

// patch changes an object by a JSON merge patch.
func (s *Server) patch(r *http.Request, q *query, o map[string]any, body []byte) (any, *failure) {
	change, failure := changeOf(r, body)
	if failure != nil {
		return nil, failure
	}
	before := clone(o)
	if q.subresource != "" {
		before = scaleOf(o)
	}
	if version := child(change, "metadata")["resourceVersion"]; version != nil && version != child(before, "metadata")["resourceVersion"] {
		return nil, failing(http.StatusConflict, "Conflict", "Operation cannot be fulfilled on %s %q: the object has been modified; "+
			"please apply your changes to the latest version and try again", q.typ.name(), q.name)
	}
	after, _ := merge(clone(before), change).(map[string]any)
	if q.subresource != "" {
		return s.setScale(r, q, o, after)
	}
	for _, fixed := range []string{"name", "namespace", "uid"} {
		if child(before, "metadata")[fixed] != child(after, "metadata")[fixed] {
			return nil, failing(http.StatusUnprocessableEntity, "Invalid", "metadata.%s: field is immutable", fixed)
		}
	}
	if q.typ.check != nil {
		if wrong := q.typ.check(before, after); len(wrong) > 0 {
			return nil, invalid(q, wrong)
		}
	}
	return s.accept(r, q, o, after), nil
}

// changeOf reads a patch, and refuses one of another kind or with parameters that Pilotlight does not send.
func changeOf(r *http.Request, body []byte) (map[string]any, *failure) {
	if got := r.Header.Get("Content-Type"); got != "application/merge-patch+json" {
		return nil, failing(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the body of the request was in an unknown format %q", got)
	}
	for name, values := range r.URL.Query() {
		switch {
		case name == "fieldManager", name == "fieldValidation":
		case name == "dryRun" && !slices.Equal(values, []string{"All"}):
			return nil, failing(http.StatusUnprocessableEntity, "Invalid", "dryRun: Unsupported value: %q: supported values: \"All\"", values)
		case name != "dryRun":
			return nil, failing(http.StatusBadRequest, "BadRequest", "unknown parameter %q", name)
		}
	}
	if r.URL.Query().Get("fieldManager") == "" || r.URL.Query().Get("fieldValidation") != "Strict" {
		return nil, failing(http.StatusBadRequest, "BadRequest", "this server wants a field manager and strict validation")
	}
	var change map[string]any
	if err := json.Unmarshal(body, &change); err != nil {
		return nil, failing(http.StatusBadRequest, "BadRequest", "error decoding patch: %v", err)
	}
	return change, nil
}

// accept keeps what a patch made of an object, and who made it, unless the request is a dry run.
func (s *Server) accept(r *http.Request, q *query, before, after map[string]any) map[string]any {
	manager := r.URL.Query().Get("fieldManager")
	if r.URL.Query().Get("dryRun") != "" {
		return after
	}
	if !equal(before, after) {
		child(after, "metadata")["managedFields"] = []any{map[string]any{"manager": manager, "operation": "Update"}}
	}
	if s.replace(q.key, before, after) {
		s.writes++
	}
	return after
}

// setScale gives a workload the replicas of a scale.
func (s *Server) setScale(r *http.Request, q *query, o, scale map[string]any) (any, *failure) {
	if wrong := strictly[autoscalingv1.Scale](nil, scale); len(wrong) > 0 {
		return nil, invalid(q, wrong)
	}
	n := number(child(scale, "spec")["replicas"], 0)
	if n < 0 {
		return nil, invalid(q, []string{"spec.replicas: Invalid value: must be greater than or equal to 0"})
	}
	after := clone(o)
	child(after, "spec")["replicas"] = n
	return scaleOf(s.accept(r, q, o, after)), nil
}

// invalid is the answer to an object that is not valid.
func invalid(q *query, wrong []string) *failure {
	message := strings.Join(wrong, ", ")
	if strings.HasPrefix(message, "strict decoding error") {
		return failing(http.StatusBadRequest, "BadRequest", "%s", message)
	}
	return failing(http.StatusUnprocessableEntity, "Invalid", "%s %q is invalid: %s", q.typ.name(), q.name, message)
}

// merge applies a JSON merge patch (RFC 7396).
func merge(target, patch any) any {
	change, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out, ok := target.(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	for key, value := range change {
		if value == nil {
			delete(out, key)
		} else {
			out[key] = merge(out[key], value)
		}
	}
	return out
}
