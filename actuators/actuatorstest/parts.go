package actuatorstest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/models"
)

// patience bounds waits for what must come promptly; it is long, as a loaded machine is no failure.
const patience = 20 * time.Second

func testFixture(t *testing.T, p Platform) {
	t.Helper()
	if p.Actuator.Levers() == 0 {
		t.Error("Levers() is empty: the platform can do nothing")
	}
	if len(p.Targets) < 4 {
		t.Fatalf("the fixture has %d targets, the suite needs 4", len(p.Targets))
	}
	ids, refs := map[models.TargetID]bool{p.Unknown.ID: true}, map[string]bool{p.Unknown.Ref: true}
	for _, target := range p.Targets {
		if ids[target.ID] || refs[target.Ref] {
			t.Errorf("target %q with ref %q is not unique", target.ID, target.Ref)
		}
		ids[target.ID], refs[target.Ref] = true, true
	}
	for range 2 {
		for _, target := range p.Targets {
			p.observe(t, target)
		}
	}
}

func testObserveDoesNotWrite(t *testing.T, p Platform) {
	t.Helper()
	target := p.Targets[0]
	p.apply(t, target, capacityOf(p.Actuator.Levers(), 1))
	before, first := p.Writes(), p.observe(t, target)
	for range 3 {
		if obs := p.observe(t, target); obs != first {
			t.Errorf("Observe again shows %+v, before %+v", obs, first)
		}
	}
	if n := p.Writes() - before; n != 0 {
		t.Errorf("Observe made %d writes", n)
	}
}

func testAbsolute(t *testing.T, p Platform) {
	t.Helper()
	for i, step := range []int{3, 7, 2, 5} {
		target := p.Targets[i%2]
		want := capacityOf(p.Actuator.Levers(), step)
		obs := p.applyAndRead(t, target, want)
		if warm, ok := want.Warm(); ok && obs.Ready != -1 && obs.Ready != warm {
			t.Errorf("after Apply(%s) and settling %d instances are ready", want, obs.Ready)
		}
	}
	if p.Actuator.Levers().Has(models.LeverWarm) {
		p.applyAndRead(t, p.Targets[0], models.Warm(0))
		p.applyAndRead(t, p.Targets[2], models.Warm(0))
	}
}

func testIdempotent(t *testing.T, p Platform) {
	t.Helper()
	target, to := p.Targets[0], capacityOf(p.Actuator.Levers(), 4)
	before, first := p.Writes(), 0
	action := p.action(target, to)
	// Twice before the platform has settled and twice after it.
	for i := range 4 {
		if err := p.Actuator.Apply(t.Context(), target, action); err != nil {
			t.Fatalf("Apply of the same action, time %d: %v", i+1, err)
		}
		switch i {
		case 0:
			first = p.Writes() - before
		case 1:
			p.Settle()
		}
	}
	p.Settle()
	// A platform may need several writes for several levers.
	if n := p.Writes() - before; first < 1 || n != first || (first > 1 && p.Actuator.Levers()&(p.Actuator.Levers()-1) == 0) {
		t.Errorf("applying the same capacity 4 times made %d writes, the first time %d; want as many, and 1 for one lever", n, first)
	}
	if obs := p.observe(t, target); !obs.Capacity.Satisfies(to) {
		t.Errorf("Observe shows %s, want %s", obs.Capacity, to)
	}
}

func testNothing(t *testing.T, p Platform) {
	t.Helper()
	target := p.Targets[0]
	before, first := p.Writes(), p.observe(t, target)
	p.apply(t, target, models.Capacity{})
	if obs := p.observe(t, target); obs != first {
		t.Errorf("applying no lever changed %+v to %+v", first, obs)
	}
	if n := p.Writes() - before; n != 0 {
		t.Errorf("applying no lever made %d writes", n)
	}
}

