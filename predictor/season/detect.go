// Package season finds the periods of load series and keeps them right: period detection, calendars with time zones, holidays
// and daylight saving, detectors of drift and level shifts, and robust helpers for gaps and outliers. Everything is a pure
// function or a small value; nothing reads a clock.
package season

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// knownScore and foundScore are the normal scores above which a period is accepted: about 1 in 1,000 and, since the best
	// of many is tested, 1 in 1,000,000.
	knownScore, foundScore = 3.1, 5
	// knownShare and foundShare are the least shares of the variance.
	knownShare, foundShare = 0.05, 0.15
	// minFoundCycles is how often a period that only the data name must have been seen.
	minFoundCycles = 3
	// realShare is the part of a period's strength that a divisor of it must have to be reported beside it.
	realShare = 0.8
	// defaultMaxPeriods bounds the answer.
	defaultMaxPeriods = 3
	// weekDays is how many days a week repeats after.
	weekDays = 7
)

// Options tune Detect. The zero value looks for any period in series of an unknown step.
type Options struct {
	// Step is the length of a step; 0 when it is not known. With it, the calendar's periods (minutes, hour, half day, day,
	// week) need less evidence than others.
	Step time.Duration
	// Candidates are periods in steps that are tested like those of the calendar.
	Candidates []int
	// MaxPeriods bounds the answer; 0 is 3.
	MaxPeriods int
	// KnownOnly leaves out the search for periods that neither the step nor Candidates name.
	KnownOnly bool
}

// Period is a season that was found, with its evidence.
type Period struct {
	// Steps is the length in steps.
	Steps int
	// Strength is the share of the detrended variance that the profile of the period explains, in [0, 1], corrected for the
	// number of cycles: max(0, 1 - Var(R)/Var(S+R)). Where a step is short against the period it is that of 96 bins a period
	// if they show the season better.
	Strength float64
	// Gain is the share that it explains of what the shorter periods of the answer leave; for the shortest it is Strength.
	Gain float64
	// Cycles is how many full cycles were seen.
	Cycles int
	// Score is the standard normal score of the test against a series whose cycles have nothing in common.
	Score float64
	// Known says that the calendar or the caller named the period.
	Known bool
}

// Detect returns the periods of y, ascending, or none. NaN and infinite values are missing. Series of up to 40,000 steps take
// milliseconds; of longer ones pass the newest part.
//
// The method: log1p, outliers cut around block medians; candidates are the calendar's, and lines of the periodogram on a hill
// of the autocorrelation (AutoPeriod). Each is tested by folding: full cycles, less a trend through their means, are compared
// phase by phase in an analysis of variance whose degrees of freedom allow for autocorrelated noise, so that random walks and
// bursts are not taken for seasons. Periods are accepted from short to long, each on what the shorter ones leave and only when
// its profile predicts a cycle that it has not seen; divisors that a longer period explains are dropped.
func Detect(y []float64, opt Options) []Period {
	x := prepare(y)
	if x == nil {
		return nil
	}
	s := search{x: x, buf: newBuffers(len(x))}
	for _, f := range s.alone(opt) {
		s.try(f)
	}
	if opt.Step == 0 && !opt.KnownOnly {
		s.tryWeeks()
	}
	return s.answer(opt.MaxPeriods)
}

// found is an accepted period.
type found struct {
	candidate
	alone fit // of the series
	rest  fit // of what the shorter periods left
}

// search is a detection under way.
type search struct {
	x        []float64
	buf      *buffers
	accepted []found
	rest     []float64 // x without the accepted profiles; nil while there are none
	done     bool      // the accepted profiles explain everything
}

// alone returns the candidates that pass by themselves, ascending. Of those that are hard to tell apart a known one stays, or
// else the best.
func (s *search) alone(opt Options) []found {
	candidates := knownCandidates(len(s.x), opt)
	if !opt.KnownOnly {
		candidates = append(candidates, foundCandidates(s.x)...)
	}
	var passed []found
	for _, c := range candidates {
		if f := fold(s.x, c.steps, 0, s.buf); passes(f, c) {
			passed = append(passed, found{candidate: c, alone: f})
		}
	}
	slices.SortStableFunc(passed, func(a, b found) int {
		switch {
		case a.known == b.known:
			return cmp.Compare(b.alone.score, a.alone.score)
		case a.known:
			return -1
		default:
			return 1
		}
	})
	var out []found
	for _, f := range passed {
		if !slices.ContainsFunc(out, func(o found) bool { return same(o.steps, f.steps, len(s.x)) }) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b found) int { return cmp.Compare(a.steps, b.steps) })
	return out
}

