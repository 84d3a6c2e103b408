package baseline

import (
	"fmt"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
)

// fixed keeps every instance for so many minutes after its work, as platforms do: AWS Lambda for about 10, Azure Functions
// (consumption) for about 20 ("Serverless in the Wild", ATC 2020).
func fixed(minutes float64) Baseline {
	keep := time.Duration(minutes) * time.Minute
	return Baseline{
		Kind: Real, What: fmt.Sprintf("every idle instance stays for %g minutes", minutes),
		enter: func(_ *trace.Function, on *sim.Config) sim.Entry { return sim.Entry{Lead: on.Lead, KeepAlive: keep} },
	}
}

// floor keeps so many instances warm all the time, as people do by hand, above the platform's own keep-alive.
func floor(instances float64) Baseline {
	return Baseline{
		Kind: Real, What: fmt.Sprintf("%g instances are warm all the time", instances),
		enter: func(_ *trace.Function, on *sim.Config) sim.Entry {
			return sim.Entry{Policy: standing(instances), Lead: on.Lead, KeepAlive: on.KeepAlive}
		},
	}
}

// standing is a floor that never changes.
type standing int

// Act implements sim.Policy.
func (n standing) Act(_ *sim.Demand, lane *sim.Lane) time.Duration {
	lane.SetFloor(int(n))
	return sim.Never
}

// breakEven keeps every instance until its idling has cost as much as its cold start, x GB-seconds for each second of it. This
// costs at most twice what perfect foresight would (the ski-rental rule: Karlin, Manasse, Rudolph, Sleator, Algorithmica 1988).
func breakEven(x float64) Baseline {
	return Baseline{
		Kind: Real, What: fmt.Sprintf("ski rental: an instance stays until idling has cost as much as its cold start, at %g GB-s a second", x),
		enter: func(f *trace.Function, on *sim.Config) sim.Entry {
			return sim.Entry{Lead: on.Lead, KeepAlive: min(worth(x, f, on), sim.MaxKeepAlive)}
		},
	}
}

// oracleKeep knows when an instance will be used again and keeps it exactly if its idling until then costs less than its cold
// start, x GB-seconds for each second of it. No policy that only keeps what has run can do better at that price, but for cold
// starts that make the work longer; one that loads instances ahead can.
func oracleKeep(x float64) Baseline {
	return Baseline{
		Kind: Oracle, What: fmt.Sprintf("knows the traffic: keeps an instance exactly if that is worth it at %g GB-s a second", x),
		enter: func(f *trace.Function, on *sim.Config) sim.Entry {
			return sim.Entry{Lead: on.Lead, Hindsight: max(worth(x, f, on), time.Microsecond)}
		},
	}
}

// worth is how long an instance of the function may idle for the price of a cold start: x·cold start/memory in GB.
func worth(x float64, f *trace.Function, on *sim.Config) time.Duration {
	seconds := x * f.ColdStart(on.ColdStart).Seconds() / (f.MemoryMB / 1024)
	const year = 366 * 24 * 3600
	return time.Duration(min(seconds, year) * float64(time.Second))
}

// oraclePeak knows the traffic of each minute and has as many instances ready as it needs, at once.
type oraclePeak struct{}

func enterOraclePeak(*trace.Function, *sim.Config) sim.Entry { return sim.Entry{Policy: oraclePeak{}} }

// Act implements sim.Policy.
func (oraclePeak) Act(now *sim.Demand, lane *sim.Lane) time.Duration {
	lane.SetFloor(now.Foresee(int(now.Now() / time.Minute)))
	return nextTick(now.Now(), time.Minute)
}
