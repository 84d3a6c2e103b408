package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/models"
)

func compiled(t interface{ Fatal(...any) }, w Window) window {
	var v checker
	out := w.compile(&v, "w")
	if len(v.errs) > 0 {
		t.Fatal(v.errs)
	}
	return out
}

// TestWindow has times around midnight, ends of windows and changes of the clocks.
func TestWindow(t *testing.T) {
	t.Parallel()
	berlin := func(w Window) Window { w.Zone = "Europe/Berlin"; return w }
	office := berlin(Window{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "08:00", To: "18:00"})
	night := berlin(Window{Days: []string{"fri"}, From: "22:00", To: "06:00"})
	gap := berlin(Window{From: "02:15", To: "02:45"})
	after := berlin(Window{From: "02:30", To: "04:00"})
	sale := berlin(Window{From: "20:00", To: "02:00", First: "2026-11-26", Last: "2026-11-27"})
	for _, tc := range []struct {
		name string
		w    Window
		at   string // UTC
		want bool
	}{
		{"winter morning", office, "2026-01-12T07:00:00Z", true},
		{"before winter morning", office, "2026-01-12T06:59:59Z", false},
		{"summer morning", office, "2026-07-13T06:00:00Z", true},
		{"before summer morning", office, "2026-07-13T05:59:59Z", false},
		{"the end is not in it", office, "2026-01-12T17:00:00Z", false},
		{"sunday", office, "2026-01-11T10:00:00Z", false},
		{"friday night", night, "2026-01-16T21:00:00Z", true},
		{"saturday morning belongs to friday", night, "2026-01-17T04:59:00Z", true},
		{"saturday at six", night, "2026-01-17T05:00:00Z", false},
		{"saturday night", night, "2026-01-17T21:30:00Z", false},
		{"thursday night", night, "2026-01-16T04:00:00Z", false},
		{"skipped in spring: before", gap, "2026-03-29T00:59:00Z", false},
		{"skipped in spring: after", gap, "2026-03-29T01:00:00Z", false},
		{"the beginning is skipped", after, "2026-03-29T01:00:00Z", true},
		{"repeated in autumn: first", gap, "2026-10-25T00:30:00Z", true},
		{"repeated in autumn: between", gap, "2026-10-25T00:50:00Z", false},
		{"repeated in autumn: second", gap, "2026-10-25T01:30:00Z", true},
		{"first date", sale, "2026-11-26T19:00:00Z", true},
		{"the day before", sale, "2026-11-25T19:00:00Z", false},
		{"night after the day before", sale, "2026-11-26T00:30:00Z", false},
		{"night after the last date", sale, "2026-11-28T00:30:00Z", true},
		{"the day after", sale, "2026-11-28T19:00:00Z", false},
		{"all day", berlin(Window{}), "2026-11-28T19:00:00Z", true},
		{"until midnight", berlin(Window{From: "12:00", To: "24:00"}), "2026-01-01T22:59:59Z", true},
		{"from midnight to midnight", berlin(Window{From: "00:00", To: "00:00", Days: []string{"thu"}}), "2026-01-01T12:00:00Z", true},
		{"the next day", berlin(Window{From: "00:00", To: "00:00", Days: []string{"thu"}}), "2026-01-01T23:30:00Z", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse(time.RFC3339, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			w := compiled(t, tc.w)
			if got := w.has(at); got != tc.want {
				t.Errorf("%s is %s there: in the window %v, want %v", tc.at, at.In(w.zone), got, tc.want)
			}
		})
	}
}

// TestWindowFollowsTheClock checks against the clock on the wall, minute by minute over a day of any year and zone.
func TestWindowFollowsTheClock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := func(name string) string {
			return time.Date(0, 1, 1, 0, rapid.IntRange(0, 1439).Draw(t, name), 0, 0, time.UTC).Format("15:04")
		}
		w := Window{From: clock("from"), To: clock("to"), Zone: rapid.SampledFrom([]string{
			"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata", "UTC",
		}).Draw(t, "zone")}
		c := compiled(t, w)
		day := time.Date(2026, 1, rapid.IntRange(1, 365).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		for minute := range 1440 {
			at := day.Add(time.Duration(minute) * time.Minute)
			wall := at.In(c.zone).Format("15:04")
			want := wall >= w.From && wall < w.To
			if w.From >= w.To {
				want = wall >= w.From || wall < w.To
			}
			if got := c.has(at); got != want {
				t.Fatalf("%s: %v, want %v", at.In(c.zone), got, want)
			}
		}
	})
}

