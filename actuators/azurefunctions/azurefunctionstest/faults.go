package azurefunctionstest

import (
	"errors"
	"net/http"
	"time"

	"pilotlight/actuators/faulttest"
)

// Fault is how a request goes wrong. One that names no operation strikes any but a token.
type Fault = faulttest.Fault

// Status answers with an error of that HTTP status, code and message, as Azure Resource Manager does.
func Status(status int, code, message string) Fault {
	return faulttest.Answer(armError(status, code, message))
}

// Web answers with an error as Microsoft.Web does.
func Web(status int, code, message string) Fault {
	return faulttest.Answer(webError(status, code, message))
}

// Throttled answers 429.
func Throttled(retryAfter time.Duration) Fault {
	return Status(http.StatusTooManyRequests, "SubscriptionRequestsThrottled", "Number of requests for subscription exceeded the limit. Please try again later.").
		Later(retryAfter)
}

// InProgress answers 409 for a change under way.
func InProgress() Fault {
	return Web(http.StatusConflict, "Conflict", "Cannot modify this site because another operation is in progress. Details: Id: 1, OperationName: Update")
}

// Quota answers 400 for a limit of the region.
func Quota() Fault {
	return Web(http.StatusBadRequest, "BadRequest", "This region has quota of 250 cores for your subscription.")
}

// Internal answers 500.
func Internal() Fault {
	return Status(http.StatusInternalServerError, "InternalServerError", "There was an unexpected InternalServerError.")
}

// Unavailable answers 503.
func Unavailable() Fault {
	return Status(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is unavailable.")
}

// Timeout answers 504: Azure ran out of time, and may have done what was asked.
func Timeout() Fault {
	return Status(http.StatusGatewayTimeout, "GatewayTimeout", "The gateway did not receive a response from 'Microsoft.Web' within the specified time period.")
}

// Denied answers 403.
func Denied() Fault {
	return Status(http.StatusForbidden, "AuthorizationFailed", "The client does not have authorization to perform action 'Microsoft.Web/sites/write'.")
}

// Locked answers 409 for a lock that an administrator set.
func Locked() Fault {
	return Status(http.StatusConflict, "ScopeLocked", "The scope cannot perform write operation because following scope(s) are locked.")
}

// NotFound answers 404.
func NotFound() Fault {
	return Status(http.StatusNotFound, "ResourceNotFound", "The Resource was not found.")
}

// Invalid answers 400.
func Invalid() Fault { return Web(http.StatusBadRequest, "BadRequest", "The parameter is invalid.") }

// strike answers a request with an error that a fault has.
func (s *Server) strike(w http.ResponseWriter, _ string, err error) int {
	failed, ok := errors.AsType[*failure](err)
	if !ok {
		s.violated("not an error of Azure: %v", err)
		return 0
	}
	return s.fail(w, failed)
}
