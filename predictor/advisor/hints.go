package advisor

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"pilotlight/models"
)

// The bounds of a reading of free text.
const (
	maxQuestions  = 10
	maxRecurrence = 200
	// maxMeant is how many names a word may stand for; one that could mean more says nothing.
	maxMeant = 8
	minWord  = 3
)

// Known are the targets and groups that a text may be about.
type Known struct {
	Targets []models.TargetID
	Groups  []string
}

// Proposal is what a text seems to say. Nothing of it holds until somebody confirms it.
type Proposal struct {
	// Hints have the source api, as they have once they are confirmed. Who confirms them is to be their author.
	Hints []models.Hint
	// Questions are what the text leaves open.
	Questions []string
	// Clipped and Dropped say what was bounded and what was not taken, and why.
	Clipped, Dropped []string
}

// hintTask says what to do with an operator's text.
const hintTask = `
Task: write down the future events that "operator_text" announces, as hints. In it, names are already replaced by ids such as T1 or G1; a word in brackets such as [G1|T2] was replaced by what it may mean.
- "hints": one for each event. "everything" is true only if the text is about all functions; else list "subjects". Resolve days and hours from "now" in "time_zone"; where no end is said, choose one that is usual for such an event. "multiplier" is how many times the usual load (4x or "fourfold" is 4, "+50 %%" is 1.5, "doubles" is 2), "floor" how many warm instances at least; null for what the text does not say, and one of them has to be there. "recurrence" is a rule of RFC 5545 such as FREQ=WEEKLY;BYDAY=FR where the event repeats, else null. "confidence" is how sure you are to have understood, from 0 to 1. "reason" repeats in a few words what happens.
- "questions": what has to be asked because the text leaves it open, such as which function is meant. Do not guess an amount that the text does not say: ask.
Bounds: at most %d hints; multiplier up to %v, floor up to %d; each no longer than %s; start before %s.`

// hintShape is the shape of a hint out of a text.
func hintShape(subjects []string) shape {
	return shape{kind: kindObject, fields: map[string]shape{
		"everything": {kind: kindBoolean},
		"subjects":   {kind: kindArray, items: &shape{kind: kindString, enum: subjects}},
		"start":      {kind: kindString, help: "RFC 3339 with offset"},
		"end":        {kind: kindString, help: "RFC 3339 with offset"},
		"recurrence": {kind: kindString, optional: true},
		"multiplier": {kind: kindNumber, optional: true},
		"floor":      {kind: kindInteger, optional: true},
		"confidence": {kind: kindNumber, help: "0 to 1"},
		"reason":     {kind: kindString},
	}}
}

// HintsPrompt returns what ParseHints would send, and sends nothing.
func (c *Client) HintsPrompt(text string, now time.Time, zone *time.Location, known Known) (Prompt, error) {
	q, _, err := c.hintQuestion(text, now, zone, known)
	if err != nil {
		return Prompt{}, err
	}
	p, _, err := c.prompt(q)
	return p, err
}

// ParseHints reads what an operator says about the future. The days and hours of the text are those of the zone; nil is UTC. Record
// and error are as those of Advise.
func (c *Client) ParseHints(ctx context.Context, text string, now time.Time, zone *time.Location, known Known) (Proposal, models.AdviceRecord, error) {
	q, n, err := c.hintQuestion(text, now, zone, known)
	if err != nil {
		return Proposal{}, c.failed(PurposeHints, err), err
	}
	var proposal Proposal
	record, err := c.exchange(ctx, q, func(content string) (err error) {
		proposal, err = c.readHints(content, n, now, zoneOf(zone))
		return err
	})
	if err != nil {
		return Proposal{}, record, err
	}
	record.Kept = slices.Clone(proposal.Hints)
	record.Dropped = append(slices.Clone(proposal.Clipped), proposal.Dropped...)
	return proposal, record, nil
}

// hintData is a text as it is sent.
type hintData struct {
	Now      string       `json:"now"`
	Weekday  string       `json:"weekday"`
	Zone     string       `json:"time_zone"`
	Subjects []hintTarget `json:"subjects"`
	Text     string       `json:"operator_text"`
}

type hintTarget struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

