package hints

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

func importFile(t *testing.T, file string, d Defaults) *Import {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", filepath.Base(file)))
	if err != nil {
		t.Fatal(err)
	}
	return importText(t, string(data), d)
}

func importText(t *testing.T, text string, d Defaults) *Import {
	t.Helper()
	out, err := ImportICal(strings.NewReader(text), d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// show prints what an import says, a line for each hint and problem.
func show(t *testing.T, im *Import) []string {
	t.Helper()
	var out []string
	for i := range im.Hints {
		h := &im.Hints[i]
		line := fmt.Sprintf("%s: x%v floor %d", h.Reason, h.Multiplier, h.Floor)
		if sel := h.Selector; sel.Targets != nil || sel.Groups != nil || sel.Labels != nil {
			line += fmt.Sprintf(" of %v %v %v", sel.Targets, sel.Groups, sel.Labels)
		}
		out = append(out, line)
		for _, o := range list(compile(t, *h), time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), 3) {
			out = append(out, "  "+o)
		}
	}
	for _, p := range im.Problems {
		kind := "problem"
		if p.Ignored {
			kind = "ignored"
		}
		out = append(out, fmt.Sprintf("%s line %d %q %.60s", kind, p.Line, p.Summary, p.Text))
	}
	return out
}

func novemberDefaults() Defaults {
	return Defaults{
		Calendar: "campaigns", Author: "ops", Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC),
		Categories: map[string]Effect{
			"newsletter": {Multiplier: 1.5, Selector: &models.HintSelector{Groups: []string{"web"}}},
			"holiday":    {Multiplier: 0.6}, "load": {Floor: 20},
		},
	}
}

func TestCalendarsOfPrograms(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"google.ics": {
			"Black Friday starts: x4 floor 0 of [*checkout* *cart*] [] map[]",
			"  Thu 2026-11-26T19:00 - 11-27T01:00",
			"Newsletter: x1.5 floor 0 of [] [web] map[]",
			"  Mon 2026-12-14T08:00 - 12-14T09:00",
			"  Mon 2026-12-21T08:00 - 12-21T09:00",
			"  Mon 2026-12-28T08:00 - 12-28T09:00",
			"Newsletter, a day late: x1.5 floor 0 of [] [web] map[]",
			"  Tue 2026-12-01T13:00 - 12-01T14:00",
			"Christmas: x0.6 floor 0",
			"  Wed 2026-12-23T23:00 - 12-26T23:00",
			`ignored line 82 "Lunch with the team" nothing says what it does to the load: give it X-PILOTLIGHT-`,
			`ignored line 90 "TV spot" it was called off`,
		},
		"outlook.ics": {
			"Month end closing: x0 floor 20",
			"  Tue 2026-12-01T03:00 - 12-01T04:00",
			"  Fri 2027-01-01T03:00 - 01-01T04:00",
			"  Sat 2027-01-30T03:00 - 01-30T04:00",
			"Push to the app: x0 floor 20",
			"  Tue 2026-12-01T09:00 - 12-01T10:00",
			`problem line 72 "In a zone of ours" its time zone "Our own zone" is not known; map it to an IANA`,
		},
		"apple.ics": {
			"Nightly import: x0 floor 12 of [] [import] map[env:prod* team:data]",
			"  Wed 2026-11-25T07:00 - 11-25T10:00",
			"  Sat 2026-11-28T07:00 - 11-28T10:00",
			"  Wed 2026-12-02T07:00 - 12-02T10:00",
			"Keynote: x2.5 floor 0",
			"  Wed 2026-12-09T18:00 - 12-09T19:30",
			"Keynote: x2.5 floor 0",
			"  Wed 2026-12-16T18:00 - 12-16T19:30",
			"Keynote: x2.5 floor 0",
			"  Wed 2026-12-30T18:00 - 12-30T18:30",
			"Keynote: x2.5 floor 0",
			"  Wed 2027-01-06T18:00 - 01-06T19:00",
			`ignored line 36 "Old launch" it is over`,
		},
	}
	for file, want := range cases {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			im := importFile(t, file, novemberDefaults())
			if diff := cmp.Diff(want, show(t, im)); diff != "" {
				t.Errorf("import (-want +got):\n%s", diff)
			}
			again := importFile(t, file, novemberDefaults())
			if diff := cmp.Diff(im.Hints, again.Hints); diff != "" {
				t.Errorf("a second import differs:\n%s", diff)
			}
			seen := map[string]bool{}
			for i := range im.Hints {
				if seen[im.Hints[i].ID] || im.Hints[i].Source != models.HintCalendar || im.Hints[i].Author != "ops" {
					t.Errorf("hint %+v has an id twice, or the wrong source or author", im.Hints[i])
				}
				seen[im.Hints[i].ID] = true
			}
		})
	}
}

