package policy

import "pilotlight/models"

// Phase is how far an event has come that was announced.
type Phase uint8

// The phases of an event.
const (
	// Coming: it is to begin before a change would take effect, or has just begun, so that nothing is known about it but what was
	// announced.
	Coming Phase = iota
	// Measured: the load shows what it comes to, and is followed as any load is; instances that it uses are not let go.
	Measured
	// Past: it is over, so that the load of the last minutes says too much about the next.
	Past
)

// Ahead is what was announced about the time that a decision is for, which no forecast can know: a campaign, a release, a batch run.
type Ahead struct {
	// Multiplier is how many times the usual load there will be at most; 1 is as usual. Floor is the least floor, 0 is none.
	Multiplier float64
	Floor      int
	Phase      Phase
	// Recent is how many times the usual load the steps of the reactive window had; 1 is as usual.
	Recent float64
	// Cause names the event in the reasons. Untrusted text.
	Cause string
	// UsualForecast is the forecast of the usual load by who believes all that was announced, and UsualRecent how many times that
	// the steps of the reactive window had; they are for the trials. Nil is the forecast of the decision, with Recent.
	UsualForecast *models.Forecast
	UsualRecent   float64
	// Trials are asked what they would have come to. Nothing of them is in the decision.
	Trials []Trial
	// Usual are equally likely rates of the usual load, in invocations a second, of which Decide fills in the first Rates; none if
	// neither forecast nor load is known.
	Usual [maxMix]float64
	Rates int
}

// Trial is another announcement for the same time.
type Trial struct {
	Multiplier float64
	Floor      int
	Phase      Phase
	// Warm is the floor that it would have asked for before the guards, in the limits of the target. Decide fills it in.
	Warm int
}

// heed lets an announcement change the proposal.
func (p *Policy) heed(pr *proposal) {
	a := pr.facts.Ahead
	if a == nil || !pr.warmSet {
		return
	}
	usual := pr.mix
	if usual.n == 0 {
		pr.memory.usualMix(&usual, a.Recent)
	}
	p.try(pr, usual)
	to := pr.announced(&usual, a.Multiplier, a.Recent, a.Phase)
	if to == pr.warm {
		return
	}
	pr.steady = pr.steady && a.Phase != Past // what is over need not be kept for longer
	pr.move(models.ReasonHint, to, models.Num("multiplier", a.Multiplier), models.Num("usual_rate_per_s", usual.mean()))
	pr.reasons[len(pr.reasons)-1].Detail = a.Cause
	pr.mix = usual
	pr.mix.announce(a, pr.memory)
}

// try makes the trials.
func (p *Policy) try(pr *proposal, usual mixture) {
	a := pr.facts.Ahead
	if len(a.Trials) == 0 {
		return
	}
	if a.UsualForecast != nil {
		var mix mixture
		if p.mixOf(pr, a.UsualForecast, &mix) {
			usual = mix
		}
	} else if pr.mix.n == 0 {
		usual = mixture{}
		pr.memory.usualMix(&usual, a.UsualRecent)
	}
	a.Rates = copy(a.Usual[:], usual.rate[:usual.n])
	for i := range a.Trials {
		t := &a.Trials[i]
		t.Warm = min(max(pr.announced(&usual, t.Multiplier, a.UsualRecent, t.Phase), t.Floor), pr.memory.spec.maxWarm)
	}
}

// announced is the floor that an event makes worth having, given how many times the usual load it is announced to bring, and how many
// times the load of the last steps was. Before it has begun, more load never lowers the floor, and less lowers it no further than the
// load of the last minutes needs. The announced load is taken for certain: how far forecasts of the usual load are spread says
// little about it, and made floors that cost more than they saved.
func (pr *proposal) announced(usual *mixture, multiplier, recent float64, phase Phase) int {
	if multiplier == 1 && phase != Past || !usable(multiplier) {
		return pr.warm
	}
	switch newest, _ := pr.memory.InUse(); {
	case phase == Measured:
		return pr.measured(usual, multiplier, recent, newest)
	case phase == Past && pr.followsLoad():
		return min(pr.warm, max(newest, pr.worth(usual)))
	case phase == Past, usual.n == 0:
		return pr.warm
	}
	certain := mixture{duration: usual.duration}
	certain.add(usual.mean() * multiplier)
	ask := pr.worth(&certain)
	switch {
	case multiplier < 1:
		return min(pr.warm, max(pr.reactive, ask, 0))
	case !pr.followsLoad() && (certain.mean()*certain.duration < 1 || ask <= pr.memory.aliveInstances(pr.memory.KeptFor())):
		return pr.warm // on-demand instances cost less here than a floor, and are mostly there anyway
	}
	return max(pr.warm, ask)
}

