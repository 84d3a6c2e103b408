package faults

import (
	"path/filepath"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/dryrun"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/published"
	"pilotlight/models"
)

// day is when the tests play.
func day() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }

// subject is an actuator of the matrix, in one of its settings.
type subject struct {
	name string
	// stage returns a fresh fake platform with its adapter.
	stage func(t *testing.T) stage
}

// stage is a fake platform with its adapter.
type stage struct {
	// Platform has a target that can have 8 warm instances, what Run of package actuatorstest takes: of the fields Actuator, Targets (one
	// is enough), Writes, and if there is any need Settle and Clock are used. Settle is called after each minute.
	actuatorstest.Platform
	// again returns an adapter over the same platform that remembers nothing, as a new process has one; nil if the adapter is the
	// platform itself.
	again func() actuators.Actuator
	// floor returns the warm instances that the platform is to keep for the target, without the adapter.
	floor func() int
	// wire is how to make the platform fail, nil if there is nothing between it and its adapter.
	wire *wire
}

// wire is what lies between a fake platform and its adapter.
type wire struct {
	script *faulttest.Script
	// reads and writes are the operations that faults strike.
	reads, writes []string
	// own are the errors of the platform itself.
	own []named
	// writesOnly says that a write reads nothing first.
	writesOnly bool
	// blind says that the platform cannot be asked for its capacity: an answer that is lost leaves a doubt.
	blind bool
}

// named is a fault with a name.
type named struct {
	name string
	make func(hangs func()) faulttest.Fault
	// writes says that only requests that write can fail so, kills that the process is killed while the request hangs.
	writes, kills bool
	// refuses says that the platform thereby says that nothing was done, accepts that all was.
	refuses, accepts bool
}

// own returns an error of a platform itself.
func own(name string, f faulttest.Fault) named {
	return named{name: name, make: func(func()) faulttest.Fault { return f }}
}

// onWrites is own for an error that reads do not have.
func onWrites(name string, f faulttest.Fault) named {
	n := own(name, f)
	n.writes = true
	return n
}

// accepting is own for an answer that says that what was asked for is done.
func accepting(name string, f faulttest.Fault) named {
	n := own(name, f)
	n.accepts = true
	return n
}

// common returns the faults that do not depend on the platform: something in between, and what is not even an answer.
func common() []named {
	return []named{
		own("proxy", faulttest.Proxy()), accepting("garbled", faulttest.Malformed()), accepting("empty", faulttest.Empty()),
		own("dropped", faulttest.Dropped()), own("half-closed", faulttest.HalfClosed()),
		{name: "slow", make: faulttest.Slow},
		{name: "killed", make: faulttest.Slow, kills: true},
	}
}

// subjects is the list of actuators. To add one, add a line here and its function below.
func subjects() []subject {
	return []subject{
		{dryrun.TypeName, dryRun},
		{"aws_lambda", awsLambda("keep_one")},
		{"aws_lambda_delete", awsLambda("delete")},
		{"cloud_run", cloudRun},
		{"azure_functions", azureFlex},
		{"azure_functions_premium", azurePremium},
		{"kubernetes", onKubernetes("")},
		{"kubernetes_hpa", onKubernetes("hpa")},
		{"kubernetes_keda", onKubernetes("keda")},
		{"knative", onKnative("1.21.0")},
		{"knative_old", onKnative("1.20.1")},
		{"openfaas", openFaaS(false)},
		{"openfaas_ce", openFaaS(true)},
		{"webhook", webHook(true)},
		{"webhook_blind", webHook(false)},
		{published.TypeName, publish},
	}
}

func dryRun(t *testing.T) stage {
	t.Helper()
	a, err := dryrun.New("dry_run", dryrun.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	target := models.Target{ID: "f", Ref: "f"}
	return stage{
		Platform: actuatorstest.Platform{Actuator: a, Targets: []models.Target{target}, Writes: a.Changes},
		floor:    shown(t, a, target),
	}
}

func publish(t *testing.T) stage {
	t.Helper()
	a := published.New("keda", filepath.Join(t.TempDir(), "floors.jsonl"))
	target := models.Target{ID: "f", Ref: "f"}
	return stage{
		Platform: actuatorstest.Platform{Actuator: a, Targets: []models.Target{target}, Writes: a.Changes},
		floor:    shown(t, a, target),
	}
}

// shown returns the floor that an actuator which is a platform itself shows.
func shown(t *testing.T, a actuators.Actuator, target models.Target) func() int {
	t.Helper()
	return func() int {
		o, err := a.Observe(t.Context(), target)
		if err != nil {
			t.Error(err)
		}
		n, _ := o.Capacity.Warm()
		return n
	}
}
