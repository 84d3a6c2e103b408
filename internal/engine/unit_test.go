package engine

import (
	"bytes"
	"testing"
	"time"

	"pilotlight/collectors"
	"pilotlight/models"
)

// TestPreparedUnit feeds two units the same, one of which is prepared anew every time: the other must not miss a change of
// the target.
func TestPreparedUnit(t *testing.T) {
	t.Parallel()
	fed := func(always bool) (states []byte) {
		r := newRig(t, map[models.TargetID]load{"f": steady(3)})
		r.steps(1, 1)
		u := r.byID["f"]
		r.reset(u)
		for minute := range 200 {
			if minute == 50 {
				resolver, ok := r.parts.Resolver.(everyTarget)
				if !ok {
					t.Fatalf("the resolver is a %T", r.parts.Resolver)
				}
				resolver.max = 2
				r.parts.Resolver = resolver
				if err := r.Reload(r.parts); err != nil {
					t.Fatal(err)
				}
			}
			data := collectors.TargetData{ID: "f"}
			if minute >= 100 {
				data.Meta = collectors.Meta{DurationP50: time.Minute, DurationP99: 3 * time.Minute}
			}
			var err error
			data.Series[models.SignalInvocations], err = models.SeriesOf(at(minute), time.Minute, []float64{float64(minute % 7)})
			if err != nil {
				t.Fatal(err)
			}
			if always {
				u.prepared = false
			}
			u.feed(&data, at(minute), at(minute+1))
			state, err := u.memory.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			states = append(states, state...)
		}
		return states
	}
	if !bytes.Equal(fed(true), fed(false)) {
		t.Error("a unit that was not prepared again missed a change")
	}
}
