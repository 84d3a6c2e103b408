package policy

import (
	"slices"
	"time"

	"pilotlight/models"
)

const (
	// keptLeads is how many measured leads are remembered.
	keptLeads = 16
	// priorLeads is how many measurements the configured lead stands for.
	priorLeads = 3
	// leadLevel is the quantile of the measured leads that counts: what comes late is cold.
	leadLevel = 0.8
	// leadRange bounds the estimate at the configured lead times and divided by this.
	leadRange = 4
)

// leads are measured times from asking for warm instances to having them, in seconds, the newest at [n-1 % keptLeads].
type leads struct {
	of [keptLeads]float32
	n  int
}

// NoteLead tells the memory how long the platform took from being asked for more warm instances to showing them ready.
func (m *Memory) NoteLead(took time.Duration) {
	if took <= 0 || took > 24*time.Hour {
		return
	}
	l := &m.remembers().leads
	l.of[l.n%keptLeads] = float32(took.Seconds())
	l.n++
}

// estimate is the lead to reckon with: a high quantile of the measured ones, in which the configured lead counts as a few more. It
// stays within a factor of the configured lead, and is never below a cold start, for no instance is ready sooner.
func (l *leads) estimate(configured, cold time.Duration) time.Duration {
	configured = min(max(configured, 0), 24*time.Hour)
	if l.n == 0 {
		return configured
	}
	var all [keptLeads + priorLeads]float32
	n := copy(all[:], l.of[:min(l.n, keptLeads)])
	for range priorLeads {
		all[n] = float32(configured.Seconds())
		n++
	}
	slices.Sort(all[:n])
	at := models.Seconds(float64(all[int(leadLevel*float64(n-1)+0.5)]))
	least := max(configured/leadRange, min(cold, configured*leadRange))
	return min(max(at, least), configured*leadRange, 24*time.Hour)
}

// lead is the lead of a target in force.
func (p *Policy) lead(f *Facts, m *Memory) time.Duration {
	if p.cfg.Lead == LeadConfigured || m.past == nil {
		return min(max(f.Target.Lead, 0), 24*time.Hour)
	}
	return m.past.leads.estimate(f.Target.Lead, f.Target.ColdStart)
}

// Reads is the time that Decide reads the forecast for, with these facts.
func (p *Policy) Reads(f *Facts, m *Memory) (from, to time.Time) {
	from = f.Now.Add(p.lead(f, m))
	return from, from.Add(p.cfg.Hold.Std())
}

// explainLead says where the lead in force is another than the configured one.
func (p *Policy) explainLead(pr *proposal) {
	if pr.memory.past == nil || pr.memory.past.leads.n == 0 || p.cfg.Lead == LeadConfigured {
		return
	}
	lead, configured := p.lead(pr.facts, pr.memory), pr.facts.Target.Lead
	if (lead - configured).Abs() < configured/10 {
		return
	}
	pr.because(models.ReasonLead, models.Num("lead_s", lead.Seconds()), models.Num("configured_s", configured.Seconds()),
		models.Num("measured", float64(min(pr.memory.past.leads.n, keptLeads))))
}

// LeadRule says which lead counts.
type LeadRule string

// The rules of the lead.
const (
	LeadMeasured   LeadRule = "measured"
	LeadConfigured LeadRule = "configured"
)
