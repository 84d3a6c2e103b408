package baseline

import (
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
)

// The defaults of Knative Serving (pkg/autoscaler/scaling/autoscaler.go, config/core/configmaps/autoscaler.yaml).
const (
	kpaTick        = 2 * time.Second
	kpaStable      = 60 * time.Second
	kpaPanic       = 6 * time.Second
	kpaPanicShare  = 2.0
	kpaMostUp      = 1000
	kpaMostDown    = 2
	kpaGrace       = 30 * time.Second
	kpaStableTicks = int(kpaStable / kpaTick)
	kpaPanicTicks  = int(kpaPanic / kpaTick)
)

// kpa is the pod autoscaler of Knative. Every two seconds it wants the pods that carry the mean concurrency of the last minute at
// 70 %. If that of the last six seconds wants twice the pods that are ready, it panics: for a minute it follows those six seconds and
// never goes down. The last pod goes after a grace of 30 s. There is no activator: what finds no pod starts cold on an instance of
// its own, which ends at once.
type kpa struct {
	// active says that there have been invocations since the function was at zero; only then there are statistics.
	active bool
	// seconds are the demand at the last ticks, the newest last, at most a stable window of them and one more.
	seconds []float64
	// panicked is when panic was last called for, if panicking; most are the most pods wanted since it began.
	panicking bool
	panicked  time.Duration
	most      int
	// idle is since when no pod is wanted, if none is.
	unwanted bool
	idle     time.Duration
	// before is the demand when the function was last at zero.
	before float64
}

func enterKPA(f *trace.Function, on *sim.Config) sim.Entry {
	return enterPods(func() sim.Policy { return &kpa{} })(f, on)
}

// Arrived implements sim.Watcher: at zero it wakes up with the first invocation.
func (k *kpa) Arrived(now *sim.Demand, _ *sim.Lane, next time.Duration) time.Duration {
	if next != sim.Never {
		return next
	}
	// Statistics begin at the tick before, when there was nothing yet.
	k.active = true
	k.seconds = append(k.seconds[:0], k.before)
	return nextTick(now.Now(), kpaTick)
}

// Act implements sim.Policy.
func (k *kpa) Act(now *sim.Demand, lane *sim.Lane) time.Duration {
	if !k.active {
		return sim.Never
	}
	if len(k.seconds) > kpaStableTicks {
		k.seconds = append(k.seconds[:0], k.seconds[1:]...)
	}
	k.seconds = append(k.seconds, now.Seconds())
	want := k.want(now.Now(), max(1, lane.Ready()))
	switch {
	case want > 0:
		k.unwanted = false
	case !k.unwanted:
		k.unwanted, k.idle, want = true, now.Now(), 1
	case now.Now()-k.idle < kpaGrace:
		want = 1
	}
	lane.SetFloor(want)
	if want == 0 && now.Running() == 0 {
		*k = kpa{seconds: k.seconds[:0], before: now.Seconds()}
		return sim.Never
	}
	return now.Now() + kpaTick
}

// mean is the mean concurrency of the last ticks.
func (k *kpa) mean(ticks int) float64 {
	n := len(k.seconds) - 1
	ticks = min(ticks, n)
	return (k.seconds[n] - k.seconds[n-ticks]) / (float64(ticks) * kpaTick.Seconds())
}

// want is the number of pods before the grace of the last one.
func (k *kpa) want(now time.Duration, ready int) int {
	least, most := ready/kpaMostDown, ready*kpaMostUp
	stable, urgent := atTarget(k.mean(kpaStableTicks)), atTarget(k.mean(kpaPanicTicks))
	if float64(urgent)/float64(ready) >= kpaPanicShare {
		k.panicking, k.panicked = true, now
	} else if k.panicking && k.panicked+kpaStable < now {
		k.panicking, k.most = false, 0
	}
	stable = min(max(stable, least), most)
	if !k.panicking {
		return stable
	}
	k.most = max(k.most, stable, min(max(urgent, least), most))
	return k.most
}
