package awslambda

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// credentialsError marks that credentials could not be had, which the SDK only says in words.
type credentialsError struct{ err error }

// Error implements error.
func (e *credentialsError) Error() string {
	return "no valid AWS credentials; check the environment, profile or role: " + e.err.Error()
}

// Unwrap returns the cause.
func (e *credentialsError) Unwrap() error { return e.err }

// markedCredentials marks the errors of a provider of credentials.
type markedCredentials struct{ inner aws.CredentialsProvider }

// Retrieve implements aws.CredentialsProvider.
func (m markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := m.inner.Retrieve(ctx)
	if err != nil {
		return credentials, &credentialsError{err}
	}
	return credentials, nil
}

// classify turns what the SDK returned into an *actuators.Error.
func (l *link) classify(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*actuators.Error](err); known {
		return err
	}
	kind := kindOf(err)
	if ended := actuators.Ended(ctx); ended != nil && !answered(err) {
		kind, err = models.KindTimeout, fmt.Errorf("%w: %w", ended, err)
	}
	return &actuators.Error{Kind: kind, Op: op, RetryAfter: l.retryAfter(err), Err: err}
}

// answered reports whether the platform answered with an error of its own.
func answered(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api)
}

// kindOf classifies an error of the SDK while the context goes on.
func kindOf(err error) models.ErrorKind {
	var (
		credentials *credentialsError
		api         smithy.APIError
		params      smithy.InvalidParamsError
		certificate *tls.CertificateVerificationError
		timeout     net.Error
		sent        *smithyhttp.RequestSendError
		answer      *smithyhttp.ResponseError
		body        *smithy.DeserializationError
	)
	switch {
	case errors.As(err, &credentials):
		return models.KindUnauthorized
	case errors.As(err, &api):
		return kindOfAnswer(err, api)
	case errors.As(err, &params):
		return models.KindInvalid
	case errors.As(err, &certificate):
		return models.KindPermanent
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return models.KindTimeout
	case errors.As(err, &sent), errors.As(err, &answer), errors.As(err, &body):
		// A connection that broke, or an answer that cannot be read.
		return models.KindTransient
	default:
		return models.KindPermanent
	}
}

// kindOfAnswer classifies an error that the service answered with, by its code, else by its HTTP status.
func kindOfAnswer(err error, api smithy.APIError) models.ErrorKind {
	switch code := api.ErrorCode(); code {
	case "TooManyRequestsException", "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottledException",
		"RequestLimitExceeded", "SlowDown":
		return models.KindThrottled
	case "AccessDeniedException", "AccessDenied", "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException",
		"InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "IncompleteSignature", "IncompleteSignatureException", "InvalidAccessKeyId",
		"AuthFailure", "OptInRequired", "NotAuthorized", "RequestExpired", "RequestTimeTooSkewed":
		return models.KindUnauthorized
	case "ResourceNotFoundException", "ProvisionedConcurrencyConfigNotFoundException":
		return models.KindNotFound
	case "ResourceConflictException", "ResourceInUseException", "PreconditionFailedException", "ConcurrentUpdateException":
		return models.KindConflict
	case "ServiceQuotaExceededException", "LimitExceededException", "CodeStorageExceededException":
		return models.KindQuota
	case "InvalidParameterValueException", "ValidationException":
		return kindOfInvalid(api.ErrorMessage())
	case "ServiceException", "InternalServiceException", "InternalFailure", "InternalServerError", "InternalError", "ServiceUnavailable",
		"ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return models.KindTransient
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return kindOfStatus(answer.HTTPStatusCode())
	}
	return models.KindPermanent
}

// kindOfInvalid tells apart what the service calls an invalid parameter value: a limit that is reached, an alias that is
// just being moved, and values that are really invalid.
func kindOfInvalid(message string) models.ErrorKind {
	message = strings.ToLower(message)
	switch {
	case strings.Contains(message, "reservedconcurrentexecution"),
		strings.Contains(message, "'memorysize'") && strings.Contains(message, "less than or equal"):
		return models.KindQuota
	case strings.Contains(message, "alias with weights"):
		return models.KindConflict
	default:
		return models.KindInvalid
	}
}

// kindOfStatus classifies an HTTP status without a code that is known.
func kindOfStatus(status int) models.ErrorKind {
	if status/100 == 2 {
		// A success whose body is no answer, such as one cut short.
		return models.KindTransient
	}
	return webapi.KindOfStatus(status)
}

// retryAfter returns how long the service asks to wait, 0 if it does not say.
func (l *link) retryAfter(err error) time.Duration {
	text := ""
	var throttled *types.TooManyRequestsException
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &throttled) && throttled.RetryAfterSeconds != nil:
		text = *throttled.RetryAfterSeconds
	case errors.As(err, &answer) && answer.Response != nil && answer.Response.Response != nil:
		text = answer.Response.Header.Get("Retry-After")
	}
	return webapi.RetryAfter(text, time.Second, l.now())
}
