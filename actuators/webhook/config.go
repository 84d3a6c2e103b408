package webhook

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"

	promconfig "github.com/prometheus/common/config"

	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "webhook"

// Config says where the requests go and how they are signed.
type Config struct {
	// URL takes the capacity that a target is to have, by POST.
	URL string `yaml:"url"`
	// ObserveURL shows the capacity of a target, by GET; empty is none.
	ObserveURL string `yaml:"observe_url"`
	// SecretFile or SecretEnv says where the secret of the signatures is. The file is read for each request, so that the secret
	// can be changed while the daemon runs.
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
	// Levers are what the receiver can set: warm, keep_alive, max, memory.
	Levers []string `yaml:"levers"`
	// Initial is the capacity that a target is taken to have where there is no ObserveURL and nothing was accepted yet. Levers that
	// it leaves out are unknown, and an unknown floor is never changed.
	Initial Initial `yaml:"initial"`
	// HTTP holds authentication, TLS, proxy and headers, exactly as in Prometheus' own configuration. Redirects are not followed.
	HTTP promconfig.HTTPClientConfig `yaml:"http"`
}

// Initial is a capacity; what is nil is unknown.
type Initial struct {
	Warm      *int             `yaml:"warm,omitempty"`
	KeepAlive *models.Duration `yaml:"keep_alive,omitempty"`
	Max       *int             `yaml:"max,omitempty"`
	MemoryMB  *int             `yaml:"memory_mb,omitempty"`
}

// capacity returns it as a capacity.
func (i Initial) capacity() models.Capacity {
	var c models.Capacity
	if i.Warm != nil {
		c = c.WithWarm(*i.Warm)
	}
	if i.KeepAlive != nil {
		c = c.WithKeepAlive(i.KeepAlive.Std())
	}
	if i.Max != nil {
		c = c.WithMax(*i.Max)
	}
	if i.MemoryMB != nil {
		c = c.WithMemory(*i.MemoryMB)
	}
	return c
}

// validate says all that is wrong with it.
func (i Initial) validate(bad func(format string, args ...any)) {
	for _, n := range []struct {
		key   string
		value *int
	}{{"warm", i.Warm}, {"max", i.Max}, {"memory_mb", i.MemoryMB}} {
		if n.value != nil && *n.value < 0 {
			bad("initial.%s: %d is negative", n.key, *n.value)
		}
	}
	if i.KeepAlive != nil && *i.KeepAlive < 0 {
		bad("initial.keep_alive: %s is negative", *i.KeepAlive)
	}
}

// DefaultConfig returns the defaults: the lever warm. The URL and the secret have none.
func DefaultConfig() Config {
	http := promconfig.DefaultHTTPClientConfig
	http.FollowRedirects = false
	return Config{Levers: []string{"warm"}, HTTP: http}
}

// SetDirectory makes relative names of files ones below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) {
	if c.SecretFile != "" && !filepath.IsAbs(c.SecretFile) {
		c.SecretFile = filepath.Join(dir, c.SecretFile)
	}
	c.HTTP.SetDirectory(dir)
}

// variablePattern is what variables of the environment may be called.
var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if c.URL == "" {
		bad("url: is missing; set the address that takes the capacity, such as https://ops.example.com/scale")
	} else if why := urlProblem(c.URL); why != "" {
		bad("url: %s", why)
	}
	if c.ObserveURL != "" {
		if why := urlProblem(c.ObserveURL); why != "" {
			bad("observe_url: %s", why)
		}
	}
	c.validateSecret(bad)
	c.validateLevers(bad)
	c.Initial.validate(bad)
	if c.ObserveURL != "" && c.Initial != (Initial{}) {
		bad("initial: is set beside observe_url, which shows what there really is; keep one of them")
	}
	if err := c.HTTP.Validate(); err != nil {
		bad("http: %v", err)
	}
	return errors.Join(errs...)
}

// validateSecret says what is wrong with where the secret is.
func (c Config) validateSecret(bad func(format string, args ...any)) {
	switch {
	case c.SecretFile == "" && c.SecretEnv == "":
		bad("secret_file: is missing; name a file with the secret of the signatures, or a variable with secret_env")
	case c.SecretFile != "" && c.SecretEnv != "":
		bad("secret_env: is set beside secret_file; keep one of them")
	case c.SecretEnv != "" && !variablePattern.MatchString(c.SecretEnv):
		// It may be the secret itself, so it is not repeated.
		bad("secret_env: is no name of a variable; it names where the secret is, not the secret")
	}
}

// validateLevers says all that is wrong with the levers.
func (c Config) validateLevers(bad func(format string, args ...any)) {
	if len(c.Levers) == 0 {
		bad("levers: is empty; name at least one of warm, keep_alive, max, memory")
	}
	seen := map[string]bool{}
	for i, name := range c.Levers {
		if _, ok := leverNamed(name); !ok {
			bad("levers[%d]: %q is not warm, keep_alive, max or memory", i, name)
		} else if seen[name] {
			bad("levers[%d]: %s is named twice", i, name)
		}
		seen[name] = true
	}
}

// urlProblem says why an address cannot be used, "" if it can. It does not repeat the address, which may hold a password.
func urlProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return "is not an address like https://ops.example.com/scale"
	case u.User != nil:
		return "holds a user or password; put them under http.basic_auth"
	case u.Fragment != "":
		return "has a fragment (#...); remove it"
	}
	return ""
}

// leverNamed returns the lever of that name.
func leverNamed(name string) (models.Lever, bool) {
	switch name {
	case "warm":
		return models.LeverWarm, true
	case "keep_alive":
		return models.LeverKeepAlive, true
	case "max":
		return models.LeverMax, true
	case "memory":
		return models.LeverMemory, true
	}
	return 0, false
}
