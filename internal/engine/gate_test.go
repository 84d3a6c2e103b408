package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// refusal returns an error of a kind.
func refusal(kind models.ErrorKind) error {
	return &actuators.Error{Kind: kind, Op: "put", Err: errors.New("so the platform said")}
}

// TestRefusalsBackOff counts the writes in three hours for each kind of error: what lasts is tried less and less.
func TestRefusalsBackOff(t *testing.T) {
	t.Parallel()
	for _, kind := range models.ErrorKinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, map[models.TargetID]load{"a": steady(300)})
			r.platform.err = refusal(kind)
			r.steps(60, 240)
			n := r.platform.count()
			// What is asked for again and again in conflict with the platform is in vain too, from the second time on.
			rarely := lasts(kind) || kind == models.KindConflict
			if rarely && (n < 6 || n > 12) || !rarely && n < 150 {
				t.Errorf("%d writes in 180 minutes", n)
			}
			if codes := r.reasons("a"); rarely != slices.Contains(codes, models.ReasonBackOff) {
				t.Errorf("reasons %v", codes)
			}
			if !lasts(kind) {
				return
			}
			s, _ := r.Target("a")
			last := s.Latest.Decision.Reasons[len(s.Latest.Decision.Reasons)-1]
			if refusals, _ := last.Number("refusals"); int(refusals) != n || !strings.Contains(last.Detail, "so the platform said") {
				t.Errorf("reason %s, want %d refusals", last, n)
			}
			// A reload may have brought the permission.
			r.platform.err = nil
			if err := r.Reload(r.parts); err != nil {
				t.Fatal(err)
			}
			r.steps(241, 241)
			if r.platform.warm["a"] == 0 {
				t.Error("not tried at once after a reload")
			}
		})
	}
}

func TestBackoffWaits(t *testing.T) {
	t.Parallel()
	var b backoff
	for i := range 12 {
		b.refused("a", epoch, "no")
		want := min(time.Minute<<i, time.Hour)
		if wait := b.until.Sub(epoch); wait < want*8/10 || wait > want*12/10 {
			t.Errorf("wait %d is %s, want about %s", i+1, wait, want)
		}
	}
	seen := map[time.Duration]bool{}
	for i := range 100 {
		seen[jittered(time.Hour, models.TargetID(fmt.Sprint("t", i)), 1)] = true
	}
	if len(seen) < 90 {
		t.Errorf("100 targets wait for %d different times", len(seen))
	}
}

// TestUnreadableTargetsAreAskedLess counts the readings of a target that the platform does not let read.
func TestUnreadableTargetsAreAskedLess(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.platform.blind = refusal(models.KindNotFound)
	asked := 0
	r.platform.observed = func() { asked++ }
	r.steps(60, 240)
	if asked < 6 || asked > 10 {
		t.Errorf("%d readings in 180 minutes", asked)
	}
	s, _ := r.Target("a")
	if text := fmt.Sprint(s.Latest.Decision.Reasons); !strings.Contains(text, "asked again from") {
		t.Errorf("reasons %s", text)
	}
	r.platform.blind = nil
	r.steps(241, 320)
	if r.platform.warm["a"] == 0 {
		t.Error("never read again")
	}
}

// TestPlatformDown lets a platform fail for half an hour: few calls are made, no intents pile up, and the reason shows.
func TestPlatformDown(t *testing.T) {
	t.Parallel()
	loads := map[models.TargetID]load{}
	for i := range 20 {
		loads[models.TargetID(fmt.Sprintf("f%02d", i))] = steady(300)
	}
	r := newRig(t, loads, func(r *rig) {
		config := actuators.DefaultConfig()
		config.RateLimit, config.Retry.Tries = actuators.RateLimitConfig{}, 1
		a, err := actuators.Decorate(r.platform, "platform", config, actuators.Deps{Permit: r.gate.Permit, Now: func() time.Time { return r.now }})
		if err != nil {
			t.Fatal(err)
		}
		r.parts.Actuators = map[string]actuators.Actuator{"platform": a}
		r.parts.Settings.ObserveEvery, r.parts.Settings.Workers = time.Hour, 1
	})
	r.platform.err = refusal(models.KindTransient)
	r.steps(60, 89)
	if n := r.platform.count(); n > 5+30 {
		t.Errorf("%d writes reached a platform that fails", n)
	}
	if intents := len(r.journal.of(models.EventAction)); intents > 20+30*20 {
		t.Errorf("%d intents", intents)
	}
	held := 0
	for _, s := range r.Targets() {
		if s.Latest.Status == models.StatusFailed || slices.Contains(r.reasons(s.Target.ID), models.ReasonUnavailable) ||
			strings.Contains(s.Latest.Note, "left alone") {
			held++
		}
	}
	if held != 20 {
		t.Errorf("%d of 20 targets say why nothing happens", held)
	}
	r.platform.err = nil
	r.steps(90, 100)
	for id, n := range r.platform.warm {
		if n == 0 {
			t.Errorf("%s was never raised", id)
		}
	}
	if len(r.platform.warm) != 20 {
		t.Errorf("%d targets raised", len(r.platform.warm))
	}
}

