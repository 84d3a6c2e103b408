package policy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"pilotlight/models"
)

// MissingData says what to do while there are no fresh samples of a target.
type MissingData string

// The answers to missing data.
const (
	// MissingHold keeps the capacity as it is.
	MissingHold MissingData = "hold"
	// MissingFloor goes to MissingFloorWarm instances.
	MissingFloor MissingData = "floor"
	// MissingScaleUp raises the floor by MissingScaleUpFactor, once.
	MissingScaleUp MissingData = "scale_up"
)

// Selection says how the reactive and the predicted need become one.
type Selection string

// The selections.
const (
	// SelectAuto uses the strategy that would have cost the target least so far.
	SelectAuto Selection = "auto"
	// SelectMax always keeps the greater of what the last minutes and the forecast ask for.
	SelectMax Selection = "max"
)

// ReactiveRule says what the load of the last minutes asks for.
type ReactiveRule string

// The reactive rules.
const (
	// ReactiveValue keeps the instances that are worth their memory if the load of the last minutes goes on.
	ReactiveValue ReactiveRule = "value"
	// ReactiveNeed keeps the most instances that were in use in the reactive window, whatever they cost.
	ReactiveNeed ReactiveRule = "need"
)

// KeepAliveRule says whether the keep-alive of idle instances is set where the platform has that lever.
type KeepAliveRule string

// The keep-alive rules.
const (
	KeepAliveAuto KeepAliveRule = "auto"
	KeepAliveOff  KeepAliveRule = "off"
)

// Config is what a user can set. The zero value is not usable; begin with DefaultConfig.
type Config struct {
	// ColdStartPrice is how many GB-seconds of idle memory it is worth to avoid one second of cold start.
	ColdStartPrice float64 `yaml:"cold_start_price"`
	// Objective is what the user wants, if it is not that price.
	Objective Objective `yaml:"objective"`
	// Lead says whether the lead that was measured counts, or the configured one.
	Lead LeadRule `yaml:"lead"`
	// Hold is how long a decision stands beyond the lead of the target: about one interval of control.
	Hold models.Duration `yaml:"hold"`
	// Hysteresis is the band around the break-even in which an instance is neither added nor dropped: it is added when its
	// value is above (1 + hysteresis) times its cost, and dropped when below 1/(1 + hysteresis) of it.
	Hysteresis float64 `yaml:"hysteresis"`
	// PlatformKeepAlive is how long the platform by itself keeps an idle instance, for free, where Pilotlight cannot set
	// it. AWS Lambda keeps them for about ten minutes.
	PlatformKeepAlive models.Duration `yaml:"platform_keep_alive"`
	// Selection says how the reactive and the predicted need become one.
	Selection Selection `yaml:"selection"`
	// Reactive says what the load of the last minutes asks for, ReactiveWindow how many of them count.
	Reactive       ReactiveRule    `yaml:"reactive"`
	ReactiveWindow models.Duration `yaml:"reactive_window"`
	// Stabilisation is the window whose greatest need is kept before the floor falls.
	Stabilisation models.Duration `yaml:"stabilisation"`
	// CooldownUp and CooldownDown are the least times between two rises and after any change before a fall.
	CooldownUp   models.Duration `yaml:"cooldown_up"`
	CooldownDown models.Duration `yaml:"cooldown_down"`
	// MaxStepUp and MaxStepDown bound one change; the greater of the absolute and the relative bound holds.
	MaxStepUp   Step `yaml:"max_step_up"`
	MaxStepDown Step `yaml:"max_step_down"`
	// MaxRateUp and MaxRateDown bound all changes of a period.
	MaxRateUp   Rate `yaml:"max_rate_up"`
	MaxRateDown Rate `yaml:"max_rate_down"`
	// MaxChanges bounds how many changes there are.
	MaxChanges Economy `yaml:"max_changes"`
	// Schedules are other bounds for times of the week, Freezes times in which nothing is changed.
	Schedules []Schedule `yaml:"schedules"`
	Freezes   []Freeze   `yaml:"freezes"`
	// Canary lets the policy act on a part of the targets first.
	Canary Canary `yaml:"canary"`
	// ScaleToZeroAfter is how long a target must have had no invocation before its last warm instance goes.
	ScaleToZeroAfter models.Duration `yaml:"scale_to_zero_after"`
	// MissingData says what to do without fresh samples.
	MissingData MissingData `yaml:"missing_data"`
	// MissingFloorWarm is the floor of missing_data: floor.
	MissingFloorWarm int `yaml:"missing_floor_warm"`
	// MissingScaleUpFactor multiplies the floor for missing_data: scale_up.
	MissingScaleUpFactor float64 `yaml:"missing_scale_up_factor"`
	// KeepAlive says whether to set the keep-alive of idle instances where the platform can.
	KeepAlive KeepAliveRule `yaml:"keep_alive"`
	// KeepAliveBand is the relative change of the keep-alive below which it is left as it is.
	KeepAliveBand float64 `yaml:"keep_alive_band"`
	// Prices are what keeping an instance warm costs.
	Prices Prices `yaml:"prices"`
	// RightSizing says how the memory of an instance is recommended, and whether it is set.
	RightSizing models.RightSizing `yaml:"right_sizing"`
}

