package sim

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/actuators"
	"pilotlight/collectors/trace"
	"pilotlight/models"
)

func apply(tb testing.TB, a actuators.Actuator, at time.Duration, name string, to models.Capacity) {
	tb.Helper()
	if err := a.Apply(tb.Context(), models.Target{ID: models.TargetID(name)}, models.Action{To: to, Issued: testStart.Add(at)}); err != nil {
		tb.Fatal(err)
	}
}

func twoFunctions(tb testing.TB) *trace.Trace {
	tb.Helper()
	return buildTrace(tb, 10, []trace.Function{{Name: "b", MemoryMB: 1}, {Name: "a", MemoryMB: 1}})
}

func record(tb testing.TB, s Setting) *Recorder {
	tb.Helper()
	r := NewRecorder(twoFunctions(tb), s, nil)
	keep := func(c models.Capacity, d time.Duration) models.Capacity {
		if s == Provider {
			return c.WithKeepAlive(d)
		}
		return c
	}
	apply(tb, r, 60*time.Second, "a", keep(models.Warm(2), 0)) // after b in the trace, so after it in the file
	apply(tb, r, 60*time.Second, "b", keep(models.Warm(0), 300*time.Second))
	apply(tb, r, 120*time.Second, "b", keep(models.Warm(0), 300*time.Second)) // changes nothing
	apply(tb, r, 120*time.Second+500*time.Millisecond, "b", models.Warm(1))
	apply(tb, r, 180*time.Second, "b", keep(models.Warm(1), 1500*time.Millisecond))
	apply(tb, r, 600*time.Second, "a", keep(models.Warm(0), 0)) // at the very end
	return r
}

func TestRecorderWritesChanges(t *testing.T) {
	t.Parallel()
	for setting, want := range map[Setting]string{
		Customer: "time_s,function,warm\n60,a,2\n120.5,b,1\n600,a,0\n",
		Provider: "time_s,function,warm,keep_alive_s\n60,b,0,300\n60,a,2,\n120.5,b,1,\n180,b,1,1.5\n600,a,0,\n",
	} {
		r := record(t, setting)
		var plain bytes.Buffer
		if err := r.WriteCSV(&plain); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, plain.String()); diff != "" {
			t.Errorf("%s: -want +got %s", setting, diff)
		}
	}
}

func TestRecorderObserves(t *testing.T) {
	t.Parallel()
	r := record(t, Provider)
	got, err := r.Observe(t.Context(), models.Target{ID: "x", Ref: "b"})
	if err != nil || got.Capacity != models.Warm(1).WithKeepAlive(1500*time.Millisecond) || got.Ready != -1 {
		t.Errorf("observed %+v, %v", got, err)
	}
}

// TestRecorderPassesOn records what a platform accepts, and nothing that it refuses.
func TestRecorderPassesOn(t *testing.T) {
	t.Parallel()
	tr := twoFunctions(t)
	p := platform(t, tr, DefaultConfig(Customer))
	r := NewRecorder(tr, Customer, p)
	advance(t, p, tr.Start.Add(time.Minute))
	apply(t, r, time.Minute, "a", models.Warm(2))
	got, err := r.Observe(t.Context(), models.Target{ID: "a"})
	if err != nil || got.Capacity != models.Warm(2) || !got.Pending {
		t.Errorf("observed %+v, %v", got, err)
	}
	broken := NewRecorder(tr, Customer, failing{})
	err = broken.Apply(t.Context(), models.Target{ID: "a"}, models.Action{To: models.Warm(1), Issued: tr.Start})
	if actuators.KindOf(err) != models.KindThrottled || len(broken.Decisions()) != 0 {
		t.Errorf("%v, recorded %v", err, broken.Decisions())
	}
}

type failing struct{ actuators.Actuator }

func (failing) Apply(context.Context, models.Target, models.Action) error {
	return &actuators.Error{Kind: models.KindThrottled, Op: "test", Err: errors.New("slower")}
}

func TestRecorderRefusesTimesOutsideTheTrace(t *testing.T) {
	t.Parallel()
	r := NewRecorder(twoFunctions(t), Customer, nil)
	for _, at := range []time.Time{{}, testStart.Add(-time.Second), testStart.Add(10*time.Minute + 1)} {
		err := r.Apply(t.Context(), models.Target{ID: "a"}, models.Action{To: models.Warm(1), Issued: at})
		if actuators.KindOf(err) != models.KindInvalid {
			t.Errorf("issued at %s: %v", at, err)
		}
	}
}