// TestForeignChangeIsRecorded follows a change by somebody else through the journal and a restart.
func TestForeignChangeIsRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	ours := r.platform.warm["a"]
	r.platform.set("a", 40)
	r.steps(91, 91)
	notices := r.journal.of(models.EventNotice)
	if len(notices) != 1 {
		t.Fatalf("%d notices", len(notices))
	}
	n := notices[0].Notice
	if n.Code != models.ReasonOutOfBand || n.Observed != models.Warm(40) || n.Marks.Set.Levers() != 0 || n.Marks.Original.Levers() != 0 ||
		n.Marks.LastUp.IsZero() || !n.Until.After(at(91+20)) || n.Times != 1 {
		t.Errorf("notice %+v", n)
	}
	// The next process knows it from the journal alone.
	writes := r.platform.count()
	r.journal.state = map[string][]byte{}
	r.boot()
	r.steps(92, 105)
	if r.platform.count() != writes {
		t.Error("the back-off did not outlast a restart")
	}
	if text := fmt.Sprint(r.reasons("a")); !strings.Contains(text, string(models.ReasonOutOfBand)) {
		t.Errorf("reasons %s", text)
	}
	r.steps(106, 160)
	if r.platform.warm["a"] == 40 {
		t.Error("never taken up again")
	}
	// What a restore puts back is what somebody else gave last.
	outcomes := r.journal.of(models.EventOutcome)
	if m := outcomes[len(outcomes)-1].Outcome.Marks; m.Original != models.Warm(40) {
		t.Errorf("original is %s, want warm 40 (ours was %d)", m.Original, ours)
	}
	if len(r.journal.of(models.EventNotice)) != 1 {
		t.Error("noticed twice")
	}
}

// TestForeignChangeTakenBack goes on at once when the capacity is as it was set.
func TestForeignChangeTakenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	ours, before := r.platform.warm["a"], r.byID["a"].marks
	r.platform.set("a", 40)
	r.steps(91, 92)
	r.platform.set("a", ours)
	r.steps(93, 93)
	if codes := r.reasons("a"); slices.Contains(codes, models.ReasonOutOfBand) {
		t.Errorf("still backing off: %v", codes)
	}
	if u := r.byID["a"]; u.marks != before {
		t.Errorf("marks %+v, want %+v", u.marks, before)
	}
	if n := r.journal.of(models.EventNotice); len(n) != 2 || n[1].Notice.Code != models.ReasonOutOfBandOver {
		t.Errorf("%d notices", len(n))
	}
}

// TestForeignChangesGoOn leaves a target alone as long as somebody else changes it, such as an autoscaler.
func TestForeignChangesGoOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	writes := r.platform.count()
	for m := 91; m < 391; m += 10 {
		r.platform.set("a", 40+m%7)
		r.steps(m, m+9)
	}
	if n := r.platform.count() - writes; n != 0 {
		t.Errorf("%d writes while somebody else kept changing the capacity", n)
	}
	if n := len(r.journal.of(models.EventNotice)); n != 1 {
		t.Errorf("%d notices of one spell", n)
	}
}

// TestTwoPilotlights lets two engines that want different floors meet on one target: they must not fight.
func TestTwoPilotlights(t *testing.T) {
	t.Parallel()
	a := newRig(t, map[models.TargetID]load{"a": steady(300)})
	b := newRig(t, map[models.TargetID]load{"a": steady(1200)}, func(r *rig) { r.platform = a.platform })
	for m := 60; m < 60+12*60; m++ {
		a.steps(m, m)
		b.steps(m, m)
	}
	// One of them works on, the other leaves the target alone for as long as it does.
	first, second := len(a.journal.of(models.EventAction)), len(b.journal.of(models.EventAction))
	if first == 0 || second == 0 || min(first, second) > 5 {
		t.Errorf("%d and %d writes in twelve hours", first, second)
	}
	notices := len(a.journal.of(models.EventNotice)) + len(b.journal.of(models.EventNotice))
	if notices == 0 || notices > 10 {
		t.Errorf("%d notices", notices)
	}
}

