package main

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// seriesFile writes a CSV file and returns its path.
func seriesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "series.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hours is a year's fraction of two daily series with other columns, rows of the two mixed.
func hours(n int, timed bool) string {
	var b strings.Builder
	b.WriteString("region,series,value,timestamp\n")
	for i := range n {
		day := 2 * math.Pi * float64(i) / 24
		stamp := ""
		if timed {
			stamp = strconv.Itoa(1700000000 + 3600*i)
		}
		fmt.Fprintf(&b, "eu,api,%.3f,%s\n", 100+50*math.Sin(day)+5*math.Sin(float64(i*i)), stamp)
		fmt.Fprintf(&b, "eu,\"odd, \"\"name\"\"\",%.3f,%s\n", 10+3*math.Cos(day)+math.Sin(float64(7*i*i)), stamp)
	}
	text := b.String()
	if !timed {
		text = strings.Replace(text, "timestamp", "note", 1)
	}
	return text
}

// rows reads the CSV of a forecast.
func rows(t *testing.T, text string) (header []string, body [][]string) {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[0], all[1:]
}

// TestForecastColumns checks the format that others read, and that what is written are forecasts.
func TestForecastColumns(t *testing.T) {
	t.Parallel()
	in := seriesFile(t, hours(24*15, false))
	r := pilotlight(t, "forecast", "--input", in, "--horizon", "24", "--period", "24", "--quantiles", "0.1,0.5,0.9")
	r.want(t, 0, []string{"series,step,mean,q0.1,q0.5,q0.9\n"}, nil)
	_, body := rows(t, r.out)
	if len(body) != 48 {
		t.Fatalf("%d rows, not 24 for each of 2 series", len(body))
	}
	for i, row := range body {
		name := []string{"api", `odd, "name"`}[i/24]
		step := i%24 + 1
		if row[0] != name || row[1] != strconv.Itoa(step) {
			t.Errorf("row %d is %q", i, row)
		}
		var v [4]float64
		for k := range v {
			var err error
			if v[k], err = strconv.ParseFloat(row[2+k], 64); err != nil {
				t.Error(err)
			}
			if short := strconv.FormatFloat(v[k], 'g', -1, 64); short != row[2+k] {
				t.Errorf("%s is not the shortest form %s", row[2+k], short)
			}
		}
		if !(v[1] <= v[2] && v[2] <= v[3]) {
			t.Errorf("quantiles do not increase: %v", row)
		}
		truth := 100 + 50*math.Sin(2*math.Pi*float64(step-1)/24)
		if name == "api" && math.Abs(v[0]-truth) > 15 {
			t.Errorf("step %d: %v, but %v comes", step, v[0], truth)
		}
	}
	// The default levels.
	header, _ := rows(t, pilotlight(t, "forecast", "--input", in, "--horizon", "1").out)
	if got := strings.Join(header, ","); got != "series,step,mean,q0.1,q0.2,q0.3,q0.4,q0.5,q0.6,q0.7,q0.8,q0.9,q0.95,q0.99" {
		t.Errorf("default columns %s", got)
	}
	// Levels as they were written, in their order.
	header, body = rows(t, pilotlight(t, "forecast", "--input", in, "--horizon", "1", "--quantiles", "0.90, .1").out)
	low, _ := strconv.ParseFloat(body[0][4], 64)
	high, _ := strconv.ParseFloat(body[0][3], 64)
	if strings.Join(header, ",") != "series,step,mean,q0.90,q.1" || low > high {
		t.Errorf("%v: %v", header, body[0])
	}
}

// TestForecastIsReproducible checks that the way in, the way out and the workers do not change the forecast.
func TestForecastIsReproducible(t *testing.T) {
	t.Parallel()
	text := hours(24*15, true)
	in := seriesFile(t, text)
	args := []string{"forecast", "--horizon", "5", "--input"}
	first := pilotlight(t, append(args, in)...)
	first.want(t, 0, []string{"series,step,mean"}, nil)
	for _, workers := range []string{"1", "3"} {
		if r := pilotlight(t, append(args, in, "--workers", workers)...); r.out != first.out {
			t.Errorf("%s workers give other bytes", workers)
		}
	}
	dir := t.TempDir()
	plain, zipped := filepath.Join(dir, "f.csv"), filepath.Join(dir, "f.csv.gz")
	for _, out := range []string{plain, zipped, zipped} {
		pilotlight(t, append(args, in, "--output", out)...).want(t, 0, nil, nil)
	}
	if contents(t, plain) != first.out || unzipped(t, zipped) != first.out {
		t.Error("the file has other bytes than standard output")
	}
	if r := pilotlightFrom(t, text, append(args, "-", "--output", "-")...); r.out != first.out {
		t.Error("standard input gives other bytes")
	}
	// Rows in another order, with times.
	lines := strings.SplitAfter(text, "\n")
	lines[1], lines[5] = lines[5], lines[1]
	r := pilotlight(t, append(args, seriesFile(t, strings.Join(lines, "")))...)
	r.want(t, 0, []string{first.out}, []string{"note: ", "2 rows were out of order and have been sorted by time"})
}

