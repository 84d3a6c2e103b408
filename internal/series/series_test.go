package series_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"pilotlight/internal/series"
)

var nan = math.NaN()

func read(t *testing.T, text string, opt series.Options) *series.File {
	t.Helper()
	f, err := series.Read(strings.NewReader(text), "test.csv", opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadValues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []series.Series
	}{
		"mixed series": {"series,value\na,1\nb,5\na,2\n", []series.Series{{Name: "a", Values: []float64{1, 2}}, {Name: "b", Values: []float64{5}}}},
		"other columns, order, case, BOM, CRLF": {
			"\ufeffregion,Value,SERIES\r\neu,1,a\r\neu,2.5e1,a\r\n",
			[]series.Series{{Name: "a", Values: []float64{1, 25}}},
		},
		"missing": {"series,value\na,1\na,\na,NaN\na, null\na,n/a\na,2\n", []series.Series{{Name: "a", Values: []float64{1, nan, nan, nan, nan, 2}}}},
		"no name": {"value\n1\n2\n", []series.Series{{Name: "series", Values: []float64{1, 2}}}},
		"no end":  {"series,value\na,1", []series.Series{{Name: "a", Values: []float64{1}}}},
		"hostile name": {"series,value\n\"<b>,\n\"\"x\",1\n", []series.Series{{
			Name: "<b>,\n\"x", Values: []float64{1},
		}}},
		"wide": {"V1,V2,V3,V4\nH1,1,2,3\nH2,4,,6\nH3,7,NA,\nH4\n", []series.Series{
			{Name: "H1", Values: []float64{1, 2, 3}}, {Name: "H2", Values: []float64{4, nan, 6}}, {Name: "H3", Values: []float64{7}}, {Name: "H4", Values: []float64{}},
		}},
		"wide, quoted": {"\"V1\",\"V2\"\n\"H1\",\"1\"\n", []series.Series{{Name: "H1", Values: []float64{1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var zipped bytes.Buffer
			zip := gzip.NewWriter(&zipped)
			if _, err := zip.Write([]byte(tc.text)); err != nil || zip.Close() != nil {
				t.Fatal("no gzip")
			}
			for _, text := range []string{tc.text, zipped.String()} {
				if diff := cmp.Diff(tc.want, read(t, text, series.Options{}).Series, cmpopts.EquateNaNs()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	f := read(t, "series,value\na,1\na,Inf\na,-1e31\na,1e999\na,2\n", series.Options{Step: time.Minute})
	if f.Series[0].Step != time.Minute || len(f.Series[0].Values) != 5 || !math.IsNaN(f.Series[0].Values[3]) ||
		!cmp.Equal(f.Notes, []string{"3 values are infinite or beyond 1e30 and count as missing"}) {
		t.Errorf("%+v", f)
	}
	if f.Find("a") != &f.Series[0] || f.Find("b") != nil || !f.Series[0].End().IsZero() {
		t.Error("the series is not found, or has an end without times")
	}
}

func TestReadTimes(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		rows  []string
		opt   series.Options
		start string
		step  time.Duration
		want  []float64
		notes []string
	}{
		"RFC 3339":     {[]string{"2026-11-24T18:00:00Z,1", "2026-11-24T19:00:00Z,2"}, series.Options{}, "2026-11-24T18:00:00Z", time.Hour, []float64{1, 2}, nil},
		"with a zone":  {[]string{"2026-11-24T18:00:00+01:00,1", "2026-11-24T18:01:00.000+01:00,2"}, series.Options{}, "2026-11-24T17:00:00Z", time.Minute, []float64{1, 2}, nil},
		"local":        {[]string{"2026-11-24 18:00:00,1", "2026-11-24 18:01,2"}, series.Options{Location: berlin}, "2026-11-24T17:00:00Z", time.Minute, []float64{1, 2}, nil},
		"days":         {[]string{"2026-11-24,1", "2026-11-25,2"}, series.Options{}, "2026-11-24T00:00:00Z", 24 * time.Hour, []float64{1, 2}, nil},
		"local days":   {[]string{"2026-10-24,1", "2026-10-25,2", "2026-10-26,3", "2026-10-27,4"}, series.Options{Location: berlin}, "2026-10-23T22:00:00Z", 24 * time.Hour, []float64{1, 2, 3, 4}, nil},
		"months":       {[]string{"2026-01-01,1", "2026-02-01,2", "2026-03-01,3", "2026-04-01,4"}, series.Options{}, "2026-01-01T00:00:00Z", 31 * 24 * time.Hour, []float64{1, 2, 3, 4}, nil},
		"seconds":      {[]string{"1700000000,1", "1700000060,2"}, series.Options{}, "2023-11-14T22:13:20Z", time.Minute, []float64{1, 2}, nil},
		"milliseconds": {[]string{"1700000000000,1", "1700000000250,2"}, series.Options{}, "2023-11-14T22:13:20Z", 250 * time.Millisecond, []float64{1, 2}, nil},
		"fractions":    {[]string{"1700000000.5,1", "1700000001.5,2"}, series.Options{}, "2023-11-14T22:13:20.5Z", time.Second, []float64{1, 2}, nil},
		"gap": {
			[]string{"0,1", "60,2", "120,3", "300,4"},
			series.Options{},
			"1970-01-01T00:00:00Z", time.Minute,
			[]float64{1, 2, 3, nan, nan, 4},
			[]string{"2 steps have no row and count as missing values"},
		},
		"out of order": {
			[]string{"60,2", "0,1", "120,3"},
			series.Options{},
			"1970-01-01T00:00:00Z", time.Minute,
			[]float64{1, 2, 3},
			[]string{"1 rows were out of order and have been sorted by time"},
		},
		"duplicates: the last row wins": {
			[]string{"0,1", "60,2", "60,5", "120,3", "60,7"},
			series.Options{},
			"1970-01-01T00:00:00Z", time.Minute,
			[]float64{1, 7, 3},
			[]string{"1 rows were out of order and have been sorted by time", "2 rows have the time of a later row, which has been taken instead"},
		},
		"jitter": {
			[]string{"0,1", "59.99,2", "119.98,3", "179.98,4", "239.97,5", "300.1,6"},
			series.Options{},
			"1970-01-01T00:00:00Z", time.Minute,
			[]float64{1, 2, 3, 4, 5, 6},
			nil,
		},
		"one row":    {[]string{"60,1"}, series.Options{}, "1970-01-01T00:01:00Z", 0, []float64{1}, nil},
		"given step": {[]string{"0,1", "120,2", "240,3"}, series.Options{Step: time.Minute}, "1970-01-01T00:00:00Z", time.Minute, []float64{1, nan, 2, nan, 3}, []string{"2 steps have no row and count as missing values"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := read(t, "timestamp,value\n"+strings.Join(tc.rows, "\n"), tc.opt)
			s := f.Series[0]
			if start := s.Start.UTC().Format(time.RFC3339Nano); start != tc.start || s.Step != tc.step {
				t.Errorf("start %s, step %s", start, s.Step)
			}
			if diff := cmp.Diff(tc.want, s.Values, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.notes, f.Notes); diff != "" {
				t.Error(diff)
			}
			if want := s.Start.Add(s.Step * time.Duration(len(s.Values))); !s.End().Equal(want) {
				t.Errorf("the end is %s, not %s", s.End(), want)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	uneven := "timestamp,value\n0,1\n60,2\n120,3\n180,4\n213,5\n340,6\n391,7\n480,8\n"
	var cut bytes.Buffer
	zip := gzip.NewWriter(&cut)
	_, _ = zip.Write([]byte("series,value\na,1\n"))
	_ = zip.Close()
	for name, tc := range map[string]struct{ text, want string }{
		"empty":           {"", "it is empty; write a header such as series,value"},
		"header only":     {"series,value\n", "there is a header but no row"},
		"wide header":     {"V1,V2\n", "there is a header but no row"},
		"no value column": {"a,b\n1,2\n", `line 1: there is no column value, only "a,b"; write a header such as series,value`},
		"no header":       {"a,1\na,2\n", `only "a,1"`},
		"semicolons":      {"series;value\na;1\n", "separate them by commas"},
		"twice":           {"series,value,Value\na,1,2\n", `line 1: there are two columns "Value"; rename one`},
		"no number":       {"series,value\na,1\na,high\n", `line 3: "high" is not a number; write numbers like 12.5`},
		"decimal comma":   {"series,value\na,\"1,5\"\n", `line 2: "1,5" is not a number`},
		"cut row":         {"series,value\na,1\nb\n", "line 3: there are only 1 columns"},
		"after a quote":   {"series,value\n\"a\nb\",1\na,x\n", `line 4: "x"`},
		"bad quote":       {"series,value\n\"a,1\n", "quote"},
		"no time":         {"timestamp,value\nnoon,1\n", `line 2: timestamp "noon" is not a time; write it like 2026-11-24T18:00:00Z`},
		"empty time":      {"timestamp,value\n,1\n", `line 2: timestamp "" is not a time`},
		"far time":        {"timestamp,value\n1e30,1\n", "is not a time"},
		"year 9999":       {"timestamp,value\n9999-01-01,1\n", "is not a time"},
		"one time is off": {"timestamp,value\n0,1\n1,2\n2,3\n1700000000,4\n", "there are more than 20000000 steps of 1s; mend the times"},
		"irregular":       {uneven, "2 of 7 differences are no multiple of 1m0s, the most common one; resample it to a fixed step"},
		"wide: no number": {"V1,V2,V3\nH1,1,x\n", `line 2, column 3: "x" is not a number`},
		"wide: twice":     {"V1,V2\nH1,1\nH1,2\n", `line 3: the series "H1" has a row already`},
		"cut gzip":        {cut.String()[:cut.Len()-6], "ends too early"},
		"no gzip":         {"\x1f\x8bhello, this is not it", "looks compressed but is not gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := series.Read(strings.NewReader(tc.text), "test.csv", series.Options{})
			if !errors.Is(err, series.ErrInput) || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "bad input: test.csv: ") {
				t.Errorf("%v, not %q", err, tc.want)
			}
		})
	}
	_, err := series.Read(strings.NewReader("timestamp,value\n0,1\n60,2\n120,3\n"), "x", series.Options{Step: 5 * time.Minute})
	if err == nil || !strings.Contains(err.Error(), "2 of 2 differences are no multiple of 5m0s, the step that was given") {
		t.Errorf("a step that does not fit: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.csv")
	if _, err := series.ReadFile(path, nil, series.Options{}); err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	if err := os.WriteFile(path, []byte("value\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, "-"} {
		f, err := series.ReadFile(name, strings.NewReader("value\n1\n"), series.Options{})
		if err != nil || len(f.Series) != 1 {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	if _, err := series.ReadFile(t.TempDir(), nil, series.Options{}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
}

// TestLastOfManyWins checks that the rows of one time keep their order when the others are sorted.
func TestLastOfManyWins(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("timestamp,value\n120,0\n")
	for i := range 50 {
		fmt.Fprintf(&b, "0,%d\n60,%d\n", i, 100+i)
	}
	if diff := cmp.Diff([]float64{49, 149, 0}, read(t, b.String(), series.Options{}).Series[0].Values); diff != "" {
		t.Error(diff)
	}
}

// TestAnyOrder checks that rows with times give the same series in any order, if no time is there twice.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(12, 60).Draw(t, "n")
		rows := make([]string, n)
		for i := range rows {
			rows[i] = fmt.Sprintf("%d,s%d,%d", 60*(i/2), i%2, i)
		}
		text := "timestamp,series,value\n"
		want, err := series.Read(strings.NewReader(text+strings.Join(rows, "\n")), "x", series.Options{})
		if err != nil {
			t.Fatal(err)
		}
		mixed := rapid.Permutation(rows).Draw(t, "rows")
		got, err := series.Read(strings.NewReader(text+strings.Join(mixed, "\n")), "x", series.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range want.Series {
			if diff := cmp.Diff(&s, got.Find(s.Name)); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"series,value\na,1\nb,NaN\n", "timestamp,value\n2026-11-24T18:00:00Z,1\n1700000000,2\n", "V1,V2\nH1,1,2\n", "\x1f\x8b\x08", "timestamp,value\n0,1\n60,1\n60,2\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := series.Read(bytes.NewReader(data), "fuzz", series.Options{})
		if err != nil {
			if !errors.Is(err, series.ErrInput) {
				t.Error(err)
			}
			return
		}
		if len(file.Series) == 0 {
			t.Error("no series and no error")
		}
		for _, s := range file.Series {
			if s.Step < 0 {
				t.Errorf("step %s", s.Step)
			}
			for _, v := range s.Values {
				if math.Abs(v) > 1e30 {
					t.Errorf("value %v", v)
				}
			}
		}
	})
}
