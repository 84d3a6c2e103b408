package knative

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "knative"

// WritesTo says which object holds the annotations of a revision.
type WritesTo string

// The objects that hold annotations.
const (
	// WritesToAuto goes by the version of Knative Serving.
	WritesToAuto WritesTo = "auto"
	// WritesToRevision is right from Knative Serving 1.21 on, which copies the annotations of a Revision to its PodAutoscaler and
	// undoes others there.
	WritesToRevision WritesTo = "revision"
	// WritesToPodAutoscaler is right before 1.21, which copies them only once.
	WritesToPodAutoscaler WritesTo = "pod_autoscaler"
)

// Wake says through which address a service is woken whose autoscaler ignores the floor until a request comes.
type Wake string

// The addresses to wake through.
const (
	WakeNone    Wake = "none"
	WakeAddress Wake = "address"
	WakeURL     Wake = "url"
)

// Config is what a user sets for the services of one cluster.
type Config struct {
	// Kubeconfig is the file with the cluster and the credentials; empty uses the service account of the pod.
	Kubeconfig string `yaml:"kubeconfig"`
	// Context is the one of the kubeconfig to use; empty is its current one.
	Context string `yaml:"context"`
	// WritesTo says which object holds the annotations.
	WritesTo WritesTo `yaml:"writes_to"`
	// Wake sends a GET request to a service that sleeps so deeply that the floor alone does not start it: none, address (from
	// within the cluster) or url (through its ingress).
	Wake Wake `yaml:"wake"`
	// WakePath is the path of that request, and WakeTimeout how long its answer is waited for.
	WakePath    string          `yaml:"wake_path"`
	WakeTimeout models.Duration `yaml:"wake_timeout"`
	// Requests bounds the requests per second of this actuator to the API server.
	Requests actuators.RateLimitConfig `yaml:"requests"`
}

// SetDirectory makes a relative name of the kubeconfig one below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) {
	if c.Kubeconfig != "" && !filepath.IsAbs(c.Kubeconfig) {
		c.Kubeconfig = filepath.Join(dir, c.Kubeconfig)
	}
}

// DefaultConfig returns the defaults: the cluster that Pilotlight runs in, annotations by its version, no wake requests, and 20
// requests per second.
func DefaultConfig() Config {
	return Config{
		WritesTo: WritesToAuto, Wake: WakeNone, WakePath: "/", WakeTimeout: models.Duration(10 * time.Second),
		Requests: actuators.RateLimitConfig{PerSecond: 20, Burst: 40},
	}
}

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if c.Context != "" && c.Kubeconfig == "" {
		bad("context is given without a kubeconfig that it could be in")
	}
	switch c.WritesTo {
	case WritesToAuto, WritesToRevision, WritesToPodAutoscaler:
	default:
		bad("writes_to %q is not auto, revision or pod_autoscaler", c.WritesTo)
	}
	switch c.Wake {
	case WakeNone, WakeAddress, WakeURL:
	default:
		bad("wake %q is not none, address or url", c.Wake)
	}
	if !strings.HasPrefix(c.WakePath, "/") || strings.ContainsAny(c.WakePath, "?#\r\n ") {
		bad("wake_path %q is no path that begins with /", c.WakePath)
	}
	if c.WakeTimeout <= 0 {
		bad("wake_timeout %s is not above 0", c.WakeTimeout)
	}
	if err := c.Requests.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("requests: %w", err))
	}
	return errors.Join(errs...)
}

// access returns how to reach the cluster.
func (c Config) access() kubeapi.Access {
	return kubeapi.Access{Kubeconfig: c.Kubeconfig, Context: c.Context, Requests: c.Requests}
}
