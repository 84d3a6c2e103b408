package cloudrun_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// TestFaults makes each request of an Apply go wrong in each way.
func TestFaults(t *testing.T) {
	t.Parallel()
	everywhere := []string{cloudruntest.OpGet, cloudruntest.OpPatch}
	writes := []string{cloudruntest.OpPatch}
	for name, c := range map[string]struct {
		fault cloudruntest.Fault
		ops   []string
		kind  models.ErrorKind
		after time.Duration
	}{
		"throttled":          {cloudruntest.Throttled(7 * time.Second), everywhere, models.KindThrottled, 7 * time.Second},
		"throttled, no hint": {cloudruntest.Throttled(0), everywhere, models.KindThrottled, 0},
		"exhausted":          {cloudruntest.Exhausted(), everywhere, models.KindQuota, 0},
		"aborted":            {cloudruntest.Aborted(), everywhere, models.KindConflict, 0},
		"exists":             {cloudruntest.Status(409, "ALREADY_EXISTS", "exists"), everywhere, models.KindConflict, 0},
		"precondition":       {cloudruntest.Status(400, "FAILED_PRECONDITION", "being deleted"), everywhere, models.KindConflict, 0},
		"quota":              {cloudruntest.Status(400, "INVALID_ARGUMENT", "Quota violated: X"), everywhere, models.KindQuota, 0},
		"internal":           {cloudruntest.Internal(), everywhere, models.KindTransient, 0},
		"unavailable":        {cloudruntest.Unavailable(), everywhere, models.KindTransient, 0},
		"deadline":           {cloudruntest.Deadline(), everywhere, models.KindTimeout, 0},
		"denied":             {cloudruntest.Denied(), everywhere, models.KindUnauthorized, 0},
		"unauthenticated":    {cloudruntest.Unauthenticated(), everywhere, models.KindUnauthorized, 0},
		"not implemented":    {cloudruntest.Status(501, "UNIMPLEMENTED", "no"), everywhere, models.KindPermanent, 0},
		"unknown code":       {cloudruntest.Status(418, "TEAPOT", "no"), everywhere, models.KindInvalid, 0},
		"invalid":            {cloudruntest.Invalid(), everywhere, models.KindInvalid, 0},
		"not found":          {cloudruntest.NotFound(), everywhere, models.KindNotFound, 0},
		"proxy":              {faulttest.Proxy(), everywhere, models.KindTransient, 0},
		"malformed":          {faulttest.Malformed(), everywhere, models.KindTransient, 0},
		"half closed":        {faulttest.HalfClosed(), everywhere, models.KindTransient, 0},
		// The transport repeats reads by itself when a connection is closed before any answer, so it must happen more than once.
		"dropped": {faulttest.Dropped(), writes, models.KindTransient, 0},
	} {
		for _, op := range c.ops {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.Inject(1, c.fault.On(op))
				err := f.apply(t, shop, models.Warm(5))
				wantKind(t, err, c.kind)
				var platform *actuators.Error
				if errors.As(err, &platform) && (platform.RetryAfter != c.after || platform.Op == "") {
					t.Errorf("RetryAfter %s, Op %q; want %s and what was attempted", platform.RetryAfter, platform.Op, c.after)
				}
				if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000) {
					t.Errorf("error %q is not one short line", err)
				}
				if n := f.CallsOf(op); n > 1 {
					t.Errorf("%s was sent %d times: the SDK repeats requests by itself", op, n)
				}
				if n := f.Writes(); n != 0 {
					t.Errorf("%d writes, want none", n)
				}
				// It passes, and then works.
				f.have(t, shop, models.Warm(5))
				f.want(t, shop, models.Warm(5), false)
			})
		}
	}
}

// TestLostAnswer loses the answer to a write that happened: applying again changes nothing more.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cloudruntest.Fault{
		"half closed": faulttest.HalfClosed(), "dropped": faulttest.Dropped(), "malformed": faulttest.Malformed(),
		"unavailable": cloudruntest.Unavailable(), "deadline": cloudruntest.Deadline(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Inject(1, fault.On(cloudruntest.OpPatch).ButDone())
			if err := f.apply(t, shop, models.Warm(5)); err == nil {
				t.Error("Apply returned no error")
			}
			f.have(t, shop, models.Warm(5))
			f.want(t, shop, models.Warm(5), false)
			if n := f.Writes(); n != 1 {
				t.Errorf("%d writes, want 1", n)
			}
		})
	}
}

