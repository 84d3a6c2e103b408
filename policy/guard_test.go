package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
)

// TestGuards has one scenario or more for each guard. The load, unless said, is 600 invocations of 1 s a minute: 10 in flight.
func TestGuards(t *testing.T) {
	t.Parallel()
	const anything = -1
	tests := []struct {
		name   string
		config func(*Config)
		facts  func(*Facts)
		counts []float64
		have   int
		want   int // anything: hold
		low    int // if above 0, the least floor; want is then the greatest
		code   models.ReasonCode
	}{
		{name: "steady load is kept warm", have: 0, low: 10, want: 25, code: models.ReasonReactive},
		{
			name: "silence needs nothing", counts: repeat(30, 0), have: 0, want: 0, code: models.ReasonUnchanged,
			facts: func(f *Facts) { f.Current = f.Current.WithKeepAlive(46 * time.Second) },
		},
		{
			name: "missing data holds", have: 40, want: 40, code: models.ReasonMissingHold,
			facts: func(f *Facts) { f.Data = models.DataStale },
		},
		{
			name: "missing data goes to the floor", have: 0, want: 7, code: models.ReasonMissingFloor,
			config: func(c *Config) { c.MissingData, c.MissingFloorWarm = MissingFloor, 7 },
			facts:  func(f *Facts) { f.Data = models.DataMissing },
		},
		{
			name: "missing data scales up", have: 10, want: 15, code: models.ReasonMissingScaleUp,
			config: func(c *Config) { c.MissingData = MissingScaleUp },
			facts:  func(f *Facts) { f.Data = models.DataMissing },
		},
		{
			name: "missing data holds what is unknown", want: anything, code: models.ReasonMissingHold,
			facts: func(f *Facts) { f.Data, f.CurrentKnown = models.DataMissing, false },
		},
		{
			name: "unknown current holds", want: anything, code: models.ReasonCurrentUnknown,
			facts: func(f *Facts) { f.CurrentKnown = false },
		},
		{
			name: "unknown current may rise above what was set", low: 10, want: 25, code: models.ReasonCurrentUnknown,
			facts: func(f *Facts) { f.CurrentKnown, f.Marks.Set = false, models.Warm(3) },
		},
		{
			name: "unknown current is not lowered", want: anything, code: models.ReasonCurrentUnknown,
			facts: func(f *Facts) { f.CurrentKnown, f.Marks.Set = false, models.Warm(60) },
		},
		{
			name: "a restart keeps what there is", have: 50, want: 50, code: models.ReasonRestart,
			facts: func(f *Facts) { f.Warming = true },
		},
		{
			name: "a change under way is waited for", have: 1, want: anything, code: models.ReasonPending,
			facts: func(f *Facts) { f.Pending = true },
		},
		{
			name: "somebody else's change is respected", have: 1, want: anything, code: models.ReasonOutOfBand,
			facts: func(f *Facts) { f.OutOfBand = true },
		},
		{
			name: "paused", have: 1, want: anything, code: models.ReasonPaused,
			facts: func(f *Facts) { f.Paused = true },
		},
		{
			name: "the last instance stays a while", counts: []float64{1, 0, 0, 0, 0, 0, 0, 0}, have: 1, want: 1, code: models.ReasonScaleToZero,
			config: func(c *Config) { c.ScaleToZeroAfter = models.Duration(10 * time.Minute) },
		},
		{
			name: "the last instance goes", counts: append(repeat(3, 1), repeat(12, 0)...), have: 1, want: 0, code: models.ReasonReactive,
			config: func(c *Config) { c.ScaleToZeroAfter = models.Duration(10 * time.Minute) },
		},
		{
			name: "a rise waits for the cooldown", have: 2, want: 2, code: models.ReasonCooldownUp,
			config: func(c *Config) { c.CooldownUp = models.Duration(5 * time.Minute) },
			facts:  func(f *Facts) { f.Marks.LastUp = f.Now.Add(-4 * time.Minute) },
		},
		{
			name: "the cooldown of rises is over", have: 2, low: 10, want: 25, code: models.ReasonReactive,
			config: func(c *Config) { c.CooldownUp = models.Duration(5 * time.Minute) },
			facts:  func(f *Facts) { f.Marks.LastUp = f.Now.Add(-5 * time.Minute) },
		},
		{
			name: "a fall waits for the cooldown after a rise", counts: repeat(20, 0), have: 2, want: 2, code: models.ReasonCooldownDown,
			config: func(c *Config) { c.CooldownDown = models.Duration(5 * time.Minute) },
			facts:  func(f *Facts) { f.Marks.LastUp = f.Now.Add(-time.Minute) },
		},
		{
			name: "a mark of tomorrow does not block", counts: repeat(20, 0), have: 2, want: 0, code: models.ReasonReactive,
			config: func(c *Config) { c.CooldownDown = models.Duration(5 * time.Minute) },
			facts:  func(f *Facts) { f.Marks.LastUp = f.Now.Add(24 * time.Hour) },
		},
		{
			name: "a rise is limited", have: 2, want: 5, code: models.ReasonStepUp,
			config: func(c *Config) { c.MaxStepUp = Step{Instances: 3} },
		},
		{
			name: "a fall is limited", counts: repeat(20, 0), have: 80, want: 60, code: models.ReasonStepDown,
			config: func(c *Config) { c.MaxStepDown = Step{Instances: 3, Share: 0.25} },
		},
		{
			name: "the lower bound", counts: repeat(20, 0), have: 0, want: 4, code: models.ReasonMinBound,
			facts: func(f *Facts) { f.Target.Limits.MinWarm = 4 },
		},
		{
			name: "the upper bound comes after the step", have: 50, want: 6, code: models.ReasonMaxBound,
			facts: func(f *Facts) { f.Target.Limits.MaxWarm = 6 },
		},
		{
			name: "the upper bound is exact", counts: repeat(20, 0), have: 50, want: 6, code: models.ReasonMaxBound,
			config: func(c *Config) { c.MaxStepDown = Step{Instances: 43} },
			facts:  func(f *Facts) { f.Target.Limits.MaxWarm = 6 },
		},
		{
			name: "a forecast raises the floor", have: 0, low: 100, want: 100, code: models.ReasonPredicted,
			facts: func(f *Facts) { f.Forecast = steady(t, f.Now, 12000) },
		},
		{
			name: "an unfit forecast is not used", have: 0, low: 10, want: 25, code: models.ReasonNoSkill,
			facts: func(f *Facts) { f.Forecast = unfit(t, f.Now, 12000) },
		},
		{
			name: "a forecast that ends too early is not used", have: 0, low: 10, want: 25, code: models.ReasonNoForecast,
			facts: func(f *Facts) { f.Forecast = steady(t, f.Now.Add(-time.Hour), 12000) },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := mustNew(t, func(c *Config) {
				c.Selection = SelectMax
				if test.config != nil {
					test.config(c)
				}
			})
			if test.counts == nil {
				test.counts = repeat(30, 600)
			}
			f := facts(test.have)
			m, now := fed(p, f, 1, test.counts...)
			f.Now = now
			if test.facts != nil {
				test.facts(f)
			}
			d := p.Decide(f, m)
			if !hasCode(&d, test.code) {
				t.Errorf("reasons %v lack %s", codes(&d), test.code)
			}
			warm, set := d.Desired.Warm()
			switch {
			case test.want == anything:
				if set {
					t.Errorf("floor %d is set, want hold; %v", warm, d.Reasons)
				}
			case !set || warm > test.want || warm < max(test.low, 0) || test.low == 0 && warm != test.want:
				t.Errorf("floor %d (%v), want %d to %d; %v", warm, set, test.low, test.want, d.Reasons)
			}
		})
	}
}

