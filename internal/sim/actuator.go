package sim

import (
	"context"
	"errors"

	"pilotlight/actuators"
	"pilotlight/models"
)

var _ actuators.Actuator = (*Platform)(nil)

// Levers implements actuators.Actuator: the floor, and in the provider setting the keep-alive.
func (p *Platform) Levers() models.Lever { return leversOf(p.config.Setting) }

func leversOf(s Setting) models.Lever {
	if s == Provider {
		return models.LeverWarm | models.LeverKeepAlive
	}
	return models.LeverWarm
}

// Observe implements actuators.Actuator. Ready is the number of provisioned instances.
func (p *Platform) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	const op = "observe simulated function"
	if err := actuators.Ended(ctx); err != nil {
		return models.Observation{}, actuatorError(op, err)
	}
	now, err := p.Instances(nameOf(&target))
	if err != nil {
		return models.Observation{}, actuatorError(op, err)
	}
	capacity := models.Warm(now.Floor)
	if p.Levers().Has(models.LeverKeepAlive) {
		capacity = capacity.WithKeepAlive(now.KeepAlive)
	}
	return models.Observation{Capacity: capacity, Ready: now.Ready, Pending: now.Ready < now.Floor}, nil
}

// Apply implements actuators.Actuator at the time of the platform. Levers that the setting lacks are refused as invalid.
func (p *Platform) Apply(ctx context.Context, target models.Target, action models.Action) error {
	const op = "set capacity of simulated function"
	if err := actuators.Ended(ctx); err != nil {
		return actuatorError(op, err)
	}
	name := nameOf(&target)
	if err := checkCapacity(action.To, p.Levers()); err != nil {
		return actuatorError(op, err)
	}
	if err := actuators.MayWrite(ctx); err != nil {
		return err
	}
	if keepAlive, ok := action.To.KeepAlive(); ok {
		if err := p.SetKeepAlive(name, keepAlive); err != nil {
			return actuatorError(op, err)
		}
	}
	if warm, ok := action.To.Warm(); ok {
		if err := p.SetFloor(name, warm); err != nil {
			return actuatorError(op, err)
		}
	}
	return nil
}

// nameOf returns how the trace names the target.
func nameOf(t *models.Target) string {
	if t.Ref != "" {
		return t.Ref
	}
	return string(t.ID)
}

// actuatorError classifies an error.
func actuatorError(op string, err error) error {
	kind := models.KindPermanent
	switch {
	case errors.Is(err, models.ErrNotFound):
		kind = models.KindNotFound
	case errors.Is(err, models.ErrInvalid):
		kind = models.KindInvalid
	case errors.Is(err, context.DeadlineExceeded):
		kind = models.KindTimeout
	case errors.Is(err, context.Canceled):
		kind = models.KindTransient
	}
	return &actuators.Error{Kind: kind, Op: op, Err: err}
}
