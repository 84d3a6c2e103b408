// Package collectorstest is the conformance suite that every collector must pass.
package collectorstest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/collectors"
	"pilotlight/models"
)

// patience is how long a collector may take to notice that its context has ended.
const patience = 10 * time.Second

// Fixture is a collector together with what is known about its source. The source must not change while the suite runs.
type Fixture struct {
	// Collector is what is tested.
	Collector collectors.Collector
	// Request is answered with at least one target. It has at least four steps and asks for at least one signal.
	Request collectors.Request
	// Gaps are steps inside the request for which the source has no value.
	Gaps []Gap
	// Empty is a range in which the source has nothing at all; the zero Request leaves that test out.
	Empty collectors.Request
	// Hang makes the source stop answering, for the rest of the test; nil leaves that test out, for sources that cannot hang.
	Hang func()
}

// Gap is a step of one target without a value. The target has a value of that signal in some other step.
type Gap struct {
	Target models.TargetID
	Signal models.Signal
	Start  time.Time
}

// Run checks the contract of collectors.Collector. It calls newFixture once per test, so that one test cannot disturb another.
func Run(t *testing.T, newFixture func(t *testing.T) Fixture) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Fixture)
	}{
		{"answer is well formed", wellFormed},
		{"series are inside the request and aligned", inside},
		{"no series of other signals", onlyAsked},
		{"a shorter request gives the same values", truncated},
		{"two calls give the same", deterministic},
		{"safe for concurrent use", concurrent},
		{"gaps stay gaps", gaps},
		{"nothing is ErrNoData", empty},
		{"a bad request is an error", badRequest},
		{"an ended context is an error", ended},
		{"stops when the context ends", stops},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if f.Request.End.Sub(f.Request.Start) < 4*f.Request.Step || len(f.Request.Signals) == 0 {
				t.Fatal("the fixture's request has fewer than four steps or no signals")
			}
			test.run(t, f)
		})
	}
}

func collect(t *testing.T, f Fixture, req collectors.Request) collectors.Result {
	t.Helper()
	got, err := f.Collector.Collect(t.Context(), req)
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	return got
}

func wellFormed(t *testing.T, f Fixture) {
	t.Helper()
	got := collect(t, f, f.Request)
	if len(got.Targets) == 0 {
		t.Fatal("no targets, but no error either")
	}
	for i, target := range got.Targets {
		if err := target.ID.Validate(); err != nil {
			t.Errorf("target %d: %v", i, err)
		}
		if i > 0 && got.Targets[i-1].ID >= target.ID {
			t.Errorf("target %q after %q: ids are not sorted, or not unique", target.ID, got.Targets[i-1].ID)
		}
		if !slices.ContainsFunc(target.Series[:], func(s models.Series) bool { return s.Present() > 0 }) {
			t.Errorf("target %q has no value at all", target.ID)
		}
		for signal, series := range target.Series {
			if i := slices.IndexFunc(series.Values(), func(v float64) bool { return v < 0 }); i >= 0 {
				t.Errorf("target %q, %s: value %v", target.ID, models.Signal(signal), series.At(i))
			}
		}
	}
	checkProblems(t, got)
}

func checkProblems(t *testing.T, got collectors.Result) {
	t.Helper()
	for _, p := range got.Problems {
		if p.Err == nil {
			t.Errorf("problem of %s without an error", p.Signal)
		}
		// Without a target a problem is about all targets: the signal is lost.
		lost := func(d collectors.TargetData) bool { return p.Target == "" && d.Series[p.Signal].Len() > 0 }
		if i := slices.IndexFunc(got.Targets, lost); i >= 0 {
			t.Errorf("the problem %q is about all targets, but %q has %s", p.Err, got.Targets[i].ID, p.Signal)
		}
	}
}

