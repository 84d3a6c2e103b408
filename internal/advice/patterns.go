package advice

import (
	"context"
	"fmt"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// maxGroupTrials bounds the targets of a group that a pattern is tried on.
const maxGroupTrials = 20

const (
	// trialEvery is how long the same proposal is not tried again, maxTrials how many may be tried on a target in that time.
	trialEvery = 24 * time.Hour
	maxTrials  = 3
)

// try lets the back-test decide about patterns.
func (s *Service) try(ctx context.Context, patterns []advisor.Pattern, record *models.AdviceRecord) {
	for _, p := range patterns {
		if p.Member == "" && p.Period == 0 {
			continue // a label alone proposes nothing
		}
		for _, id := range s.patternTargets(&p) {
			if why := s.tooOften(id, &p); why != "" {
				record.Dropped = append(record.Dropped, fmt.Sprintf("pattern of %q: %s", id, why))
				continue
			}
			trial, err := s.deps.Forecasters.TryPattern(ctx, id, string(p.Label), p.Member, p.Period)
			if err != nil {
				record.Dropped = append(record.Dropped, fmt.Sprintf("pattern of %q: %v", id, err))
				continue
			}
			record.Patterns = append(record.Patterns, trial)
			s.mu.Lock()
			s.kept.Patterns = append(s.kept.Patterns, trial)
			if over := len(s.kept.Patterns) - maxPatterns; over > 0 {
				s.kept.Patterns = s.kept.Patterns[over:]
			}
			s.mu.Unlock()
		}
	}
}

// tooOften says why a proposal is not tried: who tries again and again is right by luck in the end. It returns "" for one that is.
func (s *Service) tooOften(id models.TargetID, p *advisor.Pattern) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, tried := s.deps.Now(), 0
	for _, t := range s.kept.Patterns {
		if t.Target != id || now.Sub(t.At) >= trialEvery {
			continue
		}
		if t.Member == p.Member && t.Period == p.Period {
			return "it was tried within the last day"
		}
		tried++
	}
	if tried >= maxTrials {
		return fmt.Sprintf("%d others were tried within the last day, which is enough", tried)
	}
	return ""
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
