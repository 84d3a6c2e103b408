package accuracy_test

import (
	"io/fs"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/predictor"
	"pilotlight/predictor/accuracy"
	"pilotlight/testdata"
)

// question is what is asked at each step: is there an arrival lead steps ahead, or in any step up to there?
type question struct {
	name string
	lead int
	any  bool
}

const (
	numQuestions = 6
	farthest     = 15
)

var questions = [numQuestions]question{
	{"in step 1", 1, false},
	{"in step 2", 2, false},
	{"in step 5", 5, false},
	{"in step 15", 15, false},
	{"within 5", 5, true},
	{"within 15", 15, true},
}

// source answers the questions.
type source interface {
	update(y float64)
	answer(dst *[numQuestions]float64)
}

// sources are the baselines, then the pool.
var sources = []string{"base rate so far", "base rate in hindsight", "hybrid histogram", "arrivals"}

func newSources(y []float64) []source {
	return []source{&rateSoFar{}, newHindsight(y), &hybrid{}, &members{f: predictor.NewArrivals(time.Minute)}}
}

// clip bounds a baseline, for which certainty would be ruinous.
func clip(p float64) float64 { return max(0.001, min(p, 0.999)) }

// rateSoFar forecasts each event by its share of the steps so far.
type rateSoFar struct {
	n      int
	since  int // steps since the last arrival
	events [numQuestions]int
}

func (b *rateSoFar) update(y float64) {
	b.n++
	if b.since++; y > 0 {
		b.since = 0
	}
	for i, q := range questions {
		if y > 0 || q.any && b.since < q.lead && b.since < b.n {
			b.events[i]++
		}
	}
}

func (b *rateSoFar) answer(dst *[numQuestions]float64) {
	for i, e := range b.events {
		dst[i] = clip((float64(e) + 0.5) / (float64(b.n) + 1))
	}
}

// hindsight forecasts each event by its share of all steps that will be scored: no constant is better.
type hindsight struct{ p [numQuestions]float64 }

func newHindsight(y []float64) *hindsight {
	var h hindsight
	for t := range len(y) - farthest {
		for i, happened := range outcomes(y, t) {
			if happened {
				h.p[i] += 1 / float64(len(y)-farthest)
			}
		}
	}
	return &h
}

func (h *hindsight) update(float64)                    {}
func (h *hindsight) answer(dst *[numQuestions]float64) { *dst = h.p }

// hybrid is the hybrid histogram of Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, as a probability: a histogram of
// the gaps in bins of a minute up to four hours, and an arrival is expected from the 5th to the 99th percentile of the gaps
// after the last arrival. Inside of this window the probability of an arrival that was not there yet is the share of the gaps
// that end there among those that are no shorter; outside it is the least that is allowed, 0.001. Further arrivals follow by
// the renewal equation. With fewer than 10 gaps, or if most are beyond the four hours, it is the base rate so far.
type hybrid struct {
	rate rateSoFar
	age  int
	gaps [241]int
	n    int
}

func (b *hybrid) update(y float64) {
	b.rate.update(y)
	if b.age > 0 && y > 0 {
		b.gaps[min(b.age, 241)-1]++
		b.n++
	}
	if b.age > 0 {
		b.age++
	}
	if y > 0 {
		b.age = 1
	}
}

// hazards writes the probability of each gap, given that it is no shorter.
func (b *hybrid) hazards(dst *[241 + 2*farthest]float64) {
	in := b.n - b.gaps[240]
	longer, seen := b.n, 0
	for i, n := range b.gaps[:240] {
		before := seen
		seen += n
		if n > 0 && float64(seen) >= 0.05*float64(in) && float64(before) < 0.99*float64(in) {
			dst[i] = float64(n) / float64(longer)
		}
		longer -= n
	}
	for i, p := range dst {
		dst[i] = clip(p)
	}
}

func (b *hybrid) answer(dst *[numQuestions]float64) {
	if b.n < 10 || b.gaps[240] > b.n/2 {
		b.rate.answer(dst)
		return
	}
	var hazard [241 + 2*farthest]float64
	b.hazards(&hazard)
	var single, within, fresh [farthest]float64
	open, openFresh := 1.0, 1.0
	for h := range farthest {
		p := hazard[min(b.age-1+h, len(hazard)-1)]
		single[h] = open * p
		fresh[h] = openFresh * hazard[h]
		for j := range h {
			single[h] += single[j] * fresh[h-1-j]
		}
		open *= 1 - p
		openFresh *= 1 - hazard[h]
		within[h] = 1 - open
	}
	for i, q := range questions {
		dst[i] = clip(single[q.lead-1])
		if q.any {
			dst[i] = clip(within[q.lead-1])
		}
	}
}

