package hints

import (
	"strings"
	"unicode"
	"unicode/utf8"

	ical "github.com/arran4/golang-ical"
)

const (
	maxLine     = 64 << 10
	maxDepth    = 10
	maxSummary  = 300
	contentKept = 2000 // properties of one event
)

// calendar is what an import needs of an iCalendar file.
type calendar struct {
	events []*event
	zones  []*event // VTIMEZONE components, with the properties of their parts
	zone   string   // X-WR-TIMEZONE
}

// event is one component and its properties.
type event struct {
	line       int
	properties []*ical.BaseProperty
	bad        string // why it cannot be used, if a line of it cannot be read
}

// property returns the first property of a name, or nil.
func (e *event) property(name string) *ical.BaseProperty {
	for _, p := range e.properties {
		if strings.EqualFold(p.IANAToken, name) {
			return p
		}
	}
	return nil
}

func (e *event) all(name string) []*ical.BaseProperty {
	var out []*ical.BaseProperty
	for _, p := range e.properties {
		if strings.EqualFold(p.IANAToken, name) {
			out = append(out, p)
		}
	}
	return out
}

func (e *event) has(name string) bool { return e.property(name) != nil }

// text returns the value of a property, or nothing.
func (e *event) text(name string) string {
	if p := e.property(name); p != nil {
		return strings.TrimSpace(p.Value)
	}
	return ""
}

// summary returns what the event calls itself.
func (e *event) summary() string { return oneLine(e.text("SUMMARY")) }

// oneLine makes foreign text one line of a bounded length that shows.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, text)), " ")
	if runes := []rune(text); len(runes) > maxSummary {
		text = string(runes[:maxSummary]) + "…"
	}
	return text
}

// parameter returns the first value of a parameter of a property, or nothing.
func parameter(p *ical.BaseProperty, name string) string {
	for _, key := range []string{name, strings.ToLower(name)} {
		if values := p.ICalParameters[key]; len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// reader follows the nesting of components.
type reader struct {
	cal   calendar
	stack []string
	open  *event // the VEVENT or VTIMEZONE that is being read
	seen  bool
}

// readCalendar reads the content lines of a file.
func readCalendar(text string) (*calendar, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.ContainsRune(text, 0) {
		return nil, calendarError("it is not text in UTF-8; export it anew, or save it as UTF-8")
	}
	r := &reader{}
	for number := 1; text != ""; {
		at := number
		var line string
		line, text, number = unfold(text, number)
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := r.line(line, at); err != nil {
			return nil, err
		}
	}
	if !r.seen {
		return nil, calendarError("it has no BEGIN:VCALENDAR; it has to be an iCalendar file (.ics)")
	}
	if len(r.stack) > 0 {
		return nil, calendarError("it ends within a %s; the file is cut off, export it anew", r.stack[len(r.stack)-1])
	}
	return &r.cal, nil
}

// unfold takes the first content line, which goes on where the next line begins with a space or tab, and returns the rest and its number.
func unfold(text string, number int) (line, rest string, next int) {
	var b strings.Builder
	for {
		end := strings.IndexAny(text, "\r\n")
		if end < 0 {
			b.WriteString(text)
			return b.String(), "", number + 1
		}
		b.WriteString(text[:end])
		if strings.HasPrefix(text[end:], "\r\n") {
			end++
		}
		text, number = text[end+1:], number+1
		if text == "" || text[0] != ' ' && text[0] != '\t' {
			return b.String(), text, number
		}
		text = text[1:]
	}
}

func (r *reader) line(line string, number int) error {
	name, value, _ := strings.Cut(strings.ToUpper(line[:min(len(line), 100)]), ":")
	value = strings.TrimSpace(value)
	switch strings.TrimSpace(name) {
	case "BEGIN":
		return r.begin(value, number)
	case "END":
		return r.end(value, number)
	}
	switch {
	case len(r.stack) == 0:
		return calendarError("line %d: %.40q stands outside of a VCALENDAR; it has to be an iCalendar file (.ics)", number, line)
	case len(r.stack) == 1 && strings.HasPrefix(strings.ToUpper(line), "X-WR-TIMEZONE"):
		_, r.cal.zone, _ = strings.Cut(line, ":")
		r.cal.zone = strings.TrimSpace(r.cal.zone)
	case r.open != nil && r.wanted():
		r.open.add(line, number)
	}
	return nil
}

// wanted tells the properties of the open component itself from those of components in it, such as alarms; the parts of zones are wanted.
func (r *reader) wanted() bool {
	return r.stack[len(r.stack)-1] == "VEVENT" || r.stack[1] == "VTIMEZONE"
}

func (e *event) add(line string, number int) {
	if e.bad != "" {
		return
	}
	if len(line) > maxLine || len(e.properties) >= contentKept {
		if !strings.HasPrefix(strings.ToUpper(line), "ATTACH") {
			e.bad = "a line of it is too long, or it has too many"
		}
		return
	}
	p, err := ical.ParseProperty(ical.ContentLine(strings.ToValidUTF8(line, "\ufffd")))
	if err != nil || p == nil || !strings.HasPrefix(line, p.IANAToken) {
		e.bad = "line " + itoa(number) + " is not a property with a value; mend it, or export the calendar anew"
		return
	}
	e.properties = append(e.properties, p)
}

func (r *reader) begin(name string, number int) error {
	if len(r.stack) == 0 && name != "VCALENDAR" {
		return calendarError("line %d: BEGIN:%.40s stands outside of a VCALENDAR; it has to be an iCalendar file (.ics)", number, name)
	}
	if len(r.stack) >= maxDepth {
		return calendarError("line %d: components are nested more than %d deep; export it anew", number, maxDepth)
	}
	r.seen = true
	r.stack = append(r.stack, name)
	if len(r.stack) != 2 {
		return nil
	}
	switch name {
	case "VEVENT":
		if len(r.cal.events) >= maxCalendarEvents {
			return calendarError("it has more than %d events; export fewer", maxCalendarEvents)
		}
		r.open = &event{line: number}
		r.cal.events = append(r.cal.events, r.open)
	case "VTIMEZONE":
		r.open = &event{line: number}
		r.cal.zones = append(r.cal.zones, r.open)
	}
	return nil
}

func (r *reader) end(name string, number int) error {
	if len(r.stack) == 0 || r.stack[len(r.stack)-1] != name {
		open := "nothing"
		if len(r.stack) > 0 {
			open = r.stack[len(r.stack)-1]
		}
		return calendarError("line %d: END:%.40s comes where %s is open; the file is damaged, export it anew", number, name, open)
	}
	r.stack = r.stack[:len(r.stack)-1]
	if len(r.stack) == 1 {
		r.open = nil
	}
	return nil
}
