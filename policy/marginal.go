package policy

import "math"

// rule is what the value of an instance depends on besides the load.
type rule struct {
	// breakEven is B, the idle seconds that a cold start is worth.
	breakEven float64
	// hold is the length of the window in seconds.
	hold float64
	// free is how long idle on-demand instances stay at no cost; below 0 their keep-alive costs us as much as a floor.
	free float64
	// credit is what a second of work of an instance of the floor saves, in idle seconds; only used with free.
	credit float64
	// alive is how many instances are in use or idle anyway; only used with free.
	alive int
	// hysteresis is the band around the break-even.
	hysteresis  float64
	concurrency int
	max         int
}

// worth returns the cold starts that keeping an instance of the rung warm saves over the window, and the extra idle seconds
// that it costs.
//
// With G = idle/needs the mean time between two uses, and gaps nearly exponential, an on-demand instance that is kept for K
// starts cold at a share exp(-K/G) of its uses. If we pay for K, it idles G(1-exp(-K/G)) of each gap, so that the floor saves
// exp(-K/G) cold starts for G·exp(-K/G) idle seconds: the factor cancels, and the instance is worth its floor if G < B,
// whatever K is. If K is free, the floor costs all of G; but an instance that is not alive at first saves its first use too.
func (r *rule) worth(g rung) (saved, cost float64) {
	uses := g.needs * r.hold
	cost = g.idle * r.hold
	if r.free < 0 {
		return uses, cost
	}
	cost -= r.credit * (1 - g.idle) * r.hold
	again := 0.0
	if g.needs > 0 {
		again = math.Exp(-r.free * g.needs / max(g.idle, 1e-12))
	}
	first := 0.0
	if g.from >= r.alive {
		first = -math.Expm1(-uses)
	}
	return first + (uses-first)*again, cost
}

// below is how many instances below a coarse ladder to keep: they are always in use, so where we pay for keep-alive or gain by work a
// floor of them costs nothing, or less.
func (r *rule) below(l *ladder) int {
	if r.free < 0 || r.credit > 0 {
		return min(l.at, r.max)
	}
	return 0
}

// floors returns how many instances are worth keeping warm: up is the number to rise to, down (never less) the number to fall
// to. Both maximise the sum of value minus cost over the instances; value counts less for up and more for down.
func (r *rule) floors(mix *mixture) (up, down int) {
	if mix.n == 0 || !(mix.mean() > 0) || !(mix.duration > 0) || !(r.breakEven > 0) {
		return 0, 0
	}
	band := 1 + r.hysteresis
	l := newLadder(mix, r.concurrency)
	up = r.below(&l)
	down = up
	var netUp, netDown, bestUp, bestDown float64
	for {
		past := l.past()
		g := l.next()
		if g.from >= r.max {
			return up, down
		}
		saved, cost := r.worth(g)
		value := saved * r.breakEven
		netUp += float64(g.width) * (value/band - cost)
		netDown += float64(g.width) * (value*band - cost)
		if netUp > bestUp {
			bestUp, up = netUp, min(g.from+g.width, r.max)
		}
		if netDown > bestDown {
			bestDown, down = netDown, min(g.from+g.width, r.max)
		}
		if past && value*band < cost {
			return up, max(up, down)
		}
	}
}

// settle moves the floor before into the band: it changes only if the floor before is not worth it any more.
func settle(before, up, down int) int { return min(max(before, up), down) }

// priced is what a floor is expected to do over the window.
type priced struct {
	idle  float64 // seconds of idle instances of the floor
	cold  float64 // cold starts in spite of it
	saved float64 // cold starts that it saves
}

// price sums up the rungs below and above a floor. keep is how long on-demand instances stay, in seconds.
func (r *rule) price(mix *mixture, floor int, keep float64) priced {
	var p priced
	if mix.n == 0 || !(mix.duration > 0) {
		p.idle = float64(floor) * r.hold
		return p
	}
	l := newLadder(mix, r.concurrency)
	for range 4 * maxFine {
		past := l.past()
		g := l.next()
		uses := g.needs * r.hold
		if past && uses < 1e-9 && g.from >= floor {
			break
		}
		cold := uses
		if g.needs > 0 {
			cold *= math.Exp(-keep * g.needs / max(g.idle, 1e-12))
		}
		below := float64(min(max(floor-g.from, 0), g.width))
		above := float64(g.width) - below
		p.idle += below * g.idle * r.hold
		p.saved += below * cold
		p.cold += above * cold
		if past && uses < 1e-9 {
			// All instances further up to the floor only idle.
			p.idle += float64(floor-g.from-int(below)) * r.hold
			break
		}
	}
	return p
}