// try tests a candidate that passed by itself and is longer than all accepted periods, and accepts it if it holds on the rest.
func (s *search) try(f found) {
	if s.done {
		return
	}
	c, alone := f.candidate, f.alone
	rest := alone
	if len(s.accepted) > 0 {
		rest = fold(s.rest, c.steps, s.divisor(c.steps), s.buf)
		// A profile of k cycles predicts the next one better than its mean does from this ratio on.
		k := float64(rest.cycles)
		if !passes(rest, c) || rest.ratio < 1+k/(k-1) {
			return
		}
	}
	kept := s.accepted[:0]
	for _, f := range s.accepted {
		if c.steps%f.steps != 0 || c.steps == weekDays*f.steps || f.alone.share >= realShare*alone.share {
			kept = append(kept, f)
		}
	}
	dropped := len(kept) < len(s.accepted)
	s.accepted = append(kept, found{candidate: c, alone: alone, rest: rest})
	if dropped {
		s.rebuild()
		return
	}
	s.remove(rest)
}

// passes applies the thresholds.
func passes(f fit, c candidate) bool {
	if c.known {
		return f.cycles >= 2 && f.score >= knownScore && f.share >= knownShare
	}
	return f.cycles >= minFoundCycles && f.score >= foundScore && f.share >= foundShare
}

// divisor returns the longest accepted period that divides steps, or 0.
func (s *search) divisor(steps int) int {
	longest := 0
	for _, f := range s.accepted {
		if steps%f.steps == 0 {
			longest = max(longest, f.steps)
		}
	}
	return longest
}

// remove takes the profile of a fit out of the rest.
func (s *search) remove(f fit) {
	s.done = math.IsInf(f.ratio, 1)
	if s.rest == nil {
		s.rest = slices.Clone(s.x)
	}
	phase := (f.period - f.origin%f.period) % f.period
	for i := range s.rest {
		s.rest[i] -= f.profile[phase]
		phase++
		if phase == f.period {
			phase = 0
		}
	}
}

// rebuild computes the rest anew after a divisor was dropped.
func (s *search) rebuild() {
	kept := s.accepted
	s.accepted, s.rest = nil, nil
	for _, f := range kept {
		if len(s.accepted) > 0 {
			f.rest = fold(s.rest, f.steps, s.divisor(f.steps), s.buf)
		} else {
			f.rest = f.alone
		}
		s.accepted = append(s.accepted, f)
		s.remove(f.rest)
	}
}

// tryWeeks tests seven times each accepted period, which is a week when the period is a day.
func (s *search) tryWeeks() {
	for _, f := range slices.Clone(s.accepted) {
		week := weekDays * f.steps
		longest := s.accepted[len(s.accepted)-1].steps
		if week <= len(s.x)/2 && week > longest {
			c := candidate{steps: week, known: true}
			if alone := fold(s.x, week, 0, s.buf); passes(alone, c) {
				s.try(found{candidate: c, alone: alone})
			}
		}
	}
}

// answer returns the accepted periods, the strongest if there are too many, ascending.
func (s *search) answer(limit int) []Period {
	if limit <= 0 {
		limit = defaultMaxPeriods
	}
	var out []Period
	for _, f := range s.accepted {
		out = append(out, Period{
			Steps: f.steps, Strength: f.alone.share, Gain: f.rest.share, Cycles: f.alone.cycles, Score: f.alone.score, Known: f.known,
		})
	}
	slices.SortStableFunc(out, func(a, b Period) int { return cmp.Compare(b.Strength, a.Strength) })
	out = out[:min(len(out), limit)]
	slices.SortFunc(out, func(a, b Period) int { return cmp.Compare(a.Steps, b.Steps) })
	return out
}
