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
	out, err := request(ctx, a, a.reads(r), op, func(api *run.ProjectsLocationsService) (*run.GoogleCloudRunV2Service, error) {
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

// patch writes a change and follows it.
func (a *Actuator) patch(ctx context.Context, r ref, c change) error {
	op := fmt.Sprintf("patch %s of %s", strings.Join(c.mask, " and "), r)
	var held error
	out, err := request(ctx, a, a.writes(r), op, func(api *run.ProjectsLocationsService) (*run.GoogleLongrunningOperation, error) {
		call := api.Services.Patch(r.String(), c.body).UpdateMask(strings.Join(c.mask, ",")).Context(ctx)
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
	}
	return a.follow(ctx, r, op, out)
}

// check lets Google check a change without carrying it out.
func (a *Actuator) check(ctx context.Context, r ref, c change) error {
	op := fmt.Sprintf("check patch %s of %s", strings.Join(c.mask, " and "), r)
	out, err := request(ctx, a, a.writes(r), op, func(api *run.ProjectsLocationsService) (*run.GoogleLongrunningOperation, error) {
		return api.Services.Patch(r.String(), c.body).UpdateMask(strings.Join(c.mask, ",")).ValidateOnly(true).Context(ctx).Do()
	})
	if err != nil {
		return err
	}
	return a.failure(op, out)
}
