package predictor_test

import (
	"testing"
	"time"

	"pilotlight/predictor"
	"pilotlight/predictor/predictortest"
)

// TestModels runs the conformance suite on every model of the list.
func TestModels(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range predictor.Models() {
		if seen[m.Name] || m.Doc == "" || m.New == nil {
			t.Errorf("model %q is listed twice or lacks its doc or factory", m.Name)
		}
		seen[m.Name] = true
		setting := predictor.Setting{Step: time.Hour}
		if m.Seasonal {
			setting.Period = max(24, m.MinPeriod)
		}
		for _, scale := range []predictor.Scale{predictor.ScaleRaw, predictor.ScaleLog1p, predictor.ScaleAuto} {
			setting := setting
			setting.Scale = scale
			t.Run(m.Name+"/"+scale.String(), func(t *testing.T) {
				t.Parallel()
				predictortest.Run(t, predictortest.Case{
					Warm: max(1, 6*setting.Period),
					New: func(t *testing.T) predictor.Forecaster {
						t.Helper()
						f, err := m.New(setting)
						if err != nil {
							t.Fatal(err)
						}
						return f
					},
				})
			})
		}
	}
}

// TestHoltWintersKinds runs the suite on kinds of Holt-Winters that the pool does not use.
func TestHoltWintersKinds(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]predictor.HoltWintersOptions{
		"level":                 {},
		"level and trend":       {Trend: predictor.TrendAdditive},
		"damped level":          {Trend: predictor.TrendDamped, Scale: predictor.ScaleLog1p},
		"uneven bins":           {Period: 24, Bin: 5},
		"additive trend":        {Period: 24, Trend: predictor.TrendAdditive},
		"multiplicative trend":  {Period: 24, Trend: predictor.TrendAdditive, Season: predictor.SeasonMultiplicative},
		"multiplicative damped": {Period: 24, Trend: predictor.TrendDamped, Season: predictor.SeasonMultiplicative, Bin: 2},
		"fixed":                 {Period: 24, Params: &predictor.HoltWintersParams{Alpha: 0.3, Gamma: 0.2, Phi: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			predictortest.Run(t, predictortest.Case{
				Warm: max(1, opt.Period),
				New: func(t *testing.T) predictor.Forecaster {
					t.Helper()
					f, err := predictor.NewHoltWinters(opt)
					if err != nil {
						t.Fatal(err)
					}
					return f
				},
			})
		})
	}
}
