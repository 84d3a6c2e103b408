package policy

import "pilotlight/models"

// Ahead is what was announced about the time that a decision is for, which no forecast can know: a campaign, a release, a batch run.
type Ahead struct {
	// Multiplier is how many times the usual load there will be at most; 1 is as usual. Floor is the least floor, 0 is none.
	Multiplier float64
	Floor      int
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
	to := pr.announced(&usual, a.Multiplier)
	if to == pr.warm {
		return
	}
	pr.move(models.ReasonHint, to, models.Num("multiplier", a.Multiplier), models.Num("usual_rate_per_s", usual.mean()))
	pr.reasons[len(pr.reasons)-1].Detail = a.Cause
	pr.mix = usual
	pr.mix.scale(a.Multiplier)
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
		t.Warm = min(max(pr.announced(&usual, t.Multiplier), t.Floor), pr.memory.spec.maxWarm)
	}
}

// announced is the floor that so many times the usual load makes worth having. More load than usual never lowers the floor, and
// less lowers it no further than the load of the last minutes needs.
func (pr *proposal) announced(usual *mixture, multiplier float64) int {
	if multiplier == 1 || usual.n == 0 || !usable(multiplier) {
		return pr.warm
	}
	mix := *usual
	mix.scale(multiplier)
	r := pr.memory.rule()
	up, down := r.floors(&mix)
	ask := up
	if pr.haveKnown {
		ask = settle(pr.have, up, down)
	}
	if multiplier > 1 {
		return max(pr.warm, ask)
	}
	return min(pr.warm, max(pr.reactive, ask, 0))
}

// usualMix is what the load of the last minutes makes one believe about the usual load, given how many times it that load was.
func (m *Memory) usualMix(mix *mixture, recent float64) {
	if m.recentMix(mix) && recent > 0 {
		mix.scale(1 / recent)
	}
}

// announce makes a mixture of the usual load that of the load announced.
func (m *mixture) announce(a *Ahead, of *Memory) {
	if a == nil || a.Multiplier == 1 {
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
