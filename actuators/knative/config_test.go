package knative_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators/knative"
	"pilotlight/models"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := knative.DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for says, edit := range map[string]func(*knative.Config){
		"context is given without a kubeconfig":   func(c *knative.Config) { c.Context = "prod" },
		`writes_to "service" is not auto`:         func(c *knative.Config) { c.WritesTo = "service" },
		`wake "yes" is not none, address or url`:  func(c *knative.Config) { c.Wake = "yes" },
		`wake_path "healthz" is no path`:          func(c *knative.Config) { c.WakePath = "healthz" },
		`wake_path "/a?b" is no path`:             func(c *knative.Config) { c.WakePath = "/a?b" },
		"wake_timeout 0s is not above 0":          func(c *knative.Config) { c.WakeTimeout = 0 },
		"requests: per_second -1 is not a number": func(c *knative.Config) { c.Requests.PerSecond = -1 },
	} {
		config := knative.DefaultConfig()
		edit(&config)
		if err := config.Validate(); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
		if _, err := knative.New("cluster", config, func() time.Time { return day }); err == nil {
			t.Errorf("New took what is wrong: %s", says)
		}
	}
	if _, err := knative.New("cluster", knative.DefaultConfig(), nil); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("New without a clock returned %v", err)
	}
}

func TestSetDirectory(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "", "kube/config": "conf/kube/config", "/etc/kubeconfig": "/etc/kubeconfig"} {
		config := knative.DefaultConfig()
		config.Kubeconfig = given
		if config.SetDirectory("conf"); config.Kubeconfig != want {
			t.Errorf("kubeconfig %q became %q, want %q", given, config.Kubeconfig, want)
		}
	}
}
