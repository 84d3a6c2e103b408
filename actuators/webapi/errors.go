package webapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"pilotlight/actuators"
	"pilotlight/models"
)

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
	switch {
	case isTLS(err):
		return fail(models.KindPermanent, fmt.Errorf("%w; check the URL and http.tls_config", err))
	case isFile(err):
		return fail(models.KindUnauthorized, fmt.Errorf("%w; check the files named under http", err))
	case isTimeout(err):
		return fail(models.KindTimeout, err)
	default:
		return fail(models.KindTransient, err)
	}
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
	return &actuators.Error{Kind: KindOfStatus(resp.StatusCode), Op: op, RetryAfter: RetryAfter(resp.Header.Get("Retry-After"), time.Second, c.now()), Err: err}
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
