//go:build accuracy

package season_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/season"
)

// realSeries is one real series.
type realSeries struct {
	name   string
	step   time.Duration
	series models.Series
}

// dataDir returns the folder of the data sets, or skips.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PILOTLIGHT_DATA")
	if dir == "" {
		t.Skip("set PILOTLIGHT_DATA to the folder of the data sets")
	}
	return dir
}

// rows reads a gzipped CSV file without its header.
func rows(t *testing.T, path string) [][]string {
	t.Helper()
	file, err := os.Open(path) //nolint:gosec // a path of the test's own making
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(unzipped)
	r.FieldsPerRecord = -1
	r.ReuseRecord = false
	var out [][]string
	for {
		row, err := r.Read()
		if err == io.EOF {
			return out[1:]
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
}

// number reads a value; an empty one is missing.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// clock reads a time in the layouts of the data sets, or Unix seconds.
func clock(t *testing.T, s string) time.Time {
	t.Helper()
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04:05-0700", "2006-01-02 15:04:05.000000", time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	sec, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("time %q has no layout that this test knows", s)
	}
	return time.Unix(sec, 0)
}

// timed builds a series from rows with a time and a value column.
func timed(t *testing.T, name string, step time.Duration, data [][]string, at, value int) realSeries {
	t.Helper()
	var samples []models.Sample
	for _, row := range data {
		samples = append(samples, models.Sample{Time: clock(t, row[at]), Value: number(row[value])})
	}
	s, err := models.NewSeries(step, samples)
	if err != nil {
		t.Fatal(err)
	}
	return realSeries{name, step, s}
}

// plain builds a series from the cells of a row.
func plain(t *testing.T, name string, step time.Duration, cells []string) realSeries {
	t.Helper()
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	values := make([]float64, len(cells))
	for i, c := range cells {
		values[i] = number(c)
	}
	s, err := models.SeriesOf(time.Unix(0, 0), step, values)
	if err != nil {
		t.Fatal(err)
	}
	return realSeries{name, step, s}
}

// stepOf returns the most frequent distance of times.
func stepOf(t *testing.T, data [][]string, at int) time.Duration {
	t.Helper()
	var d []time.Duration
	for i := 1; i < len(data); i++ {
		if gap := clock(t, data[i][at]).Sub(clock(t, data[i-1][at])); gap > 0 {
			d = append(d, gap)
		}
	}
	slices.Sort(d)
	return d[len(d)/2].Round(time.Minute)
}

// grouped splits rows by a column, in order of appearance.
func grouped(data [][]string, by int) (names []string, groups map[string][][]string) {
	groups = map[string][][]string{}
	for _, row := range data {
		if groups[row[by]] == nil {
			names = append(names, row[by])
		}
		groups[row[by]] = append(groups[row[by]], row)
	}
	return names, groups
}

// load reads all real series of a set.
func load(t *testing.T, dir, set string) []realSeries {
	t.Helper()
	path := func(name string) string { return filepath.Join(dir, set, name) }
	var out []realSeries
	switch set {
	case "c1_m4_hourly":
		for _, row := range rows(t, path("hourly_train.csv.gz")) {
			out = append(out, plain(t, row[0], time.Hour, row[1:]))
		}
	case "c2_demand_classics":
		names, groups := grouped(rows(t, path("pedestrian_hourly.csv.gz")), 0)
		for _, n := range names {
			out = append(out, timed(t, n, time.Hour, groups[n], 1, 2))
		}
		var taylor []string
		for _, row := range rows(t, path("taylor_30min.csv.gz")) {
			taylor = append(taylor, row[1])
		}
		out = append(out, plain(t, "taylor", 30*time.Minute, taylor))
	case "c3_bitbrains_vms_5min":
		names, groups := grouped(rows(t, path("vm_usage.csv.gz")), 0)
		for _, n := range names {
			out = append(out, timed(t, n+" cpu", 5*time.Minute, groups[n], 1, 2), timed(t, n+" net", 5*time.Minute, groups[n], 1, 3))
		}
	case "w1_worldcup98_minute":
		out = append(out, timed(t, "worldcup", time.Minute, rows(t, path("requests_per_minute.csv.gz")), 0, 1))
	case "w2_twitter2018_second":
		data := rows(t, path("tweets_per_second.csv.gz"))
		sums := make([]float64, len(data)/60)
		for i := range sums {
			for _, row := range data[60*i : 60*i+60] {
				sums[i] += number(row[1])
			}
			if sums[i] == 0 || i%1440 >= 23*60+31 {
				sums[i] = math.NaN()
			}
		}
		s, err := models.SeriesOf(time.Unix(0, 0), time.Minute, sums)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, realSeries{"tweets", time.Minute, s})
	case "w3_wikipedia_hourly":
		out = append(out, timed(t, "wikipedia", time.Hour, rows(t, path("requests_per_hour.csv.gz")), 0, 1))
	case "w6_internet_traffic_5min":
		out = append(out, timed(t, "eu_isp", 5*time.Minute, rows(t, path("eu_isp_5min.csv.gz")), 0, 1))
	case "w7_autothrottle_1h":
		names, groups := grouped(rows(t, path("rps_per_second.csv.gz")), 0)
		for _, n := range names {
			var cells []string
			for _, row := range groups[n] {
				cells = append(cells, row[2])
			}
			out = append(out, plain(t, n, time.Second, cells))
		}
	case "w4_ms_cloud_monitoring", "w5_nab":
		files, err := filepath.Glob(path("*__*.csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			data := rows(t, f)
			out = append(out, timed(t, strings.TrimSuffix(filepath.Base(f), ".csv.gz"), stepOf(t, data, 0), data, 0, 1))
		}
	case "s1_azure2021_fn14d":
		names, groups := grouped(rows(t, path("invocations.csv.gz")), 0)
		for _, n := range names {
			var cells []string
			for _, row := range groups[n] {
				cells = append(cells, row[2:]...)
			}
			out = append(out, plain(t, n, time.Minute, cells))
		}
	case "s2_azure2019_fn1d":
		for _, row := range rows(t, path("invocations_1day.csv.gz")) {
			out = append(out, plain(t, row[0]+" "+row[1], time.Minute, row[4:]))
		}
	case "s5_azure2019_apps_femux":
		for _, row := range rows(t, path("containers_per_minute_100apps.csv.gz")) {
			out = append(out, plain(t, row[0][:8], time.Minute, row[5:]))
		}
	case "s11_azure2019_profile14d":
		for _, row := range rows(t, path("profile_14day_sum.csv.gz")) {
			out = append(out, plain(t, row[0]+" "+row[1], time.Minute, row[3:]))
		}
	default:
		t.Fatalf("no loader for %s", set)
	}
	return out
}

// tally counts answers and prints them, the most frequent first.
type tally map[string]int

func (c tally) String() string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if c[a] != c[b] {
			return c[b] - c[a]
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for i, k := range keys {
		if i == 14 {
			fmt.Fprintf(&b, "… %d more", len(keys)-i)
			break
		}
		fmt.Fprintf(&b, "%s ×%d, ", k, c[k])
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// TestRealPeriods reports what is found in the real series; PILOTLIGHT_VERBOSE names each.
func TestRealPeriods(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	for _, set := range []string{
		"c1_m4_hourly", "c2_demand_classics", "c3_bitbrains_vms_5min", "w1_worldcup98_minute", "w2_twitter2018_second", "w3_wikipedia_hourly",
		"w4_ms_cloud_monitoring", "w5_nab", "w6_internet_traffic_5min", "w7_autothrottle_1h", "s1_azure2021_fn14d", "s2_azure2019_fn1d", "s5_azure2019_apps_femux",
		"s11_azure2019_profile14d",
	} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			known, blind := tally{}, tally{}
			data := load(t, dir, set)
			for _, r := range data {
				y := r.series.Values()
				y = y[max(0, len(y)-40000):]
				p := season.Detect(y, season.Options{Step: r.step})
				q := season.Detect(y, season.Options{})
				known[fmt.Sprint(steps(p))]++
				blind[fmt.Sprint(steps(q))]++
				if os.Getenv("PILOTLIGHT_VERBOSE") != "" || len(data) < 5 {
					t.Logf("%s n=%d step %s: %s | blind %s", r.name, len(y), r.step, show(p), show(q))
				}
			}
			t.Logf("%d series\n  step known:   %v\n  step unknown: %v", len(data), known, blind)
		})
	}
}

