package season_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"pilotlight/models"
	"pilotlight/predictor/season"
)

// zone loads a time zone.
func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// calendar makes a calendar.
func calendar(t *testing.T, location *time.Location, holidays ...season.Holiday) season.Calendar {
	t.Helper()
	c, err := season.NewCalendar(location, holidays)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// instant reads an RFC 3339 time.
func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestCalendarIndex(t *testing.T) {
	t.Parallel()
	christmas := season.Holiday{Date: season.Date{Year: 2026, Month: 12, Day: 25}}
	bridge := season.Holiday{Date: season.Date{Year: 2026, Month: 12, Day: 24}, As: time.Saturday}
	berlin, kolkata := zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")
	tests := []struct {
		name         string
		location     *time.Location
		at           string
		step         time.Duration
		inDay        int
		inWeek       int
		dayType      time.Weekday
		withHolidays bool
	}{
		{"Monday UTC", nil, "2026-11-23T00:00:00Z", time.Hour, 0, 0, time.Monday, false},
		{"Sunday UTC", nil, "2026-11-29T23:59:00Z", time.Minute, 1439, 7*1440 - 1, time.Sunday, false},
		{"before the spring change", berlin, "2026-03-29T00:30:00Z", 30 * time.Minute, 3, 6*48 + 3, time.Sunday, false},
		{"after the spring change", berlin, "2026-03-29T01:00:00Z", 30 * time.Minute, 6, 6*48 + 6, time.Sunday, false},
		{"first of the two autumn hours", berlin, "2026-10-25T00:00:00Z", time.Hour, 2, 6*24 + 2, time.Sunday, false},
		{"second of the two autumn hours", berlin, "2026-10-25T01:00:00Z", time.Hour, 2, 6*24 + 2, time.Sunday, false},
		{"half-hour zone", kolkata, "2026-11-22T18:30:00Z", time.Hour, 0, 0, time.Monday, false},
		{"half-hour zone, inside an hour", kolkata, "2026-11-22T19:00:00Z", time.Hour, 0, 0, time.Monday, false},
		{"holiday", berlin, "2026-12-24T23:00:00Z", time.Hour, 0, 6 * 24, time.Sunday, true},
		{"holiday that is not", berlin, "2026-12-24T23:00:00Z", time.Hour, 0, 4 * 24, time.Friday, false},
		{"holiday like a Saturday", berlin, "2026-12-24T11:00:00Z", time.Hour, 12, 5*24 + 12, time.Saturday, true},
		{"day after the holiday", berlin, "2026-12-28T11:00:00Z", time.Hour, 12, 12, time.Monday, true},
		{"days", nil, "2026-11-25T00:00:00Z", 24 * time.Hour, 0, 2, time.Wednesday, false},
		{"step of two days", nil, "2026-11-25T00:00:00Z", 48 * time.Hour, 0, 1, time.Wednesday, false},
		{"milliseconds", nil, "2026-11-23T00:00:01.5Z", 500 * time.Millisecond, 3, 3, time.Monday, false},
		{"no step", nil, "2026-11-25T10:00:00Z", 0, 0, 0, time.Wednesday, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := calendar(t, tt.location)
			if tt.withHolidays {
				c = calendar(t, tt.location, christmas, bridge)
			}
			at := instant(t, tt.at)
			inDay, inWeek := c.Index(at, tt.step)
			if inDay != tt.inDay || inWeek != tt.inWeek {
				t.Errorf("Index = %d, %d, want %d, %d", inDay, inWeek, tt.inDay, tt.inWeek)
			}
			if got := c.DayType(at); got != tt.dayType {
				t.Errorf("DayType = %s, want %s", got, tt.dayType)
			}
		})
	}
}

