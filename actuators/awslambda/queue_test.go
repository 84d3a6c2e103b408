package awslambda_test

import (
	"strings"
	"testing"
	"time"

	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/actuators/faulttest"
	"pilotlight/models"
)

const (
	remapOp   = "UpdateEventSourceMapping"
	mappingID = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"
	queueARN  = "arn:aws:sqs:eu-west-1:123456789012:orders"
)

// queueFixture is a mapping and an actuator for it.
type queueFixture struct {
	fixture
	queues *awslambda.Queues
}

func newQueueFixture(t *testing.T, scaling awslambda.QueueScaling) queueFixture {
	t.Helper()
	f, queues := newQueues(t, scaling)
	f.AddMapping(t, mappingID, queueARN, "fn")
	return queueFixture{f, queues}
}

func (f queueFixture) scale(t *testing.T, to models.Capacity) error {
	t.Helper()
	return f.queues.Apply(t.Context(), target(mappingID), f.action(mappingID, to))
}

func (f queueFixture) wantScaling(t *testing.T, want models.Capacity, pending bool) (note string) {
	t.Helper()
	obs, err := f.queues.Observe(t.Context(), target(mappingID))
	if err != nil {
		t.Fatal(err)
	}
	if obs.Capacity != want || obs.Pending != pending || obs.Ready != -1 {
		t.Errorf("Observe shows %+v, want %s, pending %v", obs, want, pending)
	}
	return obs.Note
}

// TestQueueConcurrency sets the bound, changes it, and removes it.
func TestQueueConcurrency(t *testing.T) {
	t.Parallel()
	f := newQueueFixture(t, awslambda.QueueMaximumConcurrency)
	f.wantScaling(t, most(1001), false)
	if err := f.scale(t, most(20)); err != nil {
		t.Fatal(err)
	}
	if note := f.wantScaling(t, most(20), true); !strings.Contains(note, "Updating") {
		t.Errorf("the note of a mapping that changes is %q", note)
	}
	f.noWrites(t, "the same while it changes", func() {
		if err := f.scale(t, most(20)); err != nil {
			t.Error(err)
		}
		wantKind(t, f.scale(t, most(30)), models.KindConflict)
	})
	f.Advance(time.Minute)
	f.wantScaling(t, most(20), false)
	for _, n := range []int{2, 1000, 5000} {
		if err := f.scale(t, most(n)); err != nil {
			t.Fatal(err)
		}
		f.Advance(time.Minute)
		want := f.queues.Reach(models.Capacity{}, most(n))
		f.wantScaling(t, want, false)
	}
	f.wantScaling(t, most(1001), false)
	f.noWrites(t, "a refusal", func() {
		wantKind(t, f.scale(t, most(1)), models.KindInvalid)
		wantKind(t, f.scale(t, models.Warm(1)), models.KindInvalid)
	})
}

// TestQueuePollers sets floor and maximum, either alone, and removes both.
func TestQueuePollers(t *testing.T) {
	t.Parallel()
	f := newQueueFixture(t, awslambda.QueuePollers)
	f.wantScaling(t, models.Warm(0).WithMax(0), false)
	for _, step := range []struct{ to, want models.Capacity }{
		{models.Warm(5), models.Warm(5).WithMax(200)}, // max_pollers
		{most(50), models.Warm(5).WithMax(50)},
		{models.Warm(7), models.Warm(7).WithMax(50)},
		{models.Warm(200).WithMax(2000), models.Warm(200).WithMax(2000)},
		{models.Warm(0).WithMax(9), models.Warm(0).WithMax(0)},
	} {
		reach := f.queues.Reach(models.Warm(5), step.to)
		if err := f.scale(t, step.to); err != nil {
			t.Fatalf("Apply(%s): %v", step.to, err)
		}
		f.Advance(time.Minute)
		f.wantScaling(t, step.want, false)
		if !step.want.Satisfies(reach) {
			t.Errorf("Reach promised %s of %s, and %s is shown", reach, step.to, step.want)
		}
	}
	f.noWrites(t, "a refusal", func() {
		for _, to := range []models.Capacity{models.Warm(201), models.Warm(5).WithMax(2001), models.Warm(9).WithMax(8)} {
			wantKind(t, f.scale(t, to), models.KindInvalid)
		}
	})
}

