package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

// full is a file that uses every kind of target entry.
const full = `
server: {listen: "0.0.0.0:8080", tokens: [{name: ops, role: operator, token_env: OPS}]}
engine: {mode: auto}
policy: {hysteresis: 0.3, prices: {region: eu-central-2}}
collectors:
  - {name: prod, type: prometheus, config: {url: "http://prod:9090"}}
  - {name: dev, type: prometheus, config: {url: "http://dev:9090"}}
actuators:
  - {name: lambda, type: aws_lambda, config: {region: eu-west-1}}
  - {name: fake, type: dry_run}
targets:
  - {id: prod/checkout-old, exclude: true}
  - id: prod/checkout-live
    collector: prod
    actuator: lambda
    ref: "${function}:live"
    group: "team ${team}"
    memory_mb: 512
    cold_start: 800ms
    lead: 3m
    concurrency: 10
    limits: {min_warm: 1, max_warm: 20, max_keep_alive: 1h, min_memory_mb: 256, max_memory_mb: 3008}
    policy: {hysteresis: 0.1, max_step_up: {instances: 5}}
  - {match: "prod/checkout-*", actuator: lambda, ref: "$${x}$LATEST", limits: {max_warm: 5}, policy: {hold: 2m}}
  - {match: "dev/?", collector: dev, actuator: fake, memory_mb: 128, cold_start: 1s, limits: {max_warm: 0}}
`

