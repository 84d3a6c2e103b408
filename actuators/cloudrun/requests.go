package cloudrun

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/time/rate"
	run "google.golang.org/api/run/v2"

	"pilotlight/actuators"
	"pilotlight/models"
)

// request waits for its turn, sends one request, and classifies its error.
func request[T any](
	ctx context.Context, a *Actuator, bucket *rate.Limiter, op string, send func(*run.ProjectsLocationsService) (T, error),
) (T, error) {
	var out T
	err := actuators.AwaitTurn(ctx, bucket)
	if err == nil {
		var api *run.ProjectsLocationsService
		if api, err = a.client.get(ctx); err == nil {
			out, err = send(api)
		}
	}
	return out, a.classify(ctx, op, err)
}

// get reads the present state.
func (a *Actuator) get(ctx context.Context, r ref) (state, error) {
	op := "get service " + r.String()
	out, err := request(ctx, a, a.reads, op, func(api *run.ProjectsLocationsService) (*run.GoogleCloudRunV2Service, error) {
		return api.Services.Get(r.String()).Context(ctx).Do()
	})
	if err != nil {
		return state{}, err
	}
	s, err := stateOf(out)
	if err != nil {
		return state{}, &actuators.Error{Kind: models.KindTransient, Op: op, Err: err}
	}
	return s, nil
}

// patch writes a change and follows it, or lets Google only check it.
func (a *Actuator) patch(ctx context.Context, r ref, c change) error {
	op := fmt.Sprintf("patch %s of %s", strings.Join(c.mask, " and "), r)
	if a.config.ValidateOnly {
		op = "check " + op
	}
	var held error
	out, err := request(ctx, a, a.writes, op, func(api *run.ProjectsLocationsService) (*run.GoogleLongrunningOperation, error) {
		call := api.Services.Patch(r.String(), c.body).UpdateMask(strings.Join(c.mask, ",")).Context(ctx)
		if a.config.ValidateOnly {
			call = call.ValidateOnly(true)
		}
		if held = actuators.MayWrite(ctx); held != nil {
			return nil, held
		}
		return call.Do()
	})
	switch {
	case held != nil && ctx.Err() == nil:
		return held
	case err != nil:
		return err
	case a.config.ValidateOnly:
		if err := a.failure(op, out); err != nil {
			return err
		}
		return fmt.Errorf("%s: Google would accept it; validate_only is set: %w", op, models.ErrDryRun)
	}
	return a.follow(ctx, r, op, out)
}
