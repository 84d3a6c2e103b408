//go:build accuracy

package ensemble_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pilotlight/predictor/accuracy"
	"pilotlight/predictor/ensemble"
)

const (
	m4Day     = 24
	m4Horizon = 48
	m4Goal    = 0.36 // OWA of the test part
	m4CPU     = 5 * time.Millisecond
)

// TestM4Hourly scores the ensemble on the hourly series of the M4 competition in the folder c1_m4_hourly of $PILOTLIGHT_DATA by the
// official definitions. Choices are made by the figures called "inside": the end of each training part moved back by two to eight
// days. With M4_TEST=1 the test parts are scored, too, and the goal is checked.
func TestM4Hourly(t *testing.T) { //nolint:paralleltest // it measures processor time
	train, test := m4Data(t)
	for _, c := range []struct {
		name    string
		periods []int
	}{{"given", []int{m4Day, 7 * m4Day}}, {"detected", nil}} {
		var sum m4Result
		for back := 2; back <= 8; back++ {
			r := m4Score(t, train, nil, back, c.periods)
			t.Logf("periods %s, inside, %d days back: %v", c.name, back, r)
			sum.add(r, 1.0/7)
		}
		t.Logf("periods %s, inside: %v", c.name, sum)
		if sum.cpu > m4CPU {
			t.Errorf("periods %s: %v of processor time a series, more than %v", c.name, sum.cpu, m4CPU)
		}
		if os.Getenv("M4_TEST") == "" {
			continue
		}
		r := m4Score(t, train, test, 0, c.periods)
		t.Logf("periods %s, test parts: %v", c.name, r)
		if r.owa > m4Goal {
			t.Errorf("periods %s: OWA %.4f is above %v", c.name, r.owa, m4Goal)
		}
	}
}

// TestM4Members shows what each default member is worth inside the training parts: its score alone and the score of the others
// without it.
func TestM4Members(t *testing.T) { //nolint:paralleltest // it measures processor time
	if os.Getenv("M4_MEMBERS") == "" {
		t.Skip("set M4_MEMBERS=1 to score each member; it takes minutes")
	}
	train, _ := m4Data(t)
	periods := []int{m4Day, 7 * m4Day}
	inside := func(models ...string) (owa float64, cpu time.Duration) {
		for _, back := range []int{2, 4, 6, 8} {
			r := m4Score(t, train, nil, back, periods, models...)
			owa += r.owa / 4
			cpu += r.cpu / 4
		}
		return owa, cpu
	}
	res, err := ensemble.Forecast(train[0], ensemble.Options{Horizon: m4Horizon, Levels: []float64{0.5}, Periods: periods})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range res.Members {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	all, cpu := inside(names...)
	t.Logf("| all %d | | %.4f | %v |", len(names), all, cpu)
	for i, name := range names {
		alone, cpu := inside(name)
		without, _ := inside(slices.Delete(slices.Clone(names), i, i+1)...)
		t.Logf("| `%s` | %.3f | %+.4f | %v |", name, alone, without-all, cpu)
	}
}

// m4Result is a score: cpu and sql are per series.
type m4Result struct {
	owa, sql float64
	covered  [2]float64
	cpu      time.Duration
}

func (r *m4Result) add(o m4Result, weight float64) {
	r.owa += weight * o.owa
	r.sql += weight * o.sql
	r.cpu += time.Duration(weight * float64(o.cpu))
	for k := range r.covered {
		r.covered[k] += weight * o.covered[k]
	}
}

func (r m4Result) String() string {
	return fmt.Sprintf("OWA %.4f, scaled quantile loss %.4f, coverage of 0.1 %.3f, of 0.9 %.3f, %v of processor time a series",
		r.owa, r.sql, r.covered[0], r.covered[1], r.cpu)
}

// m4Data reads the training and test parts, in the order of their numbers.
func m4Data(t *testing.T) (train, test [][]float64) {
	t.Helper()
	root := os.Getenv("PILOTLIGHT_DATA")
	if root == "" {
		t.Skip("set PILOTLIGHT_DATA to the folder of the development data")
	}
	a := m4File(t, filepath.Join(root, "c1_m4_hourly", "hourly_train.csv.gz"))
	b := m4File(t, filepath.Join(root, "c1_m4_hourly", "hourly_test.csv.gz"))
	for i := range 1000 {
		name := "H" + strconv.Itoa(i)
		if y, ok := a[name]; ok {
			train, test = append(train, y), append(test, b[name])
		}
	}
	if len(train) == 0 {
		t.Fatal("the files hold no series")
	}
	return train, test
}

// m4File reads a file of the competition: a header, then a name and values per row.
func m4File(t *testing.T, path string) map[string][]float64 {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // the tester names the folder
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := csv.NewReader(zip)
	in.FieldsPerRecord = -1
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, row := range rows[1:] {
		var y []float64
		for _, cell := range row[1:] {
			if v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err == nil {
				y = append(y, v)
			}
		}
		out[row[0]] = y
	}
	return out
}

// m4Score forecasts every series from back days before its end, or the test parts; without models it takes the default ones.
func m4Score(t *testing.T, train, test [][]float64, back int, periods []int, models ...string) m4Result {
	t.Helper()
	var r m4Result
	var smape, mase, smape2, mase2 float64
	n := float64(len(train))
	for i, y := range train {
		var actual []float64
		if test != nil {
			actual = test[i][:m4Horizon]
		} else {
			at := len(y) - back*m4Day
			y, actual = y[:at], y[at:at+m4Horizon]
		}
		start := cpuTime(t)
		res, err := ensemble.Forecast(y, ensemble.Options{
			Horizon: m4Horizon, Levels: accuracy.Deciles(), Step: time.Hour, Periods: slices.Clone(periods), Models: models,
		})
		r.cpu += (cpuTime(t) - start) / time.Duration(len(train))
		if err != nil {
			t.Fatal(err)
		}
		scale := accuracy.Scale(y, m4Day)
		naive := accuracy.Naive2(y, m4Day, m4Horizon)
		smape += accuracy.SMAPE(actual, res.Mean)
		mase += accuracy.MASE(actual, res.Mean, scale)
		smape2 += accuracy.SMAPE(actual, naive)
		mase2 += accuracy.MASE(actual, naive, scale)
		r.sql += accuracy.SQL(actual, accuracy.Quantiles{Levels: accuracy.Deciles(), Values: res.Quantiles}, scale) / n
		for h, a := range actual {
			for k, l := range []int{0, 8} {
				if a <= res.Quantiles[l][h] {
					r.covered[k] += 1 / n / m4Horizon
				}
			}
		}
	}
	r.owa = accuracy.OWA(smape/n, mase/n, smape2/n, mase2/n)
	return r
}

// cpuTime is the processor time that the test has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