// TestForeignBackoffGrows lets somebody change the capacity right after each time that it is taken up again.
func TestForeignBackoffGrows(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	const day = 24 * 60
	for m := 91; m < 91+2*day; m++ {
		if r.platform.warm["a"] != 40 {
			r.platform.set("a", 40)
		}
		r.steps(m, m)
	}
	notices := r.journal.of(models.EventNotice)
	if len(notices) < 5 || len(notices) > 10 {
		t.Fatalf("%d notices in two days", len(notices))
	}
	for i, n := range notices {
		want := min(30*time.Minute<<i, 24*time.Hour)
		if wait := n.Notice.Until.Sub(n.Notice.At); wait < want*8/10 || wait > want*12/10 {
			t.Errorf("back-off %d lasts %s, want about %s", i+1, wait, want)
		}
	}
}

// TestLateEffectIsOurs lets a write take effect only after its end was in doubt.
func TestLateEffectIsOurs(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.platform.err = refusal(models.KindTimeout)
	r.steps(60, 60)
	a := r.journal.of(models.EventAction)[0].Action
	n, _ := a.To.Warm()
	r.platform.set("a", n)
	r.platform.err = nil
	r.steps(61, 70)
	if got := r.journal.of(models.EventNotice); len(got) != 0 {
		t.Errorf("our own late write counts as somebody else's: %+v", got[0].Notice)
	}
	if m := r.byID["a"].marks; m.Original != models.Warm(0) || m.LastUp.IsZero() {
		t.Errorf("marks %+v", m)
	}
}

// TestErrorAfterTheEffect lets writes take effect and fail nevertheless, with each kind of error.
func TestErrorAfterTheEffect(t *testing.T) {
	t.Parallel()
	for _, kind := range models.ErrorKinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, map[models.TargetID]load{"a": steady(300)})
			r.platform.late = refusal(kind)
			r.steps(60, 60)
			outcomes := r.journal.of(models.EventOutcome)
			if len(outcomes) != 1 || outcomes[0].Outcome.Status != models.OutcomeApplied || outcomes[0].Outcome.Marks.Set.Levers() == 0 {
				t.Fatalf("outcomes %+v", outcomes)
			}
			r.platform.late = nil
			r.steps(61, 70)
			if n := r.journal.of(models.EventNotice); len(n) != 0 {
				t.Errorf("our own write counts as somebody else's: %+v", n[0].Notice)
			}
		})
	}
}

