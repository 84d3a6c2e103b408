package policy

import (
	"fmt"
	"strings"
	"time"

	"pilotlight/models"
)

// Window is a time of the week, by the clocks of a time zone: from From to To on each of Days. Where To is not after From, it
// ends on the next day. It follows the clocks over changes to and from summer time: what they skip is not in it, what they
// repeat is in it twice.
type Window struct {
	// Days are mon, tue, wed, thu, fri, sat, sun; none are all. Of a window over midnight they say when it begins.
	Days []string `yaml:"days"`
	// From and To are times of the day, such as 08:30; 24:00 is its end. Both empty are the whole day.
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// Zone is an IANA time zone, such as Europe/Berlin.
	Zone string `yaml:"zone"`
	// First and Last are dates, such as 2026-11-25, between which the window is on, both included; empty is open.
	First string `yaml:"first"`
	Last  string `yaml:"last"`
}

// window is a Window that has been read.
type window struct {
	days        [7]bool // by time.Weekday
	from, to    int     // minutes of the day
	zone        *time.Location
	first, last string // dates, which compare as text
}

// compile reads a window and notes what is wrong with it.
func (w Window) compile(v *checker, path string) window {
	out := window{to: 24 * 60, first: w.First, last: w.Last}
	for i, name := range w.Days {
		day := strings.Index("sun mon tue wed thu fri sat", name)
		if len(name) != 3 || day < 0 || day%4 != 0 {
			v.fail(fmt.Sprintf("%s.days[%d]", path, i), "%q is no day; write mon, tue, wed, thu, fri, sat or sun", name)
			continue
		}
		out.days[day/4] = true
	}
	if len(w.Days) == 0 {
		out.days = [7]bool{true, true, true, true, true, true, true}
	}
	if w.From != "" || w.To != "" {
		out.from, out.to = v.clock(path+".from", w.From), v.clock(path+".to", w.To)
	}
	if out.from == 24*60 {
		v.fail(path+".from", "24:00 is the end of the day; write 00:00")
	}
	out.zone = v.zone(path+".zone", w.Zone)
	v.date(path+".first", w.First)
	v.date(path+".last", w.Last)
	if w.First != "" && w.Last != "" && w.Last < w.First {
		v.fail(path+".last", "%s is before first %s; swap them", w.Last, w.First)
	}
	return out
}

// zone reads a time zone.
func (v *checker) zone(path, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		v.fail(path, "%q is no time zone; write one like Europe/Berlin or UTC", name)
		return time.UTC
	}
	return zone
}

// date checks a date that may be missing.
func (v *checker) date(path, text string) {
	if _, err := time.Parse(time.DateOnly, text); err != nil && text != "" {
		v.fail(path, "%q is not a date; write it like 2026-11-25", text)
	}
}

// clock reads a time of the day in minutes.
func (v *checker) clock(path, text string) int {
	if text == "24:00" {
		return 24 * 60
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		v.fail(path, "%q is no time of the day; write it like 08:30", text)
		return 0
	}
	return t.Hour()*60 + t.Minute()
}

// has reports whether a time is in the window.
func (w *window) has(at time.Time) bool {
	local := at.In(w.zone)
	minute := local.Hour()*60 + local.Minute()
	today := w.begins(local)
	if w.from < w.to {
		return today && minute >= w.from && minute < w.to
	}
	if today && minute >= w.from {
		return true
	}
	// Yesterday by the calendar: a day is not always 24 hours.
	y, m, d := local.Date()
	return minute < w.to && w.begins(time.Date(y, m, d-1, 12, 0, 0, 0, time.UTC))
}

// begins reports whether a window begins on the day of a time.
func (w *window) begins(day time.Time) bool {
	date := day.Format(time.DateOnly)
	return w.days[day.Weekday()] && (w.first == "" || date >= w.first) && (w.last == "" || date <= w.last)
}

// Schedule is other bounds of the floor for a time of the week. They narrow the limits of the target and never widen them.
type Schedule struct {
	Name   string `yaml:"name"`
	Window `yaml:",inline"`
	// MinWarm and MaxWarm bound the floor; max_warm absent is no bound.
	MinWarm int  `yaml:"min_warm"`
	MaxWarm *int `yaml:"max_warm"`
}

