package cloudruntest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Service is how a service is made.
type Service struct {
	// Min and Max are those of the service, RevisionMin and RevisionMax those of its template; 0 is none.
	Min, Max, RevisionMin, RevisionMax int
	// Revision is the name of the revision in the template; empty leaves it to Cloud Run.
	Revision string
	// Manual is the fixed number of instances of a service that is scaled by hand; 0 is none.
	Manual int
}

// service is a service: what is set, and how far that is carried out.
type service struct {
	set        map[string]any
	generation int
	revisions  []string
	changed    time.Time
	busyUntil  time.Time
	// failed is how the change that ends at busyUntil fails.
	failed *failure
}

// operation is a change under way.
type operation struct {
	of     string
	until  time.Time
	failed *failure
}

// AddService makes a service of that full name, and replaces one that is there.
func (s *Server) AddService(tb testing.TB, name string, made Service) {
	tb.Helper()
	if !s.model.Methods[OpGet].name.MatchString(name) {
		tb.Fatalf("%q is no name of a service", name)
	}
	scaling, template := map[string]any{}, map[string]any{}
	put := func(in map[string]any, key string, n int) {
		if n != 0 {
			in[key] = json.Number(strconv.Itoa(n))
		}
	}
	put(scaling, "minInstanceCount", made.Min)
	put(scaling, "maxInstanceCount", made.Max)
	if made.Manual > 0 {
		scaling["scalingMode"] = "MANUAL"
		put(scaling, "manualInstanceCount", made.Manual)
	}
	put(template, "minInstanceCount", made.RevisionMin)
	put(template, "maxInstanceCount", made.RevisionMax)
	set := map[string]any{
		"ingress": "INGRESS_TRAFFIC_ALL", "launchStage": "GA", "labels": map[string]any{"team": "shop"},
		"template": map[string]any{
			"scaling": template, "containers": []any{map[string]any{"image": "example.com/image"}}, "serviceAccount": "runtime@example.com",
		},
	}
	if len(scaling) > 0 {
		set["scaling"] = scaling
	}
	first := made.Revision
	if first == "" {
		first = base(name) + "-00001-abc"
	} else {
		set["template"].(map[string]any)["revision"] = first
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services[name] = &service{set: set, generation: 1, revisions: []string{first}, changed: s.now, busyUntil: s.now}
}

// FailNext makes the next change of a service fail when it is carried out, with a status of google.rpc and a message.
func (s *Server) FailNext(name string, code int, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[name] = &failure{code: code, message: message}
}

// ForgetOperations drops all operations that have ended, as Cloud Run does after a while.
func (s *Server) ForgetOperations() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.operations)
}

// Deploy is somebody else's deployment: a new revision.
func (s *Server) Deploy(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services[name].touch(name, s.now, s.config.Reconcile, true)
}

// Field returns what is set at a path of a service, such as scaling.minInstanceCount; nil is not set.
func (s *Server) Field(name, path string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at any = s.services[name].set
	for segment := range strings.SplitSeq(path, ".") {
		fields, _ := at.(map[string]any)
		at = fields[segment]
	}
	return at
}

// Revisions returns how many revisions a service has had.
func (s *Server) Revisions(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.services[name].revisions)
}

