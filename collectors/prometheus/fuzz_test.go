package prometheus

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"pilotlight/models"
)

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"${a}/${b}", "$$", "${", "$", "${a", "x${a}y$${b}", "${a}${a}", "${a.b}", "\xff", "}{$"} {
		f.Add(seed, "value", "other")
	}
	f.Fuzz(func(t *testing.T, text, a, b string) {
		parsed, err := parseTemplate(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 2*maxText+200 {
				t.Fatalf("error %q", err)
			}
			return
		}
		metric := model.Metric{"a": model.LabelValue(a), "b": model.LabelValue(b)}
		got, missing := parsed.expand(metric)
		if missing != "" {
			if missing == "a" && a != "" || missing == "b" && b != "" {
				t.Fatalf("label %q is there", missing)
			}
			return
		}
		if len(got) > maxExpanded {
			t.Fatalf("%d bytes", len(got))
		}
		// What a value holds is never taken for a part of the template.
		want := strings.NewReplacer("$$", "$", "${a}", a, "${b}", b).Replace(text)
		if len(want) <= maxExpanded && got != want {
			t.Fatalf("%q gives %q, want %q", text, got, want)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31mred\n")
	f.Add(strings.Repeat("ä", 1000))
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, text string) {
		got := clean(text)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b") || len(got) > maxText+len("...") {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(goodBody, true)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"function":"a"},"values":[[1772409660,"-1"],[1,"NaN"]]}]}}`, false)
	f.Add(`{"status":"success","data":{"resultType":"string","result":[1,"x"]}}`, false)
	f.Add(`{"status":"success","data":null}`, true)
	f.Fuzz(func(t *testing.T, body string, instant bool) {
		cfg := DefaultConfig()
		cfg.URL, cfg.MaxRetries = "http://fake.test", 0
		c, err := build("fuzz", cfg, nil, nil, answering(body))
		if err != nil {
			t.Fatal(err)
		}
		n := 3
		if instant {
			n = 1
		}
		got, err := c.Collect(t.Context(), minutes(n))
		if err != nil {
			return
		}
		for _, target := range got.Targets {
			series := target.Series[models.SignalInvocations]
			if target.ID.Validate() != nil || series.Len() != n || series.Present() == 0 || !series.Start().Equal(t0) {
				t.Fatalf("target %q with %v", target.ID, series.Values())
			}
		}
	})
}

func FuzzVariables(f *testing.F) {
	f.Add("increase(x[${step}])", `a="b"`)
	f.Add("${", "${step}")
	f.Add("${1}${setp}", "}")
	f.Fuzz(func(t *testing.T, query, selector string) {
		cfg := DefaultConfig()
		cfg.URL, cfg.Selector, cfg.Queries = "http://fake.test", selector, map[string]string{"errors": query}
		if cfg.Validate() != nil {
			return
		}
		for _, name := range variableNames() {
			if name != "selector" && strings.Contains(cfg.expand(query, time.Minute), "${"+name+"}") && !strings.Contains(selector, "${") {
				t.Fatalf("%q keeps ${%s}", query, name)
			}
		}
	})
}

// TestSpanIndex checks that a step is found by the time of its evaluation and by no other time.
func TestSpanIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step := time.Duration(rapid.Int64Range(1, 100_000).Draw(t, "step")) * time.Millisecond
		s := span{
			start: time.UnixMilli(step.Milliseconds() * rapid.Int64Range(-1000, 1_000_000).Draw(t, "start")), step: step,
			n: rapid.IntRange(1, 50).Draw(t, "n"),
		}
		at := s.start.UnixMilli() + rapid.Int64Range(-3*step.Milliseconds(), int64(s.n+3)*step.Milliseconds()).Draw(t, "offset")
		want, found := 0, false
		for i := range s.n {
			if s.endOf(i).UnixMilli() == at {
				want, found = i, true
			}
		}
		if got, ok := s.index(at); ok != found || got != want {
			t.Fatalf("index(%d) of %+v is %d, %v, want %d, %v", at, s, got, ok, want, found)
		}
	})
}

// TestSnap checks that only noise is removed.
func TestSnap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(0, 1e15).Draw(t, "v")
		if got := snap(models.SignalInvocations, time.Minute, v); math.Abs(got-v) > min(maxSnap, 2e-5*v) {
			t.Fatalf("%v becomes %v", v, got)
		}
		if got := snap(models.SignalDuration, time.Minute, v); got != v {
			t.Fatalf("%v becomes %v", v, got)
		}
	})
}
