//go:build accuracy

package season_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/predictor/season"
)

// window is a labelled anomaly, in steps.
type window struct{ from, to int }

// windows reads the labelled windows of a NAB file.
func windows(t *testing.T, dir string, r realSeries) []window {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "w5_nab", "combined_windows.json")) //nolint:gosec // a path of the test's own making
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][][2]string
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	var out []window
	for _, w := range all[strings.Replace(r.name, "__", "/", 1)+".csv"] {
		index := func(text string) int { return int(clock(t, text).Sub(r.series.Start()) / r.step) }
		out = append(out, window{index(w[0]), index(w[1])})
	}
	return out
}

// scaledErrors returns one-step errors of an exponential mean (0.3) of log1p values, less the season if there is one,
// scaled: roughly what a predictor hands to the detectors.
func scaledErrors(y []float64, period int) []float64 {
	z := make([]float64, len(y))
	level := math.NaN()
	scale := season.ErrorScale{}
	seasonal := make([]float64, max(period, 1))
	for i, v := range y {
		z[i] = math.NaN()
		if v-v != 0 {
			continue
		}
		x := math.Log1p(max(v, 0))
		at := 0
		if period > 0 {
			at = i % period
		}
		e := x - level - seasonal[at]
		if e != e {
			level = x
			continue
		}
		z[i] = scale.Add(e)
		level += 0.3 * e
		if period > 0 {
			seasonal[at] += 0.2 * e
		}
	}
	return z
}

// hits counts the windows with one of the places in them, and the places outside all windows.
func hits(ws []window, places []int) (hit, outside int) {
	for _, w := range ws {
		for _, p := range places {
			if p >= w.from && p <= w.to {
				hit++
				break
			}
		}
	}
	for _, p := range places {
		in := false
		for _, w := range ws {
			in = in || p >= w.from && p <= w.to
		}
		if !in {
			outside++
		}
	}
	return hit, outside
}

// TestRealDrift reports what the detectors find in the labelled windows of NAB.
func TestRealDrift(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	type score struct{ hit, outside int }
	names := []string{"cusum", "page-hinkley", "tracking signal", "level shifts"}
	total := make([]score, len(names))
	labelled, length := 0, 0
	for _, r := range load(t, dir, "w5_nab") {
		y := r.series.Values()
		ws := windows(t, dir, r)
		period := 0
		if found := season.Detect(y, season.Options{Step: r.step}); len(found) > 0 && found[len(found)-1].Steps <= int(24*time.Hour/r.step) {
			period = found[len(found)-1].Steps
		}
		places := make([][]int, len(names))
		all := []detector{&season.CUSUM{}, &season.PageHinkley{}, &season.TrackingSignal{}}
		was := make([]season.Alarm, len(all))
		for i, z := range scaledErrors(y, period) {
			for k, d := range all {
				alarm := d.Add(z)
				if alarm != season.AlarmNone && was[k] == season.AlarmNone {
					places[k] = append(places[k], i)
				}
				was[k] = alarm
			}
		}
		for _, s := range season.LevelShifts(y, period) {
			places[3] = append(places[3], s.Index)
		}
		labelled += len(ws)
		length += len(y)
		var line strings.Builder
		for k := range names {
			hit, outside := hits(ws, places[k])
			total[k].hit += hit
			total[k].outside += outside
			fmt.Fprintf(&line, " | %s %s%s", names[k], strings.Repeat("+", hit), strings.Repeat("-", min(outside, 30)))
		}
		t.Logf("%-60s %d windows%s", r.name, len(ws), line.String())
	}
	for k, n := range names {
		t.Logf("%s: %d of %d windows, %d places outside in %d steps", n, total[k].hit, labelled, total[k].outside, length)
	}
}

// TestRealDST reports whether the pedestrians of Melbourne, stamped in UTC, are seen to follow local time.
func TestRealDST(t *testing.T) {
	t.Parallel()
	location := zone(t, "Australia/Melbourne")
	local, late := 0, 0
	for _, r := range load(t, dataDir(t), "c2_demand_classics") {
		if r.step != time.Hour {
			continue
		}
		for _, change := range []string{"2015-04-04T16:00:00Z", "2015-10-03T16:00:00Z", "2016-04-02T16:00:00Z", "2016-10-01T16:00:00Z"} {
			for _, days := range []int{3, 7, 14} {
				at := instant(t, change)
				part := r.series.Window(at.Add(-14*24*time.Hour), at.Add(time.Duration(days)*24*time.Hour))
				got := season.DetectDST(part.Values(), part.Start(), r.step, location)
				t.Logf("%-32s %s +%2d days: %s, score %.1f", r.name, change[:10], days, got.Alignment, got.Score)
				if got.Alignment == season.AlignUTC {
					t.Errorf("%s at %s after %d days: %s", r.name, change, days, got.Alignment)
				}
				if days >= 7 {
					late++
					if got.Alignment == season.AlignLocal {
						local++
					}
				}
			}
		}
	}
	t.Logf("after a week or two: local in %d of %d", local, late)
	if 10*local < 8*late {
		t.Errorf("local in %d of %d, want 80 %%", local, late)
	}
}
