package cloudrun_test

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/cloudrun/cloudruntest"
	"pilotlight/models"
)

// lastPatch returns the mask and the body of the last write that was sent.
func (f fixture) lastPatch(t *testing.T) (mask, body string) {
	t.Helper()
	for _, call := range slices.Backward(f.Calls()) {
		if call.Op == cloudruntest.OpPatch {
			query, err := url.ParseQuery(call.Query)
			if err != nil {
				t.Fatal(err)
			}
			return query.Get("updateMask"), strings.TrimSpace(call.Body)
		}
	}
	t.Fatal("nothing was written")
	return "", ""
}

// TestFloor follows a floor up and down to 0. It names only its own field and makes no revision.
func TestFloor(t *testing.T) {
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
	mask, body := f.lastPatch(t)
	var sent map[string]any
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	if mask != "scaling.minInstanceCount" || !strings.Contains(body, `"scaling":{"minInstanceCount":0}`) || len(sent) != 2 || sent["etag"] == "" {
		t.Errorf("sent mask %q and body %s, want the floor 0 and the version only", mask, body)
	}
	if n := f.Revisions(shop); n != 1 {
		t.Errorf("%d revisions, want the floor to make none", n)
	}
	if n := f.Writes(); n != 3 {
		t.Errorf("%d writes, want 3", n)
	}
	if f.Field(shop, "template.serviceAccount") == nil || f.Field(shop, "labels.team") == nil {
		t.Error("a write removed what it does not own")
	}
}

// TestChangeUnderWay replaces a floor that is still being carried out.
func TestChangeUnderWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, n := range []int{5, 9} {
		if err := f.apply(t, shop, models.Warm(n)); err != nil {
			t.Fatal(err)
		}
	}
	f.want(t, shop, models.Warm(9), true)
}

func TestRefs(t *testing.T) {
	t.Parallel()
	configured := with(func(c *cloudrun.Config) { c.Project, c.Region = "shop-123", "europe-west1" })
	for _, text := range []string{
		shop, "//run.googleapis.com/" + shop, "projects/shop-123/locations/europe-west1/functions/shop", "shop",
		"shop-123/europe-west1/shop",
		"projects/shop-123/locations/europe-west1/functions/SHOP",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, configured)
			f.have(t, text, models.Warm(5))
			f.want(t, shop, models.Warm(5), false)
		})
	}
	t.Run("function with underscores", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		const service = "projects/example.com:shop/locations/us-central1/services/place-order"
		f.AddService(t, service, cloudruntest.Service{})
		f.have(t, "projects/example.com:shop/locations/us-central1/functions/Place_Order", models.Warm(2))
		f.want(t, service, models.Warm(2), false)
	})
}

