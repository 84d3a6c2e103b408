// Package externalmetrics serves the floors of targets to the autoscaler of Kubernetes, as the API group
// external.metrics.k8s.io/v1beta1 that an APIService puts behind the API server.
//
// A number that is not known is always an error: then the autoscaler lowers nothing.
package externalmetrics

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"pilotlight/api/inforce"
	"pilotlight/models"
)

// MetricName is the name of the one metric: the number of warm instances that targets are to have.
const MetricName = "pilotlight-floor"

const (
	pathGroups    = "/apis"
	pathGroup     = pathGroups + "/" + v1beta1.GroupName
	pathResources = pathGroup + "/v1beta1"
	pathMetric    = pathResources + "/namespaces/{namespace}/{metric}"
	pathHealthz   = "/healthz"
)

// Deps is what New builds the handler from.
type Deps struct {
	Floors inforce.Reader
	// AllowedNames are the common names of the client certificates that may ask; none lets every verified one ask.
	AllowedNames []string
	// Tokens are secrets that may be sent instead, as "Authorization: Bearer <secret>".
	Tokens []string
	// Open lets everybody ask.
	Open       bool
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// validate says all that is missing or wrong.
func (d *Deps) validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %w", text, models.ErrInvalid))
		}
	}
	need(d.Registerer != nil, "registerer is missing")
	need(d.Logger != nil, "logger is missing")
	need(!slices.Contains(d.Tokens, ""), "a token is empty")
	return errors.Join(append(errs, d.Floors.Validate())...)
}

// server is the handler.
type server struct {
	deps    Deps
	tokens  [][sha256.Size]byte
	metrics *metrics
	log     *slog.Logger
}

// New returns the handler of all paths. It starts nothing. It returns ErrInvalid, naming everything that is missing or wrong in
// deps.
func New(deps Deps) (http.Handler, error) {
	if err := deps.validate(); err != nil {
		return nil, fmt.Errorf("external metrics: %w", err)
	}
	s := &server{deps: deps, metrics: newMetrics(deps.Registerer), log: deps.Logger.With("component", "external_metrics")}
	for _, secret := range deps.Tokens {
		s.tokens = append(s.tokens, sha256.Sum256([]byte(secret)))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathHealthz, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	for _, path := range []string{pathGroups, pathGroup, pathResources, "/"} {
		mux.HandleFunc(path, s.handle(path, document))
	}
	mux.HandleFunc(pathMetric, s.handle(pathMetric, s.metric))
	return mux, nil
}

// failure is an error with its HTTP status.
type failure struct {
	code int
	text string
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// fail returns an error with its HTTP status.
func fail(code int, format string, args ...any) *failure {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// handle checks who asks, answers, and counts.
func (s *server) handle(path string, answer func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, code := any(nil), http.StatusOK
		err := s.mayAsk(r)
		if err == nil {
			out, err = answer(r)
		}
		if err != nil {
			out, code = s.statusOf(r, err)
		}
		s.metrics.answered(path, code)
		text, err := json.Marshal(out)
		if err != nil {
			s.log.ErrorContext(r.Context(), "an answer cannot be written", "err", err)
			code, text = http.StatusInternalServerError, nil
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if code == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="pilotlight"`)
		}
		w.WriteHeader(code)
		_, _ = w.Write(text) // the client may have gone
	}
}

// mayAsk says why a request may not be answered. The API server has decided about its own user already; what is checked here is
// that the request comes from it.
func (s *server) mayAsk(r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return fail(http.StatusMethodNotAllowed, "only GET is served")
	}
	if s.deps.Open {
		return nil
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		name := r.TLS.VerifiedChains[0][0].Subject.CommonName
		if len(s.deps.AllowedNames) == 0 || slices.Contains(s.deps.AllowedNames, name) {
			return nil
		}
		return fail(http.StatusForbidden, "the client certificate is of %q, which is not among external_metrics.allowed_names", name)
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && s.known(strings.TrimSpace(secret)) {
		return nil
	}
	return fail(http.StatusUnauthorized, "show a client certificate of the configured authority, or a token")
}

// known compares a secret with all tokens in constant time.
func (s *server) known(secret string) bool {
	hash, found := sha256.Sum256([]byte(secret)), 0
	for i := range s.tokens {
		found |= subtle.ConstantTimeCompare(hash[:], s.tokens[i][:])
	}
	return found == 1
}

// statusOf renders an error as Kubernetes does.
func (s *server) statusOf(r *http.Request, err error) (out metav1.Status, code int) {
	code = http.StatusInternalServerError
	failed, known := errors.AsType[*failure](err)
	switch {
	case known:
		code = failed.code
	case errors.Is(err, models.ErrNotFound):
		code = http.StatusNotFound
	case errors.Is(err, models.ErrDryRun):
		code = http.StatusConflict
	case errors.Is(err, models.ErrStale), errors.Is(err, models.ErrNoData), errors.Is(err, inforce.ErrNotReady):
		code = http.StatusServiceUnavailable
	}
	s.log.DebugContext(r.Context(), "a request failed", "path", r.URL.Path, "status", code, "err", err)
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
		Message: err.Error(), Reason: reasonOf(code), Code: int32(code),
	}, code
}

// reasonOf returns the word of Kubernetes for a status.
func reasonOf(code int) metav1.StatusReason {
	switch code {
	case http.StatusBadRequest:
		return metav1.StatusReasonBadRequest
	case http.StatusUnauthorized:
		return metav1.StatusReasonUnauthorized
	case http.StatusForbidden:
		return metav1.StatusReasonForbidden
	case http.StatusNotFound:
		return metav1.StatusReasonNotFound
	case http.StatusMethodNotAllowed:
		return metav1.StatusReasonMethodNotAllowed
	case http.StatusConflict:
		return metav1.StatusReasonConflict
	case http.StatusServiceUnavailable:
		return metav1.StatusReasonServiceUnavailable
	}
	return metav1.StatusReasonInternalError
}
