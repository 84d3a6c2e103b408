package advisor

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"pilotlight/models"
)

// The bounds of what is read.
const (
	// maxBody bounds a whole answer with its framing, in bytes; maxError one that says what went wrong.
	maxBody  = 16 << 20
	maxError = 64 << 10
	maxKey   = 8 << 10
)

// errNoKey says that the key cannot be read.
var errNoKey = errors.New("the key cannot be read")

// key is the key of the endpoint. It prints as what it is, and not as itself.
type key string

// String implements fmt.Stringer.
func (key) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (key) GoString() string { return redacted }

// key reads the key, "" if there is none. Its errors name the place and never show the key.
func (c *Client) key() (key, error) {
	var text string
	switch {
	case c.config.APIKeyEnv != "":
		value, ok := c.deps.Lookup(c.config.APIKeyEnv)
		if !ok {
			return "", fmt.Errorf("api_key_env: %w: the variable %s is not set: %w", errNoKey, c.config.APIKeyEnv, models.ErrNotFound)
		}
		text = value
	case c.config.APIKeyFile != "":
		f, err := os.Open(c.config.APIKeyFile)
		if err != nil {
			return "", fmt.Errorf("api_key_file: %w: %w", errNoKey, err)
		}
		raw, err := io.ReadAll(io.LimitReader(f, maxKey+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("api_key_file: %w: %w", errNoKey, err)
		}
		text = string(raw)
	default:
		return "", nil
	}
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxKey || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: it is empty, too long, or has characters that a header cannot have: %w", errNoKey, models.ErrInvalid)
	}
	return key(text), nil
}

// newTransport makes the connections of a client.
func newTransport(c *Config) (*http.Transport, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	if c.Proxy != "" {
		proxy, err := url.Parse(c.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy: is no address: %w", models.ErrInvalid)
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM: %w", c.CAFile, models.ErrInvalid)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t, nil
}

// newHTTP makes a client that follows no redirects: another server would get the key.
func newHTTP(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// meter sends one request, bounds its answer and keeps what the library throws away.
type meter struct {
	http *http.Client
	now  func() time.Time

	status     int
	retryAfter time.Duration
	tooLarge   bool
	// refused says that the request did not get to where work is done.
	refused bool
}

// Do implements openai.HTTPDoer.
func (m *meter) Do(req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", "pilotlight")
	resp, err := m.http.Do(req) //nolint:gosec // the address is that of the configuration
	if err != nil {
		op, isOp := errors.AsType[*net.OpError](err)
		m.refused = isOp && op.Op == "dial"
		return nil, err
	}
	m.status = resp.StatusCode
	if resp.StatusCode/100 != 2 {
		m.retryAfter = retryAfter(resp.Header, m.now())
		m.refused = true
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			body = nil
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		if resp.StatusCode/100 == 3 {
			return nil, errors.New("it redirects")
		}
		return resp, nil
	}
	resp.Body = &limited{ReadCloser: resp.Body, left: maxBody, over: &m.tooLarge}
	return resp, nil
}

// limited is a body that ends with an error where it gets too large.
type limited struct {
	io.ReadCloser
	left int
	over *bool
}

// errTooLarge ends a body.
var errTooLarge = errors.New("the answer is too large")

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		*l.over = true
		return 0, errTooLarge
	}
	n, err := l.ReadCloser.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// retryAfter returns how long a server asks to wait, in seconds or until a date (RFC 9110), 0 if it does not say.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseUint(h.Get("Retry-After-Ms"), 10, 32); err == nil {
		return min(time.Duration(ms)*time.Millisecond, retryWindow)
	}
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, retryWindow)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), retryWindow)
	}
	return 0
}

// reason takes the address out of an error of net/http.
func reason(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
