// Package advisor asks a language model for what the numbers cannot tell: bounded and dated adjustments out of texts, hints out of an
// operator's words, and explanations in plain language. The model is not trusted: what it gets to see is redacted, masked and
// delimited, and what comes back is checked against a schema and fixed bounds before anything is made of it.
package advisor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"pilotlight/models"
)

// Deps are what the client needs of its surroundings.
type Deps struct {
	// Now is the clock.
	Now func() time.Time
	// Lookup looks a variable of the environment up, as os.LookupEnv does; it is needed for api_key_env only.
	Lookup func(string) (string, bool)
	// BoundaryKey is at least 16 random bytes that nobody else knows; the delimiters of data are made of it.
	BoundaryKey []byte
	// Wait waits for a retry, or until the context ends; nil waits with a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// Client asks an endpoint. It is safe for concurrent use.
type Client struct {
	config      Config
	deps        Deps
	boundaryKey []byte
	http        *http.Client
	slots       chan struct{}
	budget      budget
	breaker     breaker
	cache       cache
}

// New returns a client for an enabled configuration. It reads the key once, to say at the start if it cannot be used, and sends nothing.
func New(config Config, deps Deps) (*Client, error) {
	if !config.Enabled {
		return nil, fmt.Errorf("advisor: it is not enabled: %w", models.ErrInvalid)
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("advisor: %w", err)
	}
	if deps.Now == nil || len(deps.BoundaryKey) < 16 || config.APIKeyEnv != "" && deps.Lookup == nil {
		return nil, fmt.Errorf("advisor: a clock, a look-up of variables and 16 bytes for delimiters are needed: %w", models.ErrInvalid)
	}
	if deps.Wait == nil {
		deps.Wait = wait
	}
	transport, err := newTransport(&config)
	if err != nil {
		return nil, fmt.Errorf("advisor: %w", err)
	}
	c := &Client{
		config: config, deps: deps, boundaryKey: slices.Clone(deps.BoundaryKey), http: newHTTP(transport),
		slots: make(chan struct{}, config.MaxConcurrent), budget: budget{config: config.Budget},
		breaker: breaker{config: config.Breaker}, cache: cache{ttl: config.CacheTTL.Std()},
	}
	if _, err := c.key(); err != nil {
		return nil, fmt.Errorf("advisor: %w", err)
	}
	return c, nil
}

// Close frees idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Name returns the configured name.
func (c *Client) Name() string { return c.config.Name }

// Usage returns what the present UTC day has cost so far; keep it, and give it to Restore after a restart.
func (c *Client) Usage() Usage { return c.budget.usage(c.deps.Now()) }

// Restore takes over what the present day had cost before a restart. That of another day is ignored.
func (c *Client) Restore(u Usage) { c.budget.restore(c.deps.Now(), u) }

// AdvicePrompt returns what Advise would send, and sends nothing.
func (c *Client) AdvicePrompt(b Brief) (Prompt, error) {
	q, _, err := c.adviceQuestion(&b)
	if err != nil {
		return Prompt{}, err
	}
	p, _, err := c.prompt(q)
	return p, err
}

// Advise asks for advice. The record says what was sent and what came of it, also beside an error; the error wraps one of the errors
// of this package, that of the context or models.ErrInvalid, and the reply is empty then.
func (c *Client) Advise(ctx context.Context, b Brief) (Reply, models.AdviceRecord, error) {
	q, r, err := c.adviceQuestion(&b)
	if err != nil {
		return Reply{}, c.failed(PurposeAdvice, err), err
	}
	var reply Reply
	record, err := c.exchange(ctx, q, func(content string) (err error) {
		reply, err = c.readAdvice(content, &r, b.Now)
		return err
	})
	if err != nil {
		return Reply{}, record, err
	}
	record.Kept = slices.Clone(reply.Hints)
	record.Dropped = append(slices.Clone(reply.Clipped), reply.Dropped...)
	return reply, record, nil
}

// failed is the record of a question that was not asked.
func (c *Client) failed(purpose string, err error) models.AdviceRecord {
	return models.AdviceRecord{At: c.deps.Now().UTC(), Advisor: c.config.Name, Purpose: purpose, Error: err.Error()}
}

// wait waits with a timer.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), context.Cause(ctx))
	}
}