func TestMatch(t *testing.T) {
	t.Parallel()
	c := parse(t, full)
	labels := map[string]string{"function": "checkout", "team": "a/b"}
	live := models.Target{
		ID: "prod/checkout-live", Group: "team a/b", Collector: "prod", Actuator: "lambda", Ref: "checkout:live", Labels: labels,
		MemoryMB: 512, ColdStart: 800 * time.Millisecond, Lead: 3 * time.Minute, Concurrency: 10,
		Limits: models.Limits{MinWarm: 1, MaxWarm: 20, MaxKeepAlive: time.Hour, MinMemoryMB: 256, MaxMemoryMB: 3008},
	}
	glob := models.Target{
		ID: "prod/checkout-x/y", Group: "seen", Collector: "prod", Actuator: "lambda", Ref: "${x}$LATEST", MemoryMB: 256,
		ColdStart: time.Second, Lead: 2 * time.Minute, Concurrency: 1, Limits: models.Limits{MaxWarm: 5},
	}
	dev := models.Target{
		ID: "dev/a", Collector: "dev", Actuator: "fake", Ref: "dev/a", MemoryMB: 128, ColdStart: time.Second, Lead: 2 * time.Minute, Concurrency: 1,
	}
	for name, tc := range map[string]struct {
		seen   Seen
		want   models.Target
		policy int
		ok     bool
		err    string
	}{
		"exact":           {Seen{Collector: "prod", ID: live.ID, Labels: labels, MemoryMB: 1, ColdStart: 1, Group: "seen"}, live, 1, true, ""},
		"glob, with meta": {Seen{Collector: "prod", ID: glob.ID, MemoryMB: 256, ColdStart: time.Second, Group: "seen"}, glob, 2, true, ""},
		"one character":   {Seen{Collector: "dev", ID: "dev/a"}, dev, 0, true, ""},
		"two characters":  {Seen{Collector: "dev", ID: "dev/ab"}, models.Target{}, 0, false, ""},
		"other collector": {Seen{Collector: "prod", ID: "dev/a"}, models.Target{}, 0, false, ""},
		"excluded":        {Seen{Collector: "prod", ID: "prod/checkout-old"}, models.Target{}, 0, false, ""},
		"no entry":        {Seen{Collector: "prod", ID: "other"}, models.Target{}, 0, false, ""},
		"no label": {
			Seen{Collector: "prod", ID: live.ID, Labels: map[string]string{"b": "", "a": ""}},
			models.Target{},
			0, false,
			`target "prod/checkout-live": targets[1].ref: the label "function" is not there (it has a, b)`,
		},
		"hostile label": {
			Seen{Collector: "prod", ID: live.ID, Labels: map[string]string{"function": "a\nb"}},
			models.Target{},
			0, false,
			`the label "function" has a control character`,
		},
		"no memory": {
			Seen{Collector: "prod", ID: glob.ID, ColdStart: 1},
			models.Target{},
			0, false,
			`target "prod/checkout-x/y": its memory is unknown: set targets[2].memory_mb, or let the collector read it`,
		},
		"no cold start": {
			Seen{Collector: "prod", ID: glob.ID, MemoryMB: 1}, models.Target{}, 0, false, "the time of its cold start is unknown: set targets[2].cold_start",
		},
		"bad id": {Seen{Collector: "prod", ID: "a\nb"}, models.Target{}, 0, false, "control character or an invisible one"},
		"empty":  {Seen{}, models.Target{}, 0, false, "target id is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, index, ok, err := c.Match(tc.seen)
			if diff := cmp.Diff(tc.want, got); diff != "" || index != tc.policy || ok != tc.ok {
				t.Errorf("policy %d, ok %v (-want +got):\n%s", index, ok, diff)
			}
			if (err != nil) != (tc.err != "") || err != nil && (!strings.Contains(err.Error(), tc.err) || !errors.Is(err, models.ErrInvalid)) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	c := parse(t, full)
	all := c.Policies()
	if len(all) != 3 {
		t.Fatalf("%d policies", len(all))
	}
	base := all[0]
	for i, change := range []func(){
		func() {},
		func() { base.Hysteresis, base.MaxStepUp.Instances = 0.1, 5 },
		func() { base.Hold = models.Duration(2 * time.Minute) },
	} {
		base = all[0]
		change()
		if diff := cmp.Diff(base, all[i]); diff != "" {
			t.Errorf("policy %d (-want +got):\n%s", i, diff)
		}
	}
	if all[0].Hysteresis != 0.3 || all[0].Prices.Region != "eu-central-2" || all[0].MaxStepUp.Share == 0 {
		t.Errorf("the default policy is %+v", all[0])
	}
	c.Predictor().Levels[0] = 0.5
	c.Collectors()[0].Name = "changed"
	if c.Predictor().Levels[0] == 0.5 || c.Collectors()[0].Name == "changed" {
		t.Error("a caller can change the configuration")
	}
}

// TestEntries checks what is wrong or suspicious with target entries.
func TestEntries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ entry, want string }{
		{"{actuator: fake, limits: {max_warm: 1}}", "[4]: names no target: give it an id"},
		{"{id: a, match: b, actuator: fake, limits: {max_warm: 1}}", "[4]: has both id and match"},
		{`{id: "a\nb", actuator: fake, limits: {max_warm: 1}}`, "[4].id: target id \"a\\nb\" has a control character or an invisible one"},
		{"{id: prod/checkout-live, collector: prod, exclude: true}", `[4].id: "prod/checkout-live" is given twice, first as targets[1]`},
		{"{match: a, actuator: fake}", "[4].limits.max_warm: is missing: mode auto spends money"},
		{"{match: a, limits: {max_warm: 1}}", "[4].actuator: is missing: mode auto needs to know which actuator writes"},
		{"{match: a, actuator: lamda, limits: {max_warm: 1}}", `[4].actuator: unknown actuator "lamda": did you mean "lambda"?`},
		{"{match: a, collector: x, exclude: true}", `[4].collector: unknown collector "x": known are prod, dev`},
		{"{match: a, actuator: fake, limits: {max_warm: 1, min_warm: 2}}", "[4].limits.max_warm: 1 is below min_warm 2"},
		{"{match: a, actuator: fake, limits: {max_warm: 1, min_warm: -2}}", "[4].limits.min_warm: -2 is negative"},
		{"{match: a, actuator: fake, limits: {max_warm: 1, min_memory_mb: -1}}", "[4].limits.min_memory_mb: -1 is negative"},
		{"{match: a, actuator: fake, limits: {max_warm: 1, min_memory_mb: 512, max_memory_mb: 256}}", "[4].limits.max_memory_mb: 256 is below min_memory_mb 512"},
		{"{match: a, actuator: fake, limits: {max_warm: 1, min_memory_mb: 512}, policy: {right_sizing: {apply: true}}}", "[4].limits.max_memory_mb: is missing: right_sizing.apply"},
		{"{match: a, actuator: fake, limits: {max_warm: 1, max_memory_mb: 512}, policy: {right_sizing: {apply: true}}}", "[4].limits.min_memory_mb: is missing: right_sizing.apply"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, policy: {right_sizing: {less_cpu: never}}}", `[4].policy.right_sizing.less_cpu: "never" is unknown`},
		{"{match: a, actuator: fake, limits: {max_warm: 1, max_keep_alive: -1s}}", "[4].limits.max_keep_alive: -1s is negative"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, memory_mb: 0}", "[4].memory_mb: 0 is not above 0"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, cold_start: 0s}", "[4].cold_start: 0s is not above 0"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, lead: -1s}", "[4].lead: -1s is negative"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, concurrency: 0}", "[4].concurrency: 0 is below 1"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, ref: ''}", "[4].ref: is empty"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, ref: 'x${}'}", "[4].ref: has ${ without a label and }"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, group: '${a'}", "[4].group: has ${ without a label and }"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, policy: {hysteresis: 11}}", "[4].policy.hysteresis: 11 is not a number from 0 to 10"},
		{"{match: a, actuator: fake, limits: {max_warm: 1}, policy: [a]}", "[4].policy: is a list: write keys and values"},
		{"{match: " + strings.Repeat("a", 513) + ", exclude: true}", "[4].match: is longer than 512 bytes"},
	} {
		es := wrong(t, full+"  - "+tc.entry+"\n")
		if got := es.Error(); !strings.Contains(got, ": targets"+tc.want) || len(es.Problems) != 1 {
			t.Errorf("%s: got:\n%s\nwant only %q", tc.entry, got, tc.want)
		}
	}
	for _, tc := range []struct{ entry, want string }{
		{"{id: prod/checkout-1, exclude: true}", `targets[4].id: is never used, because targets[2] matches "prod/checkout-1" first`},
		{"{id: 'a*', exclude: true}", `targets[4].id: "a*" is taken literally: use match for a pattern`},
		{"{id: dev/a, collector: prod, exclude: true}", ""},
	} {
		warnings := strings.Join(parse(t, full+"  - "+tc.entry+"\n").Warnings(), "\n")
		if !strings.Contains(warnings, tc.want) || tc.want == "" && strings.Contains(warnings, "targets") {
			t.Errorf("%s: warnings\n%s\nwant %q", tc.entry, warnings, tc.want)
		}
	}
}