// TestQueueWays are not mixed: AWS allows one of both.
func TestQueueWays(t *testing.T) {
	t.Parallel()
	f := newQueueFixture(t, awslambda.QueueMaximumConcurrency)
	f.SetMapping(t, mappingID, 0, 2, 10)
	f.noWrites(t, "a bound beside pollers", func() { wantKind(t, f.scale(t, most(5)), models.KindInvalid) })
	f = newQueueFixture(t, awslambda.QueuePollers)
	f.SetMapping(t, mappingID, 5, 0, 0)
	f.noWrites(t, "pollers beside a bound", func() { wantKind(t, f.scale(t, models.Warm(5)), models.KindInvalid) })
}

// TestQueueStates sets a disabled mapping, and waits for others.
func TestQueueStates(t *testing.T) {
	t.Parallel()
	for state, c := range map[string]struct {
		pending bool
		kind    models.ErrorKind
	}{
		"Disabled": {false, ""}, "Creating": {true, models.KindConflict}, "Enabling": {true, models.KindConflict},
		"Disabling": {true, models.KindConflict}, "Deleting": {false, models.KindConflict},
	} {
		f := newQueueFixture(t, awslambda.QueueMaximumConcurrency)
		f.SetMappingState(t, mappingID, state)
		if note := f.wantScaling(t, most(1001), c.pending); !strings.Contains(note, state) {
			t.Errorf("the note of a mapping that is %s is %q", state, note)
		}
		err := f.scale(t, most(5))
		if c.kind != "" {
			wantKind(t, err, c.kind)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", state, err)
		}
		f.Advance(time.Minute)
		f.wantScaling(t, most(5), false)
	}
}

// TestQueueRefs are UUIDs of mappings that read SQS.
func TestQueueRefs(t *testing.T) {
	t.Parallel()
	f := newQueueFixture(t, awslambda.QueueMaximumConcurrency)
	const stream = "24e0db71-5d35-4eb5-b481-8945cf9d10c2"
	f.AddMapping(t, stream, "arn:aws:kinesis:eu-west-1:123456789012:stream/orders", "fn")
	for _, ref := range []string{"", "fn:live", strings.ToUpper(mappingID), mappingID + "/x", stream} {
		_, err := f.queues.Observe(t.Context(), target(ref))
		wantKind(t, err, models.KindInvalid)
		wantKind(t, f.queues.Apply(t.Context(), target(ref), f.action(ref, most(5))), models.KindInvalid)
	}
	if n := f.WriteRequests(); n != 0 {
		t.Errorf("%d requests that write", n)
	}
}

// TestQueueFaults makes the write go wrong, before and after its effect.
func TestQueueFaults(t *testing.T) {
	t.Parallel()
	f := newQueueFixture(t, awslambda.QueueMaximumConcurrency)
	for _, c := range []struct {
		fault awslambdatest.Fault
		kind  models.ErrorKind
	}{
		{awslambdatest.Throttled(time.Second), models.KindThrottled},
		{awslambdatest.Conflict(), models.KindConflict},
		{awslambdatest.Error("ResourceInUseException", "in use"), models.KindConflict},
		{awslambdatest.Internal(), models.KindTransient},
	} {
		f.Inject(1, c.fault.On(remapOp))
		wantKind(t, f.scale(t, most(5)), c.kind)
		f.wantScaling(t, most(1001), false)
	}
	f.Inject(1, faulttest.HalfClosed().ButDone().On(remapOp))
	wantKind(t, f.scale(t, most(5)), models.KindTransient)
	f.noChanges(t, "the same again", func() {
		if err := f.scale(t, most(5)); err != nil {
			t.Error(err)
		}
	})
}
