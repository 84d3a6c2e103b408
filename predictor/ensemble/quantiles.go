package ensemble

import (
	"cmp"
	"math"
	"slices"
)

// The rule of the quantiles.
const (
	quantilePower = 15 // a weight falls with this power of the pinball loss
	quantileBest  = 4  // so many distributions are mixed
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

// dist is a distribution at the levels of the grid.
type dist [gridLen]float64

// scaleKind says by what residuals are divided before they are pooled.
type scaleKind int

const (
	plain  scaleKind = iota // not at all
	moving                  // by how much the series moved lately
	native                  // there are no residuals: the member knows quantiles by itself
	scaleKinds
)

// candidate is one way to make quantiles in one bucket.
type candidate struct {
	member int
	kind   scaleKind
	loss   float64
	weight float64
	// errors are the sorted scaled residuals.
	errors []float64
}

// quantiler makes quantiles out of a record.
type quantiler struct {
	r    *record
	low  float64
	fold []int
	buf  []scored
}

// scored is a residual and the fold of its window.
type scored struct {
	e    float64
	fold int
}

// quantiles returns the quantiles of the levels asked for: per bucket of horizons the distributions that did best on the past
// windows, averaged quantile by quantile.
func quantiles(r *record, ends []int, opt *Options, mean []float64, low float64) [][]float64 {
	q := &quantiler{r: r, low: low, fold: make([]int, len(r.origins))}
	for o := range q.fold {
		q.fold[o] = o * folds / len(r.origins)
	}
	all := make([]dist, len(mean))
	from := 0
	for _, end := range ends {
		q.bucket(from, end, all, mean)
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
func (q *quantiler) bucket(from, to int, all []dist, mean []float64) {
	best := q.best(q.candidates(from, to))
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
		for kind := range native {
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

// best keeps the best candidates and gives them weights that sum to 1.
func (q *quantiler) best(all []candidate) []candidate {
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.loss, b.loss) })
	all = all[:min(quantileBest, len(all))]
	sum := 0.0
	for i := range all {
		all[i].weight = math.Pow((all[0].loss+tiny)/(all[i].loss+tiny), quantilePower)
		sum += all[i].weight
	}
	for i := range all {
		all[i].weight /= sum
	}
	return all
}

// scaleAt returns what residuals are divided by at an origin; the last one is the end.
func (q *quantiler) scaleAt(kind scaleKind, o int) float64 {
	if kind == plain {
		return 1
	}
	return max(q.r.spread[o], 1e-3*q.r.spreadMean)
}

// score judges the residual quantiles of a member.
func (q *quantiler) score(m int, kind scaleKind, from, to int) (candidate, bool) {
	r := q.r
	q.buf = q.buf[:0]
	var count [folds]int
	for o := range r.origins {
		s := q.scaleAt(kind, o)
		for h := from; h < to; h++ {
			cell := o*r.horizon + h
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
	loss := 0.0
	for o := range r.origins {
		s, shape := q.scaleAt(kind, o), &without[q.fold[o]]
		for h := from; h < to; h++ {
			cell := o*r.horizon + h
			if p, a := r.paths[m][cell], r.actual[cell]; p == p && a == a {
				for l, e := range shape {
					loss += pinball(a, max(q.low, p+s*e), grid[firstDecile+l])
				}
			}
		}
	}
	c := candidate{member: m, kind: kind, loss: loss / float64(n), errors: make([]float64, n)}
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
	loss, n := 0.0, 0
	for o := range r.origins {
		for h := from; h < to; h++ {
			cell := o*r.horizon + h
			a := r.actual[cell]
			if p := r.paths[m][cell]; a != a || p != p {
				continue
			}
			n++
			for l := range deciles {
				loss += pinball(a, max(q.low, r.qpaths[m][firstDecile+l][cell]), grid[firstDecile+l])
			}
		}
	}
	return candidate{member: m, kind: native, loss: loss / float64(max(n, 1))}, n > 0
}

// now returns the distribution of a candidate h+1 steps after the end.
func (q *quantiler) now(c *candidate, h int) (d dist) {
	for l, level := range grid {
		if c.kind == native {
			d[l] = q.r.qnow[c.member][l][h]
		} else {
			d[l] = q.r.now[c.member][h] + q.scaleAt(c.kind, len(q.r.origins))*empirical(c.errors, level)
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
