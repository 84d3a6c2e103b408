package policy

import "pilotlight/models"

// Canary lets a policy act on a part of its targets first.
type Canary struct {
	// Share is the part of the targets that is acted on, from 0 to 1; the others are decided as in dry-run mode. Raising it keeps
	// those that were acted on before.
	Share float64 `yaml:"share"`
	// Salt chooses another part of the same size.
	Salt string `yaml:"salt"`
}

func (c Canary) validate(v *checker) { v.number("canary.share", c.Share, 0, 1) }

// takes reports whether a target is among those that are acted on. It depends on its id only, so that it is the same in every
// process and after every restart.
func (c Canary) takes(id models.TargetID) bool { return c.Share >= 1 || c.place(id) < c.Share }

// place spreads the targets evenly over [0, 1).
func (c Canary) place(id models.TargetID) float64 {
	h := seedOf(models.TargetID(c.Salt) + "\x00" + id)
	// The low bits of the hash are mixed well, the high ones are not when ids differ at their end only: mix again (murmur3).
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}

// guardCanary marks the decision as one that is not acted on.
func guardCanary(pr *proposal) {
	c := pr.cfg.Canary
	if c.takes(pr.facts.Target.ID) || pr.facts.Mode == models.ModeDryRun {
		return
	}
	pr.heldBack = true
	pr.because(models.ReasonCanary, models.Num("share", c.Share), models.Num("place", c.place(pr.facts.Target.ID)))
}
