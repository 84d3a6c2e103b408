package awslambda

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"pilotlight/actuators"
	"pilotlight/models"
)

// account remembers how much concurrency of the account is unreserved.
type account struct {
	mu         sync.Mutex
	known      bool
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
func (c *account) set(unreserved int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.unreserved, c.read = true, unreserved, at
}

// takeRoom checks that a raise from have to want fits the account, or the concurrency reserved for the function, and sets it
// aside. It returns the function that gives it back if the write does not happen. What fits here can still be refused by
// the service, which has the last word.
func (a *Actuator) takeRoom(ctx context.Context, r ref, have, want int) (giveBack func(), err error) {
	more := want - have
	nothing := func() {}
	ok, unreserved := a.account.take(more, a.config.AccountReserve, a.now().Add(-a.config.AccountTTL.Std()))
	if !ok {
		// Too little room as remembered: read it anew before refusing.
		now := a.now()
		known, err := a.readAccount(ctx, now)
		if err != nil || !known {
			return nothing, err
		}
		ok, unreserved = a.account.take(more, a.config.AccountReserve, now)
	}
	if ok {
		return func() { a.account.give(more) }, nil
	}
	reserved, err := a.reserved(ctx, r)
	switch {
	case err != nil:
		return nothing, err
	case reserved >= want:
		return nothing, nil
	case reserved >= 0:
		err = fmt.Errorf("%d warm instances are more than the reserved concurrency %d of the function; raise that or lower max_warm",
			want, reserved)
	default:
		err = fmt.Errorf("the account has %d unreserved concurrency, and %d more warm instances would leave fewer than %d; "+
			"ask AWS for a higher concurrency quota or lower max_warm", unreserved, more, a.config.AccountReserve)
	}
	return nothing, &actuators.Error{Kind: models.KindQuota, Op: "raise provisioned concurrency of " + r.String(), Err: err}
}

// readAccount reads the limits of the account, and reports whether the service told them.
func (a *Actuator) readAccount(ctx context.Context, now time.Time) (known bool, err error) {
	out, err := request(ctx, a, "get account settings", func(ctx context.Context) (*lambda.GetAccountSettingsOutput, error) {
		return a.client.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	})
	if err != nil {
		return false, err
	}
	if out.AccountLimit == nil || out.AccountLimit.UnreservedConcurrentExecutions == nil {
		return false, nil
	}
	a.account.set(int(*out.AccountLimit.UnreservedConcurrentExecutions), now)
	return true, nil
}

// reserved returns the concurrency reserved for the function, -1 for none.
func (a *Actuator) reserved(ctx context.Context, r ref) (int, error) {
	out, err := request(ctx, a, "get reserved concurrency of "+r.function,
		func(ctx context.Context) (*lambda.GetFunctionConcurrencyOutput, error) {
			return a.client.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(r.function)})
		})
	if err != nil {
		return 0, err
	}
	if out.ReservedConcurrentExecutions == nil {
		return -1, nil
	}
	return int(*out.ReservedConcurrentExecutions), nil
}
