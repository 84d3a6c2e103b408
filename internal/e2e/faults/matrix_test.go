package faults

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

// Without a flag a part stands for the whole.
var (
	kinds = flag.Bool("kinds", false, "let every kind of error strike, those above the wire also several times in a row")
	all   = flag.Bool("all", false, "like -kinds, and those of the wire several times in a row too")
)

// thorough reports whether every kind of error is asked for.
func thorough() bool { return *kinds || *all }

// TestMatrix lets each kind of error strike at each moment of the writes, once and for a while, and kills the process at each moment.
func TestMatrix(t *testing.T) {
	t.Parallel()
	had := models.Warm(3)
	for _, s := range subjects() {
		for _, at := range moments() {
			for _, kind := range kindsAt(at) {
				for _, times := range howOften(thorough()) {
					t.Run(fmt.Sprintf("%s/%s/%s/%d times", s.name, at, kind, times), func(t *testing.T) {
						t.Parallel()
						r := newRig(t, s, models.ModeAuto, had)
						r.run(fault{at: at, kind: kind, left: times})
						if r.struck == 0 || r.fault.left != 0 {
							t.Errorf("the fault struck %d times, %d are left", r.struck, r.fault.left)
						}
						r.verify(had)
					})
				}
			}
		}
	}
}

// kindsAt returns the kinds of errors to try; a kill has none.
func kindsAt(at moment) []models.ErrorKind {
	switch at {
	case momentKilledBefore, momentKilledAfter, momentKilledReading:
		return []models.ErrorKind{"kill"}
	case momentObserve, momentLooking, momentBefore, momentDuring, momentReadBack:
	}
	if testing.Short() && !thorough() { // under the race detector, which only cares for how calls meet
		return []models.ErrorKind{models.KindTimeout}
	}
	if !thorough() {
		return []models.ErrorKind{models.KindThrottled, models.KindTimeout, models.KindUnauthorized}
	}
	return models.ErrorKinds()
}

// howOften returns how many times in a row the fault strikes.
func howOften(also bool) []int {
	if !also {
		return []int{1}
	}
	return []int{1, 5}
}

// TestWire lets the platform itself fail at each moment of the writes: with its own errors, with answers that are garbled, cut short
// or late, with broken connections, and with the process killed while a request is under way.
func TestWire(t *testing.T) {
	t.Parallel()
	had := models.Warm(3)
	for _, s := range subjects() {
		for _, at := range wireMoments() {
			if testing.Short() && at != momentDuring {
				continue
			}
			for _, n := range wireFaults(t, s, at) {
				for _, times := range howOften(*all) {
					t.Run(fmt.Sprintf("%s/%s/%s/%d times", s.name, at, n.name, times), func(t *testing.T) {
						t.Parallel()
						r := newRig(t, s, models.ModeAuto, had)
						r.run(r.onWire(n, at, times))
						if r.struck == 0 || r.fault.left != 0 {
							t.Errorf("the fault struck %d times, %d are left", r.struck, r.fault.left)
						}
						r.verify(had)
					})
				}
			}
		}
	}
}

// wireFaults returns the faults of a subject's wire that can strike at that moment.
func wireFaults(t *testing.T, s subject, at moment) []named {
	t.Helper()
	w := s.stage(t).wire
	if w == nil {
		return nil
	}
	faults := slices.Clone(w.own)
	if !thorough() {
		faults = faults[:1]
	}
	reads := at != momentBefore && at != momentDuring
	return slices.DeleteFunc(append(faults, common()...), func(n named) bool {
		if w.blind {
			// There are no reads, and nothing that would contradict an answer.
			return reads || n.refuses && at == momentDuring || n.accepts && at == momentBefore
		}
		return reads && n.writes || at == momentLooking && w.writesOnly
	})
}

// onWire returns a fault on the wire.
func (r *rig) onWire(n named, at moment, times int) fault {
	w := r.stage.wire
	return fault{at: at, left: times, kills: n.kills, wire: func(hangs func()) faulttest.Fault {
		f := n.make(hangs)
		f.AfterEffect = at == momentDuring
		if at == momentBefore || at == momentDuring {
			return f.On(w.writes...)
		}
		return f.On(w.reads...)
	}}
}

// run lets the fault strike, and then a quiet stretch pass: whatever was in doubt has been looked at, and there were more writes.
func (r *rig) run(f fault) {
	r.t.Helper()
	r.fault = f
	for range 24 * (1 + f.left) {
		if r.fault.left == 0 {
			break
		}
		r.steps(1)
	}
	r.steps(30)
}

// TestDryRunNeverWrites does the same in dry-run mode: no write reaches the adapter or the wire, and no intent is recorded.
func TestDryRunNeverWrites(t *testing.T) {
	t.Parallel()
	for _, s := range subjects() {
		for _, at := range moments() {
			for _, kind := range kindsAt(at) {
				t.Run(fmt.Sprintf("%s/%s/%s", s.name, at, kind), func(t *testing.T) {
					t.Parallel()
					r := newRig(t, s, models.ModeDryRun, models.Warm(3))
					r.dryRun(fault{at: at, kind: kind, left: 3})
				})
			}
		}
		for _, n := range wireFaults(t, s, momentObserve) {
			if testing.Short() {
				break
			}
			t.Run(fmt.Sprintf("%s/wire/%s", s.name, n.name), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, s, models.ModeDryRun, models.Warm(3))
				r.dryRun(r.onWire(n, momentObserve, 3))
			})
		}
	}
}

// dryRun lets the fault strike, and checks that nothing was written.
func (r *rig) dryRun(f fault) {
	r.t.Helper()
	if w := r.stage.wire; w != nil {
		w.script.BeforeAnswer(func(op string) {
			if slices.Contains(w.writes, op) {
				r.t.Errorf("a request %s was sent", op)
			}
		})
	}
	writes := r.stage.Writes()
	r.fault = f
	r.steps(12)
	if n := r.stage.Writes() - writes; n != 0 || len(r.sent) != 0 {
		r.t.Errorf("%d writes, %d calls of Apply", n, len(r.sent))
	}
	for _, e := range r.journal.all() {
		if e.Action != nil {
			r.t.Errorf("intent %+v", e.Action)
		}
	}
}
