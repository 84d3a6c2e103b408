package predictor_test

import (
	"errors"
	"flag"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

// fleetSizes are the fleets that BenchmarkFleet measures; `make bench-fleet` asks for up to a million.
var fleetSizes = flag.String("fleet", "10000", "numbers of targets for BenchmarkFleet, with commas between")

// The fleet is made of copies of so many trained predictors; those of them that real traces do not give are synthetic.
const (
	fleetKinds    = 200
	fleetHistory  = 9 * 1440 // daily and weekly seasons are both in use
	fleetRealCuts = 20       // starting times for each real function, apart by some hours
)

// BenchmarkFleet measures one update and one forecast of 15 steps with seven quantiles, at the default configuration, for every
// target of a fleet that is awake. It reports wall seconds and CPU microseconds of such a round, the heap that is in use and
// the resident memory of the whole process before and after the rounds, for each target.
func BenchmarkFleet(b *testing.B) {
	states, values := trainFleet(b)
	for size := range strings.SplitSeq(*fleetSizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("targets="+size, func(b *testing.B) { benchFleet(b, states, values, n) })
	}
}

// trainFleet returns the states of trained predictors and the next value of each.
func trainFleet(b *testing.B) (states [][]byte, values []float64) {
	b.Helper()
	series := realSeries(b)
	for i := len(series); i < fleetKinds; i++ {
		series = append(series, weekly(uint64(i)))
	}
	states, values = make([][]byte, len(series)), make([]float64, len(series))
	shared, err := predictor.NewShared(predictor.DefaultConfig(), time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	inParallel(len(series), 1, func(i int) {
		p := shared.New()
		for _, v := range series[i][:fleetHistory] {
			p.Update(v)
		}
		states[i], _ = p.MarshalBinary() // the predictor that reads it will tell
		values[i] = series[i][fleetHistory]
	})
	return states, values
}

// benchFleet measures a fleet of n targets.
func benchFleet(b *testing.B, states [][]byte, values []float64, n int) {
	b.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // a process whose heap is a large, steady state runs like this
	before := heapInUse()
	shared, err := predictor.NewShared(predictor.DefaultConfig(), time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	fleet := make([]*predictor.Predictor, n)
	failed := make([]error, n)
	inParallel(n, 256, func(i int) {
		fleet[i] = shared.New()
		failed[i] = fleet[i].UnmarshalBinary(states[i%len(states)])
	})
	if err := errors.Join(failed...); err != nil {
		b.Fatal(err)
	}
	failed = nil
	heap := heapInUse() - before
	debug.FreeOSMemory()
	resident := residentMemory(b)
	rounds, cpu := 0, cpuTime(b)
	for b.Loop() {
		rounds++
		inParallel(n, 256, func(i int) {
			fleet[i].Update(values[i%len(values)])
			if _, err := fleet[i].Forecast("f", models.SignalInvocations, time.Time{}); err != nil {
				panic(err) // the goroutine is not the benchmark's, and a forecast that fails would spoil the numbers
			}
		})
	}
	work := float64(n) * float64(rounds)
	b.ReportMetric(b.Elapsed().Seconds()/float64(rounds), "s/round")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/work, "cpu-µs/target")
	b.ReportMetric(heap/float64(n), "heap-B/target")
	b.ReportMetric(resident/float64(n), "rss-B/target")
	b.ReportMetric(residentMemory(b)/float64(n), "rss-after-B/target") // with the forecasts that are not collected yet
	b.ReportMetric(0, "ns/op")                                         // a round is the only operation
	runtime.KeepAlive(fleet)
}

// inParallel calls f for 0 to n-1 on all processors, chunk of them at a time.
func inParallel(n, chunk int, f func(i int)) {
	var wg sync.WaitGroup
	var lock sync.Mutex
	next := 0
	take := func() int {
		lock.Lock()
		defer lock.Unlock()
		next += chunk
		return next - chunk
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for lo := take(); lo < n; lo = take() {
				for i := lo; i < min(lo+chunk, n); i++ {
					f(i)
				}
			}
		})
	}
	wg.Wait()
}

// heapInUse returns the bytes of live objects.
func heapInUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse)
}

// residentMemory returns the bytes of memory that the process has, 0 where the system does not say.
func residentMemory(b *testing.B) float64 {
	b.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages * os.Getpagesize())
}

// cpuTime returns how long the process has computed.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// realSeries returns pieces of the functions of the embedded trace, which are awake at all times.
func realSeries(b *testing.B) [][]float64 {
	b.Helper()
	var series [][]float64
	for _, f := range readTrace(b, embeddedTrace) {
		for cut := range fleetRealCuts {
			start := cut * 5 * 60
			series = append(series, f.counts[start:start+fleetHistory+1])
		}
	}
	return series
}

// weekly makes counts with a daily course, quiet weekends and Poisson-like noise; most functions are small.
func weekly(seed uint64) []float64 {
	rng := seeded(seed, 21)
	size := math.Exp(3 * rng.NormFloat64())
	phase := 1440 * rng.Float64()
	y := make([]float64, fleetHistory+1)
	for i := range y {
		mean := size * (1 + 0.8*math.Sin(2*math.Pi*(float64(i)+phase)/1440))
		if i/1440%7 >= 5 {
			mean /= 3
		}
		y[i] = math.Round(max(0, mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	y[fleetHistory-1] = max(1, y[fleetHistory-1]) // awake
	return y
}
