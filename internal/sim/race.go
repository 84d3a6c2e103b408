package sim

import (
	"fmt"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// Policy controls one function on a platform. It is made for one Lane and sees the past of the function only.
type Policy interface {
	// Act is called at the start of the trace and then at each time that it returned, which must be later than now; Never is
	// not again. It may set floor and keep-alive of the lane.
	Act(now *Demand, lane *Lane) (next time.Duration)
}

// Watcher is a Policy that is told of invocations.
type Watcher interface {
	Policy
	// Arrived is called after each invocation that arrived now and was served. It gets when Act is to be called next, and
	// returns when it is to be called instead.
	Arrived(now *Demand, lane *Lane, next time.Duration) time.Duration
}

// Lane is one function on a platform of its own, under one policy. It is for one goroutine.
type Lane struct {
	machine
	now     int64
	policy  Policy
	watcher Watcher
	wake    int64
	last    int64
	minutes []int32
}

// Entry describes a lane of a race.
type Entry struct {
	Policy Policy
	// Lead is the time from asking for a warm instance to having it.
	Lead time.Duration
	// KeepAlive is how long idle on-demand instances stay until the policy says otherwise.
	KeepAlive time.Duration
	// Hindsight, if above 0, keeps an idle on-demand instance exactly if it will be used again within that time. Nobody can
	// know this; it is a bound for policies that keep instances.
	Hindsight time.Duration
	// ColdStarts, if not nil, has a place for each minute of the trace, to which the cold starts in it are added.
	ColdStarts []int32
}

// SetFloor asks now for a number of warm instances, cut to the bounds of a platform.
func (l *Lane) SetFloor(instances int) { l.setFloor(l.now, min(max(instances, 0), MaxFloor)) }

// SetKeepAlive sets how long on-demand instances stay after work that ends from now on, cut to the bounds of a platform.
func (l *Lane) SetKeepAlive(keepAlive time.Duration) {
	l.setKeepAlive(l.now, min(max(keepAlive, 0), MaxKeepAlive).Microseconds())
}

// Floor is the number of warm instances asked for, Ready how many of them there are.
func (l *Lane) Floor() int { return l.floor.asked }

// Ready is the number of warm instances that there are.
func (l *Lane) Ready() int { return l.floor.ready }

// BusyUntil is when the last of the invocations that have arrived so far ends.
func (l *Lane) BusyUntil() time.Duration { return fromMicros(l.last) }

// Race lets function i of a trace meet all entries at the same time, each on a platform of its own, and returns what each used.
// Lead, keep-alive and the levers of the entries are their own; everything else is that of the configuration. It returns an
// error wrapping models.ErrInvalid if the configuration is not valid.
func Race(t *trace.Trace, i int, cfg Config, entries []Entry) ([]Usage, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("race: %w", err)
	}
	if i < 0 || i >= len(t.Functions) {
		return nil, fmt.Errorf("race: function %d is not in the trace %q: %w", i, t.Name, models.ErrInvalid)
	}
	f := &t.Functions[i]
	rows := t.Rows(i, 0, t.Minutes)
	r := race{demand: newDemand(cfg.Seed, f, rows, t.Minutes), lanes: make([]Lane, len(entries))}
	for k, e := range entries {
		l := &r.lanes[k]
		l.machine = machine{
			coldStart: f.ColdStart(cfg.ColdStart).Microseconds(), lead: e.Lead.Microseconds(), keepAlive: e.KeepAlive.Microseconds(),
			hindsight: e.Hindsight.Microseconds(), from: int64(cfg.CountFrom) * microsPerMinute,
		}
		l.policy = e.Policy
		l.watcher, _ = e.Policy.(Watcher)
		l.minutes = e.ColdStarts
		if l.policy == nil {
			l.wake = never
		}
	}
	end := int64(t.Minutes) * microsPerMinute
	r.run(newArrivals(cfg.Seed, f, rows), end)
	out := make([]Usage, len(entries))
	for k := range r.lanes {
		used := r.lanes[k].usage(end)
		out[k] = usageOf(&used, f.MemoryMB, cfg.Setting, &cfg.Prices)
	}
	return out, nil
}

// race is a running Race.
type race struct {
	demand *Demand
	lanes  []Lane
	// next is the first time at which a policy is to act.
	next int64
}

// run serves all invocations and lets all policies act until the end.
func (r *race) run(traffic *arrivals, end int64) {
	for ; traffic.at < end; traffic.next() {
		r.act(traffic.at)
		r.demand.settle(traffic.at)
		r.demand.arrive(traffic.duration)
		for k := range r.lanes {
			l := &r.lanes[k]
			l.now = traffic.at
			l.last = max(l.last, l.serve(traffic.at, traffic.duration))
			if l.watcher == nil {
				continue
			}
			l.wake = toMicros(l.watcher.Arrived(r.demand, l, fromMicros(l.wake)))
			r.next = min(r.next, l.wake)
		}
	}
	r.act(end)
}

// act lets the policies act that are to until the time, inclusive, in the order of time.
func (r *race) act(until int64) {
	for r.next <= until {
		now, next := r.next, int64(never)
		r.demand.settle(now)
		for k := range r.lanes {
			l := &r.lanes[k]
			if l.wake <= now {
				l.now = now
				l.wake = max(toMicros(l.policy.Act(r.demand, l)), now+1)
			}
			next = min(next, l.wake)
		}
		r.next = next
	}
}

// serve is arrive; it returns when the work ends. It also forgets idle instances that have ended when they become many.
func (l *Lane) serve(at, duration int64) (end int64) {
	cold := l.ever.cold
	l.arrive(at, duration)
	if len(l.idle) > 2*len(l.running)+64 && l.hindsight == 0 {
		l.sweep(at)
	}
	if l.ever.cold > cold {
		if l.minutes != nil {
			l.minutes[at/microsPerMinute]++
		}
		return at + l.coldStart + duration
	}
	return at + duration
}

// Replayed is the policy that carries out recorded decisions of one function, which must be in the order of time.
type Replayed struct{ decisions []Decision }

var _ Policy = (*Replayed)(nil)

// NewReplayed makes the policy.
func NewReplayed(decisions []Decision) *Replayed { return &Replayed{decisions: decisions} }

// Act implements Policy.
func (r *Replayed) Act(now *Demand, lane *Lane) time.Duration {
	for len(r.decisions) > 0 && r.decisions[0].Time <= now.Now() {
		d := &r.decisions[0]
		if d.HasKeepAlive {
			lane.SetKeepAlive(d.KeepAlive)
		}
		lane.SetFloor(d.Warm)
		r.decisions = r.decisions[1:]
	}
	if len(r.decisions) == 0 {
		return Never
	}
	return r.decisions[0].Time
}