func TestBadRefs(t *testing.T) {
	t.Parallel()
	for text, advice := range map[string]string{
		"":     "set project and region",
		"shop": "set project and region",
		"projects/shop-123/locations/europe-west1":                          "is not projects/",
		"projects/shop-123/locations/europe-west1/jobs/shop":                "does not end in services/",
		"projects/shop-123/locations/europe-west1/services/Shop":            "does not end in services/",
		"projects/shop-123/locations/europe-west1/services/shop:x":          "does not end in services/",
		"projects/shop-123/locations/europe-west1/services/shop?a=b":        "does not end in services/",
		"projects/shop-123/locations/europe-west1/services/..":              "does not end in services/",
		"projects/shop-123/locations/europe-west1/services/shop/revisions":  "is not projects/",
		"projects/shop-123/locations/europe-west1/functions/1":              "does not end in services/",
		"projects/../locations/europe-west1/services/shop":                  "has no valid project",
		"projects/shop-123/locations/-/services/shop":                       "has no valid region",
		"projects/shop-123/locations/europe-west1/services/shop\n":          "does not end in services/",
		"projects/shop-123/locations/europe-west1/services/s" + long(60):    "does not end in services/",
		"arn:aws:lambda:eu-west-1:123456789012:function:fn:live":            "set project and region",
		"projects/shop-123/zones/europe-west1/services/shop":                "is not projects/",
		"projects/shop-123/locations/europe-west1/services/shop%2f..%2fown": "does not end in services/",
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
}

func long(n int) string { return strings.Repeat("x", n) }

// TestSomebodyElseWasFaster changes the service between the read and the write: the write is refused, and theirs stays.
func TestSomebodyElseWasFaster(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.BeforeAnswer(func(op string) {
		if op == cloudruntest.OpPatch {
			f.Deploy(shop)
		}
	})
	wantKind(t, f.apply(t, shop, models.Warm(5)), models.KindConflict)
	f.BeforeAnswer(nil)
	f.settle()
	f.want(t, shop, models.Warm(0), false)
	f.have(t, shop, models.Warm(5))
	f.want(t, shop, models.Warm(5), false)
}

func TestMaxOfService(t *testing.T) {
	t.Parallel()
	f := newFixture(t, with(func(c *cloudrun.Config) { c.Max = cloudrun.MaxService }))
	f.want(t, shop, models.Warm(0), false)
	f.have(t, shop, models.Warm(3).WithMax(20))
	if mask, _ := f.lastPatch(t); mask != "scaling.minInstanceCount,scaling.maxInstanceCount" {
		t.Errorf("both levers were written with the mask %q", mask)
	}
	f.want(t, shop, models.Warm(3).WithMax(20), false)
	f.have(t, shop, models.Capacity{}.WithMax(10))
	if mask, body := f.lastPatch(t); mask != "scaling.maxInstanceCount" || strings.Contains(body, "minInstanceCount") {
		t.Errorf("the maximum was written with the mask %q and body %s", mask, body)
	}
	if n := f.Revisions(shop); n != 1 {
		t.Errorf("%d revisions, want the maximum of the service to make none", n)
	}
	wantKind(t, f.apply(t, shop, models.Capacity{}.WithMax(2)), models.KindInvalid)
	wantKind(t, f.apply(t, shop, models.Capacity{}.WithMax(0)), models.KindInvalid)
	wantKind(t, f.apply(t, shop, models.Warm(11)), models.KindQuota)
	f.have(t, shop, models.Warm(11).WithMax(11))
	f.want(t, shop, models.Warm(11).WithMax(11), false)
}

// TestMaxOfRevision makes a new revision, also where the template names the present one.
func TestMaxOfRevision(t *testing.T) {
	t.Parallel()
	for _, named := range []string{"", "shop-blue"} {
		t.Run("named "+named, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, with(func(c *cloudrun.Config) { c.Max = cloudrun.MaxRevision }))
			f.AddService(t, shop, cloudruntest.Service{Revision: named, RevisionMax: 100})
			f.have(t, shop, models.Warm(3).WithMax(50))
			f.want(t, shop, models.Warm(3).WithMax(50), false)
			f.have(t, shop, models.Warm(4))
			f.want(t, shop, models.Warm(4).WithMax(50), false)
			if n := f.Revisions(shop); n != 2 {
				t.Errorf("%d revisions, want a second one for the maximum and none for the floor", n)
			}
			if f.Field(shop, "template.containers") == nil {
				t.Error("the write removed the containers")
			}
		})
	}
}

func TestMaxOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	err := f.apply(t, shop, models.Warm(3).WithMax(20))
	wantKind(t, err, models.KindInvalid)
	if err != nil && !strings.Contains(err.Error(), "set max to service or revision") {
		t.Errorf("error %q gives no advice", err)
	}
}

