package hints

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there on any machine

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	out, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func hint(tb testing.TB, start, end string) models.Hint {
	tb.Helper()
	return models.Hint{ID: "h", Start: at(tb, start), End: at(tb, end), Multiplier: 2}
}

func compile(tb testing.TB, h models.Hint) *Plan {
	tb.Helper()
	p, err := Compile(h)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// list prints the occurrences from a time on the clocks of UTC.
func list(p *Plan, from, to time.Time, limit int) []string {
	var out []string
	for _, o := range p.Between(from, to, limit) {
		out = append(out, o.Start.Format("Mon 2006-01-02T15:04")+" - "+o.End.Format("01-02T15:04"))
	}
	return out
}

func TestOccurrences(t *testing.T) {
	t.Parallel()
	farOff := at(t, "2100-01-01T00:00:00Z")
	cases := []struct {
		name, start, end, zone, rule string
		except                       []string
		from                         string
		want                         []string
	}{
		{name: "once", start: "2026-11-27T20:00:00Z", end: "2026-11-28T02:00:00Z", want: []string{"Fri 2026-11-27T20:00 - 11-28T02:00"}},
		{
			name: "every Friday", start: "2026-11-27T20:00:00Z", end: "2026-11-27T22:00:00Z", rule: "FREQ=WEEKLY;BYDAY=FR;COUNT=3",
			want: []string{"Fri 2026-11-27T20:00 - 11-27T22:00", "Fri 2026-12-04T20:00 - 12-04T22:00", "Fri 2026-12-11T20:00 - 12-11T22:00"},
		},
		{
			name: "nine stays nine in spring", start: "2026-03-28T08:00:00Z", end: "2026-03-28T09:00:00Z", zone: "Europe/Berlin", rule: "FREQ=DAILY;COUNT=3",
			want: []string{"Sat 2026-03-28T08:00 - 03-28T09:00", "Sun 2026-03-29T07:00 - 03-29T08:00", "Mon 2026-03-30T07:00 - 03-30T08:00"},
		},
		{
			name: "a time that the clocks skip is moved on", start: "2026-03-28T01:30:00Z", end: "2026-03-28T01:45:00Z", zone: "Europe/Berlin", rule: "FREQ=DAILY;COUNT=3",
			want: []string{"Sat 2026-03-28T01:30 - 03-28T01:45", "Sun 2026-03-29T01:30 - 03-29T01:45", "Mon 2026-03-30T00:30 - 03-30T00:45"},
		},
		{
			name: "the first of a time that is shown twice", start: "2026-10-24T00:30:00Z", end: "2026-10-24T00:45:00Z", zone: "Europe/Berlin", rule: "FREQ=DAILY;COUNT=3",
			want: []string{"Sat 2026-10-24T00:30 - 10-24T00:45", "Sun 2026-10-25T00:30 - 10-25T00:45", "Mon 2026-10-26T01:30 - 10-26T01:45"},
		},
		{
			name: "a night ends on the clocks", start: "2026-10-23T20:00:00Z", end: "2026-10-24T04:00:00Z", zone: "Europe/Berlin", rule: "FREQ=DAILY;COUNT=2",
			want: []string{"Fri 2026-10-23T20:00 - 10-24T04:00", "Sat 2026-10-24T20:00 - 10-25T05:00"},
		},
		{
			name: "skipped clocks shorten what lies around them", start: "2026-03-28T00:30:00Z", end: "2026-03-28T02:10:00Z", zone: "Europe/Berlin", rule: "FREQ=DAILY;COUNT=2",
			want: []string{"Sat 2026-03-28T00:30 - 03-28T02:10", "Sun 2026-03-29T00:30 - 03-29T01:10"},
		},
		{
			name: "but leave a length", start: "2026-03-28T01:50:00Z", end: "2026-03-28T02:10:00Z", zone: "Europe/Berlin", rule: "FREQ=DAILY;COUNT=2",
			want: []string{"Sat 2026-03-28T01:50 - 03-28T02:10", "Sun 2026-03-29T01:50 - 03-29T02:10"},
		},
		{
			name: "exceptions", start: "2026-12-01T10:00:00Z", end: "2026-12-01T11:00:00Z", rule: "FREQ=DAILY;COUNT=4",
			except: []string{"2026-12-01T10:00:00Z", "2026-12-03T11:00:00+01:00", "2027-01-01T00:00:00Z"},
			want:   []string{"Wed 2026-12-02T10:00 - 12-02T11:00", "Fri 2026-12-04T10:00 - 12-04T11:00"},
		},
		{
			name: "until in UTC", start: "2026-12-01T10:00:00+01:00", end: "2026-12-01T11:00:00+01:00", zone: "Europe/Berlin", rule: "FREQ=DAILY;UNTIL=20261203T085959Z",
			want: []string{"Tue 2026-12-01T09:00 - 12-01T10:00", "Wed 2026-12-02T09:00 - 12-02T10:00"},
		},
		{
			name: "until on the clocks", start: "2026-12-01T10:00:00+01:00", end: "2026-12-01T11:00:00+01:00", zone: "Europe/Berlin", rule: "FREQ=DAILY;UNTIL=20261202T100000",
			want: []string{"Tue 2026-12-01T09:00 - 12-01T10:00", "Wed 2026-12-02T09:00 - 12-02T10:00"},
		},
		{
			name: "until a day, the day included", start: "2026-12-01T23:00:00Z", end: "2026-12-01T23:30:00Z", zone: "Asia/Tokyo", rule: "RRULE:FREQ=DAILY;UNTIL=20261203;",
			want: []string{"Tue 2026-12-01T23:00 - 12-01T23:30", "Wed 2026-12-02T23:00 - 12-02T23:30"},
		},
		{
			name: "overlapping and touching occurrences are one", start: "2026-12-01T10:00:00Z", end: "2026-12-01T12:00:00Z", rule: "freq=hourly;byhour=10,11,14,16",
			want: []string{"Tue 2026-12-01T10:00 - 12-01T13:00", "Tue 2026-12-01T14:00 - 12-01T18:00", "Wed 2026-12-02T10:00 - 12-02T13:00", "Wed 2026-12-02T14:00 - 12-02T18:00"},
		},
		{
			name: "the start counts though the rule does not name it", start: "2026-11-25T10:00:00Z", end: "2026-11-25T11:00:00Z", rule: "FREQ=WEEKLY;BYDAY=FR",
			want: []string{"Wed 2026-11-25T10:00 - 11-25T11:00", "Fri 2026-11-27T10:00 - 11-27T11:00", "Fri 2026-12-04T10:00 - 12-04T11:00", "Fri 2026-12-11T10:00 - 12-11T11:00"},
		},
		{
			name: "the fourth Friday of November", start: "2026-11-27T05:00:00Z", end: "2026-11-28T05:00:00Z", zone: "America/New_York", rule: "FREQ=YEARLY;BYMONTH=11;BYDAY=4FR",
			from: "2027-01-01T00:00:00Z", want: []string{"Fri 2027-11-26T05:00 - 11-27T05:00", "Fri 2028-11-24T05:00 - 11-25T05:00", "Fri 2029-11-23T05:00 - 11-24T05:00", "Fri 2030-11-22T05:00 - 11-23T05:00"},
		},
		{
			name: "the last working day of a month", start: "2026-11-30T17:00:00Z", end: "2026-11-30T18:00:00Z", rule: "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3",
			want: []string{"Mon 2026-11-30T17:00 - 11-30T18:00", "Thu 2026-12-31T17:00 - 12-31T18:00", "Fri 2027-01-29T17:00 - 01-29T18:00"},
		},
		{
			name: "a day that a zone leaves out", start: "2011-12-28T22:00:00Z", end: "2011-12-28T23:00:00Z", zone: "Pacific/Apia", rule: "FREQ=DAILY;COUNT=3",
			want: []string{"Wed 2011-12-28T22:00 - 12-28T23:00", "Thu 2011-12-29T22:00 - 12-29T23:00", "Fri 2011-12-30T22:00 - 12-30T23:00"},
		},
		{
			name: "every day all day is cut after a year", start: "2026-01-01T00:00:00Z", end: "2026-01-02T00:00:00Z", rule: "FREQ=DAILY;COUNT=400",
			want: []string{"Thu 2026-01-01T00:00 - 01-02T00:00", "Sat 2027-01-02T00:00 - 02-05T00:00"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := hint(t, c.start, c.end)
			h.TimeZone, h.Recurrence = c.zone, c.rule
			for _, e := range c.except {
				h.Except = append(h.Except, at(t, e))
			}
			from := h.Start.Add(-24 * time.Hour)
			if c.from != "" {
				from = at(t, c.from)
			}
			if diff := cmp.Diff(c.want, list(compile(t, h), from, farOff, 4)); diff != "" {
				t.Errorf("occurrences (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadHintsAreRefused(t *testing.T) {
	t.Parallel()
	cases := []struct{ rule, zone, say string }{
		{rule: "FREQ=SECONDLY", say: "use HOURLY or longer"},
		{rule: "FREQ=MINUTELY;INTERVAL=15", say: "use HOURLY or longer"},
		{rule: "every Friday", say: "FREQ=WEEKLY;BYDAY=FR"},
		{rule: "BYDAY=FR", say: "FREQ is required"},
		{rule: "FREQ=DAILY;COUNT=0", say: "COUNT=0 has to be 1 or more"},
		{rule: "FREQ=DAILY;INTERVAL=-1", say: "INTERVAL=-1 has to be 1 or more"},
		{rule: "FREQ=DAILY;INTERVAL=10001", say: "above 10000"},
		{rule: "FREQ=DAILY;COUNT=3;UNTIL=20270101", say: "leave one out"},
		{rule: "FREQ=DAILY;UNTIL=tomorrow", say: "UNTIL=TOMORROW"},
		{rule: "FREQ=DAILY;FREQ=WEEKLY", say: "FREQ is there twice"},
		{rule: "FREQ=YEARLY;BYEASTER=0", say: "BYEASTER is not a part"},
		{rule: "FREQ=DAILY;DTSTART=20200101", say: "DTSTART is not a part"},
		{rule: "DTSTART:20200101\nRRULE:FREQ=DAILY", say: "one line"},
		{rule: "FREQ=HOURLY;INTERVAL=24;BYHOUR=11", say: "never comes to one of BYHOUR"},
		{rule: "FREQ=HOURLY;INTERVAL=2;BYHOUR=11,13", say: "never comes to one of BYHOUR"},
		{rule: "FREQ=HOURLY;BYSETPOS=5", say: "do not go together"},
		{rule: "FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=" + numbers(60) + ";BYSECOND=0,30", say: "480 times a day"},
		{rule: "FREQ=YEARLY;BYYEARDAY=" + numbers(101), say: "longer than 100"},
		{rule: "FREQ=MONTHLY;BYDAY=6MO", say: "6MO is not in any month"},
		{rule: "FREQ=YEARLY;BYMONTH=2;BYDAY=-53SU", say: "-53SU is not in any month"},
		{rule: "FREQ=WEEKLY;BYDAY=2MO", say: "2MO needs FREQ=MONTHLY or YEARLY"},
		{rule: "FREQ=YEARLY;BYWEEKNO=3;BYDAY=2MO", say: "2MO and BYWEEKNO do not go together"},
		{rule: "FREQ=DAILY;BYHOUR=24", say: "byhour must be between"},
		{zone: "Local", say: "depends on the machine"},
		{zone: "Europe/Atlantis", say: "use an IANA name"},
		{zone: "../../etc/passwd", say: "use an IANA name"},
	}
	for _, c := range cases {
		t.Run(c.rule+c.zone, func(t *testing.T) {
			t.Parallel()
			h := hint(t, "2026-11-27T20:00:00Z", "2026-11-27T22:00:00Z")
			h.Recurrence, h.TimeZone = c.rule, c.zone
			_, err := Compile(h)
			if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("error %v, want an invalid one that says %q", err, c.say)
			}
		})
	}
	h := hint(t, "2026-11-27T20:00:00Z", "2026-11-27T22:00:00Z")
	h.Except = []time.Time{h.Start}
	if _, err := Compile(h); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("an event that never takes place: error %v", err)
	}
	h.Except = make([]time.Time, maxExcept+1)
	if _, err := Compile(h); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("too many exceptions: error %v", err)
	}
}

func numbers(n int) string {
	var out []string
	for i := range n {
		out = append(out, strconv.Itoa(i))
	}
	return strings.Join(out, ",")
}

func TestOver(t *testing.T) {
	t.Parallel()
	h := hint(t, "2026-11-27T20:00:00Z", "2026-11-27T22:00:00Z")
	h.Recurrence = "FREQ=DAILY;COUNT=2"
	p := compile(t, h)
	for now, want := range map[string]bool{
		"2020-01-01T00:00:00Z": false, "2026-11-27T21:00:00Z": false, "2026-11-28T10:00:00Z": false,
		"2026-11-28T21:59:59Z": false, "2026-11-28T22:00:00Z": true, "2300-01-01T00:00:00Z": true,
	} {
		if got := p.Over(at(t, now)); got != want {
			t.Errorf("over at %s: %v, want %v", now, got, want)
		}
	}
}

// TestDailyAgainstTheStandardLibrary walks days by time.Date, wherever the clocks of the zone show the time once.
func TestDailyAgainstTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca"}).Draw(t, "zone")
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		hour, every := rapid.IntRange(4, 23).Draw(t, "hour"), rapid.IntRange(1, 9).Draw(t, "every")
		year, month, day := rapid.IntRange(1990, 2035).Draw(t, "year"), rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day")
		start := time.Date(year, time.Month(month), day, hour, 20, 0, 0, loc)
		p, err := Compile(models.Hint{Start: start, End: start.Add(time.Minute), Floor: 1, TimeZone: zone, Recurrence: fmt.Sprintf("FREQ=DAILY;INTERVAL=%d", every)})
		if err != nil {
			t.Fatal(err)
		}
		k := rapid.IntRange(0, 400).Draw(t, "k")
		want := time.Date(year, time.Month(month), day+k*every, hour, 20, 0, 0, loc)
		got, _, ok := p.Active(want.Add(-time.Hour), want.Add(time.Hour))
		if !ok || !got.Equal(want) {
			t.Fatalf("occurrence %d in %s: %v %v, want %v", k, zone, got, ok, want.UTC())
		}
	})
}

