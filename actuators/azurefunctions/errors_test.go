package azurefunctions_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/azurefunctions/azurefunctionstest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// faultCases are the ways in which a request goes wrong.
func faultCases() map[string]struct {
	fault azurefunctionstest.Fault
	kind  models.ErrorKind
	after time.Duration
} {
	return map[string]struct {
		fault azurefunctionstest.Fault
		kind  models.ErrorKind
		after time.Duration
	}{
		"throttled":          {azurefunctionstest.Throttled(7 * time.Second), models.KindThrottled, 7 * time.Second},
		"throttled, no hint": {azurefunctionstest.Throttled(0), models.KindThrottled, 0},
		"in progress":        {azurefunctionstest.InProgress(), models.KindConflict, 0},
		"precondition":       {azurefunctionstest.Status(http.StatusPreconditionFailed, "PreconditionFailed", "changed"), models.KindConflict, 0},
		"locked":             {azurefunctionstest.Locked(), models.KindUnauthorized, 0},
		"quota":              {azurefunctionstest.Quota(), models.KindQuota, 0},
		"internal":           {azurefunctionstest.Internal(), models.KindTransient, 0},
		"unavailable":        {azurefunctionstest.Unavailable(), models.KindTransient, 0},
		"gateway timeout":    {azurefunctionstest.Timeout(), models.KindTimeout, 0},
		"denied":             {azurefunctionstest.Denied(), models.KindUnauthorized, 0},
		"expired":            {azurefunctionstest.Status(http.StatusUnauthorized, "ExpiredAuthenticationToken", "expired"), models.KindUnauthorized, 0},
		"no provider":        {azurefunctionstest.Status(http.StatusConflict, "MissingSubscriptionRegistration", "register"), models.KindConflict, 0},
		"unknown code":       {azurefunctionstest.Status(http.StatusTeapot, "Teapot", "no"), models.KindInvalid, 0},
		"invalid":            {azurefunctionstest.Invalid(), models.KindInvalid, 0},
		"not found":          {azurefunctionstest.NotFound(), models.KindNotFound, 0},
		"proxy":              {faulttest.Proxy(), models.KindTransient, 0},
		"malformed":          {faulttest.Malformed(), models.KindTransient, 0},
		"half closed":        {faulttest.HalfClosed(), models.KindTransient, 0},
	}
}

// TestFaults makes each request of an Apply go wrong in each way.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range faultCases() {
		for _, op := range []string{azurefunctionstest.OpGet, azurefunctionstest.OpPatch, azurefunctionstest.OpGetConfig, azurefunctionstest.OpPutConfig} {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				var edits []edit
				if op == azurefunctionstest.OpGetConfig || op == azurefunctionstest.OpPutConfig {
					edits = append(edits, premium())
				}
				f := newFixture(t, edits...)
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
				f.settle()
				f.have(t, shop, models.Warm(5))
				f.want(t, shop, models.Warm(5), false)
			})
		}
	}
}