// FreezeRule says what a freeze stops.
type FreezeRule string

// The rules of a freeze.
const (
	// FreezeChanges stops every change.
	FreezeChanges FreezeRule = "changes"
	// FreezeLowering stops that the floor is lowered.
	FreezeLowering FreezeRule = "lowering"
)

// Freeze is a time in which capacity is not changed.
type Freeze struct {
	Name   string `yaml:"name"`
	Window `yaml:",inline"`
	Stop   FreezeRule `yaml:"stop"`
}

// schedule and freeze are what a Schedule and a Freeze become.
type schedule struct {
	window
	name     string
	min, max int
}

type freeze struct {
	window
	name string
	stop FreezeRule
}

// times are the windows of a policy.
type times struct {
	schedules []schedule
	freezes   []freeze
}

// compile reads the windows of a policy and notes what is wrong with them.
func (c *Config) times(v *checker) times {
	var out times
	for i, s := range c.Schedules {
		path := fmt.Sprintf("schedules[%d]", i)
		read := schedule{window: s.compile(v, path), name: s.Name, min: s.MinWarm, max: maxInstances}
		v.number(path+".min_warm", float64(s.MinWarm), 0, maxInstances)
		if s.MaxWarm != nil {
			read.max = *s.MaxWarm
			v.number(path+".max_warm", float64(read.max), 0, maxInstances)
			if read.max < read.min {
				v.fail(path+".max_warm", "%d is below min_warm %d", read.max, read.min)
			}
		}
		out.schedules = append(out.schedules, read)
	}
	for i, f := range c.Freezes {
		path := fmt.Sprintf("freezes[%d]", i)
		v.oneOf(path+".stop", string(f.Stop), string(FreezeChanges), string(FreezeLowering))
		out.freezes = append(out.freezes, freeze{window: f.compile(v, path), name: f.Name, stop: f.Stop})
	}
	return out
}

// bounds are the limits of the target, narrowed by the schedules that are on; by is the name of the one that narrowed each. A
// lower bound is on ahead of its window, by the lead, so that the instances are there when it begins.
type bounds struct {
	min, max     int
	minBy, maxBy string
}

func (pr *proposal) bounds() bounds {
	l := pr.facts.Target.Limits
	b := bounds{min: l.MinWarm, max: l.MaxWarm}
	if pr.times == nil {
		return b
	}
	now := pr.facts.Now
	ready := now.Add(models.Seconds(pr.memory.spec.lead))
	for i := range pr.times.schedules {
		s := &pr.times.schedules[i]
		on := s.has(now)
		if on && s.max < b.max {
			b.max, b.maxBy = max(s.max, l.MinWarm), s.name
		}
		if (on || s.has(ready)) && s.min > b.min {
			b.min, b.minBy = s.min, s.name
		}
	}
	if b.min > b.max {
		b.min, b.minBy = b.max, b.maxBy // max costs money, so it wins
	}
	return b
}

// guardFreezeLowering keeps at least the present floor during a freeze of lowering.
func guardFreezeLowering(pr *proposal) {
	if f := pr.frozen(FreezeLowering); f != nil && pr.falls() {
		pr.move(models.ReasonFreeze, pr.have)
		pr.reasons[len(pr.reasons)-1].Detail = f.name
	}
}

// guardFreeze leaves everything alone during a freeze of changes.
func guardFreeze(pr *proposal) {
	if f := pr.frozen(FreezeChanges); f != nil && (pr.warmSet || pr.keepSet) {
		pr.hold(models.ReasonFreeze, models.Num("proposed_warm", float64(pr.warm)))
		pr.reasons[len(pr.reasons)-1].Detail = f.name
	}
}

// frozen returns the first freeze of that kind that is on now, or nil.
func (pr *proposal) frozen(stop FreezeRule) *freeze {
	if pr.times == nil {
		return nil
	}
	for i := range pr.times.freezes {
		if f := &pr.times.freezes[i]; f.stop == stop && f.has(pr.facts.Now) {
			return f
		}
	}
	return nil
}
