package azurefunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v5"

	"pilotlight/actuators"
	"pilotlight/models"
)

// apiVersion is the one that armappservice v5 speaks.
const apiVersion = "2024-11-01"

// errNoApp is an answer that comes from something in between, such as a proxy.
var errNoApp = &actuators.Error{
	Kind: models.KindTransient, Op: "read the answer", Err: errors.New("it is not an app, so that the write is in doubt"),
}

// request waits for its turn, sends one request that reads, and classifies its error.
func request[T any](
	ctx context.Context, a *Actuator, r ref, op string, send func(*armappservice.WebAppsClient) (T, error),
) (T, error) {
	var out T
	err := actuators.AwaitTurn(ctx, a.reads(r.app))
	if err == nil {
		err = a.throttle.check(op, true)
	}
	if err == nil {
		var apps *armappservice.WebAppsClient
		if apps, _, err = a.client.get(r.subscription); err == nil {
			out, err = send(apps)
		}
	}
	return out, a.classify(ctx, op, err)
}

// write is like request for one that writes: it asks once more whether it may.
func write[T any](
	ctx context.Context, a *Actuator, r ref, op string, send func(*armappservice.WebAppsClient, *arm.Client) (T, error),
) (T, error) {
	var out T
	err := actuators.AwaitTurn(ctx, a.writes(r.app))
	if err == nil {
		err = a.throttle.check(op, false)
	}
	if err == nil {
		var apps *armappservice.WebAppsClient
		var raw *arm.Client
		if apps, raw, err = a.client.get(r.subscription); err == nil {
			if held := actuators.MayWrite(ctx); held != nil && ctx.Err() == nil {
				return out, held
			}
			out, err = send(apps, raw)
		}
	}
	return out, a.classify(ctx, op, err)
}

// get reads the present state.
func (a *Actuator) get(ctx context.Context, r ref) (state, error) {
	if a.config.Hosting == HostingPremium {
		return a.getPremium(ctx, r)
	}
	site, data, err := a.site(ctx, r)
	if err != nil {
		return state{}, err
	}
	op := "get app " + r.id()
	s, err := flexState(site, data, r.group)
	if err != nil {
		return state{}, &actuators.Error{Kind: models.KindTransient, Op: op, Err: err}
	}
	if s.config == nil {
		return state{}, &actuators.Error{
			Kind: models.KindInvalid, Op: op,
			Err: fmt.Errorf("the app is not on Flex Consumption; use hosting: premium, or leave it out: %w", models.ErrInvalid),
		}
	}
	a.cores.set(r.app, s)
	return s, nil
}

// site reads an app, and returns the JSON too.
func (a *Actuator) site(ctx context.Context, r ref) (armappservice.Site, []byte, error) {
	var resp *http.Response
	out, err := request(ctx, a, r, "get app "+r.id(), func(apps *armappservice.WebAppsClient) (armappservice.WebAppsClientGetResponse, error) {
		return apps.Get(policy.WithCaptureResponse(ctx, &resp), r.resourceGroup, r.site, nil)
	})
	if err != nil {
		return armappservice.Site{}, nil, err
	}
	data, err := runtime.Payload(resp)
	return out.Site, data, a.classify(ctx, "get app "+r.id(), err)
}

// getPremium reads the configuration of an app on Premium.
func (a *Actuator) getPremium(ctx context.Context, r ref) (state, error) {
	op := "get configuration of " + r.id()
	out, err := request(ctx, a, r, op, func(apps *armappservice.WebAppsClient) (armappservice.WebAppsClientGetConfigurationResponse, error) {
		return apps.GetConfiguration(ctx, r.resourceGroup, r.site, nil)
	})
	if err != nil {
		return state{}, err
	}
	if out.ID == nil || out.Properties == nil {
		return state{}, &actuators.Error{Kind: models.KindTransient, Op: op, Err: errors.New("the answer lacks the id or the properties")}
	}
	if out.Properties.MinimumElasticInstanceCount == nil {
		return state{}, nil
	}
	return state{warm: int(*out.Properties.MinimumElasticInstanceCount)}, nil
}

// putPremium writes the minimum of an app on Premium. It looks at the app first: on other plans the number would be without
// effect.
func (a *Actuator) putPremium(ctx context.Context, r ref, warm int) error {
	op := fmt.Sprintf("set minimum elastic instances %d of %s", warm, r)
	site, _, err := a.site(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case site.Properties == nil:
		return &actuators.Error{Kind: models.KindTransient, Op: op, Err: errors.New("the answer lacks the properties of the app")}
	case site.Properties.SKU != nil && *site.Properties.SKU != "ElasticPremium":
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf("the app is on %s, not on Premium; use hosting: flex for Flex "+
			"Consumption, or leave it out: %w", *site.Properties.SKU, models.ErrInvalid)}
	case busy(site):
		return &actuators.Error{Kind: models.KindConflict, Op: op, Err: errors.New("an earlier change of the app is under way; wait until it is done")}
	}
	_, err = write(ctx, a, r, op, func(apps *armappservice.WebAppsClient, _ *arm.Client) (armappservice.WebAppsClientUpdateConfigurationResponse, error) {
		n := int32(warm) //nolint:gosec // checkLevers checks the range
		return apps.UpdateConfiguration(ctx, r.resourceGroup, r.site, armappservice.SiteConfigResource{
			Properties: &armappservice.SiteConfig{MinimumElasticInstanceCount: &n},
		}, nil)
	})
	return err
}

// putFlex writes the functionAppConfig with a capacity in it. The SDK's own patch of an app has no such field, so the request is
// made with the SDK's pipeline.
func (a *Actuator) putFlex(ctx context.Context, r ref, have state, to models.Capacity) (follow func() error, err error) {
	op := fmt.Sprintf("set %s of %s", to, r)
	giveBack, err := a.cores.take(r.app, have, to, a.config.CoreQuota)
	if err != nil {
		return nil, &actuators.Error{Kind: models.KindQuota, Op: op, Err: err}
	}
	config, err := have.with(to, r.group)
	if err != nil {
		return nil, a.classify(ctx, op, err)
	}
	poller, err := write(ctx, a, r, op, func(_ *armappservice.WebAppsClient, raw *arm.Client) (*poller, error) {
		req, err := runtime.NewRequest(ctx, http.MethodPatch, runtime.JoinPaths(raw.Endpoint(), r.id()))
		if err != nil {
			return nil, err
		}
		req.Raw().URL.RawQuery = "api-version=" + apiVersion
		req.Raw().Header.Set("Accept", "application/json")
		body := map[string]any{"properties": map[string]any{"functionAppConfig": config}}
		if err := runtime.MarshalAsJSON(req, body); err != nil {
			return nil, err
		}
		resp, err := raw.Pipeline().Do(req) //nolint:bodyclose // the SDK has read and closed it
		if err != nil {
			return nil, err
		}
		if !runtime.HasStatusCode(resp, http.StatusOK, http.StatusAccepted) {
			return nil, runtime.NewResponseError(resp)
		}
		if resp.StatusCode == http.StatusOK {
			var site armappservice.Site
			if err := runtime.UnmarshalAsJSON(resp, &site); err != nil || site.ID == nil {
				return nil, errNoApp
			}
		}
		return runtime.NewPoller[json.RawMessage](resp, raw.Pipeline(), nil)
	})
	if err != nil {
		giveBack()
		return nil, err
	}
	return func() error { return a.follow(ctx, r, op, poller) }, nil
}
