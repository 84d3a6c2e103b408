package ensemble

import (
	"cmp"
	"math"
	"slices"
)

// The rule of the quantiles.
const (
	quantilePower = 12   // a weight falls with this power of the quantile loss
	quantileBest  = 10   // so many distributions are mixed
	ownShare      = 0.7  // share of a bucket's own loss; the rest is the mean over the buckets
	windowPower   = 0.75 // windows of large losses count less, by this power of their size
	windowFloor   = 0.1  // but windows of hardly any loss do not count without bound
)

// The levels at which distributions are kept; those asked for lie between. The deciles are those that are scored.
var grid = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995} //nolint:gochecknoglobals // a constant table

const (
	gridLen     = 17
	firstDecile = 4
	deciles     = 9
)

// dist is a distribution at the levels of the grid.
type dist [gridLen]float64

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

// spreadOut is what the past says about the future: distributions, and the share of each member in them by bucket.
type spreadOut struct {
	dists  []dist
	shares [][]float64
	// guessed says that no past window could be scored at some step.
	guessed bool
}

// bound keeps all quantiles within [low, high]; what is no number becomes the point forecast.
func (s *spreadOut) bound(mean []float64, low, high float64) {
	for h := range s.dists {
		last := low
		for l, v := range s.dists[h] {
			if v != v {
				v = mean[h]
			}
			last = max(last, min(v, high))
			s.dists[h][l] = last
		}
	}
}

// medians writes the medians and returns the shares of the members in them.
func (s *spreadOut) medians(dst []float64) [][]float64 {
	for h := range dst {
		dst[h] = s.dists[h].at(0.5)
	}
	return s.shares
}

// quantiles returns the quantiles of the levels, rounded if the values are counts.
func (s *spreadOut) quantiles(levels []float64, counts bool) [][]float64 {
	out := table(len(levels), len(s.dists))
	for l, level := range levels {
		for h := range s.dists {
			out[l][h] = s.dists[h].at(level)
			if counts {
				out[l][h] = math.Round(out[l][h])
			}
		}
	}
	return out
}

// whole reports whether all known values are whole numbers.
func whole(y []float64) bool {
	for _, v := range y {
		if v == v && v != math.Trunc(v) {
			return false
		}
	}
	return true
}

// distributions makes a distribution for each step ahead: per bucket of horizons those that did best on the past windows, averaged
// quantile by quantile. Where nothing could be scored it guesses from the values, around mean.
func distributions(y []float64, r *record, ends []int, mean []float64, low float64) spreadOut {
	q := &quantiler{r: r, low: low, fold: make([]int, len(r.origins))}
	for o := range q.fold {
		q.fold[o] = o * folds / len(r.origins)
	}
	out := spreadOut{dists: make([]dist, len(mean))}
	var cands [][]candidate
	from := 0
	for _, end := range ends {
		var bucket []candidate
		if len(r.origins) >= fewWindows {
			bucket = q.candidates(from, end)
		}
		cands = append(cands, bucket)
		from = end
	}
	judge(cands, len(r.origins))
	var guess *guesser
	tails := tailFactor(len(r.origins))
	from = 0
	for b, end := range ends {
		best := pick(cands[b])
		shares := make([]float64, len(r.names))
		for _, c := range best {
			shares[c.member] += c.weight
		}
		out.shares = append(out.shares, shares)
		for h := from; h < end; h++ {
			if len(best) > 0 {
				q.mixed(best, h, &out.dists[h])
				out.dists[h].widen(tails, low)
				continue
			}
			if guess == nil {
				guess = newGuesser(y)
			}
			out.guessed = true
			guess.fill(&out.dists[h], mean[h], low)
		}
		from = end
	}
	return out
}

// mixed writes the weighted mean of the distributions h+1 steps after the end.
func (q *quantiler) mixed(best []candidate, h int, dst *dist) {
	for i := range best {
		d := q.now(&best[i], h)
		for l, v := range d {
			dst[l] += best[i].weight * v
		}
	}
	slices.Sort(dst[:])
}

// judge makes one loss of the losses of the windows. A window where everybody loses much, such as a burst, would rule a plain mean:
// it counts less. The losses of the other buckets count, too, because one bucket's windows are few.
func judge(cands [][]candidate, windows int) {
	type way struct {
		member int
		kind   scaleKind
	}
	total := map[way]float64{}
	for _, bucket := range cands {
		weights := windowWeights(bucket, windows)
		best := math.Inf(1)
		for i := range bucket {
			bucket[i].loss = bucket[i].mean(weights)
			best = min(best, bucket[i].loss)
		}
		if math.IsInf(best, 1) {
			continue // no value of these steps is known, which says nothing of the other buckets
		}
		for i := range bucket {
			bucket[i].loss = (bucket[i].loss + tiny) / (best + tiny)
			total[way{bucket[i].member, bucket[i].kind}] += bucket[i].loss / float64(len(cands))
		}
	}
	for _, bucket := range cands {
		for i := range bucket {
			c := &bucket[i]
			c.loss = ownShare*c.loss + (1-ownShare)*total[way{c.member, c.kind}]
		}
	}
}

// windowWeights returns what each window counts.
func windowWeights(bucket []candidate, windows int) []float64 {
	weights := make([]float64, windows)
	size, n := 0.0, 0.0
	for o := range weights {
		sum, k := 0.0, 0.0
		for i := range bucket {
			if v := bucket[i].losses[o]; v == v {
				sum += v
				k++
			}
		}
		if k > 0 {
			weights[o] = sum / k
			size += sum / k
			n++
		}
	}
	size /= max(n, 1)
	for o, w := range weights {
		weights[o] = math.Pow((w+windowFloor*size+tiny)/(size+tiny), -windowPower)
	}
	return weights
}

// mean returns the mean loss of the windows that the candidate could forecast.
func (c *candidate) mean(weights []float64) float64 {
	sum, mass := 0.0, 0.0
	for o, v := range c.losses {
		if v == v {
			sum += weights[o] * v
			mass += weights[o]
		}
	}
	if mass == 0 || math.IsNaN(sum/mass) {
		return math.Inf(1)
	}
	return sum / mass
}

// pick keeps the best candidates and gives them weights that sum to 1.
func pick(all []candidate) []candidate {
	all = slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return !(c.loss <= math.MaxFloat64) })
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
