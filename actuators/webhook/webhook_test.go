package webhook_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/actuators"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/webhook"
	"pilotlight/actuators/webhook/webhooktest"
	"pilotlight/models"
)

// TestBody checks what the receiver gets against the text of the documentation's example.
func TestBody(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "fn")
	a := newActuator(t, r, func(c *webhook.Config) { c.Levers = []string{"warm", "keep_alive"} })
	act := action("fn", models.Warm(3).WithKeepAlive(10*time.Minute))
	if err := a.Apply(t.Context(), target("fn"), act); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"version": 1.0, "type": "pilotlight.capacity.apply", "action": act.ID, "decision": "d1",
		"target": map[string]any{"id": "id of fn", "ref": "fn", "group": "shop"},
		"from":   map[string]any{"warm": 0.0}, "to": map[string]any{"warm": 3.0, "keep_alive_s": 600.0},
		"issued": "2026-03-02T12:00:00Z", "expires": "2026-03-02T12:02:00Z",
	}
	if diff := cmp.Diff(want, r.Last()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	page, err := os.ReadFile("../../docs/platforms/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	text, _, _ := strings.Cut(rest, "```")
	var example map[string]any
	if err := json.Unmarshal([]byte(text), &example); err != nil {
		t.Fatalf("the page's example: %v", err)
	}
	if diff := cmp.Diff(shapeOf(example), shapeOf(r.Last())); diff != "" {
		t.Errorf("keys and types of the page's example (-) and of what is sent (+):\n%s", diff)
	}
}

// shapeOf replaces the values of a JSON document by their types.
func shapeOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = shapeOf(value)
		}
		return out
	case float64:
		return "number"
	case string:
		return "string"
	}
	return v
}

// TestRepeatedRequest checks that the retry of a write whose answer was lost has the same key, and changes nothing.
func TestRepeatedRequest(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "fn")
	a := newActuator(t, r, nil)
	config := actuators.DefaultConfig()
	config.Retry.Initial, config.Retry.Max = 1, 1
	outer, err := actuators.Decorate(a, "hook", config, actuators.Deps{Permit: func() error { return nil }, Now: day})
	if err != nil {
		t.Fatal(err)
	}
	// The request is carried out, and its answer lost.
	r.Inject(1, faulttest.Dropped().ButDone())
	act := action("fn", models.Warm(4))
	for range 2 {
		if err := outer.Apply(t.Context(), target("fn"), act); err != nil {
			t.Fatal(err)
		}
	}
	if writes, requests := r.Writes(), r.Requests(); writes != 1 || requests != 3 {
		t.Errorf("%d writes by %d requests, want 1 by 3", writes, requests)
	}
	if want := []string{act.ID, act.ID, act.ID}; !slices.Equal(r.IDs(), want) {
		t.Errorf("ids %q, want %q", r.IDs(), want)
	}
}

// TestRetryAfter checks that the wait of the receiver reaches the decorators.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "Mon, 02 Mar 2026 12:00:30 GMT": 30 * time.Second, "Mon, 02 Mar 2026 11:00:00 GMT": 0,
		"99999999": 24 * time.Hour, "-3": 0, "soon": 0, "": 0,
	} {
		r := newReceiver(t, "fn")
		a := newActuator(t, r, nil)
		r.Inject(1, faulttest.Headed(http.StatusTooManyRequests, http.Header{"Retry-After": {text}}))
		err := a.Apply(t.Context(), target("fn"), action("fn", models.Warm(1)))
		if e, ok := errors.AsType[*actuators.Error](err); !ok || e.Kind != models.KindThrottled || e.RetryAfter != want {
			t.Errorf("Retry-After %q: %v, want a wait of %s", text, err, want)
		}
	}
}

// TestRedirect checks that neither body nor signature reach a server that a redirect names.
func TestRedirect(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(other.Close)
	for _, code := range []int{301, 302, 303, 307, 308} {
		r := newReceiver(t, "fn")
		// As after decoding an http block, whose default is to follow.
		a := newActuator(t, r, func(c *webhook.Config) { c.HTTP.FollowRedirects = true })
		answer := faulttest.Headed(code, http.Header{"Location": {other.URL}})
		r.Inject(1, answer)
		err := a.Apply(t.Context(), target("fn"), action("fn", models.Warm(1)))
		wantKind(t, "post", err, models.KindPermanent)
		if err != nil && !strings.Contains(err.Error(), "redirects are not followed") {
			t.Errorf("error %q gives no advice", err)
		}
		r.Inject(1, answer)
		_, err = a.Observe(t.Context(), target("fn"))
		wantKind(t, "get", err, models.KindPermanent)
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestAnswers checks answers to an observation that are not as they should be.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		want   models.Observation
		kind   models.ErrorKind
	}{
		"more fields":     {`{"capacity":{"warm":2,"max":9},"ready":1,"pending":true,"note":"a\nb\u202e","x":1}`, models.Observation{Capacity: models.Warm(2), Ready: 1, Pending: true, Note: "ab"}, ""},
		"ready unknown":   {`{"capacity":{"warm":2}}`, models.Observation{Capacity: models.Warm(2), Ready: -1}, ""},
		"nothing known":   {`{"capacity":{}}`, models.Observation{Ready: -1}, ""},
		"no capacity":     {`{}`, models.Observation{}, models.KindTransient},
		"no JSON":         {`<html>proxy</html>`, models.Observation{}, models.KindTransient},
		"empty":           {``, models.Observation{}, models.KindTransient},
		"more after it":   {`{"capacity":{"warm":2}}{}`, models.Observation{}, models.KindTransient},
		"wrong type":      {`{"capacity":{"warm":"2"}}`, models.Observation{}, models.KindTransient},
		"negative ready":  {`{"capacity":{"warm":2},"ready":-1}`, models.Observation{}, models.KindTransient},
		"too large":       {`{"note":"` + strings.Repeat("x", 2<<20) + `"}`, models.Observation{}, models.KindPermanent},
		"long note":       {`{"capacity":{},"note":"` + strings.Repeat("x", 500) + `"}`, models.Observation{Ready: -1, Note: strings.Repeat("x", 200)}, ""},
		"null everywhere": {`{"capacity":null}`, models.Observation{}, models.KindTransient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, "fn")
			a := newActuator(t, r, nil)
			r.Inject(1, faulttest.Body(tc.answer))
			got, err := a.Observe(t.Context(), target("fn"))
			if tc.kind != "" {
				wantKind(t, name, err, tc.kind)
			} else if err != nil || got != tc.want {
				t.Errorf("%+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}

// TestBrokenConnections checks what is not even an answer.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faulttest.Fault{"dropped": faulttest.Dropped(), "half": faulttest.HalfClosed()} {
		r := newReceiver(t, "fn")
		a := newActuator(t, r, nil)
		r.Inject(1, fault)
		_, err := a.Observe(t.Context(), target("fn"))
		wantKind(t, name, err, models.KindTransient)
	}
	r := newReceiver(t, "fn")
	a := newActuator(t, r, nil)
	r.Close()
	err := a.Apply(t.Context(), target("fn"), action("fn", models.Warm(1)))
	wantKind(t, "closed", err, models.KindTransient)
	if err != nil && strings.Contains(err.Error(), "/scale") {
		t.Errorf("error %q shows the address, which may hold a token", err)
	}
}

// TestSecret checks that the secret is read anew for each request, and that it is never shown.
func TestSecret(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "fn")
	path := ""
	a := newActuator(t, r, func(c *webhook.Config) { path = c.SecretFile })
	apply := func() error { return a.Apply(t.Context(), target("fn"), action("fn", models.Warm(1))) }
	if err := apply(); err != nil {
		t.Fatal(err)
	}
	const second = "whsec_c2Vjb25kIHNlY3JldCBvZiB0aGUgdGVzdHM="
	r.SetSecret(second)
	wantKind(t, "old secret", apply(), models.KindUnauthorized)
	for name, tc := range map[string]struct{ text, want string }{
		"short": {"whsec_c2hvcnQ=", "needs 24"}, "no base64": {"whsec_***", "base64"}, "empty": {"", "needs 24"},
		"large": {strings.Repeat("x", 5000), "no secret"},
	} {
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := apply()
		wantKind(t, name, err, models.KindUnauthorized)
		if err != nil && (!strings.Contains(err.Error(), tc.want) || tc.text != "" && strings.Contains(err.Error(), tc.text)) {
			t.Errorf("%s: error %q", name, err)
		}
	}
	if err := os.WriteFile(path, []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := apply(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "no file", apply(), models.KindUnauthorized)
	if requests := r.Requests(); requests != 3 {
		t.Errorf("%d requests, want 3: those without a secret must not be sent", requests)
	}
}

func TestSecretFromEnvironment(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "fn")
	config := webhook.DefaultConfig()
	config.URL, config.SecretEnv = r.URL(), "HOOK_SECRET"
	deps := webhook.Deps{Now: day}
	if _, err := webhook.New("hook", config, deps); err == nil || !strings.Contains(err.Error(), "HOOK_SECRET is not set") {
		t.Errorf("without the variable: %v", err)
	}
	deps.Lookup = func(name string) (string, bool) { return webhooktest.Secret, name == "HOOK_SECRET" }
	a, err := webhook.New("hook", config, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if err := a.Apply(t.Context(), target("fn"), action("fn", models.Warm(1))); err != nil {
		t.Error(err)
	}
	if _, err := webhook.New("hook", config, webhook.Deps{Lookup: deps.Lookup}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("without a clock: %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := func() webhook.Config {
		c := webhook.DefaultConfig()
		c.URL, c.SecretFile = "https://ops.example.com/scale?x=1", "secret"
		return c
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	negative, zero := -1, 0
	for want, spoil := range map[string]func(*webhook.Config){
		"url: is missing":             func(c *webhook.Config) { c.URL = "" },
		"url: is not an address":      func(c *webhook.Config) { c.URL = "ftp://x" },
		"url: holds a user":           func(c *webhook.Config) { c.URL = "https://u:pw0rd@x" },
		"url: has a fragment":         func(c *webhook.Config) { c.URL = "https://x#y" },
		"observe_url: is not":         func(c *webhook.Config) { c.ObserveURL = "%" },
		"secret_file: is missing":     func(c *webhook.Config) { c.SecretFile = "" },
		"keep one of them":            func(c *webhook.Config) { c.SecretEnv = "X" },
		"is no name of a variable":    func(c *webhook.Config) { c.SecretFile, c.SecretEnv = "", "pw0rd!" },
		"levers: is empty":            func(c *webhook.Config) { c.Levers = nil },
		"levers[0]: \"hot\" is not":   func(c *webhook.Config) { c.Levers = []string{"hot"} },
		"levers[1]: warm is named":    func(c *webhook.Config) { c.Levers = []string{"warm", "warm"} },
		"initial.warm: -1":            func(c *webhook.Config) { c.Initial.Warm = &negative },
		"initial: is set beside":      func(c *webhook.Config) { c.Initial.Warm, c.ObserveURL = &zero, "https://x" },
		"http: at most one of basic_": func(c *webhook.Config) { c.HTTP.BearerToken, c.HTTP.BearerTokenFile = "a", "b" },
	} {
		c := good()
		spoil(&c)
		err := c.Validate()
		if strings.HasPrefix(want, "http") {
			want = "http: "
		}
		if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pw0rd") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestSetDirectory(t *testing.T) {
	t.Parallel()
	c := webhook.DefaultConfig()
	c.SecretFile, c.HTTP.TLSConfig.CAFile = "secret", "ca.pem"
	c.SetDirectory("/etc/p")
	if c.SecretFile != "/etc/p/secret" || c.HTTP.TLSConfig.CAFile != "/etc/p/ca.pem" {
		t.Errorf("%q, %q", c.SecretFile, c.HTTP.TLSConfig.CAFile)
	}
	absolute := filepath.Join(t.TempDir(), "secret")
	c.SecretFile = absolute
	if c.SetDirectory("/etc/p"); c.SecretFile != absolute {
		t.Errorf("%q", c.SecretFile)
	}
}

// TestRecall knows what was accepted before a restart from the journal, and goes by what it sent itself.
func TestRecall(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "fn")
	a := newActuator(t, r, func(c *webhook.Config) { c.ObserveURL, c.Levers = "", []string{"warm"} })
	actuators.Recall(a, target("fn"), models.Warm(4).WithMax(9), models.Capacity{})
	obs, err := a.Observe(t.Context(), target("fn"))
	if err != nil || obs.Capacity != models.Warm(4) || obs.Assumed || !strings.Contains(obs.Note, "before the start") {
		t.Errorf("Observe = %+v, %v", obs, err)
	}
	if err := a.Apply(t.Context(), target("fn"), action("fn", models.Warm(6))); err != nil {
		t.Fatal(err)
	}
	actuators.Recall(a, target("fn"), models.Warm(4), models.Warm(5))
	if obs, _ := a.Observe(t.Context(), target("fn")); obs.Capacity != models.Warm(6) || strings.Contains(obs.Note, "before the start") {
		t.Errorf("Observe = %+v", obs)
	}
}

// TestRecallOfAWrite goes by what was accepted before a restart, and says that it may not be so any more.
func TestRecallOfAWrite(t *testing.T) {
	t.Parallel()
	for _, set := range []models.Capacity{{}, models.Warm(4)} {
		a := newActuator(t, newReceiver(t, "fn"), func(c *webhook.Config) { c.ObserveURL = "" })
		actuators.Recall(a, target("fn"), set, models.Warm(6))
		obs, err := a.Observe(t.Context(), target("fn"))
		if err != nil || obs.Capacity != set || !obs.Assumed {
			t.Errorf("set %s: Observe = %+v, %v", set, obs, err)
		}
	}
}
