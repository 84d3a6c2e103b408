package sim

import (
	"fmt"

	"pilotlight/models"
)

// Setting says whose view of a platform is simulated.
type Setting string

// The settings.
const (
	// Customer is somebody who rents instances: the platform keeps on-demand instances for a while, for free, and only the
	// floor of warm instances can be set.
	Customer Setting = "customer"
	// Provider is who runs the platform: every instance costs something, on-demand instances stay for as long as told, which
	// is not at all by default.
	Provider Setting = "provider"
)

// ParseSetting returns the setting of that name.
func ParseSetting(name string) (Setting, error) {
	switch s := Setting(name); s {
	case Customer, Provider:
		return s, nil
	}
	return "", fmt.Errorf("setting %q is neither %s nor %s: %w", name, Customer, Provider, models.ErrInvalid)
}

// Prices are in dollars. GB are of 1024 MB.
type Prices struct {
	// OnDemandGBs is for a GB-second of work on an on-demand instance, cold starts included.
	OnDemandGBs float64 `json:"on_demand_gb_s" yaml:"on_demand_gb_s"`
	// ProvisionedGBs is for a GB-second of a provisioned instance, busy or idle.
	ProvisionedGBs float64 `json:"provisioned_gb_s" yaml:"provisioned_gb_s"`
	// ProvisionedBusyGBs is for a GB-second of work on a provisioned instance, on top of the other.
	ProvisionedBusyGBs float64 `json:"provisioned_busy_gb_s" yaml:"provisioned_busy_gb_s"`
	// MillionRequests is for a million invocations.
	MillionRequests float64 `json:"million_requests" yaml:"million_requests"`
}

// LambdaPrices returns the prices of AWS Lambda on x86 in us-east-1 (https://aws.amazon.com/lambda/pricing/).
func LambdaPrices() Prices {
	return Prices{OnDemandGBs: 0.0000166667, ProvisionedGBs: 0.0000041667, ProvisionedBusyGBs: 0.0000097222, MillionRequests: 0.20}
}

// Usage is what one function or all used, and what it cost, from the start of counting. Memory is in GB of 1024 MB.
type Usage struct {
	Invocations int64 `json:"invocations"`
	ColdStarts  int64 `json:"cold_starts"`
	// ColdSeconds is the time that invocations waited for cold starts.
	ColdSeconds float64 `json:"cold_seconds"`
	// ProvisionedGBs is memory times time of provisioned instances: ProvBusyGBs with work and ProvIdleGBs without.
	ProvisionedGBs float64 `json:"provisioned_gb_s"`
	ProvBusyGBs    float64 `json:"prov_busy_gb_s"`
	ProvIdleGBs    float64 `json:"prov_idle_gb_s"`
	// OnDemandBusyGBs and OnDemandIdleGBs are the same of on-demand instances, whose work includes cold starts.
	OnDemandBusyGBs float64 `json:"ondemand_busy_gb_s"`
	OnDemandIdleGBs float64 `json:"ondemand_idle_gb_s"`
	// Decisions are the requests that changed the floor.
	Decisions int64 `json:"decisions"`
	// USD is the cost. In the provider setting idle on-demand instances cost as much as idle provisioned ones, for somebody
	// must pay for them.
	USD float64 `json:"usd"`
}

// BusyGBs is memory times time of all instances with work.
func (u *Usage) BusyGBs() float64 { return u.ProvBusyGBs + u.OnDemandBusyGBs }

// IdleGBs is memory times time of all instances without work, also where it is free.
func (u *Usage) IdleGBs() float64 { return u.ProvIdleGBs + u.OnDemandIdleGBs }

// ColdShare is the part of the invocations that started cold, 0 without invocations.
func (u *Usage) ColdShare() float64 {
	if u.Invocations == 0 {
		return 0
	}
	return float64(u.ColdStarts) / float64(u.Invocations)
}

// Burden weighs waste against waiting in GB-seconds: the idle memory that somebody pays for, plus lambda times the seconds of cold
// start; lambda is the idle GB-seconds that avoiding one second is worth. Idle on-demand instances are free for the customer.
func (u *Usage) Burden(s Setting, lambda float64) float64 {
	idle := u.ProvIdleGBs
	if s == Provider {
		idle += u.OnDemandIdleGBs
	}
	return idle + lambda*u.ColdSeconds
}

// Add adds another usage.
func (u *Usage) Add(v *Usage) {
	u.Invocations += v.Invocations
	u.ColdStarts += v.ColdStarts
	u.ColdSeconds += v.ColdSeconds
	u.ProvisionedGBs += v.ProvisionedGBs
	u.ProvBusyGBs += v.ProvBusyGBs
	u.ProvIdleGBs += v.ProvIdleGBs
	u.OnDemandBusyGBs += v.OnDemandBusyGBs
	u.OnDemandIdleGBs += v.OnDemandIdleGBs
	u.Decisions += v.Decisions
	u.USD += v.USD
}

// usageOf turns the counters of a function into its usage.
func usageOf(c *counters, memoryMB float64, s Setting, p *Prices) Usage {
	gbs := func(micros int64) float64 { return float64(micros) / 1e6 * memoryMB / 1024 }
	u := Usage{
		Invocations:     c.invocations,
		ColdStarts:      c.coldStarts,
		ColdSeconds:     float64(c.coldTime) / 1e6,
		ProvisionedGBs:  gbs(c.provisioned),
		ProvBusyGBs:     gbs(c.provisionedBusy),
		ProvIdleGBs:     gbs(c.provisioned - c.provisionedBusy),
		OnDemandBusyGBs: gbs(c.onDemandBusy),
		OnDemandIdleGBs: gbs(c.onDemandIdle),
		Decisions:       c.decisions,
	}
	u.USD = u.OnDemandBusyGBs*p.OnDemandGBs + u.ProvisionedGBs*p.ProvisionedGBs + u.ProvBusyGBs*p.ProvisionedBusyGBs +
		float64(u.Invocations)/1e6*p.MillionRequests
	if s == Provider {
		u.USD += u.OnDemandIdleGBs * p.ProvisionedGBs
	}
	return u
}
