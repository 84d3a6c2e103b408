package predictor

import "math"

const (
	// mixInputs are what a head weighs: a constant, the recent and the slow share of active steps, hazard and timer.
	mixInputs = 5
	// mixPrior is how many nats of information the starting weights are worth.
	mixPrior = 60
	// mixMost bounds a weight.
	mixMost = 4
)

// mixHead is one question that is asked, and scored: is there an arrival in the step lead steps ahead, or in any step up to
// it?
type mixHead struct {
	lead int
	any  bool
	// stride is how many steps lie between questions that are scored. One at a time waits for its answer; strides have no
	// factor in common with usual timers.
	stride int
}

// mixHeads are the questions: those of single steps first, then those of any step.
func mixHeads() [mixCount]mixHead {
	return [mixCount]mixHead{{1, false, 1}, {2, false, 3}, {5, false, 7}, {15, false, 17}, {5, true, 7}, {15, true, 17}}
}

const (
	mixCount    = 6
	mixSingle   = 4  // heads of single steps
	mixFarthest = 15 // the greatest lead
)

// mix is the online logistic regression of one head: the log odds of the base rate plus a weighted sum of what the log odds
// of the others differ from it. Each step of learning is Newton's on the diagonal, with the information so far.
type mix struct {
	weights, information [mixInputs]float32
	// asked is the question that waits for its answer: the log odds of the base rate, then the inputs but the constant.
	asked   [mixInputs]float32
	waiting bool
	arrived bool // since it was asked
	unknown bool // whether a step since then is missing
}

// newMix makes a mix with weights that are about right for functions of any kind; they need not be exact.
func newMix() mix {
	m := mix{weights: [mixInputs]float32{-0.1, 0.2, -0.2, 0.45, 0.7}}
	for i := range m.information {
		m.information[i] = mixPrior
	}
	return m
}

// odds are the log odds of the base rate and of the other members.
type odds [mixInputs]float64

// probability weighs the odds.
func (m *mix) probability(o *odds) float64 { return weigh(&m.weights, o) }

func weigh(weights *[mixInputs]float32, o *odds) float64 {
	z := o[0] + float64(weights[0])
	for i := 1; i < mixInputs; i++ {
		z += float64(weights[i]) * (o[i] - o[0])
	}
	return fromLogOdds(z)
}

// ask leaves a question to be answered.
func (m *mix) ask(o *odds) {
	for i, v := range o {
		m.asked[i] = float32(v)
	}
	m.waiting, m.arrived, m.unknown = true, false, false
}

// move changes a weight.
func (m *mix) move(i int, by float64) {
	m.weights[i] = float32(max(-mixMost, min(float64(m.weights[i])+by, mixMost)))
}

// answer learns from the answer to the question that waits; the weights of others move along.
func (m *mix) answer(arrived bool, others []mix) {
	m.waiting = false
	var o odds
	for i, v := range m.asked {
		o[i] = float64(v)
	}
	p := m.probability(&o)
	e := -p
	if arrived {
		e = 1 - p
	}
	for i := range m.weights {
		x := 1.0
		if i > 0 {
			x = o[i] - o[0]
		}
		info := float64(m.information[i]) + p*(1-p)*x*x
		m.information[i] = float32(info)
		m.move(i, e*x/info)
		for j := range others {
			others[j].move(i, e*x/info)
		}
	}
}

// blendMix finds the two heads of single steps, or of any step, that a lead lies between, and the share of the second, by the
// logarithm of the lead.
func blendMix(heads *[mixCount]mixHead, lead int, anyStep bool) (first, second int, share float64) {
	order := []int{0, 1, 2, 3}
	if anyStep {
		order = []int{0, 4, 5}
	}
	for i, k := range order[1:] {
		a, b := heads[order[i]].lead, heads[k].lead
		if lead <= b {
			return order[i], k, math.Log(float64(lead)/float64(a)) / math.Log(float64(b)/float64(a))
		}
	}
	last := order[len(order)-1]
	return last, last, 0
}

func (m *mix) write(w *writer) {
	w.floats32(m.weights[:])
	w.floats32(m.information[:])
	w.bool(m.waiting)
	if m.waiting {
		w.floats32(m.asked[:])
		w.bool(m.arrived)
		w.bool(m.unknown)
	}
}

func (m *mix) read(r *reader) {
	m.readInputs(r, &m.weights, -mixMost, mixMost)
	m.readInputs(r, &m.information, mixPrior, math.MaxFloat32)
	if m.waiting = r.bool(); m.waiting {
		m.readInputs(r, &m.asked, -20, 20)
		m.arrived, m.unknown = r.bool(), r.bool()
	}
}

func (m *mix) readInputs(r *reader, dst *[mixInputs]float32, lo, hi float32) {
	v := r.floats32(mixInputs, false)
	if len(v) != mixInputs {
		r.fail("%d inputs, not %d", len(v), mixInputs)
		return
	}
	for i, x := range v {
		if x < lo || x > hi {
			r.fail("number %v is outside [%v, %v]", x, lo, hi)
			return
		}
		dst[i] = x
	}
}
