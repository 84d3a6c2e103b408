package awslambda_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/models"
)

const (
	putOp     = "PutProvisionedConcurrencyConfig"
	getOp     = "GetProvisionedConcurrencyConfig"
	deleteOp  = "DeleteProvisionedConcurrencyConfig"
	aliasOp   = "GetAlias"
	accountOp = "GetAccountSettings"
)

// TestRaise follows a raise through the states of its allocation.
func TestRaise(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.want(t, "fn:live", 0, 0, false)
	if err := f.apply(t, "fn:live", 300); err != nil {
		t.Fatal(err)
	}
	f.want(t, "fn:live", 300, 0, true)
	f.Advance(2*time.Minute + time.Second)
	if note := f.want(t, "fn:live", 300, 0, true); !strings.Contains(note, "100 of 300") {
		t.Errorf("after the delay and a second the note is %q, want 100 of 300 allocated in it", note)
	}
	f.Advance(2 * time.Second)
	if note := f.want(t, "fn:live", 300, 300, false); note != "" {
		t.Errorf("the note of a ready target is %q", note)
	}
	// A further raise leaves what is there usable.
	if err := f.apply(t, "fn:live", 400); err != nil {
		t.Fatal(err)
	}
	f.Advance(time.Minute)
	f.want(t, "fn:live", 400, 300, true)
	f.settle()
	f.want(t, "fn:live", 400, 400, false)
	if err := f.apply(t, "fn:live", 20); err != nil {
		t.Fatal(err)
	}
	f.want(t, "fn:live", 20, 20, true)
	f.settle()
	f.want(t, "fn:live", 20, 20, false)
	if n := f.Writes(); n != 3 {
		t.Errorf("%d writes, want 3", n)
	}
}

// TestRefs applies through every way to write a target.
func TestRefs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"fn:live", "fn:2", "function:fn:live", "123456789012:function:fn:live", "arn:aws:lambda:eu-west-1:123456789012:function:fn:live",
		"arn:aws:lambda:eu-west-1:123456789012:function:fn:3",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.have(t, text, 5)
			f.want(t, text, 5, 5, false)
		})
	}
}

func TestBadRefs(t *testing.T) {
	t.Parallel()
	for text, advice := range map[string]string{
		"":           "write function:alias",
		"fn":         "write function:alias",
		"fn:":        "is not function:alias",
		"fn:$LATEST": "publish a version",
		"fn:a$b":     "an alias has no $",
		"fn:live\n":  "is not function:alias",
		"a b:live":   "is not function:alias",
		"arn:aws:lambda:eu-west-1:123456789012:function:fn":          "an ARN that ends in one",
		"arn:aws:lambda:us-east-1:123456789012:function:fn:live":     "is in region us-east-1, but this actuator works in eu-west-1",
		strings.Repeat("x", 65) + ":live":                            "is not function:alias",
		"fn:" + strings.Repeat("x", 129):                             "is not function:alias",
		"arn:aws:s3:::bucket:key":                                    "an ARN that ends in one",
		"fn:live/../../2015-03-31/functions/other/provisioned?List=": "is not function:alias",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, err := f.actuator.Observe(t.Context(), target(text))
			wantKind(t, err, models.KindInvalid)
			if err != nil && !strings.Contains(err.Error(), advice) {
				t.Errorf("error %q does not say %q", err, advice)
			}
			wantKind(t, f.apply(t, text, 5), models.KindInvalid)
			if n := f.CallsOf(); n != 0 {
				t.Errorf("a ref that cannot be made %d requests", n)
			}
		})
	}
}

// TestInProgress changes the mind while an allocation runs: whatever is wanted now, it is not put again.
func TestInProgress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.apply(t, "fn:live", 50); err != nil {
		t.Fatal(err)
	}
	f.Advance(time.Minute)
	for _, n := range []int{60, 40, 0} {
		err := f.apply(t, "fn:live", n)
		wantKind(t, err, models.KindConflict)
		if err != nil && !strings.Contains(err.Error(), "wait until it is done") {
			t.Errorf("error %q gives no advice", err)
		}
	}
	if err := f.apply(t, "fn:live", 50); err != nil {
		t.Errorf("the same again while it is being allocated: %v", err)
	}
	if n := f.WriteRequests(); n != 1 {
		t.Errorf("%d requests that write, want 1", n)
	}
	f.settle()
	f.want(t, "fn:live", 50, 50, false)
}

