package awslambda_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a server with the function fn, versions 1 to 9, alias live on version 1, and an actuator for it.
type fixture struct {
	*awslambdatest.Server
	actuator *awslambda.Actuator
	shared   *awslambda.Shared
}

// edit changes the configuration of a fixture before it is built.
type edit func(*awslambda.Config, *awslambdatest.Config)

func newFixture(t *testing.T, edits ...edit) fixture {
	t.Helper()
	config, account := awslambda.DefaultConfig(), awslambdatest.Config{}
	// The tests are not about the rate, and must not wait for it.
	config.Requests.PerSecond = 0
	for _, e := range edits {
		e(&config, &account)
	}
	server := awslambdatest.New(t, account)
	server.AddFunction(t, "fn", 9)
	server.PutAlias(t, "fn", "live", "1", nil)
	config.Region, config.Endpoint = awslambdatest.Region, server.URL()
	config.ConfigFiles, config.CredentialsFiles = credentialFiles(t)
	config.AutoScalingEndpoint = server.URL()
	shared := awslambda.NewShared()
	actuator, err := awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: server.Now, Shared: shared})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{Server: server, actuator: actuator, shared: shared}
}

// credentialFiles returns the configuration and credentials of an account that exists nowhere, read as the SDK reads real ones.
func credentialFiles(t *testing.T) (config, credentials []string) {
	t.Helper()
	dir := t.TempDir()
	//nolint:gosec // these are credentials of nobody
	files := map[string]string{
		"config":      "[default]\n",
		"credentials": "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = not-a-secret\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{filepath.Join(dir, "config")}, []string{filepath.Join(dir, "credentials")}
}

// settle lets the largest allocation of the tests end.
func (f fixture) settle() { f.Advance(10 * time.Minute) }

func target(ref string) models.Target { return models.Target{ID: models.TargetID(ref), Ref: ref} }

func (f fixture) action(ref string, to models.Capacity) models.Action {
	now := f.Now()
	return models.Action{
		ID: models.NewID("action", models.TargetID(ref), now, ""), Target: models.TargetID(ref), To: to,
		Issued: now, Expires: now.Add(time.Hour),
	}
}

// apply asks for n warm instances.
func (f fixture) apply(t *testing.T, ref string, n int) error {
	t.Helper()
	return f.actuator.Apply(t.Context(), target(ref), f.action(ref, models.Warm(n)))
}

// have gives the target n warm instances and waits for them.
func (f fixture) have(t *testing.T, ref string, n int) {
	t.Helper()
	if err := f.apply(t, ref, n); err != nil {
		t.Fatal(err)
	}
	f.settle()
}

// want checks the observation but for its note, which it returns.
func (f fixture) want(t *testing.T, ref string, warm, ready int, pending bool) (note string) {
	t.Helper()
	obs, err := f.actuator.Observe(t.Context(), target(ref))
	if err != nil {
		t.Fatal(err)
	}
	want := models.Observation{Capacity: models.Warm(warm), Ready: ready, Pending: pending, Note: obs.Note}
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
