//go:build accuracy

package ensemble_test

import (
	"compress/gzip"
	"encoding/csv"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/ensemble"
)

// TestCalendarOnPedestrians forecasts the days of real pedestrian counts that holidays and changes of the clocks touch, with and
// without the calendar.
func TestCalendarOnPedestrians(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("PILOTLIGHT_DATA")
	if dir == "" {
		t.Skip("PILOTLIGHT_DATA names no folder of data")
	}
	sensors := pedestrians(t, filepath.Join(dir, "c2_demand_classics", "pedestrian_hourly.csv.gz"))
	c := calendar(t, "Australia/Melbourne", strings.Fields(`2015-01-26 2015-03-09 2015-04-03 2015-04-06 2015-04-25 2015-06-08 2015-10-02 2015-11-03
		2015-12-25 2015-12-28 2016-01-01 2016-01-26 2016-03-14 2016-03-25 2016-03-28 2016-04-25 2016-06-13 2016-09-30 2016-11-01 2016-12-26 2016-12-27`)...)
	clocks := map[string]bool{}
	for _, change := range []string{"2015-04-05", "2015-10-04", "2016-04-03", "2016-10-02"} {
		d, _ := time.Parse(time.DateOnly, change)
		for i := range 3 {
			clocks[d.AddDate(0, 0, i).Format(time.DateOnly)] = true
		}
	}
	type sums struct {
		n             int
		with, without float64
	}
	for kind, wanted := range map[string]func(time.Time) bool{
		"holidays":                 c.IsHoliday,
		"a week after holidays":    func(d time.Time) bool { return c.IsHoliday(d.AddDate(0, 0, -7)) },
		"three days of new clocks": func(d time.Time) bool { return clocks[d.Format(time.DateOnly)] },
	} {
		var all sums
		for _, s := range sensors {
			for at := 8 * 7 * 24; at+24 <= s.Len(); at++ {
				from := s.Start().Add(time.Duration(at) * time.Hour).In(c.Location())
				if from.Hour() != 0 || !wanted(from) {
					continue
				}
				opt := ensemble.Options{Horizon: 24, Levels: []float64{0.5}, Step: time.Hour, Periods: []int{24, 168}}
				history := s.Values()[max(0, at-12*7*24):at]
				plain, err := ensemble.Forecast(history, opt)
				if err != nil {
					t.Fatal(err)
				}
				opt.Calendar, opt.Start = c, s.Start().Add(time.Duration(at-len(history))*time.Hour)
				known, err := ensemble.Forecast(history, opt)
				if err != nil {
					t.Fatal(err)
				}
				for h := range 24 {
					if y := s.At(at + h); !math.IsNaN(y) {
						all.n++
						all.with += math.Abs(known.Mean[h] - y)
						all.without += math.Abs(plain.Mean[h] - y)
					}
				}
			}
		}
		t.Logf("%s: %d hours, mean absolute error %.1f with the calendar, %.1f without: ratio %.3f", kind, all.n, all.with/float64(all.n), all.without/float64(all.n), all.with/all.without)
		if all.n == 0 || all.with > all.without {
			t.Errorf("the calendar does not help on %s", kind)
		}
	}
}

// pedestrians reads the counts of each sensor.
func pedestrians(t *testing.T, path string) []models.Series {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // the tester names the folder
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string][]models.Sample{}
	for _, row := range rows[1:] {
		at, err := time.Parse("2006-01-02 15:04:05-0700", row[1])
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		samples[row[0]] = append(samples[row[0]], models.Sample{Time: at, Value: v})
	}
	var all []models.Series
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		s, err := models.NewSeries(time.Hour, samples[name])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}
