//go:build replay

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pilotlight/collectors/trace"
)

const recorded = "../../testdata/traces/azure2021-14d"

// settings are the settings of replay.
var settings = []string{"customer", "provider"}

// replayed runs replay over a trace folder and returns what it wrote.
func replayed(t *testing.T, folder, setting string, extra ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "decisions.csv")
	args := append([]string{"replay", "--trace", folder, "--decisions", out, "--setting", setting}, extra...)
	if text, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, text)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestReplayRepeats replays the same trace again, with other numbers of workers, and expects the same bytes.
func TestReplayRepeats(t *testing.T) {
	t.Parallel()
	for _, setting := range settings {
		first := replayed(t, recorded, setting)
		if bytes.Count(first, []byte("\n")) < 100 {
			t.Errorf("%s: only %d decisions prove nothing", setting, bytes.Count(first, []byte("\n")))
		}
		for _, workers := range []string{"1", "7"} {
			if again := replayed(t, recorded, setting, "--workers", workers); !bytes.Equal(first, again) {
				t.Errorf("%s: %s workers write other bytes", setting, workers)
			}
		}
	}
}

// TestReplayDoesNotLookAhead cuts the trace at three points: what was decided up to the cut, its moment included, must be the
// same as on the whole trace.
func TestReplayDoesNotLookAhead(t *testing.T) {
	t.Parallel()
	whole, err := trace.Read(recorded)
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range settings {
		full := replayed(t, recorded, setting)
		for _, minutes := range []int{1501, 7 * 1440, 15_000} {
			cut, err := whole.Truncate(minutes)
			if err != nil {
				t.Fatal(err)
			}
			folder := save(t, cut)
			want, got := until(t, full, minutes), until(t, replayed(t, folder, setting), minutes)
			if !slices.Equal(want, got) {
				t.Errorf("%s: %d decisions on the whole trace up to minute %d, %d on its first part, and they differ",
					setting, len(want), minutes, len(got))
			}
			if len(want) < 10 {
				t.Errorf("%s: only %d decisions up to minute %d", setting, len(want), minutes)
			}
		}
	}
}

// until returns the decisions up to the end of a minute, in a fixed order.
func until(t *testing.T, decisions []byte, minutes int) []string {
	t.Helper()
	var rows []string
	for _, row := range strings.Split(strings.TrimSpace(string(decisions)), "\n")[1:] {
		second, _, _ := strings.Cut(row, ",")
		at, err := strconv.ParseFloat(second, 64)
		if err != nil {
			t.Fatalf("decision %q: %v", row, err)
		}
		if at <= float64(minutes*60) {
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	return rows
}

// save writes a trace as a folder.
func save(t *testing.T, tr *trace.Trace) string {
	t.Helper()
	folder := t.TempDir()
	info, err := json.Marshal(tr.Info)
	if err != nil {
		t.Fatal(err)
	}
	functions, rows := &bytes.Buffer{}, &bytes.Buffer{}
	functions.WriteString("function,app,trigger,avg_ms,p50_ms,p99_ms,memory_mb,cold_start_ms\n")
	zipped := gzip.NewWriter(rows)
	fmt.Fprintln(zipped, "function,minute,count")
	for i := range tr.Functions {
		f := &tr.Functions[i]
		cold := ""
		if f.ColdStartMS >= 0 {
			cold = fmt.Sprint(f.ColdStartMS)
		}
		fmt.Fprintf(functions, "%s,%s,%s,%v,%v,%v,%v,%s\n", f.Name, f.App, f.Trigger, f.AvgMS, f.P50MS, f.P99MS, f.MemoryMB, cold)
		for minute, count := range tr.Counts(i) {
			fmt.Fprintf(zipped, "%s,%d,%d\n", f.Name, minute, count)
		}
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "trace.json", string(info))
	write(t, folder, "functions.csv", functions.String())
	write(t, folder, "invocations.csv.gz", rows.String())
	return folder
}