// TestAnswersDoNotDependOnEarlierQuestions asks one plan in a random order and new plans for the same.
func TestAnswersDoNotDependOnEarlierQuestions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		h := models.Hint{
			Start: start, End: start.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "minutes")) * time.Minute), Multiplier: 3, TimeZone: "Europe/Berlin",
			Recurrence: rapid.SampledFrom([]string{"FREQ=HOURLY", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TU;COUNT=30", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=HOURLY;INTERVAL=7", ""}).Draw(t, "rule"),
		}
		p, err := Compile(h)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			from := start.Add(time.Duration(rapid.IntRange(-1000, 30000).Draw(t, "from")) * time.Hour)
			to := from.Add(time.Duration(rapid.IntRange(1, 100000).Draw(t, "span")) * time.Minute)
			fresh, err := Compile(h)
			if err != nil {
				t.Fatal(err)
			}
			s, e, ok := p.Active(from, to)
			s2, e2, ok2 := fresh.Active(from, to)
			if !s.Equal(s2) || !e.Equal(e2) || ok != ok2 || p.Over(from) != fresh.Over(from) {
				t.Fatalf("%v..%v %v, and anew %v..%v %v", s, e, ok, s2, e2, ok2)
			}
			if ok && (!s.Before(to) || !e.After(from) || !e.After(s)) {
				t.Fatalf("%v..%v does not overlap %v..%v", s, e, from, to)
			}
		}
	})
}

