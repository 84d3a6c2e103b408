package advice

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"pilotlight/models"
)

const (
	maxNoteText = 2000
	// noteAge is how long notes are kept.
	noteAge = 14 * 24 * time.Hour
)

// Notes returns what happened of late, the newest first.
func (s *Service) Notes() []models.Note {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.kept.Notes)
	slices.Reverse(all)
	return all
}

// AddNotes takes down what happened, all of it or nothing. A note that is there already is not taken twice.
func (s *Service) AddNotes(ctx context.Context, notes []models.Note, by string) error {
	now := s.deps.Now()
	fresh := make([]models.Note, 0, len(notes))
	for i := range notes {
		n := notes[i]
		n.Author = cmp.Or(n.Author, by)
		if n.At.IsZero() {
			n.At = now
		}
		n.At = n.At.UTC()
		if err := checkNote(&n, now); err != nil {
			return fmt.Errorf("note %d: %w", i+1, err)
		}
		fresh = append(fresh, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range fresh {
		if !slices.ContainsFunc(s.kept.Notes, func(old models.Note) bool { return old == n }) {
			s.kept.Notes = append(s.kept.Notes, n)
		}
	}
	slices.SortStableFunc(s.kept.Notes, func(a, b models.Note) int { return a.At.Compare(b.At) })
	s.kept.Notes = slices.DeleteFunc(s.kept.Notes, func(n models.Note) bool { return now.Sub(n.At) > noteAge })
	if over := len(s.kept.Notes) - maxNotes; over > 0 {
		s.kept.Notes = slices.Delete(s.kept.Notes, 0, over)
	}
	s.save(ctx)
	return nil
}

// checkNote says why a note cannot be taken, or returns nil.
func checkNote(n *models.Note, now time.Time) error {
	switch {
	case n.Kind == "" || n.Text == "":
		return fmt.Errorf("kind and text are needed: %w", models.ErrInvalid)
	case len(n.Text)+len(n.Kind)+len(n.Group)+len(n.Author) > maxNoteText:
		return fmt.Errorf("it is longer than %d bytes: %w", maxNoteText, models.ErrInvalid)
	case !utf8.ValidString(n.Text + n.Kind + n.Group + n.Author):
		return fmt.Errorf("it is not UTF-8: %w", models.ErrInvalid)
	case now.Sub(n.At) > noteAge || n.At.Sub(now) > noteAge:
		return fmt.Errorf("its time %s is not within %s of now: %w", n.At.Format(time.RFC3339), noteAge, models.ErrInvalid)
	}
	if n.Target != "" {
		return n.Target.Validate()
	}
	return nil
}
