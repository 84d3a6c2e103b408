package journal

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

// modelQuery is the specification of Query: over all events, oldest first.
func modelQuery(events []models.Event, f models.EventFilter) (found []models.Event, next uint64) {
	for _, e := range slices.Backward(events) {
		switch {
		case len(f.Types) > 0 && !slices.Contains(f.Types, e.Type),
			f.Target != "" && e.Target != f.Target,
			!f.From.IsZero() && e.Time.Before(f.From),
			!f.To.IsZero() && !e.Time.Before(f.To),
			f.Before > 0 && e.Seq >= f.Before:
			continue
		}
		if len(found) == f.Limit {
			return found, found[f.Limit-1].Seq
		}
		found = append(found, e)
	}
	return found, 0
}

// randomEvents makes events of which a few targets and types have most, with times around the present and far from it.
func randomEvents(t *rapid.T, now time.Time) []models.Event {
	makers := []func(models.TargetID, time.Time, int) models.Event{
		decisionEvent, decisionEvent, decisionEvent, actionEvent, outcomeEvent, approvalEvent,
		func(_ models.TargetID, at time.Time, n int) models.Event { return controlEvent(at, n) },
	}
	spread := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 1000 * time.Hour}).Draw(t, "spread")
	n := rapid.IntRange(0, 200).Draw(t, "events")
	random := rapid.IntRange(0, 1<<30)
	events := make([]models.Event, n)
	for i := range events {
		r := random.Draw(t, "r")
		target := models.TargetID(fmt.Sprint("fn", min(r%11, r/11%11)))
		at := now.Add(time.Duration(r%2001-1000) * spread / 1000)
		events[i] = makers[r/7%len(makers)](target, at, i)
	}
	return events
}

func randomFilter(t *rapid.T, now time.Time) models.EventFilter {
	f := models.EventFilter{Limit: rapid.SampledFrom([]int{1, 2, 7, 50, 1000}).Draw(t, "limit")}
	f.Types = rapid.SliceOfN(rapid.SampledFrom(models.EventTypes()), 0, 3).Draw(t, "types")
	if rapid.Bool().Draw(t, "by target") {
		f.Target = models.TargetID(fmt.Sprint("fn", rapid.IntRange(0, 11).Draw(t, "target")))
	}
	at := func(name string) time.Time {
		if !rapid.Bool().Draw(t, name+" open") {
			return time.Time{}
		}
		return now.Add(time.Duration(rapid.IntRange(-90, 90).Draw(t, name)) * time.Minute)
	}
	f.From, f.To = at("from"), at("to")
	f.Before = rapid.SampledFrom([]uint64{0, 0, 1, 5, 100, 1 << 40}).Draw(t, "before")
	return f
}

func TestQueryPagesMatchTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		now := base()
		j := open(t, t.TempDir(), relaxed)
		defer j.Close() // An error is reported by the clean-up of the test.
		want := randomEvents(rt, now)
		for i := 0; i < len(want); {
			n := min(rapid.SampledFrom([]int{1, 5, 200}).Draw(rt, "batch"), len(want)-i)
			mustAppend(t, j, want[i:i+n]...)
			i += n
		}
		for i := range want {
			want[i].Seq = uint64(i + 1)
		}
		for range 2 {
			f := randomFilter(rt, now)
			for page := range 20 {
				found, next := modelQuery(want, f)
				got, gotNext, err := j.Query(t.Context(), f)
				if err != nil {
					rt.Fatal(err)
				}
				if diff := cmp.Diff(ids(found), ids(got)); diff != "" || next != gotNext {
					rt.Fatalf("page %d of %+v: next %d, want %d (-want +got):\n%s", page, f, gotNext, next, diff)
				}
				for i := range got {
					if got[i].Seq != found[i].Seq {
						rt.Fatalf("sequence %d, want %d", got[i].Seq, found[i].Seq)
					}
				}
				if next == 0 {
					break
				}
				f.Before = next
			}
		}
		checkLatest(t, j, want)
	})
}

func TestQueryRefuses(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	for name, f := range map[string]models.EventFilter{
		"no limit": {}, "negative limit": {Limit: -1}, "unknown type": {Limit: 1, Types: []models.EventType{"x"}},
	} {
		if _, _, err := j.Query(t.Context(), f); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", name, err, models.ErrInvalid)
		}
	}
}

func TestQueryByTimeReadsLittle(t *testing.T) {
	t.Parallel()
	// Each event is stored within moments of its time, so a range of times selects a range of the journal.
	j := open(t, t.TempDir(), relaxed)
	now := base()
	mustAppend(t, j, decisionEvent("fn", now.Add(-time.Second), 1))
	for _, tc := range []struct {
		from, to time.Time
		lo, hi   uint64
	}{
		{lo: 1, hi: 2},
		{from: now.Add(-time.Minute), to: now.Add(time.Minute), lo: 1, hi: 2},
		{from: now.Add(time.Hour), lo: 2, hi: 2},
		{to: now.Add(-time.Hour), lo: 1, hi: 1},
	} {
		q, err := j.newQuery(t.Context(), models.EventFilter{From: tc.from, To: tc.to, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if q.lo != tc.lo || q.hi != tc.hi {
			t.Errorf("from %s to %s: searches %d to %d, want %d to %d", tc.from, tc.to, q.lo, q.hi, tc.lo, tc.hi)
		}
	}
}

func TestSpreadSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := base()
	j := open(t, dir, relaxed)
	old, young := decisionEvent("fn", now.Add(-50*time.Hour), 1), decisionEvent("fn", now.Add(50*time.Hour), 2)
	mustAppend(t, j, old)
	mustAppend(t, j, young, decisionEvent("fn", now, 3))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, relaxed)
	v := j.spread.load()
	if v.late < 50*time.Hour || v.late > 51*time.Hour || v.early < 49*time.Hour || v.early > 50*time.Hour {
		t.Errorf("spread %+v, want about 50 h on both sides", v)
	}
	got, _, err := j.Query(t.Context(), models.EventFilter{Limit: 10, To: now.Add(-time.Hour)})
	if diff := cmp.Diff([]string{old.ID}, ids(got)); diff != "" || err != nil {
		t.Errorf("late event: %v\n%s", err, diff)
	}
	got, _, err = j.Query(t.Context(), models.EventFilter{Limit: 10, From: now.Add(time.Hour)})
	if diff := cmp.Diff([]string{young.ID}, ids(got)); diff != "" || err != nil {
		t.Errorf("early event: %v\n%s", err, diff)
	}
}

func FuzzParseSpread(f *testing.F) {
	for _, s := range []string{"0 0", "1 2", "-1 0", "9223372036854775807 9223372036854775807", "", "x", "1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseSpread(text)
		if err != nil {
			if v != unbounded() {
				t.Errorf("%q: spread %+v beside an error", text, v)
			}
			return
		}
		again, err := parseSpread(v.String())
		if err != nil || again != v || v.late < 0 || v.early < 0 {
			t.Errorf("%q: %+v, again %+v, %v", text, v, again, err)
		}
	})
}
