//go:build accuracy

package ensemble_test

import (
	"compress/gzip"
	"encoding/csv"
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
		sum := 0.0
		for back := 2; back <= 8; back++ {
			owa, _, _, _ := m4Score(t, train, nil, back, c.periods)
			t.Logf("periods %s, inside, %d days back: OWA %.4f", c.name, back, owa)
			sum += owa
		}
		_, cpu, all, sql := m4Score(t, train, nil, 2, c.periods)
		t.Logf("periods %s, inside: OWA %.4f, %v of processor time a series, coverage of 0.1 %.3f, of 0.9 %.3f, scaled quantile loss %.4f", c.name, sum/7, cpu, all[0], all[1], sql)
		if cpu > m4CPU {
			t.Errorf("periods %s: %v of processor time a series, more than %v", c.name, cpu, m4CPU)
		}
		if os.Getenv("M4_TEST") == "" {
			continue
		}
		owa, cpu, all, sql := m4Score(t, train, test, 0, c.periods)
		t.Logf("periods %s, test parts: OWA %.4f, %v of processor time a series, coverage of 0.1 %.3f, of 0.9 %.3f, scaled quantile loss %.4f", c.name, owa, cpu, all[0], all[1], sql)
		if owa > m4Goal {
			t.Errorf("periods %s: OWA %.4f is above %v", c.name, owa, m4Goal)
		}
	}
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
	defer f.Close() //nolint:errcheck // it was only read
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

// m4Score forecasts every series from back days before its end. It returns the OWA, the processor time a series and the coverage of the
// quantiles 0.1 and 0.9.
func m4Score(t *testing.T, train, test [][]float64, back int, periods []int) (owa float64, cpu time.Duration, covered [2]float64, sql float64) {
	t.Helper()
	var smape, mase, smape2, mase2, n float64
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
			Horizon: m4Horizon, Levels: accuracy.Deciles(), Step: time.Hour, Periods: slices.Clone(periods),
		})
		cpu += cpuTime(t) - start
		if err != nil {
			t.Fatal(err)
		}
		scale := accuracy.Scale(y, m4Day)
		naive := accuracy.Naive2(y, m4Day, m4Horizon)
		smape += accuracy.SMAPE(actual, res.Mean)
		mase += accuracy.MASE(actual, res.Mean, scale)
		smape2 += accuracy.SMAPE(actual, naive)
		mase2 += accuracy.MASE(actual, naive, scale)
		sql += accuracy.SQL(actual, accuracy.Quantiles{Levels: accuracy.Deciles(), Values: res.Quantiles}, scale) / float64(len(train))
		for h, a := range actual {
			n++
			for k, l := range []int{0, 8} {
				if a <= res.Quantiles[l][h] {
					covered[k]++
				}
			}
		}
	}
	return (smape/smape2 + mase/mase2) / 2, cpu / time.Duration(len(train)), [2]float64{covered[0] / n, covered[1] / n}, sql
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
