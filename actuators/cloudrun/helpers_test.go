package cloudrun_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is the service that most tests are about.
const shop = "projects/shop-123/locations/europe-west1/services/shop"

// fixture is a server with the service shop and an actuator for it.
type fixture struct {
	*cloudruntest.Server
	actuator *cloudrun.Actuator
}

// edit changes the configuration of a fixture before it is built.
type edit func(*cloudrun.Config, *cloudruntest.Config)

// with is an edit of the actuator only.
func with(change func(*cloudrun.Config)) edit {
	return func(c *cloudrun.Config, _ *cloudruntest.Config) { change(c) }
}

func newFixture(t *testing.T, edits ...edit) fixture {
	t.Helper()
	config, server := cloudrun.DefaultConfig(), cloudruntest.Config{}
	// The tests are not about the rate and the time between two looks, and must not wait for them.
	config.Requests.PerSecond, config.Writes.PerSecond = 0, 0
	config.OperationWait, config.OperationPoll = 0, models.Duration(time.Microsecond)
	for _, e := range edits {
		e(&config, &server)
	}
	f := fixture{Server: cloudruntest.New(t, server)}
	f.AddService(t, shop, cloudruntest.Service{})
	config.Endpoint, config.CredentialsFile = f.URL(), f.CredentialsFile(t)
	actuator, err := cloudrun.New("run", config, f.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.actuator = actuator
	return f
}

// settle lets the longest change of the tests end.
func (f fixture) settle() { f.Advance(time.Minute) }

func target(ref string) models.Target { return models.Target{ID: models.TargetID(ref), Ref: ref} }

func (f fixture) action(ref string, to models.Capacity) models.Action {
	now := f.Now()
	return models.Action{
		ID: models.NewID("action", models.TargetID(ref), now, ""), Target: models.TargetID(ref), To: to,
		Issued: now, Expires: now.Add(time.Hour),
	}
}

func (f fixture) apply(t *testing.T, ref string, to models.Capacity) error {
	t.Helper()
	return f.actuator.Apply(t.Context(), target(ref), f.action(ref, to))
}

// have gives the target a capacity and waits for it.
func (f fixture) have(t *testing.T, ref string, to models.Capacity) {
	t.Helper()
	if err := f.apply(t, ref, to); err != nil {
		t.Fatal(err)
	}
	f.settle()
}

// want checks the observation but for its note, which it returns.
func (f fixture) want(t *testing.T, ref string, capacity models.Capacity, pending bool) (note string) {
	t.Helper()
	obs, err := f.actuator.Observe(t.Context(), target(ref))
	if err != nil {
		t.Fatal(err)
	}
	want := models.Observation{Capacity: capacity, Ready: -1, Pending: pending, Note: obs.Note}
	if obs != want {
		t.Errorf("Observe(%s) = %+v, want %+v", ref, obs, want)
	}
	return obs.Note
}

// wantKind checks the kind of an error.
func wantKind(t *testing.T, err error, kind models.ErrorKind) {
	t.Helper()
	if err == nil || actuators.KindOf(err) != kind {
		t.Errorf("got error %v of kind %s, want kind %s", err, actuators.KindOf(err), kind)
	}
}
