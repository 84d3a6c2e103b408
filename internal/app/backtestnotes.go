package app

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/engine"
	"pilotlight/internal/sim"
	"pilotlight/internal/sim/results"
	"pilotlight/models"
)

// maxSamples is how many decisions of a target a report shows.
const maxSamples = 5

// diary is the journal of a backtest: it counts why things were decided and keeps the newest changes.
type diary struct {
	engine.Forgetful

	from time.Time
	mu   sync.Mutex
	of   map[models.TargetID]*entries
}

// entries are those of one target.
type entries struct {
	counts map[models.ReasonCode]int
	newest []models.Decision
}

var _ engine.Journal = (*diary)(nil)

// newDiary begins a diary of what happens from a time on.
func newDiary(from time.Time) *diary { return &diary{from: from, of: map[models.TargetID]*entries{}} }

// Append implements engine.Journal.
func (d *diary) Append(_ context.Context, events ...models.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range events {
		made := events[i].Decision
		if events[i].Type != models.EventDecision || made == nil || made.At.Before(d.from) {
			continue
		}
		e := d.of[made.Target]
		if e == nil {
			e = &entries{counts: map[models.ReasonCode]int{}}
			d.of[made.Target] = e
		}
		for k := range made.Reasons {
			e.counts[made.Reasons[k].Code]++
		}
		if !made.Changes() {
			continue
		}
		if len(e.newest) == maxSamples {
			e.newest = slices.Delete(e.newest, 0, 1)
		}
		e.newest = append(e.newest, *made)
	}
	return nil
}

// reasons returns how often each reason was given for a target, the most frequent first.
func (d *diary) reasons(id models.TargetID) []results.ReasonCount {
	out := []results.ReasonCount{}
	if e := d.of[id]; e != nil {
		for _, code := range models.ReasonCodes() {
			if n := e.counts[code]; n > 0 {
				out = append(out, results.ReasonCount{Code: string(code), Meaning: code.Meaning(), Count: n})
			}
		}
	}
	results.SortReasons(out)
	return out
}

// samples returns the newest changes of a target.
func (d *diary) samples(id models.TargetID) []results.Sample {
	e := d.of[id]
	if e == nil {
		return nil
	}
	var out []results.Sample
	for i := range e.newest {
		made := &e.newest[i]
		s := results.Sample{At: made.At, From: made.Current.String(), To: made.Desired.String()}
		for _, r := range made.Reasons {
			s.Reasons = append(s.Reasons, r.String())
		}
		out = append(out, s)
	}
	return out
}

// scorer compares forecasts with what came.
type scorer struct {
	part    *trace.Trace
	past    *past
	from    int
	every   int // minutes
	targets []scored
	example *example
}

// scored are the sums of one target.
type scored struct {
	function, ahead int
	rows            []trace.Row // what is to come
	next, last      int         // the rows of the minute forecast and of the last one known
	accuracy        results.Accuracy
	inside          int
}

// levels are those of the quantiles that are scored, the outer two of them the band.
func levels() [3]float64 { return [3]float64{0.1, 0.5, 0.9} }

func newScorer(part *trace.Trace, p *past, functions []int, from int, ex *example) *scorer {
	s := &scorer{part: part, past: p, from: from, example: ex, every: 1}
	if part.Minutes-from > sampled {
		s.every = sampleStep
	}
	for k, i := range functions {
		ahead := steps(p.leads[i])
		s.targets = append(s.targets, scored{
			function: i, ahead: ahead, rows: part.Rows(k, 0, part.Minutes), accuracy: results.Accuracy{StepsAhead: ahead + 1},
		})
	}
	return s
}

// sampled is after how many minutes of a target only every 7th is scored: a forecast takes longer than its target's step, and
// tells little that the one before does not. 7 has no divisor in common with an hour or a day.
const (
	sampled    = 2 * 24 * 60
	sampleStep = 7
)

// score looks at the forecasts after a step. The end of a trace has no minutes to compare with.
func (s *scorer) score(e *engine.Engine, now time.Time) {
	minute := s.part.Minute(now)
	if minute < s.from {
		return
	}
	for k := range s.targets {
		t := &s.targets[k]
		if minute+t.ahead >= s.part.Minutes || minute%s.every != 0 && t.function != s.example.function {
			continue
		}
		actual, before := t.count(minute+t.ahead, &t.next), t.count(minute-1, &t.last)
		f, h, err := e.ForecastAt(s.past.ids[t.function], s.part.TimeOf(minute+t.ahead))
		if err != nil {
			t.accuracy.Missing++
			continue
		}
		t.take(&f, h, actual, before)
		if t.function == s.example.function {
			s.example.forecast(minute+t.ahead, &f, h)
		}
	}
}

