package api

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The paths outside the REST interface, and its prefix.
const (
	pathIndex   = "/"
	pathStyle   = "/style.css"
	pathDocs    = "/docs"
	pathSpec    = "/openapi"
	pathMetrics = "/metrics"
	pathHealthz = "/healthz"
	pathReadyz  = "/readyz"
	prefix      = "/api/v1"
	pathEvents  = prefix + "/events"
)

// server is the handler of all routes.
type server struct {
	deps    Deps
	log     *slog.Logger
	keys    keyring
	metrics *metrics
	engine  *gin.Engine
	api     huma.API
	origin  *http.CrossOriginProtection
	pages   *template.Template
	// streams counts the event streams that are open.
	streams atomic.Int64
}

func newServer(deps Deps) (*server, error) {
	// Debug mode would print the routes to standard output.
	gin.SetMode(gin.ReleaseMode)
	s := &server{
		deps: deps, log: deps.Logger.With("component", "api"), keys: newKeyring(deps.Tokens),
		metrics: newMetrics(deps.Registerer), engine: gin.New(), origin: http.NewCrossOriginProtection(),
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	s.pages = pages
	s.configureEngine()
	s.api = humagin.New(s.engine, humaConfig())
	s.registerTargets()
	s.registerInsights()
	s.registerRecommendations()
	s.registerDecisions()
	s.registerEvents()
	s.registerControl()
	s.registerRestore()
	s.registerHints()
	s.registerAdvisor()
	s.registerBacktests()
	s.registerAdmin()
	s.registerHealth()
	if err := s.registerPages(); err != nil {
		return nil, err
	}
	return s, nil
}

// configureEngine sets up routing. Path parameters are taken from the escaped path and unescaped here, because gin would read
// a plus sign in them as a space. Redirects are off: they would echo the path of the request.
func (s *server) configureEngine() {
	e := s.engine
	e.UseEscapedPath = true
	e.UnescapePathValues = false
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.ForwardedByClientIP = false
	e.Use(
		s.identify, s.observe, s.recoverPanic, s.secureHeaders, s.checkHost, s.checkOrigin, s.authenticate, s.checkQuery,
		s.limitBody, s.limitTime, s.unescapeParams,
	)
	e.NoRoute(func(c *gin.Context) {
		s.refuse(c, problemNotFound, "there is no such path; "+pathDocs+" lists the operations")
	})
	e.NoMethod(s.methodNotAllowed)
	metricsHandler := promhttp.HandlerFor(s.deps.Gatherer, promhttp.HandlerOpts{
		ErrorLog: promLog{s.log}, ErrorHandling: promhttp.ContinueOnError,
	})
	e.GET(pathMetrics, gin.WrapH(metricsHandler))
}

// promLog writes errors of promhttp to the log.
type promLog struct{ log *slog.Logger }

// Println implements promhttp.Logger.
func (l promLog) Println(v ...any) { l.log.Error("metrics not gathered", "error", fmt.Sprint(v...)) }

// humaConfig describes the interface. It has none of huma's own pages, which load scripts from other hosts.
func humaConfig() huma.Config {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Pilotlight",
				Version: "1.0.0",
				Description: "Predictive scaling of serverless functions: targets, forecasts, recommendations with their reasons, " +
					"approvals, the audit trail, and the kill switch. Errors are RFC 9457 problem details.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "A configured token; reads need the role viewer, writes operator."},
				},
			},
			Servers: []*huma.Server{{URL: "/", Description: "This server."}},
		},
		OpenAPIPath:   pathSpec,
		Formats:       map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{completeProblem},
	}
	// Answers may gain fields within a version; bodies of requests forbid unknown ones by their own tag.
	config.AllowAdditionalPropertiesByDefault = true
	return config
}

// schemaName names a schema after its Go type; errors get the names of RFC 9457.
func schemaName(t reflect.Type, hint string) string {
	switch t {
	case reflect.TypeFor[huma.ErrorModel]():
		return "Problem"
	case reflect.TypeFor[huma.ErrorDetail]():
		return "ProblemDetail"
	}
	if t.Kind() == reflect.Pointer {
		return schemaName(t.Elem(), hint)
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// jsonFormat is JSON whose <, > and & are escaped, so that an answer shown as a page by mistake is still only text.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		Unmarshal: json.Unmarshal,
	}
}

// maxBodyBytes bounds the body of a request.
const maxBodyBytes = 64 << 10

// register adds an operation under the rules of the house: its errors become problems, its body is bounded, and what every
// operation may answer is in the description.
func register[I, O any](s *server, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBodyBytes
	}
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusInternalServerError)
	if op.Path != pathHealthz && op.Path != pathReadyz {
		op.Security = []map[string][]string{{"bearer": {}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	}
	if op.Method == http.MethodPost {
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	op.Metadata = map[string]any{metadataFields: bodyFields(reflect.TypeFor[I]())}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return out, nil
	})
}

// metadataFields is where an operation keeps the names of the fields of its body.
const metadataFields = "fields"

// bodyFields returns the names of the fields that the body of an input has in JSON, separated by commas.
func bodyFields(input reflect.Type) string {
	body, ok := input.FieldByName("Body")
	if !ok {
		return ""
	}
	t := body.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var names []string
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

type headKey struct{}

// isHead reports whether the request asks for the headers only.
func isHead(ctx context.Context) bool {
	is, _ := ctx.Value(headKey{}).(bool)
	return is
}

// ServeHTTP implements http.Handler. HEAD is answered like GET, without the body.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
		r.Method = http.MethodGet
		w = bodyless{w}
	}
	s.engine.ServeHTTP(w, r)
}

// bodyless is a writer that drops the body.
type bodyless struct{ http.ResponseWriter }

// Write implements io.Writer.
func (b bodyless) Write(p []byte) (int, error) { return len(p), nil }

// Unwrap is for http.ResponseController.
func (b bodyless) Unwrap() http.ResponseWriter { return b.ResponseWriter }
