package hints

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	ical "github.com/arran4/golang-ical"

	"pilotlight/models"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
	// maxDigits and maxSum keep a duration far from what time.Duration can hold, and beyond what a hint may take.
	maxDigits = 8
	maxSum    = 2 * models.MaxHintSpan
	// maxZoneName is longer than any name of a zone with all that programs put before it.
	maxZoneName = 200
)

func itoa(n int) string { return strconv.Itoa(n) }

// moment is a time of an event, as the calendar says it.
type moment struct {
	at     time.Time
	zone   string // IANA name; UTC is empty
	loc    *time.Location
	isDate bool
}

// zones know the names of zones that a calendar uses.
type zones struct {
	floating string            // IANA name of the zone of times that name none
	named    map[string]string // from TZID to IANA name
	loaded   map[string]*time.Location
	unknown  map[string]bool
}

// location remembers the zones that were looked up, for that reads a file.
func (z *zones) location(name string) (*time.Location, error) {
	if loc, ok := z.loaded[name]; ok {
		return loc, nil
	}
	loc, err := location(name)
	if err == nil {
		z.loaded[name] = loc
	}
	return loc, err
}

// newZones looks the zones of a calendar up. A VTIMEZONE that is called otherwise than an IANA zone may say which one it is (X-LIC-LOCATION), or have the same offset all year.
func newZones(cal *calendar, d *Defaults) (*zones, error) {
	z := &zones{named: map[string]string{}, loaded: map[string]*time.Location{}, unknown: map[string]bool{}}
	for name, zone := range d.TimeZones {
		if _, err := z.location(zone); err != nil {
			return nil, err
		}
		z.named[name] = zone
	}
	for _, v := range cal.zones {
		name := v.text("TZID")
		if _, known := z.lookup(name); known || name == "" {
			continue
		}
		if zone, ok := z.lookup(v.text("X-LIC-LOCATION")); ok {
			z.named[name] = zone
		} else if zone, ok := fixedZone(v); ok {
			z.named[name] = zone
		}
	}
	switch {
	case d.TimeZone != "":
		if _, err := z.location(d.TimeZone); err != nil {
			return nil, err
		}
		z.floating = d.TimeZone
	case cal.zone != "":
		zone, ok := z.lookup(cal.zone)
		if !ok {
			return nil, calendarError("its X-WR-TIMEZONE %q is not known; name an IANA zone for times without a zone", cal.zone)
		}
		z.floating = zone
	}
	return z, nil
}

// lookup returns the IANA name of a zone: the name itself, or its end (/example.org/2026a/Europe/Berlin), or that of a name of Windows.
func (z *zones) lookup(name string) (string, bool) {
	if zone, ok := z.named[name]; ok {
		return zone, true
	}
	if zone, ok := windowsZone(name); ok {
		return zone, true
	}
	if len(name) > maxZoneName || z.unknown[name] {
		return "", false
	}
	for rest := strings.Trim(name, "/"); rest != ""; {
		if _, err := z.location(rest); err == nil {
			return rest, true
		}
		if strings.EqualFold(rest, "utc") { // Exchange writes tzone://Microsoft/Utc
			return "Etc/UTC", true
		}
		_, rest, _ = strings.Cut(rest, "/")
	}
	z.unknown[name] = true
	return "", false
}

// fixedZone returns the zone of a VTIMEZONE whose clocks are never set and are whole hours from UTC.
func fixedZone(v *event) (string, bool) {
	offset := ""
	for _, p := range append(v.all("TZOFFSETTO"), v.all("TZOFFSETFROM")...) {
		if offset != "" && p.Value != offset {
			return "", false
		}
		offset = p.Value
	}
	if len(offset) != len("+0100") || !strings.HasSuffix(offset, "00") {
		return "", false
	}
	hours, err := strconv.Atoi(offset[1:3])
	if err != nil || hours > 12 {
		return "", false
	}
	switch {
	case hours == 0:
		return "Etc/UTC", true
	case offset[0] == '+':
		return "Etc/GMT-" + itoa(hours), true // the signs of these names are the other way round
	default:
		return "Etc/GMT+" + itoa(hours), true
	}
}

