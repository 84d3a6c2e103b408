package awslambdatest

import (
	"errors"
	"net/http"
	"time"

	"pilotlight/actuators/faulttest"
)

// Fault is how a request goes wrong.
type Fault = faulttest.Fault

// Error answers with an error of that code and message, one that the model allows for the operation.
func Error(code, message string) Fault {
	return faulttest.Answer(&failure{code, message})
}

// Throttled answers 429, and says when to come again if retryAfter is above 0.
func Throttled(retryAfter time.Duration) Fault {
	return Error("TooManyRequestsException", "Rate exceeded").Later(retryAfter)
}

// Conflict answers 409. Reads have no such error: it strikes those that write.
func Conflict() Fault {
	return Error("ResourceConflictException", "A previous request is being processed. Please try again shortly").On(writeOps()...)
}

// Internal answers 500.
func Internal() Fault {
	return Error("ServiceException", "An error occurred and the request cannot be processed.")
}

// Unavailable answers 503.
func Unavailable() Fault { return Error("ServiceUnavailable", "Service is unavailable") }

// AccessDenied answers 403 for missing permissions.
func AccessDenied() Fault {
	return Error("AccessDeniedException", "User is not authorized to perform this operation")
}

// ExpiredToken answers 403 for credentials that have expired.
func ExpiredToken() Fault {
	return Error("ExpiredTokenException", "The security token included in the request is expired")
}

// InvalidParameter answers 400.
func InvalidParameter(message string) Fault { return Error("InvalidParameterValueException", message) }

// NotFound answers 404.
func NotFound() Fault { return Error("ResourceNotFoundException", "Function not found") }

// strike answers a request with an error that a fault has.
func (s *Server) strike(w http.ResponseWriter, op string, err error) int {
	failed, ok := errors.AsType[*failure](err)
	if !ok {
		s.violated("not an error of AWS: " + err.Error())
		return 0
	}
	for _, m := range []*model{s.lambda, s.scaling} {
		for i := range m.operations {
			if o := &m.operations[i]; o.name == op {
				code := failed.code
				if m == s.scaling {
					code = inScaling(code)
				}
				return s.fail(w, o, &failure{code, failed.message})
			}
		}
	}
	return 0
}

// inScaling returns what Application Auto Scaling calls an error of AWS Lambda.
func inScaling(code string) string {
	switch code {
	case "TooManyRequestsException":
		return "ThrottlingException"
	case "ServiceException":
		return "InternalServiceException"
	case "ResourceConflictException":
		return "ConcurrentUpdateException"
	case "InvalidParameterValueException", "ResourceNotFoundException":
		return "ValidationException"
	}
	return code
}
