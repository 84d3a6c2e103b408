package azurefunctions

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// poller follows an operation.
type poller = runtime.Poller[json.RawMessage]

// errWaited is why following an operation ends.
var errWaited = errors.New("the operation runs on; what it comes to is observed later")

// running remembers the operation of each target that had not ended when Apply returned, or how it failed. There is at most one
// for each target.
type running struct {
	mu  sync.Mutex
	all map[ref]operation
}

// operation is one that has been started, or after a failure only what went wrong.
type operation struct {
	poller  *poller
	failure string
}

func (r *running) get(of ref) operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[of]
}

// set remembers an operation; the zero one is none.
func (r *running) set(of ref, op operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if op == (operation{}) {
		delete(r.all, of)
		return
	}
	if r.all == nil {
		r.all = make(map[ref]operation)
	}
	r.all[of] = op
}

// follow looks at an operation until it has ended, for the configured time at most. It returns nil if it ended well and also if
// it is still running: the write has been accepted in both cases. A look that fails is no failure of the write either.
func (a *Actuator) follow(ctx context.Context, r ref, op string, p *poller) error {
	a.running.set(r, operation{poller: p})
	ctx, done := context.WithTimeoutCause(ctx, a.config.OperationWait.Std(), errWaited)
	defer done()
	for wait := a.config.OperationPoll.Std(); !p.Done(); {
		if !sleep(ctx, wait) {
			return nil
		}
		asked, failed, err := a.look(ctx, r, p)
		switch {
		case err != nil: // The write was accepted, and Observe looks again.
			return nil
		case failed != nil:
			a.running.set(r, operation{})
			return a.classify(ctx, op, failed)
		}
		wait = max(a.config.OperationPoll.Std(), asked)
	}
	a.running.set(r, operation{})
	return nil
}

// sleep waits, and reports whether the context goes on.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// look asks once for an operation, and returns how long Azure asks to wait before the next time, and how it failed. The SDK
// would say the latter too, but reads the app once more for it.
func (a *Actuator) look(ctx context.Context, r ref, p *poller) (wait time.Duration, failed, err error) {
	const op = "get operation"
	if err = actuators.AwaitTurn(ctx, a.reads(r.app)); err == nil {
		err = a.throttle.check(op, true)
	}
	if err != nil {
		return 0, nil, a.classify(ctx, op, err)
	}
	resp, err := p.Poll(ctx) //nolint:bodyclose // the SDK has read and closed it
	if err != nil {
		return 0, nil, a.classify(ctx, op, err)
	}
	if p.Done() && hasFailed(resp) {
		failed = runtime.NewResponseError(resp)
	}
	return retryAfter(resp.Header, a.now()), failed, nil
}

// hasFailed reports whether the last answer about an operation says that it failed.
func hasFailed(resp *http.Response) bool {
	var body struct {
		Status string `json:"status"`
	}
	data, err := runtime.Payload(resp)
	if err != nil || json.Unmarshal(data, &body) != nil {
		return resp.StatusCode >= http.StatusBadRequest
	}
	switch strings.ToLower(body.Status) {
	case "failed", "canceled", "cancelled":
		return true
	default:
		return resp.StatusCode >= http.StatusBadRequest
	}
}

// resume looks once more at an operation that had not ended, and returns whether it is still running, and how it failed, "" if
// it did not. An operation that cannot be asked for is forgotten: the app itself says whether it is busy.
func (a *Actuator) resume(ctx context.Context, r ref) (pending bool, failure string) {
	before := a.running.get(r)
	if before.poller == nil {
		return false, before.failure
	}
	_, failed, err := a.look(ctx, r, before.poller)
	switch kind := actuators.KindOf(err); {
	case err == nil && !before.poller.Done():
		return true, ""
	case err != nil && (kind == models.KindThrottled || kind == models.KindTransient || kind == models.KindTimeout):
		// The next time may tell.
		return false, ""
	}
	after := operation{}
	if failed != nil {
		after.failure = webapi.Line(a.classify(ctx, "change", failed).Error())
	}
	a.running.set(r, after)
	return false, after.failure
}

// locks keeps two targets of one app from writing over each other.
type locks struct {
	mu  sync.Mutex
	all map[string]chan struct{}
}

// lock waits until nobody else holds the lock of the key.
func (l *locks) lock(ctx context.Context, key string) (unlock func(), err error) {
	l.mu.Lock()
	held := l.all[key]
	if held == nil {
		if l.all == nil {
			l.all = make(map[string]chan struct{})
		}
		held = make(chan struct{}, 1)
		l.all[key] = held
	}
	l.mu.Unlock()
	select {
	case held <- struct{}{}:
		return func() { <-held }, nil
	case <-ctx.Done():
		return nil, actuators.Ended(ctx)
	}
}
