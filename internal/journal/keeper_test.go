package journal

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

// kept returns the ids of the copies in the order of their events.
func kept(t *testing.T, j *Journal) []string {
	t.Helper()
	var got []string
	last := uint64(0)
	err := j.client().scan(t.Context(), j.client().latest, scan{}, func(m message) (bool, error) {
		seq, err := originOf(m.header)
		if err != nil || seq <= last {
			t.Errorf("copy of event %d after that of %d: %v", seq, last, err)
		}
		last = seq
		e, err := decode(m.data, seq)
		if err != nil {
			return false, err
		}
		got = append(got, e.ID)
		original, err := j.Event(t.Context(), seq)
		if err != nil || original.ID != e.ID {
			t.Errorf("copy %s of event %d, which is %s: %v", e.ID, seq, original.ID, err)
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestKeeperCatchesUp loses copies as a crash does: they are written in the background.
func TestKeeperCatchesUp(t *testing.T) {
	t.Parallel()
	now := base()
	for _, lost := range []uint64{0, 1, 3, 100} {
		t.Run(fmt.Sprint("lost ", lost), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			j := open(t, dir, relaxed)
			var want []string
			for n := range 5 {
				target := models.TargetID(fmt.Sprint("fn", n))
				events := []models.Event{actionEvent(target, now, 0), decisionEvent(target, now, 1), actionEvent(target, now, 1), outcomeEvent(target, now, 2)}
				mustAppend(t, j, events...)
				want = append(want, events[2].ID, events[3].ID)
			}
			mustAppend(t, j, actionEvent("fn0", now, 0)) // again, though not the newest
			mustAppend(t, j, decisionEvent("fn0", now, 3))
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, relaxed)
			if diff := cmp.Diff(want, kept(t, j)); diff != "" {
				t.Fatalf("copies (-want +got):\n%s", diff)
			}
			info, err := j.client().latest.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for seq := info.State.LastSeq; seq > 0 && info.State.LastSeq-seq < lost; seq-- {
				// Some of them have been replaced already.
				_ = j.client().latest.DeleteMsg(t.Context(), seq)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, relaxed)
			if diff := cmp.Diff(want, kept(t, j)); diff != "" {
				t.Errorf("copies after the loss (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKeeperCopiesWhatAnUnclearWriteLeft has a keeper of its own, beside the idle one of the journal.
func TestKeeperCopiesWhatAnUnclearWriteLeft(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	now := base()
	events := []models.Event{actionEvent("a", now, 1), actionEvent("b", now, 2), actionEvent("c", now, 3)}
	var k keeper
	if err := k.recover(t.Context(), j.client()); err != nil {
		t.Fatal(err)
	}
	write := func(e models.Event, answered bool) {
		t.Helper()
		r, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := j.client().store(t.Context(), []record{r}, spreadValue{})
		if err != nil {
			t.Fatal(err)
		}
		if !answered {
			k.behind = true
			return
		}
		if err := k.keep(t.Context(), j.client(), []record{r}, stored); err != nil {
			t.Fatal(err)
		}
	}
	write(events[0], true)
	write(events[1], false)
	write(events[1], true)
	write(events[2], true)
	// An old event that comes again does not replace the copy of a newer one.
	newer := actionEvent("a", now, 4)
	write(newer, true)
	write(events[0], true)
	events = append(events[1:], newer)
	if diff := cmp.Diff(ids(events), kept(t, j)); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
}