// TestCeiling refuses a floor above what bounds it, and shows one that is.
func TestCeiling(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.AddService(t, shop, cloudruntest.Service{RevisionMax: 10})
	err := f.apply(t, shop, models.Warm(11))
	wantKind(t, err, models.KindQuota)
	if err != nil && !strings.Contains(err.Error(), "above the maximum of 10") {
		t.Errorf("error %q does not name the limit", err)
	}
	f.have(t, shop, models.Warm(10))
	f.AddService(t, shop, cloudruntest.Service{Min: 20, RevisionMax: 10})
	if note := f.want(t, shop, models.Warm(20), false); !strings.Contains(note, "the floor 20 is above the maximum 10") {
		t.Errorf("note %q", note)
	}
	// Downwards is always allowed, although it is still above.
	f.have(t, shop, models.Warm(15))
	f.want(t, shop, models.Warm(15), false)
	f.AddService(t, shop, cloudruntest.Service{Max: 5, RevisionMax: 10})
	wantKind(t, f.apply(t, shop, models.Warm(6)), models.KindQuota)
	wantKind(t, f.apply(t, shop, models.Warm(math.MaxInt32+1)), models.KindInvalid)
}

// TestQuotaOfRegion is refused by Google, in the words that users have reported.
func TestQuotaOfRegion(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *cloudrun.Config, server *cloudruntest.Config) { server.MaxInstances = 100 })
	wantKind(t, f.apply(t, shop, models.Warm(101)), models.KindQuota)
	if n := f.Writes(); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

func TestScaledByHand(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.AddService(t, shop, cloudruntest.Service{Manual: 4, Min: 1})
	if note := f.want(t, shop, models.Warm(4), false); !strings.Contains(note, "scaled by hand to 4 instances") {
		t.Errorf("note %q", note)
	}
	err := f.apply(t, shop, models.Warm(5))
	wantKind(t, err, models.KindInvalid)
	if err != nil && !strings.Contains(err.Error(), "automatic scaling") {
		t.Errorf("error %q gives no advice", err)
	}
	if n := f.Writes(); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

func TestRevisionHasMinimumToo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.AddService(t, shop, cloudruntest.Service{Min: 2, RevisionMin: 3})
	if note := f.want(t, shop, models.Warm(2), false); !strings.Contains(note, "a minimum of its own, 3") {
		t.Errorf("note %q", note)
	}
}

// TestRequests counts what each thing costs of the quota.
func TestRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	count := func(what string, want int, do func()) {
		t.Helper()
		before := f.CallsOf()
		do()
		if got := f.CallsOf() - before; got != want {
			t.Errorf("%s made %d requests, want %d", what, got, want)
		}
	}
	count("observe", 1, func() { f.want(t, shop, models.Warm(0), false) })
	count("raise", 2, func() { f.have(t, shop, models.Warm(5)) })
	count("observe after it", 2, func() { f.want(t, shop, models.Warm(5), false) })
	count("observe later", 1, func() { f.want(t, shop, models.Warm(5), false) })
	count("no change", 1, func() { f.have(t, shop, models.Warm(5)) })
	count("nothing", 0, func() { f.have(t, shop, models.Capacity{}) })
	if n := f.CallsOf(cloudruntest.OpToken); n != 1 {
		t.Errorf("%d requests for tokens, want 1", n)
	}
}

// TestQuotaProject bills the requests to the configured project.
func TestQuotaProject(t *testing.T) {
	t.Parallel()
	f := newFixture(t, with(func(c *cloudrun.Config) { c.QuotaProject = "billing-1" }))
	f.have(t, shop, models.Warm(5))
	for _, call := range f.Calls() {
		if call.Op != cloudruntest.OpToken && call.QuotaProject != "billing-1" {
			t.Errorf("%s used the quota of %q", call.Op, call.QuotaProject)
		}
	}
}

// TestRestoreIsExact gives back a floor above the maximum, which Google took once, but which is not asked for otherwise.
func TestRestoreIsExact(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.AddService(t, shop, cloudruntest.Service{Min: 20, RevisionMax: 10})
	f.have(t, shop, models.Warm(3))
	wantKind(t, f.apply(t, shop, models.Warm(20)), models.KindQuota)
	back := f.action(shop, models.Warm(20))
	back.Restores = true
	if err := f.actuator.Apply(t.Context(), target(shop), back); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.want(t, shop, models.Warm(20), false)
}
