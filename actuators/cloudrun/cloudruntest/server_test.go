package cloudruntest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const shop = "projects/shop-123/locations/europe-west1/services/shop"

// call sends a request with a token, and returns the status and the error of the answer.
func call(t *testing.T, s *Server, method, path, body string) (status int, code, message string, answer map[string]any) {
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
		Error struct{ Status, Message string }
	}
	if json.Unmarshal(data, &answer) != nil {
		return resp.StatusCode, "", string(data), nil
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, said.Error.Status, said.Error.Message, answer
}

// TestRefuses sends what Cloud Run would refuse; nothing is changed by it.
func TestRefuses(t *testing.T) {
	t.Parallel()
	const mask = "?updateMask=scaling.minInstanceCount"
	for name, c := range map[string]struct {
		path, body string
		status     int
		code, want string
	}{
		"unknown field":       {mask, `{"scaling":{"minInstances":3}}`, 400, "INVALID_ARGUMENT", `Unknown name "minInstances" at 'service.scaling'`},
		"unknown field above": {mask, `{"scalling":{}}`, 400, "INVALID_ARGUMENT", `Unknown name "scalling" at 'service'`},
		"text for a number":   {mask, `{"scaling":{"minInstanceCount":"3"}}`, 400, "INVALID_ARGUMENT", "(TYPE_INT32)"},
		"fraction":            {mask, `{"scaling":{"minInstanceCount":1.5}}`, 400, "INVALID_ARGUMENT", "(TYPE_INT32)"},
		"too large":           {mask, `{"scaling":{"minInstanceCount":3000000000}}`, 400, "INVALID_ARGUMENT", "(TYPE_INT32)"},
		"null":                {mask, `{"scaling":{"minInstanceCount":null}}`, 400, "INVALID_ARGUMENT", "(TYPE_INT32)"},
		"number for an object": {
			mask, `{"scaling":3}`, 400, "INVALID_ARGUMENT", "Invalid value at 'service.scaling'",
		},
		"enum": {
			"?updateMask=scaling.scalingMode", `{"scaling":{"scalingMode":"ON"}}`, 400, "INVALID_ARGUMENT", "(TYPE_ENUM), ON",
		},
		"output only":   {mask, `{"generation":"3","scaling":{"minInstanceCount":3}}`, 400, "INVALID_ARGUMENT", "output only"},
		"no mask":       {"", `{"scaling":{"minInstanceCount":3}}`, 400, "INVALID_ARGUMENT", "at least one container is required"},
		"mask no field": {"?updateMask=scaling.floor", `{}`, 400, "INVALID_ARGUMENT", `Invalid field mask path "scaling.floor"`},
		"mask output only": {
			"?updateMask=generation", `{}`, 400, "INVALID_ARGUMENT", `Invalid field mask path "generation"`,
		},
		"unknown parameter": {mask + "&dryRun=true", `{}`, 400, "INVALID_ARGUMENT", `Unknown name "dryRun": Cannot bind query parameter`},
		"no boolean":        {mask + "&validateOnly=yes", `{}`, 400, "INVALID_ARGUMENT", "(TYPE_BOOLEAN)"},
		"no JSON":           {mask, `{"scaling":`, 400, "INVALID_ARGUMENT", "Invalid JSON payload received"},
		"two objects":       {mask, `{}{}`, 400, "INVALID_ARGUMENT", "More after the object"},
		"negative":          {mask, `{"scaling":{"minInstanceCount":-1}}`, 400, "INVALID_ARGUMENT", "must not be negative"},
		"too many":          {mask, `{"scaling":{"minInstanceCount":1001}}`, 400, "INVALID_ARGUMENT", "Quota violated"},
		"above the maximum": {
			mask + ",scaling.maxInstanceCount", `{"scaling":{"minInstanceCount":3,"maxInstanceCount":2}}`, 400, "INVALID_ARGUMENT", "less than or equal",
		},
		"old version": {mask, `{"etag":"\"CNDm0/xyz\"","scaling":{"minInstanceCount":3}}`, 409, "ABORTED", "current version is"},
		"same revision": {
			"?updateMask=template.scaling.maxInstanceCount", `{"template":{"scaling":{"maxInstanceCount":7}}}`, 409, "ALREADY_EXISTS",
			"Revision named 'shop-blue' with different configuration already exists",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(t, Config{})
			s.AddService(t, shop, Service{Revision: "shop-blue", RevisionMax: 10})
			status, code, message, _ := call(t, s, http.MethodPatch, "/v2/"+shop+c.path, c.body)
			if status != c.status || code != c.code || !strings.Contains(message, c.want) {
				t.Errorf("answered %d %s %q, want %d %s with %q", status, code, message, c.status, c.code, c.want)
			}
			if s.Writes() != 0 || s.Field(shop, "scaling") != nil {
				t.Error("the service was changed")
			}
			// What breaks the document would fail the test of a client.
			s.TakeViolations()
		})
	}
}

