package models

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxTargetIDLen bounds a TargetID, which comes from labels that somebody else wrote.
const maxTargetIDLen = 256

// TargetID names a target in Pilotlight. It comes from labels or configuration, so it is untrusted text: it may hold any
// printable character, spaces, slashes and quotes included.
type TargetID string

// Validate says why the id cannot be used, or returns nil.
func (id TargetID) Validate() error {
	s := string(id)
	switch {
	case s == "":
		return fmt.Errorf("target id is empty: %w", ErrInvalid)
	case len(s) > maxTargetIDLen:
		return fmt.Errorf("target id of %d bytes is longer than %d: %w", len(s), maxTargetIDLen, ErrInvalid)
	case !utf8.ValidString(s):
		return fmt.Errorf("target id %q is not UTF-8: %w", s, ErrInvalid)
	case strings.ContainsFunc(s, invisible):
		return fmt.Errorf("target id %q has a control character or an invisible one: %w", s, ErrInvalid)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("target id %q begins or ends with a space: %w", s, ErrInvalid)
	}
	return nil
}

// invisible reports whether a character does not show as what it is: controls, line and paragraph separators, marks that turn
// the direction of text. The two joiners that many scripts need for spelling are let through.
func invisible(r rune) bool { return !unicode.IsGraphic(r) && r != '\u200c' && r != '\u200d' }

// Limits are the bounds that no decision may leave.
type Limits struct {
	// MinWarm is the least floor of warm instances.
	MinWarm int
	// MaxWarm is the greatest floor of warm instances. There is no silent default: it moves money.
	MaxWarm int
	// MaxKeepAlive bounds the keep-alive lever where the platform has it; 0 means the lever is left alone.
	MaxKeepAlive time.Duration
	// MinMemoryMB and MaxMemoryMB bound the lever memory; 0 means that the lever is left alone.
	MinMemoryMB, MaxMemoryMB int32
}

// Validate says why the limits cannot be used, or returns nil.
func (l Limits) Validate() error {
	switch {
	case l.MinWarm < 0:
		return fmt.Errorf("min_warm %d is negative: %w", l.MinWarm, ErrInvalid)
	case l.MaxWarm < l.MinWarm:
		return fmt.Errorf("max_warm %d is below min_warm %d: %w", l.MaxWarm, l.MinWarm, ErrInvalid)
	case l.MaxKeepAlive < 0:
		return fmt.Errorf("max_keep_alive %s is negative: %w", l.MaxKeepAlive, ErrInvalid)
	case l.MinMemoryMB < 0:
		return fmt.Errorf("min_memory_mb %d is negative: %w", l.MinMemoryMB, ErrInvalid)
	case l.MaxMemoryMB < 0 || l.MaxMemoryMB > 0 && l.MaxMemoryMB < l.MinMemoryMB:
		return fmt.Errorf("max_memory_mb %d is below min_memory_mb %d: %w", l.MaxMemoryMB, l.MinMemoryMB, ErrInvalid)
	}
	return nil
}

// Target is one function (or service) whose capacity Pilotlight recommends or sets.
type Target struct {
	// ID is unique over all collectors.
	ID TargetID
	// Group is the application or owner, for budgets and reports; may be empty.
	Group string
	// Collector and Actuator are the configured names of the parts that read and write this target.
	Collector string
	Actuator  string
	// Ref is how the platform of the actuator names the target, such as function:alias on AWS Lambda.
	Ref string
	// Labels are the labels the collector saw. Untrusted text.
	Labels map[string]string
	// MemoryMB is the configured memory of one instance.
	MemoryMB float64
	// ColdStart is how long a cold start takes.
	ColdStart time.Duration
	// Lead is the time from asking for a warm instance to having it.
	Lead time.Duration
	// Concurrency is how many invocations one instance runs at a time, at least 1.
	Concurrency int
	// Limits are the bounds that no decision may leave.
	Limits Limits
}

// Validate says why the target cannot be used, or returns nil.
func (t *Target) Validate() error {
	if err := t.ID.Validate(); err != nil {
		return err
	}
	switch {
	case !(t.MemoryMB > 0) || math.IsInf(t.MemoryMB, 0):
		return fmt.Errorf("target %q: memory_mb %v is not above 0: %w", t.ID, t.MemoryMB, ErrInvalid)
	case t.ColdStart <= 0:
		return fmt.Errorf("target %q: cold_start %s is not above 0: %w", t.ID, t.ColdStart, ErrInvalid)
	case t.Lead < 0:
		return fmt.Errorf("target %q: lead %s is negative: %w", t.ID, t.Lead, ErrInvalid)
	case t.Concurrency < 1:
		return fmt.Errorf("target %q: concurrency %d is below 1: %w", t.ID, t.Concurrency, ErrInvalid)
	}
	if err := t.Limits.Validate(); err != nil {
		return fmt.Errorf("target %q: %w", t.ID, err)
	}
	return nil
}