func inside(t *testing.T, f Fixture) {
	t.Helper()
	for _, target := range collect(t, f, f.Request).Targets {
		for signal, series := range target.Series {
			if series.Len() == 0 {
				continue
			}
			name := fmt.Sprintf("target %q, %s", target.ID, models.Signal(signal))
			if series.Step() != f.Request.Step {
				t.Errorf("%s: step %s, want %s", name, series.Step(), f.Request.Step)
			}
			if series.Start().Before(f.Request.Start) || series.End().After(f.Request.End) {
				t.Errorf("%s: %s to %s is outside of %s to %s", name, series.Start(), series.End(), f.Request.Start, f.Request.End)
			}
			if series.Start().UnixNano()%int64(f.Request.Step) != 0 {
				t.Errorf("%s: start %s is not a multiple of %s", name, series.Start(), f.Request.Step)
			}
		}
	}
}

// onlyAsked also checks that a signal is the same whether it is asked for alone or with others.
func onlyAsked(t *testing.T, f Fixture) {
	t.Helper()
	all := collect(t, f, f.Request)
	for _, signal := range f.Request.Signals {
		req := f.Request
		req.Signals = []models.Signal{signal}
		got, err := f.Collector.Collect(t.Context(), req)
		if err != nil && !errors.Is(err, models.ErrNoData) {
			t.Errorf("only %s: %v", signal, err)
			continue
		}
		for _, target := range got.Targets {
			for other, series := range target.Series {
				if models.Signal(other) != signal && series.Len() > 0 {
					t.Errorf("asked for %s, target %q has %s", signal, target.ID, models.Signal(other))
				}
			}
		}
		for _, target := range all.Targets {
			want := valuesIn(target.Series[signal], f.Request)
			if diff := cmp.Diff(want, valuesIn(find(got, target.ID).Series[signal], f.Request), sameNumber()); diff != "" {
				t.Errorf("target %q: %s alone differs from %s with others (-with +alone):\n%s", target.ID, signal, signal, diff)
			}
		}
	}
}

// truncated checks that a value does not depend on what came after its step, or on how the range was cut.
func truncated(t *testing.T, f Fixture) {
	t.Helper()
	all := collect(t, f, f.Request)
	steps := int(f.Request.End.Sub(f.Request.Start) / f.Request.Step)
	at := func(i int) time.Time { return f.Request.Start.Add(time.Duration(i) * f.Request.Step) }
	for _, cut := range [][2]int{{0, 1}, {0, steps / 2}, {steps / 2, steps}, {steps - 1, steps}, {1, steps - 1}} {
		part := f.Request
		part.Start, part.End = at(cut[0]), at(cut[1])
		got, err := f.Collector.Collect(t.Context(), part)
		if err != nil && !errors.Is(err, models.ErrNoData) {
			t.Errorf("steps %d to %d: %v", cut[0], cut[1], err)
			continue
		}
		for _, target := range all.Targets {
			for _, signal := range f.Request.Signals {
				want := valuesIn(target.Series[signal], part)
				if diff := cmp.Diff(want, valuesIn(find(got, target.ID).Series[signal], part), sameNumber()); diff != "" {
					t.Errorf("target %q, %s, steps %d to %d (-whole +part):\n%s", target.ID, signal, cut[0], cut[1], diff)
				}
			}
		}
	}
}

func deterministic(t *testing.T, f Fixture) {
	t.Helper()
	if diff := cmp.Diff(text(collect(t, f, f.Request)), text(collect(t, f, f.Request))); diff != "" {
		t.Errorf("the second call differs (-first +second):\n%s", diff)
	}
}

func concurrent(t *testing.T, f Fixture) {
	t.Helper()
	want := text(collect(t, f, f.Request))
	var wg sync.WaitGroup
	got, errs := make([][]string, 6), make([]error, 6)
	for i := range got {
		wg.Go(func() {
			result, err := f.Collector.Collect(t.Context(), f.Request)
			got[i], errs[i] = text(result), err
		})
	}
	wg.Wait()
	for i := range got {
		if errs[i] != nil {
			t.Errorf("call %d: %v", i, errs[i])
		} else if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("call %d differs (-alone +concurrent):\n%s", i, diff)
		}
	}
}

func gaps(t *testing.T, f Fixture) {
	t.Helper()
	got := collect(t, f, f.Request)
	for _, gap := range f.Gaps {
		series := find(got, gap.Target).Series[gap.Signal]
		if series.Present() == 0 {
			t.Errorf("target %q has no %s at all", gap.Target, gap.Signal)
			continue
		}
		at := collectors.Request{Start: gap.Start, End: gap.Start.Add(f.Request.Step), Step: f.Request.Step}
		if v := valuesIn(series, at)[0]; !math.IsNaN(v) {
			t.Errorf("target %q, %s at %s: got %v, want a gap", gap.Target, gap.Signal, gap.Start, v)
		}
	}
}

