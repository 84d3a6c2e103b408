package awslambda_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// TestFaults makes each request of an Apply go wrong in each way.
func TestFaults(t *testing.T) {
	t.Parallel()
	everywhere := []string{getOp, aliasOp, accountOp, putOp}
	writes := []string{putOp}
	modelled := []string{getOp, aliasOp, putOp}
	for name, c := range map[string]struct {
		fault awslambdatest.Fault
		ops   []string
		kind  models.ErrorKind
		after time.Duration
	}{
		"throttled":          {awslambdatest.Throttled(7 * time.Second), everywhere, models.KindThrottled, 7 * time.Second},
		"throttled, no hint": {awslambdatest.Throttled(0), everywhere, models.KindThrottled, 0},
		"conflict":           {awslambdatest.Conflict(), writes, models.KindConflict, 0},
		"internal":           {awslambdatest.Internal(), everywhere, models.KindTransient, 0},
		"unavailable":        {awslambdatest.Unavailable(), everywhere, models.KindTransient, 0},
		"access denied":      {awslambdatest.AccessDenied(), everywhere, models.KindUnauthorized, 0},
		"expired token":      {awslambdatest.ExpiredToken(), everywhere, models.KindUnauthorized, 0},
		"invalid":            {awslambdatest.InvalidParameter("no such thing"), modelled, models.KindInvalid, 0},
		"not found":          {awslambdatest.NotFound(), modelled, models.KindNotFound, 0},
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
				err := f.apply(t, "fn:live", 5)
				wantKind(t, err, c.kind)
				var platform *actuators.Error
				if errors.As(err, &platform) && (platform.RetryAfter != c.after || platform.Op == "") {
					t.Errorf("RetryAfter %s, Op %q; want %s and what was attempted", platform.RetryAfter, platform.Op, c.after)
				}
				if n := f.CallsOf(op); n > 1 {
					t.Errorf("%s was sent %d times: the SDK repeats requests by itself", op, n)
				}
				if n := f.Writes(); n != 0 {
					t.Errorf("%d writes, want none", n)
				}
				// It passes, and then works.
				f.have(t, "fn:live", 5)
				f.want(t, "fn:live", 5, 5, false)
			})
		}
	}
}

// TestLostAnswer loses the answer to a write that happened: applying again changes nothing more.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]awslambdatest.Fault{
		"half closed": faulttest.HalfClosed(), "dropped": faulttest.Dropped(), "malformed": faulttest.Malformed(),
		"unavailable": awslambdatest.Unavailable(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Inject(1, fault.On(putOp).ButDone())
			wantKind(t, f.apply(t, "fn:live", 5), models.KindTransient)
			f.have(t, "fn:live", 5)
			f.want(t, "fn:live", 5, 5, false)
			if n := f.Writes(); n != 1 {
				t.Errorf("%d writes, want 1", n)
			}
		})
	}
}

// TestEmptyAnswer must not be taken for a target without warm instances.
func TestEmptyAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.have(t, "fn:live", 5)
	f.Inject(2, faulttest.Empty().On(getOp))
	_, err := f.actuator.Observe(t.Context(), target("fn:live"))
	wantKind(t, err, models.KindTransient)
	wantKind(t, f.apply(t, "fn:live", 0), models.KindTransient)
	f.want(t, "fn:live", 5, 5, false)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	config := awslambda.DefaultConfig()
	// The port of discard on the loopback address: nothing listens there.
	config.Region, config.Endpoint = awslambdatest.Region, "http://127.0.0.1:9"
	config.ConfigFiles, config.CredentialsFiles = credentialFiles(t)
	a, err := awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: f.Now, Shared: awslambda.NewShared()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Observe(t.Context(), target("fn:live"))
	wantKind(t, err, models.KindTransient)
}

