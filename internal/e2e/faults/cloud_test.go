package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/azurefunctions/azurefunctionstest"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/models"
)

func awsLambda(onZero awslambda.OnZero) func(t *testing.T) stage {
	return func(t *testing.T) stage {
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
		again := func() actuators.Actuator {
			a, err := awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: server.Now, Shared: awslambda.NewShared()})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		begin := server.Now()
		return stage{
			Platform: actuatorstest.Platform{
				Actuator: again(), Targets: []models.Target{{ID: "f", Ref: "fn:live"}}, Writes: server.Writes,
				Settle: func() { server.Advance(5 * time.Minute) }, Clock: func() time.Time { return begin },
			},
			again: again, floor: func() int { return server.Provisioned(t, "fn", "live") },
			wire: &wire{
				script: server.Script,
				reads:  []string{"GetProvisionedConcurrencyConfig", "GetAlias"},
				writes: []string{"PutProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"},
				own: []named{
					own("throttled", awslambdatest.Throttled(0)), onWrites("conflict", awslambdatest.Conflict()),
					own("internal", awslambdatest.Internal()), own("unavailable", awslambdatest.Unavailable()),
					own("denied", awslambdatest.AccessDenied()), own("expired token", awslambdatest.ExpiredToken()),
					own("not found", awslambdatest.NotFound()), own("invalid", awslambdatest.InvalidParameter("on purpose")),
				},
			},
		}
	}
}

func cloudRun(t *testing.T) stage {
	t.Helper()
	const ref = "projects/shop-123/locations/europe-west1/services/shop"
	server, config := cloudruntest.New(t, cloudruntest.Config{}), cloudrun.DefaultConfig()
	server.AddService(t, ref, cloudruntest.Service{})
	config.Requests.PerSecond, config.Writes.PerSecond = 0, 0
	config.OperationWait, config.OperationPoll = 0, models.Duration(time.Microsecond)
	config.Endpoint, config.CredentialsFile = server.URL(), server.CredentialsFile(t)
	again := func() actuators.Actuator {
		a, err := cloudrun.New("run", config, server.Now)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	begin := server.Now()
	return stage{
		Platform: actuatorstest.Platform{
			Actuator: again(), Targets: []models.Target{{ID: "f", Ref: ref}}, Writes: server.Writes,
			Settle: func() { server.Advance(time.Minute) }, Clock: func() time.Time { return begin },
		},
		again: again,
		floor: func() int {
			text, _ := server.Field(ref, "scaling.minInstanceCount").(json.Number)
			n, err := text.Int64()
			if err != nil {
				return 0
			}
			return int(n)
		},
		wire: &wire{
			script: server.Script, reads: []string{cloudruntest.OpGet}, writes: []string{cloudruntest.OpPatch},
			own: []named{
				own("throttled", cloudruntest.Throttled(0)), own("conflict", cloudruntest.Aborted()), own("quota", cloudruntest.Exhausted()),
				own("internal", cloudruntest.Internal()), own("unavailable", cloudruntest.Unavailable()), own("deadline", cloudruntest.Deadline()),
				own("denied", cloudruntest.Denied()), own("unauthenticated", cloudruntest.Unauthenticated()),
				own("not found", cloudruntest.NotFound()), own("invalid", cloudruntest.Invalid()),
			},
		},
	}
}

func azureFlex(t *testing.T) stage {
	t.Helper()
	server, s := azureFunctions(t, azurefunctions.HostingFlex, azurefunctionstest.Flex)
	s.wire.reads, s.wire.writes = []string{azurefunctionstest.OpGet}, []string{azurefunctionstest.OpPatch}
	s.floor = func() int {
		var groups []struct{ InstanceCount int }
		text := server.Field("shop", "scaleAndConcurrency", "alwaysReady")
		if err := json.Unmarshal([]byte(text), &groups); err != nil {
			t.Error(err)
		}
		n := 0
		for _, g := range groups {
			n += g.InstanceCount
		}
		return n
	}
	return s
}

func azurePremium(t *testing.T) stage {
	t.Helper()
	server, s := azureFunctions(t, azurefunctions.HostingPremium, azurefunctionstest.Premium)
	s.wire.reads = []string{azurefunctionstest.OpGet, azurefunctionstest.OpGetConfig}
	s.wire.writes = []string{azurefunctionstest.OpPutConfig}
	s.floor = func() int { return server.Minimum("shop") }
	return s
}

func azureFunctions(t *testing.T, hosting azurefunctions.Hosting, plan azurefunctionstest.Plan) (*azurefunctionstest.Server, stage) {
	t.Helper()
	server, config := azurefunctionstest.New(t, azurefunctionstest.Config{}), azurefunctions.DefaultConfig()
	server.AddApp(t, "shop", azurefunctionstest.App{Plan: plan})
	config.Hosting = hosting
	config.Requests.PerSecond, config.Writes.PerSecond = 0, 0
	config.OperationWait, config.OperationPoll = 0, models.Duration(time.Microsecond)
	config.Endpoint, config.AuthorityHost, config.CAFile = server.URL(), server.URL(), server.CAFile(t)
	config.Credentials, config.TenantID, config.ClientID = azurefunctions.CredentialsSecret, azurefunctionstest.Tenant, azurefunctionstest.ClientID
	config.ClientSecretFile = server.SecretFile(t)
	again := func() actuators.Actuator {
		a, err := azurefunctions.New("azure", config, server.Now)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	begin := server.Now()
	return server, stage{
		Platform: actuatorstest.Platform{
			Actuator: again(), Targets: []models.Target{{ID: "f", Ref: azurefunctionstest.ID("shop")}}, Writes: server.Writes,
			Settle: func() { server.Advance(time.Minute) }, Clock: func() time.Time { return begin },
		},
		again: again,
		wire: &wire{
			script: server.Script,
			own: []named{
				own("throttled", azurefunctionstest.Throttled(0)), own("conflict", azurefunctionstest.InProgress()),
				own("quota", azurefunctionstest.Quota()), own("internal", azurefunctionstest.Internal()),
				own("unavailable", azurefunctionstest.Unavailable()), own("timeout", azurefunctionstest.Timeout()),
				own("denied", azurefunctionstest.Denied()), onWrites("locked", azurefunctionstest.Locked()),
				own("not found", azurefunctionstest.NotFound()), own("invalid", azurefunctionstest.Invalid()),
			},
		},
	}
}
