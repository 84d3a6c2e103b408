package advisor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
	"pilotlight/predictor/advisor/advisortest"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
	// waits are what was waited for.
	waits []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (c *clock) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.waits = append(c.waits, d)
	c.mu.Unlock()
	c.move(d)
	return ctx.Err()
}

// clocked returns a client with a clock of its own.
func clocked(t *testing.T, config advisor.Config) (*advisor.Client, *clock) {
	t.Helper()
	k := &clock{at: now}
	return client(t, config, func(d *advisor.Deps) { d.Now, d.Wait = k.now, k.wait }), k
}

// TestErrorsOfTheEndpoint checks what is tried again, what is said, and that the key is in none of it.
func TestErrorsOfTheEndpoint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reply    advisortest.Reply
		requests int
		want     string
		wait     time.Duration
	}{
		{advisortest.Reply{Status: 400, Message: "bad schema"}, 1, "bad schema; if the server knows no JSON schemas", 0},
		{advisortest.Reply{Status: 401, Message: "Incorrect API key provided: " + apiKey}, 1, "[redacted]; check the key", 0},
		{advisortest.Reply{Status: 403, Message: "no"}, 1, "check the key", 0},
		{advisortest.Reply{Status: 404, Message: "no model"}, 1, "check base_url, model and deployment", 0},
		{advisortest.Reply{Status: 408, Message: "slow"}, 3, "slow", 0},
		{advisortest.Reply{Status: 413, Message: "long"}, 1, "long", 0},
		{advisortest.Reply{Status: 429, Message: "slow down"}, 3, "slow down", 0},
		{advisortest.Reply{Status: 429, Message: "slow down", RetryAfter: "7"}, 3, "slow down", 7 * time.Second},
		{advisortest.Reply{Status: 429, Message: "slow down", RetryAfter: now.Add(9 * time.Second).Format(http.TimeFormat)}, 3, "slow down", 8 * time.Second},
		{advisortest.Reply{Status: 429, Message: "pay", Code: "insufficient_quota"}, 1, "pay", 0},
		{advisortest.Reply{Status: 429, Message: "much later", RetryAfter: "3600"}, 1, "much later", 0},
		{advisortest.Reply{Status: 500, Message: "oops"}, 3, "oops", 0},
		{advisortest.Reply{Status: 501, Message: "never"}, 1, "never", 0},
		{advisortest.Reply{Status: 503, Message: "<html>" + strings.Repeat("x", 100_000)}, 3, "status 503", 0},
		{advisortest.Reply{Location: "http://127.0.0.1:1/v1/chat/completions"}, 1, "redirects are not followed", 0},
	} {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprint(test.reply.Status, test.reply.RetryAfter, stream), func(t *testing.T) {
				t.Parallel()
				server := advisortest.New(t, advisortest.Config{Key: apiKey}, advisortest.Always(test.reply))
				c, k := clocked(t, configured(server, func(c *advisor.Config) { c.Stream = stream }))
				_, record, err := c.Advise(t.Context(), brief())
				if !errors.Is(err, advisor.ErrEndpoint) || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 1000 {
					t.Errorf("error %v", err)
				}
				if got := len(server.Requests()); got != test.requests || record.Attempts != got || len(k.waits) != got-1 {
					t.Errorf("%d requests, %d attempts, waits %v", got, record.Attempts, k.waits)
				}
				for i, w := range k.waits {
					if i == 0 && w < test.wait || w > test.wait+5*time.Second {
						t.Errorf("waited %s, want about %s", w, test.wait)
					}
				}
				raw, marshal := json.Marshal(record)
				if marshal != nil || strings.Contains(err.Error()+string(raw), apiKey) || strings.Contains(err.Error(), server.URL) {
					t.Errorf("the key or the address is shown: %v", err)
				}
				if u := c.Usage(); u.TokensIn+u.TokensOut != 0 || u.Requests != test.requests {
					t.Errorf("refused requests were counted as %+v", u)
				}
			})
		}
	}
}