// TestTimeoutDecorator bounds a request that hangs, and says how long it waited.
func TestTimeoutDecorator(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, release := f.Stall()
	defer release()
	bounded := actuators.WithTimeout(f.actuator, actuators.TimeoutConfig{Observe: models.Duration(20 * time.Millisecond)})
	_, err := bounded.Observe(t.Context(), target("fn:live"))
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
	_, err := f.actuator.Observe(ctx, target("fn:live"))
	if !errors.Is(err, stopping) || !errors.Is(err, context.Canceled) {
		t.Errorf("Observe returned %v, want both the cancellation and its cause in it", err)
	}
}

func TestNoCredentials(t *testing.T) {
	// Not parallel: it changes the environment, so that none of the machine's own credentials are found.
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	server := awslambdatest.New(t, awslambdatest.Config{})
	config := awslambda.DefaultConfig()
	config.Endpoint, config.Region = server.URL(), awslambdatest.Region
	nowhere := []string{t.TempDir() + "/none"}
	config.ConfigFiles, config.CredentialsFiles = nowhere, nowhere
	a, err := awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: server.Now, Shared: awslambda.NewShared()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Observe(t.Context(), target("fn:live"))
	wantKind(t, err, models.KindUnauthorized)
	if err != nil && !strings.Contains(err.Error(), "check the environment, profile or role") {
		t.Errorf("error %q gives no advice", err)
	}

	config.Region = ""
	if _, err = awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: server.Now, Shared: awslambda.NewShared()}); err == nil || !strings.Contains(err.Error(), "set region here or AWS_REGION") {
		t.Errorf("New without a region returned %v, want advice", err)
	}
	config.Profile = "nobody"
	if _, err = awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: server.Now, Shared: awslambda.NewShared()}); err == nil {
		t.Error("New with a profile that does not exist returned no error")
	}
}

// TestOwnRateLimit sends requests at the configured rate. The clock is that of a bubble, so no time passes; the requests fail,
// since there is no network in it.
func TestOwnRateLimit(t *testing.T) {
	t.Parallel()
	config := awslambda.DefaultConfig()
	config.Region, config.Endpoint = awslambdatest.Region, "http://127.0.0.1:9"
	config.Requests = actuators.RateLimitConfig{PerSecond: 2, Burst: 1}
	config.ConfigFiles, config.CredentialsFiles = credentialFiles(t)
	synctest.Test(t, func(t *testing.T) {
		a, err := awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: time.Now, Shared: awslambda.NewShared()})
		if err != nil {
			t.Fatal(err)
		}
		// The request itself needs a network, so only the waits are looked at: the bucket has one token, the second call has
		// none left before its deadline.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		ended, stop := context.WithCancel(ctx)
		stop()
		if _, err = a.Observe(ended, target("fn:live")); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled Observe returned %v", err)
		}
		_, _ = a.Observe(ctx, target("fn:live"))
		_, err = a.Observe(ctx, target("fn:live"))
		wantKind(t, err, models.KindThrottled)
	})
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*awslambda.Config)
		want string
	}{
		"on_zero":     {func(c *awslambda.Config) { c.OnZero = "zero" }, `on_zero "zero" is not keep_one or delete`},
		"reserve":     {func(c *awslambda.Config) { c.AccountReserve = 99 }, "account_reserve 99 is below 100"},
		"ttl":         {func(c *awslambda.Config) { c.AccountTTL = -1 }, "account_ttl"},
		"requests":    {func(c *awslambda.Config) { c.Requests.Burst = 0 }, "requests: burst 0"},
		"endpoint":    {func(c *awslambda.Config) { c.Endpoint = "lambda.local" }, "endpoint is not an address"},
		"credentials": {func(c *awslambda.Config) { c.Endpoint = "https://me:hunter2@host" }, "endpoint must have no user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := awslambda.DefaultConfig()
			c.edit(&config)
			_, err := awslambda.New(t.Context(), "aws", config, awslambda.Deps{Now: time.Now, Shared: awslambda.NewShared()})
			if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New returned %v, want %q in it", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q repeats a password", err)
			}
		})
	}
	if _, err := awslambda.New(t.Context(), "aws", awslambda.DefaultConfig(), awslambda.Deps{Now: nil, Shared: awslambda.NewShared()}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("New without a clock returned %v", err)
	}
}
