package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there on any machine

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

const someHints = `
hints:
  - id: black-friday
    selector: {targets: ["shop/*"], groups: [web], labels: {env: prod*}}
    start: 2026-11-26T20:00
    duration: 6h
    time_zone: Europe/Berlin
    multiplier: 4
    reason: Black Friday
  - {start: "2026-01-05T09:00:00+01:00", end: "2026-01-05T10:00:00+01:00", recurrence: FREQ=WEEKLY, time_zone: Europe/Berlin, except: [2026-12-07 09:00], floor: 3}
  - {start: 2020-01-01, duration: 1d, floor: 1, reason: over}
`

func TestHints(t *testing.T) {
	t.Parallel()
	c := parse(t, minimal+someHints)
	day := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	want := []models.Hint{
		{
			ID: "black-friday", Selector: models.HintSelector{Targets: []string{"shop/*"}, Groups: []string{"web"}, Labels: map[string]string{"env": "prod*"}},
			Start: day.Add(19 * time.Hour), End: day.Add(25 * time.Hour), TimeZone: "Europe/Berlin", Multiplier: 4, Reason: "Black Friday",
			Author: "configuration", Source: models.HintConfig,
		},
		{
			Start: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), End: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), Recurrence: "FREQ=WEEKLY", TimeZone: "Europe/Berlin",
			Except: []time.Time{time.Date(2026, 12, 7, 8, 0, 0, 0, time.UTC)}, Floor: 3, Author: "configuration", Source: models.HintConfig,
		},
	}
	if diff := cmp.Diff(want, c.Hints(day)); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	if n := len(c.Hints(time.Time{})); n != 3 {
		t.Errorf("%d hints before all of them, want 3", n)
	}
	if back := parse(t, c.Redacted()); back.Hash() != c.Hash() || !cmp.Equal(back.Hints(day), c.Hints(day)) || c.Hash() == parse(t, minimal).Hash() {
		t.Errorf("came back otherwise:\n%s", c.Redacted())
	}
	c.Hints(day)[0].Selector.Labels["env"] = "x"
	if c.Hints(day)[0].Selector.Labels["env"] != "prod*" {
		t.Error("a caller could change the configuration")
	}
}

func TestBadHints(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"hints: [{start: tomorrow, duration: 1h, floor: 1}]":                                                              `p.yaml:6: hints[0].start: "tomorrow" is no time: write it like 2026-11-27T20:00`,
		"hints: [{start: 2026-01-01, floor: 1}]":                                                                          "hints[0]: needs either end or duration",
		"hints: [{start: 2026-01-01, end: 2026-01-02, duration: 1h, floor: 1}]":                                           "hints[0]: needs either end or duration",
		"hints: [{start: 2026-01-01, end: 2025-01-02, floor: 1}]":                                                         "hints[0]: end 2025-01-02T00:00:00Z is not after start",
		"hints: [{start: 2026-01-01, duration: 1h}]":                                                                      "hints[0]: give it a multiplier or a floor, or it says nothing",
		"hints: [{start: 2026-01-01, duration: 1h, floor: 1, time_zone: Mars}]":                                           `hints[0].start: time zone "Mars" is not known`,
		"hints: [{start: 2026-01-01, duration: 1h, floor: 1, recurrence: FREQ=SECONDLY}]":                                 "hints[0]: recurrence: FREQ=SECONDLY is more often",
		"hints: [{id: a, start: 2026-01-01, duration: 1h, floor: 1}, {id: a, start: 2027, duration: 1h, floor: 1}]":       `hints[1].start: "2027" is no time`,
		"hints: [{id: a, start: 2026-01-01, duration: 1h, floor: 1}, {id: a, start: 2027-01-01, duration: 1h, floor: 1}]": `hints[1].id: "a" is the name of entry [0] too`,
		"hints: [{multiplie: 2}]":                     `did you mean "multiplier"?`,
		"hint_calendars: [{name: x}]":                 "hint_calendars[0].file: is missing",
		"hint_calendars: [{file: there/is/none.ics}]": `hint_calendars[0].file: "there/is/none.ics" cannot be read: no such file`,
		"hint_calendars: [{file: hints_test.go}]":     `hint_calendars[0].file: "hints_test.go": calendar: line 1:`,
	}
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("p.yaml", []byte(minimal+text+"\n"), testParts(), noEnv)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one that says %q", err, want)
			}
		})
	}
}

const someCalendar = `BEGIN:VCALENDAR
BEGIN:VEVENT
UID:1
SUMMARY:Sale
CATEGORIES:Campaign
DTSTART:20261201T100000
DTEND:20261201T120000
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Lunch
DTSTART:20261201T100000
DTEND:20261201T120000
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:Broken
CATEGORIES:Campaign
DTSTART:tomorrow
END:VEVENT
END:VCALENDAR
`

func TestHintCalendars(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "c.ics"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(more string) (*Config, error) {
		text := minimal + "hint_calendars: [{file: c.ics, time_zone: Asia/Tokyo, categories: {CAMPAIGN: {multiplier: 3, selector: {groups: [web]}}}" + more + "}]\n"
		return Parse(filepath.Join(dir, "p.yaml"), []byte(text), testParts(), noEnv)
	}
	write(someCalendar)
	c, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	got := c.Hints(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC))
	if len(got) != 1 || got[0].Multiplier != 3 || got[0].Selector.Groups[0] != "web" || got[0].Source != models.HintConfig || got[0].Start.Hour() != 1 {
		t.Errorf("hints %+v", got)
	}
	if all := strings.Join(c.Warnings(), "\n"); !strings.Contains(all, `hint_calendars[0].file: line 15: event "Broken" (3): DTSTART "TOMORROW"`) || strings.Contains(all, "Lunch") {
		t.Errorf("warnings:\n%s", all)
	}
	if _, err := load(", strict: true"); err == nil || !strings.Contains(err.Error(), "Broken") {
		t.Errorf("strict: %v", err)
	}
	write(strings.Replace(someCalendar, "T12", "T13", 1))
	changed, err := load("")
	if err != nil || changed.Hash() == c.Hash() || changed.Redacted() != c.Redacted() {
		t.Errorf("a changed calendar: %v, the hash has to change and the text not", err)
	}
}
