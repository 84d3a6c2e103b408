package webapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"pilotlight/actuators"
	"pilotlight/models"
)

// maxRetryAfter bounds what is believed of a Retry-After header.
const maxRetryAfter = 24 * time.Hour

// maxSaid bounds how much of an answer an error repeats, in bytes.
const maxSaid = 200

// unanswered classifies the failure of a request without a complete answer.
func unanswered(ctx context.Context, op string, err error) *actuators.Error {
	// The text of a url.Error holds the URL.
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	fail := func(kind models.ErrorKind, err error) *actuators.Error {
		return &actuators.Error{Kind: kind, Op: op, Err: err}
	}
	if ended := actuators.Ended(ctx); ended != nil {
		return fail(models.KindTimeout, ended)
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case isTLS(err):
		return fail(models.KindPermanent, fmt.Errorf("%w; check the URL and http.tls_config", err))
	case isFile(err):
		return fail(models.KindUnauthorized, fmt.Errorf("%w; check the files named under http", err))
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		return fail(models.KindTimeout, err)
	default:
		return fail(models.KindTransient, err)
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

// refused classifies an answer other than 2xx.
func (c *Client) refused(op string, resp *http.Response, body []byte) *actuators.Error {
	err := fmt.Errorf("status %d", resp.StatusCode)
	if said := clean(body); said != "" {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, said)
	}
	if resp.StatusCode/100 == 3 {
		err = fmt.Errorf("%w; redirects are not followed: put the final address into the configuration", err)
	}
	return &actuators.Error{Kind: kindOfStatus(resp.StatusCode), Op: op, RetryAfter: c.retryAfter(resp.Header), Err: err}
}

// kindOfStatus classifies an HTTP status other than 2xx, after RFC 9110 and RFC 6585.
func kindOfStatus(status int) models.ErrorKind {
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

// retryAfter returns how long the server asks to wait, 0 if it does not say.
func (c *Client) retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(c.now())), maxRetryAfter)
	}
	return 0
}

// clean makes untrusted text fit for an error: one line of visible characters, not too long.
func clean(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), 4*maxSaid)]), "")
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	return text
}
