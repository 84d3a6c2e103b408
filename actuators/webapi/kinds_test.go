package webapi_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

func TestKindOfStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]models.ErrorKind{
		204: models.KindPermanent, 302: models.KindPermanent, 400: models.KindInvalid, 401: models.KindUnauthorized,
		402: models.KindQuota, 403: models.KindUnauthorized, 404: models.KindNotFound, 405: models.KindInvalid,
		407: models.KindUnauthorized, 408: models.KindTransient, 409: models.KindConflict, 410: models.KindNotFound,
		412: models.KindConflict, 418: models.KindInvalid, 422: models.KindInvalid, 423: models.KindConflict,
		425: models.KindTransient, 429: models.KindThrottled, 500: models.KindTransient, 501: models.KindPermanent,
		502: models.KindTransient, 503: models.KindTransient, 504: models.KindTransient, 505: models.KindPermanent,
		507: models.KindQuota, 599: models.KindTransient,
	} {
		if got := webapi.KindOfStatus(status); got != want {
			t.Errorf("KindOfStatus(%d) = %s, want %s", status, got, want)
		}
		if status == http.StatusGatewayTimeout {
			want = models.KindTimeout
		}
		if got := webapi.KindOfCloudStatus(status); got != want {
			t.Errorf("KindOfCloudStatus(%d) = %s, want %s", status, got, want)
		}
	}
}

func TestKindOfFailure(t *testing.T) {
	t.Parallel()
	syntax := json.Unmarshal([]byte("<html>"), &struct{}{})
	var number int
	mismatch := json.Unmarshal([]byte(`"x"`), &number)
	for name, c := range map[string]struct {
		err  error
		want models.ErrorKind
	}{
		"certificate":  {&tls.CertificateVerificationError{Err: errors.New("unknown authority")}, models.KindPermanent},
		"alert":        {tls.AlertError(40), models.KindPermanent},
		"no TLS":       {http.ErrSchemeMismatch, models.KindPermanent},
		"deadline":     {context.DeadlineExceeded, models.KindTimeout},
		"timeout":      {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, models.KindTimeout},
		"refused":      {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, models.KindTransient},
		"sent":         {&url.Error{Op: "Get", URL: "https://x", Err: errors.New("server misbehaving")}, models.KindTransient},
		"end":          {io.EOF, models.KindTransient},
		"early end":    {io.ErrUnexpectedEOF, models.KindTransient},
		"no JSON":      {syntax, models.KindTransient},
		"wrong type":   {mismatch, models.KindTransient},
		"in words":     {errors.New("unmarshalling type *Site: EOF of it"), models.KindTransient},
		"no such file": {&fs.PathError{Op: "open", Path: "token", Err: fs.ErrNotExist}, models.KindPermanent},
		"other":        {errors.New("other"), models.KindPermanent},
	} {
		if got := webapi.KindOfFailure(fmt.Errorf("ask: %w", c.err)); got != c.want {
			t.Errorf("%s: kind %s, want %s", name, got, c.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-1": 0, "1.5": 0, "soon": 0, "4294967295": webapi.MaxRetryAfter, "99999999999": 0,
		"Mon, 02 Mar 2026 12:00:30 GMT": 30 * time.Second, "Mon, 02 Mar 2026 11:00:00 GMT": 0, "Tue, 02 Mar 2027 12:00:00 GMT": webapi.MaxRetryAfter,
	} {
		if got := webapi.RetryAfter(text, time.Second, now); got != want {
			t.Errorf("RetryAfter(%q) = %s, want %s", text, got, want)
		}
	}
	if got := webapi.RetryAfter("7", time.Millisecond, now); got != 7*time.Millisecond {
		t.Errorf("7 milliseconds are %s", got)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", " a\n\tb ": "a b", strings.Repeat("x", 400): strings.Repeat("x", 400),
		strings.Repeat("x", 399) + "üü": strings.Repeat("x", 399) + "...",
	} {
		if got := webapi.Line(text); got != want {
			t.Errorf("Line(%q) = %q", text, got)
		}
	}
}
