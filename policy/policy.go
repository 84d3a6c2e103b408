package policy

import (
	"fmt"
	"sync"

	"pilotlight/models"
)

// Policy decides. It is immutable and safe for concurrent use; what it remembers of a target is in a Memory.
type Policy struct {
	cfg    Config
	times  *times
	guards []guard
	// warm and credit are what cfg.Prices say, looked up once.
	warm   warmRate
	credit float64
	// rooms are proposals that are not in use, kept because every decision needs one.
	rooms *sync.Pool
}

// New returns a Policy, or everything that is wrong with the configuration.
func New(cfg Config) (*Policy, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	p := &Policy{cfg: cfg, guards: guards(), warm: cfg.Prices.rate(), credit: cfg.Prices.credit()}
	p.rooms = &sync.Pool{New: func() any {
		return &proposal{reasons: make([]models.Reason, 0, 16), numbers: make([]models.Number, 0, 64)}
	}}
	if len(cfg.Schedules)+len(cfg.Freezes) > 0 {
		read := cfg.times(&checker{})
		p.times = &read
	}
	return p, nil
}

// Decide returns the capacity that the target should have, with the reasons. It never fails: facts that cannot be used are
// left out with a reason, and without usable facts the decision is to hold.
//
// Decide is a function of its arguments. The memory takes note of what was asked for, and what the facts say about the
// target; deciding again at the same time with the same facts gives the same decision.
func (p *Policy) Decide(f *Facts, m *Memory) models.Decision {
	d := models.Decision{
		At: f.Now, Mode: f.Mode, Reactive: -1, Predicted: -1, ConfigHash: f.ConfigHash,
	}
	if f.CurrentKnown {
		d.Current = f.Current
	}
	pr, _ := p.rooms.Get().(*proposal)
	*pr = proposal{cfg: &p.cfg, facts: f, memory: m, times: p.times, reasons: pr.reasons[:0], numbers: pr.numbers[:0]}
	defer p.leave(pr)
	if !p.admit(pr) {
		if f.Target != nil {
			d.Target = f.Target.ID
		}
		d.Reasons = pr.explained()
		f.name(&d)
		return d
	}
	d.Target = f.Target.ID
	f.name(&d)
	p.remember(pr)
	p.propose(pr, &d)
	for _, g := range p.guards {
		g.apply(pr)
	}
	if pr.heldBack {
		d.Mode = models.ModeDryRun
	}
	d.Desired = pr.capacity()
	if d.Desired.Levers() != 0 && !d.Changes() {
		pr.because(models.ReasonUnchanged, models.Num("warm", float64(pr.have)))
	}
	d.Reasons = pr.explained()
	if pr.warmSet && !pr.missing {
		pr.memory.cost.dataFloor = int32(pr.warm) //nolint:gosec // bounded by maxInstances
	}
	if !f.Unpriced {
		p.price(pr, &d)
	}
	return d
}

// name gives a decision its ID, if it is to have one.
func (f *Facts) name(d *models.Decision) {
	if !f.Unnamed {
		d.ID = models.NewID("decision", d.Target, d.At, d.ConfigHash)
	}
}

// leave puts a proposal back, without what it points to.
func (p *Policy) leave(pr *proposal) {
	clear(pr.reasons)
	pr.facts, pr.memory = nil, nil
	p.rooms.Put(pr)
}

// admit checks the facts and readies the memory. It reports false if there is nothing to decide on.
func (p *Policy) admit(pr *proposal) bool {
	f := pr.facts
	if f.Target == nil {
		pr.invalid("there is no target")
		return false
	}
	if pr.memory == nil {
		pr.memory = NewMemory()
	}
	s, ok := p.specOf(f, pr.memory)
	if !ok || f.Target.Limits.Validate() != nil {
		pr.invalid("memory, cold start or limits of the target are unusable; correct its configuration")
		return false
	}
	pr.memory.learn(&s)
	if f.CurrentKnown {
		pr.have, pr.haveKnown = f.Current.Warm()
	}
	return true
}

// remember takes down what guards and searches need to know of the past.
func (p *Policy) remember(pr *proposal) {
	m, f := pr.memory, pr.facts
	m.acting = f.Mode == models.ModeAuto && !f.Paused && p.cfg.Canary.takes(f.Target.ID)
	m.cost.watch, m.cost.least = p.strategy(m), m.spec.goal.least
	if pr.haveKnown && p.cfg.MaxRateUp.Instances+p.cfg.MaxRateDown.Instances > 0 {
		m.remembers().floors.note(f.Now, pr.have)
	}
	if f.CurrentKnown && p.cfg.MaxChanges.Changes > 0 {
		m.remembers().moves.note(f.Now, f.Current)
	}
	p.explainLead(pr)
	p.describe(pr)
}

// learn takes over what a decision knows about the target.
func (m *Memory) learn(s *spec) {
	if m.known && *s == m.spec {
		return
	}
	if s.goal.kind != m.spec.goal.kind || s.goal.scope != m.spec.goal.scope {
		m.search = search{}
	}
	if s.concurrency != m.spec.concurrency {
		m.flow.forget()
	}
	first := !m.known
	m.spec, m.known = *s, true
	m.cost.prepare(s)
	if first {
		m.cost.ask(m)
	}
}

// Prepare tells the memory about the target before the first decision, so that history fed meanwhile is weighed too. It
// reports whether the facts can be used; of these only the target, the levers, the rate of
// an instance and the durations count.
func (p *Policy) Prepare(f *Facts, m *Memory) bool {
	pr := proposal{cfg: &p.cfg, facts: f, memory: m}
	return p.admit(&pr)
}
