package policy

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestTrustIsEarnedAndLost(t *testing.T) {
	t.Parallel()
	trust := NewTrust()
	for i := range trustNeeded - 1 {
		trust.Update(0, 1)
		if trust.State != TrustShadow || trust.Weight() != 0 {
			t.Fatalf("after %d steps the state is %s with weight %v", i+1, trust.State, trust.Weight())
		}
	}
	for range 10 {
		trust.Update(1, 3)
	}
	if trust.State != TrustActive || trust.Weight() < trustEnough {
		t.Fatalf("good advice is %s with weight %v", trust.State, trust.Weight())
	}
	for range 200 {
		trust.Update(1, 0)
	}
	if trust.State != TrustMuted || trust.Weight() != 0 {
		t.Fatalf("bad advice is %s with weight %v", trust.State, trust.Weight())
	}
	for range 200 {
		trust.Update(0, 1)
	}
	if trust.State != TrustActive || trust.Weight() < 0.9 {
		t.Fatalf("advice that is good again is %s with weight %v", trust.State, trust.Weight())
	}
}

func TestTrustLeavesOutWhatIsNoCost(t *testing.T) {
	t.Parallel()
	trust := NewTrust()
	for _, bad := range []float64{math.NaN(), math.Inf(1), -1} {
		trust.Update(bad, 1)
		trust.Update(1, bad)
	}
	if trust != NewTrust() {
		t.Fatalf("trust is %+v", trust)
	}
}

// TestTrustRegret checks the bound against doing without, and the one against following, for losses that a weight mixes linearly. They
// hold as long as the weight stays between its bounds.
func TestTrustRegret(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		trust := NewTrust()
		var mixed, a, b, squares float64
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			with, without := rapid.Float64Range(0, 1).Draw(t, "with"), rapid.Float64Range(0, 1).Draw(t, "without")
			if rapid.Bool().Draw(t, "extreme") {
				with = math.Round(with)
			}
			w := trust.Earned()
			trust.Update(with, without)
			if trust.Scale == 0 {
				continue
			}
			mixed += (w*with + (1-w)*without) / trust.Scale
			a, b = a+with/trust.Scale, b+without/trust.Scale
			r := (without - with) / trust.Scale
			squares += r * r
			if trust.Odds == trustLeast || trust.Odds == trustMost {
				return
			}
		}
		if bound := math.Log(1/(1-trustFirst)) / trustRate; mixed-b > bound+1e-9 {
			t.Fatalf("%v more than without, bound %v", mixed-b, bound)
		}
		if bound := math.Log(1/trustFirst)/trustRate + trustRate*squares; mixed-a > bound+1e-9 {
			t.Fatalf("%v more than with, bound %v", mixed-a, bound)
		}
	})
}

func TestTrustValidate(t *testing.T) {
	t.Parallel()
	good := NewTrust()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Trust{{}, {Odds: math.NaN(), State: TrustShadow}, {Odds: 2 * trustMost, State: TrustActive}, {Odds: 1, State: "trusted"}, {Odds: 1, State: TrustMuted, Steps: -1}, {Odds: 1, State: TrustMuted, Scale: -1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
