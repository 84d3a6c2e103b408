package awslambda

import (
	"context"
	"fmt"
	"math"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"pilotlight/actuators"
	"pilotlight/models"
)

// The bounds of the scaling of an event source mapping.
const (
	minConcurrency = 2
	maxConcurrency = 1000
	maxLowPollers  = 200
	maxHighPollers = 2000
)

// unbounded is the maximum that a mapping without one shows. It is above all that can be set, so that it can be asked for again.
const unbounded = maxConcurrency + 1

// uuidPattern is the form of the identifier of an event source mapping.
var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// Queues sets how the SQS event source mappings of one account and region scale. A target's Ref is the UUID of its mapping. It is
// safe for concurrent use.
type Queues struct {
	*link
	config QueuesConfig
}

var (
	_ actuators.Actuator = (*Queues)(nil)
	_ actuators.Reacher  = (*Queues)(nil)
)

// NewQueues returns an actuator of that configured name. It reads the environment and the shared configuration files of AWS as all AWS
// tools do, and makes no request.
func NewQueues(ctx context.Context, name string, config QueuesConfig, deps Deps) (*Queues, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	l, err := connect(ctx, config.Connection, "", deps)
	if err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	return &Queues{link: l, config: config}, nil
}

// pollers reports whether the floor is one of pollers.
func (q *Queues) pollers() bool { return q.config.Scaling == QueuePollers }

// Levers implements actuators.Actuator.
func (q *Queues) Levers() models.Lever {
	if q.pollers() {
		return models.LeverWarm | models.LeverMax
	}
	return models.LeverMax
}

// Reach implements actuators.Reacher: a maximum concurrency that is more than can be set shows as none, and without a floor of
// pollers there is no maximum of them.
func (q *Queues) Reach(have, want models.Capacity) models.Capacity {
	n, ok := want.Max()
	switch low, _ := have.Merge(want).Warm(); {
	case !ok:
		return want
	case !q.pollers():
		return want.WithMax(min(n, unbounded))
	case low == 0:
		return want.WithMax(0)
	}
	return want
}

// mapping is the scaling of an event source mapping; 0 stands for none.
type mapping struct {
	state, reason string
	concurrency   int
	low, high     int
}

// changing reports whether a change is under way, during which AWS refuses another.
func (m mapping) changing() bool { return m.state != "Enabled" && m.state != "Disabled" }

// capacity is what the mapping has in the levers of the actuator.
func (q *Queues) capacity(m mapping) models.Capacity {
	switch {
	case q.pollers():
		return models.Warm(m.low).WithMax(m.high)
	case m.concurrency == 0:
		return models.Capacity{}.WithMax(unbounded)
	}
	return models.Capacity{}.WithMax(m.concurrency)
}

// Observe implements actuators.Actuator with one request. How many pollers run is not shown by AWS.
func (q *Queues) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	m, err := q.get(ctx, "observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	obs := models.Observation{Capacity: q.capacity(m), Ready: -1, Pending: m.changing() && m.state != "Deleting"}
	if m.state != "Enabled" {
		obs.Note = "the mapping is in the state " + m.state
		if m.reason != "" {
			obs.Note += ": " + m.reason
		}
	}
	return obs, nil
}

// Apply implements actuators.Actuator with 1 request if nothing is to be changed, else 2.
func (q *Queues) Apply(ctx context.Context, target models.Target, action models.Action) error {
	op := "set scaling of event source mapping " + target.Ref
	if err := q.check(op, action.To); err != nil {
		return err
	}
	have, err := q.get(ctx, op, target)
	if err != nil {
		return err
	}
	next := q.next(have, action.To)
	switch {
	case next == have:
		return nil
	case next.low > next.high:
		return refused(models.KindInvalid, op, "a floor of %d pollers is more than their maximum %d", next.low, next.high)
	case next.concurrency > 0 && next.low > 0:
		return refused(models.KindInvalid, op, "the mapping has a maximum concurrency of %d and %d provisioned pollers were it so set, and AWS allows "+
			"only one of both; remove the one by hand, or choose the other as scaling", next.concurrency, next.low)
	case have.changing():
		return refused(models.KindConflict, op, "the mapping is in the state %s; wait until that is done", have.state)
	}
	input := &lambda.UpdateEventSourceMappingInput{UUID: aws.String(target.Ref)}
	if q.pollers() {
		input.ProvisionedPollerConfig = &types.ProvisionedPollerConfig{MinimumPollers: positive(next.low), MaximumPollers: positive(next.high)}
	} else {
		input.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: positive(next.concurrency)}
	}
	_, err = write(ctx, q.link, op, func(ctx context.Context) (*lambda.UpdateEventSourceMappingOutput, error) {
		return q.lambda.UpdateEventSourceMapping(ctx, input)
	})
	return err
}

