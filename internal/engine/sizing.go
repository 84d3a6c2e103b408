package engine

import (
	"fmt"
	"math"
	"slices"
	"time"

	"pilotlight/actuators"
	"pilotlight/insights"
	"pilotlight/models"
)

// adviceFor is for how long an advice about memory stands if nothing new speaks against it.
const adviceFor = 10 * time.Minute

// sizing is what right-sizing knows about a unit whose use of memory is measured.
type sizing struct {
	usage  *insights.Usage
	advice *models.SizeAdvice
	// newest is the highest use since the advice, in MB.
	newest float64
	// rejected is the last memory that an operator rejected, refusal the time and current the capacity when that was.
	rejected int
	refusal  time.Time
	current  models.Capacity
}

// measure takes down the use of memory in the step of the newest bin. A target without one takes no memory for it.
func (u *unit) measure(mb float64) {
	s, cfg := u.sizing, u.policy.RightSizing()
	if !cfg.Recommend || s == nil && !(mb > 0) {
		return
	}
	if s == nil || s.usage.Lookback() != cfg.Lookback.Std() {
		s = &sizing{usage: insights.NewUsage(cfg.Lookback.Std())}
		u.sizing = s
	}
	s.usage.Observe(insights.Sample{
		Start: u.bin.Start, Step: u.bin.Step, MB: mb, Invocations: u.bin.Invocations, Duration: u.bin.Duration,
	})
	if mb > s.newest {
		s.newest = mb
	}
}

// advice returns the latest advice about memory, or nil.
func (u *unit) advice() *models.SizeAdvice {
	if u.sizing == nil {
		return nil
	}
	return u.sizing.advice
}

// resetAdvice lets the next Step make another advice.
func (u *unit) resetAdvice() {
	if u.sizing != nil {
		u.sizing.advice = nil
	}
}

// memoryMB returns the memory of an instance: what the platform shows if the actuator reads it, else what is configured. It is 0 if it
// should be read and could not be.
func (u *unit) memoryMB() int {
	if u.actuator.Levers().Has(models.LeverMemory) {
		mb, _ := u.observation.Capacity.Memory()
		return mb
	}
	return int(math.Round(min(u.target.MemoryMB, models.MaxMemoryMB)))
}

// advise brings the advice about memory up to date.
func (e *Engine) advise(u *unit, now time.Time) {
	s := u.sizing
	if s == nil {
		return
	}
	cfg := u.policy.RightSizing()
	if !cfg.Recommend {
		u.sizing = nil
		return
	}
	mb := u.memoryMB()
	if mb == 0 {
		return // what was known before stands
	}
	s.usage.SetSize(mb)
	if have := float64(mb); u.actuator.Levers().Has(models.LeverMemory) && u.target.MemoryMB != have {
		u.target.MemoryMB, u.prepared = have, false // what a floor costs, and is worth, follows
	}
	if a := s.advice; a != nil && a.CurrentMB == mb && s.newest <= a.PeakMB && now.Sub(a.At) < adviceFor {
		return
	}
	warm, _ := u.observation.Capacity.Warm()
	in := insights.Instance{
		MemoryMB: mb, Sizes: actuators.MemorySizes(u.actuator), Warm: warm, Concurrency: u.target.Concurrency,
		Low: int(u.target.Limits.MinMemoryMB), High: int(u.target.Limits.MaxMemoryMB),
	}
	in.Rates.Warm, in.Rates.Busy, in.Rates.Demand = u.policy.GBSecond()
	s.advice, s.newest = s.usage.Advise(now, cfg, &in), 0
}

// resize makes a decision that changes nothing one about the memory of the target, if that is to be set and nothing speaks against it. It
// is a decision of its own, so that an operator can approve a floor without a deployment, and the floor, which is in more of a hurry, goes
// first, unless it is lowered while instances are near their limit.
func (e *Engine) resize(u *unit, d *models.Decision, now time.Time) {
	a := u.applicable()
	if a == nil || d.Changes() && (!a.Urgent || !lowersFloor(d)) || !e.calm(u, d, now) {
		return
	}
	if why := e.againstResize(u, a, now); why != nil {
		if d.Changes() {
			return
		}
		d.Reasons = append(slices.Clip(d.Reasons), *why)
		return
	}
	reasons := make([]models.Reason, 0, len(d.Reasons)+len(a.Reasons)+1)
	for _, r := range d.Reasons {
		if r.Code != models.ReasonUnchanged {
			reasons = append(reasons, r)
		}
	}
	d.Reasons = append(reasons, a.Reasons...)
	d.Desired = models.Capacity{}.WithMemory(a.RecommendedMB)
	u.reach(d)
}

