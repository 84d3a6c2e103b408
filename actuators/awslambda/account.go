package awslambda

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"pilotlight/models"
)

// account remembers how much concurrency the account has, and how much of it is unreserved.
type account struct {
	mu         sync.Mutex
	known      bool
	limit      int
	unreserved int
	read       time.Time
}

// take sets aside n of the unreserved concurrency, if it was read at notBefore or later and at least reserve is left. It reports
// whether it did, and how much is unreserved.
func (c *account) take(n, reserve int, notBefore time.Time) (ok bool, unreserved int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known || c.read.Before(notBefore) {
		return false, 0
	}
	if c.unreserved-n < reserve {
		return false, c.unreserved
	}
	c.unreserved -= n
	return true, c.unreserved
}

// give returns what was set aside for a write that did not happen.
func (c *account) give(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unreserved += n
}

// set remembers what was read.
func (c *account) set(limit, unreserved int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.limit, c.unreserved, c.read = true, limit, unreserved, at
}

// most returns the concurrency of the account, if it was read at notBefore or later.
func (c *account) most(notBefore time.Time) (limit int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit, c.known && !c.read.Before(notBefore)
}

// setAside takes n of the account's unreserved concurrency, reading it anew if too little is left as remembered. It returns the
// function that gives it back if the write does not happen; it is nil if there is too little. What fits here can still be refused
// by the service, which has the last word.
func (a *Actuator) setAside(ctx context.Context, n int) (giveBack func(), unreserved int, err error) {
	shared, err := a.area(ctx)
	if err != nil {
		return nil, 0, a.classify(ctx, "get account settings", err)
	}
	ok, unreserved := shared.account.take(n, a.config.AccountReserve, a.now().Add(-a.config.AccountTTL.Std()))
	if !ok {
		now := a.now()
		known, err := a.readAccount(ctx, &shared.account, now)
		if err != nil {
			return nil, 0, err
		}
		if !known {
			return func() {}, 0, nil
		}
		ok, unreserved = shared.account.take(n, a.config.AccountReserve, now)
	}
	if !ok {
		return nil, unreserved, nil
	}
	return func() { shared.account.give(n) }, unreserved, nil
}

// takeRoom checks that a raise from have to want fits the account, or the concurrency reserved for the function, and sets it
// aside. It returns the function that gives it back if the write does not happen.
func (a *Actuator) takeRoom(ctx context.Context, r ref, have, want int) (giveBack func(), err error) {
	nothing := func() {}
	if want <= have {
		return nothing, nil
	}
	giveBack, unreserved, err := a.setAside(ctx, want-have)
	if err != nil {
		return nothing, err
	}
	if giveBack != nil {
		return giveBack, nil
	}
	reserved, err := a.reserved(ctx, r)
	op := "raise provisioned concurrency of " + r.String()
	switch {
	case err != nil:
		return nothing, err
	case reserved >= want:
		return nothing, nil
	case reserved >= 0:
		return nothing, refused(models.KindQuota, op,
			"%d warm instances are more than the reserved concurrency %d of the function; raise that or lower max_warm", want, reserved)
	}
	return nothing, refused(models.KindQuota, op, "the account has %d unreserved concurrency, and %d more warm instances would leave fewer than %d; "+
		"ask AWS for a higher concurrency quota or lower max_warm", unreserved, want-have, a.config.AccountReserve)
}

// readAccount reads the limits of the account, and reports whether the service told them.
func (a *Actuator) readAccount(ctx context.Context, into *account, now time.Time) (known bool, err error) {
	out, err := request(ctx, a.link, "get account settings", func(ctx context.Context) (*lambda.GetAccountSettingsOutput, error) {
		return a.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	})
	if err != nil {
		return false, err
	}
	if out.AccountLimit == nil || out.AccountLimit.UnreservedConcurrentExecutions == nil {
		return false, nil
	}
	into.set(int(out.AccountLimit.ConcurrentExecutions), int(*out.AccountLimit.UnreservedConcurrentExecutions), now)
	return true, nil
}

// reserved returns the concurrency reserved for the function, -1 for none.
func (a *Actuator) reserved(ctx context.Context, r ref) (int, error) {
	out, err := request(ctx, a.link, "get reserved concurrency of "+r.function,
		func(ctx context.Context) (*lambda.GetFunctionConcurrencyOutput, error) {
			return a.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(r.function)})
		})
	if err != nil {
		return 0, err
	}
	if out.ReservedConcurrentExecutions == nil {
		return -1, nil
	}
	return int(*out.ReservedConcurrentExecutions), nil
}
