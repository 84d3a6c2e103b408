package openfaas

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// status is what the gateway says about a function; numbers of 0 are left out by it.
type status struct {
	Name              string  `json:"name"`
	Replicas          float64 `json:"replicas"`
	AvailableReplicas float64 `json:"availableReplicas"`
}

// scaleRequest is the body that sets the replicas of a function.
type scaleRequest struct {
	ServiceName string `json:"serviceName"`
	Replicas    uint64 `json:"replicas"`
	Namespace   string `json:"namespace,omitempty"`
}

// info is what the gateway says about itself.
type info struct {
	Provider *struct {
		Provider string `json:"provider"`
	} `json:"provider"`
}

// read gets and decodes one document.
func read[T any](ctx context.Context, a *Actuator, op, address string) (T, error) {
	var out T
	body, err := a.client.Read(ctx, webapi.Request{
		Op: op, Method: http.MethodGet, URL: address, Header: http.Header{"Accept": {"application/json"}},
	})
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, &actuators.Error{Kind: models.KindTransient, Op: op, Err: fmt.Errorf("the answer is not that of a gateway: %w", err)}
	}
	return out, nil
}

// get reads the replicas of a function: those asked for and those that are ready.
func (a *Actuator) get(ctx context.Context, r ref) (replicas, ready int, err error) {
	op := "get function " + r.String()
	s, err := read[status](ctx, a, op, r.address(a.config.URL, "/system/function/"))
	if err != nil {
		return 0, 0, err
	}
	if s.Name != r.name || !isCount(s.Replicas) || !isCount(s.AvailableReplicas) {
		return 0, 0, &actuators.Error{Kind: models.KindTransient, Op: op, Err: fmt.Errorf(
			"the answer names the function %q with %v replicas, %v of them available", s.Name, s.Replicas, s.AvailableReplicas)}
	}
	return int(s.Replicas), int(s.AvailableReplicas), nil
}

// isCount reports whether a number is one of replicas.
func isCount(v float64) bool { return v >= 0 && v <= math.MaxInt32 && v == math.Trunc(v) }

// scale sets the replicas of a function.
func (a *Actuator) scale(ctx context.Context, r ref, n int) error {
	op := fmt.Sprintf("scale function %s to %d", r, n)
	body, err := json.Marshal(scaleRequest{ServiceName: r.name, Replicas: uint64(max(n, 0)), Namespace: r.namespace})
	if err != nil {
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	_, err = a.client.Write(ctx, webapi.Request{
		Op: op, Method: http.MethodPost, URL: r.address(a.config.URL, "/system/scale-function/"),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body,
	})
	return err
}

// suffixCE is how the names of the providers of the Community Edition end: faas-netes-ce, faasd-ce.
const suffixCE = "-ce"

// learn finds the edition out, once.
func (a *Actuator) learn(ctx context.Context) (Edition, error) {
	if e := a.edition(); e != EditionAuto {
		return e, nil
	}
	i, err := read[info](ctx, a, "get the edition of the gateway", strings.TrimRight(a.config.URL, "/")+"/system/info")
	if err != nil {
		return "", err
	}
	found := EditionPro
	if i.Provider != nil && strings.HasSuffix(i.Provider.Provider, suffixCE) {
		found = EditionCE
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.found = found
	return found, nil
}

// edition returns the edition as far as it is known.
func (a *Actuator) edition() Edition {
	if a.config.Edition != EditionAuto {
		return a.config.Edition
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.found
}
