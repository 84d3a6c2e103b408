// Package openfaastest is a strict imitation of an OpenFaaS gateway for tests. It takes the requests that the published OpenAPI
// description of the gateway allows and refuses all others; what the description does not say, such as the limits of the
// Community Edition, follows the documented behaviour of gateway and provider.
package openfaastest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"pilotlight/actuators/faulttest"
)

// The credentials that the gateway takes, which open nothing else.
const (
	User     = "admin"
	Password = "not-a-secret"
)

// The operations, as they are called in Calls and in faults.
const (
	OpInfo  = "info"
	OpGet   = "get"
	OpScale = "scale"
)

// DefaultNamespace is where functions are whose request names no namespace.
const DefaultNamespace = "openfaas-fn"

// maxCE is the greatest number of replicas that the Community Edition gives.
const maxCE = 5

// Config says what the gateway is.
type Config struct {
	// CE makes it a gateway of the Community Edition.
	CE bool
	// Provider replaces the name of the provider; empty is faas-netes, with -ce at the end for the Community Edition.
	Provider string
}

// function is a deployed function.
type function struct {
	namespace           string
	replicas, available int
}

// Server is the gateway. It is safe for concurrent use.
type Server struct {
	config Config
	server *httptest.Server
	t      *testing.T
	*faulttest.Script

	mu        sync.Mutex
	functions map[string]*function
	writes    int
	calls     map[string]int
	refused   []string
}

// New starts a gateway that ends with the test. The test fails if a request was sent that the description does not allow.
func New(t *testing.T, config Config) *Server {
	t.Helper()
	s := &Server{config: config, t: t, functions: map[string]*function{}, calls: map[string]int{}}
	s.Script = faulttest.NewScript(nil)
	s.server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.server.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, why := range s.refused {
			t.Errorf("the gateway got a request that its description does not allow: %s", why)
		}
	})
	return s
}

// URL returns the address of the gateway.
func (s *Server) URL() string { return s.server.URL }

// Deploy adds a function with one replica that is ready; the namespace may be "".
func (s *Server) Deploy(name, namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if namespace == "" {
		namespace = DefaultNamespace
	}
	s.functions[name] = &function{namespace: namespace, replicas: 1, available: 1}
}

// Autoscale sets the replicas as the platform's own scaling does.
func (s *Server) Autoscale(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions[name].replicas, s.functions[name].available = n, n
}

// Settle makes all replicas ready.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.functions {
		f.available = f.replicas
	}
}

// Replicas returns how many replicas a function is to have.
func (s *Server) Replicas(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.functions[name].replicas
}

// Writes returns how many requests have changed something.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Calls returns how many requests of an operation came.
func (s *Server) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return // the client went away
	}
	op, name := operation(r)
	s.mu.Lock()
	s.calls[op]++
	s.mu.Unlock()
	s.Play(w, r, op, func() func() int {
		said := httptest.NewRecorder()
		s.carryOut(said, r, op, name, body)
		return func() int { return faulttest.Send(w, said) }
	})
}

// carryOut does what a request asks for.
func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, op, name string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != User || password != Password {
		w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
		http.Error(w, "invalid credentials", http.StatusUnauthorized)
		return
	}
	switch op {
	case OpInfo:
		s.info(w)
	case OpGet:
		s.get(w, r, name)
	case OpScale:
		s.scale(w, r, name, body)
	default:
		s.refuse(w, fmt.Sprintf("%s %s is no operation", r.Method, r.URL.Path))
	}
}

// operation returns what a request asks for, and of which function.
func operation(r *http.Request) (op, name string) {
	if r.Method == http.MethodGet && r.URL.Path == "/system/info" {
		return OpInfo, ""
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/system/function/"); ok && r.Method == http.MethodGet && !strings.Contains(name, "/") {
		return OpGet, name
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/system/scale-function/"); ok && r.Method == http.MethodPost && !strings.Contains(name, "/") {
		return OpScale, name
	}
	return "", ""
}

// refuse answers a request that is not allowed, which the test is told.
func (s *Server) refuse(w http.ResponseWriter, why string) {
	s.refused = append(s.refused, why)
	http.Error(w, why, http.StatusBadRequest)
}

// info answers GetSystemInfo.
func (s *Server) info(w http.ResponseWriter) {
	provider := s.config.Provider
	if provider == "" {
		provider = "faas-netes"
		if s.config.CE {
			provider += "-ce"
		}
	}
	version := map[string]any{"sha": "7108418d9dd6b329ddff40e7393b3166f8160a88", "release": "0.27.12"}
	s.answer(w, map[string]any{
		"provider": map[string]any{"provider": provider, "orchestration": "kubernetes", "version": version},
		"version":  version, "arch": "x86_64",
	})
}

// find returns the function that a request names, or answers that there is none.
func (s *Server) find(w http.ResponseWriter, r *http.Request, name string) *function {
	for key, values := range r.URL.Query() {
		if key != "namespace" || len(values) != 1 || values[0] == "" {
			s.refuse(w, "query "+r.URL.RawQuery)
			return nil
		}
	}
	namespace := r.URL.Query().Get("namespace")
	if namespace == "" {
		namespace = DefaultNamespace
	}
	if s.config.CE && namespace != DefaultNamespace {
		http.Error(w, "namespace must be: "+DefaultNamespace, http.StatusBadRequest)
		return nil
	}
	f := s.functions[name]
	if f == nil || f.namespace != namespace {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	return f
}

// get answers GetFunctionStatus. As the provider does, it leaves numbers of 0 out.
func (s *Server) get(w http.ResponseWriter, r *http.Request, name string) {
	f := s.find(w, r, name)
	if f == nil {
		return
	}
	out := map[string]any{"name": name, "image": "ghcr.io/example/" + name + ":latest", "namespace": f.namespace, "labels": map[string]string{}}
	if f.replicas > 0 {
		out["replicas"] = f.replicas
	}
	if f.available > 0 {
		out["availableReplicas"] = f.available
	}
	s.answer(w, out)
}

// scale answers ScaleFunction.
func (s *Server) scale(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	var in struct {
		ServiceName string `json:"serviceName"`
		Replicas    *int64 `json:"replicas"`
		Namespace   string `json:"namespace"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&in)
	if err == nil && decoder.More() {
		err = errors.New("more after the object")
	}
	switch {
	case err != nil:
		s.refuse(w, fmt.Sprintf("body %s: %v", body, err))
		return
	case in.ServiceName != name, in.Replicas == nil, in.Namespace != r.URL.Query().Get("namespace"), r.Header.Get("Content-Type") != "application/json":
		s.refuse(w, fmt.Sprintf("body %s for function %s, query %q, content type %q", body, name, r.URL.RawQuery, r.Header.Get("Content-Type")))
		return
	case *in.Replicas < 0:
		s.refuse(w, fmt.Sprintf("replicas %d are below the minimum 0", *in.Replicas))
		return
	}
	f := s.find(w, r, name)
	if f == nil {
		return
	}
	n := int(*in.Replicas)
	if s.config.CE {
		n = min(max(n, 1), maxCE)
	}
	if n != f.replicas {
		s.writes++
	}
	f.replicas, f.available = n, min(f.available, n)
	w.WriteHeader(http.StatusAccepted)
}

// answer writes a document.
func (s *Server) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Errorf("answer: %v", err)
	}
}