// show renders periods with their evidence.
func show(periods []season.Period) string {
	var out []string
	for _, p := range periods {
		out = append(out, fmt.Sprintf("%d (%.2f gain %.2f score %.1f cycles %d)", p.Steps, p.Strength, p.Gain, p.Score, p.Cycles))
	}
	return strings.Join(out, " ")
}

// timerOf returns the gap that at least nine in ten gaps between active steps equal, if there are five gaps and it is at least 2.
func timerOf(y []float64) (gap int, ok bool) {
	counts := map[int]int{}
	last, gaps, best := -1, 0, 0
	for i, v := range y {
		if v > 0 {
			if last >= 0 {
				gaps++
				counts[i-last]++
				if n := counts[i-last]; n > best {
					best, gap = n, i-last
				}
			}
			last = i
		}
	}
	return gap, gaps >= 5 && gap >= 2 && 10*best >= 9*gaps
}

// TestRealTimers checks that functions which plainly run on a timer are found to.
func TestRealTimers(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	data := slices.Concat(load(t, dir, "s2_azure2019_fn1d"), load(t, dir, "s11_azure2019_profile14d"))
	for _, step := range []time.Duration{time.Minute, unknown} {
		timers, right := 0, 0
		wrong := tally{}
		for _, r := range data {
			y := r.series.Values()
			gap, ok := timerOf(y)
			if !ok {
				continue
			}
			timers++
			got := steps(season.Detect(y, season.Options{Step: step}))
			if slices.Contains(got, gap) {
				right++
			} else {
				wrong[fmt.Sprintf("%d as %v", gap, got)]++
			}
		}
		t.Logf("step %s: %d of %d timers; else %v", step, right, timers, wrong)
		if 100*right < 95*timers {
			t.Errorf("step %s: %d of %d timers, want 95 %%", step, right, timers)
		}
	}
}

