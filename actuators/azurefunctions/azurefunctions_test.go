package azurefunctions_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/azurefunctions/azurefunctionstest"
	"pilotlight/models"
)

const alwaysReady = "alwaysReady"

// ready returns the always-ready entries of the app shop as JSON.
func (f fixture) ready() string { return f.Field("shop", "scaleAndConcurrency", alwaysReady) }

// TestAlwaysReady follows the number of a group up and down to 0.
func TestAlwaysReady(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.want(t, shop, models.Warm(0), false)
	for _, n := range []int{30, 7, 0} {
		if err := f.apply(t, shop, models.Warm(n)); err != nil {
			t.Fatal(err)
		}
		if note := f.want(t, shop, models.Warm(n), true); !strings.Contains(note, "still carrying out") {
			t.Errorf("the note of a change under way is %q", note)
		}
		f.settle()
		if note := f.want(t, shop, models.Warm(n), false); note != "" {
			t.Errorf("the note after the change is %q", note)
		}
	}
	if got := f.ready(); got != "[]" {
		t.Errorf("a group without instances is left as %s", got)
	}
	if n := f.Writes(); n != 3 {
		t.Errorf("%d writes, want 3", n)
	}
}

// TestGroupsAreApart changes one group of several: the others stay, in their order and with the case of their names.
func TestGroupsAreApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.AddApp(t, "shop", azurefunctionstest.App{
		Plan: azurefunctionstest.Flex, Functions: []string{"PlaceOrder", "Refund"}, ZoneRedundant: false,
		AlwaysReady: []azurefunctionstest.Group{{Name: "function:PlaceOrder", Count: 2}, {Name: "http", Count: 1}, {Name: "durable", Count: 3}},
	})
	f.want(t, shop+"#function:placeorder", models.Warm(2), false)
	f.have(t, shop+"#function:placeorder", models.Warm(5))
	f.have(t, shop+"#http", models.Warm(0))
	f.have(t, shop+"#function:Refund", models.Warm(4))
	const want = `[{"instanceCount":5,"name":"function:PlaceOrder"},{"instanceCount":3,"name":"durable"},{"instanceCount":4,"name":"function:Refund"}]`
	if got := f.ready(); got != want {
		t.Errorf("the entries are %s, want %s", got, want)
	}
	// A name that is not there is taken as it is written, and Azure has the last word on its case.
	wantKind(t, f.apply(t, shop+"#function:nobody", models.Warm(1)), models.KindInvalid)
}

// TestNothingElseIsChanged compares all of the configuration that is not the number, also what the SDK does not know.
func TestNothingElseIsChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	parts := [][]string{
		{"deployment"},
		{"runtime"},
		{"siteUpdateStrategy"},
		{"scaleAndConcurrency", "triggers"},
		{"scaleAndConcurrency", "instanceMemoryMB"},
		{"scaleAndConcurrency", "maximumInstanceCount"},
	}
	before := make([]string, len(parts))
	for i, path := range parts {
		before[i] = f.Field("shop", path...)
	}
	f.have(t, shop, models.Warm(5))
	for i, path := range parts {
		if after := f.Field("shop", path...); after != before[i] || after == "null" {
			t.Errorf("%s was %s and is %s", strings.Join(path, "."), before[i], after)
		}
	}
}

