package kubernetes_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own  func(t *testing.T, f fixture)
		to   models.Capacity
		says string
	}{
		"above the HPA's maximum":  {func(t *testing.T, f fixture) { t.Helper(); f.hpa(t, "app", "app", 1, 9) }, models.Warm(10), "allows 9 replicas at most"},
		"maximum below the floor":  {func(t *testing.T, f fixture) { t.Helper(); f.hpa(t, "app", "app", 5, 9) }, models.Capacity{}.WithMax(4), "allows 4 replicas at most"},
		"above KEDA's default":     {func(t *testing.T, f fixture) { t.Helper(); f.keda(t, "app", "app", "") }, models.Warm(101), "allows 100 replicas at most"},
		"keep-alive of an HPA":     {func(t *testing.T, f fixture) { t.Helper(); f.hpa(t, "app", "app", 1, 9) }, models.Capacity{}.WithKeepAlive(time.Minute), "a ScaledObject has warm, max and keep_alive"},
		"maximum of a Deployment":  {func(*testing.T, fixture) {}, models.Warm(3).WithMax(4), "other workloads warm"},
		"more than can be counted": {func(*testing.T, fixture) {}, models.Warm(math.MaxInt32 + 1), "more than Kubernetes can count"},
		"memory":                   {func(*testing.T, fixture) {}, models.Capacity{}.WithMemory(512), "this actuator has the levers [warm max keep_alive]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.own(t, f)
			err := f.apply(t, "prod/app", c.to)
			wantKind(t, err, models.KindInvalid)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if f.Patches() != 0 {
				t.Errorf("%d requests that write, want none", f.Patches())
			}
		})
	}
}

// TestZeroWithoutMetric lets the server say that an HPA cannot have the floor 0.
func TestZeroWithoutMetric(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *kubernetes.Config) { c.OnZero = kubernetes.OnZeroScaleToZero })
	f.hpa(t, "app", "app", 2, 9)
	f.Edit(t, hpaKey, func(o map[string]any) { delete(kubeapitest.Child(o, "spec"), "metrics") })
	wantKind(t, f.apply(t, "prod/app", models.Warm(0)), models.KindInvalid)
}

func TestRefs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *kubernetes.Config) { c.Kinds = map[string]string{"Rollout": "rollouts.v1.example.com"} })
	const spec = `{"spec":{"replicas":1,"serviceName":"s","selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{},"spec":{"containers":[]}}}}`
	f.Put(t, "statefulsets.apps/prod/set", spec)
	f.Put(t, "rollouts.example.com/prod/roll", `{"spec":{"replicas":1}}`)
	for ref, key := range map[string]string{
		"prod/app": appKey, "prod/Deployment/app": appKey, "prod/deployment/app": appKey,
		"prod/StatefulSet/set": "statefulsets.apps/prod/set", "prod/Rollout/roll": "rollouts.example.com/prod/roll",
	} {
		f.have(t, ref, models.Warm(7))
		if got := f.spec(key, "replicas"); got != 7 {
			t.Errorf("%s: %s has %v replicas, want 7", ref, key, got)
		}
		f.have(t, ref, models.Warm(6))
	}
	if obs := f.observe(t, "prod/Rollout/roll"); obs.Ready != -1 {
		t.Errorf("%d replicas of a kind of unknown status are ready", obs.Ready)
	}
	for _, ref := range []string{"", "app", "/app", "prod/", "prod/app/x/y", "prod/Job/app", "prod/../app", "prod/App", "prod/a b", "prod/app\n", "prod/" + strings.Repeat("x", 254)} {
		before := len(f.Calls())
		_, err := f.actuator.Observe(t.Context(), target(ref))
		wantKind(t, err, models.KindInvalid)
		wantKind(t, f.apply(t, ref, models.Warm(1)), models.KindInvalid)
		if len(f.Calls()) != before {
			t.Errorf("ref %q made a request", ref)
		}
	}
}

// TestTargetsShareAListing changes many workloads of a namespace at once.
func TestTargetsShareAListing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const many = 40
	for i := range many {
		f.deployment(t, fmt.Sprintf("app-%d", i), 2)
	}
	// All wait for the first listing, and those after it share the second.
	var waiting atomic.Int32
	held := make(chan struct{})
	f.Before(func(_, path string) {
		if strings.HasSuffix(path, "/horizontalpodautoscalers") && waiting.Load() < many {
			<-held
		} else if strings.Contains(path, "/deployments/") && waiting.Add(1) == many {
			close(held)
		}
	})
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			ref := fmt.Sprintf("prod/app-%d", i)
			if err := f.actuator.Apply(t.Context(), target(ref), action(ref, models.Warm(5))); err != nil {
				t.Errorf("Apply: %v", err)
			}
		})
	}
	group.Wait()
	lists := 0
	for _, call := range f.Calls() {
		if strings.HasSuffix(call, "/horizontalpodautoscalers") {
			lists++
		}
	}
	if f.Writes() != many || lists >= many/2 {
		t.Errorf("%d writes and %d lists, want %d and few", f.Writes(), lists, many)
	}
	t.Logf("%d targets took %d lists", many, lists)
}

// TestRequests counts what each thing costs.
func TestRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *kubernetes.Config) { c.OwnersTTL = models.Duration(time.Hour) })
	f.deployment(t, "owned", 2)
	f.hpa(t, "owned", "owned", 1, 50)
	count := func(what string, want int, do func()) {
		t.Helper()
		before := len(f.Calls())
		do()
		if got := len(f.Calls()) - before; got != want {
			t.Errorf("%s made %d requests, want %d", what, got, want)
		}
	}
	count("first observe", 3, func() { f.observe(t, "prod/app") })
	count("observe", 1, func() { f.observe(t, "prod/app") })
	count("observe of an owned one", 2, func() { f.observe(t, "prod/owned") })
	count("apply without an owner", 4, func() { f.have(t, "prod/app", models.Warm(3)) })
	count("apply to an owner", 3, func() { f.have(t, "prod/owned", models.Warm(3)) })
	count("no change", 2, func() { f.have(t, "prod/owned", models.Warm(3)) })
	f.Uninstall("scaledobjects.keda.sh")
	count("apply without KEDA", 4, func() { f.have(t, "prod/app", models.Warm(4)) })
}
