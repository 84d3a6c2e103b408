package awslambda_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/models"
)

// budget is so small that it lasts for a few requests of a test.
func budget(n int) actuators.RateLimitConfig {
	return actuators.RateLimitConfig{PerSecond: 0.001, Burst: n}
}

// another returns a further actuator for the account of a fixture.
func (f fixture) another(t *testing.T, change func(*awslambda.Config)) *awslambda.Actuator {
	t.Helper()
	config := awslambda.DefaultConfig()
	config.Region, config.Endpoint, config.AutoScalingEndpoint = awslambdatest.Region, f.URL(), f.URL()
	config.ConfigFiles, config.CredentialsFiles = credentialFiles(t)
	config.AutoScaling = awslambda.AutoScalingIgnore
	change(&config)
	a, err := awslambda.New(t.Context(), "another", config, awslambda.Deps{Now: f.Now, Shared: f.shared})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// turns returns how many requests an actuator may send now.
func turns(t *testing.T, a actuators.Actuator) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := range 100 {
		if _, err := a.Observe(ctx, target("fn:live")); err != nil {
			if actuators.KindOf(err) != models.KindThrottled {
				t.Fatal(err)
			}
			return n
		}
	}
	return 100
}

// TestBudgetIsShared lets several actuators of an account spend one budget, the smallest that any was given.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.another(t, func(c *awslambda.Config) { c.Requests = budget(9) })
	second := f.another(t, func(c *awslambda.Config) { c.Requests = budget(6) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, a := range []actuators.Actuator{first, second} {
		if _, err := a.Observe(ctx, target("fn:live")); err != nil {
			t.Fatal(err)
		}
	}
	// Of the smaller budget, at most what is left after the two.
	if a, b := turns(t, second), turns(t, first); a+b > 5 || a == 0 {
		t.Errorf("%d and %d more requests of a budget of 6 that had two taken", a, b)
	}
	// Other accounts and regions have their own.
	other := f.another(t, func(c *awslambda.Config) { c.Requests, c.AccountID = budget(3), "210987654321" })
	if n := turns(t, other); n != 3 {
		t.Errorf("another account could send %d requests of its 3", n)
	}
	// A quick budget that comes later does not speed up a slow one.
	slow := f.another(t, func(c *awslambda.Config) { c.Requests, c.AccountID = budget(3), "222222222222" })
	quick := f.another(t, func(c *awslambda.Config) {
		c.Requests, c.AccountID = actuators.RateLimitConfig{PerSecond: 15, Burst: 9}, "222222222222"
	})
	if a, b := turns(t, slow), turns(t, quick); a != 3 || b != 0 {
		t.Errorf("%d and %d requests of a budget of 3", a, b)
	}
	// Unbounded actuators are bounded by the others.
	free := f.another(t, func(c *awslambda.Config) { c.Requests.PerSecond = 0 })
	if n := turns(t, free); n != 0 {
		t.Errorf("%d requests of a budget that was spent", n)
	}
}

// TestAccountOfTheCredentials decides about the budget where nothing else does.
func TestAccountOfTheCredentials(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	withAccount := func(c *awslambda.Config) {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"answer": `{"Version": 1, "AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "not-a-secret", "AccountId": "123456789012"}`,
			"config": "[default]\ncredential_process = cat " + filepath.Join(dir, "answer") + "\n", "credentials": "",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c.ConfigFiles, c.CredentialsFiles = []string{filepath.Join(dir, "config")}, []string{filepath.Join(dir, "credentials")}
	}
	byCredentials := f.another(t, func(c *awslambda.Config) { c.Requests = budget(4); withAccount(c) })
	byConfig := f.another(t, func(c *awslambda.Config) { c.Requests, c.AccountID = budget(4), "123456789012" })
	unknown := f.another(t, func(c *awslambda.Config) { c.Requests = budget(2) })
	if n := turns(t, byCredentials); n != 4 {
		t.Errorf("%d requests of 4", n)
	}
	if n := turns(t, byConfig); n != 0 {
		t.Errorf("%d requests of a budget that the credentials of the same account have spent", n)
	}
	if n := turns(t, unknown); n != 2 {
		t.Errorf("%d requests of 2 where the account is not known", n)
	}
}

// TestQueuesShareTheBudget of the functions.
func TestQueuesShareTheBudget(t *testing.T) {
	t.Parallel()
	f, queues := newQueues(t, awslambda.QueueMaximumConcurrency)
	f.AddMapping(t, mappingID, queueARN, "fn")
	functions := f.another(t, func(c *awslambda.Config) { c.Requests = budget(5) })
	if n := turns(t, functions); n != 5 {
		t.Errorf("%d requests of 5", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := queues.Observe(ctx, target(mappingID))
	wantKind(t, err, models.KindThrottled)
}

// TestAccountLimitsAreShared reads them once for all actuators.
func TestAccountLimitsAreShared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.have(t, "fn:live", 5)
	// The clock of the fixture went on by more than the time they are remembered.
	another := f.another(t, func(c *awslambda.Config) { c.Requests.PerSecond = 0 })
	for i, ref := range []string{"fn:2", "fn:3"} {
		if err := another.Apply(t.Context(), target(ref), f.action(ref, models.Warm(5))); err != nil {
			t.Fatal(err)
		}
		if n := f.CallsOf(accountOp); n != 2 {
			t.Errorf("after %d raises by another actuator the limits were read %d times, want 2", i+1, n)
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*awslambda.Config){
		"per_second 16 is above 15": func(c *awslambda.Config) { c.Requests.PerSecond = 16 },
		"account_id":                func(c *awslambda.Config) { c.AccountID = "12345678901a" },
		"auto_scaling \"fight\"":    func(c *awslambda.Config) { c.AutoScaling = "fight" },
		"auto_scaling_ttl":          func(c *awslambda.Config) { c.AutoScalingTTL = -1 },
		"auto_scaling_endpoint":     func(c *awslambda.Config) { c.AutoScalingEndpoint = "here" },
		"memory_wait":               func(c *awslambda.Config) { c.MemoryWait = 0 },
	} {
		config := awslambda.DefaultConfig()
		change(&config)
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
	}
	for want, change := range map[string]func(*awslambda.QueuesConfig){
		"scaling \"both\"": func(c *awslambda.QueuesConfig) { c.Scaling = "both" },
		"max_pollers 0":    func(c *awslambda.QueuesConfig) { c.MaxPollers = 0 },
	} {
		config := awslambda.DefaultQueuesConfig()
		change(&config)
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
	}
}
