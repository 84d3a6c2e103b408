package openfaas_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/openfaas"
	"pilotlight/actuators/openfaas/openfaastest"
	"pilotlight/models"
)

// TestCommunityEdition checks that the clamp of the gateway is known beforehand, so that what is read back is no surprise.
func TestCommunityEdition(t *testing.T) {
	t.Parallel()
	for name, edition := range map[string]openfaas.Edition{"told": openfaas.EditionCE, "asked": openfaas.EditionAuto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, openfaastest.Config{CE: true}, func(c *openfaas.Config) { c.Edition = edition })
			f.shows(t, 1)
			for _, c := range []struct{ ask, reach int }{{3, 3}, {9, 5}, {4, 4}, {0, 1}, {5, 5}, {1, 1}} {
				if got := f.actuator.Reach(models.Capacity{}, models.Warm(c.ask)); got != models.Warm(c.reach) {
					t.Errorf("Reach(%d) = %s, want %d", c.ask, got, c.reach)
				}
				f.have(t, c.ask, c.reach)
				f.shows(t, c.reach)
			}
			if f.have(t, 9, 5); !strings.Contains(f.shows(t, 5), "at most 5") {
				t.Error("the note does not say why there are no more")
			}
			wantKind(t, "another namespace", f.apply(t, "fn.staging", 2), models.KindInvalid)
			if got, want := f.Calls("info"), map[openfaas.Edition]int{openfaas.EditionCE: 0, openfaas.EditionAuto: 1}[edition]; got != want {
				t.Errorf("the edition was asked for %d times, want %d", got, want)
			}
		})
	}
}

// TestEditionIsAskedAgain checks that a gateway which did not answer is asked at the next call.
func TestEditionIsAskedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{CE: true}, nil)
	f.Inject(1, faulttest.Status(http.StatusBadGateway).On("info"))
	wantKind(t, "first", f.apply(t, "fn", 9), models.KindTransient)
	f.Inject(1, faulttest.Body("<html>").On("info"))
	wantKind(t, "second", f.apply(t, "fn", 9), models.KindTransient)
	f.have(t, 9, 5)
}

// TestPlatformScales checks that Pilotlight never takes away what the platform's own scaling added, in all editions.
func TestPlatformScales(t *testing.T) {
	t.Parallel()
	for _, gateway := range []openfaastest.Config{{}, {CE: true}} {
		f := newFixture(t, gateway, func(c *openfaas.Config) { c.Lower = openfaas.LowerWrite })
		f.have(t, 3, 3)
		f.Autoscale("fn", 5)
		if note := f.shows(t, 3); !strings.Contains(note, "runs 5 replicas") {
			t.Errorf("note %q", note)
		}
		writes := f.Writes()
		f.have(t, 2, 5)
		f.shows(t, 2)
		f.have(t, 4, 5)
		f.shows(t, 4)
		if n := f.Writes() - writes; n != 0 {
			t.Errorf("%d writes below what the platform runs", n)
		}
		// The load is over, and the platform goes below the floor.
		f.Autoscale("fn", 1)
		if note := f.shows(t, 1); !strings.Contains(note, "below the floor of 4") {
			t.Errorf("note %q", note)
		}
		f.have(t, 4, 4)
		f.have(t, 2, 2)
	}
}

// TestLowering checks who takes replicas away.
func TestLowering(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ce       bool
		lower    openfaas.Lowering
		replicas int
	}{
		{true, openfaas.LowerAuto, 2},
		{true, openfaas.LowerWrite, 2},
		{true, openfaas.LowerLeave, 4},
		{false, openfaas.LowerAuto, 4},
		{false, openfaas.LowerWrite, 2},
		{false, openfaas.LowerLeave, 4},
	} {
		f := newFixture(t, openfaastest.Config{CE: c.ce}, func(config *openfaas.Config) { config.Lower = c.lower })
		f.have(t, 4, 4)
		f.have(t, 2, c.replicas)
		// In either case the floor is what was asked for: more is up to the platform.
		f.shows(t, 2)
	}
}

