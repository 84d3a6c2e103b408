package policy

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

// epoch is when all tests begin.
var epoch = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

const bothLevers = models.LeverWarm | models.LeverKeepAlive

func target() *models.Target {
	return &models.Target{
		ID: "shop/checkout", MemoryMB: 256, ColdStart: time.Second, Lead: time.Minute, Concurrency: 1,
		Limits: models.Limits{MaxWarm: 100, MaxKeepAlive: time.Hour},
	}
}

func mustNew(t interface{ Fatal(...any) }, change func(*Config)) *Policy {
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// minuteBin is a bin of a minute that starts i minutes after epoch.
func minuteBin(i int, n, duration float64) Bin {
	nan := math.NaN()
	return Bin{
		Start: epoch.Add(time.Duration(i) * time.Minute), Step: time.Minute,
		Invocations: n, Duration: duration, Concurrency: nan, ColdStarts: nan, QueueDepth: nan,
	}
}

// fed returns a memory that saw the counts, a minute each, and the time after them.
func fed(p *Policy, f *Facts, duration float64, counts ...float64) (*Memory, time.Time) {
	m := NewMemory()
	p.Prepare(f, m)
	for i, n := range counts {
		m.Observe(minuteBin(i, n, duration))
	}
	return m, epoch.Add(time.Duration(len(counts)) * time.Minute)
}

func facts(have int) *Facts {
	return &Facts{
		Now: epoch, Target: target(), Mode: models.ModeAuto, ConfigHash: "c0ffee", Levers: bothLevers,
		Current: models.Warm(have).WithKeepAlive(time.Minute), CurrentKnown: true, Data: models.DataFresh,
	}
}

func repeat(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

// steady makes a forecast of the same invocations per minute at every level.
func steady(t interface{ Fatal(...any) }, from time.Time, perMinute float64) *models.Forecast {
	row := func() []float64 { return repeat(5, perMinute) }
	fc, err := models.NewForecast(models.ForecastSpec{
		Target: "shop/checkout", Signal: models.SignalInvocations, Start: from, Step: time.Minute, Model: "test",
		Levels: []float64{0.1, 0.5, 0.9}, Mean: row(), Values: [][]float64{row(), row(), row()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &fc
}

func codes(d *models.Decision) []models.ReasonCode {
	var out []models.ReasonCode
	for _, r := range d.Reasons {
		out = append(out, r.Code)
	}
	return out
}

func hasCode(d *models.Decision, code models.ReasonCode) bool { return slices.Contains(codes(d), code) }

// wild draws numbers as bad as a broken source can send.
func wild() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Float64Range(0, 200), rapid.Float64Range(0, 5), rapid.Just(0.0),
		rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300, math.MaxFloat64, 5e-324}),
	)
}

func drawBin(t *rapid.T, i int) Bin {
	step := time.Minute
	if rapid.IntRange(0, 9).Draw(t, "odd step") == 0 {
		step = time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "step"))
	}
	i += rapid.SampledFrom([]int{0, 0, 0, 0, 0, -3, 2, 700}).Draw(t, "jump")
	return Bin{
		Start: epoch.Add(time.Duration(i) * time.Minute), Step: step,
		Invocations: wild().Draw(t, "invocations"), Duration: wild().Draw(t, "duration"),
		Concurrency: wild().Draw(t, "concurrency"), ColdStarts: wild().Draw(t, "cold"), QueueDepth: wild().Draw(t, "queue"),
	}
}

func drawConfig(t *rapid.T) Config {
	c := DefaultConfig()
	minutes := func(name string) models.Duration {
		return models.Duration(time.Duration(rapid.IntRange(0, 20).Draw(t, name)) * time.Minute)
	}
	c.ColdStartPrice = rapid.SampledFrom([]float64{0, 1, 10, 100, 1e9}).Draw(t, "price")
	c.Selection = rapid.SampledFrom([]Selection{SelectAuto, SelectMax}).Draw(t, "selection")
	c.Reactive = rapid.SampledFrom([]ReactiveRule{ReactiveValue, ReactiveNeed}).Draw(t, "reactive")
	c.MissingData = rapid.SampledFrom([]MissingData{MissingHold, MissingFloor, MissingScaleUp}).Draw(t, "missing")
	c.MissingFloorWarm = rapid.IntRange(0, 200).Draw(t, "missing floor")
	c.KeepAlive = rapid.SampledFrom([]KeepAliveRule{KeepAliveAuto, KeepAliveOff}).Draw(t, "keep-alive")
	c.CooldownUp, c.CooldownDown = minutes("cooldown up"), minutes("cooldown down")
	c.Stabilisation, c.ScaleToZeroAfter = minutes("stabilisation"), minutes("scale to zero")
	c.MaxStepUp = Step{Instances: rapid.IntRange(0, 20).Draw(t, "up"), Share: rapid.Float64Range(0, 2).Draw(t, "up share")}
	c.MaxStepDown = Step{Instances: rapid.IntRange(0, 20).Draw(t, "down"), Share: rapid.Float64Range(0, 2).Draw(t, "down share")}
	c.MaxRateUp.Instances = rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "rate up")
	c.MaxRateDown.Instances = rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "rate down")
	c.MaxChanges.Changes = rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "max changes")
	c.Canary.Share = rapid.SampledFrom([]float64{0, 1, 1}).Draw(t, "canary")
	c.Lead = rapid.SampledFrom([]LeadRule{LeadMeasured, LeadConfigured}).Draw(t, "lead rule")
	window := Window{Zone: "Europe/Berlin", From: "01:05", To: "01:15"}
	if rapid.IntRange(0, 3).Draw(t, "schedule") == 0 {
		most := rapid.IntRange(5, 60).Draw(t, "schedule max")
		c.Schedules = []Schedule{{Window: window, MinWarm: rapid.IntRange(0, 5).Draw(t, "schedule min"), MaxWarm: &most}}
	}
	if rapid.IntRange(0, 3).Draw(t, "freeze") == 0 {
		c.Freezes = []Freeze{{Window: window, Stop: rapid.SampledFrom([]FreezeRule{FreezeChanges, FreezeLowering}).Draw(t, "stop")}}
	}
	c.Objective = drawObjective(t)
	c.Prices.CountWork = rapid.Bool().Draw(t, "count work")
	return c
}