// measured is the floor while the load shows what an event comes to.
func (pr *proposal) measured(usual *mixture, multiplier, recent float64, newest int) int {
	ask := pr.warm
	if strategyOf(pr.strategy).forecast {
		mix := *usual
		mix.scale(recent)
		ask = max(ask, pr.worth(&mix))
	}
	if multiplier > 1 && pr.haveKnown {
		ask = max(ask, min(pr.have, newest))
	}
	return ask
}

// letGo is the keep-alive in seconds: after an event the floor keeps what the usual load needs, and idle instances beyond it need not
// stay for as long as usual.
func (pr *proposal) letGo(keep float64) float64 {
	if a := pr.facts.Ahead; a != nil && a.Phase == Past && pr.followsLoad() {
		return min(keep, pr.memory.spec.hold)
	}
	return keep
}

// followsLoad reports whether the target is kept warm by a floor that follows its load.
func (pr *proposal) followsLoad() bool {
	s := strategyOf(pr.strategy)
	return s.floor || s.forecast
}

// worth is the floor that a load is worth, near the present one.
func (pr *proposal) worth(mix *mixture) int {
	r := pr.memory.rule()
	up, down := r.floors(mix)
	if pr.haveKnown {
		return settle(pr.have, up, down)
	}
	return up
}

// usualMix is what the load of the last minutes makes one believe about the usual load, given how many times it that load was.
func (m *Memory) usualMix(mix *mixture, recent float64) {
	if m.recentMix(mix) && recent > 0 {
		mix.scale(1 / recent)
	}
}

// announce makes a mixture of the usual load that of the load announced.
func (m *mixture) announce(a *Ahead, of *Memory) {
	if a == nil || a.Multiplier == 1 || a.Phase == Past {
		return
	}
	if m.n == 0 {
		of.usualMix(m, a.Recent)
	}
	m.scale(a.Multiplier)
}

// scale multiplies the rates.
func (m *mixture) scale(by float64) {
	for i := range m.rate[:m.n] {
		m.rate[i] *= by
	}
}

// guardHint keeps the floor that was announced, also while data is missing.
func guardHint(pr *proposal) {
	if a := pr.facts.Ahead; a != nil && pr.warmSet && a.Floor > pr.warm {
		pr.move(models.ReasonHintFloor, a.Floor, models.Num("floor", float64(a.Floor)))
		pr.reasons[len(pr.reasons)-1].Detail = a.Cause
	}
}

// InUse returns how many instances were in use at a time in the newest step, as simulated, and whether it is known.
func (m *Memory) InUse() (int, bool) {
	if m.bin == 0 {
		return 0, false
	}
	at := (m.bin - 1) % keptBins
	return int(m.peaks[at]), usable(float64(m.counts[at]))
}

// Rate returns the invocations a second of the newest step, and whether it is known.
func (m *Memory) Rate() (float64, bool) {
	if m.bin == 0 || m.step <= 0 {
		return 0, false
	}
	n := float64(m.counts[(m.bin-1)%keptBins])
	return n / m.step, usable(n)
}

// BreakEven returns the idle seconds of an instance that a cold start is worth, in force now.
func (m *Memory) BreakEven() float64 { return m.spec.breakEven }

// WarmPrice returns the price of a GB of warm memory for a second, in USD.
func (p *Policy) WarmPrice() float64 { return p.warm.perSecond(1) }

// InUseWithin returns the most instances that were in use at a time in the newest seconds.
func (m *Memory) InUseWithin(seconds float64) int { return m.aliveInstances(seconds) }

// KeptFor returns how long idle on-demand instances stay, in seconds.
func (m *Memory) KeptFor() float64 {
	if m.spec.free >= 0 {
		return m.spec.free
	}
	return m.cost.of[m.cost.chosen].keep
}
