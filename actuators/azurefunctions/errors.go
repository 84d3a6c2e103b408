package azurefunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// answerError is an error that Azure answered with, in one line.
type answerError struct {
	status  int
	code    string
	message string
	cause   *azcore.ResponseError
}

// Error implements error.
func (e *answerError) Error() string {
	text := webapi.Line(e.message)
	if text == "" {
		text = "no message"
	}
	if e.code == "" {
		return fmt.Sprintf("%s (HTTP %d)", text, e.status)
	}
	return fmt.Sprintf("%s (HTTP %d %s)", text, e.status, e.code)
}

// Unwrap returns the error of the SDK.
func (e *answerError) Unwrap() error { return e.cause }

// answerOf takes an error of the SDK apart; nil if Azure did not answer with one.
func answerOf(err error) *answerError {
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return nil
	}
	said := &answerError{status: answer.StatusCode, code: answer.ErrorCode, cause: answer}
	if answer.RawResponse == nil {
		return said
	}
	body, err := runtime.Payload(answer.RawResponse)
	if err != nil {
		return said
	}
	// Names are matched whatever their case, so that this reads Microsoft.Web's own {"Code", "Message"} too.
	var shape struct {
		Error   struct{ Code, Message string }
		Code    string
		Message string
	}
	if json.Unmarshal(body, &shape) != nil {
		return said
	}
	for _, text := range []string{shape.Error.Message, shape.Message} {
		if said.message == "" {
			said.message = text
		}
	}
	for _, text := range []string{shape.Error.Code, shape.Code} {
		if said.code == "" {
			said.code = text
		}
	}
	return said
}

// kind classifies the answer, by its code, else by its HTTP status.
func (e *answerError) kind() models.ErrorKind {
	switch {
	case strings.Contains(strings.ToLower(e.code), "quota"), strings.Contains(strings.ToLower(e.message), "quota"):
		return models.KindQuota
	case strings.Contains(e.code, "Throttled"), e.code == "TooManyRequests":
		return models.KindThrottled
	}
	switch e.code {
	case "AuthorizationFailed", "LinkedAuthorizationFailed", "InvalidAuthenticationToken", "ExpiredAuthenticationToken",
		"InvalidAuthenticationTokenTenant", "AuthenticationFailed", "ScopeLocked", "RequestDisallowedByPolicy", "ReadOnlyDisabledSubscription":
		return models.KindUnauthorized
	case "ResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound", "NotFound":
		return models.KindNotFound
	case "Conflict", "AnotherOperationInProgress", "PreconditionFailed", "OperationPreempted", "Canceled", "ResourceGroupBeingDeleted":
		return models.KindConflict
	case "BadRequest", "InvalidRequestContent", "InvalidParameter", "InvalidTemplate":
		return models.KindInvalid
	case "InternalServerError", "ServiceUnavailable", "ServerTimeout", "BadGateway", "RetryableError", "ServerBusy":
		return models.KindTransient
	case "GatewayTimeout":
		return models.KindTimeout
	}
	return webapi.KindOfCloudStatus(e.status)
}

// classify turns what the SDK returned into an *actuators.Error.
func (a *Actuator) classify(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*actuators.Error](err); known {
		return err
	}
	if said := answerOf(err); said != nil {
		wait := time.Duration(0)
		if said.cause.RawResponse != nil {
			wait = retryAfter(said.cause.RawResponse.Header, a.now())
		}
		return &actuators.Error{Kind: said.kind(), Op: op, RetryAfter: wait, Err: said}
	}
	kind := kindOf(err)
	if sent, ok := errors.AsType[*url.Error](err); ok {
		if _, token := errors.AsType[*credentialsError](err); !token {
			// The operation says what was asked for already.
			err = sent.Err
		}
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
