package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/dryrun"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubernetes"
	"pilotlight/actuators/openfaas"
	"pilotlight/actuators/published"
	"pilotlight/actuators/webhook"
	"pilotlight/models"
)

// subject is an actuator of the matrix.
type subject struct {
	name string
	// platform returns a fresh fake platform with its adapter and a target that can have 8 warm instances: what Run of package
	// actuatorstest takes. Of the fields Actuator, Targets (one is enough), Writes, and if there is any need Settle and Clock
	// are used. Settle is called after each minute.
	platform func(t *testing.T) actuatorstest.Platform
	// wire makes the fake platform fail once with an error of that kind at that moment of the next write, and reports whether it can;
	// nil if it never can.
	wire func(p *actuatorstest.Platform, kind models.ErrorKind, at moment) bool
}

// subjects is the list of actuators. To add one, add a line here and its function below.
func subjects() []subject {
	return []subject{
		{name: dryrun.TypeName, platform: dryRun},
		{name: "aws_lambda", platform: awsLambda(awslambda.OnZeroKeepOne), wire: awsLambdaWire},
		{name: "aws_lambda_delete", platform: awsLambda(awslambda.OnZeroDelete)},
		{name: cloudrun.TypeName, platform: cloudRun, wire: cloudRunWire},
		{name: azurefunctions.TypeName, platform: azureFunctions, wire: azureFunctionsWire},
		{name: kubernetes.TypeName, platform: onKubernetes(false)},
		{name: "kubernetes_owned", platform: onKubernetes(true)},
		{name: knative.TypeName, platform: onKnative},
		{name: openfaas.TypeName, platform: openFaaS},
		{name: webhook.TypeName, platform: webHook},
		{name: published.TypeName, platform: publish},
	}
}

func dryRun(t *testing.T) actuatorstest.Platform {
	t.Helper()
	a, err := dryrun.New("dry_run", dryrun.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return actuatorstest.Platform{Actuator: a, Targets: []models.Target{{ID: "f", Ref: "f"}}, Writes: a.Changes}
}

// lambda is an adapter that carries its fake along, for awsLambdaWire.
type lambda struct {
	*awslambda.Actuator
	fake *awslambdatest.Server
}

func awsLambda(onZero awslambda.OnZero) func(t *testing.T) actuatorstest.Platform {
	return func(t *testing.T) actuatorstest.Platform {
		t.Helper()
		server := awslambdatest.New(t, awslambdatest.Config{})
		server.AddFunction(t, "fn", 1)
		server.PutAlias(t, "fn", "live", "1", nil)
		config := awslambda.DefaultConfig()
		config.Requests.PerSecond, config.OnZero = 0, onZero
		config.Region, config.Endpoint, config.AutoScalingEndpoint = awslambdatest.Region, server.URL(), server.URL()
		credentials := filepath.Join(t.TempDir(), "credentials")
		text := "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = not-a-secret\n"
		// These are credentials of nobody.
		if err := os.WriteFile(credentials, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		config.ConfigFiles, config.CredentialsFiles = []string{credentials}, []string{credentials}
		a, err := awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: server.Now, Shared: awslambda.NewShared()})
		if err != nil {
			t.Fatal(err)
		}
		begin := server.Now()
		return actuatorstest.Platform{
			Actuator: lambda{a, server}, Targets: []models.Target{{ID: "f", Ref: "fn:live"}}, Writes: server.Writes,
			Settle: func() { server.Advance(5 * time.Minute) }, Clock: func() time.Time { return begin },
		}
	}
}

func awsLambdaWire(p *actuatorstest.Platform, kind models.ErrorKind, at moment) bool {
	const get, put = "GetProvisionedConcurrencyConfig", "PutProvisionedConcurrencyConfig"
	fault, ok := map[models.ErrorKind]awslambdatest.Fault{
		models.KindThrottled: awslambdatest.Throttled(0), models.KindUnauthorized: awslambdatest.AccessDenied(),
		models.KindNotFound: awslambdatest.NotFound(), models.KindInvalid: awslambdatest.InvalidParameter("on purpose"),
		models.KindTransient: faulttest.Dropped(), models.KindConflict: awslambdatest.Conflict(),
		models.KindPermanent: faulttest.Malformed(),
	}[kind]
	fake, is := p.Actuator.(lambda)
	if !ok || !is || kind == models.KindConflict && at != momentBefore && at != momentDuring {
		return false
	}
	switch at {
	case momentObserve:
		fake.fake.Inject(1, fault.On(get))
	case momentBefore:
		fake.fake.Inject(1, fault.On(put))
	case momentDuring:
		fake.fake.Inject(1, fault.On(put).ButDone())
	case momentReadBack:
		struck := false
		fake.fake.BeforeAnswer(func(op string) {
			if op == put && !struck {
				struck = true
				fake.fake.Inject(1, fault.On(get))
			}
		})
	case momentKilledBefore, momentKilledAfter, momentKilledReading:
		return false
	}
	return true
}