func empty(t *testing.T, f Fixture) {
	t.Helper()
	if f.Empty.Step == 0 {
		t.Skip("the source cannot be empty")
	}
	got, err := f.Collector.Collect(t.Context(), f.Empty)
	if !errors.Is(err, models.ErrNoData) {
		t.Errorf("got %d targets and error %v, want ErrNoData", len(got.Targets), err)
	}
}

func badRequest(t *testing.T, f Fixture) {
	t.Helper()
	for name, change := range map[string]func(*collectors.Request){
		"end before start": func(r *collectors.Request) { r.Start, r.End = r.End, r.Start },
		"no steps":         func(r *collectors.Request) { r.End = r.Start },
		"no step length":   func(r *collectors.Request) { r.Step = 0 },
		"negative step":    func(r *collectors.Request) { r.Step = -r.Step },
		"start off grid":   func(r *collectors.Request) { r.Start = r.Start.Add(r.Step / 2) },
		"end off grid":     func(r *collectors.Request) { r.End = r.End.Add(r.Step / 2) },
	} {
		req := f.Request
		change(&req)
		if got, err := f.Collector.Collect(t.Context(), req); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: got %d targets and error %v, want ErrInvalid", name, len(got.Targets), err)
		}
	}
}

func ended(t *testing.T, f Fixture) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := within(t, func() error {
		_, err := f.Collector.Collect(ctx, f.Request)
		return err
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
}

func stops(t *testing.T, f Fixture) {
	t.Helper()
	if f.Hang == nil {
		t.Skip("the source cannot hang")
	}
	f.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := f.Collector.Collect(ctx, f.Request)
		done <- err
	}()
	cancel()
	if err := within(t, func() error { return <-done }); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
}

// within runs a function that must come back soon.
func within(t *testing.T, run func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- run() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		t.Fatalf("did not come back within %s of the end of the context", patience)
		return nil
	}
}

// find returns the data of a target, or nothing.
func find(result collectors.Result, id models.TargetID) collectors.TargetData {
	for _, target := range result.Targets {
		if target.ID == id {
			return target
		}
	}
	return collectors.TargetData{}
}

// valuesIn returns the value of each step of a request, NaN where the series has none.
func valuesIn(series models.Series, req collectors.Request) []float64 {
	var out []float64
	for at := req.Start; at.Before(req.End); at = at.Add(req.Step) {
		v := math.NaN()
		if series.Len() > 0 {
			v = series.At(int(at.Sub(series.Start()) / series.Step()))
			if at.Before(series.Start()) {
				v = math.NaN()
			}
		}
		out = append(out, v)
	}
	return out
}

// text renders a result line by line, so that two can be compared.
func text(result collectors.Result) []string {
	var out []string
	for _, target := range result.Targets {
		var labels []string
		for name, value := range target.Labels {
			labels = append(labels, fmt.Sprintf("%q=%q", name, value))
		}
		slices.Sort(labels)
		out = append(out, fmt.Sprintf("%q {%s} %+v", target.ID, strings.Join(labels, ","), target.Meta))
		for signal, series := range target.Series {
			if series.Len() > 0 {
				out = append(out, fmt.Sprintf("  %s %s %s %v", models.Signal(signal), series.Start(), series.Step(), series.Values()))
			}
		}
	}
	for _, p := range result.Problems {
		out = append(out, fmt.Sprintf("problem %s %q: %v", p.Signal, p.Target, p.Err))
	}
	return append(out, result.Warnings...)
}

// sameNumber compares floats so that NaN equals NaN and the last bits may differ: sums may be made in another order.
func sameNumber() cmp.Option {
	return cmp.Comparer(func(a, b float64) bool {
		if math.IsNaN(a) || math.IsNaN(b) {
			return math.IsNaN(a) && math.IsNaN(b)
		}
		return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b))
	})
}
