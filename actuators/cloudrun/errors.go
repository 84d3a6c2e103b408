package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"google.golang.org/api/googleapi"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// answerError is an error that the service answered with, in one line.
type answerError struct {
	// code is the HTTP status, 0 for the error of an operation; status the name of the code in google.rpc.Code, "" if unknown.
	code    int
	status  string
	message string
	// reason is that of an ErrorInfo, such as RATE_LIMIT_EXCEEDED; quota says that a QuotaFailure was given.
	reason     string
	quota      bool
	retryDelay time.Duration
	cause      error
}

// Error implements error.
func (e *answerError) Error() string {
	text := webapi.Line(e.message)
	if text == "" {
		text = "no message"
	}
	if e.reason != "" {
		text += ", reason " + e.reason
	}
	switch {
	case e.code == 0:
		return fmt.Sprintf("%s (%s)", text, e.status)
	case e.status == "":
		return fmt.Sprintf("%s (HTTP %d)", text, e.code)
	default:
		return fmt.Sprintf("%s (HTTP %d %s)", text, e.code, e.status)
	}
}

// Unwrap returns the error of the SDK.
func (e *answerError) Unwrap() error { return e.cause }

// answerOf takes an error of the SDK apart; ok is false if the service did not answer with one.
func (a *Actuator) answerOf(err error) (said *answerError, ok bool) {
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return nil, false
	}
	said = &answerError{code: answer.Code, message: answer.Message, cause: answer}
	var body struct {
		Error struct {
			Status  string            `json:"status"`
			Details []json.RawMessage `json:"details"`
		} `json:"error"`
	}
	// What is no JSON comes from something in between, such as a proxy, and has only its HTTP status.
	if json.Unmarshal([]byte(answer.Body), &body) == nil {
		said.status = body.Error.Status
		for _, detail := range body.Error.Details {
			said.addDetail(detail)
		}
	}
	for _, item := range answer.Errors {
		if said.reason == "" {
			said.reason = item.Reason
		}
	}
	said.retryDelay = max(said.retryDelay, webapi.RetryAfter(answer.Header.Get("Retry-After"), time.Second, a.now()))
	return said, true
}

// addDetail takes what matters out of a detail of google.rpc.
func (e *answerError) addDetail(data []byte) {
	var detail struct {
		Type       string `json:"@type"`
		Reason     string `json:"reason"`
		RetryDelay string `json:"retryDelay"`
	}
	if json.Unmarshal(data, &detail) != nil {
		return
	}
	switch detail.Type {
	case "type.googleapis.com/google.rpc.ErrorInfo":
		e.reason = detail.Reason
	case "type.googleapis.com/google.rpc.QuotaFailure":
		e.quota = true
	case "type.googleapis.com/google.rpc.RetryInfo":
		if wait, err := time.ParseDuration(detail.RetryDelay); err == nil {
			e.retryDelay = min(max(0, wait), webapi.MaxRetryAfter)
		}
	}
}

// kind classifies the answer, by its code, else by its HTTP status.
func (e *answerError) kind() models.ErrorKind {
	switch e.status {
	case "RESOURCE_EXHAUSTED":
		return e.kindOfExhaustion()
	case "UNAUTHENTICATED", "PERMISSION_DENIED":
		if e.reason == "RATE_LIMIT_EXCEEDED" || e.reason == "rateLimitExceeded" {
			return models.KindThrottled
		}
		return models.KindUnauthorized
	case "NOT_FOUND":
		return models.KindNotFound
	case "ABORTED", "ALREADY_EXISTS":
		return models.KindConflict
	case "FAILED_PRECONDITION", "INVALID_ARGUMENT", "OUT_OF_RANGE":
		return e.kindOfRefusal()
	case "DEADLINE_EXCEEDED":
		return models.KindTimeout
	case "UNAVAILABLE", "INTERNAL", "UNKNOWN", "DATA_LOSS", "CANCELLED":
		return models.KindTransient
	case "UNIMPLEMENTED":
		return models.KindPermanent
	}
	return webapi.KindOfCloudStatus(e.code)
}

// kindOfExhaustion tells a limit that does not come back by waiting from being too fast.
func (e *answerError) kindOfExhaustion() models.ErrorKind {
	if e.quota && e.retryDelay == 0 && e.reason != "RATE_LIMIT_EXCEEDED" {
		return models.KindQuota
	}
	return models.KindThrottled
}

// kindOfRefusal tells apart limits, which the service reports as invalid arguments too, states that may pass and values that are
// really invalid.
func (e *answerError) kindOfRefusal() models.ErrorKind {
	switch {
	case e.quota, strings.Contains(strings.ToLower(e.message), "quota"):
		return models.KindQuota
	case e.status == "FAILED_PRECONDITION":
		return models.KindConflict
	default:
		return models.KindInvalid
	}
}

// classify turns what the SDK returned into an *actuators.Error.
func (a *Actuator) classify(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*actuators.Error](err); known {
		return err
	}
	if said, ok := a.answerOf(err); ok {
		return &actuators.Error{Kind: said.kind(), Op: op, RetryAfter: said.retryDelay, Err: said}
	}
	kind := kindOf(err)
	if sent, ok := errors.AsType[*url.Error](err); ok {
		// The operation says what was asked for already.
		err = sent.Err
	}
	if ended := actuators.Ended(ctx); ended != nil {
		kind, err = models.KindTimeout, fmt.Errorf("%w: %w", ended, err)
	}
	return &actuators.Error{Kind: kind, Op: op, Err: err}
}

// kindOf classifies an error without an answer while the context goes on.
func kindOf(err error) models.ErrorKind {
	if credentials, ok := errors.AsType[*credentialsError](err); ok {
		if credentials.passes() {
			return models.KindTransient
		}
		return models.KindUnauthorized
	}
	return webapi.KindOfFailure(err)
}

// codeName returns the name of a number of google.rpc.Code.
func codeName(code int64) string {
	names := [...]string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
	if code < 0 || code >= int64(len(names)) {
		return "UNKNOWN"
	}
	return names[code]
}
