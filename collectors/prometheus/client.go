package prometheus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"pilotlight/models"
)

const (
	// maxAnswer bounds the answer to one query in bytes.
	maxAnswer = 512 << 20
	// maxRetryAfter is the longest wait that a server can ask for.
	maxRetryAfter = time.Minute
)

// client asks one server, with a timeout for each request and with retries.
type client struct {
	api     v1.API
	where   string // the URL without credentials
	cfg     Config
	logger  *slog.Logger
	metrics *metrics
	// firstWait is the mean wait before the first retry.
	firstWait time.Duration
}

// answer is what a server said to a query.
type answer struct {
	value model.Value
	notes []string // warnings and infos
}

func newClient(cfg Config, rt http.RoundTripper, logger *slog.Logger, m *metrics) (*client, error) {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	// Redirects are a matter of the caller's transport and client; config.NewClientFromConfig would set the same policy.
	hc := &http.Client{Transport: &observer{next: rt, limit: maxAnswer}}
	if !cfg.HTTP.FollowRedirects {
		hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	c, err := api.NewClient(api.Config{Address: cfg.URL, Client: hc})
	if err != nil {
		return nil, fmt.Errorf("url cannot be used: %w", models.ErrInvalid)
	}
	return &client{
		api: v1.NewAPI(c), where: redact(u), cfg: cfg, logger: logger, metrics: m, firstWait: 500 * time.Millisecond,
	}, nil
}

// query asks for the values of a query at the ends of all steps of s. Its error is a *failure.
func (c *client) query(ctx context.Context, signal models.Signal, promql string, s span) (answer, error) {
	waits := &backoff.ExponentialBackOff{
		InitialInterval: c.firstWait, RandomizationFactor: backoff.DefaultRandomizationFactor, Multiplier: 2,
		MaxInterval: 20 * c.firstWait,
	}
	got, err := backoff.Retry(ctx, func() (answer, error) {
		got, err := c.ask(ctx, signal, promql, s)
		if err != nil && !err.retry {
			return got, backoff.Permanent(err)
		}
		if err != nil && err.wait > 0 {
			return got, &waitError{failure: err, wait: &backoff.RetryAfterError{Duration: err.wait}}
		}
		if err != nil {
			return got, err
		}
		return got, nil
	},
		backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(0),
		backoff.WithMaxTries(uint(c.cfg.MaxRetries)+1),
		backoff.WithNotify(func(err error, wait time.Duration) {
			c.metrics.retries.WithLabelValues(c.metrics.collector, signal.String()).Inc()
			c.logger.DebugContext(ctx, "query is repeated", "signal", signal.String(), "wait", wait, "error", err)
		}),
	)
	if err != nil && ctx.Err() != nil {
		return answer{}, canceled(ctx)
	}
	return got, err
}

// ask sends one request.
func (c *client) ask(ctx context.Context, signal models.Signal, promql string, s span) (answer, *failure) {
	late := fmt.Errorf("no answer within %s; make the query cheaper or raise timeout", c.cfg.Timeout)
	qctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout.Std(), late)
	defer cancel()
	seen := &exchange{}
	qctx = context.WithValue(qctx, exchangeKey{}, seen)
	// One more than allowed shows that there are too many; servers that do not know the parameter ignore it.
	options := []v1.Option{v1.WithTimeout(c.cfg.Timeout.Std()), v1.WithLimit(uint64(c.cfg.MaxSeries) + 1)} //nolint:gosec // validated to be above 0
	if c.cfg.Lookback > 0 {
		options = append(options, v1.WithLookbackDelta(c.cfg.Lookback.Std()))
	}
	var got answer
	var warnings v1.Warnings
	var infos v1.Infos
	var err error
	stop := c.metrics.timer(signal)
	if s.n == 1 {
		got.value, warnings, infos, err = c.api.Query(qctx, promql, s.endOf(0), options...)
	} else {
		got.value, warnings, infos, err = c.api.QueryRange(qctx, promql,
			v1.Range{Start: s.endOf(0), End: s.endOf(s.n - 1), Step: s.step}, options...)
	}
	stop()
	got.notes = append(append(got.notes, warnings...), infos...)
	if err == nil {
		c.metrics.done(signal, "ok")
		return got, nil
	}
	f := c.classify(ctx, qctx, err, seen)
	c.metrics.done(signal, f.outcome)
	return got, f
}

// waitError adds the wait that the server asked for to a failure, in the form that the backoff library understands.
type waitError struct {
	*failure
	wait *backoff.RetryAfterError
}

// Unwrap implements the unwrapping of several errors.
func (e *waitError) Unwrap() []error { return []error{e.failure, e.wait} }

// exchange is what an observer saw of one HTTP exchange, which the API's client hides.
type exchange struct {
	status     int
	retryAfter time.Duration
}

type exchangeKey struct{}

// observer is a transport that notes status and Retry-After in the exchange of the request's context, and bounds the body.
type observer struct {
	next  http.RoundTripper
	limit int64
}

// RoundTrip implements http.RoundTripper.
func (o *observer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if seen, ok := req.Context().Value(exchangeKey{}).(*exchange); ok {
		seen.status = resp.StatusCode
		seen.retryAfter = retryAfter(resp.Header)
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: o.limit}
	return resp, nil
}

// retryAfter reads how long the server asks to wait, in seconds or as a date, which is compared with the server's own clock.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(until.Sub(now), 0)
}

// boundedBody fails a body that is longer than allowed instead of filling the memory.
type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// One byte more tells a body that just fits from one that is too long.
		var one [1]byte
		n, err := b.ReadCloser.Read(one[:])
		if n > 0 {
			return 0, errTooLarge
		}
		return 0, err
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
