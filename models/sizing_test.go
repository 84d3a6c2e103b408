package models

import (
	"math"
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	t.Parallel()
	lambda := MemorySizes{Min: 128, Max: 10240, Step: 1}
	flex := MemorySizes{Only: []int{512, 2048, 4096}}
	for name, test := range map[string]struct {
		sizes            MemorySizes
		need             float64
		low, high, round int
		want             int
	}{
		"rounded up":             {lambda, 360, 0, 0, 64, 384},
		"a multiple":             {lambda, 384, 0, 0, 64, 384},
		"just above":             {lambda, 384.001, 0, 0, 64, 448},
		"least of the platform":  {lambda, 1, 0, 0, 64, 128},
		"most of the platform":   {lambda, 1e6, 0, 0, 64, 10240},
		"low":                    {lambda, 1, 300, 0, 64, 320},
		"low above the platform": {lambda, 1, 20000, 0, 64, 20000},
		"high":                   {lambda, 900, 0, 700, 64, 700},
		"between multiples":      {lambda, 650, 600, 700, 64, 700},
		"NaN":                    {lambda, math.NaN(), 0, 3008, 64, 3008},
		"no platform":            {MemorySizes{}, 1.5, 0, 0, 1, 2},
		"coarse platform":        {MemorySizes{Step: 256}, 300, 0, 0, 64, 512},
		"few":                    {flex, 513, 0, 0, 64, 2048},
		"few, too much":          {flex, 9000, 0, 0, 64, 4096},
		"few, high":              {flex, 1000, 0, 1000, 64, 512},
		"few, low":               {flex, 100, 1000, 0, 64, 2048},
		"few, none":              {flex, 100, 600, 1000, 64, 512},
	} {
		if got := test.sizes.Fit(test.need, test.low, test.high, test.round); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestReleasedOf(t *testing.T) {
	t.Parallel()
	marks := Marks{
		LastMemory: 7, Set: Warm(3).WithMemory(256), Original: Warm(0).WithMemory(512), Actuator: "aws", Ref: "fn:live", LastUp: time.Unix(5, 0),
	}
	left := marks.ReleasedOf(LeverWarm)
	if left.Set != (Capacity{}).WithMemory(256) || left.Original != (Capacity{}).WithMemory(512) || left.Ref != "fn:live" || left.LastMemory != 7 {
		t.Errorf("without the floor: %+v", left)
	}
	for _, all := range []Marks{left.ReleasedOf(LeverMemory), marks.ReleasedOf(LeverWarm | LeverMemory)} {
		if all.Touched() || all.Ref != "" || all.LastMemory != 7 || all.LastUp != marks.LastUp {
			t.Errorf("released: %+v", all)
		}
	}
}

func TestSizeAdvice(t *testing.T) {
	t.Parallel()
	keep := SizeAdvice{Verdict: SizeLearning, CurrentMB: 512, RecommendedMB: 512}
	lower := SizeAdvice{Verdict: SizeLower, CurrentMB: 512, RecommendedMB: 256}
	if keep.Changes() || !lower.Changes() || keep.String() != "learning 512 MB" || lower.String() != "lower memory from 512 to 256 MB" {
		t.Errorf("%s, %s", &keep, &lower)
	}
}
