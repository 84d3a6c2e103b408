package policy

import "pilotlight/models"

// guardCurrent takes care when the platform did not show the present floor. The floor that was last set stands in for it, and
// nothing is lowered below that; if none was, more may be running than is known, so the floor is left alone.
func guardCurrent(pr *proposal) {
	if pr.haveKnown || !pr.warmSet && !pr.keepSet {
		return
	}
	set, ok := pr.facts.Marks.Set.Warm()
	if !ok || pr.warm <= set {
		// A keep-alive does no harm to what is running, but it cannot be compared with what there is.
		pr.hold(models.ReasonCurrentUnknown)
		return
	}
	pr.have, pr.haveKnown = set, true
	pr.because(models.ReasonCurrentUnknown, models.Num("last_set", float64(set)), models.Num("to", float64(pr.warm)))
}

// guardRestart keeps at least the present floor until the history suffices.
func guardRestart(pr *proposal) {
	if pr.facts.Warming && pr.falls() {
		pr.move(models.ReasonRestart, pr.have)
	}
}

// guardPending leaves everything alone while the platform carries out an earlier change: asking anew can delay or undo it.
func guardPending(pr *proposal) {
	if pr.facts.Pending && (pr.warmSet || pr.keepSet) {
		pr.hold(models.ReasonPending)
	}
}

// guardOutOfBand backs off after somebody else changed the capacity.
func guardOutOfBand(pr *proposal) {
	if pr.facts.OutOfBand && (pr.warmSet || pr.keepSet) {
		pr.hold(models.ReasonOutOfBand)
	}
}

// guardPaused takes the decision back while an operator has stopped all changes.
func guardPaused(pr *proposal) {
	if pr.facts.Paused {
		pr.hold(models.ReasonPaused, models.Num("proposed_warm", float64(pr.warm)))
	}
}
