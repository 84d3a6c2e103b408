package advice

import (
	"context"
	"fmt"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// maxGroupTrials bounds the targets of a group that a pattern is tried on.
const maxGroupTrials = 20

// try lets the back-test decide about patterns.
func (s *Service) try(ctx context.Context, patterns []advisor.Pattern, record *models.AdviceRecord) {
	for _, p := range patterns {
		if p.Member == "" && p.Period == 0 {
			continue // a label alone proposes nothing
		}
		for _, id := range s.patternTargets(&p) {
			trial, err := s.deps.Forecasters.TryPattern(ctx, id, string(p.Label), p.Member, p.Period)
			if err != nil {
				record.Dropped = append(record.Dropped, fmt.Sprintf("pattern of %q: %v", id, err))
				continue
			}
			s.mu.Lock()
			s.kept.Patterns = append(s.kept.Patterns, trial)
			if over := len(s.kept.Patterns) - maxPatterns; over > 0 {
				s.kept.Patterns = s.kept.Patterns[over:]
			}
			s.mu.Unlock()
		}
	}
}

// patternTargets returns the targets that a pattern is about.
func (s *Service) patternTargets(p *advisor.Pattern) []models.TargetID {
	if p.Target != "" {
		return []models.TargetID{p.Target}
	}
	var ids []models.TargetID
	for _, t := range s.deps.Fleet.Targets() {
		if t.Target.Group == p.Group && len(ids) < maxGroupTrials {
			ids = append(ids, t.Target.ID)
		}
	}
	return ids
}
