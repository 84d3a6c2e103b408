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

// get reads the present state.
func (a *Actuator) get(ctx context.Context, r ref) (state, error) {
	op := "get provisioned concurrency of " + r.String()
	out, err := request(ctx, a.link, op, func(ctx context.Context) (*lambda.GetProvisionedConcurrencyConfigOutput, error) {
		return a.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
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

// alias is where an alias points.
type alias struct {
	version, revision string
	split             bool
}

// getAlias reads where an alias points.
func (a *Actuator) getAlias(ctx context.Context, r ref) (alias, error) {
	out, err := request(ctx, a.link, "get alias "+r.String(), func(ctx context.Context) (*lambda.GetAliasOutput, error) {
		return a.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(r.function), Name: aws.String(r.qualifier)})
	})
	if err != nil {
		return alias{}, err
	}
	return alias{
		version: aws.ToString(out.FunctionVersion), revision: aws.ToString(out.RevisionId),
		split: out.RoutingConfig != nil && len(out.RoutingConfig.AdditionalVersionWeights) > 0,
	}, nil
}

// check refuses an alias that points at the unpublished version, and one whose traffic is split: AWS puts no provisioned
// concurrency there. Weights that AWS adds itself come with an allocation that is under way and go away with it; all others
// are somebody's, and stay until somebody clears them.
func (s alias) check(op string, moving bool) error {
	switch {
	case s.split && moving:
		return refused(models.KindConflict, op, "AWS is moving the alias to version %s and splits its traffic meanwhile; wait until it is done", s.version)
	case s.split:
		return refused(models.KindInvalid, op, "the alias splits its traffic between versions, and AWS puts no provisioned concurrency on such "+
			"an alias; end the deployment or clear the routing weights, or give the versions targets of their own")
	case s.version == latest:
		return refused(models.KindInvalid, op, "the alias points at %s, which cannot have provisioned concurrency; publish a version and "+
			"point the alias at it", latest)
	}
	return nil
}

// put asks for n warm instances, at least 1.
func (a *Actuator) put(ctx context.Context, r ref, n int) error {
	_, err := write(ctx, a.link, fmt.Sprintf("put provisioned concurrency %d of %s", n, r),
		func(ctx context.Context) (*lambda.PutProvisionedConcurrencyConfigOutput, error) {
			return a.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
				FunctionName: aws.String(r.function), Qualifier: aws.String(r.qualifier),
				ProvisionedConcurrentExecutions: aws.Int32(int32(n)), //nolint:gosec // wanted checks the range
			})
		})
	return err
}

// remove deletes the provisioned concurrency.
func (a *Actuator) remove(ctx context.Context, r ref) error {
	_, err := write(ctx, a.link, "delete provisioned concurrency of "+r.String(),
		func(ctx context.Context) (*lambda.DeleteProvisionedConcurrencyConfigOutput, error) {
			return a.lambda.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{
				FunctionName: aws.String(r.function), Qualifier: aws.String(r.qualifier),
			})
		})
	return err
}