// TestFailedAllocation shows why an allocation failed, and puts the same again when asked to.
func TestFailedAllocation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.FailAllocation(t, "fn", "live", "FUNCTION_ERROR_INIT_FAILURE")
	f.have(t, "fn:live", 5)
	if note := f.want(t, "fn:live", 5, 0, false); !strings.Contains(note, "FUNCTION_ERROR_INIT_FAILURE") {
		t.Errorf("the note %q does not say why", note)
	}
	f.have(t, "fn:live", 5)
	f.want(t, "fn:live", 5, 5, false)
	if n := f.Writes(); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
}

func TestOnZero(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		onZero        awslambda.OnZero
		have, want    int
		puts, deletes int
	}{
		"keep one of many": {onZero: awslambda.OnZeroKeepOne, have: 7, want: 1, puts: 2},
		"keep the one":     {onZero: awslambda.OnZeroKeepOne, have: 1, want: 1, puts: 1},
		"none to keep":     {onZero: awslambda.OnZeroKeepOne},
		"delete many":      {onZero: awslambda.OnZeroDelete, have: 7, puts: 1, deletes: 1},
		"delete none":      {onZero: awslambda.OnZeroDelete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(config *awslambda.Config, _ *awslambdatest.Config) { config.OnZero = c.onZero })
			if c.have > 0 {
				f.have(t, "fn:live", c.have)
			}
			reach := f.actuator.Reach(models.Warm(c.have), models.Warm(0))
			// Twice: the second time there is nothing left to do.
			f.have(t, "fn:live", 0)
			f.have(t, "fn:live", 0)
			f.want(t, "fn:live", c.want, c.want, false)
			if reach != models.Warm(c.want) {
				t.Errorf("Reach promised %s, and %d is shown", reach, c.want)
			}
			if puts, deletes := f.CallsOf(putOp), f.CallsOf(deleteOp); puts != c.puts || deletes != c.deletes {
				t.Errorf("%d puts and %d deletes, want %d and %d", puts, deletes, c.puts, c.deletes)
			}
		})
	}
}

func TestAliasWithWeights(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.PutAlias(t, "fn", "live", "1", map[string]float64{"2": 0.1})
	err := f.apply(t, "fn:live", 5)
	wantKind(t, err, models.KindInvalid)
	if err != nil && !strings.Contains(err.Error(), "clear the routing weights") {
		t.Errorf("error %q gives no advice", err)
	}
	if n := f.WriteRequests(); n != 0 {
		t.Errorf("%d requests that write, want none", n)
	}
	// The weights appear between the check and the write: the service's own answer is the same conflict.
	f.PutAlias(t, "fn", "live", "1", nil)
	f.BeforeAnswer(func(op string) {
		if op == putOp {
			f.PutAlias(t, "fn", "live", "1", map[string]float64{"2": 0.1})
		}
	})
	wantKind(t, f.apply(t, "fn:live", 5), models.KindConflict)
	// The deployment is over.
	f.BeforeAnswer(nil)
	f.PutAlias(t, "fn", "live", "2", nil)
	f.have(t, "fn:live", 5)
	f.want(t, "fn:live", 5, 5, false)
}

func TestAliasOnLatest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.PutAlias(t, "fn", "live", "$LATEST", nil)
	wantKind(t, f.apply(t, "fn:live", 5), models.KindInvalid)
	if n := f.WriteRequests(); n != 0 {
		t.Errorf("%d requests that write, want none", n)
	}
}

func TestOneConfigurationPerVersion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.PutAlias(t, "fn", "twin", "1", nil)
	f.have(t, "fn:live", 5)
	wantKind(t, f.apply(t, "fn:twin", 5), models.KindConflict)
	wantKind(t, f.apply(t, "fn:1", 5), models.KindConflict)
	f.have(t, "fn:2", 5)
	f.want(t, "fn:live", 5, 5, false)
	f.want(t, "fn:twin", 0, 0, false)
}

func TestAccountLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *awslambda.Config, account *awslambdatest.Config) { account.AccountLimit = 300 })
	wantKind(t, f.apply(t, "fn:live", 201), models.KindQuota)
	if n := f.WriteRequests(); n != 0 {
		t.Errorf("%d requests that write, want none", n)
	}
	f.have(t, "fn:live", 150)
	err := f.apply(t, "fn:2", 51)
	wantKind(t, err, models.KindQuota)
	if err != nil && !strings.Contains(err.Error(), "150 unreserved") {
		t.Errorf("error %q does not say how much there is", err)
	}
	f.have(t, "fn:2", 50)
	// Lowering needs no room.
	f.have(t, "fn:live", 100)
	f.have(t, "fn:2", 100)
	f.want(t, "fn:2", 100, 100, false)
}

