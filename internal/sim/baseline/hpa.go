package baseline

import (
	"math"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
)

// The defaults of the Horizontal Pod Autoscaler (kubernetes pkg/controller/podautoscaler: horizontal.go, replica_calculator.go,
// and pkg/apis/autoscaling/v2/defaults.go).
const (
	hpaSync       = 15 * time.Second
	hpaTolerance  = 0.1
	hpaStabilise  = 300 * time.Second
	hpaLeast      = 1
	hpaRisePods   = 4
	hpaRiseFactor = 2
)

// hpa scales the replicas by the mean concurrency of the last 15 s against 70 % of what they can carry. It goes up by at most four
// pods or 100 % at a time, and down to the highest recommendation of the last five minutes.
type hpa struct {
	seconds float64 // of demand at the last sync
	// recent are the recommendations of the stabilisation window, the oldest first.
	recent []int
}

func enterHPA(f *trace.Function, on *sim.Config) sim.Entry {
	return enterPods(func() sim.Policy { return &hpa{} })(f, on)
}

// Act implements sim.Policy.
func (h *hpa) Act(now *sim.Demand, lane *sim.Lane) time.Duration {
	replicas := max(hpaLeast, lane.Floor())
	if now.Now() > 0 {
		replicas = h.desired(now, replicas)
	}
	lane.SetFloor(replicas)
	h.seconds = now.Seconds()
	if now.Running() == 0 && replicas == hpaLeast && h.calm() {
		return sim.Never // until something arrives it would recommend the same
	}
	return nextTick(now.Now(), hpaSync)
}

// Arrived implements sim.Watcher: after a calm it syncs again at the next of its times.
func (h *hpa) Arrived(now *sim.Demand, _ *sim.Lane, next time.Duration) time.Duration {
	if next == sim.Never {
		return nextTick(now.Now(), hpaSync)
	}
	return next
}

// desired is the number of replicas after stabilisation and limits.
func (h *hpa) desired(now *sim.Demand, replicas int) int {
	mean := (now.Seconds() - h.seconds) / hpaSync.Seconds()
	want := replicas
	if ratio := mean / (0.7 * float64(replicas)); math.Abs(ratio-1) > hpaTolerance {
		want = atTarget(mean)
	}
	want = max(want, hpaLeast)
	if len(h.recent) == int(hpaStabilise/hpaSync) {
		h.recent = append(h.recent[:0], h.recent[1:]...)
	}
	h.recent = append(h.recent, want)
	for _, r := range h.recent {
		if r > want {
			want = min(r, max(want, replicas))
		}
	}
	return min(want, max(replicas*hpaRiseFactor, replicas+hpaRisePods))
}

// calm reports whether no recommendation is above the least.
func (h *hpa) calm() bool {
	for _, r := range h.recent {
		if r > hpaLeast {
			return false
		}
	}
	return true
}
