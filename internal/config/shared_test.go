package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/policy"
)

// TestShared reads quotas and budgets with their defaults, and counts them in the hash.
func TestShared(t *testing.T) {
	t.Parallel()
	c := parse(t, minimal+`
quotas: [{instances: 900, reserve: 100, scope: actuator}, {instances: 5}]
budgets: [{usd: 20}, {name: a, scope: target, match: "x*", usd: 0.5, per: day}]
`)
	want := policy.Shared{
		Quotas:  []policy.Quota{{Scope: "actuator", Match: "*", Instances: 900, Reserve: 100}, {Scope: "group", Match: "*", Instances: 5}},
		Budgets: []policy.Budget{{Scope: "fleet", Match: "*", USD: 20, Per: "month"}, {Name: "a", Scope: "target", Match: "x*", USD: 0.5, Per: "day"}},
	}
	if diff := cmp.Diff(want, c.Shared()); diff != "" {
		t.Error(diff)
	}
	c.Shared().Quotas[0].Instances = 1
	if c.Shared().Quotas[0].Instances != 900 {
		t.Error("a caller can change the configuration")
	}
	if c.Hash() == parse(t, minimal).Hash() || !strings.Contains(c.Redacted(), "reserve: 100") {
		t.Error("the limits do not count in what is shown")
	}
	if again := parse(t, c.Redacted()); cmp.Diff(want, again.Shared()) != "" || again.Hash() != c.Hash() {
		t.Error("what is shown does not read as what it is of")
	}
}

// TestGuardErrors names the place of what is wrong with objectives, guards and shared limits.
func TestGuardErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ block, want string }{
		{"quotas: [{scope: target, instances: 5}]", `p.yaml:7: quotas[0].scope: "target" is unknown; set one of [group actuator fleet]`},
		{"quotas: [{instance: 5}]", `quotas[0].instance: unknown key "instance": did you mean "instances"?`},
		{"quotas: [{instances: 100, reserve: 100}]", "quotas[0].reserve: 100 leaves nothing of 100 instances; lower it"},
		{"budgets: [{usd: 5, per: week}]", `budgets[0].per: "week" is unknown; set one of [hour day month]`},
		{"budgets: [{usd: -5}]", "budgets[0].usd: -5 is not a number from 0 to"},
		{"policy: {objective: {cold_start_share: 0.01, p99_latency: 1s}}", "policy.objective: has cold_start_share and p99_latency; keep one"},
		{"policy: {schedules: [{zone: Berlin, min_warm: 1}]}", `policy.schedules[0].zone: "Berlin" is no time zone; write one like Europe/Berlin`},
		{"policy: {schedules: [{zone: UTC, from: 08:00, to: 10}]}", `policy.schedules[0].to: "10" is no time of the day`},
		{"policy: {freezes: [{zone: UTC, stop: all}]}", `policy.freezes[0].stop: "all" is unknown; set one of [changes lowering]`},
		{"policy: {freezes: [{zone: UTC, stop: changes, min_warm: 3}]}", `policy.freezes[0].min_warm: unknown key "min_warm"`},
		{"policy: {canary: {share: 10}}", "policy.canary.share: 10 is not a number from 0 to 1"},
		{"policy: {lead: guessed}", `policy.lead: "guessed" is unknown; set one of [measured configured]`},
		{"policy: {max_rate_up: {instances: -1}}", "policy.max_rate_up.instances: -1"},
		{"policy: {max_changes: {changes: 17}}", "policy.max_changes.changes: 17 is not a number from 0 to 16"},
		{"policy: {prices: {platform: azure}}", `policy.prices.platform: "azure" is unknown; set one of aws_lambda, azure_flex, cloud_run, own`},
		{"policy: {prices: {warm_gb_second: 0.1}}", "policy.prices.as_of: goes together with prices.warm_gb_second"},
	} {
		t.Run(tc.block, func(t *testing.T) {
			t.Parallel()
			if text := wrong(t, minimal+"\n"+tc.block).Error(); !strings.Contains(text, tc.want) {
				t.Errorf("%q is not in\n%s", tc.want, text)
			}
		})
	}
}

// TestOldPrices warns once for each list that is more than a year old.
func TestOldPrices(t *testing.T) {
	t.Parallel()
	c := parse(t, strings.Replace(minimal, "limits:", "policy: {hold: 2m}, limits:", 1)+`
policy: {prices: {platform: own, warm_gb_second: 0.001, as_of: 2024-05-06}}
`)
	now := time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
	if got := c.OldPrices(now); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
	got := c.OldPrices(now.AddDate(0, 1, 0))
	if len(got) != 1 || !strings.Contains(got[0], "are of 2024-05-06, more than a year old") {
		t.Errorf("warnings %q", got)
	}
}

// TestBudgetWithoutPrices warns that a budget counts nothing.
func TestBudgetWithoutPrices(t *testing.T) {
	t.Parallel()
	c := parse(t, minimal+"\nbudgets: [{usd: 20}]\npolicy: {prices: {platform: own}}\n")
	if text := fmt.Sprint(c.Warnings()); !strings.Contains(text, "budgets: count nothing of the targets whose prices are of platform own") {
		t.Errorf("warnings %s", text)
	}
}
