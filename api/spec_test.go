package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/api"
)

// spec is the description, read from the committed file.
type spec struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct {
				Schema json.RawMessage `json:"schema"`
			} `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
}

var loadSpec = sync.OnceValue(func() spec {
	var s spec
	if err := json.Unmarshal(committedSpec, &s); err != nil {
		panic(err)
	}
	return s
})

// registry holds the schemas of the answers, built by huma from the same types, for its validator.
var registry = sync.OnceValue(func() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		name := huma.DefaultSchemaNamer(t, hint)
		return strings.NewReplacer("ErrorModel", "Problem", "ErrorDetail", "ProblemDetail").Replace(name)
	})
	for _, t := range []reflect.Type{
		reflect.TypeFor[api.Targets](), reflect.TypeFor[api.RecommendationList](), reflect.TypeFor[api.Events](),
		reflect.TypeFor[api.Forecast](), reflect.TypeFor[api.Series](), reflect.TypeFor[api.PauseState](),
		reflect.TypeFor[api.Configuration](), reflect.TypeFor[api.Reloaded](), reflect.TypeFor[api.Version](),
		reflect.TypeFor[api.Health](), reflect.TypeFor[api.Backtest](), reflect.TypeFor[api.BacktestList](), reflect.TypeFor[api.RestoreResult](), reflect.TypeFor[api.AdvisorReport](), reflect.TypeFor[api.AdvisorPrompt](), reflect.TypeFor[api.AdviceRecord](), reflect.TypeFor[api.HintProposal](), reflect.TypeFor[api.Confirmed](), reflect.TypeFor[api.Narrative](), reflect.TypeFor[api.NoteList](), reflect.TypeFor[api.HintList](), reflect.TypeFor[api.ImportResult](), reflect.TypeFor[api.RefusedTargets](), reflect.TypeFor[api.RightSizings](), reflect.TypeFor[api.Readiness](), reflect.TypeFor[huma.ErrorModel](),
	} {
		r.Schema(t, true, "")
	}
	return r
})

// template returns the path of the description that an escaped path matches, "" if none.
func template(path string) string {
	got := strings.Split(path, "/")
	if _, ok := loadSpec().Paths[path]; ok {
		return path
	}
	for candidate := range loadSpec().Paths {
		want := strings.Split(candidate, "/")
		if len(want) == len(got) && !slices.ContainsFunc(seq(len(want)), func(i int) bool {
			return want[i] != got[i] && !strings.HasPrefix(want[i], "{")
		}) {
			return candidate
		}
	}
	return ""
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// checkAnswer checks that the status of an answer is described, its body valid, and its headers safe.
func checkAnswer(tb testing.TB, r *http.Request, w *httptest.ResponseRecorder) {
	tb.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Access-Control-Allow-Origin": "",
	} {
		if got := w.Header().Get(name); got != want {
			tb.Errorf("%s %s: header %s is %q, not %q", r.Method, r.URL, name, got, want)
		}
	}
	if w.Header().Get("X-Request-Id") == "" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		tb.Errorf("%s %s: headers %v", r.Method, r.URL, w.Header())
	}
	kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	if w.Code >= 400 && kind != "application/problem+json" && (w.Code != 503 || r.URL.Path != "/readyz") {
		tb.Errorf("%s %s: status %d with content type %q: %s", r.Method, r.URL, w.Code, kind, w.Body)
	}
	path := template(r.URL.EscapedPath())
	if path == "" || !strings.HasSuffix(kind, "json") || r.Method != http.MethodGet && r.Method != http.MethodPost {
		return
	}
	op, ok := loadSpec().Paths[path][strings.ToLower(r.Method)]
	if !ok {
		if w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusUnauthorized {
			tb.Errorf("%s %s is not described but answered %d", r.Method, path, w.Code)
		}
		return
	}
	response, ok := op.Responses[strconv.Itoa(w.Code)]
	if !ok {
		tb.Errorf("%s %s: status %d is not described", r.Method, path, w.Code)
		return
	}
	media, ok := response.Content[kind]
	if !ok {
		tb.Errorf("%s %s: status %d: content type %q is not described", r.Method, path, w.Code, kind)
		return
	}
	var ref struct {
		Ref string `json:"$ref"`
	}
	var body any
	if err := errors.Join(json.Unmarshal(media.Schema, &ref), json.Unmarshal(w.Body.Bytes(), &body)); err != nil {
		tb.Errorf("%s %s: %v", r.Method, path, err)
		return
	}
	reg := registry()
	res := &huma.ValidateResult{}
	huma.Validate(reg, &huma.Schema{Ref: ref.Ref}, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, body, res)
	for _, err := range res.Errors {
		tb.Errorf("%s %s: answer %s: %v", r.Method, path, w.Body, err)
	}
}
