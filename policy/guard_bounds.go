package policy

import (
	"time"

	"pilotlight/models"
)

// guardKeepAlive leaves a keep-alive that is nearly right, and bounds it.
func guardKeepAlive(pr *proposal) {
	if !pr.keepSet {
		return
	}
	pr.keep = min(pr.keep, pr.facts.Target.Limits.MaxKeepAlive)
	now, ok := pr.facts.Current.KeepAlive()
	if !ok || !pr.facts.CurrentKnown || now > pr.facts.Target.Limits.MaxKeepAlive {
		return
	}
	if change := (pr.keep - now).Abs(); change <= time.Duration(pr.cfg.KeepAliveBand*float64(now)) {
		pr.keep = now
	}
}

// guardBounds puts the floor between the limits of the target and of the schedules that are on.
func guardBounds(pr *proposal) {
	if !pr.warmSet {
		return
	}
	b := pr.bounds()
	switch {
	case pr.warm < b.min:
		pr.move(models.ReasonMinBound, b.min, models.Num("min_warm", float64(b.min)))
		pr.reasons[len(pr.reasons)-1].Detail = b.minBy
	case pr.warm > b.max:
		pr.move(models.ReasonMaxBound, b.max, models.Num("max_warm", float64(b.max)))
		pr.reasons[len(pr.reasons)-1].Detail = b.maxBy
	}
}