// TestPauseThatWasAskedFor checks that an endpoint that asks for an hour gets it.
func TestPauseThatWasAskedFor(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.InTurn(advisortest.Reply{Status: 429, RetryAfter: "3600"}, advisortest.Reply{Content: good}))
	c, k := clocked(t, configured(server))
	if _, _, err := c.Advise(t.Context(), brief()); !errors.Is(err, advisor.ErrEndpoint) {
		t.Fatal(err)
	}
	k.move(59 * time.Minute)
	if _, record, err := c.Advise(t.Context(), brief()); !errors.Is(err, advisor.ErrLeftAlone) || record.Attempts != 0 || len(server.Requests()) != 1 {
		t.Fatalf("%v, %d requests", err, len(server.Requests()))
	}
	k.move(time.Minute)
	if _, _, err := c.Advise(t.Context(), brief()); err != nil {
		t.Fatal(err)
	}
}

// TestUnreachable asks an endpoint that is not there, and one that never answers.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Hang: true}))
	c, k := clocked(t, configured(server, func(c *advisor.Config) { c.BaseURL = "http://127.0.0.1:1/v1" }))
	if _, record, err := c.Advise(t.Context(), brief()); !errors.Is(err, advisor.ErrEndpoint) || !strings.Contains(err.Error(), "cannot be reached") || record.Attempts != 3 || len(k.waits) != 2 {
		t.Errorf("%v, %d attempts", err, record.Attempts)
	}
	if u := c.Usage(); u.TokensIn != 0 {
		t.Errorf("counted %+v for what was not sent", u)
	}
	c, _ = clocked(t, configured(server, func(c *advisor.Config) { c.Timeout = models.Duration(30 * time.Millisecond) }))
	_, record, err := c.Advise(t.Context(), brief())
	if !errors.Is(err, advisor.ErrEndpoint) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "longer than timeout 30ms") || record.Attempts != 1 {
		t.Errorf("%v, %d attempts", err, record.Attempts)
	}
	// What a request costs that broke off is not known: the most that it can have cost is counted.
	if u := c.Usage(); u.TokensOut != 4000 || u.TokensIn == 0 {
		t.Errorf("counted %+v", u)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, _ = clocked(t, configured(server))
	for range 5 {
		if _, _, err := c.Advise(ctx, brief()); !errors.Is(err, context.Canceled) || errors.Is(err, advisor.ErrLeftAlone) {
			t.Errorf("given up: %v", err)
		}
	}
}

