package season

import (
	"fmt"
	"slices"
	"time"

	"pilotlight/models"
)

const day = 24 * time.Hour

// Date is a day of the civil calendar, in whatever zone the Calendar has.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads a date like 2026-12-25.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, fmt.Errorf("date %q: write it like 2026-12-25: %w", text, models.ErrInvalid)
	}
	return dateOf(t), nil
}

// String renders the date so that ParseDate reads it back.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// dateOf returns the date of t in its location.
func dateOf(t time.Time) Date {
	year, month, dayOfMonth := t.Date()
	return Date{year, month, dayOfMonth}
}

// compare orders dates.
func (d Date) compare(o Date) int {
	if d.Year != o.Year {
		return d.Year - o.Year
	}
	if d.Month != o.Month {
		return int(d.Month - o.Month)
	}
	return d.Day - o.Day
}

// Holiday is a day on which the load is like that of another day of the week. The zero As makes it a Sunday; the days around
// it stay ordinary unless they are listed themselves.
type Holiday struct {
	Date Date
	As   time.Weekday
}

// Calendar maps instants to the position in the local day and week. The zero value is UTC without holidays. A Calendar is
// immutable and safe for concurrent use.
type Calendar struct {
	location *time.Location
	holidays []Holiday // by date
}

// NewCalendar makes a calendar of a location, nil for UTC, and holidays in any order. It returns models.ErrInvalid for a date
// that does not exist, one that is there twice, and a weekday outside Sunday to Saturday.
func NewCalendar(location *time.Location, holidays []Holiday) (Calendar, error) {
	sorted := slices.Clone(holidays)
	slices.SortStableFunc(sorted, func(a, b Holiday) int { return a.Date.compare(b.Date) })
	for i, h := range sorted {
		if h.Date != dateOf(time.Date(h.Date.Year, h.Date.Month, h.Date.Day, 12, 0, 0, 0, time.UTC)) {
			return Calendar{}, fmt.Errorf("holiday %s is not a day of the calendar: %w", h.Date, models.ErrInvalid)
		}
		if h.As < time.Sunday || h.As > time.Saturday {
			return Calendar{}, fmt.Errorf("holiday %s is like weekday %d; use 0 (Sunday) to 6: %w", h.Date, int(h.As), models.ErrInvalid)
		}
		if i > 0 && h.Date == sorted[i-1].Date {
			return Calendar{}, fmt.Errorf("holiday %s is there twice; remove one: %w", h.Date, models.ErrInvalid)
		}
	}
	return Calendar{location: location, holidays: sorted}, nil
}

// Location returns the location, never nil.
func (c Calendar) Location() *time.Location {
	if c.location == nil {
		return time.UTC
	}
	return c.location
}

// Plain reports whether the calendar is UTC without holidays.
func (c Calendar) Plain() bool {
	return len(c.holidays) == 0 && (c.location == nil || c.location == time.UTC)
}

// IsHoliday reports whether t lies on a holiday, in local time.
func (c Calendar) IsHoliday(t time.Time) bool {
	_, found := c.holiday(dateOf(t.In(c.Location())))
	return found
}

// DayType returns the weekday that the load at t is like: that of the local date, or that of the holiday.
func (c Calendar) DayType(t time.Time) time.Weekday {
	local := t.In(c.Location())
	if len(c.holidays) > 0 {
		if h, found := c.holiday(dateOf(local)); found {
			return h.As
		}
	}
	return local.Weekday()
}

// holiday finds the holiday of a date.
func (c Calendar) holiday(d Date) (Holiday, bool) {
	i, found := slices.BinarySearchFunc(c.holidays, d, func(h Holiday, d Date) int { return h.Date.compare(d) })
	if !found {
		return Holiday{}, false
	}
	return c.holidays[i], true
}

// Index returns the position of the step that begins at t in the local day and in the local week that begins on Monday, in
// steps, by the wall clock. In spring an hour of positions is left out, in autumn an hour of them comes twice, so that a
// profile kept by position stays right through both. On a holiday the position in the week is that of the day it is like. A
// step that is not above zero has no positions: 0, 0.
func (c Calendar) Index(t time.Time, step time.Duration) (posInDay, posInWeek int) {
	if step <= 0 {
		return 0, 0
	}
	hour, minute, second := t.In(c.Location()).Clock()
	clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	if step < time.Second {
		clock += time.Duration(t.Nanosecond())
	}
	posInDay = int(clock / step)
	perDay := int((day + step - 1) / step)
	sinceMonday := (int(c.DayType(t)) + weekDays - 1) % weekDays
	if step > day {
		return posInDay, int((time.Duration(sinceMonday)*day + clock) / step)
	}
	return posInDay, sinceMonday*perDay + posInDay
}

// Slots maps steps to the positions of one season, for seasonal models: the profile's index of a step. Make it with NewSlots.
type Slots struct {
	calendar Calendar
	step     time.Duration
	length   int
	kind     slotKind
}

// slotKind says what a season follows.
type slotKind uint8

const (
	slotModulo slotKind = iota // the number of steps since 1970
	slotDay                    // the local time of day, modulo the period
	slotWeek                   // the local time of the week
)

// NewSlots makes the mapping for a season of the period. Periods that divide a day, and the week, follow the calendar's wall
// clock and holidays; others are counted from 1970 in UTC. In UTC without holidays all are plain counting: the next step has
// the next slot modulo Len. It returns models.ErrInvalid unless the period is at least two whole steps.
func NewSlots(c Calendar, step, period time.Duration) (Slots, error) {
	if step <= 0 || period < 2*step || period%step != 0 {
		return Slots{}, fmt.Errorf("season of %s with steps of %s: it must be at least two whole steps: %w", period, step, models.ErrInvalid)
	}
	s := Slots{calendar: c, step: step, length: int(period / step)}
	switch {
	case day%period == 0:
		s.kind = slotDay
	case period == weekDays*day && day%step == 0:
		s.kind = slotWeek
	}
	return s, nil
}

// Len returns the number of slots of the season.
func (s Slots) Len() int { return s.length }

// At returns the slot, in [0, Len), of the step that begins at t.
func (s Slots) At(t time.Time) int {
	switch s.kind {
	case slotDay:
		inDay, _ := s.calendar.Index(t, s.step)
		return inDay % s.length
	case slotWeek:
		_, inWeek := s.calendar.Index(t, s.step)
		return inWeek
	case slotModulo:
		fallthrough
	default:
		period := int64(s.step) * int64(s.length)
		return int(modulo(t.UnixNano(), period) / int64(s.step))
	}
}

// modulo returns a modulo b, not negative, for b above 0.
func modulo(a, b int64) int64 {
	if a %= b; a < 0 {
		a += b
	}
	return a
}
