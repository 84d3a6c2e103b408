package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// compared runs two functions with and without a floor for the busier one.
func compared(t *testing.T, s Setting) Summary {
	t.Helper()
	tr := buildTrace(t, 100, []trace.Function{
		{Name: "quiet", AvgMS: 100, MemoryMB: 1024, ColdStartMS: trace.Unknown},
		{Name: "busy", AvgMS: 100, MemoryMB: 1024, ColdStartMS: trace.Unknown},
	}, []trace.Row{{Minute: 50, Count: 1}}, []trace.Row{{Minute: 10, Count: 1}, {Minute: 40, Count: 1}, {Minute: 70, Count: 1}})
	cfg := DefaultConfig(s)
	with, without := platform(t, tr, cfg), platform(t, tr, cfg.Unassisted())
	advance(t, with, tr.Start.Add(30*time.Minute))
	if err := with.SetFloor("busy", 1); err != nil {
		t.Fatal(err)
	}
	advance(t, with, tr.End())
	advance(t, without, tr.End())
	got, err := Compare(with, without)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSummary(t *testing.T) {
	t.Parallel()
	s := compared(t, Customer)
	if s.Without.ColdStarts != 4 || s.With.ColdStarts != 2 || s.ColdStartsAvoided() != 0.5 {
		t.Errorf("%d and %d cold starts", s.Without.ColdStarts, s.With.ColdStarts)
	}
	// 69 provisioned minutes, of which two invocations of 0.1 s are no idling.
	idle := 69*60 - 0.2
	if want := (idle + 1000*2) / (1000 * 4); math.Abs(s.Burden(1000)-want) > 1e-9 {
		t.Errorf("burden is %v, want %v", s.Burden(1000), want)
	}
	if s.Burden(0) != 0 {
		t.Errorf("without a burden to compare with it is %v", s.Burden(0))
	}
	if !s.From.Equal(testStart) || !s.To.Equal(testStart.Add(100*time.Minute)) || s.Functions[1].With.Decisions != 1 {
		t.Errorf("summary %+v", s)
	}
	var text bytes.Buffer
	if err := s.WriteText(&text, 1); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cold starts", "-50.0 %", "(free)", "4 140", "busy"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "quiet") {
		t.Errorf("more functions than asked for in\n%s", text.String())
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Summary
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Error(diff)
	}
}

func TestSummaryOfProvider(t *testing.T) {
	t.Parallel()
	s := compared(t, Provider)
	// Without Pilotlight every invocation leaves an instance for ten minutes, which counts here.
	if s.Without.Burden(Provider, 0) != 4*600 || s.With.OnDemandIdleGBs != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	tr := smallTrace(t)
	cfg := DefaultConfig(Customer)
	a := platform(t, tr, cfg)
	late := platform(t, tr, cfg)
	advance(t, late, tr.Start.Add(time.Hour))
	seed := cfg
	seed.Seed = 2
	for name, b := range map[string]*Platform{
		"another trace": platform(t, smallTrace(t), cfg), "another setting": platform(t, tr, DefaultConfig(Provider)),
		"another time": late, "another seed": platform(t, tr, seed),
	} {
		if _, err := Compare(a, b); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := Compare(a, platform(t, tr, cfg)); err != nil || s.ColdStartsAvoided() != 0 {
		t.Errorf("two platforms at the start: %+v, %v", s, err)
	}
}

func TestSummaryWriteError(t *testing.T) {
	t.Parallel()
	s := compared(t, Customer)
	if err := s.WriteText(failingWriter{}, 3); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errBroken }
