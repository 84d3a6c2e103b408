package knative

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// maxWakeBody bounds what is read of the answer to a wake request.
const maxWakeBody = 64 << 10

// wake sends one request to a service, so that its autoscaler begins to count. What the service answers does not matter; that
// nobody answers in time neither, as Knative has the request by then.
func (a *Actuator) wake(ctx context.Context, r ref) error {
	op := "wake " + r.String()
	address, err := a.address(ctx, op, r)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, a.config.WakeTimeout.Std())
	defer cancel()
	request, err := http.NewRequestWithContext(waiting, http.MethodGet, address, http.NoBody)
	if err != nil {
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	request.Header.Set("User-Agent", kubeapi.FieldManager)
	if held := actuators.MayWrite(ctx); held != nil {
		return held
	}
	answer, err := a.waker.Do(request)
	switch {
	case ctx.Err() != nil:
		return &actuators.Error{Kind: models.KindTimeout, Op: op, Err: actuators.Ended(ctx)}
	case errors.Is(err, context.DeadlineExceeded):
		return nil
	case err != nil:
		if sent, ok := errors.AsType[*url.Error](err); ok {
			err = sent.Err
		}
		return &actuators.Error{Kind: models.KindTransient, Op: op, Err: fmt.Errorf("the floor is set, but the service could not be reached: %w", err)}
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxWakeBody))
	return nil
}

// address returns where to send the request that wakes a service.
func (a *Actuator) address(ctx context.Context, op string, r ref) (string, error) {
	s, err := kubeapi.Get[service](ctx, a.client, serving("services", r.namespace, r.name))
	if err != nil {
		return "", err
	}
	text := s.Status.Address.URL
	if a.config.Wake == WakeURL {
		text = s.Status.URL
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", &actuators.Error{Kind: models.KindTransient, Op: op, Err: errors.New("the service has no address yet")}
	}
	return u.JoinPath(a.config.WakePath).String(), nil
}
