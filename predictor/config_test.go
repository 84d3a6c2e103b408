package predictor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := predictor.DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*predictor.Config)
		want   []string
	}{
		"no models":      {func(c *predictor.Config) { c.Models = nil }, []string{"models: is empty"}},
		"unknown model":  {func(c *predictor.Config) { c.Models = []string{"persistence", "prophet"} }, []string{"models[1]", "prophet"}},
		"model twice":    {func(c *predictor.Config) { c.Models = []string{"mean", "mean"} }, []string{"models[1]", "twice"}},
		"zero period":    {func(c *predictor.Config) { c.Periods[1] = 0 }, []string{"periods[1]"}},
		"period twice":   {func(c *predictor.Config) { c.Periods[1] = c.Periods[0] }, []string{"periods[1]", "twice"}},
		"many periods":   {func(c *predictor.Config) { c.Periods = []models.Duration{1, 2, 3, 4, 5} }, []string{"periods: has 5"}},
		"no levels":      {func(c *predictor.Config) { c.Levels = nil }, []string{"levels: has 0"}},
		"level order":    {func(c *predictor.Config) { c.Levels = []float64{0.5, 0.4} }, []string{"levels[1]", "increasing"}},
		"batch model":    {func(c *predictor.Config) { c.Models = []string{"lag_ridge"} }, []string{"models[0]", "pilotlight forecast"}},
		"level percent":  {func(c *predictor.Config) { c.Levels = []float64{90} }, []string{"levels[0]", "0.9 means"}},
		"horizon":        {func(c *predictor.Config) { c.Horizon = -1 }, []string{"horizon:"}},
		"scale":          {func(c *predictor.Config) { c.Scale = "log" }, []string{"scale:", "log1p"}},
		"all at once":    {func(c *predictor.Config) { *c = predictor.Config{} }, []string{"models:", "levels:", "horizon:", "history:", "refit_every:", "scale:"}},
		"minimal values": {func(c *predictor.Config) { c.MinHistory, c.RefitEvery = 0, 0 }, []string{"min_history:", "refit_every:"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := predictor.DefaultConfig()
			c.change(&cfg)
			err := cfg.Validate()
			if !errors.Is(err, models.ErrInvalid) {
				t.Fatalf("error %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
			if _, err := predictor.New(cfg, time.Minute); err == nil {
				t.Error("New took it")
			}
		})
	}
}

func TestNewSteps(t *testing.T) {
	t.Parallel()
	only := predictor.DefaultConfig()
	only.Models = []string{"seasonal_naive"}
	far := predictor.DefaultConfig()
	far.Horizon = models.Duration(30 * 24 * time.Hour)
	for name, c := range map[string]struct {
		cfg  predictor.Config
		step time.Duration
		want string
	}{
		"no step":        {predictor.DefaultConfig(), 0, "not above 0"},
		"uneven step":    {predictor.DefaultConfig(), 7 * time.Minute, "multiple of the step"},
		"long horizon":   {far, time.Minute, "horizon:"},
		"nothing to run": {only, 7 * 24 * time.Hour, "all seasonal"},
		"tiny step":      {predictor.DefaultConfig(), time.Millisecond, "steps"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := predictor.New(c.cfg, c.step); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v lacks %q", err, c.want)
			}
		})
	}
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour, 24 * time.Hour} {
		p := newPredictor(t, predictor.DefaultConfig(), step)
		for i := range 300 {
			p.Update(float64(i % 7))
		}
		f, err := p.Forecast("f", models.SignalInvocations, time.Time{})
		if err != nil || f.Horizon() != int(max(1, 15*time.Minute/step)) {
			t.Errorf("step %s: horizon %d, error %v", step, f.Horizon(), err)
		}
	}
}
