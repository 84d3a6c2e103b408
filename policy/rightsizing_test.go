package policy

import (
	"strings"
	"testing"
	"time"

	"pilotlight/models"
)

// TestRightSizingConfig checks what is refused, and that the message names the key.
func TestRightSizingConfig(t *testing.T) {
	t.Parallel()
	for path, change := range map[string]func(*models.RightSizing){
		"lookback":       func(c *models.RightSizing) { c.Lookback = models.Duration(time.Hour) },
		"headroom":       func(c *models.RightSizing) { c.Headroom = -0.1 },
		"near_limit":     func(c *models.RightSizing) { c.NearLimit = 1.1 },
		"min_history":    func(c *models.RightSizing) { c.MinHistory = c.Lookback + 1 },
		"min_samples":    func(c *models.RightSizing) { c.MinSamples = 0 },
		"min_saving":     func(c *models.RightSizing) { c.MinSaving = 2 },
		"min_saving_usd": func(c *models.RightSizing) { c.MinSavingUSD = -1 },
		"round_mb":       func(c *models.RightSizing) { c.RoundMB = 0 },
		"less_cpu":       func(c *models.RightSizing) { c.LessCPU = "" },
		"max_slowdown":   func(c *models.RightSizing) { c.MaxSlowdown = -1 },
		"cooldown":       func(c *models.RightSizing) { c.Cooldown = models.Duration(time.Minute) },
		"apply":          func(c *models.RightSizing) { c.Apply, c.Recommend = true, false },
		// With a headroom of 10 % memory would be set so that the use is at 91 % of it.
		"near_limit: 0.9 of a memory with a headroom of 0.1": func(c *models.RightSizing) { c.Headroom = 0.1 },
	} {
		cfg := DefaultConfig()
		change(&cfg.RightSizing)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "right_sizing."+path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestGBSecond checks the three prices of the table, and that an override knows the price of warmth only.
func TestGBSecond(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change             func(*Prices)
		warm, busy, demand float64
	}{
		"table":    {func(*Prices) {}, 0.0000041667, 0.0000097222, 0.0000166667},
		"override": {func(p *Prices) { p.WarmGBs, p.AsOf = 0.5, "2026-01-01" }, 0.5, 0, 0},
		"none":     {func(p *Prices) { p.Platform, p.Region = PlatformOwn, "" }, 0, 0, 0},
	} {
		cfg := DefaultConfig()
		test.change(&cfg.Prices)
		p, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if warm, busy, demand := p.GBSecond(); warm != test.warm || busy != test.busy || demand != test.demand {
			t.Errorf("%s: %v, %v, %v", name, warm, busy, demand)
		}
	}
}

// TestFrozen checks which freeze stops which change of memory.
func TestFrozen(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Freezes = []Freeze{
		{Name: "night", Stop: FreezeLowering, Window: Window{From: "00:00", To: "06:00", Zone: "UTC"}},
		{Name: "noon", Stop: FreezeChanges, Window: Window{From: "12:00", To: "13:00", Zone: "UTC"}},
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for hour, want := range map[int][2]string{3: {"night", ""}, 9: {"", ""}, 12: {"noon", "noon"}} {
		now := day.Add(time.Duration(hour) * time.Hour)
		for i, lowers := range []bool{true, false} {
			if name, frozen := p.Frozen(now, lowers); name != want[i] || frozen != (want[i] != "") {
				t.Errorf("at %d, lowers %v: %q, %v", hour, lowers, name, frozen)
			}
		}
	}
	if _, frozen := (&Policy{}).Frozen(day, true); frozen {
		t.Error("frozen without a freeze")
	}
}