func base(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// touch begins a change.
func (v *service) touch(name string, now time.Time, takes time.Duration, newRevision bool) {
	v.generation++
	v.changed, v.busyUntil, v.failed = now, now.Add(max(0, takes)), nil
	if newRevision {
		v.revisions = append(v.revisions, fmt.Sprintf("%s-%05d-abc", base(name), v.generation))
	}
}

// etag is the version of a service.
func (v *service) etag() string { return fmt.Sprintf("\"CNDm%d/xyz\"", v.generation) }

// view returns a service as the API shows it.
func (v *service) view(name string, now time.Time) map[string]any {
	out := clone(v.set)
	latest, ready, observed := v.revisions[len(v.revisions)-1], v.revisions[len(v.revisions)-1], v.generation
	condition := map[string]any{"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": stamp(v.busyUntil)}
	switch {
	case now.Before(v.busyUntil):
		out["reconciling"] = true
		condition["state"], condition["lastTransitionTime"] = "CONDITION_RECONCILING", stamp(v.changed)
		observed--
	case v.failed != nil:
		condition["state"], condition["message"], condition["reason"] = "CONDITION_FAILED", v.failed.message, "INTERNAL"
		observed--
	}
	out["name"], out["uid"], out["etag"] = name, "00000000-0000-4000-8000-000000000000", v.etag()
	out["generation"], out["observedGeneration"] = strconv.Itoa(v.generation), strconv.Itoa(observed)
	out["createTime"], out["updateTime"] = stamp(v.changed), stamp(v.changed)
	out["terminalCondition"] = condition
	out["latestCreatedRevision"], out["latestReadyRevision"] = name+"/revisions/"+latest, name+"/revisions/"+ready
	return out
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// clone copies decoded JSON.
func clone(fields map[string]any) map[string]any {
	_, decoded := encode(fields)
	out, _ := decoded.(map[string]any)
	return out
}

// carryOut carries out a request that is valid.
func (s *Server) carryOut(call *Call, req *request) (map[string]any, *failure) {
	if call.Op == OpToken {
		return s.token(req)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if call.Op == OpOperation {
		op := s.operations[call.Name]
		if op == nil {
			return nil, notFound(call.Name)
		}
		return s.show(call.Name, op), nil
	}
	found := s.services[call.Name]
	switch {
	case found == nil:
		return nil, notFound(call.Name)
	case call.Op == OpGet:
		return found.view(call.Name, s.now), nil
	}
	return s.patch(call.Name, found, req)
}

func notFound(name string) *failure {
	return &failure{code: http.StatusNotFound, status: "NOT_FOUND", message: fmt.Sprintf("Resource '%s' was not found", base(name))}
}

// show returns an operation as the API shows it. The lock is held.
func (s *Server) show(name string, op *operation) map[string]any {
	const kind = "type.googleapis.com/google.cloud.run.v2.Service"
	shown := s.services[op.of].view(op.of, s.now)
	shown["@type"] = kind
	out := map[string]any{"name": name, "metadata": shown}
	if s.now.Before(op.until) {
		return out
	}
	out["done"] = true
	if op.failed != nil {
		out["error"] = map[string]any{"code": op.failed.code, "message": op.failed.message}
	} else {
		out["response"] = shown
	}
	return out
}

// patch changes a service. The lock is held.
func (s *Server) patch(name string, found *service, req *request) (map[string]any, *failure) {
	if etag, ok := req.body["etag"].(string); ok && etag != found.etag() {
		return nil, &failure{code: http.StatusConflict, status: "ABORTED", message: fmt.Sprintf(
			"Conflict for resource '%s': version '%s' was specified but current version is '%s'.", base(name), etag, found.etag())}
	}
	after := clone(found.set)
	if len(req.mask) == 0 {
		// Without a mask everything is replaced, so that what is not sent is gone.
		after = clone(req.body)
		delete(after, "etag")
	}
	for _, path := range req.mask {
		replace(after, req.body, path)
	}
	newRevision, refused := s.checkService(found, after)
	if refused != nil {
		return nil, refused
	}
	id := fmt.Sprintf("%s/operations/op-%s-%d", name[:strings.Index(name, "/services/")], base(name), found.generation+1)
	if req.query.Get("validateOnly") == "true" {
		trial := *found
		trial.set = after
		shown := trial.view(name, s.now)
		shown["@type"] = "type.googleapis.com/google.cloud.run.v2.Service"
		return map[string]any{"name": id, "done": true, "response": shown, "metadata": shown}, nil
	}
	found.touch(name, s.now, s.config.Reconcile, newRevision)
	found.set, found.failed = after, s.failing[name]
	delete(s.failing, name)
	s.operations[id] = &operation{of: name, until: found.busyUntil, failed: found.failed}
	s.writes++
	return s.show(id, s.operations[id]), nil
}

// replace puts what a body has at a path, or nothing, in the place of what is set there.
func replace(set, body map[string]any, path []string) {
	for _, segment := range path[:len(path)-1] {
		inner, ok := set[segment].(map[string]any)
		if !ok {
			inner = map[string]any{}
			set[segment] = inner
		}
		set = inner
		body, _ = body[segment].(map[string]any)
	}
	last := path[len(path)-1]
	value, ok := body[last]
	if !ok || value == json.Number("0") || value == "" {
		// The default of a field is the same as none.
		delete(set, last)
		return
	}
	set[last] = value
}

// checkService checks a service as it would be, and reports whether it needs a new revision.
func (s *Server) checkService(found *service, after map[string]any) (newRevision bool, refused *failure) {
	template, _ := after["template"].(map[string]any)
	if containers, _ := template["containers"].([]any); len(containers) == 0 {
		return false, badRequest(violation{"service.template.containers", "Violation in UpdateServiceRequest: at least one container is required; " +
			"an update without update_mask replaces the whole service"})
	}
	for _, level := range []struct {
		name string
		in   any
	}{{"scaling", after["scaling"]}, {"template.scaling", template["scaling"]}} {
		scaling, _ := level.in.(map[string]any)
		least, most := count(scaling["minInstanceCount"]), count(scaling["maxInstanceCount"])
		switch {
		case least < 0 || most < 0:
			return false, badRequest(violation{level.name, "Instance counts must not be negative"})
		case most > 0 && least > most:
			return false, badRequest(violation{level.name + ".min_instance_count", fmt.Sprintf(
				"%s.min_instance_count: must be less than or equal to max_instance_count %d", level.name, most)})
		case max(least, most) > s.config.MaxInstances:
			return false, badRequest(violation{level.name, fmt.Sprintf("%s.max_instance_count: Max instances must be set to %d or fewer in order to "+
				"set the requested total CPU. Quota violated: CpuAllocPerProjectRegion", level.name, s.config.MaxInstances)})
		}
	}
	if reflect.DeepEqual(template, found.set["template"]) {
		return false, nil
	}
	if revision, _ := template["revision"].(string); revision != "" && slices.Contains(found.revisions, revision) {
		return false, &failure{code: http.StatusConflict, status: "ALREADY_EXISTS", message: fmt.Sprintf(
			"Revision named '%s' with different configuration already exists.", revision)}
	}
	return true, nil
}

func count(value any) int {
	number, _ := value.(json.Number)
	n, _ := number.Int64()
	return int(n)
}