func unzipped(t *testing.T, path string) string {
	t.Helper()
	zip, err := gzip.NewReader(strings.NewReader(contents(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestForecastOfLittle checks that there is a forecast whenever there is anything to forecast from, and that what stands in the way
// is said.
func TestForecastOfLittle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		rows int
		errs []string
	}{
		"three values":    {"value\n1\n2\n3\n", 2, nil},
		"one value":       {"value\n7\n", 2, nil},
		"all zero":        {"value\n" + strings.Repeat("0\n", 100), 2, nil},
		"a huge spike":    {"value\n" + strings.Repeat("1\n", 50) + "1e9\n" + strings.Repeat("1\n", 50), 2, nil},
		"half is missing": {"value\n" + strings.Repeat("1\n\n3\n\"\"\n", 50), 2, nil},
		"one of two":      {"series,value\na,\na,NaN\nb,2\n", 2, []string{`warning: no forecast of series "a": `}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := pilotlight(t, "forecast", "--input", seriesFile(t, tc.text), "--horizon", "2")
			r.want(t, 0, []string{"series,step,mean"}, tc.errs)
			_, body := rows(t, r.out)
			if len(body) != tc.rows {
				t.Errorf("%d rows", len(body))
			}
			for _, row := range body {
				for _, cell := range row[2:] {
					if v, err := strconv.ParseFloat(cell, 64); err != nil || math.IsNaN(v) || v < 0 || v > 1e10 {
						t.Errorf("row %v", row)
					}
				}
			}
		})
	}
}

func TestForecastErrors(t *testing.T) {
	t.Parallel()
	good := seriesFile(t, "value\n1\n2\n")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no file":      {[]string{"--input", "no/such.csv"}, "read no/such.csv: no such file or directory"},
		"empty file":   {[]string{"--input", seriesFile(t, "")}, "it is empty; write a header such as series,value"},
		"bad row":      {[]string{"--input", seriesFile(t, "value\n1\nx\n")}, `line 3: "x" is not a number`},
		"nothing":      {[]string{"--input", seriesFile(t, "series,value\na,\n")}, `no series could be forecast: series "a": `},
		"no place":     {[]string{"--input", good, "--output", "no/such/f.csv"}, "name a file in a folder that exists"},
		"a folder":     {[]string{"--input", good, "--output", t.TempDir()}, "it is a folder; name a file"},
		"not a series": {[]string{"--input", seriesFile(t, "a;b\n1;2\n")}, "separate them by commas"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := pilotlight(t, append([]string{"forecast", "--horizon", "2"}, tc.args...)...)
			r.want(t, 1, nil, []string{"pilotlight: ", tc.want})
		})
	}
	// An earlier result stays when the new one fails.
	out := seriesFile(t, "precious")
	pilotlight(t, "forecast", "--horizon", "2", "--input", seriesFile(t, "series,value\na,\n"), "--output", out).want(t, 1, nil, []string{"no series could be forecast"})
	if contents(t, out) != "precious" {
		t.Error("an earlier result was lost")
	}
	if files, err := os.ReadDir(filepath.Dir(out)); err != nil || len(files) != 1 {
		t.Errorf("files are left behind: %v, %v", files, err)
	}
}

func TestForecastExplain(t *testing.T) {
	t.Parallel()
	in := seriesFile(t, hours(24*15, true)+"eu,idle,,1700000000\n")
	out := filepath.Join(t.TempDir(), "f.csv")
	base := []string{"forecast", "--input", in, "--horizon", "6", "--period", "24"}
	want := []string{`series "api": 360 values, one each 1h`, "periods in steps: 24; past forecasts scored: ", "member", "1-2", `series "idle": 1 values`, "no forecast: "}
	// Beside a file, the explanation is the output; else it must not mix with the forecast.
	pilotlight(t, append(base, "--explain", "--output", out)...).want(t, 0, want, []string{"no forecast of series \"idle\""})
	pilotlight(t, append(base, "--explain")...).want(t, 0, []string{"series,step,mean"}, want)

	r := pilotlight(t, append(base, "--explain=json", "--output", out)...)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, not one a series", len(lines))
	}
	for i, line := range lines {
		var e struct {
			Series  string
			Periods []int
			Windows int
			Reason  string
			Buckets []int
			Members []struct {
				Name    string
				Weights []float64
			}
			StepSeconds float64 `json:"step_seconds"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			if e.Series != "idle" || e.Reason == "" {
				t.Errorf("%+v", e)
			}
			continue
		}
		sum := 0.0
		for _, m := range e.Members {
			sum += m.Weights[0]
		}
		if math.Abs(sum-1) > 1e-9 || e.StepSeconds != 3600 || e.Windows == 0 || len(e.Periods) != 1 || len(e.Buckets) != len(e.Members[0].Weights) {
			t.Errorf("%+v: weights sum to %v", e, sum)
		}
	}
}