func (c *Client) hintQuestion(text string, now time.Time, zone *time.Location, known Known) (question, *names, error) {
	if strings.TrimSpace(text) == "" {
		return question{}, nil, fmt.Errorf("hints: the text is empty; say what happens and when: %w", models.ErrInvalid)
	}
	if len(text) > maxOperatorText {
		return question{}, nil, fmt.Errorf("hints: the text has %d bytes, more than %d; give it in parts: %w", len(text), maxOperatorText, models.ErrInvalid)
	}
	zone = zoneOf(zone)
	n := newNames(c.config.Prompt.MaskNames)
	said := n.meant(redact(text), &known, c.config.Prompt.MaxSubjects)
	data := hintData{Now: moment(now, zone), Weekday: now.In(zone).Weekday().String(), Zone: zone.String(), Subjects: []hintTarget{}, Text: said}
	for _, mask := range n.order {
		s := hintTarget{ID: mask}
		if !n.hide {
			s.Name = shortened(oneLine(redact(n.refs[mask].name())), 2*maxLabelText)
		}
		data.Subjects = append(data.Subjects, s)
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return question{}, nil, fmt.Errorf("hints: %w", err)
	}
	b := &c.config.Parse
	task := fmt.Sprintf(hintTask, b.MaxHints, b.MaxMultiplier, b.MaxFloor, b.MaxSpan, moment(now.Add(b.MaxAhead.Std()), zone))
	return question{
		purpose: PurposeHints, task: task, data: string(raw),
		answer: shape{kind: kindObject, fields: map[string]shape{
			"hints": list(hintShape(slices.Clone(n.order))), "questions": list(shape{kind: kindString}),
		}},
	}, n, nil
}

// wordsPattern finds words in a text that may be names or parts of names.
var (
	wordsPattern      = regexp.MustCompile(`[\pL\pN](?:[\pL\pN_./:@-]*[\pL\pN])?`)
	partPattern       = regexp.MustCompile(`[\pL\pN]+`)
	recurrencePattern = regexp.MustCompile(`^FREQ=(?:DAILY|WEEKLY|MONTHLY|YEARLY)(?:;[A-Z]+=[A-Z0-9,+-]+)*$`)
)

// meant finds the names that the words of a text stand for, gives them masks, and puts these in the place of the words. A word means a name if it
// is one, or a part of one.
func (n *names) meant(text string, known *Known, limit int) string {
	byWord := known.index()
	return strings.TrimSpace(wordsPattern.ReplaceAllStringFunc(text, func(word string) string {
		key := strings.ToLower(word)
		refs := byWord[key]
		if len(refs) == 0 || len(refs) > maxMeant {
			return word
		}
		var masks []string
		for _, r := range refs {
			if _, there := n.masks[r]; (there || len(n.order) < limit) && n.add(r) {
				masks = append(masks, n.masks[r])
			}
		}
		switch {
		case len(masks) == 0:
			return word
		case !n.hide:
			return word + " [" + strings.Join(masks, "|") + "]"
		}
		return "[" + strings.Join(masks, "|") + "]"
	}))
}

// index lists what the words mean: whole names first and alone, else names that the word is a part of, groups before targets.
func (k *Known) index() map[string][]ref {
	whole, parts := map[string][]ref{}, map[string][]ref{}
	add := func(r ref) {
		name := strings.ToLower(r.name())
		whole[name] = appendNew(whole[name], r)
		for _, part := range partPattern.FindAllString(name, -1) {
			if len(part) >= minWord && len(parts[part]) <= maxMeant {
				parts[part] = appendNew(parts[part], r)
			}
		}
	}
	for _, g := range k.Groups {
		add(ref{group: g})
	}
	for _, t := range k.Targets {
		add(ref{target: t})
	}
	for word, refs := range whole {
		if word != "" {
			parts[word] = refs
		}
	}
	return parts
}

func appendNew(refs []ref, r ref) []ref {
	if slices.Contains(refs, r) {
		return refs
	}
	return append(refs, r)
}

// readHints reads an answer to the question for a text.
func (c *Client) readHints(content string, n *names, now time.Time, zone *time.Location) (Proposal, error) {
	a := adviceReader{config: &c.config, names: n, now: now}
	envelope, err := a.envelope(c.bare(content), "hints", "questions")
	if err != nil {
		return Proposal{}, err
	}
	var p Proposal
	item := hintShape(n.order)
	for i, v := range a.firsts(listOf(envelope, "hints"), "hints", c.config.Parse.MaxHints) {
		path := fmt.Sprintf("hints[%d]", i)
		if err := item.check(v, path); err != nil {
			a.drop("%v", err)
			continue
		}
		if object, ok := v.(map[string]any); ok {
			a.proposed(object, path, zone)
		}
	}
	for _, text := range a.firsts(listOf(envelope, "questions"), "questions", maxQuestions) {
		if s, ok := text.(string); ok && strings.TrimSpace(s) != "" {
			p.Questions = append(p.Questions, a.reason(s))
		}
	}
	p.Hints, p.Clipped, p.Dropped = a.hints, a.clipped, a.dropped
	return p, nil
}

