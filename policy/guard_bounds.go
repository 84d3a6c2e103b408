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

// guardBounds puts the floor between the limits of the target.
func guardBounds(pr *proposal) {
	if !pr.warmSet {
		return
	}
	l := pr.facts.Target.Limits
	switch {
	case pr.warm < l.MinWarm:
		pr.move(models.ReasonMinBound, l.MinWarm, models.Num("min_warm", float64(l.MinWarm)))
	case pr.warm > l.MaxWarm:
		pr.move(models.ReasonMaxBound, l.MaxWarm, models.Num("max_warm", float64(l.MaxWarm)))
	}
}