// TestTwoGroupsAtOnce changes many groups of one app at the same time: none is lost.
func TestTwoGroupsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *azurefunctions.Config, server *azurefunctionstest.Config) { server.Operation = -1 })
	made := azurefunctionstest.App{Plan: azurefunctionstest.Flex}
	for i := range 8 {
		made.Functions = append(made.Functions, fmt.Sprintf("f%d", i))
	}
	f.AddApp(t, "shop", made)
	var group sync.WaitGroup
	for i, name := range made.Functions {
		group.Go(func() {
			if err := f.apply(t, shop+"#function:"+name, models.Warm(i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i, name := range made.Functions {
		f.want(t, shop+"#function:"+name, models.Warm(i+1), false)
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	configured := with(func(c *azurefunctions.Config) {
		c.Subscription, c.ResourceGroup = azurefunctionstest.Subscription, azurefunctionstest.ResourceGroup
	})
	for _, text := range []string{
		shop, "shop", "shop#http", shop + "#http", strings.Replace(shop, "resourceGroups", "resourcegroups", 1),
		strings.Replace(shop, "Microsoft.Web", "microsoft.web", 1),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, configured)
			f.have(t, text, models.Warm(5))
			f.want(t, shop, models.Warm(5), false)
		})
	}
}

func TestBadRefs(t *testing.T) {
	t.Parallel()
	for text, advice := range map[string]string{
		"":                            "set subscription and resource_group",
		"shop":                        "set subscription and resource_group",
		shop + "/slots/staging":       "is not /subscriptions/",
		shop + "#HTTP":                "#http, #durable, #blob or #function:NAME",
		shop + "#":                    "#http, #durable, #blob or #function:NAME",
		shop + "#function:":           "#http, #durable, #blob or #function:NAME",
		shop + "#function:a/b":        "#http, #durable, #blob or #function:NAME",
		shop + "/":                    "is not /subscriptions/",
		azurefunctionstest.ID(".."):   "has no valid name of an app",
		azurefunctionstest.ID("a?b"):  "has no valid name of an app",
		azurefunctionstest.ID("a\nb"): "has no valid name of an app",
		strings.Replace(shop, "sites", "serverfarms", 1):                             "is not /subscriptions/",
		strings.Replace(shop, azurefunctionstest.Subscription, "x", 1):               "has no valid subscription",
		strings.Replace(shop, azurefunctionstest.ResourceGroup, "..", 1):             "has no valid resource group",
		strings.Replace(shop, azurefunctionstest.ResourceGroup, "a%2fb", 1):          "has no valid resource group",
		"projects/shop-123/locations/europe-west1/services/shop":                     "is not /subscriptions/",
		"/subscriptions/" + azurefunctionstest.Subscription + "/resourceGroups/a/b/": "is not /subscriptions/",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, err := f.actuator.Observe(t.Context(), target(text))
			wantKind(t, err, models.KindInvalid)
			if err != nil && !strings.Contains(err.Error(), advice) {
				t.Errorf("error %q does not say %q", err, advice)
			}
			wantKind(t, f.apply(t, text, models.Warm(5)), models.KindInvalid)
			if n := f.CallsOf(); n != 0 {
				t.Errorf("a ref that cannot be made %d requests", n)
			}
		})
	}
	f := newFixture(t, premium())
	wantKind(t, f.apply(t, shop+"#http", models.Warm(1)), models.KindInvalid)
}

// TestChangeUnderWay changes the mind while Azure carries out a change: nothing is sent that Azure would refuse.
func TestChangeUnderWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.apply(t, shop, models.Warm(5)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{6, 4, 0} {
		err := f.apply(t, shop, models.Warm(n))
		wantKind(t, err, models.KindConflict)
		if err != nil && !strings.Contains(err.Error(), "wait until it is done") {
			t.Errorf("error %q gives no advice", err)
		}
	}
	if n := f.WriteRequests(); n != 1 {
		t.Errorf("%d requests that write, want 1", n)
	}
	f.have(t, shop, models.Warm(5))
	f.want(t, shop, models.Warm(5), false)
}

