package config

import "pilotlight/policy"

// shares validates the quotas and budgets that targets share.
func (b *builder) shares() {
	for _, q := range b.raw.Quotas {
		b.cfg.shared.Quotas = append(b.cfg.shared.Quotas, policy.Quota(q))
	}
	for _, r := range b.raw.Budgets {
		b.cfg.shared.Budgets = append(b.cfg.shared.Budgets, policy.Budget(r))
	}
	b.addValidation("", b.cfg.shared.Validate(), hasField[policy.Shared], b.line)
	if len(b.raw.Budgets) == 0 {
		return
	}
	for i := range b.cfg.policies {
		if p := &b.cfg.policies[i].Prices; !p.Known() {
			b.warn("budgets", "count nothing of the targets whose prices are of platform %s: set prices.warm_gb_second there", p.Platform)
			return
		}
	}
}
