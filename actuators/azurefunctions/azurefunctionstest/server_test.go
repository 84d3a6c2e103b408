package azurefunctionstest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answered is the status and the header of an answer.
type answered struct {
	StatusCode int
	Header     http.Header
}

// call sends a request with a token, and returns the code and message of an error, and the answer.
func call(t *testing.T, s *Server, method, path, body string) (head answered, code, message string, answer map[string]any) {
	t.Helper()
	s.mu.Lock()
	s.tokens["t"] = true
	s.mu.Unlock()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer t")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Error   struct{ Code, Message string }
		Code    string
		Message string
	}
	_ = json.Unmarshal(data, &answer)
	if resp.StatusCode >= http.StatusBadRequest {
		if err := json.Unmarshal(data, &said); err != nil {
			t.Fatal(err)
		}
	}
	return answered{resp.StatusCode, resp.Header}, said.Error.Code + said.Code, said.Error.Message + said.Message, answer
}

const version = "?api-version=2024-11-01"

// flex returns a functionAppConfig with the given scaleAndConcurrency.
func flex(scale string) string {
	return `{"properties":{"functionAppConfig":{"deployment":{"storage":{"type":"blobContainer"}},"runtime":{"name":"node","version":"22"},` +
		`"scaleAndConcurrency":` + scale + `}}}`
}

// ready returns a functionAppConfig with the given always-ready entries.
func ready(entries string) string {
	return flex(`{"instanceMemoryMB":2048,"maximumInstanceCount":100,"alwaysReady":` + entries + `}`)
}

// TestRefuses sends what Azure would refuse; nothing is changed by it.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query, body string
		status      int
		code, want  string
	}{
		"no version":        {"", ready(`[]`), 400, "InvalidApiVersionParameter", "The api-version ''"},
		"other version":     {"?api-version=2020-01-01", ready(`[]`), 400, "InvalidApiVersionParameter", "2020-01-01"},
		"unknown parameter": {version + "&force=true", ready(`[]`), 400, "InvalidApiVersionParameter", ""},
		"unknown member":    {version, ready(`[{"name":"http","count":3}]`), 400, "InvalidRequestContent", "Could not find member 'count'"},
		"unknown above":     {version, `{"properties":{"functionConfig":{}}}`, 400, "InvalidRequestContent", "Could not find member 'functionConfig'"},
		"text for a number": {version, ready(`[{"name":"http","instanceCount":"3"}]`), 400, "InvalidRequestContent", "InstanceCount"},
		"fraction":          {version, ready(`[{"name":"http","instanceCount":1.5}]`), 400, "InvalidRequestContent", "InstanceCount"},
		"no JSON":           {version, `{"properties":`, 400, "InvalidRequestContent", "unexpected end"},
		"no runtime": {
			version, `{"properties":{"functionAppConfig":{"deployment":{"storage":{"type":"blobContainer"}}}}}`, 400, "BadRequest", "runtime is required",
		},
		"nothing":      {version, `{"properties":{}}`, 400, "BadRequest", "FunctionAppConfig"},
		"no size":      {version, flex(`{"instanceMemoryMB":1024,"maximumInstanceCount":100}`), 400, "BadRequest", "InstanceMemoryMB 1024"},
		"no maximum":   {version, flex(`{"instanceMemoryMB":512}`), 400, "BadRequest", "MaximumInstanceCount 0"},
		"no group":     {version, ready(`[{"name":"queue","instanceCount":3}]`), 400, "BadRequest", "AlwaysReady name 'queue'"},
		"upper case":   {version, ready(`[{"name":"HTTP","instanceCount":3}]`), 400, "BadRequest", "AlwaysReady name 'HTTP'"},
		"no function":  {version, ready(`[{"name":"function:placeorder","instanceCount":3}]`), 400, "BadRequest", "is no function of the app"},
		"twice":        {version, ready(`[{"name":"http","instanceCount":3},{"name":"http","instanceCount":3}]`), 400, "BadRequest", "'http' is invalid"},
		"negative":     {version, ready(`[{"name":"http","instanceCount":-1}]`), 400, "BadRequest", "instance count -1"},
		"one of zones": {version, ready(`[{"name":"http","instanceCount":1}]`), 400, "BadRequest", "instance count 1"},
		"too many":     {version, ready(`[{"name":"http","instanceCount":251}]`), 400, "BadRequest", "quota of 250 cores"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(t, Config{})
			s.AddApp(t, "shop", App{Plan: Flex, Functions: []string{"PlaceOrder"}, ZoneRedundant: true})
			before := s.Field("shop")
			resp, code, message, _ := call(t, s, http.MethodPatch, ID("shop")+c.query, c.body)
			if resp.StatusCode != c.status || code != c.code || !strings.Contains(message, c.want) {
				t.Errorf("answered %d %s %q, want %d %s with %q", resp.StatusCode, code, message, c.status, c.code, c.want)
			}
			if s.Writes() != 0 || s.Field("shop") != before {
				t.Error("the app was changed")
			}
			// What breaks the description would fail the test of a client.
			s.TakeViolations()
		})
	}
}

