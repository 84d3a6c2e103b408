package hints

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	ical "github.com/arran4/golang-ical"

	"pilotlight/models"
)

// The properties by which an event says itself what it does to the load.
const (
	propertyMultiplier = "X-PILOTLIGHT-MULTIPLIER"
	propertyFloor      = "X-PILOTLIGHT-FLOOR"
	propertyTargets    = "X-PILOTLIGHT-TARGETS"
	propertyGroups     = "X-PILOTLIGHT-GROUPS"
	propertyLabels     = "X-PILOTLIGHT-LABELS"
)

// series is the hints that come of the events of one UID.
type series struct {
	in    *importer
	event *event // the main one, which is no change of an occurrence of another; nil if the calendar has only changes
	// main is the hint of that event; dates are its further dates (RDATE), and changes the hints of changed occurrences.
	main    *models.Hint
	start   moment // of the main event
	dates   []models.Hint
	changes []models.Hint
	except  []time.Time
	// silent says that an event did not say what it does to the load.
	silent bool
	// hints and plans are the outcome.
	hints []models.Hint
	plans []*Plan
}

// read reads the main event and the changes, and says which of them cannot be used.
func (s *series) read(changes []*event) (*event, error) {
	if s.event != nil {
		if err := s.readMain(s.event); err != nil {
			return s.event, err
		}
	}
	for _, e := range changes {
		if err := s.readChange(e); err != nil {
			return e, err
		}
	}
	for _, e := range append([]*event{s.event}, changes...) {
		if e != nil {
			return e, s.finish()
		}
	}
	return nil, nil
}

func (e *event) calledOff() bool { return strings.EqualFold(e.text("STATUS"), "CANCELLED") }

// usable says why an event cannot be read at all.
func (e *event) usable() error {
	if e.bad != "" {
		return errors.New(e.bad)
	}
	if e.has("EXRULE") {
		return errors.New("EXRULE is not supported; use EXDATE")
	}
	if len(e.all("RRULE")) > 1 {
		return errors.New("it has more than one RRULE; split it into several events")
	}
	return nil
}

// readMain reads an event that is no change of an occurrence of another one.
func (s *series) readMain(e *event) error {
	if err := e.usable(); err != nil || e.calledOff() {
		return err
	}
	h, m, err := s.hint(e)
	if err != nil || s.silent {
		return err
	}
	h.ID = eventID(s.in.out.calendar, e.text("UID"))
	if rule := e.property("RRULE"); rule != nil {
		h.Recurrence, h.TimeZone = strings.TrimSpace(rule.Value), m.zone
	}
	s.main, s.start = &h, m
	for _, p := range e.all("EXDATE") {
		moments, err := s.in.zones.moments(p)
		if err != nil {
			return err
		}
		for _, x := range moments {
			s.except = append(s.except, s.exception(x))
		}
	}
	for _, p := range e.all("RDATE") {
		if err := s.addDates(p); err != nil {
			return err
		}
	}
	return nil
}

// exception returns the start that an EXDATE or RECURRENCE-ID means. One that is a date means the occurrence of that day, as some programs write it.
func (s *series) exception(x moment) time.Time {
	if !x.isDate || s.start.isDate {
		return x.at
	}
	date, clock := wallOf(x.at, x.loc), wallOf(s.start.at, s.start.loc)
	h, m, sec := clock.Clock()
	wall := time.Date(date.Year(), date.Month(), date.Day(), h, m, sec, 0, time.UTC)
	return time.Unix(instantOf(wall.Unix(), s.start.loc), 0).UTC()
}

// addDates adds the further dates of an event. A period has its own end; others take as long as the event.
func (s *series) addDates(p *ical.BaseProperty) error {
	for value := range strings.SplitSeq(p.Value, ",") {
		from, to, isPeriod := strings.Cut(strings.TrimSpace(value), "/")
		m, err := s.in.zones.moment(p, from)
		if err != nil {
			return err
		}
		h := *s.main
		h.Recurrence, h.TimeZone = "", ""
		length := h.End.Sub(h.Start)
		h.Start, h.End = m.at, m.at.Add(length)
		if isPeriod {
			if h.End, err = s.periodEnd(p, m, to); err != nil {
				return err
			}
		}
		h.ID = occurrenceID(s.main.ID, h.Start)
		if h.Start.Equal(s.main.Start) || slices.ContainsFunc(s.dates, func(d models.Hint) bool { return d.ID == h.ID }) {
			continue
		}
		if len(s.dates) >= maxExcept {
			return fmt.Errorf("it has more than %d RDATEs; use an RRULE", maxExcept)
		}
		s.dates = append(s.dates, h)
	}
	return nil
}

func (s *series) periodEnd(p *ical.BaseProperty, from moment, text string) (time.Time, error) {
	if strings.HasPrefix(strings.TrimPrefix(text, "+"), "P") {
		days, length, err := parseDuration(text)
		return from.plus(days, length), err
	}
	end, err := s.in.zones.moment(p, text)
	return end.at, err
}

func occurrenceID(id string, start time.Time) string {
	return id + "-" + strconv.FormatInt(start.Unix(), 10)
}

// readChange reads a change of one occurrence: the series leaves it out, and it is an event of its own.
func (s *series) readChange(e *event) error {
	if err := e.usable(); err != nil {
		return err
	}
	id := e.property("RECURRENCE-ID")
	if parameter(id, "RANGE") != "" {
		return errors.New("RECURRENCE-ID with RANGE is not supported; split the series in the calendar")
	}
	original, err := s.in.zones.moment(id, id.Value)
	if err != nil {
		return err
	}
	if s.main != nil {
		original.at = s.exception(original)
		s.except = append(s.except, original.at)
	}
	if e.calledOff() || s.event != nil && s.event.calledOff() {
		return nil
	}
	h, _, err := s.hint(e)
	if err != nil || s.silent {
		return err
	}
	h.ID = occurrenceID(eventID(s.in.out.calendar, e.text("UID")), original.at)
	s.changes = append(s.changes, h)
	return nil
}

