package faults

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/openfaas"
	"pilotlight/actuators/openfaas/openfaastest"
	"pilotlight/actuators/published"
	"pilotlight/actuators/webhook"
	"pilotlight/models"
)

func openFaaS(t *testing.T) actuatorstest.Platform {
	t.Helper()
	server, config := openfaastest.New(t, openfaastest.Config{}), openfaas.DefaultConfig()
	server.Deploy("fn", "")
	config.URL, config.Edition, config.Lower = server.URL()+"/", openfaas.EditionPro, openfaas.LowerWrite
	config.HTTP.BasicAuth = &promconfig.BasicAuth{Username: openfaastest.User, Password: openfaastest.Password}
	a, err := openfaas.New("gateway", config, day)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return actuatorstest.Platform{
		Actuator: a, Targets: []models.Target{{ID: "f", Ref: "fn"}}, Writes: server.Writes, Settle: server.Settle, Clock: day,
	}
}

// receiver is what a webhook calls. It knows one target, and as the documentation tells receivers to, it carries out what has the
// same idempotency key once.
type receiver struct {
	mu       sync.Mutex
	capacity models.Capacity
	known    map[string]bool
	writes   int
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Method == http.MethodGet {
		ready, _ := r.capacity.Warm()
		if err := json.NewEncoder(w).Encode(map[string]any{"capacity": r.capacity, "ready": ready}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		return
	}
	var body struct{ To models.Capacity }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if key := req.Header.Get("Idempotency-Key"); !r.known[key] {
		r.known[key] = true
		r.capacity = r.capacity.Merge(body.To)
		r.writes++
	}
	w.WriteHeader(http.StatusAccepted)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes
}

func webHook(t *testing.T) actuatorstest.Platform {
	t.Helper()
	r, config := &receiver{capacity: models.Warm(0), known: map[string]bool{}}, webhook.DefaultConfig()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	config.URL, config.ObserveURL = server.URL+"/scale", server.URL+"/state"
	config.SecretFile = filepath.Join(t.TempDir(), "secret")
	// This is the secret of nobody.
	if err := os.WriteFile(config.SecretFile, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTw==\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := webhook.New("hook", config, webhook.Deps{Now: day})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return actuatorstest.Platform{Actuator: a, Targets: []models.Target{{ID: "f", Ref: "fn"}}, Writes: r.count, Clock: day}
}

func publish(t *testing.T) actuatorstest.Platform {
	t.Helper()
	a := published.New("keda", filepath.Join(t.TempDir(), "floors.jsonl"))
	return actuatorstest.Platform{Actuator: a, Targets: []models.Target{{ID: "f", Ref: "f"}}, Writes: a.Changes}
}