// proposed takes a hint of the right shape inside the bounds, or notes why not.
func (a *adviceReader) proposed(object map[string]any, path string, zone *time.Location) {
	bounds := &a.config.Parse
	confidence := numberOf(object, "confidence")
	if !(confidence >= 0 && confidence <= 1) {
		a.drop("%s.confidence: %v is not from 0 to 1", path, confidence)
		return
	}
	start, end, ok := a.span(object, path, bounds.MaxSpan.Std(), bounds.MaxAhead.Std())
	if !ok {
		return
	}
	hint := models.Hint{
		Start: start, End: end, Reason: a.reason(textOf(object, "reason")), Confidence: confidence,
		Source: models.HintAPI, Advisor: a.config.Name, Created: a.now.UTC(),
	}
	if !a.amounts(&hint, object, path) || !a.recurrence(&hint, textOf(object, "recurrence"), path, zone) {
		return
	}
	for _, selector := range a.selectors(object, path) {
		hint.Selector = selector
		hint.ID = hintID(&hint)
		if err := hint.Validate(); err != nil {
			a.drop("%s: %v", path, err)
			continue
		}
		if slices.ContainsFunc(a.hints, func(h models.Hint) bool { return h.ID == hint.ID }) {
			a.drop("%s: it says the same as one before it", path)
			continue
		}
		a.hints = append(a.hints, hint)
	}
}

// amounts bounds the multiplier and the floor of a hint.
func (a *adviceReader) amounts(hint *models.Hint, object map[string]any, path string) bool {
	bounds := &a.config.Parse
	if _, given := object["multiplier"].(json.Number); given {
		m := numberOf(object, "multiplier")
		switch {
		case !(m > 0) || m > models.MaxHintMultiplier:
			a.drop("%s.multiplier: %v is not above 0, or beyond all bounds", path, m)
			return false
		case m > bounds.MaxMultiplier:
			a.clip("%s: the multiplier %v became %v", path, m, bounds.MaxMultiplier)
			m = bounds.MaxMultiplier
		}
		hint.Multiplier = m
	}
	if _, given := object["floor"].(json.Number); given {
		floor, ok := a.floor(numberOf(object, "floor"), path, bounds.MaxFloor)
		if !ok {
			return false
		}
		hint.Floor = floor
	}
	return true
}

// recurrence takes a rule over that looks like one. Whoever keeps the hint reads it.
func (a *adviceReader) recurrence(hint *models.Hint, rule, path string, zone *time.Location) bool {
	if rule == "" {
		return true
	}
	rule = strings.TrimPrefix(rule, "RRULE:")
	if len(rule) > maxRecurrence || !recurrencePattern.MatchString(rule) {
		a.drop("%s.recurrence: it is no rule like FREQ=WEEKLY;BYDAY=FR", path)
		return false
	}
	hint.Recurrence, hint.TimeZone = rule, zone.String()
	return true
}

// selectors returns whom a hint is about.
func (a *adviceReader) selectors(object map[string]any, path string) []models.HintSelector {
	subjects := textsOf(object, "subjects")
	everything, ok := object["everything"].(bool)
	if everything && ok {
		if len(subjects) > 0 {
			a.drop("%s: it is about everything and about single subjects; say which", path)
			return nil
		}
		return []models.HintSelector{{}}
	}
	targets, groups := a.split(subjects)
	if len(targets)+len(groups) == 0 {
		a.drop("%s: it is about no subject", path)
		return nil
	}
	var out []models.HintSelector
	if len(targets) > 0 {
		out = append(out, models.HintSelector{Targets: targets})
	}
	if len(groups) > 0 {
		out = append(out, models.HintSelector{Groups: groups})
	}
	return out
}

// split returns the targets and the groups behind masks, each once.
func (a *adviceReader) split(masks []string) (targets, groups []string) {
	masks = slices.Clone(masks)
	slices.Sort(masks)
	for _, mask := range slices.Compact(masks) {
		if r := a.names.refs[mask]; r.target != "" {
			targets = append(targets, string(r.target))
		} else if r.group != "" {
			groups = append(groups, r.group)
		}
	}
	return targets, groups
}
