//go:build accuracy

package ensemble_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pilotlight/predictor/accuracy"
	"pilotlight/predictor/ensemble"
)

// The levels of the report: deciles for the quantile loss, and those whose coverage is promised.
var opsLevels = []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99}

const opsHistory = 20160

// opsScore sums up the forecasts of one series at one horizon.
type opsScore struct {
	s             opsSeries
	h             int
	loss, base    float64 // quantile loss of ours and of seasonal naive with the quantiles of its past errors
	mae, baseMAE  float64
	meanMAE       float64
	covered, tied [16]float64
	normal        float64 // the loss of seasonal naive with normal quantiles, as leaderboards have it
	steps         float64
	cpu           time.Duration
	calls         int
}

func envInt(name string, def int) int {
	if v, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return v
	}
	return def
}

// loadOps reads all series, half of them if OPS_HALF is 0 or 1.
func loadOps(t *testing.T) []opsSeries {
	t.Helper()
	dir := os.Getenv("PILOTLIGHT_DATA")
	if dir == "" {
		t.Skip("set PILOTLIGHT_DATA to the folder of the development data")
	}
	var all []opsSeries
	want1 := os.Getenv("OPS_STEP")
	for _, s := range opsSources() {
		if want1 != "" && s.step.String() != want1 {
			continue
		}
		all = append(all, s.load(t, dir)...)
	}
	skip := os.Getenv("OPS_SKIP")
	half, want := envInt("OPS_HALF", -1), os.Getenv("OPS_SET")
	var out []opsSeries
	for i, s := range all {
		if half >= 0 && i%2 != half || skip != "" && strings.HasPrefix(s.set, skip) || want != "" && !strings.HasPrefix(s.set, want) {
			continue
		}
		out = append(out, s)
	}
	return out
}

// snaive returns the seasonal naive path and the spread of its errors.
func snaive(y []float64, m, h int) (path, residuals []float64, mae float64) {
	if m >= len(y) {
		m = 1
	}
	last := func(i int) float64 {
		for ; i >= 0; i -= m {
			if !math.IsNaN(y[i]) {
				return y[i]
			}
		}
		for _, v := range slices.Backward(y) {
			if !math.IsNaN(v) {
				return v
			}
		}
		return 0
	}
	for k := range h {
		path = append(path, last(len(y)-m+k%m))
	}
	n := 0.0
	for i := m; i < len(y); i++ {
		if e := y[i] - y[i-m]; !math.IsNaN(e) {
			residuals = append(residuals, e)
			mae += math.Abs(e)
			n++
		}
	}
	slices.Sort(residuals)
	return path, residuals, mae / max(n, 1)
}

// order returns the quantile of sorted values.
func order(sorted []float64, q float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	at := max(0, min(q*float64(n+1)-1, float64(n-1)))
	lo := int(at)
	return sorted[lo] + (at-float64(lo))*(sorted[min(lo+1, n-1)]-sorted[lo])
}

func pinball(y, f, q float64) float64 {
	if y < f {
		return 2 * (f - y) * (1 - q)
	}
	return 2 * (y - f) * q
}

func runOps(t *testing.T, s opsSeries, h, origins int) opsScore {
	t.Helper()
	sc := opsScore{s: s, h: h}
	n := len(s.y)
	from := max(min(3*s.season, n/2), n*55/100)
	shift := envInt("OPS_SHIFT", 0)
	for o := range origins {
		at := from + (n-h-from)*(2*o+1)/(2*origins) + shift
		hist := s.y[max(0, at-opsHistory):at]
		future := s.y[at : at+h]
		opt := ensemble.Options{Horizon: h, Levels: opsLevels, Step: s.step, Periods: []int{s.season}}
		if os.Getenv("OPS_DAY") == "" && 7*s.season*2 < len(hist) {
			opt.Periods = append(opt.Periods, 7*s.season)
		}
		switch os.Getenv("OPS_UNKNOWN") {
		case "":
		case "periods":
			opt.Periods = nil
		default:
			opt.Periods, opt.Step = nil, 0
		}
		if m := os.Getenv("OPS_MODELS"); m != "" {
			opt.Models = strings.Split(m, ",")
		}
		if s.set == "w7" {
			opt.Periods = nil
		}
		start := time.Now()
		res, err := ensemble.Forecast(hist, opt)
		if err != nil {
			panic(err) // the test's own goroutine must not be left waiting
		}
		sc.cpu += time.Since(start)
		sc.calls++
		base, residuals, scale := snaive(hist, s.season, h)
		if scale == 0 {
			scale = 1
		}
		low := math.Inf(-1)
		if !slices.ContainsFunc(hist, func(v float64) bool { return v < 0 }) {
			low = 0
		}
		normal := accuracy.SeasonalNaiveQuantiles(hist, s.season, opsLevels, base).Values
		sc.add(res, future, base, residuals, normal, scale, low)
	}
	return sc
}

