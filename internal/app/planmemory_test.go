package app

import (
	"math"
	"strings"
	"testing"

	"pilotlight/models"
)

// TestPlanMemory checks the order and the sums of what is recommended, and that names of targets are quoted.
func TestPlanMemory(t *testing.T) {
	t.Parallel()
	of := func(id models.TargetID, verdict models.SizeVerdict, saved float64, urgent, risky bool) models.TargetStatus {
		return models.TargetStatus{Target: models.Target{ID: id}, Sizing: &models.SizeAdvice{
			Verdict: verdict, CurrentMB: 1024, RecommendedMB: 512, PeakMB: 300, SavedUSD: saved, Urgent: urgent, Risky: risky,
		}}
	}
	targets := []models.TargetStatus{
		{Target: models.Target{ID: "none"}},
		of("keep", models.SizeKeep, 0, false, false), of("small", models.SizeLower, 2, false, true),
		of("unknown", models.SizeLower, math.NaN(), false, false), of("\x1b[31m", models.SizeLower, 3.5, false, false),
		of("raise", models.SizeRaise, -4, true, false),
	}
	var b strings.Builder
	if err := planMemory(&b, targets); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	want := []string{"", "Memory that", "TARGET", `"raise"`, `"\x1b[31m"`, `"small"`, `"unknown"`, "All lowerings together save 5.50 a month"}
	for i, start := range want {
		if !strings.HasPrefix(lines[i], start) {
			t.Errorf("line %d is %q, want %q", i, lines[i], start)
		}
	}
	b.Reset()
	if err := planMemory(&b, targets[:2]); err != nil || b.Len() > 0 {
		t.Errorf("without a recommendation it prints %q, %v", b.String(), err)
	}
}