// moments reads the times of a property, which for RDATE and EXDATE may be several.
func (z *zones) moments(p *ical.BaseProperty) ([]moment, error) {
	var out []moment
	for value := range strings.SplitSeq(p.Value, ",") {
		m, err := z.moment(p, strings.TrimSpace(value))
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// moment reads one of the forms 20261127, 20261127T200000 (on the clocks of TZID, or of the calendar) and 20261127T200000Z.
func (z *zones) moment(p *ical.BaseProperty, value string) (moment, error) {
	value = strings.ToUpper(value)
	if t, err := time.Parse(untilUTC, value); err == nil {
		return moment{at: t, loc: time.UTC}, nil
	}
	m := moment{}
	wall, err := time.Parse(untilLocal, value)
	if err != nil {
		if wall, err = time.Parse(untilDate, value); err != nil {
			return m, fmt.Errorf("%s %.40q is none of 20261127, 20261127T200000 and 20261127T200000Z", p.IANAToken, value)
		}
		m.isDate = true
	}
	m.zone = z.floating
	if tzid := parameter(p, "TZID"); tzid != "" && !m.isDate {
		zone, ok := z.lookup(tzid)
		if !ok {
			return m, fmt.Errorf("its time zone %.100q is not known; map it to an IANA zone in time_zones of the import, such as Europe/Berlin", tzid)
		}
		m.zone = zone
	}
	if m.loc, err = z.location(m.zone); err != nil {
		return m, err
	}
	m.at = time.Unix(instantOf(wall.Unix(), m.loc), 0).UTC()
	return m, nil
}

// plus returns the time that is days of the clocks and then a length of time later.
func (m moment) plus(days int, length time.Duration) time.Time {
	wall := wallOf(m.at, m.loc).AddDate(0, 0, days)
	return time.Unix(instantOf(wall.Unix(), m.loc), 0).UTC().Add(length)
}

// parseDuration reads a duration of RFC 5545, such as P1D, PT1H30M and P2W.
func parseDuration(text string) (days int, length time.Duration, err error) {
	dates, times, hasTime := strings.Cut(strings.TrimPrefix(strings.ToUpper(text), "+"), "T")
	dates, ok := strings.CutPrefix(dates, "P")
	inDays, ok1 := sumUnits(dates, false)
	inTime, ok2 := sumUnits(times, true)
	if !ok || !ok1 || !ok2 || hasTime == (times == "") || dates+times == "" {
		return 0, 0, fmt.Errorf("DURATION %.40q is not like PT1H30M, P1D or P2W, or is too long", text)
	}
	return int(inDays / day), inTime, nil
}

// sumUnits adds up numbers that are followed by the letter of a unit.
func sumUnits(text string, inTime bool) (sum time.Duration, ok bool) {
	for text != "" {
		digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
		if digits < 1 || digits > maxDigits {
			return 0, false
		}
		n, err := strconv.Atoi(text[:digits])
		unit, known := durationUnit(text[digits], inTime)
		if err != nil || !known || time.Duration(n) > maxSum/unit || sum > maxSum {
			return 0, false
		}
		sum += time.Duration(n) * unit
		text = text[digits+1:]
	}
	return sum, true
}

func durationUnit(letter byte, inTime bool) (time.Duration, bool) {
	switch {
	case letter == 'W' && !inTime:
		return week, true
	case letter == 'D' && !inTime:
		return day, true
	case letter == 'H' && inTime:
		return time.Hour, true
	case letter == 'M' && inTime:
		return time.Minute, true
	case letter == 'S' && inTime:
		return time.Second, true
	default:
		return 0, false
	}
}
