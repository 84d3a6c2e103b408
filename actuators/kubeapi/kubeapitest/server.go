// Package kubeapitest is a strict stand-in for the API server of Kubernetes with the objects that Pilotlight reads and
// writes: Deployments, StatefulSets and ReplicaSets with their scale, HorizontalPodAutoscalers, KEDA's ScaledObjects, and the
// Configurations, Revisions and PodAutoscalers of Knative. It keeps objects as JSON, counts resource versions, checks what
// it is sent as the real server does, and refuses whatever it does not know. Controllers act only when Settle is called.
//
// What it does is checked by make test-kube, which runs the conformance suite and the main cases on a real API server.
package kubeapitest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotlight/actuators/faulttest"
)

// token is what requests must bear.
const token = "not-a-secret"

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// Server is a fake API server. It is safe for concurrent use.
type Server struct {
	http *httptest.Server
	*faulttest.Script

	mu       sync.Mutex
	objects  map[string]map[string]any
	version  int64
	calls    []string
	writes   int
	denied   map[string]bool
	missing  map[string]bool
	before   func(method, path string)
	synced   bool
	awakened map[string]bool
}

// New starts a server, which ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{
		objects: map[string]map[string]any{}, version: 1000, denied: map[string]bool{}, missing: map[string]bool{},
		synced: true, awakened: map[string]bool{}, Script: faulttest.NewScript(strike),
	}
	s.http = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	tb.Cleanup(s.http.Close)
	return s
}

// Kubeconfig writes a kubeconfig for the server and returns its path.
func (s *Server) Kubeconfig(tb testing.TB) string {
	tb.Helper()
	return WriteKubeconfig(tb, s.http.URL, token, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw}))
}

// WriteKubeconfig writes a kubeconfig with a token, and the certificate of an authority in PEM, into a folder of the test.
func WriteKubeconfig(tb testing.TB, url, token string, authority []byte) string {
	tb.Helper()
	config := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{
			"server": url, "certificate-authority-data": authority,
		}}},
		"users":    []any{map[string]any{"name": "test", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": "test"}}},
	}
	data, err := json.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Put creates or replaces an object, named such as deployments.apps/prod/checkout, from its JSON.
func (s *Server) Put(tb testing.TB, key, object string) {
	tb.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(object), &o); err != nil {
		tb.Fatalf("%s: %v", key, err)
	}
	typ, parts, ok := typeOfKey(key)
	if !ok {
		tb.Fatalf("%s: there is no such type", key)
	}
	meta := child(o, "metadata")
	meta["name"] = parts[len(parts)-1]
	if typ.namespaced {
		meta["namespace"] = parts[0]
	}
	meta["uid"] = "uid-of-" + strings.Join(parts, "-")
	o["apiVersion"], o["kind"] = typ.apiVersion(), typ.kind
	s.mu.Lock()
	defer s.mu.Unlock()
	if typ.generations {
		meta["generation"] = 1.0
	}
	s.store(key, o)
}

// Edit changes an object as somebody else would.
func (s *Server) Edit(tb testing.TB, key string, change func(object map[string]any)) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	if !ok {
		tb.Fatalf("there is no %s", key)
	}
	after := clone(o)
	change(after)
	s.replace(key, o, after)
}

// Delete takes an object away.
func (s *Server) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
}

// Object returns a copy of an object, nil if there is none.
func (s *Server) Object(key string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.objects[key]; ok {
		return clone(o)
	}
	return nil
}

// Writes returns how many requests have changed an object.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Calls returns the requests so far, each as "METHOD path".
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Patches returns how many requests that write have arrived.
func (s *Server) Patches() int {
	n := 0
	for _, call := range s.Calls() {
		if strings.HasPrefix(call, http.MethodPatch) {
			n++
		}
	}
	return n
}

// Deny takes away the permission for a verb on a resource, such as "patch" and "deployments.apps/scale".
func (s *Server) Deny(verb, resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[verb+" "+resource] = true
}

// Uninstall makes a type unknown, as when its definition is not installed.
func (s *Server) Uninstall(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing[resource] = true
}

// Before is called before each request is answered; nil ends that.
func (s *Server) Before(call func(method, path string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = call
}

// store keeps an object under a new resource version.
func (s *Server) store(key string, o map[string]any) {
	s.version++
	child(o, "metadata")["resourceVersion"] = strconv.FormatInt(s.version, 10)
	s.objects[key] = o
}

// replace keeps a changed object, and reports whether it differs. A changed spec is a new generation.
func (s *Server) replace(key string, before, after map[string]any) bool {
	if equal(before, after) {
		return false
	}
	if typ, _, _ := typeOfKey(key); typ.generations && !equal(before["spec"], after["spec"]) {
		generation, _ := child(before, "metadata")["generation"].(float64)
		child(after, "metadata")["generation"] = generation + 1
	}
	s.store(key, after)
	return true
}

// serve answers a request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before(r.Method, r.URL.Path)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return // the client went away
	}
	s.Play(w, r, r.Method, func() func() int {
		answer, failed := s.carryOut(r, body)
		return func() int {
			if failed != nil {
				return fail(w, failed)
			}
			return writeJSON(w, http.StatusOK, answer)
		}
	})
}

