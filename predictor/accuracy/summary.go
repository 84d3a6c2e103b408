package accuracy

import "math"

// Row holds the tallies of one series, one for each model, in the order of the models.
type Row struct {
	Series  string
	Tallies []Tally
}

// Summary is how one model did on all series.
type Summary struct {
	Model string `json:"model"`
	// Series is how many series are scored here: those on which the model and the references made every forecast. Incomplete is
	// how many are left out.
	Series     int `json:"series"`
	Incomplete int `json:"incomplete"`
	// Windows is how many forecasts were scored.
	Windows int `json:"windows"`
	// Score is the mean over the series, except that WQL is over all values together, as GIFT-Eval does inside a data set.
	Score
	// Unscaled is how many series have no MASE because their history does not move.
	Unscaled int `json:"unscaled"`
	// OWA is against Naive2 on the same series.
	OWA Value `json:"owa"`
	// The ratios are to the reference, usually seasonal naive.
	RelativeSMAPE Ratio      `json:"relative_smape"`
	RelativeMASE  Ratio      `json:"relative_mase"`
	RelativeWQL   Ratio      `json:"relative_wql"`
	Coverage      []Coverage `json:"coverage"`
	// CPUMillis is the processor time per forecast, fit included; undefined if none was measured.
	CPUMillis Value `json:"cpu_ms"`
}

// Summarise adds up what each model did; reference and naive2 are the places of seasonal naive and Naive2 among the models.
func Summarise(models []string, rows []Row, reference, naive2 int) []Summary {
	all := make([]Summary, len(models))
	for m, name := range models {
		all[m] = summarise(name, rows, m, reference, naive2)
	}
	return all
}

func summarise(name string, rows []Row, m, reference, naive2 int) Summary {
	s := Summary{Model: name}
	var (
		whole            Tally
		smape, mase, sql sum
		smape2, mase2    sum
		relS, relM, relQ ratios
		cpu              float64
	)
	for i := range rows {
		t, ref, two := &rows[i].Tallies[m], &rows[i].Tallies[reference], &rows[i].Tallies[naive2]
		if t.Windows == 0 || t.Missing > 0 || ref.Missing > 0 || two.Missing > 0 {
			s.Incomplete++
			continue
		}
		s.Series++
		s.Windows += t.Windows
		own, refs, twos := t.Score(), ref.Score(), two.Score()
		smape.add(float64(own.SMAPE))
		mase.add(float64(own.MASE))
		sql.add(float64(own.SQL))
		smape2.add(float64(twos.SMAPE))
		mase2.add(float64(twos.MASE))
		if math.IsNaN(float64(own.MASE)) {
			s.Unscaled++
		}
		relS.add(rows[i].Series, float64(own.SMAPE), float64(refs.SMAPE))
		relM.add(rows[i].Series, float64(own.MASE), float64(refs.MASE))
		relQ.add(rows[i].Series, t.quantileLoss(), ref.quantileLoss())
		whole.loss += t.loss
		whole.size += t.size
		whole.addCoverage(t.coverage)
		cpu += float64(t.CPU.Nanoseconds()) / 1e6
	}
	s.Score = Score{Value(smape.mean()), Value(mase.mean()), Value(whole.wql()), Value(sql.mean())}
	s.OWA = Value(OWA(smape.mean(), mase.mean(), smape2.mean(), mase2.mean()))
	s.RelativeSMAPE, s.RelativeMASE, s.RelativeWQL = relS.finish(), relM.finish(), relQ.finish()
	s.Coverage = whole.coverage
	s.CPUMillis = Value(math.NaN())
	if cpu > 0 {
		s.CPUMillis = Value(cpu / float64(s.Windows))
	}
	return s
}

// addCoverage adds the counts of another series.
func (t *Tally) addCoverage(more []Coverage) {
	if t.coverage == nil {
		t.coverage = make([]Coverage, len(more))
	}
	for l, c := range more[:min(len(more), len(t.coverage))] {
		t.coverage[l] = c.plus(t.coverage[l])
	}
}
