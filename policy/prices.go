package policy

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Prices say what keeping capacity warm costs in dollars: by the table of list prices, or as overridden here.
type Prices struct {
	// Platform and Region select a line of the table; platform own has none and needs WarmGBs.
	Platform string `yaml:"platform"`
	Region   string `yaml:"region"`
	// AsOf says when overriding prices were read from the platform's price list, such as 2026-11-01; "" takes the table's date.
	AsOf string `yaml:"as_of"`
	// WarmGBs is the price in USD of keeping one GB (1024 MB) warm for one second; 0 takes the table's.
	WarmGBs float64 `yaml:"warm_gb_second"`
	// WarmVCPUs is the same of one virtual processor, where the platform charges for it apart; 0 takes the table's.
	WarmVCPUs float64 `yaml:"warm_vcpu_second"`
	// VCPU is how many virtual processors an instance has; it counts only where they are charged apart.
	VCPU float64 `yaml:"vcpu"`
	// CountWork lets decisions count that an instance which is kept warm works for less than one on demand, where keep-alive is free:
	// on AWS Lambda it costs less in all if it works 60 % of the time, whatever it does to cold starts.
	CountWork bool `yaml:"count_work"`
}

// PlatformOwn is the platform of clusters that have no price list: Knative, OpenFaaS, Kubernetes.
const PlatformOwn = "own"

// maxPriceAge is how old prices may be before they are worth a warning.
const maxPriceAge = 365 * 24 * time.Hour

// DefaultPrices returns AWS Lambda's list price of provisioned concurrency, x86, us-east-1.
func DefaultPrices() Prices { return Prices{Platform: "aws_lambda", Region: "us-east-1", VCPU: 1} }

// listPrice is a line of the table, in USD a second.
type listPrice struct {
	platform, region, asOf string
	// warmGB and warmVCPU are for an instance that is kept warm and idle.
	warmGB, warmVCPU float64
	// busyGB is for one that is kept warm and works, demandGB for one that was not kept warm and works.
	busyGB, demandGB float64
}

// listPrices is the table: AWS Lambda provisioned concurrency on x86, Cloud Run's idle minimum instances, request-based, and
// Azure Functions Flex always-ready. Check a price against the platform's own list before relying on it.
func listPrices() []listPrice {
	return []listPrice{
		{"aws_lambda", "us-east-1", "2026-11-01", 0.0000041667, 0, 0.0000097222, 0.0000166667},
		{"aws_lambda", "us-east-2", "2026-11-01", 0.0000041667, 0, 0.0000097222, 0.0000166667},
		{"aws_lambda", "us-west-2", "2026-11-01", 0.0000041667, 0, 0.0000097222, 0.0000166667},
		{"aws_lambda", "us-west-1", "2026-11-01", 0.0000049041, 0, 0.0000114430, 0},
		{"aws_lambda", "eu-central-2", "2026-11-01", 0.0000055162, 0, 0.0000128712, 0.0000183334},
		{"cloud_run", "tier-1", "2026-04-01", 0.0000025, 0.0000025, 0.0000025, 0.0000025},
		{"azure_flex", "standard", "2026-11-01", 0.000004, 0, 0.000016, 0.000026},
	}
}

// list returns the line of the table, and whether there is one.
func (p Prices) list() (listPrice, bool) {
	for _, l := range listPrices() {
		if l.platform == p.Platform && l.region == p.Region {
			return l, true
		}
	}
	return listPrice{}, false
}

// Platforms returns the platforms that prices.platform may name, each with the regions that the table has for it.
func Platforms() map[string][]string {
	out := map[string][]string{PlatformOwn: nil}
	for _, l := range listPrices() {
		out[l.platform] = append(out[l.platform], l.region)
	}
	return out
}

func (p Prices) validate(v *checker) {
	v.number("prices.warm_gb_second", p.WarmGBs, 0, 1)
	v.number("prices.warm_vcpu_second", p.WarmVCPUs, 0, 1)
	v.number("prices.vcpu", p.VCPU, 0, 1024)
	_, err := time.Parse(time.DateOnly, p.AsOf)
	all := Platforms()
	regions, known := all[p.Platform]
	overridden := p.WarmGBs > 0 || p.WarmVCPUs > 0
	switch {
	case !known:
		v.fail("prices.platform", "%q is unknown; set one of %s", p.Platform, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	case err != nil && p.AsOf != "":
		v.fail("prices.as_of", "%q is not a date; write it like 2026-11-01", p.AsOf)
	case overridden != (p.AsOf != ""):
		v.fail("prices.as_of", "goes together with prices.warm_gb_second; set both to override the table, and say when the prices were read")
	case !overridden && len(regions) > 0 && !slices.Contains(regions, p.Region):
		v.fail("prices.region", "the table has no prices of %q on %s; set prices.warm_gb_second and as_of, or one of %s",
			p.Region, p.Platform, strings.Join(regions, ", "))
	}
}

// AsOfDate is when the prices in force were read, "" if there are none.
func (p Prices) AsOfDate() string {
	if p.AsOf != "" {
		return p.AsOf
	}
	l, _ := p.list()
	return l.asOf
}

// Outdated reports whether the prices were read more than a year before now.
func (p Prices) Outdated(now time.Time) bool {
	asOf, err := time.Parse(time.DateOnly, p.AsOfDate())
	return err == nil && now.Sub(asOf) > maxPriceAge
}

// warmRate is the price in USD of keeping an instance warm for a second: of each GB, and of its virtual processors.
type warmRate struct{ memory, vcpu, count float64 }

// rate looks the price of warmth up; it is 0 if it is not known.
func (p Prices) rate() warmRate {
	r := warmRate{memory: p.WarmGBs, vcpu: p.WarmVCPUs, count: p.VCPU}
	if l, ok := p.list(); ok && r.memory == 0 && r.vcpu == 0 {
		r.memory, r.vcpu = l.warmGB, l.warmVCPU
	}
	return r
}

// perSecond is the price of an instance of that memory.
func (r warmRate) perSecond(gb float64) float64 { return gb*r.memory + r.count*r.vcpu }

// perSecond is the price in USD of keeping one instance of that memory warm for a second; 0 if it is not known.
func (p Prices) perSecond(gb float64) float64 { return p.rate().perSecond(gb) }

// WarmGBSecond is the price in USD of keeping an instance of one GB warm for a second, by the override or the table; 0 if it is not
// known.
func (p Prices) WarmGBSecond() float64 { return p.perSecond(1) }

// Known reports whether anything has a price.
func (p Prices) Known() bool { return p.WarmGBSecond() > 0 }

// BreakEven is the share of time from which on an instance that is kept warm costs less than one that is started on demand and
// paid for its work only, as AWS Lambda's at 0.6: warm + busy·u = demand·u. It is false where the table does not tell, or
// where both cost the same to work.
func (p Prices) BreakEven() (float64, bool) {
	l, ok := p.list()
	if !ok || p.WarmGBs > 0 || l.demandGB <= l.busyGB {
		return 0, false
	}
	return l.warmGB / (l.demandGB - l.busyGB), true
}

// credit is what an instance that is kept warm saves while it works, in idle time of its own: (demand - busy - warm)/warm, which is
// 1/u - 1 of the break-even u.
func (p Prices) credit() float64 {
	u, ok := p.BreakEven()
	if !ok || !p.CountWork {
		return 0
	}
	return max(1/u-1, 0)
}