func drawObjective(t *rapid.T) Objective {
	o := DefaultObjective()
	o.Scope = rapid.SampledFrom([]Scope{ScopeTarget, ScopeGroup, ScopeFleet}).Draw(t, "scope")
	switch objectiveKind(rapid.IntRange(0, int(numObjectives)-1).Draw(t, "objective")) { //nolint:gosec // a small number
	case dollarObjective:
		o.ColdStartUSD = rapid.SampledFrom([]float64{1e-9, 0.001, 1e6}).Draw(t, "usd")
	case shareObjective:
		o.ColdStartShare = rapid.SampledFrom([]float64{1e-9, 0.01, 0.5}).Draw(t, "share")
	case latencyObjective:
		o.P99Latency = models.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "latency"))
	case budgetObjective:
		o.MonthlyUSD = rapid.SampledFrom([]float64{1e-9, 1, 1e12}).Draw(t, "monthly")
	case noObjective, numObjectives:
	}
	return o
}

func drawTarget(t *rapid.T) *models.Target {
	minWarm := rapid.IntRange(0, 5).Draw(t, "min")
	return &models.Target{
		ID: "t", MemoryMB: rapid.SampledFrom([]float64{128, 1024, math.NaN(), math.Inf(1), 0, -5, 1e-300, 1e300}).Draw(t, "memory"),
		ColdStart:   time.Duration(rapid.Int64Range(-1, int64(time.Minute)).Draw(t, "cold start")),
		Lead:        time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "lead")),
		Concurrency: rapid.SampledFrom([]int{-1, 0, 1, 1, 1, 2, 80, 1 << 40}).Draw(t, "concurrency"),
		Limits: models.Limits{
			MinWarm: minWarm, MaxWarm: minWarm + rapid.SampledFrom([]int{-1, 0, 3, 50, 1 << 40}).Draw(t, "max"),
			MaxKeepAlive: rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, -1}).Draw(t, "max keep"),
		},
	}
}

func drawFacts(t *rapid.T, now time.Time) *Facts {
	f := &Facts{
		Now: now, Target: drawTarget(t), Mode: models.ModeAuto, ConfigHash: "h",
		DurationP50:  time.Duration(rapid.Int64Range(-1, int64(time.Minute)).Draw(t, "p50")),
		DurationP99:  time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "p99")),
		CurrentKnown: rapid.Bool().Draw(t, "known"), Pending: rapid.IntRange(0, 9).Draw(t, "pending") == 0,
		Levers:    models.Lever(rapid.Uint8Range(0, 15).Draw(t, "levers")),
		Data:      rapid.SampledFrom([]models.DataState{models.DataFresh, models.DataFresh, models.DataStale, models.DataMissing, ""}).Draw(t, "data"),
		Warming:   rapid.IntRange(0, 4).Draw(t, "warming") == 0,
		OutOfBand: rapid.IntRange(0, 9).Draw(t, "out of band") == 0,
		Paused:    rapid.IntRange(0, 9).Draw(t, "paused") == 0,
	}
	if rapid.Bool().Draw(t, "has warm") {
		f.Current = f.Current.WithWarm(rapid.IntRange(0, 80).Draw(t, "have"))
	}
	if rapid.Bool().Draw(t, "has keep-alive") {
		f.Current = f.Current.WithKeepAlive(time.Duration(rapid.IntRange(0, 4000).Draw(t, "keep")) * time.Second)
	}
	ago := func(name string) time.Time {
		return now.Add(-time.Duration(rapid.IntRange(-5, 40).Draw(t, name)) * time.Minute)
	}
	f.Marks.LastUp, f.Marks.LastDown = ago("last up"), ago("last down")
	if rapid.Bool().Draw(t, "forecast") {
		f.Forecast = steady(t, now.Add(-time.Minute), rapid.SampledFrom([]float64{0, 0.1, 5, 600, 1e300}).Draw(t, "per minute"))
	}
	return f
}