// TestChecks holds a write back by each check of the gate in turn, in the order of the list.
func TestChecks(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full")
	leases := NewLeases(func() time.Time { return at(61) })
	for _, c := range []struct {
		code   models.ReasonCode
		status models.OutcomeStatus
		change func(r *rig, w *write)
	}{
		{models.ReasonDryRun, models.OutcomeDryRun, func(_ *rig, w *write) { w.mode = models.ModeDryRun }},
		{models.ReasonPaused, models.OutcomePaused, func(r *rig, _ *write) { r.gate.SetPaused(true) }},
		{models.ReasonStopped, models.OutcomePaused, func(r *rig, w *write) {
			w.restores = true
			r.gate.SetPaused(true)
		}},
		{models.ReasonJournal, models.OutcomeHeld, func(r *rig, _ *write) { r.journalErr.Store(&broken) }},
		{models.ReasonApproval, models.OutcomeHeld, func(_ *rig, w *write) { w.mode = models.ModeApprove }},
		{models.ReasonOutdated, models.OutcomeHeld, func(_ *rig, w *write) { w.decided = "another" }},
		{models.ReasonSuperseded, models.OutcomeHeld, func(_ *rig, w *write) { w.unit.marks.LastUp = at(61) }},
		{models.ReasonOutOfBand, models.OutcomeHeld, func(_ *rig, w *write) { w.unit.foreign.until = at(100) }},
		{models.ReasonGateBounds, models.OutcomeHeld, func(_ *rig, w *write) { w.action.To = models.Warm(51) }},
		{models.ReasonLease, models.OutcomeHeld, func(r *rig, _ *write) {
			_ = leases.Of("another").Take("a", at(100))
			r.deps.Lease = leases.Of("this")
		}},
		{models.ReasonBackOff, models.OutcomeHeld, func(_ *rig, w *write) { w.unit.refused.refused("a", at(61), "no") }},
		{models.ReasonUnavailable, models.OutcomeHeld, func(_ *rig, w *write) { w.unit.actuator = down{w.unit.actuator} }},
		{models.ReasonExpired, models.OutcomeExpired, func(_ *rig, w *write) { w.action.Expires = at(61) }},
	} {
		t.Run(string(c.code), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, map[models.TargetID]load{"a": steady(300)})
			r.platform.err = refusal(models.KindConflict)
			r.steps(61, 61)
			r.platform.err = nil
			before := r.platform.count()
			u := r.byID["a"]
			d := u.latest.Decision
			w := r.writeOf(u, &d, at(61))
			if h := r.admitWrite(w, at(61), sending); h != nil {
				t.Fatalf("an ordinary write is held back: %v", h)
			}
			c.change(r, w)
			h := r.admitWrite(w, at(61), sending)
			if h == nil || h.reason.Code != c.code || h.reason.Code.Meaning() == "" {
				t.Fatalf("held by %v, want %s", h, c.code)
			}
			r.send(t.Context(), w)
			if n := r.platform.count() - before; n != 0 {
				t.Errorf("%d writes", n)
			}
			// What arises after the first look is found by the last one, right before the request.
			// But whether to call the platform at all is not asked from within the call.
			if err := actuators.MayWrite(r.lastLook(t.Context(), w)); (err == nil) != (c.code == models.ReasonUnavailable) {
				t.Errorf("the last look returned %v", err)
			}
			o := u.closed[len(u.closed)-1].Outcome
			if o.Status != c.status || o.Held != c.code || o.Error == "" {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

// down is an actuator of a platform that is left alone.
type down struct{ actuators.Actuator }

func (down) Available() error {
	return &actuators.Error{Kind: models.KindTransient, Op: "call", Err: actuators.ErrUnavailable}
}

// TestChecksAreComplete checks that each check has its own code and is tested above.
func TestChecksAreComplete(t *testing.T) {
	t.Parallel()
	var codes []models.ReasonCode
	for _, c := range checks() {
		if slices.Contains(codes, c.code) || c.sentinel == nil || c.holds == nil || c.code.Meaning() == "" {
			t.Errorf("check %+v", c)
		}
		codes = append(codes, c.code)
	}
	if len(codes) != 13 {
		t.Errorf("%d checks; add the new one to TestChecks", len(codes))
	}
}

// TestBoundsAtTheGate lets a policy ask for more than the limits of the target: nothing is written.
func TestBoundsAtTheGate(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 60)
	u := r.byID["a"]
	writes := r.platform.count()
	d := u.latest.Decision
	d.At, d.Current, d.Desired, d.Mode = at(61), u.observation.Capacity, models.Warm(51), models.ModeAuto
	p := r.settle(u, d, at(61))
	if p.write != nil || u.latest.Decision.Desired.Levers() != 0 || !slices.Contains(r.reasons("a"), models.ReasonDryRun) &&
		u.latest.Decision.Reasons[len(u.latest.Decision.Reasons)-1].Code != models.ReasonGateBounds {
		t.Errorf("%+v, %v", p, u.latest.Decision)
	}
	if r.platform.count() != writes {
		t.Error("written")
	}
}

// TestApproveLooksAgain refuses to carry out what was decided on another capacity than the present one.
func TestApproveLooksAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) {
		r.parts.Settings.Mode, r.parts.Settings.ObserveEvery = models.ModeApprove, time.Hour
	})
	r.steps(60, 80)
	s, _ := r.Target("a")
	r.platform.set("a", 33)
	_, err := r.Approve(t.Context(), s.Latest.Decision.ID, "ann", "")
	if !errors.Is(err, models.ErrConflict) || !strings.Contains(err.Error(), "warm 33") || r.platform.count() != 0 {
		t.Errorf("%v, %d writes", err, r.platform.count())
	}
	if n := len(r.journal.of(models.EventAction)); n != 0 {
		t.Errorf("%d intents", n)
	}
}

// TestApproveDoesNotStopTheOthers lets a Step go on for other targets while an approved write is under way.
func TestApproveDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeApprove })
	r.steps(60, 80)
	s, _ := r.Target("a")
	free := false
	r.platform.applied = func() {
		if free = r.step.TryLock(); free {
			r.step.Unlock()
		}
	}
	if _, err := r.Approve(t.Context(), s.Latest.Decision.ID, "ann", ""); err != nil || !free {
		t.Errorf("%v; the lock of Steps was free: %v", err, free)
	}
}

