package awslambda

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"pilotlight/actuators"
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

// Config is what a user sets for the functions of one account and region.
type Config struct {
	// Region is the AWS region; empty takes it from the environment or the profile.
	Region string `yaml:"region"`
	// Profile is the profile of the shared configuration; empty takes AWS_PROFILE or the default one. A profile may
	// assume a role.
	Profile string `yaml:"profile"`
	// ConfigFiles and CredentialsFiles replace ~/.aws/config and ~/.aws/credentials.
	ConfigFiles      []string `yaml:"config_files"`
	CredentialsFiles []string `yaml:"credentials_files"`
	// Endpoint replaces the address of the service, such as that of a VPC endpoint; empty is the public one of the region.
	Endpoint string `yaml:"endpoint"`
	// OnZero says what to do when no warm instance is wanted.
	OnZero OnZero `yaml:"on_zero"`
	// AccountReserve is how much of the account's concurrency must stay unreserved. AWS itself insists on 100.
	AccountReserve int `yaml:"account_reserve"`
	// AccountTTL is how long the limits of the account are remembered.
	AccountTTL models.Duration `yaml:"account_ttl"`
	// Requests bounds the requests per second of this actuator. All requests to the control plane of an account and region,
	// whoever makes them, share 15 per second.
	Requests actuators.RateLimitConfig `yaml:"requests"`
}

// SetDirectory makes relative names of files ones below the folder of the configuration file. The slices are replaced, not
// changed: other copies of the configuration share them.
func (c *Config) SetDirectory(dir string) {
	c.ConfigFiles, c.CredentialsFiles = below(dir, c.ConfigFiles), below(dir, c.CredentialsFiles)
}

// below returns the paths, relative ones below dir.
func below(dir string, paths []string) []string {
	out := slices.Clone(paths)
	for i, p := range out {
		if p != "" && !filepath.IsAbs(p) {
			out[i] = filepath.Join(dir, p)
		}
	}
	return out
}

// minReserve is the unreserved concurrency that AWS insists on.
const minReserve = 100

// DefaultConfig returns the defaults: the region and credentials of the environment, keep_one, and 10 requests per second.
func DefaultConfig() Config {
	return Config{
		OnZero: OnZeroKeepOne, AccountReserve: minReserve, AccountTTL: models.Duration(5 * time.Minute),
		Requests: actuators.RateLimitConfig{PerSecond: 10, Burst: 10},
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
	if err := c.Requests.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("requests: %w", err))
	}
	if c.Endpoint != "" {
		if err := checkEndpoint(c.Endpoint); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkEndpoint says why an address cannot be an endpoint. It does not repeat the address, which may hold a password.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "":
		return fmt.Errorf("endpoint is not an address like https://lambda.eu-west-1.amazonaws.com: %w", models.ErrInvalid)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("endpoint must have no user, query or fragment: %w", models.ErrInvalid)
	}
	return nil
}
