package faults

import (
	"testing"
	"time"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/azurefunctions/azurefunctionstest"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// run is an adapter that carries its fake along, for cloudRunWire.
type run struct {
	*cloudrun.Actuator
	fake *cloudruntest.Server
}

func cloudRun(t *testing.T) actuatorstest.Platform {
	t.Helper()
	const ref = "projects/shop-123/locations/europe-west1/services/shop"
	server, config := cloudruntest.New(t, cloudruntest.Config{}), cloudrun.DefaultConfig()
	server.AddService(t, ref, cloudruntest.Service{})
	config.Requests.PerSecond, config.Writes.PerSecond = 0, 0
	config.OperationWait, config.OperationPoll = 0, models.Duration(time.Microsecond)
	config.Endpoint, config.CredentialsFile = server.URL(), server.CredentialsFile(t)
	a, err := cloudrun.New("run", config, server.Now)
	if err != nil {
		t.Fatal(err)
	}
	begin := server.Now()
	return actuatorstest.Platform{
		Actuator: run{a, server}, Targets: []models.Target{{ID: "f", Ref: ref}}, Writes: server.Writes,
		Settle: func() { server.Advance(time.Minute) }, Clock: func() time.Time { return begin },
	}
}

func cloudRunWire(p *actuatorstest.Platform, kind models.ErrorKind, at moment) bool {
	fault, ok := map[models.ErrorKind]cloudruntest.Fault{
		models.KindThrottled: cloudruntest.Throttled(0), models.KindUnauthorized: cloudruntest.Denied(),
		models.KindNotFound: cloudruntest.NotFound(), models.KindInvalid: cloudruntest.Invalid(),
		models.KindConflict: cloudruntest.Aborted(), models.KindQuota: cloudruntest.Exhausted(),
		models.KindTransient: faulttest.Dropped(), models.KindTimeout: cloudruntest.Deadline(),
		models.KindPermanent: faulttest.Malformed(),
	}[kind]
	fake, is := p.Actuator.(run)
	if !ok || !is {
		return false
	}
	return strike(at, wire[cloudruntest.Fault]{
		read: fault.On(cloudruntest.OpGet), write: fault.On(cloudruntest.OpPatch), done: fault.On(cloudruntest.OpPatch).ButDone(),
		inject: fake.fake.Inject, before: fake.fake.BeforeAnswer, op: cloudruntest.OpPatch,
	})
}

// app is an adapter that carries its fake along, for azureFunctionsWire.
type app struct {
	*azurefunctions.Actuator
	fake *azurefunctionstest.Server
}

func azureFunctions(t *testing.T) actuatorstest.Platform {
	t.Helper()
	server, config := azurefunctionstest.New(t, azurefunctionstest.Config{}), azurefunctions.DefaultConfig()
	server.AddApp(t, "shop", azurefunctionstest.App{Plan: azurefunctionstest.Flex})
	config.Requests.PerSecond, config.Writes.PerSecond = 0, 0
	config.OperationWait, config.OperationPoll = 0, models.Duration(time.Microsecond)
	config.Endpoint, config.AuthorityHost, config.CAFile = server.URL(), server.URL(), server.CAFile(t)
	config.Credentials, config.TenantID, config.ClientID = azurefunctions.CredentialsSecret, azurefunctionstest.Tenant, azurefunctionstest.ClientID
	config.ClientSecretFile = server.SecretFile(t)
	a, err := azurefunctions.New("azure", config, server.Now)
	if err != nil {
		t.Fatal(err)
	}
	begin := server.Now()
	return actuatorstest.Platform{
		Actuator: app{a, server}, Targets: []models.Target{{ID: "f", Ref: azurefunctionstest.ID("shop")}}, Writes: server.Writes,
		Settle: func() { server.Advance(time.Minute) }, Clock: func() time.Time { return begin },
	}
}

func azureFunctionsWire(p *actuatorstest.Platform, kind models.ErrorKind, at moment) bool {
	fault, ok := map[models.ErrorKind]azurefunctionstest.Fault{
		models.KindThrottled: azurefunctionstest.Throttled(0), models.KindUnauthorized: azurefunctionstest.Denied(),
		models.KindNotFound: azurefunctionstest.NotFound(), models.KindInvalid: azurefunctionstest.Invalid(),
		models.KindConflict: azurefunctionstest.InProgress(), models.KindQuota: azurefunctionstest.Quota(),
		models.KindTransient: faulttest.Dropped(), models.KindTimeout: azurefunctionstest.Timeout(),
		models.KindPermanent: faulttest.Malformed(),
	}[kind]
	fake, is := p.Actuator.(app)
	if !ok || !is {
		return false
	}
	return strike(at, wire[azurefunctionstest.Fault]{
		read: fault.On(azurefunctionstest.OpGet), write: fault.On(azurefunctionstest.OpPatch), done: fault.On(azurefunctionstest.OpPatch).ButDone(),
		inject: fake.fake.Inject, before: fake.fake.BeforeAnswer, op: azurefunctionstest.OpPatch,
	})
}

// wire is a fault of a fake platform, and how to inject it.
type wire[F any] struct {
	read, write, done F
	inject            func(n int, fault F)
	before            func(call func(op string))
	op                string
}

// strike injects the fault so that it happens once at that moment, and reports whether it can.
func strike[F any](at moment, w wire[F]) bool {
	switch at {
	case momentObserve:
		w.inject(1, w.read)
	case momentBefore:
		w.inject(1, w.write)
	case momentDuring:
		w.inject(1, w.done)
	case momentReadBack:
		struck := false
		w.before(func(op string) {
			if op == w.op && !struck {
				struck = true
				w.inject(1, w.read)
			}
		})
	case momentKilledBefore, momentKilledAfter, momentKilledReading:
		return false
	}
	return true
}
