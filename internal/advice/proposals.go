package advice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// ParseHints reads hints out of what an operator says; zone is the IANA name of the zone that is meant, empty the configured one. Nothing
// is in force until somebody confirms the proposal. It returns models.ErrNotFound if there is no advisor.
func (s *Service) ParseHints(ctx context.Context, text, zone, by string) (models.HintProposal, error) {
	client, config, err := s.enabled()
	if err != nil {
		return models.HintProposal{}, err
	}
	if zone != "" {
		config.TimeZone = zone
	}
	location, err := config.Zone()
	if err != nil {
		return models.HintProposal{}, err
	}
	now := s.deps.Now()
	read, record, err := client.ParseHints(ctx, text, now, location, s.known())
	err = unavailable(err)
	record.Kept, record.Dropped = read.Hints, append(slices.Clone(read.Clipped), read.Dropped...)
	if err := errors.Join(err, s.conclude(ctx, &record, err)); err != nil {
		return models.HintProposal{}, err
	}
	p := models.HintProposal{
		ID: models.NewID("proposal", models.TargetID(by), now, text), At: now, By: by, Text: text, Hints: read.Hints, Questions: read.Questions,
		Clipped: read.Clipped, Dropped: read.Dropped, Expires: now.Add(proposalTTL),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proposals = slices.DeleteFunc(s.proposals, func(old models.HintProposal) bool { return old.ID == p.ID || !now.Before(old.Expires) })
	if len(s.proposals) >= maxProposals {
		s.proposals = s.proposals[1:]
	}
	s.proposals = append(s.proposals, p)
	return p, nil
}

// known lists what a text may be about.
func (s *Service) known() advisor.Known {
	var k advisor.Known
	for _, t := range s.deps.Fleet.Targets() {
		k.Targets = append(k.Targets, t.Target.ID)
		if g := t.Target.Group; g != "" && !slices.Contains(k.Groups, g) {
			k.Groups = append(k.Groups, g)
		}
	}
	slices.Sort(k.Groups)
	return k
}

// Proposal returns a proposal that can still be confirmed. It returns models.ErrNotFound for an unknown one, and models.ErrExpired.
func (s *Service) Proposal(id string) (models.HintProposal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.proposals {
		if p.ID != id {
			continue
		}
		if !s.deps.Now().Before(p.Expires) {
			return models.HintProposal{}, fmt.Errorf("proposal %q could be confirmed until %s: have the text read again: %w",
				id, p.Expires.Format(time.RFC3339), models.ErrExpired)
		}
		return p, nil
	}
	return models.HintProposal{}, fmt.Errorf("proposal %q: %w", id, models.ErrNotFound)
}

// ConfirmHints puts the hints of a proposal into force, and who confirms them is their author. Confirming again changes nothing.
func (s *Service) ConfirmHints(ctx context.Context, id, by string) ([]models.Hint, error) {
	p, err := s.Proposal(id)
	if err != nil {
		return nil, err
	}
	if len(p.Hints) == 0 {
		return nil, fmt.Errorf("proposal %q has no hints to confirm; say more, see its questions: %w", id, models.ErrConflict)
	}
	all := slices.Clone(p.Hints)
	for i := range all {
		all[i].Source, all[i].Author, all[i].Confidence = models.HintAPI, by, 0
		if all[i].ID == "" {
			all[i].ID = fmt.Sprintf("%s-%d", p.ID[:12], i+1)
		}
	}
	return s.deps.Hints.AddHints(ctx, all, by)
}
