package engine

import (
	"errors"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// pending returns a rig in mode approve whose target "a" waits for an answer at minute 80.
func pending(t *testing.T) (r *rig, id string) {
	t.Helper()
	r = newRig(t, map[models.TargetID]load{"a": steady(300)}, func(r *rig) { r.parts.Settings.Mode = models.ModeApprove })
	r.steps(60, 80)
	s, err := r.Target("a")
	if err != nil || s.Latest.Status != models.StatusPending {
		t.Fatalf("%+v, %v", s.Latest, err)
	}
	return r, s.Latest.Decision.ID
}

// TestApprovalIsGoodForOneAction checks that a restart does not repeat an approved action that failed.
func TestApprovalIsGoodForOneAction(t *testing.T) {
	t.Parallel()
	r, id := pending(t)
	r.platform.err = &actuators.Error{Kind: models.KindThrottled, Op: "put", Err: errors.New("slow down")}
	if rec, err := r.Approve(t.Context(), id, "ann", ""); err != nil || rec.Status != models.StatusFailed {
		t.Fatalf("%s, %v", rec.Status, err)
	}
	r.platform.err = nil
	r.boot()
	r.steps(81, 85)
	if n := r.platform.count(); n != 1 {
		t.Errorf("%d writes for one approval", n)
	}
	if s, _ := r.Target("a"); s.Latest.Status != models.StatusPending {
		t.Errorf("after the restart: %s", s.Latest.Status)
	}
}

// TestApprovalBeforeAKill kills the process between an approval and its action: the next one carries it out if it comes
// soon, and asks again if it does not.
func TestApprovalBeforeAKill(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ back, writes int }{"soon": {81, 1}, "late": {82, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, id := pending(t)
			given := models.Approval{Decision: id, Target: "a", At: at(80).Add(30 * time.Second), By: "ann", Approved: true}
			if err := r.journal.Append(t.Context(), models.NewApprovalEvent(given)); err != nil {
				t.Fatal(err)
			}
			r.boot()
			r.steps(test.back, test.back)
			if n := r.platform.count(); n != test.writes {
				t.Errorf("%d writes, want %d", n, test.writes)
			}
			// It must be held back for its age, and not because the advice is another one.
			if s, _ := r.Target("a"); test.writes == 0 && (s.Latest.Decision.ID != id || s.Latest.Status != models.StatusPending) {
				t.Errorf("the advice is %s and %s, want %s and pending", s.Latest.Decision.ID, s.Latest.Status, id)
			}
		})
	}
}

func TestRejectionSurvivesARestart(t *testing.T) {
	t.Parallel()
	r, id := pending(t)
	if _, err := r.Reject(t.Context(), id, "ann", "not today"); err != nil {
		t.Fatal(err)
	}
	r.boot()
	r.steps(81, 82)
	if s, _ := r.Target("a"); s.Latest.Status != models.StatusRejected || s.Latest.By != "ann" || s.Latest.Note != "not today" {
		t.Errorf("after the restart: %+v", s.Latest)
	}
}

// TestOldAdviceCannotBeApproved stops the steps: what was advised hours ago must not be written.
func TestOldAdviceCannotBeApproved(t *testing.T) {
	t.Parallel()
	r, id := pending(t)
	r.now = at(80 + 120)
	if _, err := r.Approve(t.Context(), id, "ann", ""); !errors.Is(err, models.ErrExpired) || r.platform.count() != 0 {
		t.Errorf("%v, %d writes", err, r.platform.count())
	}
}

// TestAdviceOfAnotherConfigurationCannotBeApproved lowers the limit by a reload: what was advised under the old limit must
// not be written.
func TestAdviceOfAnotherConfigurationCannotBeApproved(t *testing.T) {
	t.Parallel()
	r, id := pending(t)
	parts := r.parts
	parts.Settings.ConfigHash = "second"
	resolver, ok := parts.Resolver.(everyTarget)
	if !ok {
		t.Fatalf("resolver is a %T", parts.Resolver)
	}
	resolver.max = 2
	parts.Resolver = resolver
	if err := r.Reload(parts); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Approve(t.Context(), id, "ann", ""); !errors.Is(err, models.ErrExpired) || r.platform.count() != 0 {
		t.Errorf("%v, %d writes of %v", err, r.platform.count(), r.platform.warm)
	}
}
