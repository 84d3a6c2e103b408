package webapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pilotlight/models"
)

// MaxRetryAfter bounds what is believed of how long to wait.
const MaxRetryAfter = 24 * time.Hour

// maxText bounds how much of a text of the other side Line repeats, in bytes.
const maxText = 400

// KindOfStatus classifies an HTTP status other than 2xx, after RFC 9110 and RFC 6585.
func KindOfStatus(status int) models.ErrorKind {
	switch status {
	case http.StatusTooManyRequests:
		return models.KindThrottled
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return models.KindUnauthorized
	case http.StatusNotFound, http.StatusGone:
		return models.KindNotFound
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked:
		return models.KindConflict
	case http.StatusPaymentRequired, http.StatusInsufficientStorage:
		return models.KindQuota
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return models.KindTransient
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return models.KindPermanent
	}
	switch {
	case status >= http.StatusInternalServerError:
		return models.KindTransient
	case status >= http.StatusBadRequest:
		return models.KindInvalid
	default:
		return models.KindPermanent
	}
}

// KindOfCloudStatus is KindOfStatus for a platform that goes on with what was asked for when its front answers 504: a write may
// have happened, and is not to be repeated without a look.
func KindOfCloudStatus(status int) models.ErrorKind {
	if status == http.StatusGatewayTimeout {
		return models.KindTimeout
	}
	return KindOfStatus(status)
}

// KindOfFailure classifies the error of an SDK that is no answer of its platform, while the context goes on.
func KindOfFailure(err error) models.ErrorKind {
	switch {
	case isTLS(err):
		return models.KindPermanent
	case isTimeout(err):
		return models.KindTimeout
	case IsNetwork(err), isGarbled(err):
		return models.KindTransient
	default:
		return models.KindPermanent
	}
}

// isTLS reports whether two sides did not agree on a secure connection, which trying again does not change.
func isTLS(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return unverified || invalid || alert || record || errors.Is(err, http.ErrSchemeMismatch)
}

// isFile reports whether a file of credentials could not be read.
func isFile(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

// isTimeout reports whether an answer did not come in time.
func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
}

// IsNetwork reports whether a request failed on its way. It does not ask for net.Error, which a file that is not there is too.
func IsNetwork(err error) bool {
	_, sent := errors.AsType[*url.Error](err)
	_, network := errors.AsType[*net.OpError](err)
	return sent || network
}

// isGarbled reports whether an answer was cut short or cannot be read.
func isGarbled(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	// Some SDKs put these into words only.
	return syntax || kind || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "unmarshalling type")
}

// RetryAfter reads a Retry-After header, a number of units or a date: how long the platform asks to wait, 0 if it does not say.
func RetryAfter(text string, unit time.Duration, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(n)*unit, MaxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), MaxRetryAfter)
	}
	return 0
}

// Line bounds a text of the other side and puts it on one line.
func Line(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}