// TestViolationsFail checks that what breaks the description is noted, and what is only refused is not.
func TestViolationsFail(t *testing.T) {
	t.Parallel()
	s := New(t, Config{})
	s.AddApp(t, "shop", App{Plan: Flex})
	call(t, s, http.MethodPatch, ID("shop")+version, ready(`[{"name":"http","instanceCount":251}]`))
	if got := s.TakeViolations(); len(got) != 0 {
		t.Errorf("a quota is a violation: %v", got)
	}
	call(t, s, http.MethodPatch, ID("shop")+version, ready(`[{"name":"http","count":1}]`))
	call(t, s, http.MethodPost, ID("shop")+version, `{}`)
	call(t, s, http.MethodPatch, ID("shop")+version, strings.Replace(ready(`[]`), `{"properties":{`, `{"properties":{"httpsOnly":true,`, 1))
	call(t, s, http.MethodPatch, ID("shop")+"/config/web"+version, `{"properties":{"minimumElasticInstanceCount":1,"alwaysOn":true}}`)
	if got := s.TakeViolations(); len(got) != 4 {
		t.Errorf("4 violations were to be noted: %v", got)
	}
}

// TestOperation follows a change from the answer of the patch to its end; meanwhile another one is refused.
func TestOperation(t *testing.T) {
	t.Parallel()
	s := New(t, Config{})
	s.AddApp(t, "shop", App{Plan: Flex})
	resp, _, message, _ := call(t, s, http.MethodPatch, ID("shop")+version, ready(`[{"name":"http","instanceCount":3}]`))
	follow, ok := strings.CutPrefix(resp.Header.Get("Azure-AsyncOperation"), s.URL())
	if resp.StatusCode != http.StatusAccepted || !ok {
		t.Fatalf("answered %d %s %v", resp.StatusCode, message, resp.Header)
	}
	resp, code, message, _ := call(t, s, http.MethodPatch, ID("shop")+version, ready(`[]`))
	if resp.StatusCode != http.StatusConflict || code != "Conflict" || !strings.Contains(message, "another operation is in progress") {
		t.Errorf("a second change is answered %d %s %q", resp.StatusCode, code, message)
	}
	for _, want := range []string{"InProgress", "Succeeded"} {
		if _, _, _, shown := call(t, s, http.MethodGet, follow, ""); shown["status"] != want {
			t.Errorf("the operation is %v, want %s", shown, want)
		}
		s.Advance(10 * time.Second)
	}
	s.ForgetOperations()
	if resp, _, _, _ := call(t, s, http.MethodGet, follow, ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an operation that is gone: %d", resp.StatusCode)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+ID("shop")+version, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	refused, err := s.http.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Body.Close()
	if refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("a request without a token: %d", refused.StatusCode)
	}
	s.TakeViolations()
}
