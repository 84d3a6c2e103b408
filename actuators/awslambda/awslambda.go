// Package awslambda sets the provisioned concurrency of versions and aliases of AWS Lambda functions: the number of execution
// environments that are initialised before a request comes.
//
// A target's Ref is function:alias, function:version, or an ARN that ends in an alias or version. The platform has the lever
// warm only. Nothing of a raise is usable before all of it is allocated, which takes about two minutes and one more for
// every 6,000 instances, so a raise that is under way is never replaced by another.
//
// The SDK's own retries are off: the decorators of package actuators decide what is tried again. Requests share a token
// bucket, because the control plane allows an account 15 requests per second in a region.
package awslambda

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/time/rate"

	"pilotlight/actuators"
	"pilotlight/models"
)

// Actuator sets the provisioned concurrency in one account and region. It is safe for concurrent use.
type Actuator struct {
	config  Config
	region  string
	client  *lambda.Client
	bucket  *rate.Limiter
	now     func() time.Time
	account account
}

var (
	_ actuators.Actuator      = (*Actuator)(nil)
	_ actuators.Reacher       = (*Actuator)(nil)
	_ actuators.InstanceRater = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It reads the environment and the shared configuration files of AWS as all AWS
// tools do, and makes no request. now is the clock for remembering the limits of the account.
func New(ctx context.Context, name string, config Config, now func() time.Time) (*Actuator, error) {
	if now == nil {
		return nil, fmt.Errorf("actuator %q: a clock is needed: %w", name, models.ErrInvalid)
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithAppID("pilotlight"),
		awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		// What the SDK would log to the standard error is returned as an error too.
		awsconfig.WithLogger(logging.Nop{}),
	}
	if config.Region != "" {
		options = append(options, awsconfig.WithRegion(config.Region))
	}
	if config.Profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(config.Profile))
	}
	if len(config.ConfigFiles) > 0 {
		options = append(options, awsconfig.WithSharedConfigFiles(config.ConfigFiles))
	}
	if len(config.CredentialsFiles) > 0 {
		options = append(options, awsconfig.WithSharedCredentialsFiles(config.CredentialsFiles))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("actuator %q: load the AWS configuration: %w", name, err)
	}
	if loaded.Region == "" {
		return nil, fmt.Errorf("actuator %q: no AWS region; set region here or AWS_REGION: %w", name, models.ErrInvalid)
	}
	client := lambda.NewFromConfig(loaded, func(o *lambda.Options) {
		o.Credentials = markedCredentials{loaded.Credentials}
		if config.Endpoint != "" {
			o.BaseEndpoint = aws.String(config.Endpoint)
		}
	})
	return &Actuator{
		config: config, region: loaded.Region, client: client, bucket: config.Requests.Limiter(), now: now,
	}, nil
}

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever { return models.LeverWarm }

// Reach implements actuators.Reacher: with keep_one, a target that has warm instances keeps one when none is wanted.
func (a *Actuator) Reach(have, want models.Capacity) models.Capacity {
	n, ok := want.Warm()
	if !ok {
		return want
	}
	current, _ := have.Warm()
	return want.WithWarm(a.reach(current, n))
}

// reach returns the floor to set when want is wanted.
func (a *Actuator) reach(have, want int) int {
	if want == 0 && have > 0 && a.config.OnZero == OnZeroKeepOne {
		return 1
	}
	return want
}

// Observe implements actuators.Actuator with one request. The floor is what was requested, also while it is being allocated
// and after that failed; Ready says how many instances there really are.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	r, err := a.refOf("observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	now, err := a.get(ctx, r)
	if err != nil {
		return models.Observation{}, err
	}
	return now.observation(), nil
}

// Apply implements actuators.Actuator with 2 to 5 requests, or 1 if nothing is to be changed. While an earlier change is
// being allocated any other is refused as a conflict. The same capacity is put again only after its allocation failed.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	r, err := a.refOf("apply", target)
	if err != nil {
		return err
	}
	warm, err := wanted(r, action.To)
	if err != nil || warm < 0 {
		return err
	}
	have, err := a.get(ctx, r)
	if err != nil {
		return err
	}
	want := a.reach(have.requested, warm)
	switch {
	case want == have.requested && !have.failed():
		return nil
	case have.inProgress():
		return &actuators.Error{
			Kind: models.KindConflict, Op: "set provisioned concurrency of " + r.String(),
			Err: fmt.Errorf("%d of %d warm instances are allocated, and a new request would begin anew; wait until it is done",
				have.allocated, have.requested),
		}
	case want == 0:
		return a.remove(ctx, r)
	}
	return a.raiseOrLower(ctx, r, have, want)
}

// raiseOrLower checks what the service would refuse, to say it better, then puts the new floor.
func (a *Actuator) raiseOrLower(ctx context.Context, r ref, have state, want int) error {
	if r.isAlias() {
		if err := a.checkAlias(ctx, r); err != nil {
			return err
		}
	}
	giveBack := func() {}
	if want > have.requested {
		var err error
		if giveBack, err = a.takeRoom(ctx, r, have.requested, want); err != nil {
			return err
		}
	}
	if err := a.put(ctx, r, want); err != nil {
		giveBack()
		return err
	}
	return nil
}

// refOf reads the reference of a target.
func (a *Actuator) refOf(op string, target models.Target) (ref, error) {
	r, err := parseRef(target.Ref)
	if err == nil && r.region != "" && r.region != a.region {
		err = fmt.Errorf("ref %q is in region %s, but this actuator works in %s; give the target an actuator of its region: %w",
			target.Ref, r.region, a.region, models.ErrInvalid)
	}
	if err != nil {
		return ref{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	return r, nil
}

// wanted returns the floor to set, -1 for none.
func wanted(r ref, to models.Capacity) (int, error) {
	warm, ok := to.Warm()
	op := "set provisioned concurrency of " + r.String()
	switch {
	case to.Levers()&^models.LeverWarm != 0:
		return -1, &actuators.Error{
			Kind: models.KindInvalid, Op: op,
			Err: fmt.Errorf("%s was asked for, but AWS Lambda has the lever warm only: %w", to, models.ErrInvalid),
		}
	case warm > math.MaxInt32:
		return -1, &actuators.Error{
			Kind: models.KindInvalid, Op: op, Err: fmt.Errorf("%d is more than AWS Lambda can count: %w", warm, models.ErrInvalid),
		}
	case !ok:
		return -1, nil
	}
	return warm, nil
}