func TestWindowErrors(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	none := -1
	cfg.Schedules = []Schedule{
		{Window: Window{Zone: "Mars/Olympus", Days: []string{"monday", " mo"}, From: "8:00", To: "25:00"}, MinWarm: 3, MaxWarm: &none},
		{Window: Window{Zone: "UTC", From: "24:00", To: "08:00", First: "2026-02-30", Last: "soon"}},
	}
	cfg.Freezes = []Freeze{{Window: Window{First: "2026-12-31", Last: "2026-12-01"}, Stop: "all"}}
	text := cfg.Validate().Error()
	for _, want := range []string{
		`schedules[0].zone: "Mars/Olympus" is no time zone`, `schedules[0].days[0]: "monday" is no day`, `schedules[0].days[1]`,
		`schedules[0].from: "8:00" is no time of the day; write it like 08:30`, "schedules[0].to", "schedules[0].max_warm: -1",
		"schedules[1].from: 24:00 is the end", `schedules[1].first: "2026-02-30" is not a date`, "schedules[1].last",
		`freezes[0].zone: ""`, "freezes[0].last: 2026-12-01 is before first", `freezes[0].stop: "all" is unknown; set one of [changes lowering]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestSchedules narrows the limits and never widens them.
func TestSchedules(t *testing.T) {
	t.Parallel()
	five, thousand := 5, 1000
	all := func(minWarm int, maxWarm *int) Schedule {
		return Schedule{Name: "all", Window: Window{Zone: "UTC"}, MinWarm: minWarm, MaxWarm: maxWarm}
	}
	soon := Schedule{Name: "soon", Window: Window{Zone: "UTC", From: "00:31", To: "01:00"}, MinWarm: 7}
	for _, tc := range []struct {
		name      string
		schedules []Schedule
		counts    []float64
		limits    models.Limits
		have      int
		want      int
		code      models.ReasonCode
	}{
		{"raises the least", []Schedule{all(4, nil)}, repeat(30, 0), models.Limits{MaxWarm: 100}, 0, 4, models.ReasonMinBound},
		{"not above max_warm", []Schedule{all(40, nil)}, repeat(30, 0), models.Limits{MaxWarm: 9}, 0, 9, models.ReasonMinBound},
		{"lowers the greatest", []Schedule{all(0, &five)}, repeat(30, 600), models.Limits{MaxWarm: 100}, 50, 5, models.ReasonMaxBound},
		{"not below min_warm", []Schedule{all(0, &five)}, repeat(30, 600), models.Limits{MinWarm: 8, MaxWarm: 100}, 50, 8, models.ReasonMaxBound},
		{"does not widen", []Schedule{all(0, &thousand)}, repeat(30, 600), models.Limits{MaxWarm: 6}, 50, 6, models.ReasonMaxBound},
		{"the tighter of two", []Schedule{all(9, nil), all(0, &five)}, repeat(30, 0), models.Limits{MaxWarm: 100}, 0, 5, models.ReasonMinBound},
		{"is there when the window begins", []Schedule{soon}, repeat(30, 0), models.Limits{MaxWarm: 100}, 0, 7, models.ReasonMinBound},
		{"not before", []Schedule{soon}, repeat(29, 0), models.Limits{MaxWarm: 100}, 0, 0, models.ReasonReactive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := mustNew(t, func(c *Config) { c.Schedules = tc.schedules; c.Selection = SelectMax })
			f := facts(tc.have)
			f.Target.Limits = tc.limits
			f.Levers = models.LeverWarm
			m, now := fed(p, f, 1, tc.counts...)
			f.Now = now
			d := p.Decide(f, m)
			if warm, _ := d.Desired.Warm(); warm != tc.want || !hasCode(&d, tc.code) {
				t.Errorf("floor %d, want %d with %s: %v", warm, tc.want, tc.code, d.Reasons)
			}
		})
	}
}