// carryOut checks a request and does what it asks for.
func (s *Server) carryOut(r *http.Request, body []byte) (any, *failure) {
	if len(body) > maxBody {
		return nil, failing(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "limit is %d", maxBody)
	}
	q, failed := s.parse(r)
	if failed != nil {
		return nil, failed
	}
	return s.answer(r, q, body)
}

// failure is an error to answer with.
type failure struct {
	code            int
	reason, message string
	details         map[string]any
}

// Error implements error.
func (f *failure) Error() string { return f.reason + ": " + f.message }

func failing(code int, reason, format string, args ...any) *failure {
	return &failure{code: code, reason: reason, message: fmt.Sprintf(format, args...)}
}

// query is what a request asks for.
type query struct {
	typ             resourceType
	key             string
	namespace, name string
	subresource     string
}

// resource names what permissions are given for.
func (q *query) resource() string {
	if q.subresource != "" {
		return q.typ.name() + "/" + q.subresource
	}
	return q.typ.name()
}

// parse reads path, credentials and permissions.
func (s *Server) parse(r *http.Request) (*query, *failure) {
	if r.Header.Get("Authorization") != "Bearer "+token {
		return nil, failing(http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	}
	q, ok := queryOf(r.URL.Path)
	if !ok || s.isMissing(q.typ.name()) {
		return nil, failing(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	}
	verb := strings.ToLower(r.Method)
	if r.Method == http.MethodGet && q.name == "" {
		verb = "list"
	}
	s.mu.Lock()
	denied := s.denied[verb+" "+q.resource()]
	s.mu.Unlock()
	if denied {
		return nil, failing(http.StatusForbidden, "Forbidden", `%s is forbidden: User "test" cannot %s resource %q in API group %q in the namespace %q`,
			q.typ.name(), verb, q.typ.resource, q.typ.group, q.namespace)
	}
	return q, nil
}

func (s *Server) isMissing(resource string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missing[resource]
}

// answer carries a request out.
func (s *Server) answer(r *http.Request, q *query, body []byte) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && q.name == "":
		return s.list(r, q)
	case r.Method != http.MethodGet && r.Method != http.MethodPatch:
		return nil, failing(http.StatusMethodNotAllowed, "MethodNotAllowed", "the server does not allow this method on the requested resource")
	}
	o, ok := s.objects[q.key]
	if !ok {
		return nil, failing(http.StatusNotFound, "NotFound", "%s %q not found", q.typ.name(), q.name)
	}
	if r.Method == http.MethodGet {
		if len(r.URL.Query()) > 0 {
			return nil, failing(http.StatusBadRequest, "BadRequest", "a get takes no parameters")
		}
		if q.subresource != "" {
			return scaleOf(o), nil
		}
		return o, nil
	}
	return s.patch(r, q, o, body)
}

// list answers with the objects of a namespace whose labels fit.
func (s *Server) list(r *http.Request, q *query) (any, *failure) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		return nil, failing(http.StatusBadRequest, "BadRequest", "limit %q", r.URL.Query().Get("limit"))
	}
	items := []any{}
	next, after := "", r.URL.Query().Get("continue")
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(key, q.typ.name()+"/"+q.namespace+"/") || key <= after {
			continue
		}
		o := s.objects[key]
		if fits, err := selects(r.URL.Query().Get("labelSelector"), child(o, "metadata")["labels"]); err != nil {
			return nil, failing(http.StatusBadRequest, "BadRequest", "%v", err)
		} else if !fits {
			continue
		}
		if len(items) == limit {
			break
		}
		items, next = append(items, o), key
	}
	metadata := map[string]any{"resourceVersion": strconv.FormatInt(s.version, 10)}
	if len(items) == limit {
		metadata["continue"] = next
	}
	return map[string]any{"kind": q.typ.kind + "List", "apiVersion": q.typ.apiVersion(), "metadata": metadata, "items": items}, nil
}

// selects reports whether labels fit a selector of equalities.
func selects(selector string, labels any) (bool, error) {
	have, _ := labels.(map[string]any)
	for term := range strings.SplitSeq(selector, ",") {
		if term == "" {
			continue
		}
		key, value, ok := strings.Cut(term, "=")
		if !ok || strings.ContainsAny(term, "!() ") {
			return false, fmt.Errorf("unable to parse requirement %q", term)
		}
		if have[key] != value {
			return false, nil
		}
	}
	return true, nil
}

// Wait bounds how long tests wait for something that comes promptly.
const Wait = 20 * time.Second