// TestRestart checks what is lowered by a process that does not know the floor.
func TestRestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{CE: true}, nil)
	f.have(t, 4, 4)
	f.actuator = newActuator(t, f.Server, nil)
	f.shows(t, 4)
	f.Autoscale("fn", 5)
	if err := f.actuator.Apply(t.Context(), target("fn"), action("fn", models.Warm(4), models.Warm(2))); err != nil || f.Replicas("fn") != 5 {
		t.Errorf("%v, and %d replicas, want the 5 that the platform made out of 4", err, f.Replicas("fn"))
	}
	f.actuator = newActuator(t, f.Server, nil)
	f.have(t, 2, 2)
}

// TestHeldBack checks that a pause between reading and writing holds the write back, and that the floor is not remembered.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{}, nil)
	for _, n := range []int{3, 1, 0} {
		asked := 0
		gated := actuators.WithGate(f.actuator, func() error {
			if asked++; asked > 1 {
				return models.ErrPaused
			}
			return nil
		})
		err := gated.Apply(t.Context(), target("fn"), action("fn", models.Warm(1), models.Warm(n)))
		if !errors.Is(err, models.ErrPaused) || f.Writes() != 0 {
			t.Errorf("Apply(%d): %v, %d writes", n, err, f.Writes())
		}
		if note := f.shows(t, 1); note != "" {
			t.Errorf("note %q", note)
		}
	}
}

// TestFaults checks requests that go wrong before and after their effect.
func TestFaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{}, nil)
	for _, c := range []struct {
		name  string
		fault faulttest.Fault
		kind  models.ErrorKind
		after int
	}{
		{"scale throttled", faulttest.Status(429).Later(7 * time.Second).On("scale"), models.KindThrottled, 1},
		{"get without JSON", faulttest.Body("<html>").On("get"), models.KindTransient, 1},
		{"get of another", faulttest.Body(`{"name":"other","replicas":9}`).On("get"), models.KindTransient, 1},
		{"get of a part", faulttest.Body(`{"name":"fn","replicas":1.5}`).On("get"), models.KindTransient, 1},
		{"get of a negative", faulttest.Body(`{"name":"fn","replicas":-1}`).On("get"), models.KindTransient, 1},
		{"get of too many", faulttest.Body(`{"name":"fn","replicas":1e30}`).On("get"), models.KindTransient, 1},
		{"get dropped", faulttest.Dropped().On("get"), models.KindTransient, 1},
		{"get cut", faulttest.HalfClosed().On("get"), models.KindTransient, 1},
		{"scale dropped", faulttest.Dropped().On("scale"), models.KindTransient, 1},
		{"scale done but dropped", faulttest.Dropped().On("scale").ButDone(), models.KindTransient, 3},
		{"scale done but 502", faulttest.Status(502).On("scale").ButDone(), models.KindTransient, 4},
	} {
		n := 1
		if c.name == "get dropped" {
			n = 2 // the HTTP library itself repeats a read once if a connection that it kept turns out to be closed
		}
		f.Inject(n, c.fault)
		err := f.actuator.Apply(t.Context(), target("fn"), action("fn", models.Warm(1), models.Warm(max(c.after, 2))))
		wantKind(t, c.name, err, c.kind)
		if e, ok := errors.AsType[*actuators.Error](err); c.kind == models.KindThrottled && (!ok || e.RetryAfter != 7*time.Second) {
			t.Errorf("%s: %v does not ask to wait 7s", c.name, err)
		}
		if got := f.Replicas("fn"); got != c.after {
			t.Errorf("%s: %d replicas, want %d", c.name, got, c.after)
		}
	}
	f.shows(t, 4)
	f.have(t, 6, 6)
	if n := f.Writes(); n != 3 {
		t.Errorf("%d writes, want 3", n)
	}
}

// TestRequests counts the requests of each call.
func TestRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{}, nil)
	f.have(t, 3, 3)
	f.have(t, 3, 3)
	if info, get, scale := f.Calls("info"), f.Calls("get"), f.Calls("scale"); info != 1 || get != 4 || scale != 1 {
		t.Errorf("%d info, %d get, %d scale, want 1, 4, 1", info, get, scale)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{}, nil)
	f.actuator = newActuator(t, f.Server, func(c *openfaas.Config) { c.HTTP.BasicAuth.Password = "wrong" })
	err := f.apply(t, "fn", 3)
	wantKind(t, "wrong password", err, models.KindUnauthorized)
	if err != nil && strings.Contains(err.Error(), "wrong") {
		t.Errorf("error %q shows the password", err)
	}
	f.actuator = newActuator(t, f.Server, func(c *openfaas.Config) {
		c.HTTP.BasicAuth.Password, c.HTTP.BasicAuth.PasswordFile = "", t.TempDir()+"/none"
	})
	wantKind(t, "no file", f.apply(t, "fn", 3), models.KindUnauthorized)
}

