package policy

import (
	"testing"

	"pgregory.net/rapid"

	"pilotlight/models"
)

// TestBalanceNeverOverdraws draws and notes at random: whatever is drawn fits the limit, or the plan where that needs more.
func TestBalanceNeverOverdraws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := []models.TargetID{"a", "b", "c", "d"}
		quota := &pool{quota: &Quota{Instances: 40}, room: 40}
		money := &pool{budget: &Budget{}, room: rapid.Float64Range(0, 5).Draw(t, "room")}
		var order []*demand
		for _, id := range ids {
			have := rapid.IntRange(0, 15).Draw(t, "have")
			d := &demand{
				Case: &Case{Decision: &models.Decision{Target: id}}, have: have, grant: rapid.IntRange(0, 15).Draw(t, "grant"),
				usd: rapid.Float64Range(0, 0.3).Draw(t, "usd"), pools: []*pool{quota},
			}
			if rapid.Bool().Draw(t, "paid") {
				d.pools = append(d.pools, money)
			}
			order = append(order, d)
		}
		b := balanceOf(order, []*pool{quota, money})
		// What was planned always fits as long as nothing else happens.
		for _, d := range order {
			if why := b.Draw(d.Decision.Target, d.grant); why != nil {
				t.Fatalf("the plan does not fit: %s", why)
			}
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			id, n := rapid.SampledFrom(ids).Draw(t, "id"), rapid.IntRange(0, 30).Draw(t, "floor")
			if rapid.Bool().Draw(t, "note") {
				b.Note(id, n)
				continue
			}
			before := b.targets[id].floor
			why := b.Draw(id, n)
			if why == nil && b.targets[id].floor != n || why != nil && b.targets[id].floor != before {
				t.Fatalf("drew %d of %s: %v, and it has %d", n, id, why, b.targets[id].floor)
			}
			for _, p := range b.targets[id].pools {
				sum := 0.0
				for _, h := range b.targets {
					for _, q := range h.pools {
						if q == p {
							sum += h.cost(p, h.floor)
						}
					}
				}
				if over := sum > p.limit*(1+slack)+1e-6; why == nil && n > before && over || sum-p.has > 1e-6 || p.has-sum > 1e-6 {
					t.Fatalf("%v of %v, reckoned %v", sum, p.limit, p.has)
				}
			}
		}
	})
	var none *Balance
	none.Note("a", 1)
	if why := none.Draw("a", 1); why != nil {
		t.Error(why)
	}
	if why := balanceOf(nil, nil).Draw("a", 1); why != nil {
		t.Error(why)
	}
}
