package cloudruntest

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"pilotlight/actuators/faulttest"
)

// Fault is how a request goes wrong. One that names no operation strikes any but a token.
type Fault = faulttest.Fault

// Status answers with an error of that HTTP status, code of google.rpc and message.
func Status(code int, status, message string) Fault {
	return faulttest.Answer(&failure{code: code, status: status, message: message})
}

// Throttled answers 429, and says in both ways that there are when to come again; 0 does not say.
func Throttled(retryAfter time.Duration) Fault {
	f := &failure{code: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED", message: "Quota exceeded for quota metric 'Write requests' and limit 'Write requests " +
		"per minute per region' of service 'run.googleapis.com' for consumer 'project_number:123456789012'."}
	f.details = []any{map[string]any{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com",
	}}
	if retryAfter > 0 {
		f.details = append(f.details, map[string]any{
			"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": fmt.Sprintf("%gs", retryAfter.Seconds()),
		})
	}
	return faulttest.Answer(f).Later(retryAfter)
}

// Exhausted answers 429 for a quota that does not come back by waiting.
func Exhausted() Fault {
	f := &failure{code: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED", message: "Resource exhausted"}
	f.details = []any{map[string]any{
		"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []any{map[string]any{"subject": "instances"}},
	}}
	return faulttest.Answer(f)
}

// Aborted answers 409 for a change that came first.
func Aborted() Fault {
	return Status(http.StatusConflict, "ABORTED", "Conflict for resource 's': version '1' was specified but current version is '2'.")
}

// Internal answers 500.
func Internal() Fault {
	return Status(http.StatusInternalServerError, "INTERNAL", "Internal error encountered.")
}

// Unavailable answers 503.
func Unavailable() Fault {
	return Status(http.StatusServiceUnavailable, "UNAVAILABLE", "The service is currently unavailable.")
}

// Deadline answers 504: the service ran out of time, and may have done what was asked.
func Deadline() Fault {
	return Status(http.StatusGatewayTimeout, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
}

// Denied answers 403.
func Denied() Fault {
	return Status(http.StatusForbidden, "PERMISSION_DENIED", "Permission 'run.services.update' denied on resource")
}

// Unauthenticated answers 401.
func Unauthenticated() Fault { return faulttest.Answer(unauthenticated()) }

// NotFound answers 404.
func NotFound() Fault { return Status(http.StatusNotFound, "NOT_FOUND", "Resource 's' was not found") }

// Invalid answers 400.
func Invalid() Fault { return faulttest.Answer(badRequest(violation{"service", "no such thing"})) }

// strike answers a request with an error that a fault has.
func (s *Server) strike(w http.ResponseWriter, _ string, err error) int {
	failed, ok := errors.AsType[*failure](err)
	if !ok {
		s.violated("not an error of Cloud Run: %v", err)
		return 0
	}
	return s.fail(w, failed)
}
