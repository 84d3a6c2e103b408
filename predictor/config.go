package predictor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pilotlight/models"
)

// Config chooses how series are forecast. Get it from DefaultConfig and change what you need.
type Config struct {
	// Models are names from Models; the order breaks ties.
	Models []string `yaml:"models"`
	// Periods are the lengths of the seasons to look for; those of fewer than two steps are left out.
	Periods []models.Duration `yaml:"periods"`
	// Horizon is how far ahead to forecast, rounded up to whole steps.
	Horizon models.Duration `yaml:"horizon"`
	// Levels are the quantile levels, increasing, inside (0, 1).
	Levels []float64 `yaml:"levels"`
	// MinHistory is how much history there must be before there is a forecast.
	MinHistory models.Duration `yaml:"min_history"`
	// History is how much of the past to keep step by step, at two bytes a step: the longest season that seasonal_naive can
	// repeat, and what models with fitted parameters are fitted to. At least 1440 steps are kept.
	History models.Duration `yaml:"history"`
	// RefitEvery is how often the parameters are fitted anew.
	RefitEvery models.Duration `yaml:"refit_every"`
	// Scale is raw, log1p or auto: the scale on which the models with parameters work.
	Scale string `yaml:"scale"`
}

// The bounds of a configuration.
const (
	maxHorizonSteps = 10080
	maxLevels       = 99
	maxPeriods      = 4
	minHistorySteps = 1440
	forgetSteps     = 2048
)

// DefaultConfig returns the configuration for functions watched every minute.
func DefaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		Models: []string{
			"holt_winters_multi", "seasonal_naive", "persistence", "mean_fast", "mean", "median_15", "median_60",
		},
		Periods:    []models.Duration{models.Duration(time.Hour), models.Duration(day), models.Duration(7 * day)},
		Horizon:    models.Duration(15 * time.Minute),
		Levels:     []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99},
		MinHistory: models.Duration(2 * time.Hour),
		History:    models.Duration(day),
		RefitEvery: models.Duration(day),
		Scale:      "log1p",
	}
}

// Validate says all that is wrong with the configuration, each with its field, or returns nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if len(c.Models) == 0 {
		bad("models: is empty; name at least one of %v", modelNames())
	}
	for i, name := range c.Models {
		if _, ok := findModel(name); !ok {
			bad("models[%d]: %q is not one of %v%s", i, name, modelNames(), batchHint(name))
		}
		if slices.Contains(c.Models[:i], name) {
			bad("models[%d]: %q is there twice; remove one", i, name)
		}
	}
	if len(c.Periods) > maxPeriods {
		bad("periods: has %d entries; keep the %d strongest", len(c.Periods), maxPeriods)
	}
	for i, p := range c.Periods {
		if p <= 0 {
			bad("periods[%d]: %s is not above 0; write it like 1d", i, p)
		}
		if slices.Contains(c.Periods[:i], p) {
			bad("periods[%d]: %s is there twice; remove one", i, p)
		}
	}
	c.validateLevels(bad)
	for _, d := range []struct {
		name  string
		value models.Duration
	}{{"horizon", c.Horizon}, {"min_history", c.MinHistory}, {"history", c.History}, {"refit_every", c.RefitEvery}} {
		if d.value <= 0 {
			bad("%s: %s is not above 0; write it like 15m or 14d", d.name, d.value)
		}
	}
	if _, err := ParseScale(c.Scale); err != nil {
		errs = append(errs, fmt.Errorf("scale: %w", err))
	}
	return errors.Join(errs...)
}

func (c Config) validateLevels(bad func(string, ...any)) {
	if len(c.Levels) == 0 || len(c.Levels) > maxLevels {
		bad("levels: has %d entries; give it 1 to %d, such as 0.1, 0.5, 0.9", len(c.Levels), maxLevels)
	}
	for i, l := range c.Levels {
		if !(l > 0 && l < 1) {
			bad("levels[%d]: %v is not inside (0, 1); 0.9 means the 90th percentile", i, l)
		}
		if i > 0 && !(l > c.Levels[i-1]) {
			bad("levels[%d]: %v is not above the one before; put them in increasing order", i, l)
		}
	}
}

// batchHint says of a model for whole histories that it is one.
func batchHint(name string) string {
	if slices.ContainsFunc(Models(), func(m Model) bool { return m.Name == name }) {
		return "; it looks at whole histories, for which pilotlight forecast is"
	}
	return ""
}

// findModel returns the online model of that name.
func findModel(name string) (Model, bool) {
	for _, m := range OnlineModels() {
		if m.Name == name {
			return m, true
		}
	}
	return Model{}, false
}

