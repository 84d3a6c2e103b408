package policy

import "time"

// Prices are list prices of keeping capacity warm. They are only reported; decisions depend on cold_start_price.
type Prices struct {
	// AsOf says when the prices were read from the platform's price list, such as 2026-11-01.
	AsOf string `yaml:"as_of"`
	// Region names the region and architecture they are for.
	Region string `yaml:"region"`
	// WarmGBs is the price in USD of keeping one GB warm for one second.
	WarmGBs float64 `yaml:"warm_gb_second"`
}

// DefaultPrices returns AWS Lambda's list price of provisioned concurrency, x86, us-east-1. Override it for other platforms
// and regions: docs/policy.md has the ones we know.
func DefaultPrices() Prices {
	return Prices{AsOf: "2026-11-01", Region: "aws us-east-1 x86", WarmGBs: 0.0000041667}
}

func (p Prices) validate(v *checker) {
	v.number("prices.warm_gb_second", p.WarmGBs, 0, 1)
	if _, err := time.Parse(time.DateOnly, p.AsOf); err != nil {
		v.fail("prices.as_of", "%q is not a date; write it like 2026-11-01", p.AsOf)
	}
}

// usdPerHour is the list price of keeping memory warm for an hour.
func (p Prices) usdPerHour(gb float64) float64 { return gb * 3600 * p.WarmGBs }
