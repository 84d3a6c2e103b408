package openfaas_test

import (
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/openfaas"
	"pilotlight/actuators/openfaas/openfaastest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day is when the tests take place.
func day() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }

// fixture is a gateway with the function fn, and an actuator for it.
type fixture struct {
	*openfaastest.Server
	actuator *openfaas.Actuator
}

func newFixture(t *testing.T, gateway openfaastest.Config, edit func(*openfaas.Config)) fixture {
	t.Helper()
	server := openfaastest.New(t, gateway)
	server.Deploy("fn", "")
	return fixture{Server: server, actuator: newActuator(t, server, edit)}
}

// newActuator returns an actuator for the gateway, as after a restart.
func newActuator(t *testing.T, server *openfaastest.Server, edit func(*openfaas.Config)) *openfaas.Actuator {
	t.Helper()
	config := openfaas.DefaultConfig()
	config.URL = server.URL() + "/"
	config.HTTP.BasicAuth = &promconfig.BasicAuth{Username: openfaastest.User, Password: openfaastest.Password}
	if edit != nil {
		edit(&config)
	}
	a, err := openfaas.New("gateway", config, day)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func target(ref string) models.Target {
	return models.Target{ID: models.TargetID("id " + ref), Ref: ref}
}

func action(ref string, from, to models.Capacity) models.Action {
	return models.Action{
		ID: models.NewID("action", target(ref).ID, day(), to.String()), Target: target(ref).ID, From: from, To: to,
		Issued: day(), Expires: day().Add(time.Hour),
	}
}

// apply asks for n warm instances, seeing what is observed, as the engine does.
func (f fixture) apply(t *testing.T, ref string, n int) error {
	t.Helper()
	obs, err := f.actuator.Observe(t.Context(), target(ref))
	if err != nil {
		return err
	}
	return f.actuator.Apply(t.Context(), target(ref), action(ref, obs.Capacity, models.Warm(n)))
}

// have is apply that must succeed and lead to so many replicas.
func (f fixture) have(t *testing.T, n, replicas int) {
	t.Helper()
	if err := f.apply(t, "fn", n); err != nil {
		t.Fatal(err)
	}
	if got := f.Replicas("fn"); got != replicas {
		t.Errorf("after Apply(%d) there are %d replicas, want %d", n, got, replicas)
	}
}

// shows checks the floor that is observed, and returns the note.
func (f fixture) shows(t *testing.T, floor int) string {
	t.Helper()
	obs, err := f.actuator.Observe(t.Context(), target("fn"))
	if err != nil || obs.Capacity != models.Warm(floor) || obs.Pending {
		t.Errorf("Observe shows %+v, %v, want a floor of %d", obs, err, floor)
	}
	return obs.Note
}

func wantKind(t *testing.T, what string, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("%s: error %v of kind %s, want kind %s", what, err, actuators.KindOf(err), kind)
	}
}
