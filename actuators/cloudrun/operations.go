package cloudrun

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/api/googleapi"
	run "google.golang.org/api/run/v2"

	"pilotlight/actuators"
)

// pollGrowth is how many times the first wait between two looks at an operation the longest one is.
const pollGrowth = 8

// errWaited is why following an operation ends.
var errWaited = errors.New("the operation runs on; what it comes to is observed later")

// running remembers the operation of each service that had not ended when Apply returned, or how it failed. There is at most
// one for each service.
type running struct {
	mu  sync.Mutex
	all map[ref]operation
}

// operation is one that has been started: its name, or after a failure only what went wrong.
type operation struct{ name, failure string }

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
func (a *Actuator) follow(ctx context.Context, r ref, op string, o *run.GoogleLongrunningOperation) error {
	a.running.set(r, operation{name: o.Name})
	ctx, done := context.WithTimeoutCause(ctx, a.config.OperationWait.Std(), errWaited)
	defer done()
	for wait := a.config.OperationPoll.Std(); !o.Done; wait = min(2*wait, pollGrowth*a.config.OperationPoll.Std()) {
		if o.Name == "" || !sleep(ctx, wait) {
			return nil
		}
		next, err := a.operation(ctx, r, o.Name)
		if err != nil { // The write was accepted, and Observe looks again.
			return nil
		}
		o = next
	}
	a.running.set(r, operation{})
	return a.failure(op, o)
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

// operation reads an operation.
func (a *Actuator) operation(ctx context.Context, r ref, name string) (*run.GoogleLongrunningOperation, error) {
	return request(ctx, a, a.reads(r), "get operation "+name,
		func(api *run.ProjectsLocationsService) (*run.GoogleLongrunningOperation, error) {
			return api.Operations.Get(name).Context(ctx).Do()
		})
}

// resume looks once more at an operation that had not ended, and returns how it failed, "" if it did not. While the service is
// still reconciling there is nothing to ask for.
func (a *Actuator) resume(ctx context.Context, r ref, reconciling bool) (note string) {
	before := a.running.get(r)
	if before.failure != "" || before.name == "" || reconciling {
		return before.failure
	}
	o, err := a.operation(ctx, r, before.name)
	switch {
	case err != nil && !notThere(err), err == nil && !o.Done:
		return ""
	case err == nil && o.Error != nil:
		note = "the last change failed: " + a.failure("", o).Error()
		a.running.set(r, operation{failure: note})
		return note
	}
	a.running.set(r, operation{})
	return ""
}

// notThere reports whether Google has forgotten what was asked for, as it does with old operations.
func notThere(err error) bool {
	answer, ok := errors.AsType[*googleapi.Error](err)
	return ok && answer.Code == 404
}

// failure returns the error of an operation that has ended, nil if it ended well or has not ended.
func (a *Actuator) failure(op string, o *run.GoogleLongrunningOperation) error {
	if o.Error == nil {
		return nil
	}
	said := &answerError{status: codeName(o.Error.Code), message: o.Error.Message}
	for _, detail := range o.Error.Details {
		said.addDetail([]byte(detail))
	}
	return &actuators.Error{Kind: said.kind(), Op: op, RetryAfter: said.retryDelay, Err: said}
}
