package faults

import (
	"net/http"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/openfaas"
	"pilotlight/actuators/openfaas/openfaastest"
	"pilotlight/actuators/webhook"
	"pilotlight/actuators/webhook/webhooktest"
	"pilotlight/models"
)

// statuses returns the errors of a platform that answers with HTTP statuses only.
func statuses(codes ...int) []named {
	out := make([]named, len(codes))
	for i, code := range codes {
		out[i] = own(http.StatusText(code), faulttest.Status(code))
		out[i].refuses = code < 500 || code == http.StatusNotImplemented || code == http.StatusInsufficientStorage
	}
	return out
}

func openFaaS(community bool) func(t *testing.T) stage {
	return func(t *testing.T) stage {
		t.Helper()
		server, config := openfaastest.New(t, openfaastest.Config{CE: community}), openfaas.DefaultConfig()
		server.Deploy("fn", "")
		config.URL = server.URL() + "/"
		if !community {
			// The Community Edition is found out, and lowers by itself.
			config.Edition, config.Lower = openfaas.EditionPro, openfaas.LowerWrite
		}
		config.HTTP.BasicAuth = &promconfig.BasicAuth{Username: openfaastest.User, Password: openfaastest.Password}
		again := func() actuators.Actuator {
			a, err := openfaas.New("gateway", config, day)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(a.Close)
			return a
		}
		return stage{
			Platform: actuatorstest.Platform{
				Actuator: again(), Targets: []models.Target{{ID: "f", Ref: "fn"}}, Writes: server.Writes, Settle: server.Settle, Clock: day,
			},
			again: again, floor: func() int { return server.Replicas("fn") },
			wire: &wire{
				script: server.Script, reads: []string{openfaastest.OpInfo, openfaastest.OpGet}, writes: []string{openfaastest.OpScale},
				own: statuses(400, 401, 403, 404, 409, 429, 500, 503, 504),
			},
		}
	}
}

// webHook returns a receiver that shows its capacity or does not.
func webHook(shows bool) func(t *testing.T) stage {
	return func(t *testing.T) stage {
		t.Helper()
		server, config := webhooktest.New(t, day, "fn"), webhook.DefaultConfig()
		config.URL, config.SecretFile = server.URL(), server.SecretFile(t)
		if shows {
			config.ObserveURL = server.ObserveURL()
		} else {
			found := 3
			config.Initial.Warm = &found
		}
		again := func() actuators.Actuator {
			a, err := webhook.New("hook", config, webhook.Deps{Now: day})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(a.Close)
			return a
		}
		return stage{
			Platform: actuatorstest.Platform{Actuator: again(), Targets: []models.Target{{ID: "f", Ref: "fn"}}, Writes: server.Writes, Clock: day},
			again:    again,
			floor: func() int {
				n, _ := server.Capacity("fn").Warm()
				return n
			},
			wire: &wire{
				script: server.Script, reads: []string{webhooktest.OpObserve}, writes: []string{webhooktest.OpScale},
				own: statuses(400, 401, 404, 409, 410, 429, 500, 501, 503, 507), writesOnly: true, blind: !shows,
			},
		}
	}
}
