package awslambda_test

import (
	"errors"
	"strings"
	"testing"

	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/models"
)

// marking is an edit for an actuator that tags what it sets, in an account that is told.
func marking(c *awslambda.Config, _ *awslambdatest.Config) {
	c.Mark, c.AccountID = true, awslambdatest.Account
}

// TestMark tags a function once, whatever its alias or version, and takes the tag away after a restore.
func TestMark(t *testing.T) {
	t.Parallel()
	f := newFixture(t, marking)
	f.have(t, "fn:live", 5)
	f.have(t, "fn:live", 7)
	f.have(t, "fn:2", 3)
	if n := f.CallsOf("TagResource"); n != 1 || f.Tags("fn")["pilotlight"] != "sets-capacity" {
		t.Errorf("tagged %d times, tags %v", n, f.Tags("fn"))
	}
	f.have(t, "arn:aws:lambda:eu-west-1:123456789012:function:fn:3", 2)
	f.have(t, "123456789012:function:fn:4", 2)
	back := f.action("fn:live", models.Warm(0))
	back.Restores = true
	if err := f.actuator.Apply(t.Context(), target("fn:live"), back); err != nil {
		t.Fatal(err)
	}
	if n := f.CallsOf("UntagResource"); n != 1 || len(f.Tags("fn")) != 0 {
		t.Errorf("untagged %d times, tags %v", n, f.Tags("fn"))
	}
	f.settle()
	f.have(t, "fn:live", 4)
	if f.Tags("fn")["pilotlight"] == "" {
		t.Error("not tagged again")
	}
}

// TestMarkIsOptional sends no request about tags unless asked to, nor while writes are held back.
func TestMarkIsOptional(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.have(t, "fn:live", 5)
	g := newFixture(t, marking)
	a := g.decorated(t, func() error { return models.ErrDryRun })
	if err := a.Apply(t.Context(), target("fn:live"), g.action("fn:live", models.Warm(5))); !errors.Is(err, models.ErrDryRun) {
		t.Error(err)
	}
	if n := f.CallsOf("TagResource", "UntagResource") + g.CallsOf("TagResource", "UntagResource"); n != 0 {
		t.Errorf("%d requests about tags", n)
	}
}

// TestMarkFails sets the capacity nevertheless, says so, and tries again.
func TestMarkFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t, marking)
	f.Inject(1, awslambdatest.AccessDenied().On("TagResource"))
	f.have(t, "fn:live", 5)
	obs, err := f.actuator.Observe(t.Context(), target("fn:live"))
	if err != nil || obs.Capacity != models.Warm(5) || !strings.Contains(obs.Note, "the tag pilotlight could not be set") {
		t.Errorf("Observe = %+v, %v", obs, err)
	}
	f.have(t, "fn:live", 6)
	if obs, _ := f.actuator.Observe(t.Context(), target("fn:live")); obs.Note != "" || f.Tags("fn")["pilotlight"] == "" {
		t.Errorf("Observe = %+v, tags %v", obs, f.Tags("fn"))
	}
	// Credentials that do not tell their account need it in the configuration.
	f = newFixture(t, func(c *awslambda.Config, _ *awslambdatest.Config) { c.Mark = true })
	f.have(t, "fn:live", 5)
	if obs, _ := f.actuator.Observe(t.Context(), target("fn:live")); !strings.Contains(obs.Note, "set account_id") {
		t.Errorf("Observe = %+v", obs)
	}
}
