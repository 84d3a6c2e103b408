package kubeapitest_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"pilotlight/actuators/kubeapi/kubeapitest"
)

// request is one that the server is to judge.
type request struct {
	method, path, contentType, token, body string
}

// TestStrict sends what the real server refuses, and what Pilotlight must not send, one thing wrong at a time.
func TestStrict(t *testing.T) {
	t.Parallel()
	const app, hpa, keda, rev = "/apis/apps/v1/namespaces/prod/deployments/app", "/apis/autoscaling/v2/namespaces/prod/horizontalpodautoscalers/app",
		"/apis/keda.sh/v1alpha1/namespaces/prod/scaledobjects/app", "/apis/serving.knative.dev/v1/namespaces/prod/revisions/app"
	const ok, query = `{"spec":{"replicas":3}}`, "?fieldManager=m&fieldValidation=Strict"
	for name, c := range map[string]struct {
		request
		code int
	}{
		"get":                   {request{method: "GET", path: app}, 200},
		"scale":                 {request{method: "GET", path: app + "/scale"}, 200},
		"patch":                 {request{method: "PATCH", path: app + query, body: ok}, 200},
		"patch of the scale":    {request{method: "PATCH", path: app + "/scale" + query, body: ok}, 200},
		"list":                  {request{method: "GET", path: strings.TrimSuffix(app, "/app") + "?limit=5"}, 200},
		"no token":              {request{method: "GET", path: app, token: "-"}, 401},
		"another token":         {request{method: "GET", path: app, token: "Bearer x"}, 401},
		"no such object":        {request{method: "GET", path: app + "2"}, 404},
		"no such type":          {request{method: "GET", path: "/apis/apps/v1/namespaces/prod/daemonsets/app"}, 404},
		"no such version":       {request{method: "GET", path: "/apis/apps/v2/namespaces/prod/deployments/app"}, 404},
		"no such subresource":   {request{method: "GET", path: app + "/eviction"}, 404},
		"no scale":              {request{method: "GET", path: hpa + "/scale"}, 404},
		"no namespace":          {request{method: "GET", path: "/apis/apps/v1/deployments/app"}, 404},
		"delete":                {request{method: "DELETE", path: app}, 405},
		"unlimited list":        {request{method: "GET", path: strings.TrimSuffix(app, "/app")}, 400},
		"odd selector":          {request{method: "GET", path: strings.TrimSuffix(app, "/app") + "?limit=5&labelSelector=!a"}, 400},
		"JSON patch":            {request{method: "PATCH", path: app + query, contentType: "application/json-patch+json", body: "[]"}, 415},
		"no manager":            {request{method: "PATCH", path: app + "?fieldValidation=Strict", body: ok}, 400},
		"not strict":            {request{method: "PATCH", path: app + "?fieldManager=m", body: ok}, 400},
		"forced":                {request{method: "PATCH", path: app + query + "&force=true", body: ok}, 400},
		"no JSON":               {request{method: "PATCH", path: app + query, body: "x"}, 400},
		"stale":                 {request{method: "PATCH", path: app + query, body: `{"metadata":{"resourceVersion":"1"},"spec":{"replicas":3}}`}, 409},
		"stale scale":           {request{method: "PATCH", path: app + "/scale" + query, body: `{"metadata":{"resourceVersion":"1"},"spec":{"replicas":3}}`}, 409},
		"unknown field":         {request{method: "PATCH", path: app + query, body: `{"spec":{"replica":3}}`}, 400},
		"wrong type":            {request{method: "PATCH", path: app + query, body: `{"spec":{"replicas":"3"}}`}, 400},
		"unknown field (scale)": {request{method: "PATCH", path: app + "/scale" + query, body: `{"spec":{"replica":3}}`}, 400},
		"negative":              {request{method: "PATCH", path: app + "/scale" + query, body: `{"spec":{"replicas":-1}}`}, 422},
		"renamed":               {request{method: "PATCH", path: app + query, body: `{"metadata":{"name":"b"}}`}, 422},
		"floor above maximum":   {request{method: "PATCH", path: hpa + query, body: `{"spec":{"minReplicas":10}}`}, 422},
		"maximum 0":             {request{method: "PATCH", path: hpa + query, body: `{"spec":{"maxReplicas":0}}`}, 422},
		"floor 0":               {request{method: "PATCH", path: hpa + query, body: `{"spec":{"minReplicas":0}}`}, 422},
		"KEDA's floor":          {request{method: "PATCH", path: keda + query, body: `{"spec":{"minReplicaCount":101}}`}, 422},
		"KEDA's fields":         {request{method: "PATCH", path: keda + query, body: `{"spec":{"minReplicas":1}}`}, 400},
		"half an instance":      {request{method: "PATCH", path: keda + query, body: `{"spec":{"minReplicaCount":0.5}}`}, 422},
		"spec of a revision":    {request{method: "PATCH", path: rev + query, body: `{"spec":{"timeoutSeconds":5}}`}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := kubeapitest.New(t)
			server.Put(t, "deployments.apps/prod/app", `{"spec":{"replicas":2,"selector":{},"template":{"metadata":{},"spec":{"containers":[]}}}}`)
			server.Put(t, "horizontalpodautoscalers.autoscaling/prod/app", `{"spec":{"maxReplicas":9,"scaleTargetRef":{"kind":"Deployment","name":"app"}}}`)
			server.Put(t, "scaledobjects.keda.sh/prod/app", `{"spec":{"scaleTargetRef":{"name":"app"},"triggers":[]}}`)
			server.Put(t, "revisions.serving.knative.dev/prod/app", `{"spec":{}}`)
			if got := send(t, server, c.request); got != c.code {
				t.Errorf("%s %s is answered with %d, want %d", c.method, c.path, got, c.code)
			}
			if written := c.code == 200 && c.method == "PATCH"; server.Writes() != map[bool]int{true: 1}[written] {
				t.Errorf("%d writes", server.Writes())
			}
		})
	}
}

// send sends a request with the credentials of the server's own kubeconfig, and returns the code of the answer.
func send(t *testing.T, server *kubeapitest.Server, r request) int {
	t.Helper()
	data, err := os.ReadFile(server.Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Clusters []struct{ Cluster struct{ Server string } }
		Users    []struct{ User struct{ Token string } }
	}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	sent, err := http.NewRequestWithContext(t.Context(), r.method, config.Clusters[0].Cluster.Server+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header.Set("Content-Type", "application/merge-patch+json")
	if r.contentType != "" {
		sent.Header.Set("Content-Type", r.contentType)
	}
	sent.Header.Set("Authorization", "Bearer "+config.Users[0].User.Token)
	if r.token != "" {
		sent.Header.Set("Authorization", r.token)
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the server is this test's own
	}}
	answer, err := client.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}