// TestViolationsFail checks that what breaks the document is noted, and what is only refused is not.
func TestViolationsFail(t *testing.T) {
	t.Parallel()
	s := New(t, Config{})
	s.AddService(t, shop, Service{})
	call(t, s, http.MethodPatch, "/v2/"+shop+"?updateMask=scaling.minInstanceCount", `{"scaling":{"minInstanceCount":1001}}`)
	if got := s.TakeViolations(); len(got) != 0 {
		t.Errorf("a quota is a violation: %v", got)
	}
	call(t, s, http.MethodPatch, "/v2/"+shop+"?updateMask=scaling.minInstanceCount", `{"scaling":{"min":1}}`)
	call(t, s, http.MethodPost, "/v2/"+shop, `{}`)
	call(t, s, http.MethodGet, "/v2/"+shop+"?fields", "")
	if got := s.TakeViolations(); len(got) != 2 {
		t.Errorf("2 violations were to be noted: %v", got)
	}
}

func TestNeedsToken(t *testing.T) {
	t.Parallel()
	s := New(t, Config{})
	s.AddService(t, shop, Service{})
	for name, header := range map[string]string{"none": "", "other": "Bearer x", "basic": "Basic t"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v2/"+shop, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", header)
		resp, err := s.http.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: answered %d", name, resp.StatusCode)
		}
	}
	form := "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c"
	resp, err := s.http.Client().Post(s.URL()+tokenPath, "application/x-www-form-urlencoded", strings.NewReader(form)) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a token for an assertion that nobody signed: %d", resp.StatusCode)
	}
	s.TakeViolations()
}

// TestOperation follows a change from the answer of the patch to its end.
func TestOperation(t *testing.T) {
	t.Parallel()
	s := New(t, Config{})
	s.AddService(t, shop, Service{})
	status, _, message, answer := call(t, s, http.MethodPatch, "/v2/"+shop+"?updateMask=scaling.min_instance_count", `{"scaling":{"minInstanceCount":3}}`)
	name, _ := answer["name"].(string)
	if status != http.StatusOK || answer["done"] != nil || name == "" {
		t.Fatalf("answered %d %s %v", status, message, answer)
	}
	if _, _, _, shown := call(t, s, http.MethodGet, "/v2/"+shop, ""); shown["reconciling"] != true {
		t.Errorf("the service is %v", shown)
	}
	s.Advance(5 * time.Second)
	if _, _, _, shown := call(t, s, http.MethodGet, "/v2/"+name, ""); shown["done"] != true || shown["response"] == nil {
		t.Errorf("the operation is %v", shown)
	}
	if _, _, _, shown := call(t, s, http.MethodGet, "/v2/"+shop, ""); shown["reconciling"] != nil {
		t.Errorf("the service is %v", shown)
	}
	s.ForgetOperations()
	if status, code, _, _ := call(t, s, http.MethodGet, "/v2/"+name, ""); status != http.StatusNotFound || code != "NOT_FOUND" {
		t.Errorf("an operation that is gone: %d %s", status, code)
	}
}