// ics makes a calendar of one event.
func ics(lines ...string) string {
	return "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:u\nSUMMARY:S\n" + strings.Join(lines, "\n") + "\nEND:VEVENT\nEND:VCALENDAR\n"
}

const okTimes = "DTSTART:20261201T100000Z\nDTEND:20261201T110000Z"

func TestOneEvent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		lines []string
		d     Defaults
		want  []string
	}{
		{"effect of the import", []string{okTimes}, Defaults{Effect: Effect{Multiplier: 3}}, []string{"S: x3 floor 0", "  Tue 2026-12-01T10:00 - 12-01T11:00"}},
		{"lower case and a fold", []string{"dtstart:2026120", " 1T100000Z", "DtEnd:20261201T110000Z", "x-pilotlight-floor:3"}, Defaults{}, []string{"S: x0 floor 3", "  Tue 2026-12-01T10:00 - 12-01T11:00"}},
		{
			"properties before categories before the import",
			[]string{okTimes, "CATEGORIES:Other,Sale", "X-PILOTLIGHT-TARGETS:a*"},
			Defaults{Effect: Effect{Floor: 9}, Categories: map[string]Effect{"sale": {Multiplier: 2, Selector: &models.HintSelector{Targets: []string{"b"}}}}},
			[]string{"S: x2 floor 0 of [a*] [] map[]", "  Tue 2026-12-01T10:00 - 12-01T11:00"},
		},
		{
			"properties do not count",
			[]string{okTimes, "X-PILOTLIGHT-MULTIPLIER:900", "X-PILOTLIGHT-TARGETS:*"},
			Defaults{IgnoreProperties: true, Effect: Effect{Multiplier: 2}},
			[]string{"S: x2 floor 0", "  Tue 2026-12-01T10:00 - 12-01T11:00"},
		},
		{"floating", []string{"DTSTART:20261201T100000", "DURATION:P1DT2H", "X-PILOTLIGHT-FLOOR:1"}, Defaults{TimeZone: "Asia/Tokyo"}, []string{"S: x0 floor 1", "  Tue 2026-12-01T01:00 - 12-02T03:00"}},
		{"a day without an end", []string{"DTSTART;VALUE=DATE:20261201", "X-PILOTLIGHT-FLOOR:1"}, Defaults{TimeZone: "Asia/Tokyo"}, []string{"S: x0 floor 1", "  Mon 2026-11-30T15:00 - 12-01T15:00"}},
		{"a path of a zone", []string{"DTSTART;TZID=/example.org/20260101_1/Europe/Paris:20261201T100000", "DURATION:PT1H", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{"S: x0 floor 1", "  Tue 2026-12-01T09:00 - 12-01T10:00"}},
		{"UTC by the name that Exchange has for it", []string{"DTSTART;TZID=\"tzone://Microsoft/Utc\":20261201T100000", "DURATION:PT1H", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{"S: x0 floor 1", "  Tue 2026-12-01T10:00 - 12-01T11:00"}},
		{"a zone without end", []string{"DTSTART;TZID=" + strings.Repeat("a/", 20000) + "UTC:20261201T100000", "DURATION:PT1H", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" its time zone "` + strings.Repeat("a/", 22) + "a"}},
		{"a mapped zone", []string{"DTSTART;TZID=HQ:20261201T100000", "DURATION:PT1H", "X-PILOTLIGHT-FLOOR:1"}, Defaults{TimeZones: map[string]string{"HQ": "Europe/Paris"}}, []string{"S: x0 floor 1", "  Tue 2026-12-01T09:00 - 12-01T10:00"}},
		{"an exception by its day", []string{okTimes, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20261202", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{"S: x0 floor 1", "  Tue 2026-12-01T10:00 - 12-01T11:00", "  Thu 2026-12-03T10:00 - 12-03T11:00"}},
		{
			"an exception by its day, east of UTC",
			[]string{"DTSTART:20261201T010000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20261202", "X-PILOTLIGHT-FLOOR:1"},
			Defaults{TimeZone: "Asia/Tokyo"},
			[]string{"S: x0 floor 1", "  Mon 2026-11-30T16:00 - 11-30T17:00", "  Wed 2026-12-02T16:00 - 12-02T17:00"},
		},
		{"an alarm is no event", []string{"BEGIN:VALARM", "X-PILOTLIGHT-FLOOR:900", "DTSTART:19700101T000000Z", "END:VALARM", okTimes, "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{"S: x0 floor 1", "  Tue 2026-12-01T10:00 - 12-01T11:00"}},
		{"a duration of years", []string{"DTSTART:20261201T100000Z", "DURATION:P5000D", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" DURATION "P5000D" is not like PT1H30M, P1D or P2W, or is too`}},
		{"all excepted", []string{okTimes, "RRULE:FREQ=DAILY;COUNT=1", "EXDATE:20261201T100000Z", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`ignored line 3 "S" it was called off`}},
		{"text that does not show", []string{okTimes, "X-PILOTLIGHT-FLOOR:1", "SUMMARY:ignored, for the first counts"}, Defaults{}, []string{"S: x0 floor 1", "  Tue 2026-12-01T10:00 - 12-01T11:00"}},
		{"no start", []string{"X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" it has no DTSTART`}},
		{"no end", []string{"DTSTART:20261201T100000Z", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" it takes no time; give it a DTEND or DURATION`}},
		{"ends before it starts", []string{"DTSTART:20261201T100000Z", "DTEND:20261201T090000Z", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" end 2026-12-01T09:00:00Z is not after start 2026-12-01T10:00`}},
		{"bad time", []string{"DTSTART:tomorrow", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" DTSTART "TOMORROW" is none of 20261127, 20261127T200000 and `}},
		{"bad duration", []string{"DTSTART:20261201T100000Z", "DURATION:P1H", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" DURATION "P1H" is not like PT1H30M, P1D or P2W, or is too lo`}},
		{"a duration in seconds", []string{"DTSTART:20261201T100000Z", "DURATION:PT86400S", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{"S: x0 floor 1", "  Tue 2026-12-01T10:00 - 12-02T10:00"}},
		{"a duration without end", []string{"DTSTART:20261201T100000Z", "DURATION:P99999999W", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" DURATION "P99999999W" is not like PT1H30M, P1D or P2W, or is`}},
		{"bad multiplier", []string{okTimes, "X-PILOTLIGHT-MULTIPLIER:4x"}, Defaults{}, []string{`problem line 3 "S" X-PILOTLIGHT-MULTIPLIER "4x" is not a number above 0 and up `}},
		{"NaN", []string{okTimes, "X-PILOTLIGHT-MULTIPLIER:NaN"}, Defaults{}, []string{`problem line 3 "S" X-PILOTLIGHT-MULTIPLIER "NaN" is not a number above 0 and up`}},
		{"bad floor", []string{okTimes, "X-PILOTLIGHT-FLOOR:-1"}, Defaults{}, []string{`problem line 3 "S" X-PILOTLIGHT-FLOOR "-1" is not a whole number from 1 to 1048`}},
		{"bad labels", []string{okTimes, "X-PILOTLIGHT-FLOOR:1", "X-PILOTLIGHT-LABELS:prod"}, Defaults{}, []string{`problem line 3 "S" X-PILOTLIGHT-LABELS "prod" is not like team=checkout,env=pro`}},
		{"a line that is none", []string{okTimes, "X-PILOTLIGHT-FLOOR:1", "what is this"}, Defaults{}, []string{`problem line 3 "S" line 9 is not a property with a value; mend it, or export th`}},
		{"a rule too often", []string{okTimes, "RRULE:FREQ=MINUTELY", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" recurrence: FREQ=MINUTELY is more often than capacity can fo`}},
		{"two rules", []string{okTimes, "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" it has more than one RRULE; split it into several events`}},
		{"EXRULE", []string{okTimes, "RRULE:FREQ=DAILY", "EXRULE:FREQ=WEEKLY", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" EXRULE is not supported; use EXDATE`}},
		{"this and future", []string{okTimes, "RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T100000Z", "X-PILOTLIGHT-FLOOR:1"}, Defaults{}, []string{`problem line 3 "S" RECURRENCE-ID with RANGE is not supported; split the series `}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, show(t, importText(t, ics(c.lines...), c.d))); diff != "" {
				t.Errorf("import (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilesThatAreNoCalendars(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text string
		d    Defaults
		say  string
	}{
		{text: "", say: "no BEGIN:VCALENDAR"},
		{text: "<html><body>Sign in</body></html>", say: "line 1"},
		{text: "B\x00E\x00G\x00I\x00N\x00", say: "UTF-8"},
		{text: "BEGIN:VEVENT\nEND:VEVENT\n", say: "outside of a VCALENDAR"},
		{text: "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\n", say: "ends within a VEVENT"},
		{text: "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", say: "line 3: END:VCALENDAR comes where VEVENT is open"},
		{text: strings.Repeat("BEGIN:VCALENDAR\n", 20), say: "nested"},
		{text: "BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:VEVENT\nEND:VEVENT\n", maxCalendarEvents+1), say: "more than 20000 events"},
		{text: "BEGIN:VCALENDAR\nX-F:" + strings.Repeat("x", MaxCalendarBytes), say: "larger than 8 MiB"},
		{text: "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Atlantis\nEND:VCALENDAR\n", say: "Atlantis"},
		{text: "BEGIN:VCALENDAR\nEND:VCALENDAR\n", d: Defaults{TimeZone: "Local"}, say: "depends on the machine"},
		{text: "BEGIN:VCALENDAR\nEND:VCALENDAR\n", d: Defaults{TimeZones: map[string]string{"x": "Y"}}, say: "IANA"},
		{text: ics("X-PILOTLIGHT-FLOOR:1"), d: Defaults{Strict: true}, say: `line 3: event "S" (u): it has no DTSTART`},
	}
	for _, c := range cases {
		t.Run(c.say, func(t *testing.T) {
			t.Parallel()
			im, err := ImportICal(strings.NewReader(c.text), c.d)
			if im != nil || !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("import %v, error %v, want an invalid one that says %q", im, err, c.say)
			}
		})
	}
	if im := importText(t, ics(okTimes), Defaults{Strict: true}); len(im.Problems) != 1 {
		t.Errorf("an event that says nothing is no problem for strict: %+v", im.Problems)
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	event := func(uid string, lines ...string) string {
		return "BEGIN:VEVENT\nUID:" + uid + "\n" + strings.Join(lines, "\n") + "\nEND:VEVENT\n"
	}
	wrap := func(events ...string) string {
		return "BEGIN:VCALENDAR\n" + strings.Join(events, "") + "END:VCALENDAR\n"
	}
	d := Defaults{Calendar: "c", Effect: Effect{Floor: 1}}
	rule, change := "RRULE:FREQ=DAILY;COUNT=5", "RECURRENCE-ID:20261202T100000Z\nDTSTART:20261202T120000Z\nDTEND:20261202T130000Z"
	before := importText(t, wrap(event("a", okTimes, rule), event("a", change), event("b", okTimes), event("c", okTimes), event("d", okTimes)), d)
	other := importText(t, wrap(event("a", okTimes)), Defaults{Calendar: "other", Effect: Effect{Floor: 1}})
	ids := []string{"mine", "ical-", other.Hints[0].ID}
	for i := range before.Hints {
		ids = append(ids, before.Hints[i].ID)
	}
	if len(before.Hints) != 5 || len(before.Stale(ids, true)) != 0 {
		t.Fatalf("hints %v, stale after the same import: %v", before.Hints, before.Stale(ids, true))
	}
	// a lost its change, b was called off, c cannot be read now, d is not there any more.
	now := importText(t, wrap(event("a", okTimes, rule), event("b", okTimes, "STATUS:CANCELLED"), event("c", "DTSTART:x")), d)
	if diff := cmp.Diff([]string{before.Hints[1].ID, before.Hints[2].ID}, now.Stale(ids, false)); diff != "" {
		t.Errorf("stale of what it has (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{before.Hints[1].ID, before.Hints[2].ID, before.Hints[4].ID}, now.Stale(ids, true)); diff != "" {
		t.Errorf("stale of all (-want +got):\n%s", diff)
	}
}

func TestNewestVersionOfAnEventCounts(t *testing.T) {
	t.Parallel()
	version := func(seq, floor int) string {
		return fmt.Sprintf("BEGIN:VEVENT\nUID:u\n%s\nSEQUENCE:%d\nX-PILOTLIGHT-FLOOR:%d\nEND:VEVENT\n", okTimes, seq, floor)
	}
	im := importText(t, "BEGIN:VCALENDAR\n"+version(1, 1)+version(3, 3)+version(2, 2)+"END:VCALENDAR\n", Defaults{})
	if len(im.Hints) != 1 || im.Hints[0].Floor != 3 {
		t.Errorf("hints %+v, want the one of sequence 3", im.Hints)
	}
}

// TestFoldingChangesNothing folds the lines of a calendar anywhere.
func TestFoldingChangesNothing(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/google.ics")
	if err != nil {
		t.Fatal(err)
	}
	want := importText(t, string(data), novemberDefaults()).Hints
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for line := range strings.SplitSeq(strings.ReplaceAll(string(data), "\r\n ", ""), "\r\n") {
			if strings.HasPrefix(line, "BEGIN") || strings.HasPrefix(line, "END") || len(line) < 4 {
				b.WriteString(line + "\n")
				continue
			}
			at := rapid.IntRange(1, len(line)-1).Draw(t, "at")
			b.WriteString(line[:at] + rapid.SampledFrom([]string{"\r\n ", "\n\t", "\r "}).Draw(t, "fold") + line[at:] + "\n")
		}
		im, err := ImportICal(strings.NewReader(b.String()), novemberDefaults())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, im.Hints); diff != "" {
			t.Fatalf("hints (-want +got):\n%s", diff)
		}
	})
}

func FuzzImportICal(f *testing.F) {
	for _, file := range []string{"google.ics", "outlook.ics", "apple.ics"} {
		data, err := os.ReadFile(filepath.Join("testdata", filepath.Base(file)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(ics(okTimes, "RRULE:FREQ=YEARLY;BYDAY=53MO", "X-PILOTLIGHT-FLOOR:1"))
	f.Fuzz(func(t *testing.T, text string) {
		d := novemberDefaults()
		d.Effect = Effect{Multiplier: 2}
		im, err := ImportICal(strings.NewReader(text), d)
		if err != nil {
			if !errors.Is(err, models.ErrInvalid) {
				t.Errorf("error %v is not an invalid one", err)
			}
			return
		}
		seen := map[string]bool{}
		for i := range im.Hints {
			h := &im.Hints[i]
			if _, err := Compile(*h); err != nil || seen[h.ID] {
				t.Errorf("hint %+v: %v, or its id is there twice", h, err)
			}
			seen[h.ID] = true
		}
	})
}
