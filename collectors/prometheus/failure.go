package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// errTooLarge says that an answer was cut off because it is larger than maxAnswer.
var errTooLarge = fmt.Errorf("the answer is larger than %d MB", maxAnswer>>20)

// failure is why a query failed, what to do about it, and whether it may pass.
type failure struct {
	outcome string // the value of the outcome label of the metrics
	err     error
	// retry says that the same request may succeed later, wait how long the server asks to wait before.
	retry bool
	wait  time.Duration
	// smaller says that a shorter range may succeed.
	smaller bool
}

// Error implements error.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

// canceled is the failure of a caller who does not want the answer any more. It wraps both the error and the cause of ctx.
func canceled(ctx context.Context) *failure {
	err := ctx.Err()
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return &failure{outcome: "canceled", err: err}
}

// classify makes a failure of what the API's client returned for a request with the context qctx.
func (c *client) classify(ctx, qctx context.Context, err error, seen *exchange) *failure {
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	if qctx.Err() != nil {
		return &failure{outcome: "timeout", err: fmt.Errorf("query %s: %w", c.where, context.Cause(qctx)), smaller: true}
	}
	var answered *v1.Error
	if !errors.As(err, &answered) {
		return c.unanswered(err)
	}
	return c.refused(answered, seen)
}

// unanswered is the failure of a request without a complete HTTP answer.
func (c *client) unanswered(err error) *failure {
	// The text of a url.Error holds the URL, which may hold credentials.
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, errTooLarge) {
		return &failure{outcome: "too_large", smaller: true, err: fmt.Errorf(
			"query %s: %w; narrow the query by selector or lower max_points_per_query", c.where, err)}
	}
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	if unverified || invalid || alert || record || errors.Is(err, http.ErrSchemeMismatch) {
		return &failure{outcome: "tls", err: fmt.Errorf("query %s: %w; check url and http.tls_config", c.where, err)}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return &failure{outcome: "credentials", err: fmt.Errorf("query %s: %w; check the files named under http", c.where, err)}
	}
	return &failure{outcome: "unreachable", retry: true, err: fmt.Errorf(
		"query %s: %w; check url and network, and that the server runs", c.where, err)}
}

// refused is the failure of a request that the server answered with an error.
func (c *client) refused(answered *v1.Error, seen *exchange) *failure {
	said := clean(answered.Msg)
	if detail := clean(answered.Detail); detail != "" {
		said += ": " + detail
	}
	fail := func(outcome, advice string) *failure {
		return &failure{outcome: outcome, err: fmt.Errorf("query %s: %s; %s", c.where, said, advice)}
	}
	switch seen.status {
	case http.StatusTooManyRequests:
		return fail("throttled", "the server limits requests; ask less often or raise its limit").retryAfter(seen)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fail("unavailable", "the server or a proxy before it cannot answer now").retryAfter(seen)
	case http.StatusUnauthorized:
		return fail("unauthorized", "set http.basic_auth, http.authorization or another credential")
	case http.StatusForbidden:
		return fail("unauthorized", "the credential under http may not query; check its permissions and tenant header")
	case http.StatusNotFound:
		return fail("not_found", "there is no Prometheus API under this url; check its path")
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if tooMuch(answered.Msg) {
			f := fail("too_much", "narrow the query by selector or lower max_points_per_query")
			f.smaller = true
			return f
		}
		return fail("bad_query", "correct the query")
	case http.StatusRequestEntityTooLarge:
		return fail("bad_query", "the query is longer than a proxy allows")
	case http.StatusOK:
		return fail("bad_answer", "this is not an answer of a Prometheus API; check url and proxies")
	}
	if seen.status/100 == 3 {
		return fail("redirect", "the server redirects; put the final address into url or set http.follow_redirects")
	}
	return fail("server_error", "look into the server's log")
}

// retryAfter allows a retry, unless the server asks for a longer wait than is sensible.
func (f *failure) retryAfter(seen *exchange) *failure {
	f.retry, f.wait = seen.retryAfter <= maxRetryAfter, seen.retryAfter
	if !f.retry {
		f.err = fmt.Errorf("%w (it asks to wait %s)", f.err, seen.retryAfter)
	}
	return f
}

// tooMuch recognises refusals that a shorter range may avoid, by the texts of Prometheus, Thanos, Mimir and VictoriaMetrics.
func tooMuch(said string) bool {
	said = strings.ToLower(said)
	for _, text := range []string{
		"exceeded maximum resolution", "too many samples", "too many points", "the query time range exceeds",
		"max-samples", "maxpointspertimeseries", "the query exceeded the maximum",
	} {
		if strings.Contains(said, text) {
			return true
		}
	}
	return false
}
