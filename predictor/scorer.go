package predictor

import (
	"math"
	"slices"
)

// The mix: the weight of a member at a lead falls with this power of its recent error, so that few good members share it.
const (
	mixPower    = 16   // as repeated squaring in sharpen
	mixFloor    = 1e-4 // weights below this share are dropped
	minScores   = 20   // errors that a member needs before it competes with members that have them
	youngScores = 100  // errors below which all weights are renewed every step
	tinyError   = 1e-9 // keeps weights finite where errors are zero
	errorGuard  = 1e29 // bounds an error before it is averaged
)

// scorer keeps the forecasts of the members at the leads until their time has come, their mean absolute errors, and the
// weights that follow from them.
type scorer struct {
	l       *layout
	members int
	// errs[k*members+m] is the mean absolute error of member m at lead k, counts how many it averages.
	errs   []float64
	counts []int
	// weights[k*members+m] mix the members at lead k; they sum to 1, or are all 0 if no member is ready.
	weights []float64
	// pending[k] is a ring of leads[k] rows, one for each origin whose time has not come.
	pending []ring
	row     []float32
	// ready are the members that were ready at the last origin, turn is the lead that gets new weights at the next.
	ready []bool
	turn  int
}

// ring holds rows of numbers for the last origins.
type ring struct {
	rows  []float32
	width int
	n, at int // rows there, and the oldest one, which the next one replaces
	size  int
}

// The columns of a pending row after the members.
const (
	colMix    = iota // the mix
	colSpread        // the spread at the origin
	extraCols
)

func newScorer(l *layout, members int) scorer {
	s := scorer{l: l, members: members}
	n := len(l.leads) * members
	s.errs, s.counts, s.weights = make([]float64, n), make([]int, n), make([]float64, n)
	s.row = make([]float32, members+extraCols)
	s.ready = make([]bool, members)
	for _, lead := range l.leads {
		w := members + extraCols
		s.pending = append(s.pending, ring{rows: make([]float32, lead*w), width: w, size: lead})
	}
	return s
}

// due returns the row that was forecast for the step that is now known, or nil.
func (r *ring) due() []float32 {
	if r.n < r.size {
		return nil
	}
	return r.rows[r.at*r.width : (r.at+1)*r.width]
}

// push puts the row of a new origin in the place of the oldest.
func (r *ring) push(row []float32) {
	at := r.at
	if r.n < r.size {
		at = r.n
		r.n++
	} else if r.at++; r.at == r.size {
		r.at = 0
	}
	copy(r.rows[at*r.width:], row)
}

// score updates the errors of the members by the value of the step that is now known.
func (s *scorer) score(y float64) {
	memory := s.l.memory
	floor := 1 / float64(memory)
	for k := range s.pending {
		row := s.pending[k].due()
		if row == nil {
			break // longer leads have no row either
		}
		errs := s.errs[k*s.members : (k+1)*s.members]
		counts := s.counts[k*s.members : (k+1)*s.members]
		for m, f := range row[:s.members] {
			e := math.Abs(y - float64(f))
			if e != e { // the member was not ready
				continue
			}
			rate := floor
			if counts[m] < memory {
				counts[m]++
				rate = 1 / float64(counts[m])
			}
			errs[m] += (min(e, errorGuard) - errs[m]) * rate
		}
	}
}

// predict mixes the members and leaves the forecasts of every lead to be scored. The weights change slowly, so one lead in turn
// gets new ones at each step; all do while errors are few and when another set of members is ready.
func (s *scorer) predict(now [][]float64, ready []bool, spread float64) {
	all := s.young() || s.changed(ready)
	for k, lead := range s.l.leads {
		if all || k == s.turn {
			s.weigh(k, ready)
		}
		weights := s.weights[k*s.members : (k+1)*s.members]
		mix := 0.0
		for m := range now {
			f := math.NaN()
			if ready[m] {
				f = bounded(now[m][lead-1])
				mix += weights[m] * f
			}
			s.row[m] = float32(f)
		}
		s.row[s.members+colMix] = float32(mix)
		s.row[s.members+colSpread] = float32(spread)
		s.pending[k].push(s.row)
	}
	if s.turn++; s.turn == len(s.l.leads) {
		s.turn = 0
	}
}

// young reports whether the first lead has few errors yet.
func (s *scorer) young() bool {
	most := 0
	for _, n := range s.counts[:s.members] {
		most = max(most, n)
	}
	return most < youngScores
}

// changed reports whether other members are ready than at the last call.
func (s *scorer) changed(ready []bool) bool {
	if slices.Equal(ready, s.ready) {
		return false
	}
	copy(s.ready, ready)
	return true
}

// weigh sets the weights of lead k from the errors so far.
func (s *scorer) weigh(k int, ready []bool) {
	errs := s.errs[k*s.members : (k+1)*s.members]
	counts := s.counts[k*s.members : (k+1)*s.members]
	weights := s.weights[k*s.members : (k+1)*s.members]
	need := 0
	for m, ok := range ready {
		if ok {
			need = max(need, counts[m])
		}
	}
	need = min(need, minScores)
	best := math.Inf(1)
	for m, ok := range ready {
		if ok && counts[m] >= need {
			best = min(best, errs[m])
		}
	}
	sum := 0.0
	for m, ok := range ready {
		weights[m] = 0
		if ok && counts[m] >= need {
			if w := sharpen((best + tinyError) / (errs[m] + tinyError)); w > mixFloor {
				weights[m] = w
				sum += w
			}
		}
	}
	if sum > 0 {
		for m := range weights {
			weights[m] /= sum
		}
	}
}

// weighAll sets the weights of every lead.
func (s *scorer) weighAll(ready []bool) {
	for k := range s.l.leads {
		s.weigh(k, ready)
	}
}

// sharpen returns x to the power of mixPower.
func sharpen(x float64) float64 {
	x *= x
	x *= x
	x *= x
	return x * x
}

// bounded keeps a forecast inside what the predictor computes with: never below 0, because load is not.
func bounded(f float64) float64 {
	switch { // plain comparisons, because min and max take care of NaN, which costs
	case f < 0:
		return 0
	case f > MaxValue:
		return MaxValue
	}
	return f
}