// TestLeases lets two engines in one process share targets.
func TestLeases(t *testing.T) {
	t.Parallel()
	now := epoch
	leases := NewLeases(func() time.Time { return now })
	a, b := leases.Of("a"), leases.Of("b")
	if err := a.Holds("f"); !errors.Is(err, models.ErrConflict) {
		t.Errorf("held before it was taken: %v", err)
	}
	if err := errors.Join(a.Take("f", now.Add(time.Minute)), a.Holds("f"), a.Take("f", now.Add(2*time.Minute))); err != nil {
		t.Error(err)
	}
	for _, err := range []error{b.Take("f", now.Add(time.Hour)), b.Holds("f")} {
		if !errors.Is(err, models.ErrConflict) || !strings.Contains(err.Error(), "held by a") {
			t.Errorf("got %v", err)
		}
	}
	now = now.Add(2 * time.Minute)
	if err := a.Holds("f"); !errors.Is(err, models.ErrConflict) {
		t.Errorf("held after it ran out: %v", err)
	}
	if err := errors.Join(b.Take("f", now.Add(time.Hour)), b.Holds("f")); err != nil {
		t.Error(err)
	}
}

// TestLeaseOfAnother writes nothing to a target that another engine holds, and says so.
func TestLeaseOfAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": steady(300)})
	leases := NewLeases(func() time.Time { return r.now })
	if err := leases.Of("another").Take("a", at(70)); err != nil {
		t.Fatal(err)
	}
	r.deps.Lease = leases.Of("this")
	r.steps(60, 69)
	if r.platform.warm["a"] != 0 || r.platform.warm["b"] == 0 || !slices.Contains(r.reasons("a"), models.ReasonLease) {
		t.Errorf("floors %v, reasons %v", r.platform.warm, r.reasons("a"))
	}
	r.steps(70, 71)
	if r.platform.warm["a"] == 0 {
		t.Error("not taken over after the lease ran out")
	}
}

// TestPauseWhileTheAdapterReads withdraws the permission between the first look and the request.
func TestPauseWhileTheAdapterReads(t *testing.T) {
	t.Parallel()
	var r *rig
	r = newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r2 *rig) {
		r2.parts.Actuators = map[string]actuators.Actuator{"platform": &reading{Actuator: r2.platform, before: func() {
			if _, err := r.Pause(context.WithoutCancel(t.Context()), "ann", ""); err != nil {
				t.Error(err)
			}
		}}}
	})
	r.steps(60, 60)
	o := r.journal.of(models.EventOutcome)
	if r.platform.count() != 0 || len(o) != 1 || o[0].Outcome.Status != models.OutcomePaused {
		t.Errorf("%d writes, outcomes %+v", r.platform.count(), o)
	}
}

// reading is an adapter that reads before it writes, as most do.
type reading struct {
	actuators.Actuator
	before func()
}

func (p *reading) Apply(ctx context.Context, t models.Target, a models.Action) error {
	p.before()
	if err := actuators.MayWrite(ctx); err != nil {
		return err
	}
	return p.Actuator.Apply(ctx, t, a)
}

// TestVanishedTargetsAreForgotten lets a target vanish: it goes, its marks stay for a restore, and it is recorded.
func TestVanishedTargetsAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": steady(300)}, func(r *rig) {
		r.parts.Settings.ForgetAfter, r.parts.Settings.CheckpointEvery = 2*time.Hour, time.Minute
	})
	r.platform.set("a", 7)
	r.steps(60, 80)
	r.collector.mu.Lock()
	kept := r.collector.loads["a"]
	delete(r.collector.loads, "a")
	r.collector.mu.Unlock()
	r.steps(81, 199)
	if _, err := r.Target("a"); err != nil {
		t.Errorf("forgotten too early: %v", err)
	}
	// An outage of the collector is no reason to forget anything.
	r.collector.fail(errors.New("down"))
	r.steps(200, 230)
	if len(r.Targets()) != 2 {
		t.Errorf("%d targets during an outage", len(r.Targets()))
	}
	r.collector.fail(nil)
	r.steps(231, 232)
	if _, err := r.Target("a"); !errors.Is(err, models.ErrNotFound) || len(r.Targets()) != 1 {
		t.Errorf("not forgotten: %v", err)
	}
	n := r.journal.of(models.EventNotice)
	if len(n) != 1 || n[0].Notice.Code != models.ReasonForgotten || n[0].Notice.Marks.Original != models.Warm(7) ||
		!strings.Contains(n[0].Notice.Text, "warm 7") {
		t.Errorf("notices %+v", n)
	}
	if state := r.journal.state["target/a"]; len(state) != 0 {
		t.Errorf("%d bytes of state are left", len(state))
	}
	// It comes back with its marks, and can be restored meanwhile.
	r.collector.mu.Lock()
	r.collector.loads["a"] = kept
	r.collector.mu.Unlock()
	r.steps(233, 233)
	if u := r.byID["a"]; u == nil || u.marks.Original != models.Warm(7) {
		t.Error("came back without its marks")
	}
}

