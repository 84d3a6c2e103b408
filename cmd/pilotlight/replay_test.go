package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pilotlight/collectors/trace"
)

// recorded is the trace that these tests cut their input from, and day how many minutes they take: enough for decisions in both
// settings, and little enough to be run many times.
const (
	recorded = "../../testdata/traces/small"
	day      = 1500
)

// oneDay returns the first minutes of the recorded trace, and a folder that holds them.
func oneDay(t *testing.T) (*trace.Trace, string) {
	t.Helper()
	whole, err := trace.Read(recorded)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := whole.Truncate(day)
	if err != nil {
		t.Fatal(err)
	}
	return cut, save(t, cut, nil)
}

// replay runs the command into a new file and returns what it wrote.
func replayed(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "decisions.csv")
	pilotlight(t, append([]string{"replay", "--trace", dir, "--decisions", out}, args...)...).want(t, 0, nil, nil)
	return contents(t, out)
}

// contents returns what a file holds.
func contents(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReplayIsReproducible checks that the same input gives the same bytes, whatever the number of workers.
func TestReplayIsReproducible(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"customer", "provider"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			_, dir := oneDay(t)
			first := replayed(t, dir, "--setting", setting, "--workers", "1")
			for _, workers := range []string{"0", "1", "7"} {
				if got := replayed(t, dir, "--setting", setting, "--workers", workers); got != first {
					t.Errorf("%s workers give other bytes", workers)
				}
			}
		})
	}
}

