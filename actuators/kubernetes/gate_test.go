package kubernetes_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

// decorated returns the actuator with all decorators, as the program uses it.
func (f fixture) decorated(t *testing.T, permit func() error, now func() time.Time) actuators.Actuator {
	t.Helper()
	config := actuators.DefaultConfig()
	config.RateLimit.PerSecond = 0
	config.Retry.Initial, config.Retry.Max = models.Duration(time.Millisecond), models.Duration(time.Millisecond)
	a, err := actuators.Decorate(f.actuator, "cluster", config, actuators.Deps{
		Permit: permit, Now: now, Metrics: actuators.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func always() time.Time { return day }

// TestDryRunSendsNothing counts the requests that write at the server, for each kind of owner, also for a workload to be woken.
func TestDryRunSendsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *kubernetes.Config) { c.WakeFromZero = true })
	for _, name := range []string{"hpa", "keda", "off"} {
		f.deployment(t, name, 2)
	}
	f.hpa(t, "hpa", "hpa", 1, 9)
	f.hpa(t, "off", "off", 1, 9)
	f.keda(t, "keda", "keda", "")
	f.Edit(t, "deployments.apps/prod/off", func(o map[string]any) { kubeapitest.Child(o, "spec")["replicas"] = 0.0 })
	for _, held := range []error{models.ErrDryRun, models.ErrPaused} {
		a := f.decorated(t, func() error { return held }, always)
		for _, ref := range []string{"prod/app", "prod/hpa", "prod/keda", "prod/off"} {
			f.Inject(1, kubeapitest.Status(http.StatusInternalServerError, "", ""))
			if err := a.Apply(t.Context(), target(ref), action(ref, models.Warm(5))); !errors.Is(err, held) {
				t.Errorf("Apply returned %v, want %v", err, held)
			}
			if _, err := a.Observe(t.Context(), target(ref)); err != nil {
				t.Errorf("Observe: %v", err)
			}
		}
	}
	if f.Patches() != 0 {
		t.Errorf("%d requests that write", f.Patches())
	}
}

// TestPauseInEachRequest pauses while each request is being answered: no write is sent after that.
func TestPauseInEachRequest(t *testing.T) {
	t.Parallel()
	for at := range 7 {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *kubernetes.Config) { c.WakeFromZero = true })
			f.hpa(t, "app", "app", 1, 9)
			f.Edit(t, appKey, func(o map[string]any) { kubeapitest.Child(o, "spec")["replicas"] = 0.0 })
			var paused atomic.Bool
			var requests, late atomic.Int32
			f.Before(func(method, _ string) {
				if paused.Load() && method == http.MethodPatch {
					late.Add(1)
				}
				if int(requests.Add(1)) == at+1 {
					paused.Store(true)
				}
			})
			a := f.decorated(t, func() error {
				if paused.Load() {
					return models.ErrPaused
				}
				return nil
			}, always)
			err := a.Apply(t.Context(), target("prod/app"), action("prod/app", models.Warm(5)))
			// Workload, two lists, owner, scale, floor: a pause in the last request comes too late, a later one never.
			if want := at < 5; errors.Is(err, models.ErrPaused) != want || late.Load() != 0 {
				t.Errorf("paused in request %d: %v, and %d writes after that", at+1, err, late.Load())
			}
		})
	}
}

// TestExpiresWhileReading lets the action expire while the adapter reads.
func TestExpiresWhileReading(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var moved atomic.Int64
	f.Before(func(string, string) { moved.Add(int64(time.Hour)) })
	a := f.decorated(t, func() error { return nil }, func() time.Time { return day.Add(time.Duration(moved.Load())) })
	if err := a.Apply(t.Context(), target("prod/app"), action("prod/app", models.Warm(5))); !errors.Is(err, models.ErrExpired) || f.Patches() != 0 {
		t.Errorf("%d requests that write and %v, want the write held back as expired", f.Patches(), err)
	}
}

// TestDecoratedRetries repeats what may pass, and no more.
func TestDecoratedRetries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.decorated(t, func() error { return nil }, always)
	f.Inject(2, kubeapitest.Status(http.StatusServiceUnavailable, "", "").On(http.MethodPatch))
	if err := a.Apply(t.Context(), target("prod/app"), action("prod/app", models.Warm(5))); err != nil || f.Patches() != 3 || f.Writes() != 1 {
		t.Errorf("%d requests that write, %d writes and %v; want 3, 1 and none", f.Patches(), f.Writes(), err)
	}
	f.Inject(1, kubeapitest.Status(http.StatusForbidden, "", "").On(http.MethodPatch))
	wantKind(t, a.Apply(t.Context(), target("prod/app"), action("prod/app", models.Warm(7))), models.KindUnauthorized)
	if f.Patches() != 4 {
		t.Errorf("%d requests that write, want 4", f.Patches())
	}
}

// TestPermissions takes away each permission.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, denied := range []string{
		"get deployments.apps", "patch deployments.apps/scale", "list horizontalpodautoscalers.autoscaling", "list scaledobjects.keda.sh",
	} {
		t.Run(denied, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			var verb, resource string
			if _, err := fmt.Sscan(denied, &verb, &resource); err != nil {
				t.Fatal(err)
			}
			f.Deny(verb, resource)
			wantKind(t, f.apply(t, "prod/app", models.Warm(5)), models.KindUnauthorized)
			if f.Writes() != 0 {
				t.Error("something was written")
			}
		})
	}
}