// TestOverrideOfBadDefault checks that what is wrong with the default policy is not repeated for each override of it.
func TestOverrideOfBadDefault(t *testing.T) {
	t.Parallel()
	text := strings.Replace(full, "hysteresis: 0.3", "hysteresis: 99", 1)
	text = strings.Replace(text, "policy: {hold: 2m}", "policy: {hold: 0s}", 1)
	es := wrong(t, text)
	if len(es.Problems) != 2 || es.Problems[0].Path != "policy.hysteresis" || es.Problems[1].Path != "targets[2].policy.hold" {
		t.Errorf("got:\n%v", es)
	}
}

func TestDryRunMaxWarm(t *testing.T) {
	t.Parallel()
	text := minimal + "  - {id: never}\n  - {id: b, limits: {min_warm: 2000}}\n"
	text = strings.Replace(text, `match: "*"`, `match: "a*"`, 1)
	c := parse(t, text)
	if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, "targets[1]: has no limits.max_warm (and 1 more entries): dry-run assumes 1000") {
		t.Errorf("warnings %s", got)
	}
	for id, want := range map[models.TargetID]int{"a": 10, "never": 1000, "b": 2000} {
		got, _, _, err := c.Match(Seen{Collector: "prod", ID: id, MemoryMB: 1, ColdStart: 1})
		if err != nil || got.Limits.MaxWarm != want {
			t.Errorf("%s: %d, %v, want %d", id, got.Limits.MaxWarm, err, want)
		}
	}
	for _, mode := range []models.Mode{models.ModeApprove, models.ModeAuto} {
		_, err := loadAs(t, text, mode)
		for _, want := range []string{"targets[1].limits.max_warm: is missing", "targets[2].limits.max_warm: is missing", "server: has no tokens, so everybody on this machine could approve"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", mode, err, want)
			}
		}
	}
}

