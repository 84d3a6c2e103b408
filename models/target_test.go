package models

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

func TestTargetID(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"f", "prod/checkout:live", `a "quoted" <b> 'x' {}`, "funktion-ü", "関数", "می\u200cخواهم", "a\u00a0b", strings.Repeat("x", 256), "🚀"} {
		if err := TargetID(good).Validate(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", " a", "a ", "\ta", "a\nb", "a\x00b", "a\x7f", "a\u2028b", "a\u2029", "a\u202eb", "a\u200bb", "\ufeffa", "a\xffb", strings.Repeat("x", 257), "a\u0085b", "\u00a0a",
	} {
		if err := TargetID(bad).Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: error %v, want ErrInvalid", bad, err)
		}
	}
}

func TestTargetIDProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "id")
		if TargetID(s).Validate() != nil {
			return
		}
		if s == "" || len(s) > 256 || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
			t.Fatalf("%q was accepted", s)
		}
	})
}

func FuzzTargetID(f *testing.F) {
	f.Add("prod/checkout")
	f.Add("a\u202eb")
	f.Fuzz(func(t *testing.T, s string) {
		if err := TargetID(s).Validate(); err != nil && (!errors.Is(err, ErrInvalid) || strings.ContainsAny(err.Error(), "\n\r\x00")) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func target() Target {
	return Target{ID: "f", MemoryMB: 512, ColdStart: time.Second, Concurrency: 1, Limits: Limits{MaxWarm: 3}}
}

func TestTargetValidate(t *testing.T) {
	t.Parallel()
	good := target()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, breakIt := range map[string]func(*Target){
		"id":             func(t *Target) { t.ID = "" },
		"memory 0":       func(t *Target) { t.MemoryMB = 0 },
		"memory NaN":     func(t *Target) { t.MemoryMB = math.NaN() },
		"memory Inf":     func(t *Target) { t.MemoryMB = math.Inf(1) },
		"cold start":     func(t *Target) { t.ColdStart = 0 },
		"lead":           func(t *Target) { t.Lead = -1 },
		"concurrency":    func(t *Target) { t.Concurrency = 0 },
		"min_warm":       func(t *Target) { t.Limits.MinWarm = -1 },
		"max_warm":       func(t *Target) { t.Limits.MinWarm = 4 },
		"max_keep_alive": func(t *Target) { t.Limits.MaxKeepAlive = -1 },
		"min_memory_mb":  func(t *Target) { t.Limits.MinMemoryMB = -1 },
		"max_memory_mb":  func(t *Target) { t.Limits.MinMemoryMB, t.Limits.MaxMemoryMB = 512, 511 },
		"negative bound": func(t *Target) { t.Limits.MaxMemoryMB = -1 },
	} {
		bad := target()
		breakIt(&bad)
		if err := bad.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, s := range Signals() {
		text, err := s.MarshalText()
		var back Signal
		if err != nil || back.UnmarshalText(text) != nil || back != s || s.String() != string(text) {
			t.Errorf("signal %d is %q, %v", s, text, err)
		}
	}
	if len(Signals()) != NumSignals || Signal(-1).String() != "signal(-1)" || Signal(NumSignals).String() == "" {
		t.Error("signals are not as they should be")
	}
	if _, err := Signal(NumSignals).MarshalText(); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v", err)
	}
	if _, err := ParseSignal("nothing"); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v", err)
	}
	for _, m := range []Mode{ModeDryRun, ModeApprove, ModeAuto} {
		if got, err := ParseMode(string(m)); got != m || err != nil {
			t.Errorf("mode %q: %v, %v", m, got, err)
		}
	}
	if _, err := ParseMode("AUTO"); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v", err)
	}
	if len(ErrorKinds()) != 9 {
		t.Errorf("%d kinds", len(ErrorKinds()))
	}
}

func TestDecisionChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		current, desired Capacity
		want             bool
	}{
		"hold":             {Warm(1), Capacity{}, false},
		"same":             {Warm(1).WithMax(5), Warm(1), false},
		"more":             {Warm(1), Warm(2), true},
		"unknown current":  {Capacity{}, Warm(0), true},
		"other lever":      {Warm(1), Warm(1).WithKeepAlive(time.Minute), true},
		"nothing, nothing": {Capacity{}, Capacity{}, false},
	} {
		d := Decision{Current: tc.current, Desired: tc.desired}
		if got := d.Changes(); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
