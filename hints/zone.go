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
