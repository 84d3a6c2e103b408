package ensemble

import (
	"cmp"
	"math"
	"slices"
)

// The rule of the quantiles.
const (
	quantilePower = 12 // a weight falls with this power of the pinball loss
	quantileBest  = 10 // so many distributions are mixed
	folds         = 6  // a past window is scored with residuals of the windows outside its fold
)

// The levels at which distributions are kept; those asked for lie between. The deciles are those that are scored.
var (
	grid        = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995} //nolint:gochecknoglobals // a constant table
	firstDecile = 4
)

const (
	gridLen = 17
	deciles = 9
)

type tuning struct {
	Power, Best float64
	NormWindows float64 `json:",omitempty"`
	Mix         float64 `json:",omitempty"` // share of the loss over all steps
	Recency     float64 `json:",omitempty"`
	Phase       float64 `json:",omitempty"` // weight of the windows of past periods
	Kinds       int     `json:",omitempty"`
	EG          int     `json:",omitempty"`
	Rate        float64 `json:",omitempty"`
	Widen       int     `json:",omitempty"`
}

func (o *Options) tuned() *tuning {
	if o.tune != nil {
		return o.tune
	}
	return &tuning{Power: quantilePower, Best: quantileBest, Kinds: 2, NormWindows: 0.75, Mix: 0.3}
}

// dist is a distribution at the levels of the grid.
type dist [gridLen]float64

// scaleKind says by what residuals are divided before they are pooled.
type scaleKind int

const (
	plain  scaleKind = iota // not at all
	moving                  // by how much the series moved lately
	level                   // by the forecast
	root                    // by the root of the forecast
	native                  // there are no residuals: the member knows quantiles by itself
	scaleKinds
)

// candidate is one way to make quantiles in one bucket.
type candidate struct {
	member int
	kind   scaleKind
	loss   float64
	losses []float64 // of each window
	weight float64
	// errors are the sorted scaled residuals.
	errors []float64
}

// quantiler makes quantiles out of a record.
type quantiler struct {
	r       *record
	low     float64
	fold    []int
	buf     []scored
	t       *tuning
	scales  [][]float64
	winLoss []float64
}

// scored is a residual and the fold of its window.
type scored struct {
	e    float64
	fold int
}

// quantiles returns the quantiles of the levels asked for: per bucket of horizons the distributions that did best on the past
// windows, averaged quantile by quantile.
func quantiles(r *record, ends []int, opt *Options, mean []float64, low float64) [][]float64 {
	q := &quantiler{r: r, low: low, t: opt.tuned(), fold: make([]int, len(r.origins))}
	for o := range q.fold {
		q.fold[o] = o * folds / len(r.origins)
	}
	all := make([]dist, len(mean))
	from := 0
	var cands [][]candidate
	for _, end := range ends {
		cands = append(cands, q.candidates(from, end))
		from = end
	}
	q.judge(cands)
	from = 0
	for b, end := range ends {
		q.bucket(from, end, cands[b], all, mean)
		from = end
	}
	out := make([][]float64, len(opt.Levels))
	for l, level := range opt.Levels {
		out[l] = make([]float64, len(mean))
		for h := range mean {
			out[l][h] = all[h].at(level)
		}
	}
	return out
}

// bucket fills the distributions of the steps ahead in [from, to).
func (q *quantiler) bucket(from, to int, cands []candidate, all []dist, mean []float64) {
	best := q.best(cands)
	for h := from; h < to; h++ {
		if len(best) == 0 {
			for l := range all[h] {
				all[h][l] = mean[h]
			}
			continue
		}
		for _, c := range best {
			d := q.now(&c, h)
			for l, v := range d {
				all[h][l] += c.weight * v
			}
		}
		slices.Sort(all[h][:])
	}
}

// candidates returns all ways to make quantiles, with their losses.
func (q *quantiler) candidates(from, to int) []candidate {
	var all []candidate
	for m := range q.r.names {
		if q.r.now[m] == nil {
			continue
		}
		for kind := range scaleKind(q.t.Kinds) {
			if c, ok := q.score(m, kind, from, to); ok {
				all = append(all, c)
			}
		}
		if q.r.qnow[m] != nil {
			if c, ok := q.scoreNative(m, from, to); ok {
				all = append(all, c)
			}
		}
	}
	return all
}

// judge turns the losses of the windows into one loss.
func (q *quantiler) judge(cands [][]candidate) {
	n := len(q.r.origins)
	total := map[[2]int]float64{}
	for b := range cands {
		w := make([]float64, n)
		size := 0.0
		for o := range w {
			mean, k := 0.0, 0.0
			for i := range cands[b] {
				mean += min(cands[b][i].losses[o], 1e30)
				k++
			}
			w[o] = mean / max(k, 1)
			size += w[o] / float64(n)
		}
		for o := range w {
			w[o] = math.Pow((w[o]+0.1*size+tiny)/(size+tiny), -q.t.NormWindows)
			if q.t.Recency > 0 {
				w[o] *= math.Pow(q.t.Recency, float64(n-1-o))
			}
			if q.t.Phase > 0 && q.r.origins[o] < q.r.origins[n-1]-recentStride*recentOrigins {
				w[o] *= q.t.Phase
			}
		}
		best := math.Inf(1)
		for i := range cands[b] {
			c := &cands[b][i]
			sum, mass := 0.0, 0.0
			for o := range w {
				sum += w[o] * c.losses[o]
				mass += w[o]
			}
			c.loss = sum / mass
			best = min(best, c.loss)
		}
		for i := range cands[b] {
			c := &cands[b][i]
			total[[2]int{c.member, int(c.kind)}] += (c.loss + tiny) / (best + tiny) / float64(len(cands))
		}
	}
	for b := range cands {
		best := math.Inf(1)
		for _, c := range cands[b] {
			best = min(best, c.loss)
		}
		for i := range cands[b] {
			c := &cands[b][i]
			c.loss = (1-q.t.Mix)*c.loss + q.t.Mix*(best+tiny)*total[[2]int{c.member, int(c.kind)}]
		}
	}
}