func modelNames() []string {
	var names []string
	for _, m := range OnlineModels() {
		names = append(names, m.Name)
	}
	return names
}

// layout is a configuration for one step length, in steps. It is shared by nothing and never changes.
type layout struct {
	step     time.Duration
	members  int           // forecasters in the pool
	width    [numKinds]int // how many of each kind
	horizon  int
	levels   []float64
	periods  []int
	minSteps int
	history  int
	// forget is after how many steps of zeros a series falls asleep, and over how many the greatest value counts.
	forget     int
	refitEvery int
	scale      Scale
	// memory is over how many steps errors count.
	memory int
	// stride is how many steps lie between residuals that are kept; it has no factor in common with usual timers.
	stride int
	// leads are the horizons, in steps ahead, at which forecasts are scored, pathAt[k] is the sum of those before k, and
	// blend[h] says which leads speak for the forecast h+1 steps ahead.
	leads  []int
	pathAt []int
	blend  []blendWeight
}

// blendWeight says that a horizon takes the weights of lead group, and the quantiles at share w of the way from lead k to the
// next one.
type blendWeight struct {
	group, k int
	w        float64
}

// farthest is the greatest lead.
func (l *layout) farthest() int { return l.leads[len(l.leads)-1] }

// flatWidth and pathWidth are how many numbers an origin leaves in the rings of the scorer.
func (l *layout) flatWidth() int { return flatCols + l.width[kindFlat] }
func (l *layout) pathWidth() int { return 1 + l.width[kindPath] }

// newLayout converts the configuration to steps.
func (c Config) newLayout(step time.Duration) (layout, error) {
	l := layout{step: step, levels: slices.Clone(c.Levels)}
	if step <= 0 {
		return l, fmt.Errorf("predictor step %s is not above 0; give it the spacing of the samples: %w", step, models.ErrInvalid)
	}
	up := func(d models.Duration) int { return int((d.Std()-1)/step) + 1 }
	l.horizon = up(c.Horizon)
	if l.horizon > maxHorizonSteps {
		return l, fmt.Errorf("horizon: %s is more than %d steps of %s; shorten it: %w", c.Horizon, maxHorizonSteps, step, models.ErrInvalid)
	}
	for i, p := range c.Periods {
		switch m := int(p.Std() / step); {
		case m < 2:
		case m > MaxPeriod:
			return l, fmt.Errorf("periods[%d]: %s is more than %d steps of %s; shorten it: %w", i, p, MaxPeriod, step, models.ErrInvalid)
		case p.Std()%step != 0:
			return l, fmt.Errorf("periods[%d]: %s is not a multiple of the step %s: %w", i, p, step, models.ErrInvalid)
		default:
			l.periods = append(l.periods, m)
		}
	}
	l.scale, _ = ParseScale(c.Scale)
	l.minSteps = max(up(c.MinHistory), minScored)
	l.history = max(up(c.History), l.horizon, minHistorySteps)
	l.forget = max(up(models.Duration(14*24*time.Hour)), l.history, forgetSteps)
	l.refitEvery = up(c.RefitEvery)
	l.memory = min(max(up(models.Duration(24*time.Hour)), 10*24), 2880)
	for _, l.stride = range []int{1, 7, 11, 13} {
		if l.stride*histFull >= l.memory {
			break
		}
	}
	l.setLeads()
	return l, nil
}

// setLeads chooses the horizons that are scored: dense near, sparse far. The last one is a prime, for at a multiple of a
// timer's interval every forecast that repeats something looks perfect.
func (l *layout) setLeads() {
	last := l.horizon
	for last > 3 && !prime(last) {
		last--
	}
	for lead := 1; lead < last && (lead < 3 || lead*4/3 < last); lead = max(lead+1, lead*5/3) {
		l.leads = append(l.leads, lead)
	}
	l.leads = append(l.leads, last)
	l.pathAt = []int{0}
	for k, lead := range l.leads {
		l.pathAt = append(l.pathAt, l.pathAt[k]+lead)
	}
	k := 0
	for h := range l.horizon {
		for k+1 < len(l.leads) && l.leads[k] < h+1 {
			k++
		}
		b := blendWeight{group: k, k: k}
		if k > 0 && h+1 < l.leads[k] {
			b.k = k - 1
			b.w = float64(h+1-l.leads[k-1]) / float64(l.leads[k]-l.leads[k-1])
		}
		l.blend = append(l.blend, b)
	}
}

// prime reports whether n has no divisors but 1 and itself.
func prime(n int) bool {
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return n > 1
}
