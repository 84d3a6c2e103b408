package trace

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

const (
	goodInfo      = `{"name": "t", "start": "2021-01-31T00:00:00Z", "minutes": 10, "source": "made up", "licence": "none", "note": ""}`
	goodFunctions = functionsHeader + "\nb,app1,http,100,80,400,128,250\na,,,5,,,512,\nc,app1,timer,0,,,64,0\n"
	goodRows      = invocationsHeader + "\nb,0,3\nb,9,1\nc,4,2\n"
)

func zipped(tb testing.TB, text string) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func folder(tb testing.TB, info, functions, rows string) fstest.MapFS {
	tb.Helper()
	return fstest.MapFS{
		infoFile:        {Data: []byte(info)},
		functionsFile:   {Data: []byte(functions)},
		invocationsFile: {Data: zipped(tb, rows)},
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := ReadFS(folder(t, goodInfo, goodFunctions, goodRows), "dir")
	if err != nil {
		t.Fatal(err)
	}
	want := Info{Name: "t", Start: time.Date(2021, 1, 31, 0, 0, 0, 0, time.UTC), Minutes: 10, Source: "made up", Licence: "none"}
	if diff := cmp.Diff(want, got.Info); diff != "" {
		t.Error(diff)
	}
	functions := []Function{
		{Name: "b", App: "app1", Trigger: "http", AvgMS: 100, P50MS: 80, P99MS: 400, MemoryMB: 128, ColdStartMS: 250},
		{Name: "a", AvgMS: 5, MemoryMB: 512, ColdStartMS: Unknown},
		{Name: "c", App: "app1", Trigger: "timer", MemoryMB: 64},
	}
	if diff := cmp.Diff(functions, got.Functions); diff != "" {
		t.Error(diff)
	}
	var rows []string
	for i := range got.Functions {
		for minute, count := range got.Counts(i) {
			rows = append(rows, fmt.Sprintf("%s,%d,%d", got.Functions[i].Name, minute, count))
		}
	}
	if text := invocationsHeader + "\n" + strings.Join(rows, "\n") + "\n"; text != goodRows {
		t.Errorf("rows are\n%s", text)
	}
	for i, want := range []time.Duration{250 * time.Millisecond, time.Second, 0} {
		if cold := got.Functions[i].ColdStart(time.Second); cold != want {
			t.Errorf("cold start of %s is %s, want %s", got.Functions[i].Name, cold, want)
		}
	}
}

// TestReadAcceptsOtherLineEnds reads what editors on other systems and a missing last line end make of a file.
func TestReadAcceptsOtherLineEnds(t *testing.T) {
	t.Parallel()
	for _, rows := range []string{strings.ReplaceAll(goodRows, "\n", "\r\n"), strings.TrimSuffix(goodRows, "\n")} {
		got, err := ReadFS(folder(t, goodInfo, strings.ReplaceAll(goodFunctions, "\n", "\r\n"), rows), "dir")
		if err != nil {
			t.Fatal(err)
		}
		if n := got.Invocations(0); n != 4 {
			t.Errorf("%d invocations of the first function in %q", n, rows)
		}
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	fn := func(row string) string { return functionsHeader + "\n" + row + "\n" }
	tests := map[string]struct {
		info, functions, rows string
		want                  string
	}{
		"no json":            {info: "{\n \"name\":\n oops}", want: "dir/trace.json:3: not the JSON"},
		"wrong type":         {info: "{\n\"minutes\": \"ten\"}", want: "dir/trace.json:2: not the JSON"},
		"cut json":           {info: `{"name": "t"`, want: "dir/trace.json:1: not the JSON"},
		"no start":           {info: `{"minutes": 10}`, want: "start is missing"},
		"start in seconds":   {info: `{"start": "2021-01-31T00:00:01Z", "minutes": 10}`, want: "not a whole minute"},
		"start long ago":     {info: `{"start": "1066-01-31T00:00:00Z", "minutes": 10}`, want: "between the years"},
		"no minutes":         {info: `{"start": "2021-01-31T00:00:00Z"}`, want: "minutes is 0"},
		"too many minutes":   {info: `{"start": "2021-01-31T00:00:00Z", "minutes": 99999999}`, want: "minutes is 99999999"},
		"huge json":          {info: strings.Repeat(" ", maxInfoBytes+1), want: "more than 1048576 bytes"},
		"empty functions":    {functions: "\n", want: "dir/functions.csv:1: the file is empty"},
		"only header":        {functions: functionsHeader + "\n", rows: invocationsHeader + "\n", want: "no functions"},
		"other header":       {functions: strings.Replace(goodFunctions, "memory_mb", "memory_gb", 1), want: "dir/functions.csv:1: the header is"},
		"missing column":     {functions: functionsHeader + "\na,b,c,1\n", want: "dir/functions.csv:2: wrong number of fields"},
		"extra column":       {functions: fn("a,,,5,,,512,,"), want: "dir/functions.csv:2: wrong number of fields"},
		"open quote":         {functions: functionsHeader + "\na,,,5,,,512,\n\"b,,", want: "dir/functions.csv:3"},
		"function twice":     {functions: goodFunctions + "a,,,5,,,512,\n", want: `dir/functions.csv:5: function "a" was already in line 3`},
		"no name":            {functions: fn(",,,5,,,512,"), want: "dir/functions.csv:2: function \"\": target id is empty"},
		"comma in name":      {functions: fn(`"a,b",,,5,,,512,`), want: "has a comma"},
		"control character":  {functions: fn("a\x00b,,,5,,,512,"), want: "control character"},
		"negative duration":  {functions: fn("a,,,-5,,,512,"), want: `avg_ms of "a" is "-5"`},
		"missing duration":   {functions: fn("a,,,,,,512,"), want: `avg_ms of "a" is ""`},
		"NaN":                {functions: fn("a,,,NaN,,,512,"), want: `avg_ms of "a" is NaN`},
		"infinite":           {functions: fn("a,,,5,,+Inf,512,"), want: `p99_ms of "a" is +Inf`},
		"absurd duration":    {functions: fn("a,,,5,1e300,,512,"), want: `p50_ms of "a" is 1e+300`},
		"no memory":          {functions: fn("a,,,5,,,0,"), want: `memory_mb of "a" is 0`},
		"cold start NaN":     {functions: fn("a,,,5,,,1,NaN"), want: `cold_start_ms of "a" is NaN`},
		"cold start -1":      {functions: fn("a,,,5,,,1,-1"), want: `cold_start_ms of "a" is "-1"`},
		"words":              {functions: fn("a,,,five,,,512,"), want: `avg_ms of "a" is "five", want a number`},
		"empty rows":         {rows: " ", want: "dir/invocations.csv.gz:1: the header is"},
		"header of rows":     {rows: "function,minute\n", want: "dir/invocations.csv.gz:1: the header is"},
		"unknown function":   {rows: invocationsHeader + "\nb,1,1\nzz,1,1\n", want: `dir/invocations.csv.gz:3: function "zz" is not in functions.csv`},
		"functions unsorted": {rows: invocationsHeader + "\na,1,1\nb,1,1\n", want: `:3: function "b" comes after "a"`},
		"minutes unsorted":   {rows: invocationsHeader + "\nb,2,1\nb,1,1\n", want: `:3: minute 1 of "b" comes after minute 2`},
		"minute twice":       {rows: invocationsHeader + "\nb,2,1\nb,2,1\n", want: `:3: minute 2 of "b" appears twice`},
		"minute outside":     {rows: invocationsHeader + "\nb,10,1\n", want: `:2: minute 10 of "b" is outside the trace, whose minutes are 0 to 9`},
		"minute negative":    {rows: invocationsHeader + "\nb,-1,1\n", want: ":2: the row is \"b,-1,1\""},
		"count 0":            {rows: invocationsHeader + "\nb,1,0\n", want: ":2: count 0 of \"b\""},
		"count negative":     {rows: invocationsHeader + "\nb,1,-3\n", want: ":2: the row is"},
		"count absurd":       {rows: invocationsHeader + "\nb,1,1000000000\n", want: ":2: the row is"},
		"count broken":       {rows: invocationsHeader + "\nb,1,1.5\n", want: ":2: the row is"},
		"count NaN":          {rows: invocationsHeader + "\nb,1,NaN\n", want: ":2: the row is"},
		"empty line":         {rows: invocationsHeader + "\n\nb,1,1\n", want: ":2: the row is \"\""},
		"one column":         {rows: invocationsHeader + "\nb\n", want: ":2: the row is"},
		"long line":          {rows: invocationsHeader + "\n" + strings.Repeat("b", 1<<13) + ",1,1\n", want: ":2: the line is longer than 4096 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			or := func(text, good string) string {
				if text == "" {
					return good
				}
				return text
			}
			_, err := ReadFS(folder(t, or(test.info, goodInfo), or(test.functions, goodFunctions), or(test.rows, goodRows)), "dir")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want it to say %q", err, test.want)
			}
			if !errors.Is(err, models.ErrInvalid) {
				t.Errorf("error %v does not wrap ErrInvalid", err)
			}
		})
	}
}

