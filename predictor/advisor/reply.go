package advisor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotlight/models"
)

// The bounds of what is kept of an answer's texts.
const (
	maxReason  = 300
	maxDropped = 100
	maxPeriod  = 100_000
)

// adviceTask says what to do with a brief.
const adviceTask = `
Task: say which subjects will have a load that the forecast does not know about, because of something that the texts, notes or known events tell.
- "advices": for each such event a multiplier (how many times the load is that the forecast expects) or a floor (how many warm instances at least), from start to end, with confidence from 0 to 1 and a short reason in English that names the text it comes from. Give none where the data tell of no event: an empty list is a good answer, and most often the right one. Do not repeat known events that have a multiplier or a floor.
- "patterns": how the load of a subject behaves, where the numbers show it clearly; "forecaster" is one of those listed or null, "period_steps" the period counted in steps or null.
%s`

// adviceShape is the shape of an advice; the subjects are those of the brief.
func adviceShape(subjects []string) shape {
	return shape{kind: kindObject, fields: map[string]shape{
		"kind":       {kind: kindString, enum: []string{string(models.AdviceMultiplier), string(models.AdviceFloor)}},
		"subjects":   {kind: kindArray, items: &shape{kind: kindString, enum: subjects}},
		"start":      {kind: kindString, help: "RFC 3339 with offset"},
		"end":        {kind: kindString, help: "RFC 3339 with offset"},
		"value":      {kind: kindNumber},
		"confidence": {kind: kindNumber, help: "0 to 1"},
		"reason":     {kind: kindString},
	}}
}

// patternShape is the shape of a pattern.
func patternShape(subjects, members []string) shape {
	labels := []string{
		string(PatternDaily), string(PatternWeekly), string(PatternTimer), string(PatternBursty), string(PatternSporadic), string(PatternSteady), string(PatternTrend),
	}
	member := shape{kind: kindString, optional: true}
	if len(members) > 0 {
		member.enum = members
	}
	return shape{kind: kindObject, fields: map[string]shape{
		"subject":      {kind: kindString, enum: subjects},
		"label":        {kind: kindString, enum: labels},
		"forecaster":   member,
		"period_steps": {kind: kindInteger, optional: true},
		"confidence":   {kind: kindNumber, help: "0 to 1"},
		"reason":       {kind: kindString},
	}}
}

// list is an array of a shape.
func list(item shape) shape { return shape{kind: kindArray, items: &item} }

// adviceQuestion makes the question for a brief.
func (c *Client) adviceQuestion(b *Brief) (question, rendering, error) {
	r, err := render(b, c.config.Prompt)
	if err != nil {
		return question{}, r, err
	}
	if len(r.names.order) == 0 {
		return question{}, r, fmt.Errorf("advice: there is no subject that can be shown: %w", models.ErrInvalid)
	}
	bounds := &c.config.Bounds
	limits := fmt.Sprintf("Bounds: at most %d advices; multiplier up to %v, floor up to %d; no longer than %s; start before %s; nothing that is over.",
		bounds.MaxAdvice, bounds.MaxMultiplier, bounds.MaxFloor, bounds.MaxSpan, moment(b.Now.Add(bounds.MaxAhead.Std()), zoneOf(b.Zone)))
	if bounds.RaiseOnly {
		limits += " Multipliers below 1 are not taken."
	}
	subjects := slices.Clone(r.names.order)
	return question{
		purpose: PurposeAdvice, task: fmt.Sprintf(adviceTask, limits), data: r.data,
		answer: shape{kind: kindObject, fields: map[string]shape{
			"advices": list(adviceShape(subjects)), "patterns": list(patternShape(subjects, r.members)),
		}},
	}, r, nil
}

// readAdvice reads an answer to the question for a brief. It fails only if nothing of the answer can be read; what is wrong with single
// advices is in the reply.
func (c *Client) readAdvice(content string, r *rendering, now time.Time) (Reply, error) {
	a := adviceReader{config: &c.config, names: r.names, groups: r.groups, now: now}
	a.dropped = append(a.dropped, r.left...)
	envelope, err := a.envelope(c.bare(content), "advices", "patterns")
	if err != nil {
		return Reply{}, err
	}
	item := adviceShape(r.names.order)
	for i, v := range a.firsts(listOf(envelope, "advices"), "advices", c.config.Bounds.MaxAdvice) {
		path := fmt.Sprintf("advices[%d]", i)
		if err := item.check(v, path); err != nil {
			a.drop("%v", err)
			continue
		}
		if object, ok := v.(map[string]any); ok {
			a.advice(object, path)
		}
	}
	item = patternShape(r.names.order, r.members)
	for i, v := range a.firsts(listOf(envelope, "patterns"), "patterns", c.config.Bounds.MaxAdvice) {
		path := fmt.Sprintf("patterns[%d]", i)
		if err := item.check(v, path); err != nil {
			a.drop("%v", err)
			continue
		}
		if object, ok := v.(map[string]any); ok {
			a.pattern(object, path, r.members)
		}
	}
	return Reply{Hints: a.hints, Patterns: a.patterns, Clipped: a.clipped, Dropped: a.dropped}, nil
}