// TestReplayColumns checks the format of the decisions that others read.
func TestReplayColumns(t *testing.T) {
	t.Parallel()
	input, dir := oneDay(t)
	names := map[string]bool{}
	for _, f := range input.Functions {
		names[f.Name] = true
	}
	customer := ""
	for setting, columns := range map[string]string{"customer": "time_s,function,warm", "provider": "time_s,function,warm,keep_alive_s"} {
		text := replayed(t, dir, "--setting", setting)
		if setting == "customer" {
			customer = text
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if lines[0] != columns {
			t.Errorf("%s: columns %s, want %s", setting, lines[0], columns)
		}
		if len(lines) < 10 {
			t.Errorf("%s: only %d decisions, so these tests show little", setting, len(lines)-1)
		}
		last, seen := 0.0, map[string]bool{}
		for _, line := range lines[1:] {
			fields := strings.Split(line, ",")
			at, err := strconv.ParseFloat(fields[0], 64)
			warm, err2 := strconv.Atoi(fields[2])
			if err != nil || err2 != nil || at < last || at > float64(input.Minutes*60) || warm < 0 || !names[fields[1]] ||
				len(fields) != strings.Count(columns, ",")+1 || seen[fields[0]+fields[1]] {
				t.Errorf("%s: line %q after second %v", setting, line, last)
			}
			last, seen[fields[0]+fields[1]] = at, true
		}
	}
	// The default is the setting of a customer.
	if replayed(t, dir) != customer {
		t.Error("the default is not the customer's setting")
	}
}

// TestReplayIsCausal checks that decisions up to a time depend on nothing after it: neither on whether the trace goes on, nor
// on how.
func TestReplayIsCausal(t *testing.T) {
	t.Parallel()
	whole, dir := oneDay(t)
	for _, setting := range []string{"customer", "provider"} {
		all := replayed(t, dir, "--setting", setting)
		for _, minutes := range []int{3, 1290, 1440} {
			t.Run(fmt.Sprint(setting, minutes), func(t *testing.T) {
				t.Parallel()
				cut, err := whole.Truncate(minutes)
				if err != nil {
					t.Fatal(err)
				}
				want := until(t, all, minutes*60)
				if minutes > 1400 && strings.Count(want, "\n") < 5 {
					t.Fatalf("too few decisions before minute %d to show anything:\n%s", minutes, want)
				}
				if got := replayed(t, save(t, cut, nil), "--setting", setting); got != want {
					t.Errorf("cut after minute %d: decisions\n%s\nwant\n%s", minutes, got, want)
				}
				// The same start with another future.
				other := save(t, whole, func(minute, count int) int {
					if minute < minutes {
						return count
					}
					return (count*7919+minute)%500 + 1
				})
				if got := until(t, replayed(t, other, "--setting", setting), minutes*60); got != want {
					t.Errorf("another future from minute %d on: decisions\n%s\nwant\n%s", minutes, got, want)
				}
			})
		}
	}
}

// until returns the decisions up to a second, with the head.
func until(t *testing.T, decisions string, second int) string {
	t.Helper()
	lines := strings.SplitAfter(strings.TrimSuffix(decisions, "\n"), "\n")
	end := slices.IndexFunc(lines, func(line string) bool {
		text, _, _ := strings.Cut(line, ",")
		at, err := strconv.ParseFloat(text, 64)
		return err == nil && at > float64(second)
	})
	if end < 0 {
		end = len(lines)
	}
	return strings.TrimSuffix(strings.Join(lines[:end], ""), "\n") + "\n"
}

// save writes a trace as a folder, with other counts if change is not nil, and returns its path.
func save(t *testing.T, of *trace.Trace, change func(minute, count int) int) string {
	t.Helper()
	dir := t.TempDir()
	info, err := json.Marshal(of.Info)
	if err != nil {
		t.Fatal(err)
	}
	var rows bytes.Buffer
	zip := gzip.NewWriter(&rows)
	fmt.Fprintln(zip, "function,minute,count")
	for i := range of.Functions {
		for minute, count := range of.Counts(i) {
			if change != nil {
				count = change(minute, count)
			}
			fmt.Fprintf(zip, "%s,%d,%d\n", of.Functions[i].Name, minute, count)
		}
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "trace.json", info)
	put(t, dir, "functions.csv", []byte(contents(t, filepath.Join(recorded, "functions.csv"))))
	put(t, dir, "invocations.csv.gz", rows.Bytes())
	return dir
}

// put writes a file into a folder.
func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReplayGzip(t *testing.T) {
	t.Parallel()
	_, dir := oneDay(t)
	out := filepath.Join(t.TempDir(), "decisions.csv.gz")
	pilotlight(t, "replay", "--trace", dir, "--decisions", out).want(t, 0, nil, nil)
	zip, err := gzip.NewReader(strings.NewReader(contents(t, out)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zip)
	if err != nil || string(got) != replayed(t, dir) {
		t.Errorf("the file does not hold the decisions, gzipped: %v\n%s", err, got)
	}
}

// TestReplayOptions checks that options and the configuration reach the engine.
func TestReplayOptions(t *testing.T) {
	t.Parallel()
	_, dir := oneDay(t)
	plain := replayed(t, dir, "--setting", "provider")
	if got := replayed(t, dir, "--setting", "provider", "--cold-start-cost", "100", "--lead", "60s"); got != plain {
		t.Error("the documented defaults are not the defaults")
	}
	dear := replayed(t, dir, "--setting", "provider", "--cold-start-cost", "10000")
	if dear == plain || replayed(t, dir, "--setting", "provider", "--lead", "10m") == plain {
		t.Error("the price or the lead has no effect")
	}
	if got := replayed(t, dir, "--cold-start-cost", "0"); got != "time_s,function,warm\n" {
		t.Errorf("where cold starts cost nothing there are decisions:\n%s", got)
	}
	config := configFile(t, "%s\npolicy: {cold_start_price: 10000}\n", goodConfig)
	if replayed(t, dir, "--setting", "provider", "--config", config) != dear {
		t.Error("the price of the configuration has another effect than that of the option")
	}
	if replayed(t, dir, "--setting", "provider", "--config", config, "--cold-start-cost", "100") != plain {
		t.Error("the option does not take the place of the configuration")
	}
}

// TestReplayFails checks that bad input and bad places are said, and that an earlier result stays as it was.
func TestReplayFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, text string // a file of the trace that is replaced
		want       string
	}{
		"not JSON":         {"trace.json", "{", "trace.json"},
		"unknown key":      {"trace.json", `{"length": 3}`, "trace.json"},
		"no minutes":       {"trace.json", `{"name": "x", "start": "2021-01-31T00:00:00Z", "minutes": 0}`, "minutes"},
		"a bad number":     {"functions.csv", "function,app,trigger,avg_ms,p50_ms,p99_ms,memory_mb,cold_start_ms\nf,a,,fast,,,1,\n", "functions.csv:2"},
		"other columns":    {"functions.csv", "function,memory\nf,1\n", "functions.csv:1"},
		"not gzipped":      {"invocations.csv.gz", "function,minute,count\n", "invocations.csv.gz"},
		"unknown function": {"functions.csv", "function,app,trigger,avg_ms,p50_ms,p99_ms,memory_mb,cold_start_ms\nf,a,,1,,,1,\n", "invocations.csv.gz:2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, dir := oneDay(t)
			put(t, dir, tc.file, []byte(tc.text))
			results := t.TempDir()
			put(t, results, "d.csv", []byte("earlier"))
			out := filepath.Join(results, "d.csv")
			pilotlight(t, "replay", "--trace", dir, "--decisions", out).want(t, 1, nil, []string{dir, tc.want})
			if entries, err := os.ReadDir(results); err != nil || len(entries) != 1 || contents(t, out) != "earlier" {
				t.Errorf("the folder of the result holds %v, %v", entries, err)
			}
		})
	}
	out := filepath.Join(t.TempDir(), "d.csv")
	pilotlight(t, "replay", "--trace", "no/such/folder", "--decisions", out).want(t, 1, nil, []string{"no/such/folder", "a trace folder holds trace.json"})
	pilotlight(t, "replay", "--trace", recorded, "--decisions", "no/such/folder/d.csv").want(t, 1, nil, []string{"name a file in a folder that exists"})
	pilotlight(t, "replay", "--trace", recorded, "--decisions", out, "--config", "no/such/file").want(t, 1, nil, []string{"no/such/file: cannot be read"})
}
