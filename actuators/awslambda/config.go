package awslambda

import (
	"errors"
	"fmt"
	"time"

	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "aws_lambda"

// OnZero says what to do when no warm instance is wanted, since provisioned concurrency cannot be 0.
type OnZero string

// The ways to have no warm instance.
const (
	// OnZeroKeepOne leaves one, because deleting a configuration that CloudFormation, CDK or Terraform manages breaks their next
	// deployment. A target that has none stays without.
	OnZeroKeepOne OnZero = "keep_one"
	// OnZeroDelete deletes the configuration.
	OnZeroDelete OnZero = "delete"
)

// AutoScaling says what to do about versions and aliases whose provisioned concurrency Application Auto Scaling owns.
type AutoScaling string

// The answers to Application Auto Scaling.
const (
	// AutoScalingFollow moves the minimum of their scalable target.
	AutoScalingFollow AutoScaling = "follow"
	// AutoScalingIgnore does not ask who owns them.
	AutoScalingIgnore AutoScaling = "ignore"
)

// Config is what a user sets for the functions of one account and region.
type Config struct {
	Connection `yaml:",inline"`
	// OnZero says what to do when no warm instance is wanted.
	OnZero OnZero `yaml:"on_zero"`
	// AccountReserve is how much of the account's concurrency must stay unreserved. AWS itself insists on 100.
	AccountReserve int `yaml:"account_reserve"`
	// AccountTTL is how long the limits of the account are remembered.
	AccountTTL models.Duration `yaml:"account_ttl"`
	// AutoScaling says what to do about what Application Auto Scaling owns.
	AutoScaling AutoScaling `yaml:"auto_scaling"`
	// AutoScalingTTL is how long the list of what it owns is remembered.
	AutoScalingTTL models.Duration `yaml:"auto_scaling_ttl"`
	// AutoScalingRaiseMax lets the maximum of a scalable target be raised where the floor needs it.
	AutoScalingRaiseMax bool `yaml:"auto_scaling_raise_max"`
	// AutoScalingEndpoint replaces the address of Application Auto Scaling; empty is the public one of the region.
	AutoScalingEndpoint string `yaml:"auto_scaling_endpoint"`
	// ReservedConcurrency gives the actuator the lever max: the reserved concurrency of the function.
	ReservedConcurrency bool `yaml:"reserved_concurrency"`
	// ApplyMemory gives the actuator the lever memory: a new version with other memory, to which the alias is moved.
	ApplyMemory bool `yaml:"apply_memory"`
	// Mark gives functions whose capacity was set the tag pilotlight, and takes it away from those that are restored.
	Mark bool `yaml:"mark"`
	// MemoryWait bounds how long an Apply waits for updates of the function.
	MemoryWait models.Duration `yaml:"memory_wait"`
}

// minReserve is the unreserved concurrency that AWS insists on.
const minReserve = 100

// DefaultConfig returns the defaults: the region and credentials of the environment, keep_one, and 10 requests per second; see Connection.
func DefaultConfig() Config {
	return Config{
		Connection: defaultConnection(),
		OnZero:     OnZeroKeepOne, AccountReserve: minReserve, AccountTTL: models.Duration(5 * time.Minute),
		AutoScaling: AutoScalingFollow, AutoScalingTTL: models.Duration(time.Minute),
		MemoryWait: models.Duration(20 * time.Second),
	}
}

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if c.OnZero != OnZeroKeepOne && c.OnZero != OnZeroDelete {
		bad("on_zero %q is not keep_one or delete", c.OnZero)
	}
	if c.AccountReserve < minReserve {
		bad("account_reserve %d is below %d, which AWS keeps unreserved in any case", c.AccountReserve, minReserve)
	}
	if c.AccountTTL < 0 {
		bad("account_ttl %s is negative; 0 asks before every raise", c.AccountTTL)
	}
	if c.AutoScaling != AutoScalingFollow && c.AutoScaling != AutoScalingIgnore {
		bad("auto_scaling %q is not follow or ignore", c.AutoScaling)
	}
	if c.AutoScalingTTL < 0 {
		bad("auto_scaling_ttl %s is negative; 0 asks every time", c.AutoScalingTTL)
	}
	if c.MemoryWait.Std() < minMemoryWait || c.MemoryWait.Std() > maxMemoryWait {
		bad("memory_wait %s is not from %s to %s", c.MemoryWait, minMemoryWait, maxMemoryWait)
	}
	if err := checkEndpoint("auto_scaling_endpoint", c.AutoScalingEndpoint); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, c.validate()...)...)
}
