package kubernetes_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators/kubernetes"
	"pilotlight/models"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := kubernetes.DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for says, edit := range map[string]func(*kubernetes.Config){
		"context is given without a kubeconfig":    func(c *kubernetes.Config) { c.Context = "prod" },
		"levers is empty":                          func(c *kubernetes.Config) { c.Levers = nil },
		`levers[1] "memory" is not one of warm`:    func(c *kubernetes.Config) { c.Levers = []string{"warm", "memory"} },
		`levers[1] "warm" is there twice`:          func(c *kubernetes.Config) { c.Levers = []string{"warm", "warm"} },
		`on_zero "delete" is not keep_one`:         func(c *kubernetes.Config) { c.OnZero = "delete" },
		`kinds: "rollout" is no kind`:              func(c *kubernetes.Config) { c.Kinds = map[string]string{"rollout": "rollouts.v1.example.com"} },
		`"rollouts" is not resource.version.group`: func(c *kubernetes.Config) { c.Kinds = map[string]string{"Rollout": "rollouts"} },
		`"a/b.v1.c" is not resource.version.group`: func(c *kubernetes.Config) { c.Kinds = map[string]string{"Rollout": "a/b.v1.c"} },
		"owners_ttl -1s is negative":               func(c *kubernetes.Config) { c.OwnersTTL = models.Duration(-time.Second) },
		"requests: per_second -1 is not a number":  func(c *kubernetes.Config) { c.Requests.PerSecond = -1 },
	} {
		config := kubernetes.DefaultConfig()
		edit(&config)
		if err := config.Validate(); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
		if _, err := kubernetes.New("cluster", config, func() time.Time { return day }); err == nil {
			t.Errorf("New took what is wrong: %s", says)
		}
	}
	if _, err := kubernetes.New("cluster", kubernetes.DefaultConfig(), nil); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("New without a clock returned %v", err)
	}
}

func TestSetDirectory(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "", "kube/config": "conf/kube/config", "/etc/kubeconfig": "/etc/kubeconfig"} {
		config := kubernetes.DefaultConfig()
		config.Kubeconfig = given
		if config.SetDirectory("conf"); config.Kubeconfig != want {
			t.Errorf("kubeconfig %q became %q, want %q", given, config.Kubeconfig, want)
		}
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	keep := newFixture(t)
	zero := newFixture(t, func(c *kubernetes.Config) { c.OnZero = kubernetes.OnZeroScaleToZero })
	odd := models.Capacity{}.WithKeepAlive(1500 * time.Millisecond)
	for _, c := range []struct {
		f                fixture
		have, want, show models.Capacity
	}{
		{keep, models.Warm(3), models.Warm(0), models.Warm(1)},
		{keep, models.Warm(0), models.Warm(0), models.Warm(0)},
		{keep, models.Warm(3), models.Warm(2), models.Warm(2)},
		{zero, models.Warm(3), models.Warm(0), models.Warm(0)},
		{zero, models.Warm(3), odd, models.Capacity{}.WithKeepAlive(2 * time.Second)},
	} {
		if got := c.f.actuator.Reach(c.have, c.want); got != c.show {
			t.Errorf("Reach(%s, %s) = %s, want %s", c.have, c.want, got, c.show)
		}
	}
	// What Reach promises of a keep-alive is what KEDA is given.
	zero.keda(t, "app", "app", "")
	zero.have(t, "prod/app", odd)
	if got := zero.observe(t, "prod/app").Capacity; !got.Satisfies(models.Capacity{}.WithKeepAlive(2 * time.Second)) {
		t.Errorf("Observe shows %s, want 2s", got)
	}
}
