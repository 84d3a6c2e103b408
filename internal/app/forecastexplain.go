package app

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"pilotlight/internal/series"
	"pilotlight/models"
	"pilotlight/predictor/accuracy"
	"pilotlight/predictor/ensemble"
)

// explainer says how forecasts came about.
type explainer interface {
	// add explains the forecast of one series, or why there is none.
	add(s *series.Series, r *ensemble.Result, why error) error
}

// newExplainer returns the explainer of a format: none, text, or json with a line per series.
func newExplainer(format string, w io.Writer) (explainer, error) {
	switch format {
	case "":
		return silent{}, nil
	case "text":
		return explainText{w}, nil
	case "json":
		return explainJSON{json.NewEncoder(w)}, nil
	}
	return nil, fmt.Errorf("%w: --explain %q is not text or json", ErrUsage, format)
}

type silent struct{}

func (silent) add(*series.Series, *ensemble.Result, error) error { return nil }

// explanation is what --explain=json prints about one series.
type explanation struct {
	Series string `json:"series"`
	Values int    `json:"values"`
	// StepSeconds is 0 if the step is unknown.
	StepSeconds float64           `json:"step_seconds"`
	Forecast    bool              `json:"forecast"`
	Reason      string            `json:"reason,omitempty"`
	Periods     []int             `json:"periods"`
	Windows     int               `json:"windows"`
	Buckets     []int             `json:"buckets"`
	Members     []explainedMember `json:"members"`
	Skill       explainedSkill    `json:"skill"`
	Notes       []string          `json:"notes"`
}

type explainedMember struct {
	Name    string         `json:"name"`
	MAE     accuracy.Value `json:"mae"`
	Weights []float64      `json:"weights"`
}

type explainedSkill struct {
	MAE           accuracy.Value `json:"mae"`
	SeasonalNaive accuracy.Value `json:"seasonal_naive_mae"`
	Persistence   accuracy.Value `json:"persistence_mae"`
}

func explain(s *series.Series, r *ensemble.Result, why error) explanation {
	e := explanation{
		Series: s.Name, Values: len(s.Values), StepSeconds: s.Step.Seconds(), Forecast: why == nil,
		Periods: []int{}, Buckets: []int{}, Members: []explainedMember{}, Notes: []string{},
	}
	if why != nil {
		e.Reason = why.Error()
		return e
	}
	e.Windows = r.Windows
	e.Periods = append(e.Periods, r.Periods...)
	e.Buckets = append(e.Buckets, r.Buckets...)
	e.Notes = append(e.Notes, r.Notes...)
	for _, m := range r.Members {
		e.Members = append(e.Members, explainedMember{m.Name, accuracy.Value(m.MAE), m.Weights})
	}
	e.Skill = explainedSkill{accuracy.Value(r.Skill.MAE), accuracy.Value(r.Skill.SeasonalNaiveMAE), accuracy.Value(r.Skill.PersistenceMAE)}
	return e
}

type explainJSON struct{ enc *json.Encoder }

func (x explainJSON) add(s *series.Series, r *ensemble.Result, why error) error {
	return x.enc.Encode(explain(s, r, why))
}

type explainText struct{ w io.Writer }

func (x explainText) add(s *series.Series, r *ensemble.Result, why error) error {
	var b strings.Builder
	fmt.Fprintf(&b, "series %q: %d values", s.Name, len(s.Values))
	if s.Step > 0 {
		fmt.Fprintf(&b, ", one each %s", models.Duration(s.Step))
	}
	b.WriteByte('\n')
	if why != nil {
		fmt.Fprintf(&b, "  no forecast: %v\n", why)
		_, err := io.WriteString(x.w, b.String())
		return err
	}
	periods := "none"
	if len(r.Periods) > 0 {
		periods = strings.Trim(fmt.Sprint(r.Periods), "[]")
	}
	fmt.Fprintf(&b, "  periods in steps: %s; past forecasts scored: %d\n", periods, r.Windows)
	if k := r.Skill; k.MAE > 0 || k.SeasonalNaiveMAE > 0 || k.PersistenceMAE > 0 {
		fmt.Fprintf(&b, "  mean absolute error: %.4g; seasonal naive %s; last value %s\n",
			k.MAE, besides(k.MAE, k.SeasonalNaiveMAE), besides(k.MAE, k.PersistenceMAE))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", note)
	}
	if err := membersTable(&b, r); err != nil {
		return err
	}
	_, err := io.WriteString(x.w, b.String())
	return err
}

// besides says an error and what part of it another error is.
func besides(own, reference float64) string {
	if reference == 0 {
		return "0"
	}
	return fmt.Sprintf("%.4g (ratio %.2f)", reference, own/reference)
}

// membersTable prints the members that have a say, with their weights in per cent per bucket of steps ahead.
func membersTable(w io.Writer, r *ensemble.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "  member\terror\t")
	from := 1
	for _, end := range r.Buckets {
		fmt.Fprintf(t, "%s\t", stepRange(from, end))
		from = end + 1
	}
	fmt.Fprintln(t)
	for _, m := range r.Members {
		if !slices.ContainsFunc(m.Weights, func(v float64) bool { return v >= 0.005 }) {
			continue
		}
		fmt.Fprintf(t, "  %s\t%s\t", m.Name, number4(m.MAE))
		for _, v := range m.Weights {
			fmt.Fprintf(t, "%.0f %%\t", 100*v)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func stepRange(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

// number4 writes a number with four digits, and a dash for what is unknown.
func number4(v float64) string {
	if v != v || v > 1e300 { // NaN or infinite
		return "-"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
