package config

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pilotlight/hints"
	"pilotlight/models"
)

// maxCalendarWarnings bounds how many events of a calendar that cannot be used are told of one by one.
const maxCalendarWarnings = 20

// rawSelector is the selector of a hint.
type rawSelector struct {
	Targets []string          `yaml:"targets,omitempty"`
	Groups  []string          `yaml:"groups,omitempty"`
	Labels  map[string]string `yaml:"labels,omitempty"`
}

// rawHint is one entry of the hints.
type rawHint struct {
	ID         string          `yaml:"id,omitempty"`
	Selector   rawSelector     `yaml:"selector,omitempty"`
	Start      string          `yaml:"start"`
	End        string          `yaml:"end,omitempty"`
	Duration   models.Duration `yaml:"duration,omitempty"`
	Recurrence string          `yaml:"recurrence,omitempty"`
	TimeZone   string          `yaml:"time_zone,omitempty"`
	Except     []string        `yaml:"except,omitempty"`
	Multiplier float64         `yaml:"multiplier,omitempty"`
	Floor      int             `yaml:"floor,omitempty"`
	Reason     string          `yaml:"reason,omitempty"`
}

// rawEffect is what events of a calendar do.
type rawEffect struct {
	Multiplier float64     `yaml:"multiplier,omitempty"`
	Floor      int         `yaml:"floor,omitempty"`
	Selector   rawSelector `yaml:"selector,omitempty"`
}

// rawCalendar is one entry of the calendars.
type rawCalendar struct {
	File             string               `yaml:"file"`
	Name             string               `yaml:"name,omitempty"`
	TimeZone         string               `yaml:"time_zone,omitempty"`
	TimeZones        map[string]string    `yaml:"time_zones,omitempty"`
	Multiplier       float64              `yaml:"multiplier,omitempty"`
	Floor            int                  `yaml:"floor,omitempty"`
	Selector         rawSelector          `yaml:"selector,omitempty"`
	Categories       map[string]rawEffect `yaml:"categories,omitempty"`
	IgnoreProperties bool                 `yaml:"ignore_properties,omitempty"`
	Strict           bool                 `yaml:"strict,omitempty"`
}

// timedHint is a hint and when it takes place.
type timedHint struct {
	hint models.Hint
	plan *hints.Plan
}

// Hints returns the hints of the file and of its calendars that are not over at now, in the order of the file.
func (c *Config) Hints(now time.Time) []models.Hint {
	var out []models.Hint
	for i := range c.hints {
		if h := &c.hints[i]; !h.plan.Over(now) {
			out = append(out, deepCopy(h.hint))
		}
	}
	return out
}

// announced reads the hints and the calendars.
func (b *builder) announced() {
	seen := map[string]int{}
	for i := range b.raw.Hints {
		r, path := &b.raw.Hints[i], indexPath("hints", i)
		h, ok := b.hint(path, r)
		if !ok {
			continue
		}
		if r.ID != "" {
			b.name(joinPath(path, "id"), r.ID, i, seen)
		}
		plan, err := hints.Compile(h)
		if err != nil {
			b.bad(path, "%s", hintText(err))
			continue
		}
		b.cfg.hints = append(b.cfg.hints, timedHint{h, plan})
	}
	seen = map[string]int{}
	for i := range b.raw.HintCalendars {
		r, path := &b.raw.HintCalendars[i], indexPath("hint_calendars", i)
		if r.File == "" {
			b.bad(joinPath(path, "file"), "is missing: name an iCalendar file (.ics)")
			continue
		}
		if r.Name == "" {
			r.Name = strings.TrimSuffix(filepath.Base(r.File), filepath.Ext(r.File))
		}
		b.name(joinPath(path, "name"), r.Name, i, seen)
		b.calendar(path, r)
	}
}

// hintText is an error of a hint without what the path says already.
func hintText(err error) string {
	return strings.TrimSuffix(strings.TrimPrefix(err.Error(), "hint: "), ": "+models.ErrInvalid.Error())
}

