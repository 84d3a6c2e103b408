package predictor_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"pilotlight/predictor"
)

// referenceCase is one entry of testdata/reference_*.json; the scripts beside them made it.
type referenceCase struct {
	Name     string    `json:"name"`
	Model    string    `json:"model"`
	Damped   bool      `json:"damped"`
	Alpha    float64   `json:"alpha"`
	Beta     float64   `json:"beta"`
	Gamma    float64   `json:"gamma"`
	Phi      float64   `json:"phi"`
	Level    float64   `json:"level"`
	Slope    float64   `json:"-"`
	Season   []float64 `json:"season"`
	Y        []float64 `json:"y"`
	Fitted   []float64 `json:"fitted"`
	Forecast []float64 `json:"forecast"`
	SSE      float64   `json:"sse"`
	// Trend is the initial trend in cases, and whether there is one in searches.
	Trend json.RawMessage `json:"trend"`
}

type reference struct {
	Cases    []referenceCase `json:"cases"`
	Searches []referenceCase `json:"searches"`
}

func loadReference(t *testing.T, path string) reference {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // the callers name files of testdata
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// options translates a case with given initial states.
func (c *referenceCase) options(t *testing.T) predictor.HoltWintersOptions {
	t.Helper()
	initial := &predictor.HoltWintersState{Level: c.Level, Season: c.Season}
	if err := json.Unmarshal(c.Trend, &initial.Trend); err != nil {
		t.Fatal(err)
	}
	opt := predictor.HoltWintersOptions{Period: 12, Initial: initial}
	if c.Model[2] == 'M' {
		opt.Season = predictor.SeasonMultiplicative
	}
	switch {
	case c.Model[1] == 'N':
	case c.Damped:
		opt.Trend = predictor.TrendDamped
	default:
		opt.Trend = predictor.TrendAdditive
	}
	return opt
}

// near fails if got is not within the relative tolerance of want.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
		t.Errorf("%s is %v, the reference says %v", what, got, want)
	}
}

// TestAgainstReferences compares one-step fitted values and 24-step forecasts at given parameters and initial states with R's
// forecast::ets and statsmodels' ETSModel, to a relative 1e-8.
func TestAgainstReferences(t *testing.T) {
	t.Parallel()
	r, py := loadReference(t, "testdata/reference_r.json"), loadReference(t, "testdata/reference_py.json")
	if len(r.Cases) < 8 || len(py.Cases) < 5 {
		t.Fatalf("only %d and %d cases", len(r.Cases), len(py.Cases))
	}
	for i, c := range append(r.Cases, py.Cases...) {
		t.Run(fmt.Sprintf("%s %d", c.Name, i), func(t *testing.T) {
			t.Parallel()
			opt := c.options(t)
			opt.Params = &predictor.HoltWintersParams{Alpha: c.Alpha, Beta: c.Beta, Gamma: c.Gamma, Phi: c.Phi}
			w, err := predictor.NewHoltWinters(opt)
			if err != nil {
				t.Fatal(err)
			}
			var next [1]float64
			sse := 0.0
			for i, y := range c.Y {
				if err := w.Forecast(next[:]); err != nil {
					t.Fatal(err)
				}
				near(t, "fitted value", next[0], c.Fitted[i], 1e-8)
				sse += (y - next[0]) * (y - next[0])
				w.Update(y)
			}
			got := make([]float64, 24)
			if err := w.Forecast(got); err != nil {
				t.Fatal(err)
			}
			for h := range got {
				near(t, "forecast", got[h], c.Forecast[h], 1e-8)
			}
			fitted, err := predictor.FitHoltWinters(c.Y, opt)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "SSE of the fit", fitted.Fit().SSE, sse, 1e-12)
			again := make([]float64, 24)
			if err := fitted.Forecast(again); err != nil {
				t.Fatal(err)
			}
			for h := range got {
				near(t, "forecast after the fit", again[h], got[h], 1e-12)
			}
		})
	}
}

// TestSearchAgainstReferences compares the squared error of the parameters found with that of R's stats::HoltWinters and of
// statsmodels' ETSModel from the same initial states: at most 1 % worse.
func TestSearchAgainstReferences(t *testing.T) {
	t.Parallel()
	for _, c := range loadReference(t, "testdata/reference_r.json").Searches {
		t.Run("R "+c.Name, func(t *testing.T) {
			t.Parallel()
			opt := predictor.HoltWintersOptions{Period: 12, Init: predictor.InitClassical, MaxEvaluations: 500}
			if string(c.Trend) == "true" {
				opt.Trend = predictor.TrendAdditive
			}
			compareSearch(t, &c, opt, 0.02)
		})
	}
	for _, c := range loadReference(t, "testdata/reference_py.json").Searches {
		t.Run("statsmodels "+c.Name, func(t *testing.T) {
			t.Parallel()
			opt := c.options(t)
			opt.MaxEvaluations = 500
			// The damped cases end on the bound of phi, which is the same, but on different ridges of alpha and beta.
			compareSearch(t, &c, opt, 0.03)
		})
	}
}

func compareSearch(t *testing.T, c *referenceCase, opt predictor.HoltWintersOptions, forecastTolerance float64) {
	t.Helper()
	w, err := predictor.FitHoltWinters(c.Y, opt)
	if err != nil {
		t.Fatal(err)
	}
	fit := w.Fit()
	if !(fit.SSE <= 1.01*c.SSE) {
		t.Errorf("SSE %v at %+v after %d passes is more than 1 %% above the reference's %v at %v, %v, %v",
			fit.SSE, fit.Params, fit.Evaluations, c.SSE, c.Alpha, c.Beta, c.Gamma)
	}
	if fit.SSE < 0.9*c.SSE && !strings.Contains(c.Name, "damped") {
		t.Errorf("SSE %v is suspiciously far below the reference's %v", fit.SSE, c.SSE)
	}
	got := make([]float64, 24)
	if err := w.Forecast(got); err != nil {
		t.Fatal(err)
	}
	for h := range got {
		near(t, "forecast", got[h], c.Forecast[h], forecastTolerance)
	}
}
