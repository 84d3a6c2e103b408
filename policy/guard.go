package policy

import (
	"slices"
	"time"

	"pilotlight/models"
)

// proposal is a decision on its way through the guards.
type proposal struct {
	cfg    *Config
	facts  *Facts
	memory *Memory
	// times are the schedules and freezes, nil if there are none.
	times *times

	// have is the present floor, if haveKnown.
	have      int
	haveKnown bool
	// reactive, predicted and strategy are what the proposal was made of; mix is the forecast load, if used.
	reactive, predicted, strategy int
	mix                           mixture
	// steady says that the proposal follows a level of load, and not one expected use.
	steady bool
	// missing says that there were no samples to go by.
	missing bool
	// heldBack says that the decision is not to be acted on.
	heldBack bool

	// warm and keep are the capacity to have; a lever that is not set is left alone.
	warm    int
	warmSet bool
	keep    time.Duration
	keepSet bool

	reasons []models.Reason
	// numbers are those of the reasons, in one block, because nearly every decision has a few.
	numbers []models.Number
}

// A guard is one step between what the load asks for and what is done. It may change the proposal, and gives the reason with
// numbers if it does.
type guard struct {
	name  string
	apply func(*proposal)
	// binding says that a floor that is lowered for want of money or quota must pass it too.
	binding bool
}

// guards returns the guards in their order. Those that replace the proposal come first, then those that soften a change, and
// the bounds last of all that set a number. What comes after takes the whole decision back.
func guards() []guard {
	return []guard{
		{"missing data", guardMissing, false},
		{"announced floor", guardHint, true},
		{"unknown current floor", guardCurrent, false},
		{"restart", guardRestart, true},
		{"stabilisation", guardStabilise, false},
		{"scale to zero", guardZero, false},
		{"cooldown", guardCooldown, true},
		{"step", guardStep, true},
		{"rate", guardRate, true},
		{"freeze of lowering", guardFreezeLowering, true},
		{"keep-alive", guardKeepAlive, false},
		{"economy", guardEconomy, true},
		{"bounds", guardBounds, true},
		{"pending", guardPending, false},
		{"out of band", guardOutOfBand, false},
		{"freeze", guardFreeze, false},
		{"paused", guardPaused, false},
		{"canary", guardCanary, false},
	}
}

func (pr *proposal) because(code models.ReasonCode, numbers ...models.Number) {
	at := len(pr.numbers)
	pr.numbers = append(pr.numbers, numbers...)
	pr.reasons = append(pr.reasons, models.Reason{Code: code, Numbers: pr.numbers[at:len(pr.numbers):len(pr.numbers)]})
}

// Notes is room for the reasons of one decision at a time. The zero Notes is ready.
type Notes struct {
	reasons []models.Reason
	numbers []models.Number
}

// keep copies reasons with their numbers into the notes, and returns the copy.
func (n *Notes) keep(reasons []models.Reason) []models.Reason {
	count := 0
	for i := range reasons {
		count += len(reasons[i].Numbers)
	}
	n.numbers = slices.Grow(n.numbers[:0], count)
	n.reasons = append(n.reasons[:0], reasons...)
	for i := range n.reasons {
		r := &n.reasons[i]
		if len(r.Numbers) == 0 {
			r.Numbers = nil
			continue
		}
		at := len(n.numbers)
		n.numbers = append(n.numbers, r.Numbers...)
		r.Numbers = slices.Clip(n.numbers[at:])
	}
	return slices.Clip(n.reasons)
}

// explained returns the reasons so far, to keep.
func (pr *proposal) explained() []models.Reason {
	if n := pr.facts.Notes; n != nil {
		return n.keep(pr.reasons)
	}
	return (&Notes{}).keep(pr.reasons)
}

func (pr *proposal) invalid(detail string) {
	r := models.Because(models.ReasonInvalidInput)
	r.Detail = detail
	pr.reasons = append(pr.reasons, r)
}

// move sets the floor and says why.
func (pr *proposal) move(code models.ReasonCode, to int, numbers ...models.Number) {
	pr.because(code, numbers...)
	pr.numbers = append(pr.numbers, models.Num("from", float64(pr.warm)), models.Num("to", float64(to)))
	last, n := &pr.reasons[len(pr.reasons)-1], len(numbers)+2
	last.Numbers = pr.numbers[len(pr.numbers)-n : len(pr.numbers) : len(pr.numbers)]
	pr.warm = to
}

// hold leaves every lever alone.
func (pr *proposal) hold(code models.ReasonCode, numbers ...models.Number) {
	pr.because(code, numbers...)
	pr.warmSet, pr.keepSet = false, false
}

// rises and falls report which way the proposal goes; neither, if the present floor is not known.
func (pr *proposal) rises() bool { return pr.warmSet && pr.haveKnown && pr.warm > pr.have }
func (pr *proposal) falls() bool { return pr.warmSet && pr.haveKnown && pr.warm < pr.have }

// capacity is the capacity that the proposal sets.
func (pr *proposal) capacity() models.Capacity {
	var c models.Capacity
	if pr.warmSet {
		c = c.WithWarm(pr.warm)
	}
	if pr.keepSet {
		c = c.WithKeepAlive(pr.keep)
	}
	return c
}