// TestAccountIsRemembered counts the requests for the limits of the account.
func TestAccountIsRemembered(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *awslambda.Config, _ *awslambdatest.Config) {
		config.AccountTTL = models.Duration(time.Hour)
	})
	for i, ref := range []string{"fn:1", "fn:2", "fn:3"} {
		f.have(t, ref, 10+i)
	}
	if n := f.CallsOf(accountOp); n != 1 {
		t.Errorf("%d requests for the account within the time to live, want 1", n)
	}
	f.Advance(time.Hour)
	f.have(t, "fn:4", 10)
	if n := f.CallsOf(accountOp); n != 2 {
		t.Errorf("%d requests for the account after the time to live, want 2", n)
	}
	// What is remembered says no: it is read anew before that is believed.
	wantKind(t, f.apply(t, "fn:5", 900), models.KindQuota)
	if n := f.CallsOf(accountOp); n != 3 {
		t.Errorf("%d requests for the account after a refusal, want 3", n)
	}
}

// TestRoomIsGivenBack fails the write after room was set aside for it.
func TestRoomIsGivenBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *awslambda.Config, _ *awslambdatest.Config) {
		config.AccountTTL = models.Duration(24 * time.Hour)
	})
	for range 20 {
		f.Inject(1, awslambdatest.Conflict())
		wantKind(t, f.apply(t, "fn:1", 800), models.KindConflict)
	}
	f.have(t, "fn:1", 800)
	if n := f.CallsOf(accountOp); n != 1 {
		t.Errorf("%d requests for the account, want 1: the room of failed writes was not given back", n)
	}
}

func TestReservedConcurrency(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *awslambda.Config, account *awslambdatest.Config) { account.AccountLimit = 300 })
	f.AddFunction(t, "own", 3)
	f.Reserve(t, "own", 180)
	// 120 are unreserved, so that only 20 are for functions without a reserve; the function has its own.
	f.have(t, "own:1", 150)
	f.want(t, "own:1", 150, 150, false)
	err := f.apply(t, "own:1", 190)
	wantKind(t, err, models.KindQuota)
	if err != nil && !strings.Contains(err.Error(), "reserved concurrency 180") {
		t.Errorf("error %q does not name the limit", err)
	}
	// Together they exceed the reserve, which only the service knows.
	wantKind(t, f.apply(t, "own:2", 40), models.KindQuota)
	wantKind(t, f.apply(t, "fn:2", 21), models.KindQuota)
	f.have(t, "fn:2", 20)
}

func TestTooMany(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	wantKind(t, f.apply(t, "fn:live", math.MaxInt32+1), models.KindInvalid)
	if n := f.CallsOf(); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

// TestRequests counts what each thing costs of the 15 requests per second.
func TestRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *awslambda.Config, _ *awslambdatest.Config) {
		config.AccountTTL = models.Duration(time.Hour)
	})
	count := func(what string, want int, do func()) {
		t.Helper()
		// Those to Application Auto Scaling have a budget of their own.
		others := []string{"DescribeScalableTargets"}
		before := f.CallsOf() - f.CallsOf(others...)
		do()
		if got := f.CallsOf() - f.CallsOf(others...) - before; got != want {
			t.Errorf("%s made %d requests, want %d", what, got, want)
		}
	}
	count("observe", 1, func() { f.want(t, "fn:live", 0, 0, false) })
	count("first raise of an alias", 4, func() { f.have(t, "fn:live", 5) })
	count("raise of an alias", 3, func() {
		if err := f.apply(t, "fn:live", 6); err != nil {
			t.Fatal(err)
		}
	})
	count("no change", 1, func() { f.have(t, "fn:live", 6) })
	count("lowering of an alias", 3, func() { f.have(t, "fn:live", 2) })
	f.have(t, "fn:2", 5)
	count("lowering of a version", 2, func() { f.have(t, "fn:2", 2) })
}

// TestRestoreGivesBackNone removes the configuration when there was none before, also where a last instance is kept otherwise.
func TestRestoreGivesBackNone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.OnZero = awslambda.OnZeroKeepOne })
	f.have(t, "fn:live", 5)
	action := f.action("fn:live", models.Warm(0))
	action.Restores = true
	if err := f.actuator.Apply(t.Context(), target("fn:live"), action); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.want(t, "fn:live", 0, 0, false)
}