// TestAnyFacts checks what must hold whatever comes in.
func TestAnyFacts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, err := New(drawConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		m := NewMemory()
		for i := range rapid.IntRange(0, 25).Draw(t, "bins") {
			m.Observe(drawBin(t, i))
			if rapid.IntRange(0, 3).Draw(t, "decide") > 0 {
				continue
			}
			now := epoch.Add(time.Duration(i+1) * time.Minute)
			f := drawFacts(t, now)
			d := p.Decide(f, m)
			checkDecision(t, p, f, &d)
			if again := p.Decide(f, m); !cmp.Equal(d, again, cmp.AllowUnexported(models.Capacity{})) {
				t.Fatalf("deciding again differs: %s", cmp.Diff(d, again, cmp.AllowUnexported(models.Capacity{})))
			}
		}
	})
}

func checkDecision(t *rapid.T, p *Policy, f *Facts, d *models.Decision) {
	if len(d.Reasons) == 0 {
		t.Fatal("a decision without reasons")
	}
	for _, r := range d.Reasons {
		if r.Code.Meaning() == "" {
			t.Fatalf("reason %q has no meaning", r.Code)
		}
		for _, n := range r.Numbers {
			if math.IsNaN(n.Value) {
				t.Fatalf("reason %q: %s is NaN", r.Code, n.Name)
			}
		}
	}
	for _, v := range []float64{d.Price.IdleGBs, d.Price.ColdStarts, d.Price.ColdStartsSaved, d.Price.USDPerHour} {
		if !usable(v) {
			t.Fatalf("price %+v is unusable", d.Price)
		}
	}
	if extra := d.Desired.Levers() &^ (f.Levers & bothLevers); extra != 0 {
		t.Fatalf("decision sets levers %b that the platform lacks", extra)
	}
	if hold := f.Paused || f.OutOfBand || f.Pending; hold && d.Desired.Levers() != 0 {
		t.Fatalf("decision %v while nothing must be changed", d.Desired)
	}
	if keep, ok := d.Desired.KeepAlive(); ok && keep > f.Target.Limits.MaxKeepAlive {
		t.Fatalf("keep-alive %s above %s", keep, f.Target.Limits.MaxKeepAlive)
	}
	frozen := func(stop FreezeRule) bool {
		pr := proposal{times: p.times, facts: f}
		return pr.frozen(stop) != nil
	}
	if frozen(FreezeChanges) && d.Desired.Levers() != 0 {
		t.Fatalf("decision %v during a freeze", d.Desired)
	}
	if want := p.cfg.Canary.Share < 1; want != (d.Mode == models.ModeDryRun) && !hasCode(d, models.ReasonInvalidInput) {
		t.Fatalf("mode %s at a canary share of %v", d.Mode, p.cfg.Canary.Share)
	}
	warm, ok := d.Desired.Warm()
	if !ok {
		return
	}
	if have, known := d.Current.Warm(); known && warm < have && frozen(FreezeLowering) && have <= f.Target.Limits.MaxWarm && len(p.cfg.Schedules) == 0 {
		t.Fatalf("fall from %d to %d during a freeze of lowering", have, warm)
	}
	l := f.Target.Limits
	if warm < l.MinWarm || warm > l.MaxWarm {
		t.Fatalf("floor %d outside %d to %d", warm, l.MinWarm, l.MaxWarm)
	}
	if have, known := d.Current.Warm(); known && have >= l.MinWarm && have <= l.MaxWarm && len(p.cfg.Schedules) == 0 {
		checkChange(t, p, f, have, warm)
	}
}

// checkChange checks steps and cooldowns, which only the bounds may break.
func checkChange(t *rapid.T, p *Policy, f *Facts, have, warm int) {
	if most := p.cfg.MaxStepUp.limit(have); warm-have > most {
		t.Fatalf("rise from %d to %d is more than %d", have, warm, most)
	}
	if most := p.cfg.MaxStepDown.limit(have); have-warm > most {
		t.Fatalf("fall from %d to %d is more than %d", have, warm, most)
	}
	within := func(last time.Time, cooldown models.Duration) bool {
		return !last.After(f.Now) && f.Now.Sub(last) < cooldown.Std()
	}
	if warm > have && within(f.Marks.LastUp, p.cfg.CooldownUp) {
		t.Fatalf("rise from %d to %d during the cooldown", have, warm)
	}
	if warm < have && (within(f.Marks.LastUp, p.cfg.CooldownDown) || within(f.Marks.LastDown, p.cfg.CooldownDown)) {
		t.Fatalf("fall from %d to %d during the cooldown", have, warm)
	}
	if warm < have && f.Warming {
		t.Fatalf("fall from %d to %d after a restart", have, warm)
	}
}

func TestMissingTargetHolds(t *testing.T) {
	t.Parallel()
	d := mustNew(t, nil).Decide(&Facts{Now: epoch}, nil)
	if d.Desired.Levers() != 0 || !hasCode(&d, models.ReasonInvalidInput) || d.ID == "" {
		t.Fatalf("got %+v", d)
	}
}
