package faults

import "pilotlight/models"

// verify checks what must hold whatever went wrong.
func (r *rig) verify(had models.Capacity) {
	r.t.Helper()
	intents, outcomes := map[string]models.Action{}, map[string]models.Outcome{}
	var marks models.Marks
	for _, e := range r.journal.all() {
		switch {
		case e.Action != nil:
			intents[e.Action.ID] = *e.Action
		case e.Outcome != nil:
			if _, twice := outcomes[e.Outcome.Action]; twice {
				r.t.Errorf("action %s has two outcomes", e.Outcome.Action)
			}
			outcomes[e.Outcome.Action], marks = *e.Outcome, e.Outcome.Marks
		case e.Notice != nil:
			r.t.Errorf("our own write counts as somebody else's: %s", e.Notice.Text)
		}
	}
	for id, a := range intents {
		if _, ok := outcomes[id]; !ok {
			r.t.Errorf("action %s to %s has no outcome", id, a.To)
		}
	}
	r.verifySent(outcomes)
	obs, err := r.stage.Actuator.Observe(r.t.Context(), r.target)
	if err != nil {
		r.t.Fatal(err)
	}
	if !obs.Capacity.Satisfies(marks.Set) || marks.Set.Levers() == 0 {
		r.t.Errorf("the journal says %s was set, the platform shows %s", marks.Set, obs.Capacity)
	}
	if n, _ := marks.Set.Warm(); n != r.stage.floor() {
		r.t.Errorf("the journal says %s was set, the platform has a floor of %d", marks.Set, r.stage.floor())
	}
	if marks.Original != had {
		r.t.Errorf("the journal says %s was there before, it was %s", marks.Original, had)
	}
}

// verifySent checks that no action had its effect twice, was sent by two processes, or is told of otherwise than it happened.
func (r *rig) verifySent(outcomes map[string]models.Outcome) {
	effects, by, to := map[string]int{}, map[string]int{}, map[string]models.Capacity{}
	// unseen are the capacities whose effect nobody could see, on a platform that cannot be asked.
	unseen := map[models.Capacity]bool{}
	for _, s := range r.sent {
		to[s.action.ID] = s.action.To
		effects[s.action.ID] += s.effects
		if other, ok := by[s.action.ID]; ok && other != s.process {
			r.t.Errorf("action %s was sent by process %d and by %d", s.action.ID, other, s.process)
		}
		by[s.action.ID] = s.process
	}
	total := 0
	for id, n := range effects {
		total += n
		if n > 1 {
			r.t.Errorf("action %s was applied %d times", id, n)
		}
		switch status := outcomes[id].Status; {
		case n == 0 || status == models.OutcomeApplied:
		case status == models.OutcomeUnknown && r.stage.wire != nil && r.stage.wire.blind:
			unseen[to[id]] = true
		default:
			r.t.Errorf("action %s had its effect, the journal says %s: %s", id, status, outcomes[id].Error)
		}
	}
	for id, o := range outcomes {
		if o.Status == models.OutcomeApplied && effects[id] == 0 && !unseen[to[id]] {
			r.t.Errorf("action %s had no effect, the journal says applied", id)
		}
	}
	if total < 2 {
		r.t.Errorf("%d effective writes: too few to prove anything", total)
	}
}
