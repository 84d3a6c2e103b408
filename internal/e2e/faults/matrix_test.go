package faults

import (
	"flag"
	"fmt"
	"testing"

	"pilotlight/models"
)

// all asks for every kind of error and for repetition; without it a part stands for the whole.
var all = flag.Bool("all", false, "let every kind of error strike, also several times in a row")

// TestMatrix lets each kind of error strike at each moment of the writes, once and for a while, and kills the process at each moment.
func TestMatrix(t *testing.T) {
	t.Parallel()
	had := models.Warm(3)
	for _, s := range subjects() {
		for _, at := range moments() {
			for _, kind := range kindsAt(at) {
				for _, times := range howOften() {
					t.Run(fmt.Sprintf("%s/%s/%s/%d times", s.name, at, kind, times), func(t *testing.T) {
						t.Parallel()
						r := newRig(t, s, models.ModeAuto, had)
						r.at, r.kind, r.left = at, kind, times
						r.steps(30 + 24*times)
						if r.struck == 0 || r.left != 0 {
							t.Errorf("the fault struck %d times, %d are left", r.struck, r.left)
						}
						// A last quiet stretch: whatever was in doubt has been looked at.
						r.steps(20)
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
	case momentObserve, momentBefore, momentDuring, momentReadBack:
	}
	if !*all {
		return []models.ErrorKind{models.KindThrottled, models.KindTimeout, models.KindUnauthorized}
	}
	return models.ErrorKinds()
}

// howOften returns how many times in a row the fault strikes.
func howOften() []int {
	if !*all {
		return []int{1}
	}
	return []int{1, 5}
}

// TestDryRunNeverWrites does the same in dry-run mode: no write reaches the adapter, and no intent is recorded.
func TestDryRunNeverWrites(t *testing.T) {
	t.Parallel()
	for _, s := range subjects() {
		for _, at := range moments() {
			t.Run(fmt.Sprintf("%s/%s", s.name, at), func(t *testing.T) {
				t.Parallel()
				for _, kind := range kindsAt(at) {
					r := newRig(t, s, models.ModeDryRun, models.Warm(3))
					writes := r.platform.Writes()
					r.at, r.kind, r.left = at, kind, 3
					r.steps(30)
					if n := r.platform.Writes() - writes; n != 0 || len(r.sent) != 0 {
						t.Errorf("%s: %d writes, %d calls of Apply", r, n, len(r.sent))
					}
					for _, e := range r.journal.all() {
						if e.Action != nil {
							t.Errorf("%s: intent %+v", r, e.Action)
						}
					}
				}
			})
		}
	}
}

// TestWire lets the platform itself fail, as far as its fake can, at each moment of a write.
func TestWire(t *testing.T) {
	t.Parallel()
	had := models.Warm(3)
	for _, s := range subjects() {
		if s.wire == nil {
			continue
		}
		for _, at := range []moment{momentObserve, momentBefore, momentDuring, momentReadBack} {
			for _, kind := range models.ErrorKinds() {
				t.Run(fmt.Sprintf("%s/%s/%s", s.name, at, kind), func(t *testing.T) {
					t.Parallel()
					r := newRig(t, s, models.ModeAuto, had)
					if !s.wire(&r.platform, kind, at) {
						t.Skip("the platform has no such error at that moment")
					}
					r.steps(50)
					r.verify(had)
				})
			}
		}
	}
}
