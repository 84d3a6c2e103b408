package engine

import (
	"errors"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"pilotlight/collectors"
	"pilotlight/models"
)

// asleep is a load that is absent until a minute, as that of a function without instances is, and whose history is there then.
func asleep(r **rig, until int, n float64) load {
	return func(int) float64 {
		if (*r).now.Before(at(until)) {
			return -1
		}
		return n
	}
}

// TestHistoryOfATargetThatAppearsLater lets a function with a long history appear ten minutes after the start: it must be given
// that history, at the latest when history may be asked for again.
func TestHistoryOfATargetThatAppearsLater(t *testing.T) {
	t.Parallel()
	var r *rig
	r = newRig(t, map[models.TargetID]load{"a": steady(300), "b": func(m int) float64 { return asleep(&r, 610, 60)(m) }})
	r.steps(600, 670)
	for id, most := range map[models.TargetID]int{"a": 0, "b": 0} {
		u, _, err := r.find(id)
		if err != nil {
			t.Fatal(err)
		}
		if missing := 670 - u.known; missing > most {
			t.Errorf("%q was fed %d of 670 minutes", id, u.known)
		}
	}
}

// TestHistoryIsAskedForAgain fails the first request for history.
func TestHistoryIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.collector.failHistory = errors.New("timeout")
	r.steps(600, 605)
	r.collector.failHistory = nil
	r.steps(606, 670)
	u, _, err := r.find("a")
	if err != nil {
		t.Fatal(err)
	}
	if u.known != 670 {
		t.Errorf("%d of 670 minutes were fed", u.known)
	}
}

// TestEveryTargetIsSavedThoughStepsAreLate steps at every second interval only, as a process does whose steps take longer
// than an interval.
func TestEveryTargetIsSavedThoughStepsAreLate(t *testing.T) {
	t.Parallel()
	loads := map[models.TargetID]load{}
	for i := range 16 {
		loads[models.TargetID("f"+strconv.Itoa(i))] = steady(10)
	}
	r := newRig(t, loads, func(r *rig) { r.parts.Settings.CheckpointEvery = 4 * time.Minute })
	for m := 60; m < 80; m += 2 {
		r.steps(m, m)
	}
	for id := range loads {
		if _, ok := r.journal.state["target/"+string(id)]; !ok {
			t.Errorf("%q was never saved", id)
		}
	}
}

// TestUnknownIsNotZeroAfterARestart restarts into an outage of the collector.
func TestUnknownIsNotZeroAfterARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": steady(0)}, func(r *rig) { r.parts.Settings.CheckpointEvery = time.Minute })
	r.steps(60, 90)
	for _, id := range []models.TargetID{"a", "b"} {
		u := r.byID[id]
		fresh, err := r.newUnit("prod", &collectors.TargetData{ID: id}, Assignment{Target: u.target, Policy: u.policy})
		if err != nil {
			t.Fatal(err)
		}
		r.loadUnit(t.Context(), fresh)
		r.show(fresh, at(91), nil)
		if s := fresh.published.Load().status; fresh.known == 0 || !math.IsNaN(s.Invocations) || !math.IsNaN(s.Duration) {
			t.Errorf("%q: after %d minutes and a restart the load is %v, its duration %v", id, fresh.known, s.Invocations, s.Duration)
		}
	}
}

// TestReloadKeepsMarks removes a target by a reload and brings it back: cooldowns and what was set must be known still.
func TestReloadKeepsMarks(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	before := r.byID["a"].marks
	without := r.parts
	without.Sources = nil
	if err := r.Reload(without); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(91, 91)
	if got := r.byID["a"].marks; before.Set.Levers() == 0 || got != before {
		t.Errorf("marks %+v became %+v", before, got)
	}
}

// TestReloadForgetsMetricsOfCollectors must not leave a collector that is gone as one that is down.
func TestReloadForgetsMetricsOfCollectors(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.metrics = newMetrics(prometheus.NewRegistry())
	r.collector.fail(errors.New("down"))
	r.steps(60, 61)
	if n := testutil.CollectAndCount(r.metrics.up); n != 1 {
		t.Fatalf("%d series of one collector", n)
	}
	without := r.parts
	without.Sources = nil
	if err := r.Reload(without); err != nil {
		t.Fatal(err)
	}
	r.steps(62, 62)
	if n := testutil.CollectAndCount(r.metrics.up) + testutil.CollectAndCount(r.metrics.cursor); n != 0 {
		t.Errorf("%d series of a collector that is gone", n)
	}
}