// members asks a forecaster of the predictor.
type members struct {
	f interface {
		predictor.Forecaster
		predictor.ArrivalForecaster
	}
}

func (m *members) update(y float64) { m.f.Update(y) }

func (m *members) answer(dst *[numQuestions]float64) {
	var single, within [farthest]float64
	if m.f.Arrival(single[:]) != nil || m.f.Within(within[:]) != nil {
		return
	}
	for i, q := range questions {
		dst[i] = single[q.lead-1]
		if q.any {
			dst[i] = within[q.lead-1]
		}
	}
}

// outcomes says what happened after step t.
func outcomes(y []float64, t int) (happened [numQuestions]bool) {
	for i, q := range questions {
		happened[i] = y[t+q.lead] > 0
		for k := 1; q.any && k < q.lead; k++ {
			happened[i] = happened[i] || y[t+k] > 0
		}
	}
	return happened
}

type scores [numQuestions]accuracy.ArrivalScore

// evaluate asks all sources after each step of a function, from the first to the last whose answers are known.
func evaluate(y []float64, from []source) []scores {
	all := make([]scores, len(from))
	for t := range len(y) - farthest {
		happened := outcomes(y, t)
		for s, f := range from {
			var p [numQuestions]float64
			f.update(y[t])
			f.answer(&p)
			for i := range questions {
				all[s][i].Add(p[i], happened[i])
			}
		}
	}
	return all
}

// sparse says whether a function is in the test: at least 10 steps with an arrival, and less than a fifth of all.
func sparse(y []float64) bool {
	n := 0
	for _, v := range y {
		if v > 0 {
			n++
		}
	}
	return n >= 10 && 5*n < len(y)
}

// evaluateAll evaluates the sparse ones of the functions: result[function][source].
func evaluateAll(functions [][]float64) [][]scores {
	functions = slices.DeleteFunc(functions, func(y []float64) bool { return !sparse(y) })
	all := make([][]scores, len(functions))
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(functions); i += workers {
				all[i] = evaluate(functions[i], newSources(functions[i]))
			}
		})
	}
	group.Wait()
	return all
}

// sum is the score of a source on a question over all functions.
func sum(all [][]scores, source, question int) (total accuracy.ArrivalScore) {
	for _, f := range all {
		total.Merge(f[source][question])
	}
	return total
}

// functionsOf returns the counts of each function of a trace by the minute.
func functionsOf(tr *trace.Trace) [][]float64 {
	all := make([][]float64, len(tr.Functions))
	for i := range tr.Functions {
		all[i] = make([]float64, tr.Minutes)
		for m, c := range tr.Counts(i) {
			all[i][m] = float64(c)
		}
	}
	return all
}

// checkOrder demands that the last source is better than the others at every question.
func checkOrder(t *testing.T, all [][]scores) {
	t.Helper()
	last := len(sources) - 1
	for q := range questions {
		pool := sum(all, last, q)
		for s := range last {
			if other := sum(all, s, q); !(pool.Brier() < other.Brier() && pool.LogLoss() < other.LogLoss()) {
				t.Errorf("%s: %s has Brier score %.5f and log loss %.5f, %s %.5f and %.5f", questions[q].name,
					sources[last], pool.Brier(), pool.LogLoss(), sources[s], other.Brier(), other.LogLoss())
			}
		}
	}
}

// TestArrivalsOrder: on the sparse functions of the trace that ships with the program the pool is better than the baselines.
func TestArrivalsOrder(t *testing.T) {
	t.Parallel()
	dir, err := fs.Sub(testdata.Traces, "traces/small")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := trace.ReadFS(dir, "small")
	if err != nil {
		t.Fatal(err)
	}
	all := evaluateAll(functionsOf(tr))
	if len(all) != 4 {
		t.Fatalf("%d sparse functions, not 4", len(all))
	}
	checkOrder(t, all)
}

// TestArrivalScore compares with scores by hand.
func TestArrivalScore(t *testing.T) {
	t.Parallel()
	var a, b accuracy.ArrivalScore
	a.Add(0.8, true)
	b.Add(0.4, false)
	b.Add(0, true)
	a.Merge(b)
	if want := (0.04 + 0.16 + 1) / 3; a.N() != 3 || math.Abs(a.Brier()-want) > 1e-12 {
		t.Errorf("Brier score %v of %d, not %v of 3", a.Brier(), a.N(), want)
	}
	if want := -(math.Log(0.8) + math.Log(0.6) + math.Log(1e-9)) / 3; math.Abs(a.LogLoss()-want) > 1e-12 {
		t.Errorf("log loss %v, not %v", a.LogLoss(), want)
	}
	var none accuracy.ArrivalScore
	if !math.IsNaN(none.Brier()) || !math.IsNaN(none.LogLoss()) {
		t.Error("no forecasts have a score")
	}
}
