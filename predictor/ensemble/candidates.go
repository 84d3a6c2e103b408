package ensemble

import (
	"cmp"
	"math"
	"slices"
)

// folds is into how many runs of windows the past is cut: a window is scored with the residuals of the windows outside its run.
const folds = 6

// scaleKind says by what residuals are divided before they are pooled.
type scaleKind int

const (
	plain  scaleKind = iota // not at all
	moving                  // by how much the series moved lately
	native                  // there are no residuals: the member knows quantiles by itself
)

// spreadShare bounds how calm a series can look: this share of its usual movement.
const spreadShare = 1e-3

// candidate is one way to make quantiles in one bucket.
type candidate struct {
	member int
	kind   scaleKind
	// losses are the mean quantile losses of the windows, NaN where there is none; loss is their summary, relative to the best.
	losses []float64
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

// candidates returns all ways to make quantiles at the steps ahead in [from, to), with the losses of their windows.
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
			all = append(all, q.scoreNative(m, from, to))
		}
	}
	return all
}

// scaleAt returns what residuals are divided by at an origin; the last one is the end.
func (q *quantiler) scaleAt(kind scaleKind, o int) float64 {
	if kind == plain {
		return 1
	}
	if s := max(q.r.spread[o], spreadShare*q.r.spreadMean); s > 0 {
		return s
	}
	return 1
}

// score judges the residual quantiles of a member. It reports false if there are too few residuals to score one by others.
func (q *quantiler) score(m int, kind scaleKind, from, to int) (candidate, bool) {
	r := q.r
	q.buf = q.buf[:0]
	var count [folds]int
	for o := range r.origins {
		s := q.scaleAt(kind, o)
		for cell := o*r.horizon + from; cell < o*r.horizon+to; cell++ {
			if e := (r.actual[cell] - r.paths[m][cell]) / s; e == e {
				q.buf = append(q.buf, scored{e, q.fold[o]})
				count[q.fold[o]]++
			}
		}
	}
	n := len(q.buf)
	if n == 0 || slices.Max(count[:]) == n {
		return candidate{}, false
	}
	slices.SortFunc(q.buf, func(a, b scored) int { return cmp.Compare(a.e, b.e) })
	var without [folds][deciles]float64
	for f := range without {
		without[f] = q.without(f, n-count[f])
	}
	c := candidate{member: m, kind: kind, losses: make([]float64, len(r.origins)), errors: make([]float64, n)}
	for o := range r.origins {
		s, shape := q.scaleAt(kind, o), &without[q.fold[o]]
		path := r.paths[m]
		c.losses[o] = q.loss(o, from, to, func(cell, l int) float64 { return path[cell] + s*shape[l] })
	}
	for i, v := range q.buf {
		c.errors[i] = v.e
	}
	return c, true
}

// loss returns the mean quantile loss of a window over the deciles, NaN if there is nothing to score.
func (q *quantiler) loss(o, from, to int, decile func(cell, l int) float64) float64 {
	sum, n := 0.0, 0
	for cell := o*q.r.horizon + from; cell < o*q.r.horizon+to; cell++ {
		a := q.r.actual[cell]
		if v := decile(cell, 0); a != a || v != v {
			continue
		}
		n++
		for l := range deciles {
			sum += pinball(a, max(q.low, decile(cell, l)), grid[firstDecile+l])
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// without returns the deciles of the residuals outside a fold, of which there are n.
func (q *quantiler) without(fold, n int) (out [deciles]float64) {
	var rest [2]float64 // the last two residuals seen
	l, seen := 0, 0
	for _, v := range q.buf {
		if v.fold == fold {
			continue
		}
		rest[0], rest[1] = rest[1], v.e
		if seen == 0 {
			rest[0] = v.e
		}
		for ; l < deciles; l++ {
			at := max(0, min(grid[firstDecile+l]*float64(n+1)-1, float64(n-1)))
			if at > float64(seen) {
				break
			}
			out[l] = v.e - (float64(seen)-at)*(v.e-rest[0])
		}
		seen++
	}
	return out
}

// scoreNative judges the quantiles that a member forecasts by itself.
func (q *quantiler) scoreNative(m, from, to int) candidate {
	c := candidate{member: m, kind: native, losses: make([]float64, len(q.r.origins))}
	path := q.r.paths[m]
	rows := q.r.qpaths[m][firstDecile : firstDecile+deciles]
	for o := range q.r.origins {
		c.losses[o] = q.loss(o, from, to, func(cell, l int) float64 {
			if path[cell] != path[cell] {
				return path[cell]
			}
			return rows[l][cell]
		})
	}
	return c
}

// now returns the distribution of a candidate h+1 steps after the end.
func (q *quantiler) now(c *candidate, h int) (d dist) {
	s := q.scaleAt(c.kind, len(q.r.origins))
	for l, level := range grid {
		if c.kind == native {
			d[l] = q.r.qnow[c.member][l][h]
		} else {
			d[l] = q.r.now[c.member][h] + s*empirical(c.errors, level)
		}
		d[l] = max(q.low, d[l])
	}
	return d
}