// finish leaves out what does not take place, and checks the others.
func (s *series) finish() error {
	var all []models.Hint
	if s.main != nil {
		if len(s.except) > 0 {
			s.main.Except = s.except
		}
		all = append(all, *s.main)
	}
	for i := range s.dates {
		if !slices.ContainsFunc(s.except, s.dates[i].Start.Equal) {
			all = append(all, s.dates[i])
		}
	}
	all = append(all, s.changes...)
	for i := range all {
		p, err := Compile(all[i])
		if errors.Is(err, errNever) {
			continue
		}
		if err != nil {
			return err
		}
		s.hints, s.plans = append(s.hints, all[i]), append(s.plans, p)
	}
	return nil
}

// hint reads what all events have: time, effect, reason.
func (s *series) hint(e *event) (models.Hint, moment, error) {
	h := models.Hint{Source: models.HintCalendar, Reason: e.summary(), Author: s.in.d.Author, Created: s.in.d.Now}
	start := e.property("DTSTART")
	if start == nil {
		return h, moment{}, errors.New("it has no DTSTART")
	}
	m, err := s.in.zones.moment(start, start.Value)
	if err != nil {
		return h, m, err
	}
	h.Start = m.at
	if h.End, err = s.end(e, m); err != nil {
		return h, m, err
	}
	return h, m, s.effect(e, &h)
}

// end returns when an event ends: DTEND, or DURATION, or after its day.
func (s *series) end(e *event, start moment) (time.Time, error) {
	if p := e.property("DTEND"); p != nil {
		m, err := s.in.zones.moment(p, p.Value)
		return m.at, err
	}
	if e.has("DURATION") {
		days, length, err := parseDuration(e.text("DURATION"))
		return start.plus(days, length), err
	}
	if !start.isDate {
		return time.Time{}, errors.New("it takes no time; give it a DTEND or DURATION")
	}
	return start.plus(1, 0), nil
}

// effect sets what an event does to the load, from its own properties, its categories, the main event of its series, or the import.
func (s *series) effect(e *event, h *models.Hint) error {
	own, err := s.own(e)
	if err != nil {
		return err
	}
	if s.event != nil && s.event != e {
		from, err := s.own(s.event)
		if err != nil {
			return err
		}
		own = own.or(from)
	}
	own = own.or(s.in.d.Effect)
	h.Multiplier, h.Floor = own.Multiplier, own.Floor
	if own.Selector != nil {
		h.Selector = *own.Selector
	}
	s.silent = h.Multiplier == 0 && h.Floor == 0
	return nil
}

// or fills what an effect does not say. Multiplier and floor belong together.
func (f Effect) or(other Effect) Effect {
	if f.Multiplier == 0 && f.Floor == 0 {
		f.Multiplier, f.Floor = other.Multiplier, other.Floor
	}
	f.Selector = cmp.Or(f.Selector, other.Selector)
	return f
}

// own returns what an event says itself, by properties or by a category.
func (s *series) own(e *event) (Effect, error) {
	var out Effect
	if !s.in.d.IgnoreProperties {
		var err error
		if out, err = e.properEffect(); err != nil {
			return out, err
		}
	}
	for _, p := range e.all("CATEGORIES") {
		for category := range strings.SplitSeq(p.Value, ",") {
			if f, ok := s.in.d.Categories[strings.ToLower(strings.TrimSpace(category))]; ok {
				return out.or(f), nil
			}
		}
	}
	return out, nil
}

// properEffect reads the X-PILOTLIGHT properties of an event.
func (e *event) properEffect() (out Effect, err error) {
	if text := e.text(propertyMultiplier); e.has(propertyMultiplier) {
		if out.Multiplier, err = strconv.ParseFloat(text, 64); err != nil || !(out.Multiplier > 0 && out.Multiplier <= models.MaxHintMultiplier) {
			return out, fmt.Errorf("%s %.40q is not a number above 0 and up to %d", propertyMultiplier, text, models.MaxHintMultiplier)
		}
	}
	if text := e.text(propertyFloor); e.has(propertyFloor) {
		if out.Floor, err = strconv.Atoi(text); err != nil || out.Floor < 1 || out.Floor > models.MaxHintFloor {
			return out, fmt.Errorf("%s %.40q is not a whole number from 1 to %d", propertyFloor, text, models.MaxHintFloor)
		}
	}
	out.Selector, err = e.selector()
	return out, err
}

// selector reads the targets that an event names; nil is none.
func (e *event) selector() (*models.HintSelector, error) {
	sel := models.HintSelector{Targets: e.words(propertyTargets), Groups: e.words(propertyGroups)}
	for _, word := range e.words(propertyLabels) {
		name, glob, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s %.40q is not like team=checkout,env=prod*", propertyLabels, word)
		}
		if sel.Labels == nil {
			sel.Labels = map[string]string{}
		}
		sel.Labels[name] = glob
	}
	if sel.Targets == nil && sel.Groups == nil && sel.Labels == nil {
		return nil, nil
	}
	return &sel, nil
}

// words returns the values of properties that are lists.
func (e *event) words(name string) []string {
	var out []string
	for _, p := range e.all(name) {
		for word := range strings.SplitSeq(p.Value, ",") {
			if word = strings.TrimSpace(word); word != "" {
				out = append(out, word)
			}
		}
	}
	return out
}
