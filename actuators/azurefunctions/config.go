package azurefunctions

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "azure_functions"

// Hosting is the plan that the apps of an actuator run on.
type Hosting string

// The plans with instances that are always ready.
const (
	// HostingFlex is Flex Consumption (FC1): a number of always-ready instances for each group of functions.
	HostingFlex Hosting = "flex"
	// HostingPremium is Elastic Premium (EP1 to EP3): a number for each app, 20 at most.
	HostingPremium Hosting = "premium"
)

// Credentials says where tokens come from.
type Credentials string

// The kinds of credentials, as package azidentity has them.
const (
	// CredentialsDefault tries environment, workload identity, managed identity and the Azure command line tools in turn.
	CredentialsDefault     Credentials = "default"
	CredentialsEnvironment Credentials = "environment"
	CredentialsManaged     Credentials = "managed_identity"
	CredentialsWorkload    Credentials = "workload_identity"
	// CredentialsSecret is a service principal whose secret is in a file.
	CredentialsSecret Credentials = "client_secret"
)

// Config is what a user sets for the function apps that one set of credentials reaches.
type Config struct {
	// Subscription and ResourceGroup complete a target's Ref that is only the name of an app; empty allows full ids only.
	Subscription  string `yaml:"subscription"`
	ResourceGroup string `yaml:"resource_group"`
	// Hosting is the plan of the apps.
	Hosting Hosting `yaml:"hosting"`
	// Group is the group of functions of a Ref that names none, on Flex Consumption.
	Group string `yaml:"group"`
	// Memory and Max add levers on Flex Consumption: the memory of an instance and the greatest number of on-demand instances.
	Memory bool `yaml:"memory"`
	Max    bool `yaml:"max"`
	// ZoneRedundant says that the apps are zone redundant, so that a group has no always-ready instance or at least 2.
	ZoneRedundant bool `yaml:"zone_redundant"`
	// CoreQuota is how many cores the always-ready instances of all apps that this actuator sees may have in a subscription and
	// region, on Flex Consumption; 0 does not check.
	CoreQuota float64 `yaml:"core_quota"`
	// Cloud is public, china or government.
	Cloud string `yaml:"cloud"`
	// Endpoint and AuthorityHost replace the addresses of Azure Resource Manager and of the token service; CAFile holds
	// certificates that are trusted besides those of the system, in PEM.
	Endpoint      string `yaml:"endpoint"`
	AuthorityHost string `yaml:"authority_host"`
	CAFile        string `yaml:"ca_file"`
	// Credentials says where tokens come from. TenantID and ClientID are those of a service principal, ClientID also that of a
	// user-assigned identity.
	Credentials      Credentials `yaml:"credentials"`
	TenantID         string      `yaml:"tenant_id"`
	ClientID         string      `yaml:"client_id"`
	ClientSecretFile string      `yaml:"client_secret_file"`
	// OperationWait is how long Apply follows the operation of a write; 0 does not. An operation that is still running then
	// goes on, and Observe shows how it ends.
	OperationWait models.Duration `yaml:"operation_wait"`
	// OperationPoll is the time between two looks at an operation unless Azure asks for a longer one.
	OperationPoll models.Duration `yaml:"operation_poll"`
	// Requests bounds the requests per second that read, Writes those that write, for each subscription, whatever actuators make them.
	Requests actuators.RateLimitConfig `yaml:"requests"`
	Writes   actuators.RateLimitConfig `yaml:"writes"`
}

// SetDirectory makes relative names of files ones below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) {
	for _, file := range []*string{&c.CAFile, &c.ClientSecretFile} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
}

// DefaultConfig returns the defaults: the group http of apps on Flex Consumption, the lever warm only, the credentials of the
// environment, 10 reads and 1 write per second.
func DefaultConfig() Config {
	return Config{
		Hosting: HostingFlex, Group: "http", CoreQuota: 250, Cloud: "public", Credentials: CredentialsDefault,
		OperationWait: models.Duration(10 * time.Second), OperationPoll: models.Duration(2 * time.Second),
		Requests: actuators.RateLimitConfig{PerSecond: 10, Burst: 10},
		Writes:   actuators.RateLimitConfig{PerSecond: 1, Burst: 5},
	}
}

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	errs := []error{c.checkTargets(), c.checkCredentials(), checkAddress("endpoint", c.Endpoint), checkAddress("authority_host", c.AuthorityHost)}
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if _, ok := clouds(c.Cloud); !ok {
		bad("cloud %q is not public, china or government", c.Cloud)
	}
	if !(c.CoreQuota >= 0) || math.IsInf(c.CoreQuota, 0) {
		bad("core_quota %v is not a number from 0 on; 0 does not check", c.CoreQuota)
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
	return errors.Join(errs...)
}

// checkTargets checks what says which targets there are and what they can.
func (c Config) checkTargets() error {
	switch {
	case (c.Subscription == "") != (c.ResourceGroup == ""):
		return fmt.Errorf("subscription and resource_group must be given together, or neither: %w", models.ErrInvalid)
	case c.Subscription != "" && !subscriptionPattern.MatchString(c.Subscription):
		return fmt.Errorf("subscription %q is not an id such as 00000000-0000-0000-0000-000000000000: %w", c.Subscription, models.ErrInvalid)
	case c.ResourceGroup != "" && !resourceGroupPattern.MatchString(c.ResourceGroup):
		return fmt.Errorf("resource_group %q cannot be one: %w", c.ResourceGroup, models.ErrInvalid)
	}
	return c.checkHosting()
}

// checkHosting checks what the plan allows.
func (c Config) checkHosting() error {
	switch {
	case c.Hosting != HostingFlex && c.Hosting != HostingPremium:
		return fmt.Errorf("hosting %q is not flex or premium: %w", c.Hosting, models.ErrInvalid)
	case c.Hosting == HostingPremium && (c.Memory || c.Max || c.ZoneRedundant):
		return fmt.Errorf("memory, max and zone_redundant are for hosting flex only: %w", models.ErrInvalid)
	case !groupPattern.MatchString(c.Group):
		return fmt.Errorf("group %q is not http, durable, blob or function:NAME: %w", c.Group, models.ErrInvalid)
	}
	return nil
}

// checkCredentials checks that what the kind of credentials needs is there.
func (c Config) checkCredentials() error {
	switch c.Credentials {
	case CredentialsDefault, CredentialsEnvironment, CredentialsManaged, CredentialsWorkload:
		if c.ClientSecretFile != "" {
			return fmt.Errorf("client_secret_file is for credentials: client_secret only: %w", models.ErrInvalid)
		}
		return nil
	case CredentialsSecret:
		if c.TenantID == "" || c.ClientID == "" || c.ClientSecretFile == "" {
			return fmt.Errorf("credentials client_secret needs tenant_id, client_id and client_secret_file: %w", models.ErrInvalid)
		}
		return nil
	default:
		return fmt.Errorf("credentials %q is not default, environment, managed_identity, workload_identity or client_secret: %w",
			c.Credentials, models.ErrInvalid)
	}
}

// checkAddress says why a text cannot be an address, "" is fine. It does not repeat it, since it may hold a password.
func checkAddress(key, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%s is not an https address such as https://management.azure.com: %w", key, models.ErrInvalid)
	case u.User != nil:
		return fmt.Errorf("%s must have no user and password: %w", key, models.ErrInvalid)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s must be scheme and host only: %w", key, models.ErrInvalid)
	}
	return nil
}