// lowersFloor reports whether a decision is to lower the floor and nothing else.
func lowersFloor(d *models.Decision) bool {
	to, ok := d.Desired.Warm()
	from, known := d.Current.Warm()
	return ok && known && to < from && d.Desired.Levers() == models.LeverWarm
}

// rejectedSize takes note that an operator rejected a decision, if it was about memory.
func (u *unit) rejectedSize(d *models.Decision, now time.Time) {
	if mb, ok := d.Desired.Memory(); ok && u.sizing != nil {
		u.sizing.rejected, u.sizing.refusal, u.sizing.current = mb, now, d.Current
	}
}

// applicable returns the advice about memory if it is for another one than the platform shows, and may be carried out; else nil.
func (u *unit) applicable() *models.SizeAdvice {
	a := u.advice()
	if a == nil || !a.Changes() || !u.policy.RightSizing().Apply || !u.actuator.Levers().Has(models.LeverMemory) {
		return nil
	}
	if have, ok := u.observation.Capacity.Memory(); !ok || have != a.CurrentMB {
		return nil
	}
	return a
}

// calm reports whether the target is known well enough, and at rest, for a change of its memory.
func (e *Engine) calm(u *unit, d *models.Decision, now time.Time) bool {
	set := e.settings()
	for i := range d.Reasons {
		switch d.Reasons[i].Code { //nolint:exhaustive // the others are about the floor
		case models.ReasonPanic, models.ReasonInvalidInput, models.ReasonTargetInTwoPlaces:
			return false
		}
	}
	return u.observed && !u.observation.Pending && !now.Before(u.foreign.until) && !e.pause.Load().Paused &&
		!u.lastSample.IsZero() && now.Sub(u.lastSample) <= set.StaleAfter && now.Sub(e.started) >= set.RestartHold
}

// againstResize returns why an advice is not carried out now, or nil.
func (e *Engine) againstResize(u *unit, a *models.SizeAdvice, now time.Time) *models.Reason {
	cfg := u.policy.RightSizing()
	lowers := a.Verdict == models.SizeLower
	if a.Risky && cfg.LessCPU != models.LessCPUApply {
		r := models.Because(models.ReasonMemoryCPU, models.Num("recommended_mb", float64(a.RecommendedMB)))
		r.Detail = "only recommended; right_sizing.less_cpu: apply carries it out"
		return &r
	}
	if s := u.sizing; a.RecommendedMB == s.rejected && s.current != u.observation.Capacity && now.Sub(s.refusal) < cfg.Cooldown.Std() {
		// As long as nothing else has changed, the rejected recommendation itself stands.
		r := models.Because(models.ReasonApproval, models.Num("recommended_mb", float64(a.RecommendedMB)))
		r.Detail = "an operator rejected it at " + s.refusal.UTC().Format(time.RFC3339)
		return &r
	}
	if left := time.Unix(u.marks.LastMemory, 0).Add(cfg.Cooldown.Std()).Sub(now); u.marks.LastMemory != 0 && left > 0 {
		r := models.Because(models.ReasonMemoryCooldown, models.Num("recommended_mb", float64(a.RecommendedMB)))
		r.Detail = "until " + now.Add(left).UTC().Format(time.RFC3339)
		return &r
	}
	if name, frozen := u.policy.Frozen(now, lowers); frozen {
		r := models.Because(models.ReasonFreeze, models.Num("proposed_memory_mb", float64(a.RecommendedMB)))
		r.Detail = name
		return &r
	}
	return nil
}

// sizingProblem says what keeps the memory from being set although that is asked for, or "".
func (u *unit) sizingProblem() string {
	a := u.advice()
	if a == nil || !a.Changes() || !u.policy.RightSizing().Apply || u.actuator.Levers().Has(models.LeverMemory) {
		return ""
	}
	return fmt.Sprintf("right_sizing.apply is set, but actuator %q does not set memory: switch that on there, or leave right_sizing.apply out",
		u.target.Actuator)
}

// marshal returns the state of the use of memory, none for nil.
func (s *sizing) marshal() ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	data, err := s.usage.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("use of memory: %w", err)
	}
	return data, nil
}

// recallSizing takes over a saved state of the use of memory; an empty one is none.
func (u *unit) recallSizing(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	s := &sizing{usage: &insights.Usage{}}
	if err := s.usage.UnmarshalBinary(data); err != nil {
		return err
	}
	if s.usage.Lookback() == u.policy.RightSizing().Lookback.Std() {
		u.sizing = s
	}
	return nil
}