func unfit(t interface{ Fatal(...any) }, from time.Time, perMinute float64) *models.Forecast {
	why := models.Because(models.ReasonNoSkill)
	fc, err := models.NewForecast(models.ForecastSpec{
		Target: "x", Start: from, Step: time.Minute, Model: "bad", Unfit: &why, Mean: repeat(5, perMinute),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &fc
}

// TestStabilisation keeps the highest need of the window before the floor falls, and then lets it fall.
func TestStabilisation(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) {
		c.Selection, c.Stabilisation, c.MaxStepDown = SelectMax, models.Duration(5*time.Minute), Step{}
	})
	f := facts(0)
	m, now := fed(p, f, 1, repeat(10, 600)...)
	f.Now = now
	d := p.Decide(f, m)
	high, _ := d.Desired.Warm()
	if high < 10 {
		t.Fatalf("floor %d under load", high)
	}
	f.Current = d.Desired
	fellAfter := 0
	for i := 10; i < 40 && fellAfter == 0; i++ {
		m.Observe(minuteBin(i, 0, 1))
		f.Now = f.Now.Add(time.Minute)
		d = p.Decide(f, m)
		if warm, _ := d.Desired.Warm(); warm < high {
			fellAfter = i - 9
		} else if i == 10+2 && !hasCode(&d, models.ReasonStabilised) {
			t.Errorf("minute %d: reasons %v lack stabilised", i, codes(&d))
		}
	}
	// The need falls with the reactive window and the floor five minutes later.
	if fellAfter < 5 || fellAfter > 12 {
		t.Errorf("the floor fell after %d minutes", fellAfter)
	}
}

func TestScaleUpDuringAnOutageHappensOnce(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) { c.MissingData = MissingScaleUp })
	f := facts(10)
	m, now := fed(p, f, 1, repeat(10, 600)...)
	f.Now = now
	d := p.Decide(f, m)
	f.Current = f.Current.Merge(d.Desired)
	f.Data = models.DataStale
	var floors []int
	for range 5 {
		f.Now = f.Now.Add(time.Minute)
		d := p.Decide(f, m)
		f.Current = f.Current.Merge(d.Desired)
		warm, _ := f.Current.Warm()
		floors = append(floors, warm)
	}
	if slices.Max(floors) != floors[0] || slices.Min(floors) != floors[0] {
		t.Errorf("floors of an outage: %v", floors)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	err := Config{}.Validate()
	if err == nil || !errors.Is(err, models.ErrInvalid) {
		t.Fatalf("the zero configuration: %v", err)
	}
	bad := DefaultConfig()
	bad.ColdStartPrice, bad.MissingData, bad.MaxStepUp.Share, bad.Prices.AsOf = -1, "panic", -2, "yesterday"
	joined, ok := bad.Validate().(interface{ Unwrap() []error })
	if !ok {
		t.Fatal("errors are not joined")
	}
	var got []string
	for _, e := range joined.Unwrap() {
		path, _, _ := strings.Cut(e.Error(), ":")
		got = append(got, path)
	}
	if want := []string{"cold_start_price", "max_step_up.share", "missing_data", "prices.as_of"}; !slices.Equal(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
	if _, err := New(bad); err == nil {
		t.Error("New took a bad configuration")
	}
}
