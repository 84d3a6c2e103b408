package policy

// A target that rests can be warmed before it is needed again, if something tells when that is.

// sign is what tells that a target that rests will be needed soon.
type sign int

// The signs.
const (
	noSign sign = iota
	// gapSign: the gaps between its past calls; earlyGapSign is content with 0.6 of the probability.
	gapSign
	earlyGapSign
	// clockSign: what ran in the same step of past hours.
	clockSign
	// bothSign: gaps and clock together.
	bothSign
	numSigns
)

// earlier is the share of the usual probability that earlyGapSign is content with.
const earlier = 0.6

// bothWeight is what each of the two logits counts that are summed up for bothSign: more than half, since gaps and clock rarely err
// together.
const bothWeight = 0.7

// outlook is what is known about the steps from the next to the one after the lead, lag+1 in all.
type outlook struct {
	m             *Memory
	lag           int
	exact, smooth [maxLag]float64 // estimates of the probability that the rest ends in the step, going by past gaps
	period        int             // of the clock
}

// outlook looks ahead. It reports false if the target is not known to come back.
func (m *Memory) outlook() (outlook, bool) {
	o := outlook{m: m, lag: m.lag()}
	if m.last < 0 || m.active < 2 {
		return o, false
	}
	base := (float64(m.active) + 0.02) / (float64(m.seen) + 20)
	elapsed := m.bin - m.last
	for i := 0; i <= o.lag; i++ {
		o.exact[i], o.smooth[i] = m.hops.shares(elapsed+i, elapsed, base)
	}
	o.period = m.clock.period()
	return o, true
}

// hopeless reports whether no sign gives the step i ahead a probability above least. The logit of bothSign is less than that of
// the greater of gaps and clock as long as both are unlikely, so that it need not be computed.
func (o *outlook) hopeless(i int, least float64) bool {
	return least < 0.5 && max(o.exact[i], o.smooth[i]) <= earlier*least &&
		o.m.clock.prob(slotAt(o.m.end, o.m.step, i), o.period, 0) <= least
}

// chances gives the probabilities that the step i ahead needs at least n+1 instances, by each sign.
func (o *outlook) chances(i, n int) (by [numSigns]float64) {
	gap := middle(o.exact[i], o.smooth[i]) * o.m.hops.peakAtLeast(n+1)
	clk := o.m.clock.prob(slotAt(o.m.end, o.m.step, i), o.period, n)
	by[gapSign], by[earlyGapSign], by[clockSign] = gap, gap/earlier, clk
	by[bothSign] = sigmoid(bothWeight * (logit(gap) + logit(clk)))
	return by
}

// chance is the probability, by a sign, that the step that needs most until the lead is over needs at least k instances.
func (o *outlook) chance(s sign, k int) float64 {
	chance := 0.0
	for i := 0; i <= o.lag; i++ {
		chance = max(chance, min(o.chances(i, k-1)[s], 1))
	}
	return chance
}

// wanted is how many instances each sign makes worth having in each step.
type wanted [numSigns][maxLag]uint8

// wanted applies the rule: an instance is worth its step if the probability of its need times the break-even exceeds the step.
func (m *Memory) wanted() wanted {
	var w wanted
	if m.spec.breakEven <= m.step*0.5 {
		return w // quicker than the rest, which would come to the same
	}
	o, ok := m.outlook()
	if !ok {
		return w
	}
	least := m.step / m.spec.breakEven
	for i := 0; i <= o.lag; i++ {
		for n, some := 0, !o.hopeless(i, least); some && n < maxPeak; n++ {
			some = false
			for s, p := range o.chances(i, n) {
				if int(w[s][i]) == n && p > least {
					w[s][i], some = uint8(n+1), true
				}
			}
		}
	}
	return w
}

// ask is what the sign asks for: enough for the step that needs most until the lead is over. A step that needs one instance and
// that an on-demand instance will see anyway needs none.
func (m *Memory) ask(w *wanted, s sign, a *account) int {
	floor := 0
	for i := range w[s] {
		n := int(w[s][i])
		if n <= floor || n == 1 && m.alive(a, m.end+float64(i+1)*m.step) {
			continue
		}
		floor = n
	}
	return floor
}

// alive reports whether an on-demand instance of the strategy lives until t if nothing happens.
func (m *Memory) alive(a *account, t float64) bool {
	f := &m.flow
	if a.gone[0]&1 != 0 || len(f.down) == 0 {
		return false
	}
	return len(f.busy) > 0 || f.down[0]+a.keep >= t
}
