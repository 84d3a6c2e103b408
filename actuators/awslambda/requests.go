package awslambda

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"pilotlight/actuators"
	"pilotlight/models"
)

// state is the provisioned concurrency of a version or alias. The zero state is one that has none.
type state struct {
	requested, allocated, available int
	status                          types.ProvisionedConcurrencyStatusEnum
	reason                          string
}

func (s state) inProgress() bool {
	return s.status == types.ProvisionedConcurrencyStatusEnumInProgress
}

func (s state) failed() bool { return s.status == types.ProvisionedConcurrencyStatusEnumFailed }

// observation returns the state in the words of Pilotlight.
func (s state) observation() models.Observation {
	obs := models.Observation{Capacity: models.Warm(s.requested), Ready: s.available, Pending: s.inProgress()}
	switch {
	case s.inProgress():
		obs.Note = fmt.Sprintf("%d of %d instances are allocated; a raise is usable once all are", s.allocated, s.requested)
	case s.failed() && s.reason != "":
		obs.Note = "the last allocation failed: " + s.reason
	case s.failed():
		obs.Note = "the last allocation failed; AWS gave no reason"
	}
	return obs
}

// request waits for its turn, sends one request that only reads, and classifies its error.
func request[T any](ctx context.Context, a *Actuator, op string, send func(context.Context) (T, error)) (T, error) {
	var out T
	err := actuators.AwaitTurn(ctx, a.bucket)
	if err == nil {
		out, err = send(ctx)
	}
	return out, a.classify(ctx, op, err)
}

// write is like request for one that writes: it asks once more whether it may.
func write[T any](ctx context.Context, a *Actuator, op string, send func(context.Context) (T, error)) error {
	err := actuators.AwaitTurn(ctx, a.bucket)
	if err == nil {
		if held := actuators.MayWrite(ctx); held != nil && ctx.Err() == nil {
			return held
		}
		_, err = send(ctx)
	}
	return a.classify(ctx, op, err)
}

// get reads the present state.
func (a *Actuator) get(ctx context.Context, r ref) (state, error) {
	op := "get provisioned concurrency of " + r.String()
	out, err := request(ctx, a, op, func(ctx context.Context) (*lambda.GetProvisionedConcurrencyConfigOutput, error) {
		return a.client.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
			FunctionName: aws.String(r.function), Qualifier: aws.String(r.qualifier),
		})
	})
	if _, none := errors.AsType[*types.ProvisionedConcurrencyConfigNotFoundException](err); none {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	if out.RequestedProvisionedConcurrentExecutions == nil || out.Status == "" {
		return state{}, &actuators.Error{
			Kind: models.KindTransient, Op: op, Err: errors.New("the answer lacks the requested number or the status"),
		}
	}
	return state{
		requested: int(*out.RequestedProvisionedConcurrentExecutions),
		allocated: int(aws.ToInt32(out.AllocatedProvisionedConcurrentExecutions)),
		available: int(aws.ToInt32(out.AvailableProvisionedConcurrentExecutions)),
		status:    out.Status,
		reason:    aws.ToString(out.StatusReason),
	}, nil
}

// checkAlias refuses an alias whose traffic is split, which cannot have provisioned concurrency put, and one that points at
// the unpublished version.
func (a *Actuator) checkAlias(ctx context.Context, r ref) error {
	out, err := request(ctx, a, "get alias "+r.String(), func(ctx context.Context) (*lambda.GetAliasOutput, error) {
		return a.client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(r.function), Name: aws.String(r.qualifier)})
	})
	if err != nil {
		return err
	}
	op := "set provisioned concurrency of " + r.String()
	switch {
	case out.RoutingConfig != nil && len(out.RoutingConfig.AdditionalVersionWeights) > 0:
		return &actuators.Error{Kind: models.KindConflict, Op: op, Err: errors.New("the alias splits its traffic between versions, " +
			"and AWS refuses provisioned concurrency meanwhile; a deployment may be under way: wait for it, or clear the routing weights")}
	case aws.ToString(out.FunctionVersion) == latest:
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf("the alias points at %s, which cannot have "+
			"provisioned concurrency; publish a version and point the alias at it: %w", latest, models.ErrInvalid)}
	}
	return nil
}

// put asks for n warm instances, at least 1.
func (a *Actuator) put(ctx context.Context, r ref, n int) error {
	return write(ctx, a, fmt.Sprintf("put provisioned concurrency %d of %s", n, r),
		func(ctx context.Context) (*lambda.PutProvisionedConcurrencyConfigOutput, error) {
			return a.client.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
				FunctionName: aws.String(r.function), Qualifier: aws.String(r.qualifier),
				ProvisionedConcurrentExecutions: aws.Int32(int32(n)), //nolint:gosec // wanted checks the range
			})
		})
}

// remove deletes the provisioned concurrency.
func (a *Actuator) remove(ctx context.Context, r ref) error {
	return write(ctx, a, "delete provisioned concurrency of "+r.String(),
		func(ctx context.Context) (*lambda.DeleteProvisionedConcurrencyConfigOutput, error) {
			return a.client.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{
				FunctionName: aws.String(r.function), Qualifier: aws.String(r.qualifier),
			})
		})
}