func TestMemory(t *testing.T) {
	t.Parallel()
	f := newFixture(t, with(func(c *azurefunctions.Config) { c.Memory = true }))
	f.want(t, shop, models.Warm(0).WithMemory(2048), false)
	for want, size := range map[int]int{1: 512, 512: 512, 513: 2048, 2048: 2048, 2049: 4096, 4096: 4096} {
		to := models.Capacity{}.WithMemory(want)
		reach := f.actuator.Reach(models.Capacity{}, to)
		f.have(t, shop, to)
		f.want(t, shop, models.Warm(0).WithMemory(size), false)
		if reach != (models.Capacity{}.WithMemory(size)) {
			t.Errorf("Reach promised %s, and %d MB are shown", reach, size)
		}
	}
	wantKind(t, f.apply(t, shop, models.Capacity{}.WithMemory(4097)), models.KindInvalid)
	// Without the switch memory is neither shown nor set.
	f = newFixture(t)
	wantKind(t, f.apply(t, shop, models.Warm(1).WithMemory(512)), models.KindInvalid)
	// Not every region has every size.
	f = newFixture(t, func(c *azurefunctions.Config, server *azurefunctionstest.Config) {
		c.Memory, server.Sizes = true, []int{2048, 4096}
	})
	wantKind(t, f.apply(t, shop, models.Capacity{}.WithMemory(512)), models.KindInvalid)
}

func TestMax(t *testing.T) {
	t.Parallel()
	f := newFixture(t, with(func(c *azurefunctions.Config) { c.Max = true }))
	f.want(t, shop, models.Warm(0).WithMax(100), false)
	f.have(t, shop, models.Warm(3).WithMax(40))
	f.want(t, shop, models.Warm(3).WithMax(40), false)
	wantKind(t, f.apply(t, shop, models.Capacity{}.WithMax(0)), models.KindInvalid)
	wantKind(t, f.apply(t, shop, models.Capacity{}.WithMax(1001)), models.KindQuota)
	wantKind(t, f.apply(t, shop, models.Warm(1001)), models.KindQuota)
}

// TestZoneRedundant rounds a single instance up to two.
func TestZoneRedundant(t *testing.T) {
	t.Parallel()
	f := newFixture(t, with(func(c *azurefunctions.Config) { c.ZoneRedundant = true }))
	f.AddApp(t, "shop", azurefunctionstest.App{Plan: azurefunctionstest.Flex, ZoneRedundant: true})
	for want, shown := range map[int]int{0: 0, 1: 2, 2: 2, 3: 3} {
		if reach := f.actuator.Reach(models.Warm(0), models.Warm(want)); reach != models.Warm(shown) {
			t.Errorf("Reach promised %s for %d", reach, want)
		}
		f.have(t, shop, models.Warm(want))
		f.want(t, shop, models.Warm(shown), false)
	}
	// Where the configuration does not say it, Azure does.
	f = newFixture(t)
	f.AddApp(t, "shop", azurefunctionstest.App{Plan: azurefunctionstest.Flex, ZoneRedundant: true})
	wantKind(t, f.apply(t, shop, models.Warm(1)), models.KindInvalid)
}

// TestRestoreIsExact gives back a size of instances that is not one of those to choose from, and a single instance.
func TestRestoreIsExact(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *azurefunctions.Config, server *azurefunctionstest.Config) {
		c.Memory, c.ZoneRedundant, server.Sizes = true, true, []int{512, 1024, 2048, 8192}
	})
	for _, original := range []models.Capacity{models.Warm(1).WithMemory(1024), models.Warm(1).WithMemory(8192)} {
		f.have(t, shop, models.Warm(3).WithMemory(2048))
		back := f.action(shop, original)
		back.Restores = true
		if err := f.actuator.Apply(t.Context(), target(shop), back); err != nil {
			t.Fatal(err)
		}
		f.settle()
		f.want(t, shop, original, false)
	}
}

