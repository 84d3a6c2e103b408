package policy

import (
	"time"

	"pilotlight/models"
)

// Rate bounds how much the floor may change within a period, in all.
type Rate struct {
	// Instances is the most that may be added or taken away within Per; 0 is no bound.
	Instances int             `yaml:"instances"`
	Per       models.Duration `yaml:"per"`
}

// maxSpans is how many past floors are remembered for the rates.
const maxSpans = 16

// span is a part of the past up to a time, with the least and the greatest floor in it.
type span struct {
	at        float64 // end, in seconds since 1970
	low, high int32
}

// floors are the newest floors that a target had.
type floors struct {
	spans [maxSpans]span
	n     int
}

// note takes down the floor at a time; times do not go back. When there is no room left, the two oldest become one that has the
// extremes of both, so that forgetting never allows more.
func (f *floors) note(now time.Time, have int) {
	at, floor := seconds(now), int32(min(have, maxInstances)) //nolint:gosec // bounded by min
	if f.n > 0 {
		newest := &f.spans[f.n-1]
		if at < newest.at {
			f.n = 0 // the clock was corrected
		} else if newest.low == floor && newest.high == floor || at == newest.at {
			newest.at = at
			newest.low, newest.high = min(newest.low, floor), max(newest.high, floor)
			return
		}
	}
	if f.n == maxSpans {
		a, b := f.spans[0], f.spans[1]
		f.spans[1] = span{at: b.at, low: min(a.low, b.low), high: max(a.high, b.high)}
		copy(f.spans[:], f.spans[1:])
		f.n--
	}
	f.spans[f.n] = span{at: at, low: floor, high: floor}
	f.n++
}

// within returns the least and the greatest floor of the period before now, have included.
func (f *floors) within(now time.Time, period time.Duration, have int) (low, high int) {
	low, high = have, have
	from := seconds(now) - period.Seconds()
	for _, s := range f.spans[:f.n] {
		if s.at > from {
			low, high = min(low, int(s.low)), max(high, int(s.high))
		}
	}
	return low, high
}

// guardRate limits the changes of a period. A rise is counted from the least floor in it, a fall from the greatest.
func guardRate(pr *proposal) {
	if !pr.haveKnown || pr.cfg.MaxRateUp.Instances+pr.cfg.MaxRateDown.Instances == 0 {
		return
	}
	past := pr.memory.remembers()
	if r := pr.cfg.MaxRateUp; pr.rises() && r.Instances > 0 {
		low, _ := past.floors.within(pr.facts.Now, r.Per.Std(), pr.have)
		if most := max(low+r.Instances, pr.have); pr.warm > most {
			pr.move(models.ReasonRateUp, most, models.Num("limit", float64(r.Instances)), models.Num("per_s", r.Per.Std().Seconds()))
		}
		return
	}
	if r := pr.cfg.MaxRateDown; pr.falls() && r.Instances > 0 {
		_, high := past.floors.within(pr.facts.Now, r.Per.Std(), pr.have)
		if least := min(high-r.Instances, pr.have); pr.warm < least {
			pr.move(models.ReasonRateDown, least, models.Num("limit", float64(r.Instances)), models.Num("per_s", r.Per.Std().Seconds()))
		}
	}
}

func (r Rate) validate(v *checker, path string) {
	v.number(path+".instances", float64(r.Instances), 0, maxInstances)
	v.duration(path+".per", r.Per, time.Second, 24*time.Hour)
}
