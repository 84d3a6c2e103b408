package openfaas

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	promconfig "github.com/prometheus/common/config"

	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "openfaas"

// Edition says what the gateway allows.
type Edition string

// The editions.
const (
	// EditionAuto asks the gateway once.
	EditionAuto Edition = "auto"
	// EditionCE is the Community Edition: 1 to 5 replicas, one namespace.
	EditionCE Edition = "ce"
	// EditionPro is OpenFaaS Standard or for Enterprises, whose own autoscaler takes replicas away that the load does not need.
	EditionPro Edition = "pro"
)

// Lowering says who takes replicas away.
type Lowering string

// The ways to lower.
const (
	// LowerAuto is write on the Community Edition and leave on the others.
	LowerAuto Lowering = "auto"
	// LowerWrite lowers what Pilotlight raised, and never what the platform's own scaling raised.
	LowerWrite Lowering = "write"
	// LowerLeave never lowers: the autoscaler of the platform does when the load allows.
	LowerLeave Lowering = "leave"
)

// Config is what a user sets for the functions behind one gateway.
type Config struct {
	// URL is the address of the gateway.
	URL string `yaml:"url"`
	// Namespace is that of functions whose reference names none; empty is the gateway's default.
	Namespace string `yaml:"namespace"`
	// Edition says what the gateway allows.
	Edition Edition `yaml:"edition"`
	// Lower says who takes replicas away.
	Lower Lowering `yaml:"lower"`
	// AssertEvery is the least time between two times that a floor is set again which the platform let fall; 0 takes that for a change
	// by somebody else.
	AssertEvery models.Duration `yaml:"assert_every"`
	// HTTP holds authentication, TLS, proxy and headers, exactly as in Prometheus' own configuration. Redirects are not followed.
	HTTP promconfig.HTTPClientConfig `yaml:"http"`
}

// DefaultConfig returns the defaults; the URL has none.
func DefaultConfig() Config {
	http := promconfig.DefaultHTTPClientConfig
	http.FollowRedirects = false
	return Config{Edition: EditionAuto, Lower: LowerAuto, AssertEvery: models.Duration(time.Minute), HTTP: http}
}

// SetDirectory makes relative names of files ones below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) { c.HTTP.SetDirectory(dir) }

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if why := urlProblem(c.URL); why != "" {
		bad("url: %s", why)
	}
	if c.Namespace != "" && !namePattern.MatchString(c.Namespace) {
		bad("namespace: %q is no name of a namespace", c.Namespace)
	}
	switch c.Edition {
	case EditionAuto, EditionCE, EditionPro:
	default:
		bad("edition: %q is not auto, ce or pro", c.Edition)
	}
	switch c.Lower {
	case LowerAuto, LowerWrite, LowerLeave:
	default:
		bad("lower: %q is not auto, write or leave", c.Lower)
	}
	if c.AssertEvery < 0 {
		bad("assert_every: %s is negative; 0 takes a floor that fell for a change by somebody else", c.AssertEvery)
	}
	if err := c.HTTP.Validate(); err != nil {
		bad("http: %v", err)
	}
	return errors.Join(errs...)
}

// urlProblem says why an address cannot be that of a gateway, "" if it can. It does not repeat the address, which may hold a
// password.
func urlProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is missing; set the address of the gateway, such as http://gateway.openfaas:8080"
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return "is not an address like http://gateway.openfaas:8080"
	case u.User != nil:
		return "holds a user or password; put them under http.basic_auth"
	case u.RawQuery != "" || u.Fragment != "":
		return "has a query or fragment; remove it"
	}
	return ""
}
