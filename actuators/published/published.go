// Package published keeps the capacity of targets for others to read and carry out: KEDA through the external scaler, the
// autoscaler of Kubernetes through external metrics, or any program through the REST interface. What is published has passed the
// same gate as every write to a platform.
package published

import (
	"context"
	"fmt"

	"pilotlight/actuators"
	"pilotlight/models"
)

// TypeName is the type of this actuator in configuration.
const TypeName = "published"

// Config has no keys: the capacities are kept in the folder of the journal.
type Config struct{}

// DefaultConfig returns the configuration.
func DefaultConfig() Config { return Config{} }

// Actuator keeps floors, and remembers them over restarts. It knows every target, and carries out changes at once. It is safe for
// concurrent use.
type Actuator struct {
	name string
	file *file
}

var _ actuators.Actuator = (*Actuator)(nil)

// New returns an actuator of that configured name that remembers floors in the file at path, "" for none. It does no I/O: the file
// is read at the first call, so that a second actuator that takes over after a reload sees what the first one wrote.
func New(name, path string) *Actuator { return &Actuator{name: name, file: newFile(path)} }

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever { return models.LeverWarm }

// Observe implements actuators.Actuator. A target that nothing was published for has a floor of 0. Whether instances are ready is
// not known here.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	op := "read the published floor of " + string(target.ID)
	if err := actuators.Ended(ctx); err != nil {
		return models.Observation{}, &actuators.Error{Kind: models.KindTimeout, Op: op, Err: err}
	}
	n, err := a.file.floor(target.ID)
	if err != nil {
		return models.Observation{}, &actuators.Error{Kind: models.KindPermanent, Op: op, Err: err}
	}
	return models.Observation{Capacity: models.Warm(n), Ready: -1}, nil
}

// Apply implements actuators.Actuator.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	op := "publish the floor of " + string(target.ID)
	n, ok := action.To.Warm()
	if action.To.Levers()&^models.LeverWarm != 0 {
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"%s was asked for, but what is published on %s has the lever warm only: %w", action.To, a.name, models.ErrInvalid)}
	}
	if held := actuators.MayWrite(ctx); held != nil {
		if ctx.Err() != nil {
			return &actuators.Error{Kind: models.KindTimeout, Op: op, Err: held}
		}
		return held
	}
	if !ok {
		return nil
	}
	if err := a.file.set(target.ID, n); err != nil {
		return &actuators.Error{Kind: models.KindTransient, Op: op, Err: err}
	}
	return nil
}

// Changes returns how many calls of Apply have changed something.
func (a *Actuator) Changes() int { return a.file.changed() }
