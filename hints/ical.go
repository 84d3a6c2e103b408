package hints

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/models"
)

// The bounds of one calendar.
const (
	MaxCalendarBytes  = 8 << 20
	maxCalendarEvents = 20_000
	maxCalendarHints  = 10_000
	maxShownProblems  = 100
	calendarHashBytes = 4
	eventHashBytes    = 8
)

// Effect is what an event does to the load, and of which targets.
type Effect struct {
	// Multiplier and Floor are those of models.Hint; 0 says nothing.
	Multiplier float64
	Floor      int
	// Selector is nil where it says nothing.
	Selector *models.HintSelector
}

// Defaults say how to read a calendar: what its events do where they do not say so themselves, and what its own words mean.
type Defaults struct {
	// Calendar names the calendar. Hints of calendars with different names never replace one another.
	Calendar string
	// Effect is that of events that neither have X-PILOTLIGHT properties nor one of Categories.
	Effect Effect
	// Categories are the effects of events of a category, in lower case. The first category of an event that is here counts.
	Categories map[string]Effect
	// IgnoreProperties leaves X-PILOTLIGHT properties out, for a calendar that more people may write than may change capacity.
	IgnoreProperties bool
	// TimeZone is the IANA zone of times that name none, before that of the calendar itself (X-WR-TIMEZONE); both empty are UTC.
	TimeZone string
	// TimeZones are IANA names for names of zones that the calendar made up.
	TimeZones map[string]string
	// Author is who imports it.
	Author string
	// Now is the time of the import: events that are over by then are left out. Zero leaves none out.
	Now time.Time
	// Strict makes any problem an error.
	Strict bool
	// Stop, unless nil, is asked before each event; an error of it ends the import.
	Stop func() error
}

// Problem is an event that no hint came of.
type Problem struct {
	// Line is where the event begins in the file, from 1.
	Line int
	// UID and Summary are what the event calls itself. Untrusted text.
	UID, Summary string
	// Text is what is wrong, and what to do.
	Text string
	// Ignored says that nothing is wrong: the event is over, called off, or says nothing about load.
	Ignored bool
	event   string // prefix of the ids of the hints of the event
}

func (p Problem) String() string {
	return fmt.Sprintf("line %d: event %q (%s): %s", p.Line, p.Summary, p.UID, p.Text)
}

// Import is what came of a calendar.
type Import struct {
	// Hints are valid, in the order of the calendar; each has an id that depends on the name of the calendar and the UID of its event only.
	Hints    []models.Hint
	Problems []Problem
	calendar string   // prefix of the ids of all hints of the calendar
	events   []string // prefixes of the ids of the events that were read
}

// Stale returns those of the ids that the calendar takes back: of an earlier import, and neither among the hints now, nor of an event with
// a problem. Unless whole is set, only events that the calendar still has are looked at, such as one that was called off; with whole, also those that
// it has no longer.
func (im *Import) Stale(ids []string, whole bool) []string {
	kept := map[string]bool{}
	for i := range im.Hints {
		kept[im.Hints[i].ID] = true
	}
	var out []string
	for _, id := range ids {
		mine := strings.HasPrefix(id, im.calendar) && len(id) >= len(im.calendar)+2*eventHashBytes
		if !mine || kept[id] {
			continue
		}
		event := id[:len(im.calendar)+2*eventHashBytes]
		bad := slices.ContainsFunc(im.Problems, func(p Problem) bool { return !p.Ignored && p.event == event })
		if !bad && (whole || slices.Contains(im.events, event)) {
			out = append(out, id)
		}
	}
	return out
}

// calendarID returns the beginning of the ids of a calendar, and eventID that of one event of it.
func calendarID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "ical-" + hex.EncodeToString(sum[:calendarHashBytes]) + "-"
}

func eventID(calendar, uid string) string {
	sum := sha256.Sum256([]byte(uid))
	return calendar + hex.EncodeToString(sum[:eventHashBytes])
}

// ImportICal reads the events of an iCalendar file (RFC 5545) as hints. An event that cannot be used is a problem, and the others
// count, unless d.Strict is set. The error is a models.ErrInvalid: the file is no calendar, or too large, or broken.
//
// The load of an event comes from its properties X-PILOTLIGHT-MULTIPLIER and X-PILOTLIGHT-FLOOR, else from its categories, else from
// d.Effect; its targets likewise from X-PILOTLIGHT-TARGETS, -GROUPS and -LABELS.
func ImportICal(r io.Reader, d Defaults) (*Import, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxCalendarBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the calendar: %w", err)
	}
	if len(data) > MaxCalendarBytes {
		return nil, calendarError("it is larger than %d MiB; export fewer events", MaxCalendarBytes>>20)
	}
	cal, err := readCalendar(string(data))
	if err != nil {
		return nil, err
	}
	zones, err := newZones(cal, &d)
	if err != nil {
		return nil, err
	}
	in := &importer{d: &d, zones: zones, out: &Import{calendar: calendarID(d.Calendar)}}
	if err := in.run(cal.events); err != nil {
		return nil, err
	}
	if d.Strict {
		if err := strictError(in.out.Problems); err != nil {
			return nil, err
		}
	}
	return in.out, nil
}