// best keeps the best candidates and gives them weights that sum to 1.
func (q *quantiler) best(all []candidate) []candidate {
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.loss, b.loss) })
	all = all[:min(int(q.t.Best), len(all))]
	sum := 0.0
	for i := range all {
		all[i].weight = math.Pow((all[0].loss+tiny)/(all[i].loss+tiny), q.t.Power)
		sum += all[i].weight
	}
	for i := range all {
		all[i].weight /= sum
	}
	return all
}

// scaleAt returns what residuals are divided by at an origin; the last one is the end.
func (q *quantiler) scaleAt(kind scaleKind, o int, f float64) float64 {
	switch kind {
	case plain:
		return 1
	case level:
		return max(0, f) + 0.3*q.r.spreadMean + 1e-300
	case root:
		return math.Sqrt(max(0, f) + 0.3*q.r.spreadMean + 1e-300)
	}
	return max(q.r.spread[o], 1e-3*q.r.spreadMean, 1e-6*math.Abs(f)+1e-300)
}

// score judges the residual quantiles of a member.
func (q *quantiler) score(m int, kind scaleKind, from, to int) (candidate, bool) {
	r := q.r
	q.buf = q.buf[:0]
	var count [folds]int
	for o := range r.origins {
		for h := from; h < to; h++ {
			cell := o*r.horizon + h
			s := q.scaleAt(kind, o, r.paths[m][cell])
			if e := (r.actual[cell] - r.paths[m][cell]) / s; e == e {
				q.buf = append(q.buf, scored{e, q.fold[o]})
				count[q.fold[o]]++
			}
		}
	}
	n := len(q.buf)
	if n < 2 || slices.Max(count[:]) == n {
		return candidate{}, false
	}
	slices.SortFunc(q.buf, func(a, b scored) int { return cmp.Compare(a.e, b.e) })
	var without [folds][deciles]float64
	for f := range without {
		without[f] = q.without(f, n-count[f])
	}
	losses := make([]float64, len(r.origins))
	for o := range r.origins {
		shape := &without[q.fold[o]]
		for h := from; h < to; h++ {
			cell := o*r.horizon + h
			if p, a := r.paths[m][cell], r.actual[cell]; p == p && a == a {
				s := q.scaleAt(kind, o, p)
				for l, e := range shape {
					losses[o] += pinball(a, max(q.low, p+s*e), grid[firstDecile+l])
				}
			}
		}
	}
	c := candidate{member: m, kind: kind, losses: losses, errors: make([]float64, n)}
	for i, v := range q.buf {
		c.errors[i] = v.e
	}
	return c, true
}

// without returns the deciles of the residuals outside a fold, of which there are n.
func (q *quantiler) without(fold, n int) (out [deciles]float64) {
	l, seen, last := 0, 0, 0.0
	target := func() float64 { return max(0, min(grid[firstDecile+l]*float64(n+1)-1, float64(n-1))) }
	at := target()
	for _, v := range q.buf {
		if v.fold == fold {
			continue
		}
		for l < deciles && at <= float64(seen) {
			if seen == 0 {
				last = v.e
			}
			out[l] = v.e - (float64(seen)-at)*(v.e-last)
			if l++; l < deciles {
				at = target()
			}
		}
		last = v.e
		seen++
	}
	return out
}

// scoreNative judges the quantiles that a member forecasts by itself.
func (q *quantiler) scoreNative(m, from, to int) (candidate, bool) {
	r := q.r
	n := 0
	losses := make([]float64, len(r.origins))
	for o := range r.origins {
		for h := from; h < to; h++ {
			cell := o*r.horizon + h
			a := r.actual[cell]
			if p := r.paths[m][cell]; a != a || p != p {
				continue
			}
			n++
			for l := range deciles {
				losses[o] += pinball(a, max(q.low, r.qpaths[m][firstDecile+l][cell]), grid[firstDecile+l])
			}
		}
	}
	return candidate{member: m, kind: native, losses: losses}, n > 0
}

// now returns the distribution of a candidate h+1 steps after the end.
func (q *quantiler) now(c *candidate, h int) (d dist) {
	for l, level := range grid {
		if c.kind == native {
			d[l] = q.r.qnow[c.member][l][h]
		} else {
			d[l] = q.r.now[c.member][h] + q.scaleAt(c.kind, len(q.r.origins), q.r.now[c.member][h])*empirical(c.errors, level)
		}
		d[l] = max(q.low, d[l])
	}
	return d
}

// at returns the quantile of a level, by interpolation.
func (d *dist) at(level float64) float64 {
	i, found := slices.BinarySearch(grid[:], level)
	switch {
	case found:
		return d[i]
	case i == 0:
		return d[0]
	case i == gridLen:
		return d[gridLen-1]
	}
	share := (level - grid[i-1]) / (grid[i] - grid[i-1])
	return d[i-1] + share*(d[i]-d[i-1])
}

// pinball is the quantile loss, doubled: at the median it is the absolute error.
func pinball(y, f, q float64) float64 {
	if y < f {
		return 2 * (f - y) * (1 - q)
	}
	return 2 * (y - f) * q
}

// empirical returns the quantile of sorted values: order statistic (n+1)q, between neighbours by interpolation.
func empirical(sorted []float64, q float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	at := max(0, min(q*float64(n+1)-1, float64(n-1)))
	lo := int(at)
	hi := min(lo+1, n-1)
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}
