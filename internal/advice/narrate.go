package advice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// Narrate explains the latest decision about a target out of its recorded reasons; question may be empty. With an advisor it is put into
// words, else and where that fails the reasons stand as they are recorded. It returns models.ErrNotFound for an unknown target, and
// models.ErrNoData if nothing has been decided yet.
func (s *Service) Narrate(ctx context.Context, id models.TargetID, question string) (models.Narrative, error) {
	t, err := s.deps.Fleet.Target(id)
	if err != nil {
		return models.Narrative{}, err
	}
	if t.Latest == nil {
		return models.Narrative{}, fmt.Errorf("target %q: nothing has been decided yet: %w", id, models.ErrNoData)
	}
	d := &t.Latest.Decision
	n := models.Narrative{
		Target: id, At: d.At, Decision: d.ID, Question: cmp.Or(question, "Why is the capacity as it is, and what does Pilotlight want?"), Facts: factsOf(&t),
	}
	client := s.adviser()
	if client == nil {
		n.Plain()
		return n, nil
	}
	facts := advisor.Facts{Target: id, Group: t.Target.Group, Question: n.Question}
	for _, f := range n.Facts {
		facts.Facts = append(facts.Facts, advisor.Fact{ID: f.ID, Text: f.Text})
	}
	said, record, err := client.Explain(ctx, facts)
	if failed := errors.Join(err, s.conclude(ctx, &record, err)); failed != nil {
		n.Plain()
		n.Problem = failed.Error()
		return n, context.Cause(ctx)
	}
	n.Advisor = client.Name()
	for _, x := range said.Sentences {
		n.Sentences = append(n.Sentences, models.Sentence{Text: x.Text, Facts: x.Facts})
	}
	return n, nil
}

// factsOf puts what is recorded about a target into words.
func factsOf(t *models.TargetStatus) []models.Fact {
	d := &t.Latest.Decision
	facts := []models.Fact{{ID: "decision", Text: fmt.Sprintf("at %s the capacity was %s, wanted is %s, in mode %s; the recommendation is %s",
		d.At.Format(time.RFC3339), words(d.Current), words(d.Desired), d.Mode, t.Latest.Status)}}
	for i, r := range d.Reasons {
		facts = append(facts, models.Fact{ID: fmt.Sprintf("reason %d: %s", i+1, r.Code), Text: r.String()})
	}
	l := t.Target.Limits
	facts = append(facts, models.Fact{ID: "limits", Text: fmt.Sprintf("the floor may be from %d to %d warm instances", l.MinWarm, l.MaxWarm)})
	for i, p := range t.Problems {
		facts = append(facts, models.Fact{ID: fmt.Sprintf("problem %d", i+1), Text: p})
	}
	return facts
}

// words puts a capacity into words.
func words(c models.Capacity) string {
	if c.Levers() == 0 {
		return "unknown or left alone"
	}
	return c.String()
}
