// Package dryrun is an actuator without a platform: it keeps the capacities it is given in memory. It serves to try Pilotlight
// out for targets whose platform is not connected yet, and in tests. It has nothing to do with the dry-run mode, which is the
// gate in front of every actuator.
package dryrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"pilotlight/actuators"
	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "dry_run"

// note is shown with every observation, so that nobody takes it for a platform's answer.
const note = "kept in memory only: no platform is connected to this target"

// Config describes the imagined platform.
type Config struct {
	// Levers are the levers it has: warm, keep_alive, max, memory.
	Levers []string `yaml:"levers"`
	// Warm, KeepAlive, Max and MemoryMB are the capacity of a target before anything was applied. Only those whose lever the
	// platform has count; nil is unknown.
	Warm      *int             `yaml:"warm"`
	KeepAlive *models.Duration `yaml:"keep_alive"`
	Max       *int             `yaml:"max"`
	MemoryMB  *int             `yaml:"memory_mb"`
}

// DefaultConfig returns a platform with the warm lever, on which every target begins with no warm instance.
func DefaultConfig() Config { return Config{Levers: []string{"warm"}, Warm: new(int)} }

// leverNamed returns the lever of that name in configuration.
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
	default:
		return 0, false
	}
}

// Validate says all that is wrong, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if len(c.Levers) == 0 {
		bad("levers is empty; give at least one of warm, keep_alive, max, memory")
	}
	for i, name := range c.Levers {
		if _, ok := leverNamed(name); !ok {
			bad("levers[%d] %q is not one of warm, keep_alive, max, memory", i, name)
		}
		if slices.Contains(c.Levers[:i], name) {
			bad("levers[%d] %q is there twice", i, name)
		}
	}
	for _, number := range []struct {
		name  string
		value *int
	}{{"warm", c.Warm}, {"max", c.Max}, {"memory_mb", c.MemoryMB}} {
		if number.value != nil && *number.value < 0 {
			bad("%s %d is negative", number.name, *number.value)
		}
	}
	if c.KeepAlive != nil && *c.KeepAlive < 0 {
		bad("keep_alive %s is negative", *c.KeepAlive)
	}
	return errors.Join(errs...)
}

// levers returns the set of levers.
func (c Config) levers() models.Lever {
	var set models.Lever
	for _, name := range c.Levers {
		lever, _ := leverNamed(name)
		set |= lever
	}
	return set
}

// initial returns the capacity of a target before anything was applied.
func (c Config) initial() models.Capacity {
	var capacity models.Capacity
	if c.Warm != nil {
		capacity = capacity.WithWarm(*c.Warm)
	}
	if c.KeepAlive != nil {
		capacity = capacity.WithKeepAlive(c.KeepAlive.Std())
	}
	if c.Max != nil {
		capacity = capacity.WithMax(*c.Max)
	}
	if c.MemoryMB != nil {
		capacity = capacity.WithMemory(*c.MemoryMB)
	}
	return capacity.Only(c.levers())
}

// Actuator keeps capacities in memory. It knows every target, and carries out changes at once. It is safe for concurrent use.
type Actuator struct {
	name    string
	levers  models.Lever
	initial models.Capacity

	mu      sync.Mutex
	applied map[models.TargetID]models.Capacity
	changes int
}

var _ actuators.Actuator = (*Actuator)(nil)

// New returns an actuator of that configured name.
func New(name string, config Config) (*Actuator, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	return &Actuator{
		name: name, levers: config.levers(), initial: config.initial(), applied: make(map[models.TargetID]models.Capacity),
	}, nil
}

// Observe implements actuators.Actuator. Instances are ready at once.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	if err := actuators.Ended(ctx); err != nil {
		return models.Observation{}, fmt.Errorf("observe on %s: %w", a.name, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	obs := models.Observation{Capacity: a.capacity(target.ID), Ready: -1, Note: note}
	if warm, ok := obs.Capacity.Warm(); ok {
		obs.Ready = warm
	}
	return obs, nil
}

// Apply implements actuators.Actuator. A lever that the imagined platform lacks is an *Error of kind invalid.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	if missing := action.To.Levers() &^ a.levers; missing != 0 {
		return &actuators.Error{
			Kind: models.KindInvalid, Op: "apply on " + a.name,
			Err: fmt.Errorf("%s was asked for, and a lever of it is not among the configured levers; add it there", action.To),
		}
	}
	if err := actuators.MayWrite(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.capacity(target.ID)
	if before.Satisfies(action.To) {
		return nil
	}
	a.applied[target.ID] = before.Merge(action.To)
	a.changes++
	return nil
}

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever { return a.levers }

// Changes returns how many calls of Apply have changed something.
func (a *Actuator) Changes() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changes
}

// capacity returns what the target has; the caller holds mu.
func (a *Actuator) capacity(id models.TargetID) models.Capacity {
	if capacity, ok := a.applied[id]; ok {
		return capacity
	}
	return a.initial
}