// TestBreaker checks that an endpoint that fails is left alone, and that one exchange finds out when it works again.
func TestBreaker(t *testing.T) {
	t.Parallel()
	var works atomic.Bool
	server := advisortest.New(t, advisortest.Config{}, func(advisortest.Request) advisortest.Reply {
		if works.Load() {
			return advisortest.Reply{Content: good}
		}
		return advisortest.Reply{Content: "nonsense"}
	})
	c, k := clocked(t, configured(server, func(c *advisor.Config) { c.Repairs = 0 }))
	ask := func(want error) {
		t.Helper()
		if _, _, err := c.Advise(t.Context(), brief()); !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	for range 3 {
		ask(advisor.ErrReply)
	}
	ask(advisor.ErrLeftAlone)
	k.move(10*time.Minute - time.Second)
	ask(advisor.ErrLeftAlone)
	k.move(time.Second)
	ask(advisor.ErrReply) // the probe
	ask(advisor.ErrLeftAlone)
	k.move(10 * time.Minute)
	works.Store(true)
	ask(nil)
	if got := len(server.Requests()); got != 5 {
		t.Errorf("%d requests, want 5", got)
	}
	works.Store(false)
	k.move(time.Hour) // beyond the cache
	ask(advisor.ErrReply)
	ask(advisor.ErrReply)
	ask(advisor.ErrReply)
	ask(advisor.ErrLeftAlone)
}

// TestBudget spends the budget of a day in tokens and in dollars.
func TestBudget(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: good, In: 2000, Out: 1000}))
	for name, set := range map[string]func(*advisor.Config){
		"tokens": func(c *advisor.Config) { c.Budget.TokensPerDay = 16_000 },
		"dollars": func(c *advisor.Config) {
			c.Budget.USDPerDay, c.Budget.InputPerMillion, c.Budget.OutputPerMillion = 0.12, 5, 15
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configured(server, set, func(c *advisor.Config) { c.CacheTTL = 0 })
			c, k := clocked(t, config)
			n := 0
			for ; n < 20; n++ {
				_, record, err := c.Advise(t.Context(), brief())
				if errors.Is(err, advisor.ErrBudget) {
					if record.Attempts != 0 || record.Error == "" {
						t.Errorf("record %+v", record)
					}
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			used := c.Usage()
			if n < 2 || n == 20 || used.TokensIn != 2000*n || used.TokensOut != 1000*n || used.Day != "2026-03-02" || used.Requests != n {
				t.Errorf("%d exchanges, used %+v", n, used)
			}
			if used.TokensIn+used.TokensOut > config.Budget.TokensPerDay || config.Budget.USDPerDay > 0 && used.USD > config.Budget.USDPerDay {
				t.Errorf("more than the budget was used: %+v", used)
			}
			// A restart does not give a new budget; a new day does.
			again, k2 := clocked(t, config)
			again.Restore(used)
			if _, _, err := again.Advise(t.Context(), brief()); !errors.Is(err, advisor.ErrBudget) {
				t.Errorf("after a restart: %v", err)
			}
			for _, k := range []*clock{k, k2} {
				k.move(12 * time.Hour)
			}
			fresh := brief()
			fresh.Now = k.now()
			for _, c := range []*advisor.Client{c, again} {
				if _, _, err := c.Advise(t.Context(), fresh); err != nil || c.Usage().Day != "2026-03-03" || c.Usage().Requests != 1 {
					t.Errorf("the next day: %v, %+v", err, c.Usage())
				}
			}
			// The usage of yesterday, of tomorrow and nonsense change nothing.
			for _, u := range []advisor.Usage{used, {Day: "9999-12-31", TokensIn: 1 << 40}, {Day: "x", TokensIn: 1 << 40}, {Day: "2026-03-03", TokensIn: -5, USD: -7}} {
				again.Restore(u)
			}
			if again.Usage().Requests != 1 || again.Usage().TokensIn != 2000 {
				t.Errorf("restored %+v", again.Usage())
			}
		})
	}
}

// TestBudgetHoldsUnderConcurrency checks that requests under way count.
func TestBudgetHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var under, most atomic.Int32
	server := advisortest.New(t, advisortest.Config{}, func(advisortest.Request) advisortest.Reply {
		n := under.Add(1)
		defer under.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			continue
		}
		<-release
		return advisortest.Reply{Content: good, In: 100, Out: 100}
	})
	c, _ := clocked(t, configured(server, func(c *advisor.Config) {
		c.CacheTTL, c.MaxConcurrent, c.Budget.TokensPerDay = 0, 2, 12_000 // there is room for one at a time
	}))
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			_, _, err := c.Advise(t.Context(), brief())
			results <- err
		}()
	}
	// All but those under way end at once or wait for a slot.
	for range 3 {
		if err := <-results; !errors.Is(err, advisor.ErrBudget) {
			t.Errorf("error %v", err)
		}
	}
	close(release)
	for range 5 {
		if err := <-results; err != nil && !errors.Is(err, advisor.ErrBudget) {
			t.Errorf("error %v", err)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d requests at once inside a budget for one", most.Load())
	}
}