// TestLostAnswer loses the answer to a write that happened: applying again changes nothing more.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]azurefunctionstest.Fault{
		"half closed": faulttest.HalfClosed(), "dropped": faulttest.Dropped(), "malformed": faulttest.Malformed(),
		"empty": faulttest.Empty(), "unavailable": azurefunctionstest.Unavailable(), "timeout": azurefunctionstest.Timeout(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Inject(1, fault.On(azurefunctionstest.OpPatch).ButDone())
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

// TestEmptyAnswer must not be taken for an app without always-ready instances.
func TestEmptyAnswer(t *testing.T) {
	t.Parallel()
	for _, edits := range [][]edit{nil, {premium()}} {
		f := newFixture(t, edits...)
		f.have(t, shop, models.Warm(5))
		f.Inject(2, faulttest.Empty().On(azurefunctionstest.OpGet, azurefunctionstest.OpGetConfig))
		_, err := f.actuator.Observe(t.Context(), target(shop))
		wantKind(t, err, models.KindTransient)
		wantKind(t, f.apply(t, shop, models.Warm(0)), models.KindTransient)
		f.want(t, shop, models.Warm(5), false)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	config := f.config
	// The port of discard on the loopback address: nothing listens there.
	config.Endpoint = "https://127.0.0.1:9"
	a, err := azurefunctions.New("azure", config, f.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindTransient)
	// Without the file of certificates the server is not trusted.
	config = f.config
	config.CAFile = ""
	if a, err = azurefunctions.New("azure", config, f.Now); err != nil {
		t.Fatal(err)
	}
	_, err = a.Observe(t.Context(), target(shop))
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that is not trusted answered %v", err)
	}
}

// TestTimeoutDecorator bounds a request that hangs, and says how long it waited.
func TestTimeoutDecorator(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.want(t, shop, models.Warm(0), false)
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
		fault azurefunctionstest.Fault
		kind  models.ErrorKind
	}{
		"denied":      {azurefunctionstest.Status(http.StatusUnauthorized, "invalid_client", "no"), models.KindUnauthorized},
		"unavailable": {azurefunctionstest.Unavailable(), models.KindTransient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Inject(9, c.fault.On(azurefunctionstest.OpToken))
			_, err := f.actuator.Observe(t.Context(), target(shop))
			wantKind(t, err, c.kind)
			if err != nil && (!strings.Contains(err.Error(), "check credentials") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("error %q gives no advice in one line", err)
			}
			if n := f.CallsOf(); n != 0 {
				t.Errorf("%d requests without a token", n)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	wrong := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(wrong, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edit func(*azurefunctions.Config)
		want string
	}{
		"wrong secret": {func(c *azurefunctions.Config) { c.ClientSecretFile = wrong }, "AADSTS7000215"},
		"no file":      {func(c *azurefunctions.Config) { c.ClientSecretFile = wrong + "s" }, "client_secret_file"},
		"no ca":        {func(c *azurefunctions.Config) { c.CAFile = wrong + "s" }, "ca_file"},
		"no PEM":       {func(c *azurefunctions.Config) { c.CAFile = wrong }, "no certificate in PEM"},
	} {
		config := f.config
		c.edit(&config)
		a, err := azurefunctions.New("azure", config, f.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Observe(t.Context(), target(shop))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want %q in it and no secret", name, err, c.want)
		}
	}
}

// TestEnvironment takes the service principal from the environment.
func TestEnvironment(t *testing.T) {
	// Not parallel: it changes the environment.
	f := newFixture(t)
	for _, kind := range []azurefunctions.Credentials{azurefunctions.CredentialsEnvironment, azurefunctions.CredentialsDefault} {
		config := f.config
		secret, err := os.ReadFile(config.ClientSecretFile)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"AZURE_TENANT_ID": config.TenantID, "AZURE_CLIENT_ID": config.ClientID, "AZURE_CLIENT_SECRET": strings.TrimSpace(string(secret)),
		} {
			t.Setenv(name, value)
		}
		config.Credentials, config.TenantID, config.ClientID, config.ClientSecretFile = kind, "", "", ""
		a, err := azurefunctions.New("azure", config, f.Now)
		if err != nil {
			t.Fatal(err)
		}
		if obs, err := a.Observe(t.Context(), target(shop)); err != nil || obs.Capacity != models.Warm(0) {
			t.Errorf("%s: Observe returned %+v, %v", kind, obs, err)
		}
	}
	t.Setenv("AZURE_CLIENT_ID", "")
	config := f.config
	config.Credentials, config.ClientSecretFile = azurefunctions.CredentialsEnvironment, ""
	a, err := azurefunctions.New("azure", config, f.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindUnauthorized)
}

// TestOwnRateLimit keeps reads and writes to rates of their own, for all targets together.
func TestOwnRateLimit(t *testing.T) {
	t.Parallel()
	seldom := actuators.RateLimitConfig{PerSecond: 0.001, Burst: 1}
	other := azurefunctionstest.ID("other")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := newFixture(t, with(func(c *azurefunctions.Config) { c.Requests = seldom }))
	if _, err := f.actuator.Observe(ctx, target(shop)); err != nil {
		t.Fatal(err)
	}
	_, err := f.actuator.Observe(ctx, target(other))
	wantKind(t, err, models.KindThrottled)

	f = newFixture(t, with(func(c *azurefunctions.Config) { c.Writes = seldom }))
	f.AddApp(t, "other", azurefunctionstest.App{Plan: azurefunctionstest.Flex})
	if err := f.actuator.Apply(ctx, target(shop), f.action(shop, models.Warm(5))); err != nil {
		t.Fatal(err)
	}
	wantKind(t, f.actuator.Apply(ctx, target(other), f.action(other, models.Warm(5))), models.KindThrottled)
	if _, err := f.actuator.Observe(ctx, target(other)); err != nil || f.Writes() != 1 {
		t.Errorf("Observe: %v after %d writes", err, f.Writes())
	}
}

// TestSharedBudget lets two actuators share the budget of a subscription.
func TestSharedBudget(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := newFixture(t)
	config := f.config
	config.Requests = actuators.RateLimitConfig{PerSecond: 0.001, Burst: 1}
	second, err := azurefunctions.New("second", config, f.Now)
	if err != nil {
		t.Fatal(err)
	}
	budgets := actuators.NewBudgets()
	actuators.Share(f.actuator, budgets)
	actuators.Share(second, budgets)
	if _, err := second.Observe(ctx, target(shop)); err != nil {
		t.Fatal(err)
	}
	_, err = f.actuator.Observe(ctx, target(shop))
	wantKind(t, err, models.KindThrottled)
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*azurefunctions.Config)
		want string
	}{
		"hosting":      {func(c *azurefunctions.Config) { c.Hosting = "consumption" }, `hosting "consumption" is not flex or premium`},
		"premium":      {func(c *azurefunctions.Config) { c.Hosting, c.Memory = azurefunctions.HostingPremium, true }, "for hosting flex only"},
		"group":        {func(c *azurefunctions.Config) { c.Group = "queue" }, `group "queue"`},
		"half a name":  {func(c *azurefunctions.Config) { c.ResourceGroup = "rg" }, "must be given together"},
		"subscription": {func(c *azurefunctions.Config) { c.Subscription, c.ResourceGroup = "s", "rg" }, `subscription "s"`},
		"quota":        {func(c *azurefunctions.Config) { c.CoreQuota = -1 }, "core_quota -1"},
		"cloud":        {func(c *azurefunctions.Config) { c.Cloud = "mars" }, `cloud "mars"`},
		"credentials":  {func(c *azurefunctions.Config) { c.Credentials = "password" }, `credentials "password"`},
		"secret":       {func(c *azurefunctions.Config) { c.Credentials = azurefunctions.CredentialsSecret }, "needs tenant_id, client_id"},
		"stray secret": {func(c *azurefunctions.Config) { c.ClientSecretFile = "x" }, "client_secret only"},
		"wait":         {func(c *azurefunctions.Config) { c.OperationWait = -1 }, "operation_wait"},
		"poll":         {func(c *azurefunctions.Config) { c.OperationPoll = 0 }, "operation_poll"},
		"requests":     {func(c *azurefunctions.Config) { c.Requests.Burst = 0 }, "requests: burst 0"},
		"writes":       {func(c *azurefunctions.Config) { c.Writes.Burst = 0 }, "writes: burst 0"},
		"endpoint":     {func(c *azurefunctions.Config) { c.Endpoint = "http://local" }, "endpoint is not an https address"},
		"path":         {func(c *azurefunctions.Config) { c.AuthorityHost = "https://login.local/x" }, "authority_host must be scheme and host only"},
		"password":     {func(c *azurefunctions.Config) { c.Endpoint = "https://me:hunter2@host" }, "endpoint must have no user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := azurefunctions.DefaultConfig()
			c.edit(&config)
			_, err := azurefunctions.New("azure", config, time.Now)
			if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New returned %v, want %q in it", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q repeats a password", err)
			}
		})
	}
	if _, err := azurefunctions.New("azure", azurefunctions.DefaultConfig(), nil); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("New without a clock returned %v", err)
	}
	config := azurefunctions.DefaultConfig()
	config.CAFile, config.ClientSecretFile = "ca.pem", "/run/secret"
	config.SetDirectory("/etc/pilotlight")
	if config.CAFile != "/etc/pilotlight/ca.pem" || config.ClientSecretFile != "/run/secret" {
		t.Errorf("files %q and %q are not below the folder of the configuration", config.CAFile, config.ClientSecretFile)
	}
}
