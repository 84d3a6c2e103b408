package policy

import (
	"errors"
	"fmt"
	"math"

	"pilotlight/models"
)

// TrustState says what an adviser may do.
type TrustState string

// The states of trust.
const (
	// TrustShadow: what is advised is scored and changes nothing.
	TrustShadow TrustState = "shadow"
	// TrustActive: what is advised counts for the weight that it has earned.
	TrustActive TrustState = "active"
	// TrustMuted: what was advised did harm, so that it changes nothing until it has proved itself again.
	TrustMuted TrustState = "muted"
)

const (
	// trustRate is the learning rate η of Trust, the greatest that its bounds allow: events are few.
	trustRate = 0.5
	// trustFirst is the weight at first: one good event is enough to be listened to.
	trustFirst = 0.4
	// trustNeeded is how many steps must have been scored, and trustEnough the weight to have, before advice is listened to.
	trustNeeded = 20
	trustEnough = 0.5
	// trustGone is the weight below which advice that was listened to is muted.
	trustGone = 0.2
	// trustLeast bounds how little an adviser can count, so that its way back is not longer than its way down by more than this.
	trustLeast = 1e-3
	// trustMost does the same for praise: an adviser that turns is out again within about an hour.
	trustMost = 1e3
)

// Trust weighs one kind of advice of one source against doing without, by what would have come of either. It is the algorithm
// (A,B)-Prod of Sani, Neu and Lazaric, "Exploiting easy data in online optimization" (2014), whose special expert B is to do
// without: the weight of A grows by the factor 1 + η·r, where r in [-1, 1] is how much better A was in a step, while that of B stays. r
// is measured in the greatest difference seen so far. In this unit the sum of losses exceeds that of B by at most log(1/(1-w))/η ≈ 1.02,
// whatever the advice and however long, and that of A by at most log(1/w)/η + η·Σr². The weight is kept between two bounds, so that the
// promise holds anew from each time that it reaches one.
type Trust struct {
	// Odds is the weight of A; that of B is 1 - trustFirst. State is what it allows, Steps how many steps were scored.
	Odds float64 `json:"odds"`
	// Scale is the greatest difference seen so far, in the unit of costs.
	Scale float64    `json:"scale"`
	State TrustState `json:"state"`
	Steps int        `json:"steps"`
}

// NewTrust returns the trust in a source that is not known yet.
func NewTrust() Trust { return Trust{Odds: trustFirst, State: TrustShadow} }

// Weight is how much the advice counts now: 0 in shadow and while muted, else what it has earned, up to 1.
func (t *Trust) Weight() float64 {
	if t.State != TrustActive {
		return 0
	}
	return t.Earned()
}

// Earned is the weight that the advice would have if it were listened to.
func (t *Trust) Earned() float64 { return t.Odds / (t.Odds + 1 - trustFirst) }

// Update takes the costs of a step with the advice and without it. Costs that are not numbers are left out.
func (t *Trust) Update(with, without float64) {
	if !usable(with) || !usable(without) {
		return
	}
	if t.Scale = max(t.Scale, math.Abs(without-with)); t.Scale > 0 {
		t.Odds = min(max(t.Odds*(1+trustRate*(without-with)/t.Scale), trustLeast), trustMost)
	}
	t.Steps++
	switch earned := t.Earned(); {
	case t.State == TrustActive && earned < trustGone:
		t.State = TrustMuted
	case t.State != TrustActive && t.Steps >= trustNeeded && earned >= trustEnough:
		t.State = TrustActive
	}
}

// Validate says why a restored trust cannot be used, or returns nil.
func (t *Trust) Validate() error {
	var errs []error
	if math.IsNaN(t.Odds) || t.Odds < trustLeast || t.Odds > trustMost {
		errs = append(errs, fmt.Errorf("odds %v are not from %v to %v", t.Odds, trustLeast, trustMost))
	}
	if t.State != TrustShadow && t.State != TrustActive && t.State != TrustMuted {
		errs = append(errs, fmt.Errorf("state %q is unknown", t.State))
	}
	if !usable(t.Scale) {
		errs = append(errs, fmt.Errorf("scale %v", t.Scale))
	}
	if t.Steps < 0 {
		errs = append(errs, fmt.Errorf("%d steps", t.Steps))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("trust: %w: %w", err, models.ErrInvalid)
	}
	return nil
}
