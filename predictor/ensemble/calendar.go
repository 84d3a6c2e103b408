package ensemble

import (
	"fmt"
	"math"
	"slices"
	"time"

	"pilotlight/predictor/season"
)

const (
	// holidayWeeks is how many values of the same place in the week make its usual value.
	holidayWeeks = 6
	// minHolidayWeeks is how many weeks of history there must be before a holiday can be like another day.
	minHolidayWeeks = 2
	// holidayFloor is the share of the usual load below which two places in the week are not told apart.
	holidayFloor = 0.02
	// maxHolidayRatio bounds by how much a holiday may differ from the day it falls on.
	maxHolidayRatio = 20
)

// almanac makes a series ready for forecasters that know nothing of calendars, and takes their forecasts back: it puts the
// steps on the wall clock, so that a day always has as many steps, and brings holidays to the size of the days they fall on.
type almanac struct {
	opt *Options
	n   int // steps of history
	// local[i] is the place of step i on the wall clock, counted from that of the first; from n on are those of the horizon.
	local []int
	// ratio[i] is what the load of step i is to that of an ordinary day, 1 unless it is a holiday.
	ratio []float64
	notes []string
}

// newAlmanac returns what the calendar of the options does to the series, or nil if that is nothing.
func newAlmanac(y []float64, opt *Options) *almanac {
	if opt.Calendar.Plain() || len(y) == 0 || opt.Start.IsZero() || opt.Step <= 0 || day%opt.Step != 0 {
		return nil
	}
	a := &almanac{opt: opt, n: len(y)}
	moved := a.onClock(y)
	special := a.holidays(y)
	if !moved && !special && a.notes == nil {
		return nil
	}
	return a
}

const day = 24 * time.Hour

// at returns when step i begins.
func (a *almanac) at(i int) time.Time { return a.opt.Start.Add(time.Duration(i) * a.opt.Step) }

// onClock places the steps on the wall clock and reports whether that moves any.
func (a *almanac) onClock(y []float64) (moved bool) {
	total := a.n + a.opt.Horizon
	a.local = make([]int, total)
	location := a.opt.Calendar.Location()
	_, first := a.at(0).In(location).Zone()
	follows := season.DetectDST(y, a.opt.Start, a.opt.Step, location).Alignment != season.AlignUTC
	for i := range a.local {
		a.local[i] = i
		_, offset := a.at(i).In(location).Zone()
		if change := time.Duration(offset-first) * time.Second; follows && change%a.opt.Step == 0 {
			a.local[i] += int(change / a.opt.Step)
			moved = moved || change != 0
		}
	}
	switch {
	case moved:
		a.notes = append(a.notes, fmt.Sprintf("the clocks of %s change within history or horizon; seasons follow the wall clock", location))
	case !follows:
		a.notes = append(a.notes, fmt.Sprintf("seasons did not move when the clocks of %s changed; they follow UTC", location))
	}
	return moved
}

// holidays finds the ratios of holidays and reports whether there are any.
func (a *almanac) holidays(y []float64) bool {
	a.ratio = make([]float64, a.n+a.opt.Horizon)
	var special []int
	for i := range a.ratio {
		a.ratio[i] = 1
		if a.opt.Calendar.IsHoliday(a.at(i)) {
			special = append(special, i)
		}
	}
	if len(special) == 0 {
		return false
	}
	week := int(7 * day / a.opt.Step)
	if a.n < minHolidayWeeks*week {
		a.notes = append(a.notes, fmt.Sprintf("%d weeks of history are needed before holidays are told apart", minHolidayWeeks))
		return false
	}
	if !a.compare(y, special, week) {
		for i := range a.ratio {
			a.ratio[i] = 1
		}
		a.notes = append(a.notes, "the holidays of the history were like ordinary days; they are forecast as such")
		return false
	}
	first, _ := slices.BinarySearch(special, a.n)
	if ahead := len(special) - first; ahead > 0 {
		a.notes = append(a.notes, fmt.Sprintf("%d steps of the horizon are on holidays and forecast like the days they are like", ahead))
	}
	return true
}

// compare sets the ratios of the holidays and reports whether those of the history are nearer to the day that they are like than
// to the weekday that they fall on.
func (a *almanac) compare(y []float64, special []int, week int) bool {
	usual, typical := a.week(y, week)
	plain, adjusted := 0.0, 0.0
	for _, i := range special {
		t := a.at(i)
		as, on := usual[a.place(t, a.opt.Calendar.DayType(t), week)], usual[a.place(t, t.In(a.opt.Calendar.Location()).Weekday(), week)]
		r := (as + holidayFloor*typical) / (on + holidayFloor*typical)
		if !(r > 0) {
			continue
		}
		a.ratio[i] = max(1/float64(maxHolidayRatio), min(r, maxHolidayRatio))
		if i < a.n && !math.IsNaN(y[i]) {
			plain += math.Abs(y[i] - on)
			adjusted += math.Abs(y[i] - a.ratio[i]*on)
		}
	}
	return adjusted <= plain
}

// place returns the position in the week of the time of day of t on a weekday.
func (a *almanac) place(t time.Time, on time.Weekday, week int) int {
	inDay, _ := a.opt.Calendar.Index(t, a.opt.Step)
	return (int(on)*(week/7) + inDay) % week
}

// week returns the usual value at each place of the week, of days that are no holidays, and the mean of them.
func (a *almanac) week(y []float64, week int) (usual []float64, typical float64) {
	seen := make([][]float64, week)
	for i := a.n - 1; i >= 0; i-- {
		t := a.at(i)
		if math.IsNaN(y[i]) || a.opt.Calendar.IsHoliday(t) {
			continue
		}
		p := a.place(t, t.In(a.opt.Calendar.Location()).Weekday(), week)
		if len(seen[p]) < holidayWeeks {
			seen[p] = append(seen[p], y[i])
		}
	}
	usual = make([]float64, week)
	n := 0
	for p, v := range seen {
		usual[p] = math.NaN()
		if len(v) > 0 {
			slices.Sort(v)
			usual[p] = (v[(len(v)-1)/2] + v[len(v)/2]) / 2
			typical += usual[p]
			n++
		}
	}
	return usual, typical / float64(max(n, 1))
}

// before returns the series that is to be forecast in the place of y, and how far.
func (a *almanac) before(y []float64) (local []float64, horizon int) {
	end := slices.Max(a.local[:a.n]) + 1
	local = make([]float64, end)
	for i := range local {
		local[i] = math.NaN()
	}
	for i, v := range y {
		v /= a.ratio[i]
		switch j := a.local[i]; {
		case j < 0: // the clocks went back in the first hour
		case math.IsNaN(local[j]):
			local[j] = v
		case !math.IsNaN(v): // an hour that comes twice
			local[j] = (local[j] + v) / 2
		}
	}
	return local, max(slices.Max(a.local[a.n:])+1-end, 1)
}

// after takes the forecast of the series that before returned back to the steps of the options.
func (a *almanac) after(res *Result) {
	end := slices.Max(a.local[:a.n]) + 1
	back := func(row []float64) []float64 {
		out := make([]float64, a.opt.Horizon)
		for h := range out {
			// An hour that comes twice and was seen once already is forecast like the next step.
			out[h] = row[max(a.local[a.n+h]-end, 0)] * a.ratio[a.n+h]
		}
		return out
	}
	res.Mean = back(res.Mean)
	for l := range res.Quantiles {
		res.Quantiles[l] = back(res.Quantiles[l])
	}
	res.Notes = append(res.Notes, a.notes...)
}
