package advice

import (
	"math"
	"slices"
	"time"

	"pilotlight/models"
)

const (
	hoursOfWeek = 7 * 24
	// maxProfiles bounds the targets whose weeks are remembered.
	maxProfiles = 200
	// keptWeeks is how many totals of weeks are remembered.
	keptWeeks = 6
	// profileMemory is how many weeks a mean by hour of the week averages over.
	profileMemory = 4
)

// profile is the load of a target by the hour of the week in UTC, and in whole weeks.
type profile struct {
	// Mean and Weeks are the mean load of an hour and how many weeks it is of, up to profileMemory. They start on Monday 00:00 UTC.
	Mean  []float32 `json:"mean"`
	Weeks []uint8   `json:"weeks"`
	// Totals are sums of the last weeks, the newest, which has begun at Since, last.
	Totals []float64 `json:"totals"`
	Since  time.Time `json:"since"`
	// End is the end of the last hour that was taken.
	End time.Time `json:"end"`
}

// profiles are those of the targets with most load.
type profiles map[models.TargetID]*profile

// upTo reports whether there are profiles, and the newest is as new as that.
func (p profiles) upTo(end time.Time) bool {
	for _, one := range p {
		if !one.End.Before(end) {
			return true
		}
	}
	return false
}

// take takes the hours up to end, the newest last, that were not taken before.
func (p profiles) take(id models.TargetID, hours []float64, end time.Time) {
	one := p[id]
	if one == nil {
		one = &profile{Mean: make([]float32, hoursOfWeek), Weeks: make([]uint8, hoursOfWeek)}
		p[id] = one
	}
	for i, v := range hours {
		from := end.Add(-time.Duration(len(hours)-i) * time.Hour)
		if from.Before(one.End) || math.IsNaN(v) {
			continue
		}
		one.add(from, v)
	}
	one.End = end
}

// add takes an hour.
func (p *profile) add(at time.Time, v float64) {
	h := hourOfWeek(at, time.UTC)
	if p.Weeks[h] < profileMemory {
		p.Weeks[h]++
	}
	p.Mean[h] += (float32(v) - p.Mean[h]) / float32(p.Weeks[h])
	if p.Since.IsZero() || at.Sub(p.Since) >= hoursOfWeek*time.Hour {
		p.Since = at.Truncate(24 * time.Hour)
		p.Totals = append(p.Totals, 0)
		if len(p.Totals) > keptWeeks {
			p.Totals = slices.Delete(p.Totals, 0, 1)
		}
	}
	p.Totals[len(p.Totals)-1] += v
}

// week returns the mean load by hour of the week in a zone, from Monday 00:00 on, NaN where it is not known, and the totals of weeks.
func (p *profile) week(zone *time.Location, now time.Time) (hours, totals []float64) {
	if p == nil {
		return nil, nil
	}
	hours = make([]float64, hoursOfWeek)
	for i := range hours {
		hours[i] = math.NaN()
	}
	start := now.Truncate(time.Hour)
	for i := range hoursOfWeek {
		at := start.Add(-time.Duration(i) * time.Hour)
		if h := hourOfWeek(at, time.UTC); p.Weeks[h] > 0 {
			hours[hourOfWeek(at, zone)] = float64(p.Mean[h])
		}
	}
	return hours, slices.Clone(p.Totals)
}

// forget lets profiles go that have not been taken for a day.
func (p profiles) forget(end time.Time) {
	for id, one := range p {
		if end.Sub(one.End) > 24*time.Hour {
			delete(p, id)
		}
	}
}

// hourOfWeek returns the hour of the week in a zone, 0 for Monday 00:00 to 01:00.
func hourOfWeek(at time.Time, zone *time.Location) int {
	local := at.In(zone)
	return (int(local.Weekday())+6)%7*24 + local.Hour()
}
