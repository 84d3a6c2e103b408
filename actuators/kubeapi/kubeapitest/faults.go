package kubeapitest

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"pilotlight/actuators/faulttest"
)

// Fault is how a request goes wrong. Its operations are the methods.
type Fault = faulttest.Fault

// Status answers with a Status of that code, reason and message.
func Status(code int, reason, message string) Fault {
	return faulttest.Answer(failing(code, reason, "%s", message))
}

// Later answers with a Status that says, in itself and in a header, after how long to come again.
func Later(code int, reason, message string, retryAfter time.Duration) Fault {
	f := failing(code, reason, "%s", message)
	f.details = map[string]any{"retryAfterSeconds": int(retryAfter.Seconds())}
	return faulttest.Answer(f).Later(retryAfter)
}

// Conflict answers 409 for a change that came first.
func Conflict() Fault { return Status(http.StatusConflict, "Conflict", "the object has been modified") }

// strike answers a request with an error that a fault has.
func strike(w http.ResponseWriter, _ string, err error) int {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return 0
	}
	return fail(w, f)
}

// fail answers with a Status.
func fail(w http.ResponseWriter, f *failure) int {
	status := map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure", "message": f.message, "reason": f.reason, "code": f.code,
	}
	if f.details != nil {
		status["details"] = f.details
	}
	return writeJSON(w, f.code, status)
}

func writeJSON(w http.ResponseWriter, code int, body any) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
	return code
}