// TestEmptyAnswer must not be taken for a service without a floor.
func TestEmptyAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.have(t, shop, models.Warm(5))
	f.Inject(2, faulttest.Empty().On(cloudruntest.OpGet))
	_, err := f.actuator.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindTransient)
	wantKind(t, f.apply(t, shop, models.Warm(0)), models.KindTransient)
	f.want(t, shop, models.Warm(5), false)
	// Of a write it says only that it was accepted.
	f.Inject(1, faulttest.Empty().On(cloudruntest.OpPatch).ButDone())
	f.have(t, shop, models.Warm(6))
	f.want(t, shop, models.Warm(6), false)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	config := cloudrun.DefaultConfig()
	// The port of discard on the loopback address: nothing listens there.
	config.Endpoint, config.CredentialsFile = "http://127.0.0.1:9", f.CredentialsFile(t)
	a, err := cloudrun.New("run", config, f.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindTransient)
}

// TestTimeoutDecorator bounds a request that hangs, and says how long it waited.
func TestTimeoutDecorator(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, release := f.Stall()
	defer release()
	bounded := actuators.WithTimeout(f.actuator, actuators.TimeoutConfig{Observe: models.Duration(20 * time.Millisecond)})
	_, err := bounded.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindTimeout)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("error %v does not say how long was waited", err)
	}
}

func TestCancelCause(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	hanging, release := f.Stall()
	defer release()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopping := errors.New("stopping")
	go func() {
		<-hanging
		cancel(stopping)
	}()
	_, err := f.actuator.Observe(ctx, target(shop))
	if !errors.Is(err, stopping) || !errors.Is(err, context.Canceled) {
		t.Errorf("Observe returned %v, want both the cancellation and its cause in it", err)
	}
}

