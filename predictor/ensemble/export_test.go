//go:build accuracy

package ensemble

import "slices"

type Tuning = tuning

// Variants forecasts with several settings of the quantiles.
func Variants(y []float64, opt Options, ts []Tuning) ([]*Result, error) {
	y, low := tidy(y)
	if opt.Periods == nil {
		opt.Periods = detect(y, opt.Step)
	}
	opt.Periods = slices.DeleteFunc(slices.Clone(opt.Periods), func(p int) bool { return 2*p > len(y) })
	opt.sparse = sparse(y)
	members, err := newMembers(&opt)
	if err != nil {
		return nil, err
	}
	past, err := backtest(y, members, &opt, low)
	if err != nil {
		return nil, err
	}
	var out []*Result
	for i := range ts {
		opt.tune = &ts[i]
		out = append(out, combine(y, past, &opt, low))
	}
	return out, nil
}