// TestConcurrency checks the limit on requests at once, and that whoever waits can give up.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	server := advisortest.New(t, advisortest.Config{}, func(advisortest.Request) advisortest.Reply {
		arrived <- struct{}{}
		<-release
		return advisortest.Reply{Content: good}
	})
	c, _ := clocked(t, configured(server, func(c *advisor.Config) { c.CacheTTL, c.MaxConcurrent = 0, 2 }))
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, _, err := c.Advise(t.Context(), brief())
			results <- err
		}()
	}
	<-arrived
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := c.Advise(ctx, brief()); !errors.Is(err, context.DeadlineExceeded) || len(server.Requests()) != 2 {
		t.Errorf("a third one: %v, %d requests", err, len(server.Requests()))
	}
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// plain is a small brief.
func plain() advisor.Brief {
	return advisor.Brief{Now: now, Subjects: []advisor.Subject{{Target: "a"}, {Target: "b"}}, Members: []string{"holt_winters"}}
}

// TestCache checks that the same question is asked once, and another one, or later, again.
func TestCache(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: good}))
	c, k := clocked(t, configured(server))
	ask := func(b advisor.Brief, attempts int) {
		t.Helper()
		reply, record, err := c.Advise(t.Context(), b)
		if err != nil || len(reply.Hints) != 1 || record.Attempts != attempts || record.Reply == "" || record.Model == "" {
			t.Errorf("%v, %d attempts, want %d", err, record.Attempts, attempts)
		}
	}
	ask(plain(), 1)
	ask(plain(), 0)
	other := plain()
	other.Text += "!"
	ask(other, 1)
	other = plain()
	other.Now = other.Now.Add(time.Minute)
	ask(other, 1)
	k.move(15 * time.Minute)
	ask(plain(), 1)
	for i := range 65 { // the cache is bounded
		other.Text = strconv.Itoa(i)
		ask(other, 1)
	}
	ask(plain(), 1)
}

// TestRepair checks that a model is told once what is wrong.
func TestRepair(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.InTurn(advisortest.Reply{Content: "Sure! password=hunter2"}, advisortest.Reply{Content: good}))
	c, _ := clocked(t, configured(server))
	reply, record, err := c.Advise(t.Context(), brief())
	if err != nil || len(reply.Hints) != 1 || record.Attempts != 2 {
		t.Fatalf("%v, %+v", err, record)
	}
	last := server.Requests()[1]
	if len(last.Complaints) != 1 || !strings.Contains(last.Complaints[0], "it is not JSON") || strings.Contains(string(last.Body), "hunter2") {
		t.Errorf("complaints %q", last.Complaints)
	}
}

// TestKeys checks where a key comes from, that it can be changed, and that it is never shown.
func TestKeys(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: good}))
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := configured(server, func(c *advisor.Config) { c.APIKeyEnv, c.APIKeyFile, c.CacheTTL = "", file, 0 })
	write("first-key\n")
	c, _ := clocked(t, config)
	for _, key := range []string{"first-key", "second-key"} {
		write(key)
		if _, _, err := c.Advise(t.Context(), brief()); err != nil {
			t.Fatal(err)
		}
		if sent := server.Requests(); sent[len(sent)-1].Key != key {
			t.Errorf("sent the key %q", sent[len(sent)-1].Key)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "second-key") {
		t.Error("a client prints its key")
	}
	for _, bad := range []string{"", "two words", "line\nbreak", "ключ", strings.Repeat("k", 10_000)} {
		write(bad)
		_, _, err := c.Advise(t.Context(), brief())
		if err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("a bad key: %v", err)
		}
		if _, err := advisor.New(config, deps()); err == nil {
			t.Errorf("started with the key %q", bad)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Advise(t.Context(), brief()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	d := deps()
	d.Lookup = func(string) (string, bool) { return "", false }
	if _, err := advisor.New(configured(server), d); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("no variable: %v", err)
	}
}

// TestReasoningModels checks that models which reason get what they take.
func TestReasoningModels(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: good}))
	c, _ := clocked(t, configured(server, func(c *advisor.Config) { c.Model, c.ReasoningEffort = "gpt-5-mini", "low" }))
	if _, _, err := c.Advise(t.Context(), brief()); err != nil || len(server.Refused()) > 0 {
		t.Errorf("%v %v", err, server.Refused())
	}
}
