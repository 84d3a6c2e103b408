package predictor_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

const embeddedTrace = "../testdata/traces/azure2021-14d"

// qualityTraces are the traces that BenchmarkQuality measures.
var qualityTraces = flag.String("traces", embeddedTrace, "folders of traces for BenchmarkQuality, with commas between")

// The forecasts that BenchmarkQuality scores: one at every qualityEvery-th minute, no multiple of a timer, after two days, of
// functions that are called at least so often in a minute.
const (
	qualityEvery = 31
	qualityFrom  = 2 * 1440
	qualityLoad  = 0.05
	qualityFloor = 0.01 // ratios below count as this, for some functions repeat to the last call
)

// BenchmarkQuality feeds the functions of traces minute by minute to predictors of the default configuration. It reports the
// weighted quantile loss and the mean absolute error of the median of 15-step forecasts relative to the seasonal naive forecast
// of a day, as geometric means over functions, and for each level the share of values that are not above the quantile.
func BenchmarkQuality(b *testing.B) {
	for dir := range strings.SplitSeq(*qualityTraces, ",") {
		functions := readTrace(b, dir)
		b.Run(filepath.Base(dir), func(b *testing.B) {
			for b.Loop() {
				benchQuality(b, functions)
			}
		})
	}
}

// quality is what a function's forecasts come to.
type quality struct {
	wql, naiveWQL, mae, naiveMAE, n float64
	covered                         []float64
}

func benchQuality(b *testing.B, functions []traceFunction) {
	b.Helper()
	cfg := predictor.DefaultConfig()
	cfg.Levels = []float64{0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99}
	shared, err := predictor.NewShared(cfg, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	results := make([]quality, len(functions))
	inParallel(len(functions), 1, func(i int) { results[i] = judge(shared.New(), functions[i].counts, cfg.Levels) })
	var wql, mase, n float64
	covered := make([]float64, len(cfg.Levels))
	for _, q := range results {
		if q.naiveWQL == 0 || q.naiveMAE == 0 {
			continue
		}
		wql += math.Log(max(q.wql/q.naiveWQL, qualityFloor))
		mase += math.Log(max(q.mae/q.naiveMAE, qualityFloor))
		n++
		for k := range covered {
			covered[k] += q.covered[k] / q.n
		}
	}
	b.ReportMetric(n, "functions")
	b.ReportMetric(math.Exp(wql/n), "WQL/naive")
	b.ReportMetric(math.Exp(mase/n), "MASE/naive")
	for k, level := range cfg.Levels {
		b.ReportMetric(covered[k]/n, fmt.Sprintf("covered-%v", level))
	}
}

// judge scores the forecasts of one function; a function with too little load has none.
func judge(p *predictor.Predictor, y, levels []float64) quality {
	q := quality{covered: make([]float64, len(levels))}
	sum := 0.0
	for _, v := range y[min(qualityFrom, len(y)):] {
		sum += v
	}
	if sum < qualityLoad*float64(len(y)-qualityFrom) {
		return q
	}
	for t, v := range y {
		p.Update(v)
		if t < qualityFrom || t%qualityEvery != 0 || t+15 >= len(y) {
			continue
		}
		f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
		if err != nil {
			continue
		}
		for h := range f.Horizon() {
			actual, naive := y[t+1+h], y[t+1+h-1440]
			q.n++
			q.mae += math.Abs(actual - f.Quantile(0.5, h))
			q.naiveMAE += math.Abs(actual - naive)
			for k, level := range levels {
				v := f.Quantile(level, h)
				q.wql += quantileLoss(actual, v, level)
				q.naiveWQL += quantileLoss(actual, naive, level)
				if actual <= v {
					q.covered[k]++
				}
			}
		}
	}
	return q
}

func quantileLoss(y, f, level float64) float64 {
	if y >= f {
		return level * (y - f)
	}
	return (1 - level) * (f - y)
}

// traceFunction is a function of a trace with its calls in each minute.
type traceFunction struct {
	name   string
	counts []float64
}

// readTrace reads a folder with trace.json and invocations.csv.gz.
func readTrace(b *testing.B, dir string) []traceFunction {
	b.Helper()
	var info struct {
		Minutes int `json:"minutes"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "trace.json")) //nolint:gosec // whoever runs the benchmark names the folder
	if err == nil {
		err = json.Unmarshal(data, &info)
	}
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "invocations.csv.gz")) //nolint:gosec // as above
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	r := csv.NewReader(z)
	if _, err := r.Read(); err != nil { // the names of the columns
		b.Fatal(err)
	}
	var functions []traceFunction
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return functions
		}
		if err != nil {
			b.Fatal(err)
		}
		minute, err1 := strconv.Atoi(row[1])
		count, err2 := strconv.ParseFloat(row[2], 64)
		if err := errors.Join(err1, err2); err != nil {
			b.Fatal(err)
		}
		if n := len(functions); n == 0 || functions[n-1].name != row[0] {
			functions = append(functions, traceFunction{name: row[0], counts: make([]float64, info.Minutes)})
		}
		functions[len(functions)-1].counts[minute] = count
	}
}
