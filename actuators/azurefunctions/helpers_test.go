package azurefunctions_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/azurefunctions/azurefunctionstest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is the app that most tests are about.
var shop = azurefunctionstest.ID("shop")

// fixture is a server with the app shop and an actuator for it.
type fixture struct {
	*azurefunctionstest.Server
	actuator *azurefunctions.Actuator
	config   azurefunctions.Config
}

// edit changes the configuration of a fixture before it is built.
type edit func(*azurefunctions.Config, *azurefunctionstest.Config)

// with is an edit of the actuator only.
func with(change func(*azurefunctions.Config)) edit {
	return func(c *azurefunctions.Config, _ *azurefunctionstest.Config) { change(c) }
}

// premium is an edit for apps on Premium.
func premium() edit {
	return with(func(c *azurefunctions.Config) { c.Hosting = azurefunctions.HostingPremium })
}

func newFixture(t *testing.T, edits ...edit) fixture {
	t.Helper()
	config, server := azurefunctions.DefaultConfig(), azurefunctionstest.Config{}
	// The tests are not about the rate and the time between two looks, and must not wait for them.
	config.Requests.PerSecond, config.Writes.PerSecond = 0, 0
	config.OperationWait, config.OperationPoll = 0, models.Duration(time.Microsecond)
	for _, e := range edits {
		e(&config, &server)
	}
	f := fixture{Server: azurefunctionstest.New(t, server)}
	plan := azurefunctionstest.Flex
	if config.Hosting == azurefunctions.HostingPremium {
		plan = azurefunctionstest.Premium
	}
	f.AddApp(t, "shop", azurefunctionstest.App{Plan: plan})
	config.Endpoint, config.AuthorityHost, config.CAFile = f.URL(), f.URL(), f.CAFile(t)
	config.Credentials, config.TenantID, config.ClientID = azurefunctions.CredentialsSecret, azurefunctionstest.Tenant, azurefunctionstest.ClientID
	config.ClientSecretFile = f.SecretFile(t)
	f.config = config
	actuator, err := azurefunctions.New("azure", config, f.Now)
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