func TestCalendarRefuses(t *testing.T) {
	t.Parallel()
	for name, holidays := range map[string][]season.Holiday{
		"no such day":     {{Date: season.Date{Year: 2026, Month: 2, Day: 29}}},
		"no such weekday": {{Date: season.Date{Year: 2026, Month: 2, Day: 28}, As: 7}},
		"twice":           {{Date: season.Date{Year: 2026, Month: 2, Day: 28}}, {Date: season.Date{Year: 2026, Month: 2, Day: 28}, As: 6}},
	} {
		if _, err := season.NewCalendar(nil, holidays); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	if _, err := season.ParseDate("25.12.2026"); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("ParseDate: error %v, want ErrInvalid", err)
	}
	d, err := season.ParseDate("2026-12-05")
	if err != nil || d.String() != "2026-12-05" {
		t.Errorf("ParseDate = %s, %v", d, err)
	}
}

func TestIsHoliday(t *testing.T) {
	t.Parallel()
	c := calendar(t, zone(t, "America/New_York"), season.Holiday{Date: season.Date{Year: 2026, Month: 7, Day: 4}})
	for text, want := range map[string]bool{
		"2026-07-04T03:59:00Z": false, "2026-07-04T04:00:00Z": true, "2026-07-05T03:59:00Z": true, "2026-07-05T04:00:00Z": false,
	} {
		if got := c.IsHoliday(instant(t, text)); got != want {
			t.Errorf("IsHoliday(%s) = %v, want %v", text, got, want)
		}
	}
}

func TestSlotsCountInUTC(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour}).Draw(t, "step")
		period := step * time.Duration(rapid.IntRange(2, 200).Draw(t, "steps"))
		if rapid.Bool().Draw(t, "calendar") {
			period = rapid.SampledFrom([]time.Duration{12 * time.Hour, 24 * time.Hour, 168 * time.Hour}).Draw(t, "period")
		}
		slots, err := season.NewSlots(season.Calendar{}, step, period)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(0, 0).Add(step * time.Duration(rapid.IntRange(-1_000_000, 1_000_000).Draw(t, "at")))
		a, b := slots.At(at), slots.At(at.Add(step))
		if a < 0 || a >= slots.Len() || (a+1)%slots.Len() != b {
			t.Fatalf("slots %d, %d of %d do not follow one another", a, b, slots.Len())
		}
	})
}

func TestSlotsKeepLocalTime(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	slots, err := season.NewSlots(calendar(t, berlin), time.Hour, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var spring, autumn []int
	for i := range 26 {
		spring = append(spring, slots.At(time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC).Add(time.Duration(i)*time.Hour)))
		autumn = append(autumn, slots.At(time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC).Add(time.Duration(i)*time.Hour)))
	}
	if want := []int{0, 1, 3, 4}; !slices.Equal(spring[:4], want) {
		t.Errorf("spring slots %v, want %v", spring[:4], want)
	}
	if want := []int{0, 1, 2, 2, 3}; !slices.Equal(autumn[:5], want) {
		t.Errorf("autumn slots %v, want %v", autumn[:5], want)
	}
}

func TestNewSlotsRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]time.Duration{{0, time.Hour}, {time.Hour, time.Hour}, {7 * time.Minute, time.Hour}, {time.Minute, -time.Hour}} {
		if _, err := season.NewSlots(season.Calendar{}, tt[0], tt[1]); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("step %s, period %s: error %v, want ErrInvalid", tt[0], tt[1], err)
		}
	}
}

// office is a load with office hours in a zone.
func office(g generator, start time.Time, n int, step time.Duration, location *time.Location, amplitude float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		local := start.Add(time.Duration(i) * step).In(location)
		h := float64(local.Hour()) + float64(local.Minute())/60
		level := 20 * (1 + amplitude*(1/(1+math.Exp(9-h)*math.Exp(9-h))-1/(1+math.Exp(17-h))))
		if local.Weekday() == time.Sunday || local.Weekday() == time.Saturday {
			level *= 0.6
		}
		y[i] = g.poisson(level)
	}
	return y
}