// TestTokenFails tells credentials that are wrong from a token service that has trouble.
func TestTokenFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault cloudruntest.Fault
		kind  models.ErrorKind
	}{
		"refused":     {cloudruntest.Status(400, "invalid_grant", "no such account"), models.KindUnauthorized},
		"denied":      {cloudruntest.Denied(), models.KindUnauthorized},
		"unavailable": {cloudruntest.Unavailable(), models.KindTransient},
		"throttled":   {cloudruntest.Throttled(0), models.KindTransient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Inject(5, c.fault.On(cloudruntest.OpToken))
			_, err := f.actuator.Observe(t.Context(), target(shop))
			wantKind(t, err, c.kind)
			if err != nil && (!strings.Contains(err.Error(), "check credentials_file") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("error %q gives no advice in one line", err)
			}
			if n := f.CallsOf(); n != 0 {
				t.Errorf("%d requests without a token", n)
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	// Not parallel: it changes the environment, so that none of the machine's own credentials are found.
	nowhere := filepath.Join(t.TempDir(), "none.json")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", nowhere)
	a, err := cloudrun.New("run", cloudrun.DefaultConfig(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindUnauthorized)
	if err == nil || !strings.Contains(err.Error(), "check credentials_file, GOOGLE_APPLICATION_CREDENTIALS") {
		t.Errorf("Observe without credentials returned %v, want advice", err)
	}
	//nolint:gosec // these are credentials of nobody
	for name, text := range map[string]string{
		"no JSON": "hunter2", "no type": `{"private_key": "hunter2"}`, "wrong type": `{"type": "hunter3", "private_key": "hunter2"}`,
		"no key": `{"type": "service_account", "private_key": "hunter2"}`,
	} {
		file := filepath.Join(t.TempDir(), "account.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		config := cloudrun.DefaultConfig()
		config.CredentialsFile = file
		a, err := cloudrun.New("run", config, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Observe(t.Context(), target(shop))
		wantKind(t, err, models.KindUnauthorized)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want one that does not repeat the file", name, err)
		}
	}
	// The application default credentials are read from where the environment says.
	server := cloudruntest.New(t, cloudruntest.Config{})
	server.AddService(t, shop, cloudruntest.Service{Min: 3})
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", server.CredentialsFile(t))
	config := cloudrun.DefaultConfig()
	config.Endpoint = server.URL()
	if a, err = cloudrun.New("run", config, server.Now); err != nil {
		t.Fatal(err)
	}
	if obs, err := a.Observe(t.Context(), target(shop)); err != nil || obs.Capacity != models.Warm(3) {
		t.Errorf("Observe returned %+v, %v", obs, err)
	}
}

// TestOwnRateLimit keeps reads and writes to rates of their own, for all targets together.
func TestOwnRateLimit(t *testing.T) {
	t.Parallel()
	seldom := actuators.RateLimitConfig{PerSecond: 0.001, Burst: 1}
	other := shop + "-2"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := newFixture(t, with(func(c *cloudrun.Config) { c.Requests = seldom }))
	f.AddService(t, other, cloudruntest.Service{})
	if _, err := f.actuator.Observe(ctx, target(shop)); err != nil {
		t.Fatal(err)
	}
	_, err := f.actuator.Observe(ctx, target(other))
	wantKind(t, err, models.KindThrottled)

	f = newFixture(t, with(func(c *cloudrun.Config) { c.Writes = seldom }))
	f.AddService(t, other, cloudruntest.Service{})
	if err := f.actuator.Apply(ctx, target(shop), f.action(shop, models.Warm(5))); err != nil {
		t.Fatal(err)
	}
	wantKind(t, f.actuator.Apply(ctx, target(other), f.action(other, models.Warm(5))), models.KindThrottled)
	if _, err := f.actuator.Observe(ctx, target(other)); err != nil || f.Writes() != 1 {
		t.Errorf("Observe: %v after %d writes", err, f.Writes())
	}
}

// TestSharedBudget lets two actuators share the budget of a project and region, and no other.
func TestSharedBudget(t *testing.T) {
	t.Parallel()
	seldom := actuators.RateLimitConfig{PerSecond: 0.001, Burst: 1}
	elsewhere := "projects/shop-123/locations/us-central1/services/shop"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := newFixture(t)
	f.AddService(t, elsewhere, cloudruntest.Service{})
	config := cloudrun.DefaultConfig()
	config.Endpoint, config.CredentialsFile, config.Requests = f.URL(), f.CredentialsFile(t), seldom
	second, err := cloudrun.New("second", config, f.Now)
	if err != nil {
		t.Fatal(err)
	}
	budgets := actuators.NewBudgets()
	actuators.Share(f.actuator, budgets)
	actuators.Share(actuators.WithGate(second, nil), budgets)
	for _, c := range []struct {
		a   actuators.Actuator
		ref string
		ok  bool
	}{{second, shop, true}, {f.actuator, shop, false}, {second, elsewhere, true}, {f.actuator, elsewhere, false}} {
		_, err := c.a.Observe(ctx, target(c.ref))
		if c.ok && err != nil || !c.ok && actuators.KindOf(err) != models.KindThrottled {
			t.Errorf("Observe(%s) = %v, want a turn: %v", c.ref, err, c.ok)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*cloudrun.Config)
		want string
	}{
		"max":           {func(c *cloudrun.Config) { c.Max = "all" }, `max "all" is not off, service or revision`},
		"project":       {func(c *cloudrun.Config) { c.Project = "p1" }, "project and region must be given together"},
		"project name":  {func(c *cloudrun.Config) { c.Project, c.Region = "A/B", "us-central1" }, `project "A/B"`},
		"region name":   {func(c *cloudrun.Config) { c.Project, c.Region = "shop-1", "us" }, `region "us"`},
		"quota project": {func(c *cloudrun.Config) { c.QuotaProject = "?" }, `quota_project "?"`},
		"wait":          {func(c *cloudrun.Config) { c.OperationWait = -1 }, "operation_wait"},
		"poll":          {func(c *cloudrun.Config) { c.OperationPoll = 0 }, "operation_poll"},
		"requests":      {func(c *cloudrun.Config) { c.Requests.Burst = 0 }, "requests: burst 0"},
		"writes":        {func(c *cloudrun.Config) { c.Writes.Burst = 0 }, "writes: burst 0"},
		"endpoint":      {func(c *cloudrun.Config) { c.Endpoint = "run.local" }, "endpoint is not an address"},
		"path":          {func(c *cloudrun.Config) { c.Endpoint = "https://run.local/v2" }, "scheme and host only"},
		"credentials":   {func(c *cloudrun.Config) { c.Endpoint = "https://me:hunter2@host" }, "endpoint must have no user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := cloudrun.DefaultConfig()
			c.edit(&config)
			_, err := cloudrun.New("run", config, time.Now)
			if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New returned %v, want %q in it", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q repeats a password", err)
			}
		})
	}
	if _, err := cloudrun.New("run", cloudrun.DefaultConfig(), nil); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("New without a clock returned %v", err)
	}
	config := cloudrun.DefaultConfig()
	config.CredentialsFile = "account.json"
	config.SetDirectory("/etc/pilotlight")
	if config.CredentialsFile != "/etc/pilotlight/account.json" {
		t.Errorf("credentials_file %q is not below the folder of the configuration", config.CredentialsFile)
	}
}
