package predictor

import "math"

// The mix: the weight of a member at a lead falls with this power of its recent error, so that few good members share it.
const (
	mixPower   = 16   // as repeated squaring in sharpen
	mixFloor   = 1e-4 // weights below this share are dropped
	mixLeast   = 0.56 // a ratio below this has a weight below mixFloor
	minScores  = 20   // errors that a member needs before it competes with members that have them
	tinyError  = 1e-9 // keeps weights finite where errors are zero
	errorGuard = 1e29 // bounds an error before it is averaged
)

// scorer keeps the forecasts of the members until their time has come, and their mean absolute errors at the leads.
type scorer struct {
	l *layout
	// errs[k*members+m] is the mean absolute error of member m at lead k; clock members use k = 0. counts[m] is how many errors
	// that of the first lead averages; those of the others are behind by their lead.
	errs   []float32
	counts []uint16
	// flat is a ring of rows, one for each of the latest origins: the columns below, then the flat members.
	flat []float32
	// path has one ring for each lead, of as many rows as it is steps long: the mix, then the path members.
	path []float32
	// clock are the forecasts of the clock members for the next step.
	clock []float32
	// origins is how many rows were ever pushed; the rows of origin i are number i modulo the size of their ring.
	origins int
}

// The columns of a flat row before the members.
const (
	colSpread = iota // the spread at the origin
	colLast          // the last known value at the origin
	flatCols
)

// newScorer makes a scorer; all its single-precision numbers lie in one block.
func newScorer(l *layout) scorer {
	n := len(l.leads) * l.members
	flat, path := l.farthest()*l.flatWidth(), l.pathAt[len(l.leads)]*l.pathWidth()
	block := make([]float32, n+flat+path+l.width[kindClock])
	take := func(n int) []float32 {
		head := block[:n:n]
		block = block[n:]
		return head
	}
	return scorer{
		l: l, errs: take(n), flat: take(flat), path: take(path), clock: take(l.width[kindClock]), counts: make([]uint16, l.members),
	}
}

// flatDue returns the flat row of the origin lead k lies back, or nil if there was none.
func (s *scorer) flatDue(k int) []float32 {
	lead := s.l.leads[k]
	if s.origins < lead {
		return nil
	}
	w := s.l.flatWidth()
	at := (s.origins - lead) % s.l.farthest() * w
	return s.flat[at : at+w]
}

// pathDue returns what lead k forecast for the step that is now known; it is there when flatDue is.
func (s *scorer) pathDue(k int) []float32 {
	w := s.l.pathWidth()
	at := (s.l.pathAt[k] + s.origins%s.l.leads[k]) * w
	return s.path[at : at+w]
}

// score updates the errors of the members by the value of the step that is now known.
func (s *scorer) score(sh *Shared, y float64) {
	for k := range s.l.leads {
		flat := s.flatDue(k)
		if flat == nil {
			break // longer leads have no row either
		}
		path := s.pathDue(k)
		for m := range sh.specs {
			spec := &sh.specs[m]
			var f float32
			switch spec.kind {
			case kindPath:
				f = path[1+spec.column]
			case kindFlat:
				f = flat[flatCols+spec.column]
			case kindClock, numKinds:
				if k > 0 {
					continue
				}
				f = s.clock[spec.column]
			}
			s.add(k, m, math.Abs(y-float64(f)))
		}
	}
}

// add takes an error of member m at lead k into the mean, unless the member was not ready.
func (s *scorer) add(k, m int, e float64) {
	if e != e {
		return
	}
	if k == 0 && int(s.counts[m]) < s.l.memory {
		s.counts[m]++
	}
	mean := &s.errs[k*s.l.members+m]
	*mean += (float32(min(e, errorGuard)) - *mean) / float32(s.count(k, m))
}

// count returns how many errors count in the mean of member m at lead k, at least 1.
func (s *scorer) count(k, m int) int { return max(1, int(s.counts[m])-(s.l.leads[k]-1)) }

// predict mixes the members and leaves the forecasts of every lead to be scored.
func (s *scorer) predict(sh *Shared, r *room, spread, last float64) {
	w := s.l.flatWidth()
	at := s.origins % s.l.farthest() * w
	flat := s.flat[at : at+w]
	flat[colSpread], flat[colLast] = float32(spread), float32(last)
	for k, lead := range s.l.leads {
		weights := r.weights[k*s.l.members : (k+1)*s.l.members]
		s.weigh(sh, k, r.ready, weights)
		path := s.pathDue(k)
		mix := 0.0
		for m := range sh.specs {
			f := math.NaN()
			if r.ready[m] {
				f = bounded(r.now[m][lead-1])
				mix += weights[m] * f
			}
			spec := &sh.specs[m]
			switch {
			case spec.kind == kindPath:
				path[1+spec.column] = float32(f)
			case k > 0:
			case spec.kind == kindFlat:
				flat[flatCols+spec.column] = float32(f)
			default:
				s.clock[spec.column] = float32(f)
			}
		}
		path[0] = float32(mix)
	}
	s.origins++
}

// errorAt returns the error of member m at lead k. Where there are steps between the leads it is
// the greater of the two: what repeats by chance at one lead, such as the last value of a timer, does not at both.
func (s *scorer) errorAt(sh *Shared, k, m int) float64 {
	if sh.specs[m].kind == kindClock {
		return float64(s.errs[m])
	}
	i := k*s.l.members + m
	e := float64(s.errs[i])
	if k > 0 && s.l.leads[k] > s.l.leads[k-1]+1 {
		e = max(e, float64(s.errs[i-s.l.members]))
	}
	return e
}

// weigh writes the weights of lead k from the errors so far; they sum to 1, or are all 0 if no member is ready.
func (s *scorer) weigh(sh *Shared, k int, ready []bool, weights []float64) {
	need := 0
	for m, ok := range ready {
		if ok {
			need = max(need, int(s.counts[m]))
		}
	}
	need = min(need, minScores)
	best := math.Inf(1)
	for m, ok := range ready {
		weights[m] = -1
		if ok && int(s.counts[m]) >= need {
			weights[m] = s.errorAt(sh, k, m)
			best = min(best, weights[m])
		}
	}
	sum := 0.0
	for m, e := range weights {
		weights[m] = 0
		if e < 0 || best+tinyError < mixLeast*(e+tinyError) {
			continue
		}
		if w := sharpen((best + tinyError) / (e + tinyError)); w > mixFloor {
			weights[m] = w
			sum += w
		}
	}
	normalise(weights, sum)
}

// normalise divides the weights that are not 0 by their sum.
func normalise(weights []float64, sum float64) {
	for m, w := range weights {
		if w > 0 {
			weights[m] = w / sum
		}
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
