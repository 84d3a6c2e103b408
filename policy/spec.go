package policy

import (
	"math"
	"time"

	"pilotlight/models"
)

// maxInstances bounds every number of instances inside the package, whatever the limits of a target are.
const maxInstances = 1 << 20

// spec is what the memory of a target must know about it to weigh its past.
type spec struct {
	// breakEven is B: the idle seconds of one instance that one cold start is worth.
	breakEven float64
	// free is how long an idle on-demand instance stays at no cost; below 0 the keep-alive is ours to set and to pay.
	free float64
	// credit is what a second of work of an instance of the floor saves, in idle seconds.
	credit float64
	// lead and hold are in seconds.
	lead, hold float64
	// window is the reactive window in seconds.
	window float64
	// hysteresis is the band around the break-even.
	hysteresis float64
	// maxWarm bounds the floor, maxKeep the keep-alive in seconds.
	maxWarm int
	maxKeep float64
	// concurrency is how many invocations an instance runs at a time.
	concurrency int
	// slot is the least time in seconds that an invocation takes of an instance, however short it is; 0 is none. It is not
	// stored: it is derived anew before the first bin after a restart.
	slot float64
	// mu and sigma are of the lognormal law of durations; sigma < 0 if only the mean is known.
	mu, sigma float64
	seed      uint64
	// goal is the objective that a price is searched for.
	goal goal
}

// z99 is the standard normal quantile of 0.99.
const z99 = 2.3263478740408408

// specOf derives what the memory needs. It reports false if a number of the target is unusable.
func (p *Policy) specOf(f *Facts, m *Memory) (spec, bool) {
	t := f.Target
	gb := t.MemoryMB / 1024
	cold := t.ColdStart.Seconds()
	goal := p.goalOf(t)
	s := spec{
		breakEven: p.coldStartPrice(t, &goal, m) * cold / gb, goal: goal,
		free: -1, lead: p.lead(f, m).Seconds(), hold: p.cfg.Hold.Std().Seconds(),
		window: p.cfg.ReactiveWindow.Std().Seconds(), hysteresis: p.cfg.Hysteresis,
		maxWarm: min(max(t.Limits.MaxWarm, 0), maxInstances), maxKeep: t.Limits.MaxKeepAlive.Seconds(),
		concurrency: min(max(t.Concurrency, 1), 1<<20), sigma: -1, seed: seedOf(t.ID),
	}
	if f.InstanceRate > 0 {
		s.slot = float64(s.concurrency) / f.InstanceRate
	}
	if !p.keepAliveIsOurs(f) {
		s.free, s.credit = p.cfg.PlatformKeepAlive.Std().Seconds(), p.credit
	}
	if f.DurationP50 > 0 && f.DurationP99 >= f.DurationP50 {
		s.mu = math.Log(f.DurationP50.Seconds())
		s.sigma = (math.Log(f.DurationP99.Seconds()) - s.mu) / z99
	}
	ok := usable(gb) && gb > 0 && usable(s.breakEven)
	if !ok {
		s.breakEven = 0
	}
	return s, ok
}

// keepAliveIsOurs reports whether idle on-demand instances stay for as long as we say.
func (p *Policy) keepAliveIsOurs(f *Facts) bool {
	return p.cfg.KeepAlive == KeepAliveAuto && f.Levers.Has(models.LeverKeepAlive) && f.Target.Limits.MaxKeepAlive > 0
}

// meanDuration is the mean of the lognormal law in seconds, 0 if it is unknown.
func (s *spec) meanDuration() float64 {
	if s.sigma < 0 {
		return 0
	}
	return math.Exp(s.mu + s.sigma*s.sigma/2)
}

// taken is how long an invocation of that duration, in seconds, takes a place of an instance: where an instance starts at most r
// invocations a second, as on AWS Lambda, the instances needed by Little's law are max(rate*duration, rate/r).
func (s *spec) taken(duration float64) float64 { return max(duration, s.slot) }

func seedOf(id models.TargetID) uint64 {
	h := uint64(14695981039346656037) // FNV-1a, written out because the library's allocates
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return h
}

// usable reports whether a number is finite and not negative.
func usable(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }

// seconds converts a time to seconds since 1970; a float64 keeps it to less than a microsecond.
func seconds(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }
