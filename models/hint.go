package models

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// HintSource says where a hint came from.
type HintSource string

// The sources of hints.
const (
	// HintConfig is a hint of the configuration file.
	HintConfig HintSource = "config"
	// HintAPI is a hint that somebody gave over the API, or confirmed there.
	HintAPI HintSource = "api"
	// HintCalendar is a hint from an iCalendar file.
	HintCalendar HintSource = "calendar"
	// HintAdvisor is a hint that the advisor gave. It counts for as much as the advisor has earned.
	HintAdvisor HintSource = "advisor"
)

// The bounds of hints. Those of a model are narrower, see the configuration of the advisor.
const (
	MaxHintMultiplier = 1000
	MaxHintFloor      = 1 << 20
	MaxHintSpan       = 366 * 24 * time.Hour
	maxHintText       = 2000
	maxHintPatterns   = 100
	maxHintPattern    = 512
)

// HintSelector says which targets a hint is about: those that match all the parts that are set. With none set it is about every target.
type HintSelector struct {
	// Targets are globs of target ids, in which * stands for any characters and ? for one; a target has to match one of them.
	Targets []string `json:"targets,omitempty"`
	// Groups are names of groups, one of which the target has to have.
	Groups []string `json:"groups,omitempty"`
	// Labels are labels that the target has to have, each with the glob that its value has to match.
	Labels map[string]string `json:"labels,omitempty"`
}

// Matches reports whether the hint is about the target.
func (s *HintSelector) Matches(t *Target) bool {
	return s.matchesTarget(string(t.ID)) && s.matchesGroup(t.Group) && s.matchesLabels(t.Labels)
}

func (s *HintSelector) matchesTarget(id string) bool {
	for _, glob := range s.Targets {
		if MatchGlob(glob, id) {
			return true
		}
	}
	return len(s.Targets) == 0
}

func (s *HintSelector) matchesGroup(group string) bool {
	return len(s.Groups) == 0 || slices.Contains(s.Groups, group)
}

func (s *HintSelector) matchesLabels(labels map[string]string) bool {
	for name, glob := range s.Labels {
		if value, ok := labels[name]; !ok || !MatchGlob(glob, value) {
			return false
		}
	}
	return true
}

// Hint is an event that is known before it shows in the load: a campaign, a release, a batch run, a holiday.
type Hint struct {
	ID       string       `json:"id"`
	Selector HintSelector `json:"selector"`
	// Start and End bound the event, and with a recurrence its first occurrence: Start <= time < End.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Recurrence is a recurrence rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=FR; empty is once. It is read on the clocks of
	// TimeZone, an IANA name; empty is UTC.
	Recurrence string `json:"recurrence,omitempty"`
	TimeZone   string `json:"time_zone,omitempty"`
	// Except are starts of occurrences that do not take place.
	Except []time.Time `json:"except,omitempty"`
	// Multiplier is how many times the load is that would be usual then; 0 says nothing about it.
	Multiplier float64 `json:"multiplier,omitempty"`
	// Floor is how many warm instances there should be at least, inside the limits of the target; 0 says nothing about it.
	Floor int `json:"floor,omitempty"`
	// Reason is what happens, in words; Author is who says so. Untrusted text.
	Reason string     `json:"reason,omitempty"`
	Author string     `json:"author,omitempty"`
	Source HintSource `json:"source"`
	// Advisor names the advisor that gave a hint of that source; Confidence is how sure it is, from 0 to 1.
	Advisor    string    `json:"advisor,omitempty"`
	Confidence float64   `json:"confidence,omitempty"`
	Created    time.Time `json:"created"`
}

// Validate says why a hint cannot be used, or returns nil. It does not read the recurrence.
func (h *Hint) Validate() error {
	if err := cmp.Or(h.validateTimes(), h.validateNumbers()); err != nil {
		return err
	}
	if err := h.Selector.validate(); err != nil {
		return err
	}
	for _, text := range []string{h.ID, h.Reason, h.Author, h.Recurrence, h.TimeZone, h.Advisor} {
		if len(text) > maxHintText || !utf8.ValidString(text) {
			return badHint("a text of %d bytes is longer than %d, or not UTF-8", len(text), maxHintText)
		}
	}
	return nil
}

// badHint says what is wrong with a hint.
func badHint(format string, args ...any) error {
	return fmt.Errorf("hint: "+format+": %w", append(args, ErrInvalid)...)
}

func (h *Hint) validateTimes() error {
	switch {
	case h.Start.IsZero() || h.End.IsZero():
		return badHint("start and end are needed")
	case !representable(h.Start) || !representable(h.End):
		return badHint("start %s or end %s is outside the years 1678 to 2262", h.Start, h.End)
	case !h.End.After(h.Start):
		return badHint("end %s is not after start %s", h.End.Format(time.RFC3339), h.Start.Format(time.RFC3339))
	case h.End.Sub(h.Start) > MaxHintSpan:
		return badHint("it takes %s, longer than %s; use a recurrence, or change the limits of the target", h.End.Sub(h.Start), MaxHintSpan)
	}
	return nil
}

func (h *Hint) validateNumbers() error {
	switch {
	case h.Multiplier == 0 && h.Floor == 0:
		return badHint("give it a multiplier or a floor, or it says nothing")
	case math.IsNaN(h.Multiplier) || h.Multiplier < 0 || h.Multiplier > MaxHintMultiplier:
		return badHint("multiplier %v is not above 0 and up to %d", h.Multiplier, MaxHintMultiplier)
	case h.Floor < 0 || h.Floor > MaxHintFloor:
		return badHint("floor %d is not from 0 to %d", h.Floor, MaxHintFloor)
	case !(h.Confidence >= 0 && h.Confidence <= 1):
		return badHint("confidence %v is not from 0 to 1", h.Confidence)
	}
	return nil
}

func (s *HintSelector) validate() error {
	texts := append(append([]string{}, s.Targets...), s.Groups...)
	for name, glob := range s.Labels {
		texts = append(texts, name, glob)
	}
	if len(texts) > maxHintPatterns {
		return fmt.Errorf("hint: selector has more than %d parts; use globs: %w", maxHintPatterns, ErrInvalid)
	}
	for _, text := range texts {
		if len(text) > maxHintPattern || !utf8.ValidString(text) || strings.ContainsFunc(text, invisible) {
			return fmt.Errorf("hint: selector %q is longer than %d bytes, or has a character that does not show: %w", text, maxHintPattern, ErrInvalid)
		}
	}
	return nil
}

// HintChange says what was done to a hint.
type HintChange string

// The changes of hints.
const (
	HintAdded   HintChange = "added"
	HintRemoved HintChange = "removed"
	HintEnded   HintChange = "ended"
)

// HintRecord is a change of a hint. It is recorded durably.
type HintRecord struct {
	At     time.Time  `json:"at"`
	By     string     `json:"by,omitempty"`
	Change HintChange `json:"change"`
	Hint   Hint       `json:"hint"`
}
