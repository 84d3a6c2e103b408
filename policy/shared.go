package policy

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"pilotlight/models"
)

// ScopeActuator is the scope of the targets that one actuator writes: those of an account and region.
const ScopeActuator Scope = "actuator"

// Period is a calendar period, in UTC.
type Period string

// The periods.
const (
	PerHour  Period = "hour"
	PerDay   Period = "day"
	PerMonth Period = "month"
)

// Budget bounds what warm instances cost, by list prices.
type Budget struct {
	Name string `yaml:"name"`
	// Scope says whether it is of each target, of each group, or of the fleet; Match selects targets or groups by a pattern such
	// as shop-*.
	Scope Scope   `yaml:"scope"`
	Match string  `yaml:"match"`
	USD   float64 `yaml:"usd"`
	Per   Period  `yaml:"per"`
}

// Quota bounds the warm instances of all targets that share it.
type Quota struct {
	Name string `yaml:"name"`
	// Scope says whether it is of each group, of each actuator, or of the fleet; Match selects groups or actuators.
	Scope Scope  `yaml:"scope"`
	Match string `yaml:"match"`
	// Instances is how many there may be, Reserve how many of these are to stay free: AWS Lambda insists on 100.
	Instances int `yaml:"instances"`
	Reserve   int `yaml:"reserve"`
}

// Shared are the limits that targets share. The zero value has none.
type Shared struct {
	Quotas  []Quota  `yaml:"quotas"`
	Budgets []Budget `yaml:"budgets"`
}

// Validate returns everything that is wrong, each with the path of its field and what to do.
func (s Shared) Validate() error {
	var v checker
	for i, q := range s.Quotas {
		at := fmt.Sprintf("quotas[%d]", i)
		v.oneOf(at+".scope", string(q.Scope), string(ScopeGroup), string(ScopeActuator), string(ScopeFleet))
		v.glob(at+".match", q.Match)
		v.number(at+".instances", float64(q.Instances), 1, 1e9)
		v.number(at+".reserve", float64(q.Reserve), 0, 1e9)
		if q.Reserve >= q.Instances && q.Instances >= 1 {
			v.fail(at+".reserve", "%d leaves nothing of %d instances; lower it", q.Reserve, q.Instances)
		}
	}
	for i, b := range s.Budgets {
		at := fmt.Sprintf("budgets[%d]", i)
		v.oneOf(at+".scope", string(b.Scope), string(ScopeTarget), string(ScopeGroup), string(ScopeFleet))
		v.glob(at+".match", b.Match)
		v.number(at+".usd", b.USD, 0, 1e12)
		v.oneOf(at+".per", string(b.Per), string(PerHour), string(PerDay), string(PerMonth))
	}
	return errors.Join(v.errs...)
}

// glob checks a pattern.
func (v *checker) glob(at, pattern string) {
	if len(pattern) > 512 {
		v.fail(at, "is longer than 512 bytes; write a pattern like shop-*, or * for all")
	}
}

// covers reports whether a pattern selects a name; * stands for any characters, and "" selects all.
func covers(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	first, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	for ok {
		var piece string
		if piece, rest, more = strings.Cut(rest, "*"); !more {
			return strings.HasSuffix(name, piece)
		}
		_, name, ok = strings.Cut(name, piece)
	}
	return false
}

// name is what a target is called in a scope.
func (s Scope) name(t *models.Target) string {
	switch s {
	case ScopeTarget:
		return string(t.ID)
	case ScopeGroup:
		return t.Group
	case ScopeActuator:
		return t.Actuator
	case ScopeFleet:
	}
	return ""
}

// bounds returns the start and the end of the period that holds a time.
func (p Period) bounds(at time.Time) (from, to time.Time) {
	at = at.UTC()
	y, m, d := at.Date()
	switch p {
	case PerHour:
		from = at.Truncate(time.Hour)
		return from, from.Add(time.Hour)
	case PerDay:
		from = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		return from, from.AddDate(0, 0, 1)
	case PerMonth:
	}
	from = time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	return from, from.AddDate(0, 1, 0)
}

// spendings are what the floor of a target has cost, by list prices.
type spendings struct {
	at   float64 // until when it is counted, in seconds since 1970; 0 before the first
	rate float64 // USD an hour since then
	// steered is when the search for a price last used it, in seconds since 1970.
	steered float64
	of      [numPeriods]spent
}

// spent is the cost in one period.
type spent struct {
	from float64 // start of the period
	usd  float64
	mean float64 // USD an hour, an average over about a quarter of a day, or a day of a month
}

// numPeriods is the number of periods.
const numPeriods = 3

// index is the place of a period in spendings.
func (p Period) index() int {
	switch p {
	case PerHour:
		return 0
	case PerDay:
		return 1
	case PerMonth:
	}
	return 2
}

// memory is over how many hours the mean of a period forgets, burst how much more than evenly may be spent for each part of the
// mean that was not.
func (p Period) memory() (hours, burst float64) {
	switch p {
	case PerHour:
		return 1, 0
	case PerDay:
		return 6, 2
	case PerMonth:
	}
	return 24, 2
}

// periods returns all periods in the order of their index.
func periods() [numPeriods]Period { return [...]Period{PerHour, PerDay, PerMonth} }

// until counts what the floor has cost up to a time. What was spent before a period is not counted in it.
func (s *spendings) until(now time.Time) {
	at := seconds(now)
	for i, p := range periods() {
		start, _ := p.bounds(now)
		w := &s.of[i]
		if from := seconds(start); w.from != from {
			w.from, w.usd = from, 0
		}
		if s.at > 0 && at > s.at {
			w.usd += s.rate * (at - max(s.at, w.from)) / 3600
			hours, _ := p.memory()
			w.mean += (s.rate - w.mean) * -math.Expm1((s.at-at)/3600/hours)
		}
	}
	s.at = at
}

// soon is the time in hours for which money is always kept: Steps are more often than that.
const soon = 0.1

// pace is how many USD an hour spend a rest evenly.
func pace(left float64, now, end time.Time) float64 {
	return max(left, 0) / max(end.Sub(now).Hours(), soon)
}

// allowance is how many USD an hour may be spent now, out of a budget of which so much is spent, at so many USD an hour lately. It
// is the even pace, and more as far as less was spent lately: bursts are paid by quiet hours, and whatever is asked for, the money
// lasts to the end of the period.
func allowance(p Period, budget, spent, mean float64, now time.Time) float64 {
	_, end := p.bounds(now)
	left := max(budget-spent, 0)
	even := pace(left, now, end)
	_, burst := p.memory()
	return min(even+burst*max(even-mean, 0), left/soon)
}