// TestFirstMatchWins compares the matcher with a plain scan of the entries.
func TestFirstMatchWins(t *testing.T) {
	t.Parallel()
	word := rapid.StringOfN(rapid.RuneFrom([]rune("ab/")), 1, 3, -1)
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString(strings.Split(minimal, "targets:")[0] + "  - {name: dev, type: prometheus, config: {url: u}}\ntargets:\n")
		type written struct{ id, glob, collector string }
		var entries []written
		ids := map[string]bool{}
		for i := range rapid.IntRange(1, 8).Draw(t, "n") {
			e := written{collector: rapid.SampledFrom([]string{"", "prod", "dev"}).Draw(t, "collector")}
			if rapid.Bool().Draw(t, "exact") {
				if e.id = word.Draw(t, "id"); ids[e.id] {
					continue
				}
				ids[e.id] = true
			} else {
				e.glob = rapid.StringOfN(rapid.RuneFrom([]rune("ab/*?")), 1, 4, -1).Draw(t, "glob")
			}
			entries = append(entries, e)
			fmt.Fprintf(&text, "  - {id: %q, match: %q, collector: %q, concurrency: %d, memory_mb: 1, cold_start: 1s}\n", e.id, e.glob, e.collector, i+1)
			entries[len(entries)-1].id = e.id
		}
		if len(entries) == 0 {
			return
		}
		c, err := Parse("p.yaml", []byte(text.String()), testParts(), noEnv)
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		seen := Seen{Collector: rapid.SampledFrom([]string{"prod", "dev"}).Draw(t, "seen"), ID: models.TargetID(word.Draw(t, "id"))}
		want := ""
		for _, e := range entries {
			if (e.collector == "" || e.collector == seen.Collector) && (e.id == string(seen.ID) || e.glob != "" && plainGlob(e.glob, string(seen.ID))) {
				want = e.id + e.glob
				break
			}
		}
		got := ""
		if e := c.matcher.first(seen); e != nil {
			for i := range c.matcher.entries {
				if &c.matcher.entries[i] == e {
					got = entries[i].id + entries[i].glob
				}
			}
		}
		if got != want {
			t.Fatalf("%+v matches %q, want %q of\n%s", seen, got, want, text.String())
		}
	})
}

// plainGlob is a second way to match a glob.
func plainGlob(glob, text string) bool {
	switch {
	case glob == "":
		return text == ""
	case glob[0] == '*':
		return plainGlob(glob[1:], text) || text != "" && plainGlob(glob, text[1:])
	default:
		return text != "" && (glob[0] == '?' || glob[0] == text[0]) && plainGlob(glob[1:], text[1:])
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, entries := range []int{1, 1000, 100000} {
		var text strings.Builder
		text.WriteString(minimal)
		for i := range entries {
			fmt.Fprintf(&text, "  - {id: prod/f%d, limits: {max_warm: 1}}\n", i)
		}
		ordered := strings.Replace(text.String(), `match: "*"`, `match: "dev/*"`, 1)
		c, err := Parse("p.yaml", []byte(ordered), testParts(), noEnv)
		if err != nil {
			b.Fatal(err)
		}
		seen := Seen{Collector: "prod", ID: models.TargetID(fmt.Sprintf("prod/f%d", entries-1)), MemoryMB: 1, ColdStart: 1}
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok, err := c.Match(seen); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
