package awslambda

import (
	"errors"
	"fmt"

	"pilotlight/models"
)

// QueuesTypeName is the type of Queues in configuration.
const QueuesTypeName = "aws_lambda_sqs"

// QueueScaling says which of the two ways to scale an SQS event source mapping is used; AWS allows only one at a time.
type QueueScaling string

// The ways to scale an SQS event source mapping.
const (
	// QueueMaximumConcurrency bounds how many invocations run at a time: the lever max, 2 to 1,000.
	QueueMaximumConcurrency QueueScaling = "maximum_concurrency"
	// QueuePollers sets the event pollers that always run, the lever warm from 1 to 200, and how many there may be, the lever max
	// up to 2,000. Provisioned pollers cost money for as long as they run.
	QueuePollers QueueScaling = "provisioned_pollers"
)

// QueuesConfig is what a user sets for the SQS event source mappings of one account and region.
type QueuesConfig struct {
	Connection `yaml:",inline"`
	// Scaling is the way to scale.
	Scaling QueueScaling `yaml:"scaling"`
	// MaxPollers is the maximum that is set along with a floor of pollers on a mapping that had none.
	MaxPollers int `yaml:"max_pollers"`
}

// DefaultQueuesConfig returns the defaults: the maximum concurrency, with the region and credentials of the environment.
func DefaultQueuesConfig() QueuesConfig {
	return QueuesConfig{Connection: defaultConnection(), Scaling: QueueMaximumConcurrency, MaxPollers: 200}
}

// Validate says all that is wrong, or returns nil.
func (c QueuesConfig) Validate() error {
	errs := c.validate()
	if c.Scaling != QueueMaximumConcurrency && c.Scaling != QueuePollers {
		errs = append(errs, fmt.Errorf("scaling %q is not maximum_concurrency or provisioned_pollers: %w", c.Scaling, models.ErrInvalid))
	}
	if c.MaxPollers < 1 || c.MaxPollers > maxHighPollers {
		errs = append(errs, fmt.Errorf("max_pollers %d is not from 1 to %d: %w", c.MaxPollers, maxHighPollers, models.ErrInvalid))
	}
	return errors.Join(errs...)
}
