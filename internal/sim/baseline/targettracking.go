package baseline

import (
	"math"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
)

// The alarms of AWS Application Auto Scaling for Lambda's provisioned concurrency: a datapoint a minute, above the target for
// three in a row scales out, below 90 % of the target for fifteen in a row scales in
// (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html).
const (
	trackingTarget = 0.7
	trackingLow    = 0.9 * trackingTarget
	trackingOut    = 3
	trackingIn     = 15
)

// targetTracking sets the floor so that the peak concurrency of the last minute is 70 % of it, once an alarm has lasted. Minutes
// without invocations count as 0, where AWS has no datapoint and scales in later or never; so this is cheaper than reality.
type targetTracking struct{ above, below int }

func enterTargetTracking(_ *trace.Function, on *sim.Config) sim.Entry {
	return sim.Entry{Policy: &targetTracking{}, Lead: on.Lead, KeepAlive: on.KeepAlive}
}

// Act implements sim.Policy.
func (t *targetTracking) Act(now *sim.Demand, lane *sim.Lane) time.Duration {
	next := nextTick(now.Now(), time.Minute)
	if now.Now() == 0 {
		lane.SetFloor(1)
		return next
	}
	peak := now.Peak(int(now.Now()/time.Minute) - 1)
	utilisation := float64(peak) / math.Max(1, float64(lane.Floor()))
	t.above, t.below = t.above+1, t.below+1
	if utilisation <= trackingTarget {
		t.above = 0
	}
	if utilisation >= trackingLow {
		t.below = 0
	}
	if t.above >= trackingOut || t.below >= trackingIn {
		lane.SetFloor(max(1, atTarget(float64(peak))))
	}
	return next
}
