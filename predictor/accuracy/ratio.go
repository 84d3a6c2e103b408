package accuracy

import "math"

// ratioShift keeps a ratio of zero from deciding a geometric mean alone; BOOM uses the same.
const ratioShift = 1e-5

// GeometricMean is the shifted geometric mean of ratios, exp(mean ln(r + 1e-5)) - 1e-5: being twice as good on one series makes up for being
// half as good on another, whatever their sizes. It is NaN without ratios or if one is negative or unknown. Source: GIFT-Eval and
// BOOM (toto, boom/utils/leaderboard.py) for the aggregation.
func GeometricMean(ratios []float64) float64 {
	sum := 0.0
	for _, r := range ratios {
		if !known(r) || r < 0 {
			return math.NaN()
		}
		sum += math.Log(r + ratioShift)
	}
	return math.Exp(sum/float64(len(ratios))) - ratioShift
}

// Ratio is how a model compares with the reference by one metric, over series.
type Ratio struct {
	// Mean is the geometric mean of the ratios of Series series; below 1 is better than the reference.
	Mean   Value `json:"mean"`
	Series int   `json:"series"`
	// Above is how many series are more than 5 % worse than the reference.
	Above int `json:"above"`
	// Undefined is how many series have no ratio: the metric is undefined, or the reference made no error and the model did. The latter
	// count as above too. Where neither makes an error the ratio is 1.
	Undefined int `json:"undefined"`
	// Worst is the largest ratio, and WorstSeries where it is.
	Worst       Value  `json:"worst"`
	WorstSeries string `json:"worst_series"`
}

// aboveRatio is when a series counts as worse than the reference.
const aboveRatio = 1.05

// ratios collects the ratios of one metric.
type ratios struct {
	Ratio
	values []float64
}

func (r *ratios) add(series string, model, reference float64) {
	ratio := model / reference
	switch {
	case model == 0 && reference == 0:
		ratio = 1
	case !known(model) || !known(reference):
		r.Undefined++
		return
	case reference == 0:
		r.Undefined++
		r.Above++
		return
	}
	r.values = append(r.values, ratio)
	if ratio > aboveRatio {
		r.Above++
	}
	if len(r.values) == 1 || ratio > float64(r.Worst) {
		r.Worst, r.WorstSeries = Value(ratio), series
	}
}

func (r *ratios) finish() Ratio {
	r.Series = len(r.values)
	r.Mean = Value(GeometricMean(r.values))
	if r.Series == 0 {
		r.Worst = Value(math.NaN())
	}
	return r.Ratio
}
