package advisor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"

	"pilotlight/models"
)

// advice takes a multiplier or floor of the right shape inside the bounds, or notes why not.
func (a *adviceReader) advice(object map[string]any, path string) {
	bounds := &a.config.Bounds
	confidence, ok := a.confidence(object, path)
	if !ok {
		return
	}
	subjects := textsOf(object, "subjects")
	if slices.Sort(subjects); len(subjects) == 0 || len(slices.Compact(slices.Clone(subjects))) != len(subjects) {
		a.drop("%s.subjects: is empty or names one twice", path)
		return
	}
	// A target whose group is named too would be raised twice.
	subjects = slices.DeleteFunc(subjects, func(s string) bool { return slices.Contains(textsOf(object, "subjects"), a.groups[s]) })
	start, end, ok := a.span(object, path, bounds.MaxSpan.Std(), bounds.MaxAhead.Std())
	if !ok {
		return
	}
	hint := models.Hint{Start: start, End: end, Confidence: confidence, Reason: a.reason(textOf(object, "reason"))}
	kind := models.AdviceKind(textOf(object, "kind"))
	value := numberOf(object, "value")
	if kind == models.AdviceFloor {
		hint.Floor, ok = a.floor(value, path, bounds.MaxFloor)
	} else {
		hint.Multiplier, ok = a.multiplier(value, path, bounds)
	}
	if !ok {
		return
	}
	this := taken{kind: kind, subjects: subjects, start: start, end: end, path: path}
	for _, other := range a.taken {
		if a.overlap(&this, &other) {
			a.drop("%s: it is about the same subject and time as %s, which was taken", path, other.path)
			return
		}
	}
	if a.keep(hint, subjects, path) {
		a.taken = append(a.taken, this)
	}
}

// confidence reads a confidence from the least that is taken on.
func (a *adviceReader) confidence(object map[string]any, path string) (float64, bool) {
	confidence := numberOf(object, "confidence")
	switch {
	case !(confidence >= 0 && confidence <= 1):
		a.drop("%s.confidence: %v is not from 0 to 1", path, confidence)
		return 0, false
	case confidence < a.config.Bounds.MinConfidence:
		a.drop("%s.confidence: %v is below %v", path, confidence, a.config.Bounds.MinConfidence)
		return 0, false
	}
	return confidence, true
}

// floor bounds a floor. What is far beyond any sense is dropped, for its source does not know what it says.
func (a *adviceReader) floor(value float64, path string, most int) (int, bool) {
	switch {
	case value != math.Trunc(value) || value < 1 || value > models.MaxHintFloor:
		a.drop("%s.value: a floor of %v is not whole, below 1, or beyond all bounds", path, value)
		return 0, false
	case most == 0:
		a.drop("%s: floors are not taken", path)
		return 0, false
	case int(value) > most:
		a.clip("%s: the floor %v became %d", path, value, most)
		return most, true
	}
	return int(value), true
}

// multiplier bounds a multiplier.
func (a *adviceReader) multiplier(value float64, path string, bounds *Bounds) (float64, bool) {
	switch {
	case !(value > 0) || value > models.MaxHintMultiplier:
		a.drop("%s.value: a multiplier of %v is not above 0, or beyond all bounds", path, value)
		return 0, false
	case value < 1 && bounds.RaiseOnly:
		a.drop("%s.value: a multiplier of %v would lower, and advice may only raise", path, value)
		return 0, false
	case value == 1:
		a.drop("%s.value: a multiplier of 1 says nothing", path)
		return 0, false
	case value > bounds.MaxMultiplier:
		a.clip("%s: the multiplier %v became %v", path, value, bounds.MaxMultiplier)
		return bounds.MaxMultiplier, bounds.MaxMultiplier > 1
	case value < bounds.MinMultiplier:
		a.clip("%s: the multiplier %v became %v", path, value, bounds.MinMultiplier)
		return bounds.MinMultiplier, bounds.MinMultiplier < 1
	}
	return value, true
}

// overlap reports whether two advices of one kind are about one subject at one time. A target is one with its group.
func (a *adviceReader) overlap(x, y *taken) bool {
	if x.kind != y.kind || !x.start.Before(y.end) || !y.start.Before(x.end) {
		return false
	}
	return slices.ContainsFunc(x.subjects, func(s string) bool {
		return slices.ContainsFunc(y.subjects, func(t string) bool { return s == t || a.groups[s] == t || a.groups[t] == s })
	})
}

// keep adds a hint for the subjects: one for targets and one for groups, since a selector with both asks for both.
func (a *adviceReader) keep(hint models.Hint, subjects []string, path string) bool {
	targets, groups := a.split(subjects)
	var selectors []models.HintSelector
	if len(targets) > 0 {
		selectors = append(selectors, models.HintSelector{Targets: targets})
	}
	if len(groups) > 0 {
		selectors = append(selectors, models.HintSelector{Groups: groups})
	}
	kept := false
	for _, selector := range selectors {
		hint.Selector, hint.Source, hint.Advisor = selector, models.HintAdvisor, a.config.Name
		hint.Author, hint.Created = a.config.Name, a.now.UTC()
		hint.ID = hintID(&hint)
		if err := hint.Validate(); err != nil {
			a.drop("%s: %v", path, err)
			continue
		}
		a.hints, kept = append(a.hints, hint), true
	}
	return kept
}

// hintID names a hint by what it says, so that the same advice has the same name whenever it is given.
func hintID(h *models.Hint) string {
	named := *h
	named.ID, named.Created = "", named.Start
	named.Reason, named.Confidence = "", 0
	raw, err := json.Marshal(named)
	if err != nil {
		return "" // times beyond the year 9999; Validate refuses them
	}
	sum := sha256.Sum256(raw)
	return "advice-" + hex.EncodeToString(sum[:])[:16]
}

// pattern takes a pattern of the right shape, or notes why not.
func (a *adviceReader) pattern(object map[string]any, path string, members []string) {
	confidence, ok := a.confidence(object, path)
	if !ok {
		return
	}
	r := a.names.refs[textOf(object, "subject")]
	p := Pattern{
		Target: r.target, Group: r.group, Label: PatternLabel(textOf(object, "label")), Member: textOf(object, "forecaster"),
		Confidence: confidence, Reason: a.reason(textOf(object, "reason")),
	}
	if r.target != "" {
		p.Group = ""
	}
	if p.Member != "" && !slices.Contains(members, p.Member) {
		a.drop("%s.forecaster: it is not one of those allowed", path)
		return
	}
	if _, given := object["period_steps"].(json.Number); given {
		period := numberOf(object, "period_steps")
		if period < 2 || period > maxPeriod {
			a.drop("%s.period_steps: %v is not from 2 to %d", path, period, maxPeriod)
			return
		}
		p.Period = int(period)
	}
	for _, other := range a.patterns {
		if other.Target == p.Target && other.Group == p.Group {
			a.drop("%s: there is a pattern of this subject already", path)
			return
		}
	}
	a.patterns = append(a.patterns, p)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