// count returns the invocations of a minute; at only moves on.
func (t *scored) count(minute int, at *int) float64 {
	for *at < len(t.rows) && int(t.rows[*at].Minute) < minute {
		*at++
	}
	if *at < len(t.rows) && int(t.rows[*at].Minute) == minute {
		return float64(t.rows[*at].Count)
	}
	return 0
}

// take scores one forecast.
func (t *scored) take(f *models.Forecast, h int, actual, before float64) {
	a := &t.accuracy
	a.Forecasts++
	var q [3]float64
	for i, level := range levels() {
		q[i] = f.Quantile(level, h)
		a.Loss += pinball(level, q[i], actual)
		a.PersistenceLoss += pinball(level, before, actual)
	}
	// Counts are whole numbers, and a quantile between two of them means the next.
	if actual >= math.Floor(q[0]) && actual <= math.Ceil(q[2]) {
		t.inside++
	}
}

// pinball is the quantile loss (Koenker and Bassett, Econometrica 1978).
func pinball(level, forecast, actual float64) float64 {
	if actual >= forecast {
		return level * (actual - forecast)
	}
	return (1 - level) * (forecast - actual)
}

// accuracy returns how good the forecasts of a target were.
func (s *scorer) accuracy(k int) results.Accuracy {
	t := &s.targets[k]
	a := t.accuracy
	if a.Forecasts == 0 {
		return a
	}
	n := float64(a.Forecasts)
	a.Coverage = float64(t.inside) / n
	a.Loss, a.PersistenceLoss = a.Loss/(n*3), a.PersistenceLoss/(n*3)
	if a.PersistenceLoss > 0 {
		a.Skill = 1 - a.Loss/a.PersistenceLoss
	}
	return a
}

// exampleLength is how much of the busiest target is drawn.
const exampleLength = 2 * 24 * 60

// example collects what is drawn of the busiest target: the end of the history.
type example struct {
	trace    *trace.Trace
	function int
	from     int
	plot     sim.PlotData
}

func newExample(t *trace.Trace, function, from int) *example {
	e := &example{trace: t, function: function, from: max(from, t.Minutes-exampleLength)}
	n := t.Minutes - e.from
	e.plot = sim.PlotData{Start: t.TimeOf(e.from), Step: time.Minute}
	p := &e.plot
	for _, s := range []*[]float64{&p.Invocations, &p.Forecast, &p.Low, &p.High, &p.Warm, &p.ColdWith, &p.ColdWithout} {
		*s = make([]float64, n)
	}
	for i := range n {
		p.Forecast[i], p.Low[i], p.High[i] = math.NaN(), math.NaN(), math.NaN()
	}
	for _, row := range t.Rows(function, e.from, t.Minutes) {
		p.Invocations[int(row.Minute)-e.from] = float64(row.Count)
	}
	return e
}

// forecast notes what was expected of a minute.
func (e *example) forecast(minute int, f *models.Forecast, h int) {
	if i := minute - e.from; i >= 0 && i < len(e.plot.Forecast) {
		q := levels()
		e.plot.Low[i], e.plot.Forecast[i], e.plot.High[i] = f.Quantile(q[0], h), f.Quantile(q[1], h), f.Quantile(q[2], h)
	}
}

// cold notes the cold starts by the minute and the floor.
func (e *example) cold(watched [2][]int32, decisions []sim.Decision) {
	warm := 0.0
	for i := range e.plot.Warm {
		for len(decisions) > 0 && decisions[0].Time <= time.Duration(e.from+i)*time.Minute {
			warm = float64(decisions[0].Warm)
			decisions = decisions[1:]
		}
		e.plot.Warm[i] = warm
		e.plot.ColdWith[i], e.plot.ColdWithout[i] = float64(watched[0][e.from+i]), float64(watched[1][e.from+i])
	}
}

// data is what there is to draw, nil if nothing.
func (e *example) data(id string) *sim.PlotData {
	if len(e.plot.Invocations) == 0 {
		return nil
	}
	e.plot.Title = "The busiest target, " + id
	return &e.plot
}
