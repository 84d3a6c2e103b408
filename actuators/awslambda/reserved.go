package awslambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"pilotlight/models"
)

// direction is which way a maximum goes.
type direction bool

// The directions of a maximum.
const (
	rising  direction = true
	falling direction = false
)

// accountLimit returns the concurrency of the whole account.
func (a *Actuator) accountLimit(ctx context.Context) (int, error) {
	const op = "get account settings"
	shared, err := a.area(ctx)
	if err != nil {
		return 0, a.classify(ctx, op, err)
	}
	now := a.now()
	limit, known := shared.account.most(now.Add(-a.config.AccountTTL.Std()))
	if !known {
		if known, err = a.readAccount(ctx, &shared.account, now); err != nil {
			return 0, err
		}
		limit, _ = shared.account.most(now)
	}
	if !known || limit < 1 {
		return 0, refused(models.KindTransient, op, "the answer lacks the concurrency of the account")
	}
	a.limit.Store(int64(limit))
	return limit, nil
}

// most returns the most instances that a function can have: its reserved concurrency, or without one all that the account has.
func (a *Actuator) most(ctx context.Context, r ref) (int, error) {
	reserved, err := a.reserved(ctx, r)
	if err != nil || reserved >= 0 {
		return reserved, err
	}
	return a.accountLimit(ctx)
}

// applyMax sets the reserved concurrency if that is a change in the direction. As much as the account has cannot be reserved: it stands for none.
func (a *Actuator) applyMax(ctx context.Context, r ref, want int, way direction) error {
	have, err := a.reserved(ctx, r)
	if err != nil {
		return err
	}
	limit, err := a.accountLimit(ctx)
	if err != nil {
		return err
	}
	want = min(want, limit)
	shown := have
	if have < 0 {
		shown = limit
	}
	switch {
	case want == shown, (want > shown) != bool(way):
		return nil
	case want == limit:
		_, err := write(ctx, a.link, "delete reserved concurrency of "+r.function,
			func(ctx context.Context) (*lambda.DeleteFunctionConcurrencyOutput, error) {
				return a.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String(r.function)})
			})
		return err
	}
	return a.reserve(ctx, r, have, want)
}

// reserve reserves concurrency, after a look whether it fits the provisioned concurrency and the account.
func (a *Actuator) reserve(ctx context.Context, r ref, have, want int) error {
	op := "reserve concurrency for " + r.function
	provisioned, err := a.get(ctx, r)
	if err != nil {
		return err
	}
	if provisioned.requested > want {
		return refused(models.KindQuota, op, "%s has %d warm instances, which are more than the reserved concurrency %d; lower the floor first",
			r, provisioned.requested, want)
	}
	// Without a reserve, the provisioned concurrency is taken from the account already.
	had := have
	if have < 0 {
		had = provisioned.requested
	}
	giveBack := func() {}
	if want > had {
		taken, unreserved, err := a.setAside(ctx, want-had)
		if err != nil {
			return err
		}
		if taken == nil {
			return refused(models.KindQuota, op, "the account has %d unreserved concurrency, and reserving %d more would leave less than %d; "+
				"ask AWS for a higher concurrency quota or reserve less", unreserved, want-had, a.config.AccountReserve)
		}
		giveBack = taken
	}
	_, err = write(ctx, a.link, op, func(ctx context.Context) (*lambda.PutFunctionConcurrencyOutput, error) {
		return a.lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{
			FunctionName:                 aws.String(r.function),
			ReservedConcurrentExecutions: aws.Int32(int32(want)), //nolint:gosec // check has seen the range
		})
	})
	if err != nil {
		giveBack()
	}
	return err
}
