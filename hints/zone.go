package hints

import (
	"fmt"
	"strings"
	"time"

	"pilotlight/models"
)

// daySeconds is more than the clocks of any zone are apart from UTC, so that a day before and after a time lie on both sides of a change of the clocks.
const daySeconds = 24 * 60 * 60

// location returns the zone of an IANA name; an empty name is UTC. The zone of the machine is refused, for the same hint would mean something else elsewhere.
func location(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("hint: time zone %q depends on the machine; name it, such as Europe/Berlin: %w", name, models.ErrInvalid)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("hint: time zone %q is not known; use an IANA name such as Europe/Berlin or America/New_York: %w", name, models.ErrInvalid)
	}
	return loc, nil
}

// ParseTime reads a time as people write it: 2026-11-27T20:00:00+01:00, or without an offset on the clocks of an IANA zone, which is
// UTC if empty: 2026-11-27T20:00:00, 2026-11-27T20:00, or 2026-11-27 for its first moment; a space may stand for the T. A time that the clocks skip or show twice is read as in Compile.
func ParseTime(text, zone string) (time.Time, error) {
	loc, err := location(zone)
	if err != nil {
		return time.Time{}, err
	}
	text = strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		t, err := time.Parse(layout, text)
		switch {
		case err != nil:
		case strings.HasSuffix(layout, "Z07:00"):
			return t.UTC(), nil
		default:
			return time.Unix(instantOf(t.Unix(), loc), 0).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("hint: %.40q is no time: write it like 2026-11-27T20:00, or 2026-11-27T20:00:00+01:00: %w", text, models.ErrInvalid)
}

// wallOf returns what the clocks of a zone show, as if that were a time in UTC.
func wallOf(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return time.Unix(t.Unix()+int64(offset), 0).UTC()
}

// instantOf returns the second of Unix time at which the clocks of a zone show what wall shows in UTC. Of two such times, when the
// clocks are set back, it is the first. A time that the clocks skip is taken by the clocks before the change, as RFC 5545 says
// in section 3.3.5: 02:30 in a night that goes from 02:00 to 03:00 is 03:30.
func instantOf(wall int64, loc *time.Location) int64 {
	before, after := offsetAt(wall-daySeconds, loc), offsetAt(wall+daySeconds, loc)
	early := wall - before
	if before == after || offsetAt(early, loc) == before {
		return early
	}
	if late := wall - after; offsetAt(late, loc) == after {
		return late
	}
	return early
}

func offsetAt(unix int64, loc *time.Location) int64 {
	_, offset := time.Unix(unix, 0).In(loc).Zone()
	return int64(offset)
}