func TestDetectDST(t *testing.T) {
	t.Parallel()
	berlin, york, sydney := zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Australia/Sydney")
	tests := []struct {
		name      string
		start     string
		days      int
		step      time.Duration
		lives     *time.Location // where the load's users live
		location  *time.Location // what is asked
		amplitude float64
		want      season.Alignment
	}{
		{"spring, Berlin", "2026-03-15T00:00:00Z", 21, 5 * time.Minute, berlin, berlin, 4, season.AlignLocal},
		{"autumn, Berlin", "2026-10-11T00:00:00Z", 21, 15 * time.Minute, berlin, berlin, 4, season.AlignLocal},
		{"autumn, New York, hours", "2026-10-18T00:00:00Z", 28, time.Hour, york, york, 4, season.AlignLocal},
		{"southern spring", "2026-09-20T00:00:00Z", 28, 30 * time.Minute, sydney, sydney, 4, season.AlignLocal},
		{"a load that runs by UTC", "2026-03-15T00:00:00Z", 21, 5 * time.Minute, time.UTC, berlin, 4, season.AlignUTC},
		{"another zone", "2026-10-11T00:00:00Z", 28, time.Hour, sydney, berlin, 4, season.AlignUTC},
		{"no daily profile", "2026-03-15T00:00:00Z", 21, 5 * time.Minute, berlin, berlin, 0, season.AlignUnknown},
		{"no change of the clocks", "2026-05-15T00:00:00Z", 21, 5 * time.Minute, berlin, berlin, 4, season.AlignUnknown},
		{"change yesterday", "2026-03-15T00:00:00Z", 15, 5 * time.Minute, berlin, berlin, 4, season.AlignUnknown},
		{"step too long", "2026-03-15T00:00:00Z", 60, 2 * time.Hour, berlin, berlin, 4, season.AlignUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := instant(t, tt.start)
			wrong := 0
			const runs = 40
			var last season.DST
			for seed := range uint64(runs) {
				g := newGenerator(seed)
				y := office(g, start, tt.days*int(24*time.Hour/tt.step), tt.step, tt.lives, tt.amplitude)
				y = g.spoil(y, 0.002, 0.1)
				got := season.DetectDST(y, start, tt.step, tt.location)
				if got.Alignment != tt.want {
					wrong++
					last = got
				}
			}
			if wrong > 1 {
				t.Errorf("%d of %d wrong, the last: %+v (%s), want %s", wrong, runs, last, last.Alignment, tt.want)
			}
		})
	}
}

func TestDetectDSTSaysWhen(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	start := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)
	got := season.DetectDST(office(newGenerator(1), start, 14*24, time.Hour, berlin, 4), start, time.Hour, berlin)
	if !got.At.Equal(time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)) || got.Change != time.Hour {
		t.Errorf("change of %s at %s, want of 1h at 2026-03-29 01:00 UTC", got.Change, got.At)
	}
	if zero := season.DetectDST(nil, start, 0, nil); zero != (season.DST{}) {
		t.Errorf("nothing gives %+v", zero)
	}
}

func TestDetectDSTTakesAnything(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	rapid.Check(t, func(t *rapid.T) {
		unit := hostile(t)
		var y []float64
		for range rapid.IntRange(0, 12).Draw(t, "units") {
			y = append(y, unit...)
		}
		start := time.Unix(int64(rapid.IntRange(1_000_000_000, 1_800_000_000).Draw(t, "start")), 0)
		step := rapid.SampledFrom([]time.Duration{-1, 0, time.Minute, 7 * time.Minute, 30 * time.Minute, time.Hour, 24 * time.Hour, 48 * time.Hour}).Draw(t, "step")
		got := season.DetectDST(y, start, step, berlin)
		if got.Score != got.Score || got.Days < 0 || got.Days > 14 || got.At.IsZero() != (got.Change == 0) {
			t.Fatalf("%+v", got)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, text := range []string{"2026-12-25", "2026-02-29", "0000-01-01", "9999-12-31", "", "2026-1-2", "2026-12-25T00:00:00Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := season.ParseDate(text)
		if err != nil {
			if !errors.Is(err, models.ErrInvalid) {
				t.Fatalf("error %v is not ErrInvalid", err)
			}
			return
		}
		if again, err := season.ParseDate(d.String()); err != nil || again != d {
			t.Fatalf("%q became %s, which becomes %s, %v", text, d, again, err)
		}
		if _, err := season.NewCalendar(nil, []season.Holiday{{Date: d}}); err != nil {
			t.Fatalf("%s was read and is refused: %v", d, err)
		}
	})
}