// shuffled glues random pieces of y, of random lengths around mean: its bursts and distribution without its periods longer than
// that.
func shuffled(g generator, y []float64, mean float64) []float64 {
	out := make([]float64, 0, len(y))
	for len(out) < len(y) {
		length := min(1+int(mean*g.r.ExpFloat64()), len(y)-len(out))
		from := g.r.IntN(len(y) - length + 1)
		out = append(out, y[from:from+length]...)
	}
	return out
}

// TestRealNoise counts the series in which a period of half a day and more is seen in real series after their order was destroyed.
func TestRealNoise(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	wrong, runs := 0, 0
	for _, set := range []string{"c1_m4_hourly", "c3_bitbrains_vms_5min", "w4_ms_cloud_monitoring", "w5_nab", "s1_azure2021_fn14d"} {
		g := newGenerator(1)
		found := tally{}
		for _, r := range load(t, dir, set) {
			perDay := int(24 * time.Hour / r.step)
			for range 4 {
				y := shuffled(g, r.series.Values(), float64(perDay)/4)
				runs++
				for _, p := range season.Detect(y, season.Options{Step: r.step}) {
					if p.Steps >= perDay/2 {
						wrong++
						found[fmt.Sprintf("%d (cycles %d)", p.Steps, p.Cycles)]++
						break
					}
				}
			}
		}
		t.Logf("%s: %v", set, found)
	}
	t.Logf("%d of %d", wrong, runs)
	if 100*wrong > 2*runs {
		t.Errorf("found in %d of %d, want at most 2 %%", wrong, runs)
	}
}