// next returns the mapping as it is to be. No floor of pollers means none at all: the mapping then polls as AWS sees fit.
func (q *Queues) next(have mapping, to models.Capacity) mapping {
	next := have
	most, bounded := to.Max()
	if !q.pollers() {
		if bounded && most > maxConcurrency {
			next.concurrency = 0
		} else if bounded {
			next.concurrency = most
		}
		return next
	}
	if low, ok := to.Warm(); ok {
		next.low = low
	}
	switch {
	case next.low == 0:
		next.high = 0
	case bounded:
		next.high = most
	case next.high == 0:
		next.high = q.config.MaxPollers
	}
	return next
}

// check refuses a capacity that no mapping can have.
func (q *Queues) check(op string, to models.Capacity) error {
	low, _ := to.Warm()
	most, bounded := to.Max()
	switch {
	case to.Levers()&^q.Levers() != 0:
		return refused(models.KindInvalid, op, "%s was asked for, but with scaling: %s a mapping has no such lever", to, q.config.Scaling)
	case !q.pollers() && bounded && most < minConcurrency:
		return refused(models.KindInvalid, op, "a maximum concurrency of %d is below %d; disable the mapping by hand to stop it", most, minConcurrency)
	case q.pollers() && low > maxLowPollers:
		return refused(models.KindInvalid, op, "a floor of %d pollers is above %d", low, maxLowPollers)
	case q.pollers() && bounded && most > maxHighPollers:
		return refused(models.KindInvalid, op, "%d pollers are above %d", most, maxHighPollers)
	}
	return nil
}

// get reads the scaling of a mapping.
func (q *Queues) get(ctx context.Context, op string, target models.Target) (mapping, error) {
	if !uuidPattern.MatchString(target.Ref) {
		return mapping{}, refused(models.KindInvalid, op, "ref %q is not the UUID of an event source mapping, such as "+
			"14e0db71-5d35-4eb5-b481-8945cf9d10c2; aws lambda list-event-source-mappings shows them", target.Ref)
	}
	out, err := request(ctx, q.link, "get event source mapping "+target.Ref,
		func(ctx context.Context) (*lambda.GetEventSourceMappingOutput, error) {
			return q.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: aws.String(target.Ref)})
		})
	if err != nil {
		return mapping{}, err
	}
	if aws.ToString(out.State) == "" {
		return mapping{}, refused(models.KindTransient, "get event source mapping "+target.Ref, "the answer lacks the state")
	}
	if !sqsPattern.MatchString(aws.ToString(out.EventSourceArn)) {
		return mapping{}, refused(models.KindInvalid, op, "the mapping reads %q, which is no SQS queue", aws.ToString(out.EventSourceArn))
	}
	m := mapping{state: *out.State, reason: aws.ToString(out.StateTransitionReason)}
	if out.ScalingConfig != nil {
		m.concurrency = int(aws.ToInt32(out.ScalingConfig.MaximumConcurrency))
	}
	if p := out.ProvisionedPollerConfig; p != nil {
		m.low, m.high = int(aws.ToInt32(p.MinimumPollers)), int(aws.ToInt32(p.MaximumPollers))
	}
	return m, nil
}

// sqsPattern is the form of the ARN of an SQS queue.
var sqsPattern = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:sqs:`)

// positive returns a number to send, nil for none: an empty configuration removes it.
func positive(n int) *int32 {
	if n < 1 {
		return nil
	}
	return aws.Int32(int32(min(n, math.MaxInt32))) //nolint:gosec // bounded by min
}
