package policy

import (
	"math"

	"pilotlight/models"
)

// guardMissing replaces the proposal while there are no fresh samples: the load of a silent target is unknown, not zero.
func guardMissing(pr *proposal) {
	fresh := pr.facts.Data == models.DataFresh
	if fresh && pr.reactive >= 0 || !pr.warmSet && !pr.keepSet {
		return
	}
	pr.keepSet, pr.missing = pr.keepSet && pr.startsKeeping(), true
	if !pr.warmSet {
		pr.because(models.ReasonMissingHold)
		return
	}
	pr.steady = true
	switch pr.cfg.MissingData {
	case MissingFloor:
		pr.move(models.ReasonMissingFloor, pr.cfg.MissingFloorWarm)
		return
	case MissingScaleUp:
		if to := scaledUp(pr); pr.haveKnown {
			pr.move(models.ReasonMissingScaleUp, to, models.Num("factor", pr.cfg.MissingScaleUpFactor))
			return
		}
	case MissingHold:
	}
	if !pr.haveKnown {
		pr.hold(models.ReasonMissingHold)
		return
	}
	pr.move(models.ReasonMissingHold, pr.have)
}

// scaledUp multiplies the highest floor that was needed when there was data, so that an outage raises it once and not at
// every tick.
func scaledUp(pr *proposal) int {
	base := pr.have
	if set, ok := pr.facts.Marks.Set.Warm(); ok {
		base = min(base, set)
	}
	if known := pr.memory.cost.dataFloor; known >= 0 {
		base = int(known)
	}
	to := math.Ceil(float64(base) * pr.cfg.MissingScaleUpFactor)
	return max(pr.have, int(min(to, maxInstances)))
}

// startsKeeping reports whether the keep-alive is to be set although nothing is known yet: where that which is in force is
// shorter than what a target without history deserves, so that the very first instances do not end at once.
func (pr *proposal) startsKeeping() bool {
	if pr.memory.seen > 0 || !pr.facts.CurrentKnown {
		return false
	}
	now, ok := pr.facts.Current.KeepAlive()
	return ok && now < pr.keep
}
