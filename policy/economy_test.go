package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/models"
)

// TestFewChanges checks that constant and alternating loads change the floor, or the keep-alive, in at most 10 % of the minutes, whatever
// the function is, in both settings, and with shared limits that are short.
func TestFewChanges(t *testing.T) {
	t.Parallel()
	const warmUp, minutes = 240, 300
	rapid.Check(t, func(t *rapid.T) {
		levers := rapid.SampledFrom([]models.Lever{models.LeverWarm, bothLevers}).Draw(t, "levers")
		p := mustNew(t, func(c *Config) {
			c.Selection = rapid.SampledFrom([]Selection{SelectAuto, SelectMax}).Draw(t, "selection")
			c.MaxChanges.Changes = 4
			if rapid.Bool().Draw(t, "objective") {
				c.Objective.ColdStartShare = rapid.SampledFrom([]float64{0.001, 0.05}).Draw(t, "share")
			}
		})
		var shared Shared
		if rapid.Bool().Draw(t, "budget") {
			shared.Budgets = []Budget{{Scope: ScopeFleet, USD: rapid.Float64Range(0, 0.5).Draw(t, "usd"), Per: PerDay}}
		}
		a := mustAllocator(t, shared)
		f := facts(0)
		f.Levers, f.Target.Limits.MaxKeepAlive = levers, 48*time.Hour
		f.Target.MemoryMB = rapid.SampledFrom([]float64{128, 1024}).Draw(t, "memory")
		m := NewMemory()
		p.Prepare(f, m)
		loads := []float64{0, 0.3, 1, 5, 30, 600, 6000}
		high, low := rapid.SampledFrom(loads).Draw(t, "high"), rapid.SampledFrom(loads).Draw(t, "low")
		period := rapid.SampledFrom([]int{1, 2, 3, 7, 30}).Draw(t, "period")
		duration := rapid.SampledFrom([]float64{0.05, 1, 20}).Draw(t, "duration")
		changes := 0
		for i := range warmUp + minutes {
			n := high
			if i/period%2 == 1 {
				n = low
			}
			m.Observe(minuteBin(i, n, duration))
			f.Now = epoch.Add(time.Duration(i+1) * time.Minute)
			d := p.Decide(f, m)
			if len(shared.Budgets) > 0 {
				a.Allocate(f.Now, []Case{{Policy: p, Facts: f, Memory: m, Decision: &d}})
			}
			if i >= warmUp && d.Changes() {
				changes++
			}
			f.Current = f.Current.Merge(d.Desired)
		}
		if changes > minutes/10 {
			t.Fatalf("%d changes in %d minutes", changes, minutes)
		}
	})
}
