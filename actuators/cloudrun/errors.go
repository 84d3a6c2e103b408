package cloudrun

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/googleapi"

	"pilotlight/actuators"
	"pilotlight/models"
)

// Bounds on what is believed and repeated of an answer.
const (
	maxRetryAfter = 24 * time.Hour
	maxText       = 400
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
	text := short(e.message)
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

// short bounds a text of the other side and puts it on one line.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

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
	said.retryDelay = max(said.retryDelay, a.retryAfter(answer.Header.Get("Retry-After")))
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
			e.retryDelay = min(max(0, wait), maxRetryAfter)
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
	return kindOfStatus(e.code)
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

// kindOfStatus classifies an HTTP status without a code that is known.
func kindOfStatus(status int) models.ErrorKind {
	switch {
	case status == http.StatusTooManyRequests:
		return models.KindThrottled
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return models.KindUnauthorized
	case status == http.StatusNotFound:
		return models.KindNotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return models.KindConflict
	case status == http.StatusGatewayTimeout:
		return models.KindTimeout
	case status == http.StatusRequestTimeout, status >= 500:
		return models.KindTransient
	case status >= 400:
		return models.KindInvalid
	default:
		return models.KindPermanent
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
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return models.KindPermanent
	}
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		return models.KindTimeout
	case isNetwork(err), isGarbled(err):
		return models.KindTransient
	default:
		return models.KindPermanent
	}
}

// isNetwork reports whether a request failed on its way. It does not ask for net.Error, which a file that is not there is too.
func isNetwork(err error) bool {
	_, sent := errors.AsType[*url.Error](err)
	_, network := errors.AsType[*net.OpError](err)
	return sent || network
}

// isGarbled reports whether an answer was cut short or cannot be read.
func isGarbled(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	return syntax || kind || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// retryAfter reads a Retry-After header: how long the service asks to wait, 0 if it does not say.
func (a *Actuator) retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(a.now())), maxRetryAfter)
	}
	return 0
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
