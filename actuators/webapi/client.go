// Package webapi sends requests to HTTP interfaces for the adapters that have no SDK: with the authentication, TLS and proxy
// options of Prometheus, bounded answers, no redirects, and errors that are classified.
package webapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/common/config"

	"pilotlight/actuators"
	"pilotlight/models"
)

// MaxAnswer is the largest answer that is read, in bytes; a larger one is an error.
const MaxAnswer = 1 << 20

// Client sends requests. It is safe for concurrent use.
type Client struct {
	http *http.Client
	now  func() time.Time
}

// New returns a client for the part of that configured name. It reads the certificate files that the configuration names, and
// sends nothing. now is the clock for dates in Retry-After. Redirects are never followed, whatever the configuration says:
// another server would get the credentials or a signed body.
func New(name string, cfg config.HTTPClientConfig, now func() time.Time) (*Client, error) {
	if now == nil {
		return nil, fmt.Errorf("a clock is needed: %w", models.ErrInvalid)
	}
	cfg.FollowRedirects = false
	client, err := config.NewClientFromConfig(cfg, "pilotlight_"+name, config.WithUserAgent("pilotlight"))
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	return &Client{http: client, now: now}, nil
}

// Close frees idle connections. The client can be used afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one request. Its URL must not hold a password.
type Request struct {
	// Op is what is attempted, for errors, such as "scale function x".
	Op          string
	Method, URL string
	Header      http.Header
	Body        []byte
}

// Read sends a request that only reads and returns the body of a 2xx answer. The error is an *actuators.Error.
func (c *Client) Read(ctx context.Context, r Request) ([]byte, error) { return c.send(ctx, r) }

// Write is Read for a request that writes: it asks actuators.MayWrite first, and returns its error unchanged.
func (c *Client) Write(ctx context.Context, r Request) ([]byte, error) {
	if held := actuators.MayWrite(ctx); held != nil && ctx.Err() == nil {
		return nil, held
	}
	return c.send(ctx, r)
}

// send sends a request.
func (c *Client) send(ctx context.Context, r Request) ([]byte, error) {
	if err := actuators.Ended(ctx); err != nil {
		return nil, &actuators.Error{Kind: models.KindTimeout, Op: r.Op, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		// The error of the library holds the URL.
		return nil, &actuators.Error{
			Kind: models.KindInvalid, Op: r.Op, Err: fmt.Errorf("the URL cannot be used: %w", models.ErrInvalid),
		}
	}
	maps.Copy(req.Header, r.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unanswered(ctx, r.Op, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	switch {
	case resp.StatusCode/100 != 2:
		return nil, c.refused(r.Op, resp, body)
	case err != nil:
		return nil, unanswered(ctx, r.Op, fmt.Errorf("read the answer: %w", err))
	case len(body) > MaxAnswer:
		return nil, &actuators.Error{
			Kind: models.KindPermanent, Op: r.Op,
			Err: fmt.Errorf("the answer is larger than %d bytes; this is not the interface that was configured", MaxAnswer),
		}
	}
	return body, nil
}