func calendarError(format string, args ...any) error {
	return fmt.Errorf("calendar: "+format+": %w", append(args, models.ErrInvalid)...)
}

func strictError(problems []Problem) error {
	var errs []error
	for _, p := range problems {
		if !p.Ignored && len(errs) < maxShownProblems {
			errs = append(errs, errors.New(p.String()))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return calendarError("%w", errors.Join(errs...))
}

// importer turns events into hints.
type importer struct {
	d     *Defaults
	zones *zones
	out   *Import
}

// run goes through the events by UID, for an event may come with changes of single occurrences of it, before or after it.
func (in *importer) run(events []*event) error {
	byUID := map[string][]*event{}
	var order []string
	for _, e := range events {
		uid := e.text("UID")
		if uid == "" {
			in.problem(e, "it has no UID, by which a second import would know it again; export the calendar anew")
			continue
		}
		if byUID[uid] == nil {
			order = append(order, uid)
		}
		byUID[uid] = append(byUID[uid], e)
	}
	for _, uid := range order {
		if in.d.Stop != nil {
			if err := in.d.Stop(); err != nil {
				return fmt.Errorf("read the calendar: %w", err)
			}
		}
		in.out.events = append(in.out.events, eventID(in.out.calendar, uid))
		in.series(byUID[uid])
		if len(in.out.Hints) > maxCalendarHints {
			return calendarError("more than %d hints come of it; export fewer events", maxCalendarHints)
		}
	}
	return nil
}

func (in *importer) problem(e *event, format string, args ...any) {
	uid := e.text("UID")
	in.out.Problems = append(in.out.Problems, Problem{
		Line: e.line, UID: oneLine(uid), Summary: e.summary(), Text: fmt.Sprintf(format, args...), event: eventID(in.out.calendar, uid),
	})
}

func (in *importer) ignore(e *event, format string, args ...any) {
	in.problem(e, format, args...)
	in.out.Problems[len(in.out.Problems)-1].Ignored = true
}

// series reads the events of one UID: the main one, and changes of single occurrences. If one of them has a problem none of them counts, for a series without its exceptions is another one.
func (in *importer) series(events []*event) {
	s := &series{in: in}
	var changes []*event
	for _, e := range events {
		switch {
		case e.has("RECURRENCE-ID"):
			changes = appendNewer(changes, e)
		case s.event == nil || e.sequence() >= s.event.sequence():
			s.event = e
		}
	}
	if at, err := s.read(changes); err != nil {
		in.problem(at, "%s", strings.TrimSuffix(strings.TrimPrefix(err.Error(), "hint: "), ": "+models.ErrInvalid.Error()))
		return
	}
	in.keep(events[0], s)
}

// appendNewer keeps the newest change of each occurrence.
func appendNewer(changes []*event, e *event) []*event {
	for i, old := range changes {
		if old.text("RECURRENCE-ID") == e.text("RECURRENCE-ID") {
			if e.sequence() >= old.sequence() {
				changes[i] = e
			}
			return changes
		}
	}
	return append(changes, e)
}

// keep takes the hints of a series that are not over, and says why there are none.
func (in *importer) keep(e *event, s *series) {
	n := 0
	for i, p := range s.plans {
		if in.d.Now.IsZero() || !p.Over(in.d.Now) {
			in.out.Hints = append(in.out.Hints, s.hints[i])
			n++
		}
	}
	switch {
	case n > 0:
	case s.silent:
		in.ignore(e, "nothing says what it does to the load: give it X-PILOTLIGHT-MULTIPLIER or -FLOOR, or a category that is mapped, or give the import a multiplier or floor")
	case len(s.hints) == 0:
		in.ignore(e, "it was called off")
	default:
		in.ignore(e, "it is over")
	}
}

// sequence is how often the event was changed.
func (e *event) sequence() int {
	n, err := strconv.Atoi(e.text("SEQUENCE"))
	if err != nil {
		return 0
	}
	return n
}
