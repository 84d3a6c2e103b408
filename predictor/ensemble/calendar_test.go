package ensemble_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there on any machine

	"pilotlight/predictor/ensemble"
	"pilotlight/predictor/season"
)

// localHours is a load that follows the wall clock of a place: quiet nights, busy days, half as busy on Sundays and holidays.
func localHours(start time.Time, n int, c season.Calendar) []float64 {
	y := make([]float64, n)
	for i := range y {
		t := start.Add(time.Duration(i) * time.Hour)
		inDay, _ := c.Index(t, time.Hour)
		y[i] = 20 + 10*math.Sin(float64(i))
		if inDay >= 8 && inDay < 18 {
			y[i] += 400
		}
		if c.DayType(t) == time.Sunday {
			y[i] /= 2
		}
	}
	return y
}

// calendar returns the calendar of a zone with holidays.
func calendar(t *testing.T, zone string, dates ...string) season.Calendar {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	var holidays []season.Holiday
	for _, text := range dates {
		d, err := season.ParseDate(text)
		if err != nil {
			t.Fatal(err)
		}
		holidays = append(holidays, season.Holiday{Date: d})
	}
	c, err := season.NewCalendar(location, holidays)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// worst returns the largest error of the point forecast of the hours after n, with a calendar.
func worst(t *testing.T, y []float64, n int, opt ensemble.Options) (off float64, notes []string) {
	t.Helper()
	opt.Levels, opt.Step = []float64{0.1, 0.5, 0.9}, time.Hour
	res, err := ensemble.Forecast(y[:n], opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Mean) != opt.Horizon {
		t.Fatalf("%d steps, not %d", len(res.Mean), opt.Horizon)
	}
	for h, v := range res.Mean {
		off = max(off, math.Abs(v-y[n+h]))
		for l := range res.Quantiles {
			if q := res.Quantiles[l][h]; !(q >= 0) || l > 0 && q < res.Quantiles[l-1][h] {
				t.Fatalf("quantile %d of step %d is %v", l, h+1, q)
			}
		}
	}
	return off, res.Notes
}

// TestSeasonsFollowTheWallClock forecasts the days around both changes of the clocks. Without the calendar the hours at which the
// load rises and falls are wrong by 400.
func TestSeasonsFollowTheWallClock(t *testing.T) {
	t.Parallel()
	c := calendar(t, "Europe/Berlin")
	for name, tc := range map[string]struct {
		start time.Time
		hours []int // of history
	}{
		"spring": {time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), []int{28 * 24, 28*24 + 12, 29 * 24, 31 * 24}},
		"autumn": {time.Date(2026, 9, 27, 0, 0, 0, 0, time.UTC), []int{28 * 24, 28*24 + 12, 28*24 + 1, 29 * 24, 31 * 24}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := localHours(tc.start, 35*24, c)
			for _, n := range tc.hours {
				with, notes := worst(t, y, n, ensemble.Options{Horizon: 30, Start: tc.start, Calendar: c})
				without, _ := worst(t, y, n, ensemble.Options{Horizon: 30})
				if with > 60 || with > without {
					t.Errorf("after %d hours: off by %v with the calendar, %v without", n, with, without)
				}
				if !strings.Contains(strings.Join(notes, " "), "Europe/Berlin") {
					t.Errorf("nothing is said about the clocks: %v", notes)
				}
			}
		})
	}
}

// TestHolidays forecasts a holiday, the days after one, and one that turns out to be an ordinary day.
func TestHolidays(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC) // a Monday
	c := calendar(t, "UTC", "2026-10-28", "2026-11-05")
	y := localHours(start, 35*24, c)
	for name, n := range map[string]int{"a holiday": 31 * 24, "the week after a holiday": 30 * 24, "after two": 32 * 24} {
		with, _ := worst(t, y, n, ensemble.Options{Horizon: 24, Start: start, Calendar: c})
		without, _ := worst(t, y, n, ensemble.Options{Horizon: 24})
		if with > 70 || with > max(20, without+1) {
			t.Errorf("%s: off by %v with the calendar, %v without", name, with, without)
		}
	}
	ordinary := localHours(start, 35*24, calendar(t, "UTC"))
	off, notes := worst(t, ordinary, 31*24, ensemble.Options{Horizon: 24, Start: start, Calendar: c})
	if off > 70 || !slices.Contains(notes, "the holidays of the history were like ordinary days; they are forecast as such") {
		t.Errorf("holidays that are none: off by %v, %q", off, notes)
	}
	short := calendar(t, "UTC", "2026-10-12")
	if _, notes := worst(t, y, 7*24, ensemble.Options{Horizon: 24, Start: start, Calendar: short}); len(notes) == 0 {
		t.Error("nothing is said about too little history for holidays")
	}
}
