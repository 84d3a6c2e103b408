package kubeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"pilotlight/actuators"
	"pilotlight/models"
)

// maxRetryAfter bounds what is believed of a time to wait.
const maxRetryAfter = 24 * time.Hour

// credentialsError marks that there are no usable credentials or that they could not be read.
type credentialsError struct{ err error }

// Error implements error.
func (e *credentialsError) Error() string {
	return "no usable credentials for the cluster: " + e.err.Error()
}

// Unwrap returns the cause.
func (e *credentialsError) Unwrap() error { return e.err }

// unreadable is an answer that is no object of the type asked for.
func unreadable(op string, err error) error {
	return &actuators.Error{Kind: models.KindTransient, Op: op, Err: fmt.Errorf("read the answer: %w", err)}
}

// classify turns what client-go returned into an *actuators.Error.
func (c *Client) classify(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*actuators.Error](err); known {
		return err
	}
	var status apierrors.APIStatus
	answered := errors.As(err, &status)
	var kind models.ErrorKind
	switch ended := actuators.Ended(ctx); {
	case answered:
		kind = kindOfStatus(status.Status())
	case ended != nil:
		kind, err = models.KindTimeout, fmt.Errorf("%w: %w", ended, withoutAddress(err))
	default:
		kind, err = kindOfFailure(err), withoutAddress(err)
	}
	return &actuators.Error{Kind: kind, Op: op, RetryAfter: retryAfter(err), Err: err}
}

// kindOfFailure classifies an error that is no answer of the server.
func kindOfFailure(err error) models.ErrorKind {
	var (
		credentials *credentialsError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		timeout     net.Error
		sent        *url.Error
	)
	switch {
	case errors.As(err, &credentials):
		return models.KindUnauthorized
	case errors.As(err, &certificate), errors.As(err, &authority):
		return models.KindPermanent
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return models.KindTimeout
	case errors.As(err, &sent):
		return models.KindTransient
	default:
		// A body that ended too early.
		return models.KindTransient
	}
}

// withoutAddress takes the address of the request out of an error, which says no more than the operation and may hold what
// is nobody's business.
func withoutAddress(err error) error {
	if sent, ok := errors.AsType[*url.Error](err); ok {
		return sent.Err
	}
	return err
}

// kindOfStatus classifies an answer by its code, as package actuators wants it.
func kindOfStatus(status metav1.Status) models.ErrorKind {
	switch code := int(status.Code); {
	case code == http.StatusForbidden && strings.Contains(status.Message, "exceeded quota"):
		// The admission of ResourceQuota answers with the code of missing permissions.
		return models.KindQuota
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return models.KindUnauthorized
	case code == http.StatusNotFound:
		return models.KindNotFound
	case code == http.StatusConflict, code == http.StatusPreconditionFailed:
		return models.KindConflict
	case code == http.StatusTooManyRequests:
		return models.KindThrottled
	case code == http.StatusRequestTimeout, code == http.StatusGone, code >= http.StatusInternalServerError:
		return models.KindTransient
	case code >= http.StatusBadRequest:
		return models.KindInvalid
	default:
		// A redirection.
		return models.KindPermanent
	}
}

// retryAfter returns how long the server asks to wait, 0 if it does not say.
func retryAfter(err error) time.Duration {
	seconds, ok := apierrors.SuggestsClientDelay(err)
	if !ok || seconds <= 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}