func (s *rawSelector) selector() models.HintSelector {
	return models.HintSelector{Targets: s.Targets, Groups: s.Groups, Labels: s.Labels}
}

// hint reads an entry; false is one whose times cannot be read, which was said.
func (b *builder) hint(path string, r *rawHint) (models.Hint, bool) {
	h := models.Hint{
		ID: r.ID, Selector: r.Selector.selector(), Recurrence: r.Recurrence, TimeZone: r.TimeZone, Multiplier: r.Multiplier, Floor: r.Floor,
		Reason: r.Reason, Author: "configuration", Source: models.HintConfig,
	}
	before := len(b.list)
	h.Start = b.hintTime(joinPath(path, "start"), r.Start, r.TimeZone)
	switch {
	case (r.End == "") == (r.Duration == 0):
		b.bad(path, "needs either end or duration")
	case r.End != "":
		h.End = b.hintTime(joinPath(path, "end"), r.End, r.TimeZone)
	default:
		h.End = h.Start.Add(r.Duration.Std())
	}
	for i, text := range r.Except {
		h.Except = append(h.Except, b.hintTime(indexPath(joinPath(path, "except"), i), text, r.TimeZone))
	}
	return h, len(b.list) == before
}

// hintTime reads a time with its offset, or one on the clocks of the zone.
func (b *builder) hintTime(path, text, zone string) time.Time {
	t, err := hints.ParseTime(text, zone)
	if err != nil {
		b.bad(path, "%s", hintText(err))
	}
	return t
}

// calendar reads the events of a calendar.
func (b *builder) calendar(path string, r *rawCalendar) {
	file := below(b.cfg.dir, r.File)
	data, err := readLimited(file)
	if err != nil {
		b.bad(joinPath(path, "file"), "%q cannot be read: %s", r.File, cause(err))
		return
	}
	d := hints.Defaults{
		Calendar: r.Name, Author: "configuration", TimeZone: r.TimeZone, TimeZones: r.TimeZones, IgnoreProperties: r.IgnoreProperties, Strict: r.Strict,
		Effect: effectOf(rawEffect{r.Multiplier, r.Floor, r.Selector}), Categories: map[string]hints.Effect{},
	}
	for _, name := range slices.Sorted(maps.Keys(r.Categories)) {
		d.Categories[strings.ToLower(name)] = effectOf(r.Categories[name])
	}
	im, err := hints.ImportICal(strings.NewReader(string(data)), d)
	if err != nil {
		b.bad(joinPath(path, "file"), "%q: %s", r.File, strings.ReplaceAll(hintText(err), "\n", "; "))
		return
	}
	sum := sha256.Sum256(data)
	b.cfg.calendars = append(b.cfg.calendars, hex.EncodeToString(sum[:]))
	b.calendarWarnings(path, im.Problems)
	for i := range im.Hints {
		h := im.Hints[i]
		h.Source = models.HintConfig
		plan, err := hints.Compile(h)
		if err != nil {
			b.bad(joinPath(path, "file"), "%q: event %q: %s", r.File, h.Reason, hintText(err))
			return
		}
		b.cfg.hints = append(b.cfg.hints, timedHint{h, plan})
	}
}

func effectOf(r rawEffect) hints.Effect {
	out := hints.Effect{Multiplier: r.Multiplier, Floor: r.Floor}
	if r.Selector.Targets != nil || r.Selector.Groups != nil || r.Selector.Labels != nil {
		sel := r.Selector.selector()
		out.Selector = &sel
	}
	return out
}

// calendarWarnings tells of events that cannot be used. Those that say nothing about load are left out: they are other people's appointments.
func (b *builder) calendarWarnings(path string, problems []hints.Problem) {
	told := 0
	for _, p := range problems {
		if p.Ignored {
			continue
		}
		if told++; told <= maxCalendarWarnings {
			b.warn(joinPath(path, "file"), "%s", p)
		}
	}
	if told > maxCalendarWarnings {
		b.warn(joinPath(path, "file"), "and %d more events cannot be used", told-maxCalendarWarnings)
	}
}
