package webhook_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/webhook"
	"pilotlight/actuators/webhook/webhooktest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day is when the tests take place.
func day() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }

// newReceiver returns a receiver that knows the targets.
func newReceiver(t *testing.T, refs ...string) *webhooktest.Server {
	t.Helper()
	return webhooktest.New(t, day, refs...)
}

// newActuator returns an actuator for the receiver; edit changes its configuration.
func newActuator(t *testing.T, r *webhooktest.Server, edit func(*webhook.Config)) *webhook.Actuator {
	t.Helper()
	config := webhook.DefaultConfig()
	config.URL, config.ObserveURL = r.URL(), r.ObserveURL()
	config.SecretFile = r.SecretFile(t)
	if edit != nil {
		edit(&config)
	}
	a, err := webhook.New("hook", config, webhook.Deps{Now: day})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func target(ref string) models.Target {
	return models.Target{ID: models.TargetID("id of " + ref), Ref: ref, Group: "shop"}
}

func action(ref string, to models.Capacity) models.Action {
	t := target(ref)
	return models.Action{
		ID: models.NewID("action", t.ID, day(), to.String()), Decision: "d1", Target: t.ID, From: models.Warm(0), To: to,
		Issued: day(), Expires: day().Add(2 * time.Minute),
	}
}

func wantKind(t *testing.T, what string, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("%s: error %v of kind %s, want kind %s", what, err, actuators.KindOf(err), kind)
	}
}