// Step bounds a change of the floor: by Instances, or by Share of the present floor, whichever allows more. Zero in both
// means no bound.
type Step struct {
	Instances int     `yaml:"instances"`
	Share     float64 `yaml:"share"`
}

// DefaultConfig returns the defaults: values for ticks of a minute and few changes.
func DefaultConfig() Config {
	return Config{
		ColdStartPrice:       100,
		Objective:            DefaultObjective(),
		Lead:                 LeadMeasured,
		Hold:                 models.Duration(time.Minute),
		Hysteresis:           0.4,
		PlatformKeepAlive:    models.Duration(10 * time.Minute),
		Selection:            SelectAuto,
		Reactive:             ReactiveValue,
		ReactiveWindow:       models.Duration(5 * time.Minute),
		MaxStepUp:            Step{Instances: 1000, Share: 10},
		MaxStepDown:          Step{Instances: 10, Share: 0.5},
		MaxRateUp:            Rate{Per: models.Duration(10 * time.Minute)},
		MaxRateDown:          Rate{Per: models.Duration(10 * time.Minute)},
		MaxChanges:           Economy{Per: models.Duration(time.Hour)},
		Canary:               Canary{Share: 1},
		MissingData:          MissingHold,
		MissingFloorWarm:     1,
		MissingScaleUpFactor: 1.5,
		KeepAlive:            KeepAliveAuto,
		KeepAliveBand:        0.2,
		Prices:               DefaultPrices(),
		RightSizing:          models.DefaultRightSizing(),
	}
}

// Validate returns everything that is wrong, each with the path of its field and what to do.
func (c Config) Validate() error {
	var v checker
	v.number("cold_start_price", c.ColdStartPrice, 0, 1e9)
	c.Objective.validate(&v, c.Prices)
	v.oneOf("lead", string(c.Lead), string(LeadMeasured), string(LeadConfigured))
	v.duration("hold", c.Hold, time.Second, 24*time.Hour)
	v.number("hysteresis", c.Hysteresis, 0, 10)
	v.duration("platform_keep_alive", c.PlatformKeepAlive, 0, 48*time.Hour)
	v.oneOf("selection", string(c.Selection), string(SelectAuto), string(SelectMax))
	v.oneOf("reactive", string(c.Reactive), string(ReactiveValue), string(ReactiveNeed))
	v.duration("reactive_window", c.ReactiveWindow, time.Second, time.Hour)
	v.duration("stabilisation", c.Stabilisation, 0, time.Hour)
	v.duration("cooldown_up", c.CooldownUp, 0, 24*time.Hour)
	v.duration("cooldown_down", c.CooldownDown, 0, 24*time.Hour)
	for _, s := range []struct {
		path string
		step Step
	}{{"max_step_up", c.MaxStepUp}, {"max_step_down", c.MaxStepDown}} {
		v.number(s.path+".instances", float64(s.step.Instances), 0, maxInstances)
		v.number(s.path+".share", s.step.Share, 0, 1e6)
	}
	c.MaxRateUp.validate(&v, "max_rate_up")
	c.MaxRateDown.validate(&v, "max_rate_down")
	c.MaxChanges.validate(&v)
	c.times(&v)
	c.Canary.validate(&v)
	v.duration("scale_to_zero_after", c.ScaleToZeroAfter, 0, 7*24*time.Hour)
	v.oneOf("missing_data", string(c.MissingData), string(MissingHold), string(MissingFloor), string(MissingScaleUp))
	v.number("missing_floor_warm", float64(c.MissingFloorWarm), 0, maxInstances)
	v.number("missing_scale_up_factor", c.MissingScaleUpFactor, 1, 100)
	v.oneOf("keep_alive", string(c.KeepAlive), string(KeepAliveAuto), string(KeepAliveOff))
	v.number("keep_alive_band", c.KeepAliveBand, 0, 10)
	c.Prices.validate(&v)
	v.rightSizing(&c.RightSizing)
	return errors.Join(v.errs...)
}

// checker collects what is wrong with a configuration.
type checker struct{ errs []error }

func (v *checker) fail(path, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(path+": "+format+": %w", append(args, models.ErrInvalid)...))
}

func (v *checker) number(path string, x, low, high float64) {
	if math.IsNaN(x) || x < low || x > high {
		v.fail(path, "%v is not a number from %v to %v; set one in that range", x, low, high)
	}
}

func (v *checker) duration(path string, d models.Duration, low, high time.Duration) {
	if d.Std() < low || d.Std() > high {
		v.fail(path, "%s is not from %s to %s; set a duration in that range, such as 90s", d, low, high)
	}
}

func (v *checker) oneOf(path, text string, allowed ...string) {
	if slices.Contains(allowed, text) {
		return
	}
	v.fail(path, "%q is unknown; set one of %v", text, allowed)
}
