package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/policy"
)

// meritKey is who says something, and of what kind it is.
type meritKey struct {
	name string
	kind models.AdviceKind
}

// merit is the record of one kind of hints of one source.
type merit struct {
	trust policy.Trust
	score models.HintScore
	// last is when the newest event began that was counted.
	last time.Time
}

// meritsKey is where the records are kept in the store of states.
const meritsKey = "merits"

// savedMerit is the form in which a record is kept.
type savedMerit struct {
	Trust policy.Trust     `json:"trust"`
	Score models.HintScore `json:"score"`
	Last  time.Time        `json:"last"`
}

// reward closes the books of a Step: what came of hints and advice is added up over the targets, by who said it, and trust follows.
func (e *Engine) reward() {
	sums := map[meritKey]*struct{ with, without float64 }{}
	var keys []meritKey
	for _, u := range e.units {
		if u.lift == nil {
			continue
		}
		for i := range u.lift.trials.scores {
			s := &u.lift.trials.scores[i]
			m := e.merits[s.merit]
			if m == nil {
				m = &merit{trust: policy.NewTrust(), score: models.HintScore{Source: s.merit.name, Kind: s.merit.kind}}
				e.merits[s.merit] = m
			}
			m.add(s)
			sum := sums[s.merit]
			if sum == nil {
				sum = &struct{ with, without float64 }{}
				sums[s.merit] = sum
				keys = append(keys, s.merit)
			}
			sum.with, sum.without = sum.with+s.withCost, sum.without+s.withoutCost
		}
		u.lift.trials.scores = nil
	}
	if len(keys) == 0 {
		return
	}
	for _, k := range keys {
		e.merits[k].trust.Update(sums[k].with, sums[k].without)
	}
	e.publishMerits()
}

// add adds a score to the record.
func (m *merit) add(s *score) {
	r := &m.score
	if s.began.After(m.last) {
		m.last = s.began
		r.Events++
	}
	r.Steps++
	r.CostWith += s.withCost
	r.CostWithout += s.withoutCost
	r.ColdStartsWith += s.withColds
	r.ColdStartsWithout += s.withoutColds
	r.IdleGBsWith += s.withIdleGB
	r.IdleGBsWithout += s.withoutIdleGB
	r.LossWith += s.withLoss
	r.LossWithout += s.withoutLoss
	saved := (s.withoutCost - s.withCost) * s.usd
	r.BenefitUSD += saved
	r.EarnedUSD += saved * m.trust.Weight()
}

// publishMerits makes the records those that readers see.
func (e *Engine) publishMerits() {
	all := make([]models.HintScore, 0, len(e.merits))
	for _, m := range e.merits {
		s := m.score
		s.Weight, s.Earned, s.State = m.trust.Weight(), m.trust.Earned(), string(m.trust.State)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b models.HintScore) int { return bySource(&a, &b) })
	e.scores.Store(&all)
}

// bySource orders records by who they are about.
func bySource(a, b *models.HintScore) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Kind, b.Kind))
}

// HintScores returns what came of hints and advice so far, by source and kind.
func (e *Engine) HintScores() []models.HintScore { return slices.Clone(*e.scores.Load()) }

// saveMerits keeps the records over a restart.
func (e *Engine) saveMerits(ctx context.Context) error {
	if len(e.merits) == 0 {
		return nil
	}
	all := make([]savedMerit, 0, len(e.merits))
	for _, m := range e.merits {
		all = append(all, savedMerit{m.trust, m.score, m.last})
	}
	slices.SortFunc(all, func(a, b savedMerit) int { return bySource(&a.Score, &b.Score) })
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return e.deps.State.SaveState(ctx, meritsKey, data)
}

// loadMerits takes the records of before the start. Those that cannot be read begin anew, in shadow.
func (e *Engine) loadMerits(ctx context.Context) {
	data, err := e.deps.State.LoadState(ctx, meritsKey)
	if errors.Is(err, models.ErrNotFound) {
		return
	}
	var all []savedMerit
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	for i := range all {
		m := &all[i]
		if bad := m.Trust.Validate(); bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		e.merits[meritKey{m.Score.Source, m.Score.Kind}] = &merit{trust: m.Trust, score: m.Score, last: m.Last}
	}
	if err != nil {
		e.log.WarnContext(ctx, "records of advice cannot be read; they begin anew", "err", err)
	}
	e.publishMerits()
}