func testUnsetLeversStay(t *testing.T, p Platform) {
	t.Helper()
	target, levers := p.Targets[0], p.Actuator.Levers()
	p.applyAndRead(t, target, capacityOf(levers, 2))
	want := p.observe(t, target).Capacity
	for n, lever := range allLevers() {
		if !levers.Has(lever) {
			continue
		}
		change := capacityOf(lever, 3+n)
		want = want.Merge(change)
		p.apply(t, target, change)
		if got := p.observe(t, target).Capacity; got != want {
			t.Errorf("after Apply(%s) Observe shows %s, want %s", change, got, want)
		}
	}
}

func testForeignLevers(t *testing.T, p Platform) {
	t.Helper()
	target, levers := p.Targets[0], p.Actuator.Levers()
	p.apply(t, target, capacityOf(levers, 2))
	before, first := p.Writes(), p.observe(t, target)
	for _, lever := range allLevers() {
		if levers.Has(lever) {
			continue
		}
		// Along with levers that the platform has, nothing of it may be carried out.
		err := p.Actuator.Apply(t.Context(), target, p.action(target, capacityOf(levers|lever, 5)))
		checkKind(t, "Apply with a lever that Levers() lacks", err, models.KindInvalid)
	}
	p.Settle()
	if n := p.Writes() - before; n != 0 {
		t.Errorf("refused levers made %d writes", n)
	}
	if obs := p.observe(t, target); obs != first {
		t.Errorf("refused levers changed %+v to %+v", first, obs)
	}
}

func testUnknown(t *testing.T, p Platform) {
	t.Helper()
	to := capacityOf(p.Actuator.Levers(), 1)
	if p.KnowsAll {
		p.applyAndRead(t, p.Unknown, to)
		return
	}
	before := p.Writes()
	_, err := p.Actuator.Observe(t.Context(), p.Unknown)
	checkKind(t, "Observe of an unknown target", err, models.KindNotFound)
	err = p.Actuator.Apply(t.Context(), p.Unknown, p.action(p.Unknown, to))
	checkKind(t, "Apply to an unknown target", err, models.KindNotFound)
	if n := p.Writes() - before; n != 0 {
		t.Errorf("an unknown target was written %d times", n)
	}
}

func testCancelledBefore(t *testing.T, p Platform) {
	t.Helper()
	target, before := p.Targets[0], p.Writes()
	if _, err := p.Actuator.Observe(cancelled(t), target); !errors.Is(err, context.Canceled) {
		t.Errorf("Observe with a cancelled context returned %v, want context.Canceled in it", err)
	}
	err := p.Actuator.Apply(cancelled(t), target, p.action(target, capacityOf(p.Actuator.Levers(), 3)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Apply with a cancelled context returned %v, want context.Canceled in it", err)
	}
	p.Settle()
	if n := p.Writes() - before; n != 0 {
		t.Errorf("a cancelled context made %d writes", n)
	}
}

func testCancelledWhileWaiting(t *testing.T, p Platform) {
	t.Helper()
	if p.Stall == nil {
		t.Skip("the platform answers from memory, so no call waits")
	}
	target := p.Targets[0]
	calls := map[string]func(context.Context) error{
		"Observe": func(ctx context.Context) error {
			_, err := p.Actuator.Observe(ctx, target)
			return err
		},
		"Apply": func(ctx context.Context) error {
			return p.Actuator.Apply(ctx, target, p.action(target, capacityOf(p.Actuator.Levers(), 3)))
		},
	}
	for _, name := range []string{"Observe", "Apply"} {
		hanging, release := p.Stall()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- calls[name](ctx) }()
		await(t, hanging, name+" did not reach the platform")
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s cancelled while waiting returned %v, want context.Canceled in it", name, err)
			}
		case <-time.After(patience):
			t.Errorf("%s does not return after its context was cancelled", name)
			release()
			<-done
			continue
		}
		release()
	}
}

