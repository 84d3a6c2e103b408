package kubernetes

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "kubernetes"

// OnZero says what to do when no warm instance is wanted.
type OnZero string

// The ways to have no warm instance.
const (
	// OnZeroKeepOne leaves one, because a workload without replicas answers nobody unless something wakes it.
	OnZeroKeepOne OnZero = "keep_one"
	// OnZeroScaleToZero sets the floor 0, which is right where KEDA, or a HorizontalPodAutoscaler with an external metric,
	// wakes the workload.
	OnZeroScaleToZero OnZero = "scale_to_zero"
)

// Config is what a user sets for the workloads of one cluster.
type Config struct {
	// Kubeconfig is the file with the cluster and the credentials; empty uses the service account of the pod.
	Kubeconfig string `yaml:"kubeconfig"`
	// Context is the one of the kubeconfig to use; empty is its current one.
	Context string `yaml:"context"`
	// Levers are the levers that all targets of this actuator have: warm, max, keep_alive.
	Levers []string `yaml:"levers"`
	// OnZero says what to do when no warm instance is wanted.
	OnZero OnZero `yaml:"on_zero"`
	// KEDA looks for ScaledObjects.
	KEDA bool `yaml:"keda"`
	// WakeFromZero scales a workload up whose HorizontalPodAutoscaler is off because it has no replicas.
	WakeFromZero bool `yaml:"wake_from_zero"`
	// Kinds are further kinds with a scale subresource, each with its resource.version.group.
	Kinds map[string]string `yaml:"kinds"`
	// OwnersTTL is how long is remembered which autoscalers a namespace has.
	OwnersTTL models.Duration `yaml:"owners_ttl"`
	// Requests bounds the requests per second of this actuator.
	Requests actuators.RateLimitConfig `yaml:"requests"`
}

// SetDirectory makes a relative name of the kubeconfig one below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) {
	if c.Kubeconfig != "" && !filepath.IsAbs(c.Kubeconfig) {
		c.Kubeconfig = filepath.Join(dir, c.Kubeconfig)
	}
}

// DefaultConfig returns the defaults: the cluster that Pilotlight runs in, the lever warm, keep_one, and 20 requests per second.
func DefaultConfig() Config {
	return Config{
		Levers: []string{"warm"}, OnZero: OnZeroKeepOne, KEDA: true, OwnersTTL: models.Duration(15 * time.Second),
		Requests: actuators.RateLimitConfig{PerSecond: 20, Burst: 40},
	}
}

// kindPattern and resourcePattern are what kinds and resource.version.group look like.
var (
	kindPattern     = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
	resourcePattern = regexp.MustCompile(`^[a-z][a-z0-9]*\.v[0-9][a-z0-9]*\.[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
)

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if c.Context != "" && c.Kubeconfig == "" {
		bad("context is given without a kubeconfig that it could be in")
	}
	errs = append(errs, c.checkLevers()...)
	if c.OnZero != OnZeroKeepOne && c.OnZero != OnZeroScaleToZero {
		bad("on_zero %q is not keep_one or scale_to_zero", c.OnZero)
	}
	for _, kind := range slices.Sorted(maps.Keys(c.Kinds)) {
		switch {
		case !kindPattern.MatchString(kind):
			bad("kinds: %q is no kind such as Rollout", kind)
		case !resourcePattern.MatchString(c.Kinds[kind]):
			bad("kinds: %s: %q is not resource.version.group such as rollouts.v1alpha1.argoproj.io", kind, c.Kinds[kind])
		}
	}
	if c.OwnersTTL < 0 {
		bad("owners_ttl %s is negative; 0 asks every time", c.OwnersTTL)
	}
	if err := c.Requests.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("requests: %w", err))
	}
	return errors.Join(errs...)
}

// checkLevers says what is wrong with the list of levers.
func (c Config) checkLevers() []error {
	var errs []error
	if len(c.Levers) == 0 {
		errs = append(errs, fmt.Errorf("levers is empty; give at least one of warm, max, keep_alive: %w", models.ErrInvalid))
	}
	for i, name := range c.Levers {
		if leverNamed(name) == 0 {
			errs = append(errs, fmt.Errorf("levers[%d] %q is not one of warm, max, keep_alive: %w", i, name, models.ErrInvalid))
		}
		if slices.Contains(c.Levers[:i], name) {
			errs = append(errs, fmt.Errorf("levers[%d] %q is there twice: %w", i, name, models.ErrInvalid))
		}
	}
	return errs
}

// leverNamed returns the lever of that name in configuration, 0 for none that this platform has.
func leverNamed(name string) models.Lever {
	switch name {
	case "warm":
		return models.LeverWarm
	case "max":
		return models.LeverMax
	case "keep_alive":
		return models.LeverKeepAlive
	default:
		return 0
	}
}

// levers returns the set of levers.
func (c Config) levers() models.Lever {
	var set models.Lever
	for _, name := range c.Levers {
		set |= leverNamed(name)
	}
	return set
}

// access returns how to reach the cluster.
func (c Config) access() kubeapi.Access {
	return kubeapi.Access{Kubeconfig: c.Kubeconfig, Context: c.Context, Requests: c.Requests}
}

// kind is a kind of workload.
type kind struct {
	name     string
	resource schema.GroupVersionResource
	// apps says that it is one of the group apps, whose status is known.
	apps bool
}

// kindNamed returns the kind of that name in a reference, whatever its case.
func (c Config) kindNamed(name string) (kind, bool) {
	for _, builtin := range []string{"Deployment", "StatefulSet", "ReplicaSet"} {
		if strings.EqualFold(name, builtin) {
			resource := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: strings.ToLower(builtin) + "s"}
			return kind{name: builtin, resource: resource, apps: true}, true
		}
	}
	for _, given := range slices.Sorted(maps.Keys(c.Kinds)) {
		if strings.EqualFold(name, given) {
			part := strings.SplitN(c.Kinds[given], ".", 3)
			return kind{name: given, resource: schema.GroupVersionResource{Resource: part[0], Version: part[1], Group: part[2]}}, true
		}
	}
	return kind{}, false
}
