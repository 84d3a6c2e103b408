package advisor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pilotlight/predictor/advisor"
	"pilotlight/predictor/advisor/advisortest"
)

// TestOtherBounds checks bounds that are not those of the defaults.
func TestOtherBounds(t *testing.T) {
	t.Parallel()
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprintf(`"field%d":1`, i)
	}
	for name, test := range map[string]struct {
		set     func(*advisor.Config)
		members []string
		content string
		hints   string
		noted   string
	}{
		"no floors": {func(c *advisor.Config) { c.Bounds.MaxFloor = 0 }, nil, advices(one("kind", `"floor"`)), "", "floors are not taken"},
		"lowering clipped": {
			func(c *advisor.Config) { c.Bounds.RaiseOnly = false },
			nil, advices(one("value", "0.1")), "prod/checkout x0.5 03-02T18:00+2h0m0s", "became 0.5",
		},
		"lowering": {func(c *advisor.Config) { c.Bounds.RaiseOnly = false }, nil, advices(one("value", "0.7")), "prod/checkout x0.7 03-02T18:00+2h0m0s", ""},
		"no forecasters": {
			func(*advisor.Config) {},
			[]string{},
			pattern(`"forecaster":"holt_winters","period_steps":null`), "", "not one of those allowed",
		},
		"many unknown fields": {func(*advisor.Config) {}, nil, `{"advices":[],"patterns":[],` + strings.Join(many, ",") + `}`, "", "field0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: test.content, Piece: 4096}))
			b := brief()
			if test.members != nil {
				b.Members = test.members
			}
			reply, _, err := client(t, configured(server, test.set)).Advise(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, h := range reply.Hints {
				got = append(got, describe(h))
			}
			notes := strings.Join(append(reply.Dropped, reply.Clipped...), "\n")
			if strings.Join(got, " ") != test.hints || len(reply.Patterns) > 0 || !strings.Contains(notes, test.noted) || (notes == "") != (test.noted == "") {
				t.Errorf("hints %q, patterns %v, notes %q", got, reply.Patterns, notes)
			}
			if len(reply.Dropped) > 100 {
				t.Errorf("%d notes", len(reply.Dropped))
			}
		})
	}
}

// TestSizes sends more than is read, in one piece and as a stream without an end of line.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{true, false} {
		for name, reply := range map[string]advisortest.Reply{
			"text": {Content: advices(one("reason", `"`+strings.Repeat("a", 300_000)+`"`)), Piece: 1 << 16},
			"body": {Raw: append([]byte(`{"id":"`), bytes.Repeat([]byte("a"), 17<<20)...)},
		} {
			t.Run(fmt.Sprint(name, stream), func(t *testing.T) {
				t.Parallel()
				server := advisortest.New(t, advisortest.Config{}, advisortest.Always(reply))
				c := client(t, configured(server, func(c *advisor.Config) { c.Stream = stream }))
				got, record, err := c.Advise(t.Context(), brief())
				want := map[string]string{"text": "longer than 262144 bytes", "body": "larger than 16777216 bytes"}[name]
				if !errors.Is(err, advisor.ErrReply) || !strings.Contains(err.Error(), want) || record.Attempts != 1 || len(got.Hints) > 0 {
					t.Errorf("%d attempts, %v", record.Attempts, err)
				}
			})
		}
	}
}

// TestPlainKey checks that a key without the looks of one is hidden too, in errors and records.
func TestPlainKey(t *testing.T) {
	t.Parallel()
	const plain = "sunflowerfield"
	for _, reply := range []advisortest.Reply{{Status: 403, Message: "not with " + plain}, {Content: "you sent " + plain}, {Content: advices(), Model: plain}} {
		server := advisortest.New(t, advisortest.Config{Key: plain}, advisortest.Always(reply))
		c := client(t, configured(server), func(d *advisor.Deps) { d.Lookup = func(string) (string, bool) { return plain, true } })
		_, record, err := c.Advise(t.Context(), brief())
		raw, marshal := json.Marshal(record)
		if marshal != nil || strings.Contains(string(raw), plain) || err != nil && strings.Contains(err.Error(), plain) {
			t.Errorf("the key is shown: %v\n%s", err, raw)
		}
		for i, sent := range server.Requests() {
			if strings.Contains(string(sent.Body), plain) {
				t.Errorf("request %d holds the key", i)
			}
		}
	}
}

// TestOneProbe checks that one exchange at a time finds out whether an endpoint works again.
func TestOneProbe(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	server := advisortest.New(t, advisortest.Config{}, func(r advisortest.Request) advisortest.Reply {
		if r.N == 1 {
			return advisortest.Reply{Content: "nonsense"}
		}
		if r.N == 2 {
			close(arrived)
			<-release
		}
		return advisortest.Reply{Content: good}
	})
	c, k := clocked(t, configured(server, func(c *advisor.Config) { c.Repairs, c.Breaker.Failures = 0, 1 }))
	if _, _, err := c.Advise(t.Context(), brief()); !errors.Is(err, advisor.ErrReply) {
		t.Fatal(err)
	}
	k.move(time.Hour)
	probe := make(chan error, 1)
	go func() {
		_, _, err := c.Advise(t.Context(), brief())
		probe <- err
	}()
	<-arrived
	if _, _, err := c.Advise(t.Context(), brief()); !errors.Is(err, advisor.ErrLeftAlone) {
		t.Errorf("a second probe: %v", err)
	}
	close(release)
	if err := <-probe; err != nil {
		t.Error(err)
	}
}