// TestCoreQuota adds up the cores of the apps that were seen, by size and region.
func TestCoreQuota(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *azurefunctions.Config, server *azurefunctionstest.Config) {
		c.Memory, c.CoreQuota, server.Cores = true, 10, 12
	})
	other := azurefunctionstest.ID("other")
	f.AddApp(t, "other", azurefunctionstest.App{Plan: azurefunctionstest.Flex, Memory: 4096})
	f.have(t, other, models.Warm(3))
	err := f.apply(t, shop, models.Warm(5))
	wantKind(t, err, models.KindQuota)
	if err != nil && !strings.Contains(err.Error(), "would have 5 cores, and with 6 of other apps") {
		t.Errorf("error %q does not say how much there is", err)
	}
	if n := f.WriteRequests(); n != 1 {
		t.Errorf("%d requests that write, want 1", n)
	}
	f.have(t, shop, models.Warm(4))
	wantKind(t, f.apply(t, shop, models.Capacity{}.WithMemory(4096)), models.KindQuota)
	// Smaller instances make room.
	f.have(t, shop, models.Warm(16).WithMemory(512))
	f.want(t, shop, models.Warm(16).WithMemory(512), false)
	// Lowering needs no room, however full it is.
	f.AddApp(t, "third", azurefunctionstest.App{Plan: azurefunctionstest.Flex, AlwaysReady: []azurefunctionstest.Group{{Name: "http", Count: 9}}})
	f.want(t, azurefunctionstest.ID("third"), models.Warm(9).WithMemory(2048), false)
	f.have(t, other, models.Warm(1))
	// What is not checked here is refused by Azure.
	f = newFixture(t, func(c *azurefunctions.Config, server *azurefunctionstest.Config) { c.CoreQuota, server.Cores = 0, 3 })
	wantKind(t, f.apply(t, shop, models.Warm(4)), models.KindQuota)
	f.have(t, shop, models.Warm(3))
}

func TestPremium(t *testing.T) {
	t.Parallel()
	f := newFixture(t, premium())
	for _, n := range []int{20, 3, 0} {
		f.have(t, shop, models.Warm(n))
		f.want(t, shop, models.Warm(n), false)
	}
	err := f.apply(t, shop, models.Warm(21))
	wantKind(t, err, models.KindQuota)
	if err != nil && !strings.Contains(err.Error(), "more than the 20 that Premium allows") {
		t.Errorf("error %q does not name the limit", err)
	}
	wantKind(t, f.apply(t, shop, models.Warm(1).WithMax(5)), models.KindInvalid)
}

// TestWrongPlan refuses apps on which the number would be without effect.
func TestWrongPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t, premium())
	f.AddApp(t, "shop", azurefunctionstest.App{Plan: azurefunctionstest.Dynamic})
	err := f.apply(t, shop, models.Warm(3))
	wantKind(t, err, models.KindInvalid)
	if err != nil && !strings.Contains(err.Error(), "the app is on Dynamic, not on Premium") {
		t.Errorf("error %q does not say where the app is", err)
	}
	f = newFixture(t)
	f.AddApp(t, "shop", azurefunctionstest.App{Plan: azurefunctionstest.Premium})
	wantKind(t, f.apply(t, shop, models.Warm(3)), models.KindInvalid)
	_, err = f.actuator.Observe(t.Context(), target(shop))
	wantKind(t, err, models.KindInvalid)
	if err != nil && !strings.Contains(err.Error(), "use hosting: premium") {
		t.Errorf("error %q gives no advice", err)
	}
	if n := f.WriteRequests(); n != 0 {
		t.Errorf("%d requests that write, want none", n)
	}
}

// TestRequests counts what each thing costs.
func TestRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edits       []edit
		raise, next int
	}{"flex": {raise: 2, next: 2}, "premium": {edits: []edit{premium()}, raise: 3, next: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, c.edits...)
			count := func(what string, want int, do func()) {
				t.Helper()
				before := f.CallsOf()
				do()
				if got := f.CallsOf() - before; got != want {
					t.Errorf("%s made %d requests, want %d", what, got, want)
				}
			}
			count("observe", 1, func() { f.want(t, shop, models.Warm(0), false) })
			count("raise", c.raise, func() { f.have(t, shop, models.Warm(5)) })
			count("observe after it", c.next, func() { f.want(t, shop, models.Warm(5), false) })
			count("observe later", 1, func() { f.want(t, shop, models.Warm(5), false) })
			count("no change", 1, func() { f.have(t, shop, models.Warm(5)) })
			count("nothing", 0, func() { f.have(t, shop, models.Capacity{}) })
		})
	}
}