func TestReadBrokenFiles(t *testing.T) {
	t.Parallel()
	good := folder(t, goodInfo, goodFunctions, goodRows)
	for _, file := range []string{infoFile, functionsFile, invocationsFile} {
		without := fstest.MapFS{}
		for name, f := range good {
			if name != file {
				without[name] = f
			}
		}
		if _, err := ReadFS(without, "dir"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "dir/"+file+": the file is missing") {
			t.Errorf("without %s: %v", file, err)
		}
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	data := good[invocationsFile].Data
	for name, broken := range map[string][]byte{
		"plain": []byte(goodRows), "nothing": nil, "cut": data[:len(data)-12], "checksum": append(bytes.Clone(data[:len(data)-8]), 1, 2, 3, 4, 5, 6, 7, 8),
	} {
		good := folder(t, goodInfo, goodFunctions, goodRows)
		good[invocationsFile].Data = broken
		if _, err := ReadFS(good, "dir"); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), "dir/invocations.csv.gz") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadShippedTraces(t *testing.T) {
	t.Parallel()
	full, err := Read("../../testdata/traces/azure2021-14d")
	if err != nil {
		t.Fatal(err)
	}
	small, err := Read("../../testdata/traces/small")
	if err != nil {
		t.Fatal(err)
	}
	if full.Minutes != 14*1440 || len(full.Functions) != 5 || small.Minutes != 2*1440 {
		t.Fatalf("%d minutes of %d functions, %d minutes in the small one", full.Minutes, len(full.Functions), small.Minutes)
	}
	cut, err := full.Truncate(small.Minutes)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for i := range full.Functions {
		total += full.Invocations(i)
		if diff := cmp.Diff(small.Rows(i, 0, small.Minutes), cut.Rows(i, 0, cut.Minutes)); diff != "" {
			t.Error(diff)
		}
	}
	if total != 766327 {
		t.Errorf("%d invocations, want the 766327 that the file adds up to", total)
	}
}

func FuzzReadInfo(f *testing.F) {
	f.Add([]byte(goodInfo))
	f.Add([]byte(`{"start":"2021-01-31T00:00:00+01:00","minutes":1e3}`))
	f.Add([]byte("{\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := readInfo(bytes.NewReader(data))
		if err == nil && (info.Minutes < 1 || info.Start.IsZero()) {
			t.Errorf("accepted %+v", info)
		}
	})
}

func FuzzReadFunctions(f *testing.F) {
	f.Add(goodFunctions)
	f.Add(functionsHeader + "\n\"x\",y,z,1e3,0x1p4,NaN,1,\n")
	f.Fuzz(func(t *testing.T, text string) {
		functions, err := readFunctions(strings.NewReader(text))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, fn := range functions {
			if seen[fn.Name] || models.TargetID(fn.Name).Validate() != nil || !(fn.MemoryMB > 0) || !(fn.AvgMS >= 0) || fn.ColdStart(0) < 0 {
				t.Errorf("accepted %+v", fn)
			}
			seen[fn.Name] = true
		}
	})
}

func FuzzReadInvocations(f *testing.F) {
	f.Add(goodRows)
	f.Add(invocationsHeader + "\nb,000000001,1\nb,2,999999999")
	f.Add(invocationsHeader + "\r\na,1,1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		trace, err := ReadFS(folder(t, goodInfo, goodFunctions, text), "dir")
		if err != nil {
			return
		}
		for i := range trace.Functions {
			last := -1
			for minute, count := range trace.Counts(i) {
				if minute <= last || minute >= trace.Minutes || count < 1 {
					t.Errorf("accepted minute %d after %d with %d invocations", minute, last, count)
				}
				last = minute
			}
		}
	})
}
