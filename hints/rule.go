package hints

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"pilotlight/models"
)

// The bounds of recurrence rules. The library that expands them walks on for ever where a rule never fits, or fits every second;
// these bounds keep each step of it short.
const (
	maxInterval     = 10_000
	maxRuleList     = 100
	maxTimesPerDay  = 288 // every five minutes
	maxRuleText     = 2000
	hoursOfDay      = 24
	weeksOfMonth    = 5
	ruleExample     = "FREQ=WEEKLY;BYDAY=FR"
	lastUsableYear  = 2261 // nanoseconds since 1970 end in 2262, and begin in 1677
	firstUsableYear = 1678
	untilDate       = "20060102"
	untilLocal      = "20060102T150405"
	untilUTC        = "20060102T150405Z"
	maxOccurrences  = 1 << 17 // 15 years of every hour, 358 of every day
	maxExcept       = 4096
	untilWholeDay   = 24 * time.Hour
	defaultInterval = 1
)

// rule is a checked recurrence rule. Its end is kept apart from the rule, for it may be a time in UTC, while the rule itself is
// expanded on the clocks of a zone.
type rule struct {
	option rrule.ROption
	// until is the last start that is allowed, as a time in UTC (untilIsInstant), or as one on the clocks of the zone; zero is no end.
	until          time.Time
	untilIsInstant bool
}

// parseRule reads and checks a recurrence rule for an event whose first start shows as wall on the clocks of its zone.
func parseRule(text string, wall time.Time) (*rule, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	text = strings.TrimPrefix(text, "RRULE:")
	if len(text) > maxRuleText || strings.ContainsAny(text, "\r\n") {
		return nil, ruleError("it has to be one line of up to %d bytes, such as %s", maxRuleText, ruleExample)
	}
	r := &rule{}
	rest, err := r.takeUntil(strings.TrimSuffix(text, ";"))
	if err != nil {
		return nil, err
	}
	option, err := rrule.StrToROption(rest)
	if err != nil {
		return nil, ruleError("%q: %w; it has to look like %s", text, err, ruleExample)
	}
	if !r.until.IsZero() && option.Count != 0 {
		return nil, ruleError("it has COUNT and UNTIL; leave one out")
	}
	if err := checkOption(option, wall); err != nil {
		return nil, err
	}
	option.Dtstart = wall
	if _, err := rrule.NewRRule(*option); err != nil {
		return nil, ruleError("%w", err)
	}
	r.option = *option
	return r, nil
}

func ruleError(format string, args ...any) error {
	return fmt.Errorf("hint: recurrence: "+format+": %w", append(args, models.ErrInvalid)...)
}

// takeUntil takes the UNTIL out of a rule and looks for parts that come twice or say nothing.
func (r *rule) takeUntil(text string) (string, error) {
	var kept, seen []string
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		if slices.Contains(seen, name) {
			return "", ruleError("%s is there twice", name)
		}
		seen = append(seen, name)
		switch name {
		case "UNTIL":
			if err := r.setUntil(value); err != nil {
				return "", err
			}
			continue
		case "DTSTART", "BYEASTER":
			return "", ruleError("%s is not a part of a rule in RFC 5545; take it out", name)
		case "COUNT", "INTERVAL":
			if strings.TrimLeft(value, "0") == "" || strings.HasPrefix(value, "-") {
				return "", ruleError("%s=%s has to be 1 or more", name, value)
			}
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, ";"), nil
}

// setUntil reads the three forms of UNTIL. One that is a date takes the whole day in.
func (r *rule) setUntil(value string) error {
	if t, err := time.Parse(untilUTC, value); err == nil {
		r.until, r.untilIsInstant = t, true
		return nil
	}
	if t, err := time.Parse(untilLocal, value); err == nil {
		r.until = t
		return nil
	}
	t, err := time.Parse(untilDate, value)
	if err != nil {
		return ruleError("UNTIL=%s is none of 20261231, 20261231T235959 (local) and 20261231T235959Z", value)
	}
	r.until = t.Add(untilWholeDay - time.Second)
	return nil
}

// checkOption refuses what never ends or never fits.
func checkOption(o *rrule.ROption, wall time.Time) error {
	if o.Freq > rrule.HOURLY {
		return ruleError("FREQ=%s is more often than capacity can follow; use HOURLY or longer, or a longer event", o.Freq)
	}
	if o.Interval > maxInterval || o.Count > maxOccurrences {
		return ruleError("INTERVAL=%d or COUNT=%d is above %d or %d", o.Interval, o.Count, maxInterval, maxOccurrences)
	}
	for _, list := range [][]int{o.Bysetpos, o.Bymonth, o.Bymonthday, o.Byyearday, o.Byweekno, o.Byhour, o.Byminute, o.Bysecond} {
		if len(list) > maxRuleList {
			return ruleError("a list of %d values is longer than %d", len(list), maxRuleList)
		}
	}
	if len(o.Byweekday) > maxRuleList {
		return ruleError("BYDAY has more than %d values", maxRuleList)
	}
	if err := checkWeekdays(o); err != nil {
		return err
	}
	times := max(1, len(o.Byhour)) * max(1, len(o.Byminute)) * max(1, len(o.Bysecond))
	if times > maxTimesPerDay {
		return ruleError("%d times a day is more often than every five minutes; use a longer event", times)
	}
	if o.Freq == rrule.HOURLY {
		return checkHourly(o, wall)
	}
	return nil
}

// checkWeekdays refuses the n-th weekday of what has none such.
func checkWeekdays(o *rrule.ROption) error {
	ofMonth := o.Freq == rrule.MONTHLY || len(o.Bymonth) > 0
	for _, day := range o.Byweekday {
		switch n := day.N(); {
		case n == 0:
		case o.Freq > rrule.MONTHLY:
			return ruleError("BYDAY=%s needs FREQ=MONTHLY or YEARLY", name(day))
		case len(o.Byweekno) > 0:
			return ruleError("BYDAY=%s and BYWEEKNO do not go together", name(day))
		case ofMonth && (n > weeksOfMonth || n < -weeksOfMonth):
			return ruleError("BYDAY=%s is not in any month", name(day))
		}
	}
	return nil
}

func name(day rrule.Weekday) string { return strings.TrimPrefix(day.String(), "+") }

// checkHourly refuses hours that a step of so many hours never meets, for the library would look for one for ever.
func checkHourly(o *rrule.ROption, wall time.Time) error {
	if len(o.Bysetpos) > 0 {
		return ruleError("BYSETPOS and FREQ=HOURLY do not go together; use BYHOUR")
	}
	if len(o.Byhour) == 0 {
		return nil
	}
	step := max(defaultInterval, o.Interval)
	for i, hour := 0, wall.Hour(); i < hoursOfDay; i, hour = i+1, (hour+step)%hoursOfDay {
		if slices.Contains(o.Byhour, hour) {
			return nil
		}
	}
	return ruleError("every %d hours from %02d:%02d never comes to one of BYHOUR", step, wall.Hour(), wall.Minute())
}
