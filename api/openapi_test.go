package api_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.json anew")

//go:embed openapi.json
var committedSpec []byte

// TestOpenAPI checks that the committed description is the one that is served.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld().deps())
	w := do(t, h, request(http.MethodGet, "/openapi.json", ""))
	var served bytes.Buffer
	if err := json.Indent(&served, w.Body.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	served.WriteByte('\n')
	if *update {
		if err := os.WriteFile("openapi.json", served.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(served.Bytes(), committedSpec) {
		t.Error("openapi.json is stale; run: go test ./api -run OpenAPI -update")
	}
}

// TestOpenAPIStructure checks what a validator of OpenAPI 3.1 would: version, references, unique operation ids, path
// parameters, responses; and what we ask for on top: descriptions, security.
func TestOpenAPIStructure(t *testing.T) {
	t.Parallel()
	if *update {
		t.Skip("the description is being written")
	}
	var doc map[string]any
	if err := json.Unmarshal(committedSpec, &doc); err != nil {
		t.Fatal(err)
	}
	if doc["openapi"] != "3.1.0" {
		t.Errorf("openapi is %v", doc["openapi"])
	}
	ids := map[any]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		for method, raw := range item.(map[string]any) {
			checkOperation(t, method+" "+path, path, raw.(map[string]any), ids)
		}
	}
	if len(ids) != 39 {
		t.Errorf("%d operations", len(ids))
	}
	checkRefs(t, doc, doc, "#")
}

func checkOperation(t *testing.T, name, path string, op map[string]any, ids map[any]bool) {
	t.Helper()
	id, _ := op["operationId"].(string)
	if id == "" || ids[id] {
		t.Errorf("%s: operation id %q is missing or not unique", name, id)
	}
	ids[id] = true
	if op["summary"] == nil {
		t.Errorf("%s has no summary", name)
	}
	open := path == "/healthz" || path == "/readyz"
	if (op["security"] == nil) != open {
		t.Errorf("%s: security %v", name, op["security"])
	}
	var inPath []string
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		param := p.(map[string]any)
		if param["description"] == nil {
			t.Errorf("%s: parameter %v has no description", name, param["name"])
		}
		if param["in"] == "path" {
			inPath = append(inPath, param["name"].(string))
			if param["required"] != true {
				t.Errorf("%s: path parameter %v is not required", name, param["name"])
			}
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "{") && !slices.Contains(inPath, strings.Trim(part, "{}")) {
			t.Errorf("%s: parameter %s is not described", name, part)
		}
	}
	responses, _ := op["responses"].(map[string]any)
	for code, raw := range responses {
		response := raw.(map[string]any)
		if description, _ := response["description"].(string); description == "" {
			t.Errorf("%s: response %s has no description", name, code)
		}
	}
	if responses["200"] == nil && responses["202"] == nil && responses["204"] == nil {
		t.Errorf("%s has no response 200 or 202", name)
	}
}

// checkRefs checks that every reference leads somewhere and every type is known.
func checkRefs(t *testing.T, doc map[string]any, v any, at string) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, child := range v {
			checkRefs(t, doc, child, at)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			name, local := strings.CutPrefix(ref, "#/components/schemas/")
			if schemas := doc["components"].(map[string]any)["schemas"].(map[string]any); !local || schemas[name] == nil {
				t.Errorf("%s: %s leads nowhere", at, ref)
			}
		}
		for key, child := range v {
			checkRefs(t, doc, child, at+"/"+key)
		}
	}
}

// TestOpenAPIYAML checks that the other form is served too.
func TestOpenAPIYAML(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld().deps())
	w := do(t, h, request(http.MethodGet, "/openapi.yaml", ""))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "operationId: list-targets") {
		t.Errorf("status %d: %.200s", w.Code, w.Body)
	}
}
