// Package sim simulates a platform of serverless functions under recorded traffic, for the demo, the backtest and replays: which
// instance takes each invocation, what starts cold, how long instances are busy or idle, and what that costs. The same
// invocations can be met by several policies, so that they can be compared.
//
// The model: an instance runs one invocation at a time. An arrival takes a free provisioned instance, else the idle on-demand
// instance that was used last, else a new on-demand instance, which is a cold start. The floor is the number of provisioned
// instances; a rise is ready after a lead, a fall happens at once, and busy instances end after their work. Idle on-demand
// instances end after a keep-alive.
package sim

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// Bounds of what can be asked of a platform.
const (
	// MaxFloor is the greatest floor of one function.
	MaxFloor = 1_000_000
	// MaxKeepAlive is the longest keep-alive.
	MaxKeepAlive = 7 * 24 * time.Hour
)

// Config says how a Platform behaves.
type Config struct {
	Setting Setting
	// Lead is the time from asking for a warm instance to having it.
	Lead time.Duration
	// KeepAlive is how long an idle on-demand instance stays; in the provider setting it can be changed later by function.
	KeepAlive time.Duration
	// ColdStart is how long a cold start takes for functions of which the trace does not say it.
	ColdStart time.Duration
	// Seed is of the times and durations of invocations.
	Seed uint64
	// CountFrom is the first minute of the trace that is counted; what is before only warms up.
	CountFrom int
	Prices    Prices
}

// DefaultConfig returns the usual configuration of a setting: a lead of a minute, cold starts of a second, the prices of AWS
// Lambda; the customer's platform keeps idle instances for ten minutes, the provider's not at all.
func DefaultConfig(s Setting) Config {
	c := Config{Setting: s, Lead: time.Minute, ColdStart: time.Second, Seed: 1, Prices: LambdaPrices()}
	if s == Customer {
		c.KeepAlive = FixedKeepAlive
	}
	return c
}

// FixedKeepAlive is how long platforms keep idle instances if nobody says otherwise.
const FixedKeepAlive = 10 * time.Minute

// Unassisted returns the configuration of the same platform without Pilotlight: nobody sets a floor, and it keeps idle instances
// for FixedKeepAlive in both settings.
func (c Config) Unassisted() Config {
	c.KeepAlive = FixedKeepAlive
	return c
}

// Validate says what is wrong with the configuration, everything at once, or returns nil.
func (c *Config) Validate() error {
	var errs []error
	if _, err := ParseSetting(string(c.Setting)); err != nil {
		errs = append(errs, err)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		most  time.Duration
	}{{"lead", c.Lead, MaxKeepAlive}, {"keep_alive", c.KeepAlive, MaxKeepAlive}, {"cold_start", c.ColdStart, MaxKeepAlive}} {
		if d.value < 0 || d.value > d.most {
			errs = append(errs, fmt.Errorf("%s %s is not from 0 to %s: %w", d.name, d.value, d.most, models.ErrInvalid))
		}
	}
	if c.CountFrom < 0 {
		errs = append(errs, fmt.Errorf("count_from %d is negative: %w", c.CountFrom, models.ErrInvalid))
	}
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"on_demand_gb_s", c.Prices.OnDemandGBs},
		{"provisioned_gb_s", c.Prices.ProvisionedGBs},
		{"provisioned_busy_gb_s", c.Prices.ProvisionedBusyGBs},
		{"million_requests", c.Prices.MillionRequests},
	} {
		if !(p.value >= 0) || math.IsInf(p.value, 0) {
			errs = append(errs, fmt.Errorf("price %s %v is not a number of at least 0: %w", p.name, p.value, models.ErrInvalid))
		}
	}
	return errors.Join(errs...)
}

// Platform is a simulated platform with all functions of a trace. It is at a time, which only Advance moves. It is safe for
// concurrent use, and its results depend only on the trace, the configuration and what was set at which time.
type Platform struct {
	config Config
	trace  *trace.Trace
	index  map[string]int

	mu        sync.Mutex
	now       int64 // microseconds since the start of the trace
	functions []function
}

// function is one function and its traffic.
type function struct {
	machine
	traffic *arrivals
}

// NewPlatform makes a platform at the start of the trace, without instances.
func NewPlatform(t *trace.Trace, cfg Config) (*Platform, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("simulated platform: %w", err)
	}
	p := &Platform{config: cfg, trace: t, index: make(map[string]int, len(t.Functions)), functions: make([]function, len(t.Functions))}
	for i := range t.Functions {
		f := &t.Functions[i]
		p.index[f.Name] = i
		p.functions[i] = function{
			machine: machine{
				coldStart: f.ColdStart(cfg.ColdStart).Microseconds(),
				lead:      cfg.Lead.Microseconds(),
				keepAlive: cfg.KeepAlive.Microseconds(),
				from:      int64(cfg.CountFrom) * microsPerMinute,
			},
			traffic: newArrivals(cfg.Seed, f, t.Rows(i, 0, t.Minutes)),
		}
	}
	return p, nil
}