// TestReloadLearnsAnew applies another predictor to the targets that are there.
func TestReloadLearnsAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	u := r.byID["a"]
	before, known := u.predictor, u.known
	if err := r.Reload(r.parts); err != nil || u.predictor != before {
		t.Errorf("an unchanged block: %v", err)
	}
	r.parts.Predictor.Horizon *= 2
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(91, 91)
	if u.predictor == before || u.predictor.Horizon() == before.Horizon() {
		t.Error("the old predictor is still there")
	}
	if u.known < known {
		t.Errorf("it knows %d steps, before %d: history was not read again", u.known, known)
	}
}

// TestReloadToAnotherRef does not take what was set on one thing for the state of another.
func TestReloadToAnotherRef(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	r.steps(60, 90)
	set := r.byID["a"].marks.Set
	resolver, ok := r.parts.Resolver.(everyTarget)
	if !ok {
		t.Fatalf("the resolver is a %T", r.parts.Resolver)
	}
	resolver.ref = "another:alias"
	r.parts.Resolver = resolver
	r.now = at(90)
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	if m := r.byID["a"].marks; m.Touched() || m.LastUp.IsZero() {
		t.Errorf("marks %+v", m)
	}
	r.platform.set("a", 3) // what the other alias has
	r.steps(91, 92)
	n := r.journal.of(models.EventNotice)
	if len(n) != 1 || n[0].Notice.Code != models.ReasonMoved || n[0].Notice.Before.Set != set || n[0].Notice.Before.Ref != "a" {
		t.Errorf("notices %+v", n)
	}
	if m := r.byID["a"].marks; m.Original != models.Warm(3) || m.Ref != "another:alias" {
		t.Errorf("marks %+v", m)
	}
}

// TestRefusedTargetsAreTold tells why a target is not taken, until it is.
func TestRefusedTargetsAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300), "b": steady(300)}, func(r *rig) {
		resolver, ok := r.parts.Resolver.(everyTarget)
		if !ok {
			t.Fatalf("the resolver is a %T", r.parts.Resolver)
		}
		resolver.refuse = map[models.TargetID]error{"b": errors.New("no label alias")}
		r.parts.Resolver = resolver
	})
	r.steps(60, 61)
	if got := r.Refused(); len(got) != 1 || got[0] != (models.RefusedTarget{ID: "b", Collector: "prod", Why: "no label alias"}) {
		t.Errorf("refused %+v", got)
	}
	resolver, _ := r.parts.Resolver.(everyTarget)
	resolver.refuse = nil
	r.parts.Resolver = resolver
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(62, 62)
	if got := r.Refused(); len(got) != 0 || len(r.Targets()) != 2 {
		t.Errorf("refused %+v", got)
	}
}

// TestChecksAreDocumented compares the table of docs/actuators.md with the list.
func TestChecksAreDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/actuators.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range checks() {
		restore := "no"
		if c.restoring {
			restore = "yes"
		}
		want = append(want, string(c.code)+" "+restore)
	}
	var got []string
	_, table, _ := strings.Cut(string(data), "| check |")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			got = append(got, strings.Trim(cells[1], " `")+" "+strings.TrimSpace(cells[3]))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/actuators.md has the checks %q, want %q", got, want)
	}
}

// TestBackoffAfterTheClockWasAhead does not wait for a time that the clock was wrong about.
func TestBackoffAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[models.TargetID]load{"a": steady(300)})
	const ahead = 10 * 24 * 60
	r.platform.err = refusal(models.KindUnauthorized)
	r.steps(ahead, ahead+20)
	r.platform.err = nil
	for m := 60; m < 64; m++ { // it is believed after three steps
		r.now = at(m)
		_ = r.Step(t.Context(), r.now)
	}
	r.steps(64, 80)
	if r.platform.warm["a"] == 0 {
		t.Errorf("still backing off: %v", r.reasons("a"))
	}
}