// add scores one forecast.
func (sc *opsScore) add(res *ensemble.Result, future, base, residuals []float64, normal [][]float64, scale, low float64) {
	cnt := 0.0
	var m, bm, mm float64
	for k, v := range future {
		if math.IsNaN(v) {
			continue
		}
		cnt++
		m += math.Abs(v - res.Quantiles[4][k])
		mm += math.Abs(v - res.Mean[k])
		bm += math.Abs(v - base[k])
		for l, q := range opsLevels {
			f := res.Quantiles[l][k]
			if l < 9 {
				sc.loss += pinball(v, f, q)
				sc.normal += pinball(v, normal[l][k], q)
				sc.base += pinball(v, max(low, base[k]+order(residuals, q)), q)
			}
			switch {
			case v < f:
				sc.covered[l]++
			case v == f:
				sc.tied[l]++
			}
		}
	}
	sc.steps += cnt
	if cnt > 0 {
		sc.mae += m / cnt / scale
		sc.meanMAE += mm / cnt / scale
		sc.baseMAE += bm / cnt / scale
	}
}

func ratio(a, b float64) float64 {
	if b <= 1e-9 {
		return math.NaN()
	}
	return max(a/b, 0.05) // a ratio of nearly nothing would rule the geometric mean
}

// geo is a geometric mean in the making.
type geo struct{ sum, n float64 }

func (g *geo) add(v float64) {
	if !math.IsNaN(v) {
		g.sum += math.Log(v)
		g.n++
	}
}

func (g *geo) mean() float64 { return math.Exp(g.sum / g.n) }

// TestOperationalSeries prints how the ensemble does on operational series.
func TestOperationalSeries(t *testing.T) { //nolint:paralleltest // it measures processor time
	all := loadOps(t)
	origins := envInt("OPS_ORIGINS", 4)
	type job struct{ i, h int }
	hs := []int{5, 15, 60}
	scores := make([]opsScore, len(all)*len(hs))
	var wg sync.WaitGroup
	jobs := make(chan job)
	for range 2 {
		wg.Go(func() {
			for j := range jobs {
				scores[j.i*len(hs)+j.h] = runOps(t, all[j.i], hs[j.h], origins)
			}
		})
	}
	for i := range all {
		for h := range hs {
			jobs <- job{i, h}
		}
	}
	close(jobs)
	wg.Wait()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, s := range scores {
		calls += s.calls
	}
	fmt.Printf("CPU %.1f ms a forecast, scoring included\n", float64(use.Utime.Nano()+use.Stime.Nano())/1e6/float64(calls))
	printOps(scores, hs)
}

func printOps(scores []opsScore, hs []int) {
	type row struct {
		wql, mase, mean, normal geo
		cov, tied               [16]float64
		steps                   float64
		cpu                     time.Duration
		calls                   int
	}
	rows := map[string]*row{}
	var names []string
	get := func(n string) *row {
		if rows[n] == nil {
			rows[n] = &row{}
			names = append(names, n)
		}
		return rows[n]
	}
	verbose := os.Getenv("OPS_VERBOSE") != ""
	worst, worstName := 0.0, ""
	for i := 0; i < len(scores); i += len(hs) {
		var g, gm geo
		for _, sc := range scores[i : i+len(hs)] {
			w, m, mm := ratio(sc.loss, sc.base), ratio(sc.mae, sc.baseMAE), ratio(sc.meanMAE, sc.baseMAE)
			g.add(w)
			gm.add(m)
			for _, r := range []*row{get(sc.s.set), get(fmt.Sprintf("h=%d", sc.h)), get(sc.s.step.String()), get("all")} {
				if sc.s.set == "w7" && r == rows["all"] {
					continue
				}
				r.wql.add(w)
				r.mase.add(m)
				r.mean.add(mm)
				r.normal.add(ratio(sc.loss, sc.normal))
				for l := range r.cov {
					r.cov[l] += sc.covered[l]
					r.tied[l] += sc.tied[l]
				}
				r.steps += sc.steps
				r.cpu += sc.cpu
				r.calls += sc.calls
			}
		}
		if g.mean() > worst {
			worst, worstName = g.mean(), scores[i].s.name
		}
		if verbose {
			fmt.Printf("  %-15s %-45s n=%6d WQL %.3f MASE %.3f  by h:", scores[i].s.set, scores[i].s.name, len(scores[i].s.y), g.mean(), gm.mean())
			for _, sc := range scores[i : i+len(hs)] {
				fmt.Printf(" %.3f", ratio(sc.loss, sc.base))
			}
			fmt.Println()
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(a, b) })
	fmt.Printf("%-16s %6s %6s %6s %6s | coverage at .5 .8 .9 .95 .99 | ms\n", "set", "WQL", "MASE", "mean", "normal")
	for _, n := range names {
		r := rows[n]
		fmt.Printf("%-16s %6.3f %6.3f %6.3f %6.3f |", n, r.wql.mean(), r.mase.mean(), r.mean.mean(), r.normal.mean())
		for _, l := range []int{4, 7, 8, 9, 10} {
			// A quantile is right if its level lies between the shares below and not above it, which differ by ties.
			fmt.Printf(" %.3f", max(r.cov[l], min(opsLevels[l]*r.steps, r.cov[l]+r.tied[l]))/r.steps)
		}
		fmt.Printf(" | %.1f\n", float64(r.cpu.Milliseconds())/float64(max(r.calls, 1)))
	}
	fmt.Printf("worst series: %s %.3f\n", worstName, worst)
}