// Now returns the time of the platform.
func (p *Platform) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trace.Start.Add(time.Duration(p.now) * time.Microsecond)
}

// Advance serves all invocations that arrive before the time, and moves to it; later than the end of the trace counts as that end.
// It returns an error wrapping models.ErrInvalid if the platform is already past the time.
func (p *Platform) Advance(to time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := min(to.Sub(p.trace.Start).Microseconds(), int64(p.trace.Minutes)*microsPerMinute)
	if t < p.now {
		return fmt.Errorf("advance the simulated platform to %s, which is %s before its time: %w",
			to.UTC().Format(time.RFC3339Nano), time.Duration(p.now-t)*time.Microsecond, models.ErrInvalid)
	}
	for i := range p.functions {
		f := &p.functions[i]
		if f.traffic.at >= t {
			continue // nothing that would need the past to be settled already
		}
		for f.traffic.at < t {
			f.arrive(f.traffic.at, f.traffic.duration)
			f.traffic.next()
		}
		f.sweep(t)
	}
	p.now = t
	return nil
}

// SetFloor asks now for a number of warm instances of a function. It returns an error wrapping models.ErrNotFound for an unknown
// function and models.ErrInvalid for a number outside 0 to MaxFloor.
func (p *Platform) SetFloor(name string, instances int) error {
	if instances < 0 || instances > MaxFloor {
		return fmt.Errorf("floor %d of %q is not from 0 to %d: %w", instances, name, MaxFloor, models.ErrInvalid)
	}
	return p.with(name, func(f *function) { f.setFloor(p.now, instances) })
}

// SetKeepAlive sets how long on-demand instances of a function stay after work that ends from now on. It returns an error wrapping
// models.ErrNotFound for an unknown function, and models.ErrInvalid for a time outside 0 to MaxKeepAlive or in the customer
// setting, where the platform decides it.
func (p *Platform) SetKeepAlive(name string, keepAlive time.Duration) error {
	if p.config.Setting != Provider {
		return fmt.Errorf("keep-alive of %q: the %s setting has no such lever: %w", name, p.config.Setting, models.ErrInvalid)
	}
	if keepAlive < 0 || keepAlive > MaxKeepAlive {
		return fmt.Errorf("keep-alive %s of %q is not from 0 to %s: %w", keepAlive, name, MaxKeepAlive, models.ErrInvalid)
	}
	return p.with(name, func(f *function) { f.setKeepAlive(p.now, keepAlive.Microseconds()) })
}

// with calls do with a function while holding the lock.
func (p *Platform) with(name string, do func(f *function)) error {
	i, ok := p.index[name]
	if !ok {
		return fmt.Errorf("function %q is not in the trace %q: %w", name, p.trace.Name, models.ErrNotFound)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	do(&p.functions[i])
	return nil
}

// Instances are the instances of a function at a time.
type Instances struct {
	// Floor is the number of provisioned instances that is asked for, Ready how many of them there are.
	Floor, Ready int
	// Busy are all instances with work, Idle the on-demand instances without.
	Busy, Idle int
	// KeepAlive is how long an on-demand instance stays after work that ends now.
	KeepAlive time.Duration
}

// Instances returns the instances of a function now. It returns an error wrapping models.ErrNotFound for an unknown function.
func (p *Platform) Instances(name string) (Instances, error) {
	var out Instances
	err := p.with(name, func(f *function) {
		f.settle(p.now)
		f.sweep(p.now)
		out = Instances{
			Floor: f.floor.asked, Ready: f.floor.ready, Busy: len(f.running), Idle: len(f.idle),
			KeepAlive: time.Duration(f.keepAlive) * time.Microsecond,
		}
	})
	return out, err
}

// Usage returns what a function used until now. It returns an error wrapping models.ErrNotFound for an unknown function.
func (p *Platform) Usage(name string) (Usage, error) {
	var u Usage
	err := p.with(name, func(*function) { u = p.usage(p.index[name]) })
	return u, err
}

// Usages returns what each function used until now, in the order of the trace.
func (p *Platform) Usages() []Usage {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Usage, len(p.functions))
	for i := range all {
		all[i] = p.usage(i)
	}
	return all
}

// Total returns what all functions used until now.
func (p *Platform) Total() Usage {
	var total Usage
	for _, u := range p.Usages() {
		total.Add(&u)
	}
	return total
}

// usage needs the lock.
func (p *Platform) usage(i int) Usage {
	used := p.functions[i].usage(p.now)
	return usageOf(&used, p.trace.Functions[i].MemoryMB, p.config.Setting, &p.config.Prices)
}