func TestRefs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{}, func(c *openfaas.Config) { c.Namespace = "staging" })
	f.Deploy("there", "staging")
	if err := f.apply(t, "there", 2); err != nil {
		t.Errorf("the configured namespace: %v", err)
	}
	if err := f.apply(t, "fn."+openfaastest.DefaultNamespace, 2); err != nil {
		t.Errorf("a namespace of its own: %v", err)
	}
	wantKind(t, "not in the configured namespace", f.apply(t, "fn", 2), models.KindNotFound)
	calls := f.Calls("get")
	for _, ref := range []string{"", ".", "..", "a/b", "a%2fb", "a?x=1", "a#b", "a b", "fn.", ".fn", "a.b.c", "-a", "fn.ns/..", "ü", strings.Repeat("a", 64)} {
		wantKind(t, ref, f.apply(t, ref, 2), models.KindInvalid)
	}
	if n := f.Calls("get") - calls; n != 0 {
		t.Errorf("%d requests for references that are none", n)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := func() openfaas.Config {
		c := openfaas.DefaultConfig()
		c.URL = "https://gateway.example.com/openfaas"
		return c
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*openfaas.Config){
		"url: is missing":        func(c *openfaas.Config) { c.URL = "" },
		"url: is not an address": func(c *openfaas.Config) { c.URL = "gateway:8080" },
		"url: holds a user":      func(c *openfaas.Config) { c.URL = "http://admin:pw0rd@gateway" },
		"url: has a query":       func(c *openfaas.Config) { c.URL = "http://gateway?x" },
		"namespace: \"a/b\"":     func(c *openfaas.Config) { c.Namespace = "a/b" },
		"edition: \"CE\"":        func(c *openfaas.Config) { c.Edition = "CE" },
		"lower: \"\"":            func(c *openfaas.Config) { c.Lower = "" },
		"http: ":                 func(c *openfaas.Config) { c.HTTP.BearerToken, c.HTTP.BearerTokenFile = "a", "b" },
	} {
		c := good()
		spoil(&c)
		if err := c.Validate(); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pw0rd") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := openfaas.New("x", good(), nil); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("without a clock: %v", err)
	}
	c := good()
	c.HTTP.TLSConfig.CAFile = "ca.pem"
	if c.SetDirectory("/etc/p"); c.HTTP.TLSConfig.CAFile != "/etc/p/ca.pem" {
		t.Errorf("%q", c.HTTP.TLSConfig.CAFile)
	}
}

// TestRecall knows after a restart what the floor was, so that replicas which the platform added are neither a floor nor taken away.
func TestRecall(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{CE: true}, nil)
	f.have(t, 3, 3)
	f.Autoscale("fn", 5)
	f.actuator = newActuator(t, f.Server, nil)
	actuators.Recall(f.actuator, target("fn"), models.Warm(3), models.Capacity{})
	f.shows(t, 3)
	f.have(t, 2, 5)
	actuators.Recall(f.actuator, target("fn"), models.Warm(3), models.Capacity{})
	f.shows(t, 2)
}

// TestRecallOfAWrite knows after a restart of a write whose outcome was not seen: replicas that are what it asked for are ours.
func TestRecallOfAWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set, asked  models.Capacity
		runs, shown int
	}{
		{models.Warm(3), models.Warm(7), 7, 7},
		{models.Warm(3), models.Warm(7), 3, 3},
		{models.Warm(3), models.Warm(7), 9, 3},
		{models.Warm(7), models.Warm(3), 3, 3},
		{models.Warm(7), models.Warm(3), 7, 7},
		{models.Capacity{}, models.Warm(7), 7, 7},
	} {
		f := newFixture(t, openfaastest.Config{}, nil)
		f.Autoscale("fn", c.runs)
		actuators.Recall(f.actuator, target("fn"), c.set, c.asked)
		f.shows(t, c.shown)
		// Only the first look tells: what OpenFaaS does later is its own.
		f.Autoscale("fn", 11)
		if c.set.Levers() != 0 {
			f.shows(t, c.shown)
		}
		f.have(t, 12, 12)
		actuators.Recall(f.actuator, target("fn"), c.set, c.asked)
		f.shows(t, 12)
	}
}