// bare takes what models put around JSON off, where no structure was enforced.
func (c *Client) bare(content string) string {
	if c.config.Output == OutputText || c.config.Output == OutputObject {
		return bareJSON(content)
	}
	return content
}

// adviceReader collects what is left of an answer.
type adviceReader struct {
	config *Config
	names  *names
	groups map[string]string
	now    time.Time

	hints            []models.Hint
	taken            []taken
	patterns         []Pattern
	clipped, dropped []string
}

// taken is an advice that was taken, to find others about the same time.
type taken struct {
	kind       models.AdviceKind
	subjects   []string
	start, end time.Time
	path       string
}

// drop notes that something was not taken. The number of notes is bounded.
func (a *adviceReader) drop(format string, args ...any) {
	if len(a.dropped) < maxDropped {
		a.dropped = append(a.dropped, shortened(oneLine(redact(fmt.Sprintf(format, args...))), maxReason))
	}
}

func (a *adviceReader) clip(format string, args ...any) {
	if len(a.clipped) < maxDropped {
		a.clipped = append(a.clipped, fmt.Sprintf(format, args...))
	}
}

// envelope reads the object of an answer, whose lists have the given names. Other fields of it have no meaning: they are noted.
func (a *adviceReader) envelope(content string, lists ...string) (map[string]any, error) {
	v, err := strictJSON(content)
	if err != nil {
		return nil, &replyError{why: err.Error()}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, &replyError{why: fmt.Sprintf("it is %s, not an object with the fields %s", kindOf(v), strings.Join(lists, ", "))}
	}
	for _, name := range lists {
		if _, ok := object[name].([]any); !ok {
			return nil, &replyError{why: fmt.Sprintf("the field %q is %s, not an array", name, kindOf(object[name]))}
		}
	}
	for _, name := range sortedKeys(object) {
		if !slices.Contains(lists, name) {
			a.drop("the unknown field %q", shortened(oneLine(name), maxShortText))
		}
	}
	return object, nil
}

// firsts returns the first items of a list and notes how many more there were.
func (a *adviceReader) firsts(items []any, name string, limit int) []any {
	if len(items) > limit {
		a.drop("%s: %d are more than the %d that are taken; the rest is dropped", name, len(items), limit)
		return items[:limit]
	}
	return items
}

// span reads and bounds the time of an advice. It returns false after noting why the advice is dropped.
func (a *adviceReader) span(object map[string]any, path string, longest, ahead time.Duration) (start, end time.Time, ok bool) {
	start, err := time.Parse(time.RFC3339, textOf(object, "start"))
	if err != nil {
		a.drop("%s.start: %q is no time like 2026-03-02T12:00:00Z", path, shortened(textOf(object, "start"), maxShortText))
		return start, end, false
	}
	end, err = time.Parse(time.RFC3339, textOf(object, "end"))
	if err != nil {
		a.drop("%s.end: %q is no time like 2026-03-02T12:00:00Z", path, shortened(textOf(object, "end"), maxShortText))
		return start, end, false
	}
	start, end = start.UTC().Truncate(time.Second), end.UTC().Truncate(time.Second)
	switch {
	case !end.After(start):
		a.drop("%s: it ends %s, which is not after its start %s", path, stamp(end), stamp(start))
	case !end.After(a.now):
		a.drop("%s: it ended %s, which is over", path, stamp(end))
	case start.After(a.now.Add(ahead)):
		a.drop("%s: it starts %s, further ahead than %s", path, stamp(start), models.Duration(ahead))
	case tooLong(start, end):
		a.drop("%s: from %s to %s is no event", path, stamp(start), stamp(end))
	default:
		if start.Before(a.now) {
			start = a.now.UTC().Truncate(time.Second)
		}
		if end.Sub(start) > longest {
			a.clip("%s: its end %s became %s, %s after its start", path, stamp(end), stamp(start.Add(longest)), models.Duration(longest))
			end = start.Add(longest)
		}
		return start, end, end.After(start)
	}
	return start, end, false
}

// tooLong reports whether a span is beyond every bound. A difference that does not fit a duration is the largest one.
func tooLong(start, end time.Time) bool { return end.Sub(start) > models.MaxHintSpan }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// reason makes the words of a model fit to be kept: names put back, no secrets, one line, bounded.
func (a *adviceReader) reason(text string) string {
	return shortened(oneLine(a.names.reveal(redact(text))), maxReason)
}
