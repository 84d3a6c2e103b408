package cloudrun

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "cloud_run"

// Max says which setting of Cloud Run is the lever max.
type Max string

// The places of the greatest number of instances.
const (
	// MaxOff leaves it alone: the platform has the lever warm only.
	MaxOff Max = "off"
	// MaxService sets the service's own maximum, which takes effect at once and makes no revision.
	MaxService Max = "service"
	// MaxRevision sets the maximum of the revision template, so that each change deploys a new revision.
	MaxRevision Max = "revision"
)

// Config is what a user sets for the services that one set of credentials reaches.
type Config struct {
	// Project and Region complete a target's Ref that is only the name of a service; empty allows full names only.
	Project string `yaml:"project"`
	Region  string `yaml:"region"`
	// CredentialsFile is a JSON file of a service account, of impersonation or of workload identity federation; empty takes
	// the application default credentials.
	CredentialsFile string `yaml:"credentials_file"`
	// QuotaProject is the project whose quota of the API is used; empty is the one that the credentials name.
	QuotaProject string `yaml:"quota_project"`
	// Endpoint replaces the address of the API, such as a regional one or that of Private Service Connect; empty is
	// https://run.googleapis.com.
	Endpoint string `yaml:"endpoint"`
	// Max says which setting is the lever max.
	Max Max `yaml:"max"`
	// OperationWait is how long Apply follows the operation of a write; 0 does not. An operation that is still running then
	// goes on, and Observe shows how it ends.
	OperationWait models.Duration `yaml:"operation_wait"`
	// OperationPoll is the first time between two looks at an operation; it doubles up to 8 times that.
	OperationPoll models.Duration `yaml:"operation_poll"`
	// Requests bounds the requests per second that read, Writes those that write, for each project and region, whatever actuators make them.
	Requests actuators.RateLimitConfig `yaml:"requests"`
	Writes   actuators.RateLimitConfig `yaml:"writes"`
}

// SetDirectory makes a relative name of a file one below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) {
	if c.CredentialsFile != "" && !filepath.IsAbs(c.CredentialsFile) {
		c.CredentialsFile = filepath.Join(dir, c.CredentialsFile)
	}
}

// DefaultConfig returns the defaults: application default credentials, the lever warm only, 10 reads and 2 writes per second.
func DefaultConfig() Config {
	return Config{
		Max: MaxOff, OperationWait: models.Duration(10 * time.Second), OperationPoll: models.Duration(500 * time.Millisecond),
		Requests: actuators.RateLimitConfig{PerSecond: 10, Burst: 10},
		Writes:   actuators.RateLimitConfig{PerSecond: 2, Burst: 5},
	}
}

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if (c.Project == "") != (c.Region == "") {
		bad("project and region must be given together, or neither")
	}
	if c.Max != MaxOff && c.Max != MaxService && c.Max != MaxRevision {
		bad("max %q is not off, service or revision", c.Max)
	}
	if c.OperationWait < 0 {
		bad("operation_wait %s is negative; 0 does not wait", c.OperationWait)
	}
	if c.OperationPoll <= 0 {
		bad("operation_poll %s is not above 0", c.OperationPoll)
	}
	if err := c.Requests.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("requests: %w", err))
	}
	if err := c.Writes.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("writes: %w", err))
	}
	return errors.Join(append(errs, c.checkNames(), checkEndpoint(c.Endpoint))...)
}

// checkNames says which names cannot be.
func (c Config) checkNames() error {
	var errs []error
	for _, name := range []struct {
		key, value string
		pattern    *regexp.Regexp
	}{{"project", c.Project, projectPattern}, {"region", c.Region, regionPattern}, {"quota_project", c.QuotaProject, projectPattern}} {
		if name.value != "" && !name.pattern.MatchString(name.value) {
			errs = append(errs, fmt.Errorf("%s %q does not look like one: %w", name.key, name.value, models.ErrInvalid))
		}
	}
	return errors.Join(errs...)
}

// checkEndpoint says why an address cannot be an endpoint. It does not repeat the address, which may hold a password.
func checkEndpoint(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return fmt.Errorf("endpoint is not an address such as https://europe-west1-run.googleapis.com: %w", models.ErrInvalid)
	case u.User != nil:
		return fmt.Errorf("endpoint must have no user and password; use credentials_file: %w", models.ErrInvalid)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("endpoint must be scheme and host only: %w", models.ErrInvalid)
	}
	return nil
}
