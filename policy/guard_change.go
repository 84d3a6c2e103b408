package policy

import (
	"math"
	"time"

	"pilotlight/models"
)

// guardStabilise keeps the highest need of the window before the floor falls. A floor for one expected use is not kept longer.
func guardStabilise(pr *proposal) {
	if !pr.steady || !pr.falls() {
		return
	}
	window := pr.cfg.Stabilisation.Std()
	highest := min(pr.memory.highest(pr.facts.Now, window), pr.have)
	if highest > pr.warm {
		pr.move(models.ReasonStabilised, highest, models.Num("window_s", window.Seconds()))
	}
}

// guardZero keeps the last instance until the target has been idle long enough.
func guardZero(pr *proposal) {
	after := pr.cfg.ScaleToZeroAfter.Std()
	if after == 0 || pr.warm > 0 || !pr.falls() {
		return
	}
	m := pr.memory
	idle := math.Inf(1)
	if m.last >= 0 {
		idle = float64(m.bin-m.last-1) * m.step
	}
	if idle < after.Seconds() {
		pr.move(models.ReasonScaleToZero, 1, models.Num("idle_s", idle), models.Num("needed_s", after.Seconds()))
	}
}

// guardCooldown lets a rise wait after the last rise, and a fall after the last change of either kind. A mark in the future
// is a clock that was wrong, and is left out.
func guardCooldown(pr *proposal) {
	marks, now := &pr.facts.Marks, pr.facts.Now
	switch {
	case pr.rises():
		if left := waits(now, marks.LastUp, pr.cfg.CooldownUp.Std()); left > 0 {
			pr.move(models.ReasonCooldownUp, pr.have, models.Num("left_s", left.Seconds()))
		}
	case pr.falls():
		cool := pr.cfg.CooldownDown.Std()
		if left := max(waits(now, marks.LastUp, cool), waits(now, marks.LastDown, cool)); left > 0 {
			pr.move(models.ReasonCooldownDown, pr.have, models.Num("left_s", left.Seconds()))
		}
	}
}

// waits is how much of a cooldown is left.
func waits(now, last time.Time, cooldown time.Duration) time.Duration {
	if last.IsZero() || last.After(now) {
		return 0
	}
	return cooldown - now.Sub(last)
}

// guardStep limits one change.
func guardStep(pr *proposal) {
	switch {
	case pr.rises():
		if most := pr.cfg.MaxStepUp.limit(pr.have); pr.warm-pr.have > most {
			pr.move(models.ReasonStepUp, pr.have+most, models.Num("limit", float64(most)))
		}
	case pr.falls():
		if most := pr.cfg.MaxStepDown.limit(pr.have); pr.have-pr.warm > most {
			pr.move(models.ReasonStepDown, pr.have-most, models.Num("limit", float64(most)))
		}
	}
}

// limit is the largest change of a floor; at least 1, or nothing would ever move.
func (s Step) limit(have int) int {
	if s.Instances == 0 && s.Share == 0 {
		return maxInstances
	}
	share := min(math.Ceil(s.Share*float64(have)), maxInstances)
	return max(s.Instances, int(share), 1)
}