// TestErosion tells what the platform's own scaling may have done.
func TestErosion(t *testing.T) {
	t.Parallel()
	f := newFixture(t, openfaastest.Config{}, nil)
	for _, c := range []struct {
		seen models.Capacity
		ok   bool
	}{{models.Warm(2), true}, {models.Warm(0), true}, {models.Warm(3), false}, {models.Warm(4), false}, {models.Capacity{}, false}} {
		if every, ok := actuators.Erodes(f.actuator, models.Warm(3), c.seen); ok != c.ok || every != time.Minute {
			t.Errorf("3 became %s: %v, each %s", c.seen, ok, every)
		}
	}
	off := newActuator(t, f.Server, func(c *openfaas.Config) { c.AssertEvery = 0 })
	if _, ok := actuators.Erodes(off, models.Warm(3), models.Warm(2)); ok || actuators.AssertEvery(off) != 0 {
		t.Error("it is off")
	}
}

// TestRestore gives back exactly what was there, whoever else lowers, and leaves what the platform added.
func TestRestore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		lower    openfaas.Lowering
		ce       bool
		runs     int  // replicas after Pilotlight asked for 4
		recalled bool // by another process that knows the floor from the journal
		want     int
	}{
		{"what Pilotlight raised", openfaas.LowerLeave, false, 4, false, 1},
		{"on the Community Edition", openfaas.LowerLeave, true, 4, false, 1},
		{"what the platform has lowered", openfaas.LowerAuto, false, 3, false, 1},
		{"what the platform has added", openfaas.LowerWrite, false, 5, false, 5},
		{"after a restart", openfaas.LowerLeave, false, 4, true, 1},
		{"added before a restart", openfaas.LowerLeave, false, 5, true, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			edit := func(config *openfaas.Config) { config.Lower = c.lower }
			f := newFixture(t, openfaastest.Config{CE: c.ce}, edit)
			f.have(t, 4, 4)
			f.Autoscale("fn", c.runs)
			if c.recalled {
				f.actuator = newActuator(t, f.Server, edit)
				actuators.Recall(f.actuator, target("fn"), models.Warm(4), models.Capacity{})
			}
			obs, err := f.actuator.Observe(t.Context(), target("fn"))
			if err != nil {
				t.Fatal(err)
			}
			back := action("fn", obs.Capacity, models.Warm(1))
			back.Restores = true
			if err := f.actuator.Apply(t.Context(), target("fn"), back); err != nil || f.Replicas("fn") != c.want {
				t.Errorf("%v, and %d replicas, want %d", err, f.Replicas("fn"), c.want)
			}
			// Either way the floor is given back, so that the restore counts as done.
			f.shows(t, 1)
		})
	}
}

// TestLostAnswer loses the answer to a write that had its effect, or did not: the next look tells which, and the floor is not
// taken for replicas that OpenFaaS added.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 7} {
		f := newFixture(t, openfaastest.Config{}, func(c *openfaas.Config) { c.Edition, c.Lower = openfaas.EditionPro, openfaas.LowerWrite })
		f.have(t, 4, 4)
		f.Inject(1, faulttest.Dropped().On(openfaastest.OpScale).ButDone())
		wantKind(t, "answer lost", f.apply(t, "fn", n), models.KindTransient)
		f.shows(t, n)
		f.Inject(1, faulttest.Dropped().On(openfaastest.OpScale))
		wantKind(t, "request lost", f.apply(t, "fn", 3), models.KindTransient)
		f.shows(t, n)
		// Something in between says 200, and the gateway has heard nothing.
		f.Inject(1, faulttest.Malformed().On(openfaastest.OpScale))
		if err := f.apply(t, "fn", 1); err != nil {
			t.Fatal(err)
		}
		f.shows(t, n)
		f.have(t, 1, 1)
		f.have(t, n, n)
		// The doubt is over: what OpenFaaS does now is its own.
		f.Autoscale("fn", 9)
		f.shows(t, n)
	}
}