func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	h := hint(t, "2020-01-01T00:00:00Z", "2020-01-01T00:10:00Z")
	h.Recurrence = "FREQ=HOURLY"
	p := compile(t, h)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				from := h.Start.Add(time.Duration(i*(g+1)) * time.Hour)
				if s, _, ok := p.Active(from, from.Add(time.Minute)); !ok || !s.Equal(from) {
					t.Errorf("at %v: %v %v", from, s, ok)
				}
			}
		})
	}
	wg.Wait()
}

func TestAskingAllocatesNothing(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	h := hint(t, "2020-01-01T00:00:00Z", "2020-01-01T00:10:00Z")
	h.Recurrence = "FREQ=HOURLY"
	p := compile(t, h)
	now := at(t, "2026-11-27T20:05:00Z")
	if n := testing.AllocsPerRun(100, func() { p.Active(now, now.Add(time.Hour)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"FREQ=WEEKLY;BYDAY=FR", "FREQ=HOURLY;INTERVAL=5;BYHOUR=3", "FREQ=YEARLY;BYWEEKNO=53,-53,1;BYDAY=MO", "FREQ=MONTHLY;BYDAY=-5MO;BYSETPOS=-1", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
		"FREQ=DAILY;BYMONTHDAY=31;BYMONTH=4", "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYYEARDAY=366,-366", "FREQ=WEEKLY;WKST=SU;INTERVAL=10000", "FREQ=YEARLY;BYDAY=53MO", "FREQ=MONTHLY;BYDAY=-53SU,53MO",
	} {
		f.Add(s, "America/New_York", int64(1790000000), int64(3600))
	}
	f.Fuzz(func(t *testing.T, rule, zone string, start, length int64) {
		if len(rule) > 300 || start < -9e9 || start > 9e9 || length < 1 || length > 1e8 {
			return
		}
		h := models.Hint{Start: time.Unix(start, 0), End: time.Unix(start+length, 0), Multiplier: 2, Recurrence: rule, TimeZone: zone}
		p, err := Compile(h)
		if err != nil {
			if !errors.Is(err, models.ErrInvalid) {
				t.Errorf("error %v is not an invalid one", err)
			}
			return
		}
		last := time.Time{}
		for _, o := range p.Between(h.Start.Add(-time.Hour), h.Start.AddDate(3, 0, 0), 50) {
			if !o.End.After(o.Start) || o.Start.Before(last) {
				t.Errorf("%v is empty or out of order", o)
			}
			last = o.End
		}
	})
}

func BenchmarkActive(b *testing.B) {
	h := hint(b, "2020-01-01T00:00:00Z", "2020-01-01T00:10:00Z")
	h.Recurrence, h.TimeZone = "FREQ=DAILY", "Europe/Berlin"
	p := compile(b, h)
	now := at(b, "2026-11-27T20:05:00Z")
	p.Active(now, now.Add(24*time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		p.Active(now, now.Add(time.Hour))
	}
}

func BenchmarkCompileDailySinceTenYears(b *testing.B) {
	h := hint(b, "2016-01-01T00:00:00Z", "2016-01-01T00:10:00Z")
	h.Recurrence, h.TimeZone = "FREQ=DAILY", "Europe/Berlin"
	now := at(b, "2026-11-27T20:05:00Z")
	b.ReportAllocs()
	for b.Loop() {
		compile(b, h).Over(now)
	}
}

func BenchmarkCompileNever(b *testing.B) {
	h := hint(b, "2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z")
	h.Recurrence = "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"
	b.ReportAllocs()
	for b.Loop() {
		compile(b, h).Over(h.End)
	}
}