func testErrorKinds(t *testing.T, p Platform) {
	t.Helper()
	if p.Fail == nil {
		t.Skip("nothing can fail on this platform")
	}
	target, tried := p.Targets[0], 0
	for n, kind := range models.ErrorKinds() {
		if !p.Fail(kind) {
			continue
		}
		tried++
		_, err := p.Actuator.Observe(t.Context(), target)
		checkKind(t, "Observe", err, kind)
		p.observe(t, target)
		if !p.Fail(kind) {
			t.Fatalf("the fixture can make kind %s once only", kind)
		}
		to, before := capacityOf(p.Actuator.Levers(), 2+n%2), p.Writes()
		err = p.Actuator.Apply(t.Context(), target, p.action(target, to))
		checkKind(t, "Apply", err, kind)
		if n := p.Writes() - before; n != 0 {
			t.Errorf("an Apply that failed with kind %s made %d writes", kind, n)
		}
		p.applyAndRead(t, target, to)
	}
	if tried == 0 {
		t.Error("the fixture has Fail, but no kind that it can make")
	}
}

func testConcurrent(t *testing.T, p Platform) {
	t.Helper()
	levers := p.Actuator.Levers()
	var group sync.WaitGroup
	for i, target := range p.Targets {
		group.Go(func() {
			for round := range 3 {
				if _, err := p.Actuator.Observe(t.Context(), target); err != nil {
					t.Errorf("Observe(%s): %v", target.Ref, err)
				}
				// The same capacity each round: a platform that takes its time refuses another one meanwhile.
				if err := p.Actuator.Apply(t.Context(), target, p.action(target, capacityOf(levers, i%7))); err != nil {
					t.Errorf("Apply(%s) in round %d: %v", target.Ref, round, err)
				}
			}
		})
	}
	group.Wait()
	p.Settle()
	for i, target := range p.Targets {
		if obs, want := p.observe(t, target), capacityOf(levers, i%7); !obs.Capacity.Satisfies(want) {
			t.Errorf("%s has %s, want %s", target.Ref, obs.Capacity, want)
		}
	}
}

func testGate(t *testing.T, p Platform) {
	t.Helper()
	target, before := p.Targets[0], p.Writes()
	for _, held := range []error{models.ErrDryRun, models.ErrPaused} {
		gated := actuators.WithGate(p.Actuator, func() error { return held })
		err := gated.Apply(t.Context(), target, p.action(target, capacityOf(p.Actuator.Levers(), 5)))
		if !errors.Is(err, held) {
			t.Errorf("Apply behind a closed gate returned %v, want %v", err, held)
		}
		if _, err := gated.Observe(t.Context(), target); err != nil {
			t.Errorf("Observe behind a closed gate: %v", err)
		}
	}
	p.Settle()
	if n := p.Writes() - before; n != 0 {
		t.Errorf("a closed gate let %d writes through", n)
	}
}

// testGateClosesLate closes the gate after the decorator let the call pass: an adapter asks again right before it writes.
func testGateClosesLate(t *testing.T, p Platform) {
	t.Helper()
	target, before := p.Targets[0], p.Writes()
	var asked atomic.Int32
	gated := actuators.WithGate(p.Actuator, func() error {
		if asked.Add(1) > 1 {
			return models.ErrPaused
		}
		return nil
	})
	err := gated.Apply(t.Context(), target, p.action(target, capacityOf(p.Actuator.Levers(), 5)))
	p.Settle()
	if !errors.Is(err, models.ErrPaused) || p.Writes() != before {
		t.Errorf("the gate closed before the write, yet Apply returned %v after %d writes: call actuators.MayWrite before writing",
			err, p.Writes()-before)
	}
}

// checkKind checks that err is an *actuators.Error of that kind which says what was attempted.
func checkKind(t *testing.T, what string, err error, kind models.ErrorKind) {
	t.Helper()
	var platform *actuators.Error
	switch {
	case !errors.As(err, &platform):
		t.Errorf("%s returned %v, want an *actuators.Error of kind %s", what, err, kind)
	case platform.Kind != kind:
		t.Errorf("%s returned kind %s, want %s: %v", what, platform.Kind, kind, err)
	case platform.Op == "" || platform.Err == nil:
		t.Errorf("%s returned an error that does not say what was attempted or why it failed: %#v", what, platform)
	}
}

// await waits for the channel to close.
func await(t *testing.T, closed <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal(otherwise)
	}
}
