package baseline

import (
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
)

// seasonalSlack is how many minutes on either side count as the same.
const seasonalSlack = 2

// seasonal is the seasonal naive forecast as a policy: the floor of a minute is the highest peak of the same minute and its
// neighbours a season before. It asks at once for everything that is needed until the lead is over.
type seasonal struct {
	season int // in minutes
	ahead  int // minutes until the lead is over
}

func enterSeasonal(season time.Duration) func(*trace.Function, *sim.Config) sim.Entry {
	return func(_ *trace.Function, on *sim.Config) sim.Entry {
		ahead := int((on.Lead + time.Minute - 1) / time.Minute)
		return sim.Entry{Policy: seasonal{int(season / time.Minute), ahead}, Lead: on.Lead, KeepAlive: on.KeepAlive}
	}
}

// Act implements sim.Policy.
func (s seasonal) Act(now *sim.Demand, lane *sim.Lane) time.Duration {
	like := int(now.Now()/time.Minute) - s.season
	need := 0
	for m := like - seasonalSlack; m <= like+s.ahead+seasonalSlack; m++ {
		need = max(need, now.Peak(m))
	}
	lane.SetFloor(need)
	return nextTick(now.Now(), time.Minute)
}
