package awslambda_test

import (
	"testing"

	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

const (
	reserveOp   = "PutFunctionConcurrency"
	unreserveOp = "DeleteFunctionConcurrency"
)

func newReservedFixture(t *testing.T, edits ...edit) fixture {
	t.Helper()
	return newFixture(t, append([]edit{func(c *awslambda.Config, _ *awslambdatest.Config) { c.ReservedConcurrency = true }}, edits...)...)
}

func (f fixture) applyCapacity(t *testing.T, to models.Capacity) error {
	t.Helper()
	return f.actuator.Apply(t.Context(), target("fn:live"), f.action("fn:live", to))
}

func most(n int) models.Capacity { return models.Capacity{}.WithMax(n) }

// wantCapacity checks what is observed of fn:live.
func (f fixture) wantCapacity(t *testing.T, want models.Capacity) {
	t.Helper()
	obs, err := f.actuator.Observe(t.Context(), target("fn:live"))
	if err != nil || !obs.Capacity.Satisfies(want) {
		t.Errorf("Observe shows %s, %v; want %s", obs.Capacity, err, want)
	}
}

// TestMaximumIsReserved sets it, and gives a function back what it had before: none.
func TestMaximumIsReserved(t *testing.T) {
	t.Parallel()
	f := newReservedFixture(t)
	f.wantCapacity(t, most(1000))
	if err := f.applyCapacity(t, most(50)); err != nil {
		t.Fatal(err)
	}
	f.wantCapacity(t, most(50))
	for _, n := range []int{1000, 5000} {
		if err := f.applyCapacity(t, most(n)); err != nil {
			t.Fatal(err)
		}
		if got := f.actuator.Reach(models.Capacity{}, most(n)); got != most(1000) {
			t.Errorf("Reach promises %s of a maximum of %d", got, n)
		}
		f.wantCapacity(t, most(1000))
	}
	if puts, deletes := f.CallsOf(reserveOp), f.CallsOf(unreserveOp); puts != 1 || deletes != 1 {
		t.Errorf("%d puts and %d deletes, want 1 each", puts, deletes)
	}
}

// TestReservedOrder raises the maximum before the floor and lowers it after: AWS refuses the other way round.
func TestReservedOrder(t *testing.T) {
	t.Parallel()
	f := newReservedFixture(t)
	for _, to := range []models.Capacity{models.Warm(5).WithMax(5), models.Warm(60).WithMax(60), models.Warm(8).WithMax(9)} {
		if err := f.applyCapacity(t, to); err != nil {
			t.Fatalf("Apply(%s): %v", to, err)
		}
		f.settle()
		f.wantCapacity(t, to)
	}
}

// TestReservedRefusals are found without a request that writes.
func TestReservedRefusals(t *testing.T) {
	t.Parallel()
	f := newReservedFixture(t, func(_ *awslambda.Config, a *awslambdatest.Config) { a.AccountLimit = 200 })
	f.have(t, "fn:live", 10)
	f.noWrites(t, "a refusal", func() {
		for _, c := range []struct {
			to   models.Capacity
			kind models.ErrorKind
		}{
			{most(0), models.KindInvalid}, // would stop the function
			{models.Warm(6).WithMax(5), models.KindInvalid},
			{most(9), models.KindQuota},   // below the warm instances
			{most(101), models.KindQuota}, // leaves less than 100
			{most(199), models.KindQuota},
		} {
			wantKind(t, f.applyCapacity(t, c.to), c.kind)
		}
	})
	if err := f.applyCapacity(t, most(100)); err != nil {
		t.Errorf("all that can be reserved: %v", err)
	}
	// What another alias has provisioned counts too; there AWS has the last word.
	f.PutAlias(t, "fn", "other", "2", nil)
	f.have(t, "fn:other", 20)
	wantKind(t, f.applyCapacity(t, most(15)), models.KindQuota)
	f.wantCapacity(t, most(100).WithWarm(10))
	// The floor stays below the reserve.
	wantKind(t, f.apply(t, "fn:live", 101), models.KindQuota)
}

// TestReservedFaults repeats a write whose answer was lost, without further effect.
func TestReservedFaults(t *testing.T) {
	t.Parallel()
	f := newReservedFixture(t)
	f.Inject(1, awslambdatest.Internal().On(reserveOp))
	wantKind(t, f.applyCapacity(t, most(50)), models.KindTransient)
	f.wantCapacity(t, most(1000))
	f.Inject(1, faulttest.HalfClosed().ButDone().On(reserveOp))
	wantKind(t, f.applyCapacity(t, most(50)), models.KindTransient)
	f.noChanges(t, "the same again", func() {
		if err := f.applyCapacity(t, most(50)); err != nil {
			t.Error(err)
		}
	})
	f.wantCapacity(t, most(50))
}
