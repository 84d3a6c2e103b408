package models

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// LessCPU says what to do with a lowering of memory that takes processor time away, while nothing measured says how much slower the
// target gets.
type LessCPU string

// The answers to less processor time.
const (
	// LessCPUAdvise shows such a lowering and never carries it out.
	LessCPUAdvise LessCPU = "advise"
	// LessCPUApply carries it out like any other.
	LessCPUApply LessCPU = "apply"
)

// RightSizing says how the memory of an instance is recommended and whether it is set.
type RightSizing struct {
	// Recommend asks for recommendations where the use of memory is measured.
	Recommend bool `yaml:"recommend"`
	// Apply lets them be carried out too, where the actuator has the lever memory; the limits of the target must bound it.
	Apply bool `yaml:"apply"`
	// Lookback is how far back the highest use counts.
	Lookback Duration `yaml:"lookback"`
	// Headroom is the share of the highest use that is added to it.
	Headroom float64 `yaml:"headroom"`
	// NearLimit is the share of the memory from which on its use is a risk, so that a raise waits for nothing.
	NearLimit float64 `yaml:"near_limit"`
	// MinHistory and MinSamples are what must have been measured before memory is lowered, or raised without that risk.
	MinHistory Duration `yaml:"min_history"`
	MinSamples int      `yaml:"min_samples"`
	// MinSaving is the share of the memory, and MinSavingUSD the dollars a month where the price is known, that a lowering must save.
	MinSaving    float64 `yaml:"min_saving"`
	MinSavingUSD float64 `yaml:"min_saving_usd"`
	// RoundMB is the multiple of MB that a size is rounded up to where the platform has no sizes of its own.
	RoundMB int `yaml:"round_mb"`
	// LessCPU says what to do with a lowering that takes processor time away without evidence of what that does.
	LessCPU LessCPU `yaml:"less_cpu"`
	// MaxSlowdown is the share by which durations may grow where there is such evidence.
	MaxSlowdown float64 `yaml:"max_slowdown"`
	// Cooldown is the least time between two changes of a target's memory.
	Cooldown Duration `yaml:"cooldown"`
}

// DefaultRightSizing recommends and applies nothing.
func DefaultRightSizing() RightSizing {
	const day = 24 * time.Hour
	return RightSizing{
		Recommend: true, Lookback: Duration(7 * day), Headroom: 0.2, NearLimit: 0.9, MinHistory: Duration(3 * day), MinSamples: 100,
		MinSaving: 0.1, MinSavingUSD: 1, RoundMB: 64, LessCPU: LessCPUAdvise, MaxSlowdown: 0.1, Cooldown: Duration(day),
	}
}

// MaxMemoryMB is the greatest memory of an instance that is believed: a petabyte.
const MaxMemoryMB = 1 << 30

// MemorySizes are the sizes of memory that an instance can have on a platform, in MB.
type MemorySizes struct {
	// Min and Max are the least and the greatest, Step the multiple that they are of. 0 is no bound, or 1.
	Min, Max, Step int
	// Only are all sizes there are, smallest first, where they are few; nil else.
	Only []int
	// FullCPU is the memory with which an instance has one whole virtual processor, where processor time comes with memory; 0 where
	// it does not.
	FullCPU int
}

// Fit returns the smallest size of at least need within low and high, rounded up to a multiple of round where the platform has a
// size for each step. If there is none, it returns the largest size within the bounds, and the smallest size of all that there is at
// least where the bounds leave none. High and low of 0 are no bounds.
func (s *MemorySizes) Fit(need float64, low, high, round int) int {
	low, high = max(low, s.Min, 1), least(high, s.Max)
	if len(s.Only) > 0 {
		return s.fitOnly(need, low, high)
	}
	step := max(s.Step, 1)
	least := ceilTo(low, step)
	if need > MaxMemoryMB || math.IsNaN(need) {
		need = MaxMemoryMB
	}
	size := ceilTo(max(int(math.Ceil(need)), least), max(round/step, 1)*step)
	// A bound between two multiples is itself a size.
	return max(min(size, high/step*step), least)
}

// fitOnly is Fit where the sizes are few.
func (s *MemorySizes) fitOnly(need float64, low, high int) int {
	inside := slices.DeleteFunc(slices.Clone(s.Only), func(mb int) bool { return mb < low || mb > high })
	for _, mb := range inside {
		if float64(mb) >= need {
			return mb
		}
	}
	if len(inside) == 0 {
		return s.Only[0]
	}
	return inside[len(inside)-1]
}

// least returns the smaller of two bounds of which 0 is none.
func least(a, b int) int {
	switch {
	case a <= 0 && b <= 0:
		return MaxMemoryMB
	case a <= 0:
		return b
	case b <= 0:
		return a
	}
	return min(a, b)
}

// ceilTo rounds up to a multiple.
func ceilTo(n, step int) int { return (n + step - 1) / step * step }

// SizeVerdict says what a SizeAdvice comes to.
type SizeVerdict string

// The verdicts.
const (
	SizeKeep  SizeVerdict = "keep"
	SizeLower SizeVerdict = "lower"
	SizeRaise SizeVerdict = "raise"
	// SizeLearning is to keep the memory because too little has been measured.
	SizeLearning SizeVerdict = "learning"
)

// SizeAdvice is what right-sizing makes of a target's memory.
type SizeAdvice struct {
	At      time.Time
	Verdict SizeVerdict
	// CurrentMB is the memory of an instance now, RecommendedMB the one to have: the same unless the verdict is to lower or to raise.
	CurrentMB, RecommendedMB int
	// PeakMB is the highest use of the look-back, HighMB what 95 % of the samples were at most, within 10 %.
	PeakMB, HighMB float64
	// Samples is how many steps with a use there were in the look-back, over History.
	Samples int
	History time.Duration
	// BilledSeconds is how long instances worked in a month of 730 hours, by the look-back; NaN is unknown.
	BilledSeconds float64
	// SavedUSD is what the recommended memory saves in a month, below 0 for a raise; NaN if the price or the load is unknown.
	SavedUSD float64
	// Slowdown is the factor by which durations are expected to change, by what was measured at two sizes; NaN if nothing was.
	Slowdown float64
	// Urgent says that instances are near their limit. Risky says that the lowering takes processor time away, and nothing
	// measured says what that does.
	Urgent, Risky bool
	// Reasons explain the verdict, in the order in which they applied.
	Reasons []Reason
}

// Changes reports whether the advice is another memory than there is.
func (a *SizeAdvice) Changes() bool { return a.Verdict == SizeLower || a.Verdict == SizeRaise }

// String renders the advice in a few words.
func (a *SizeAdvice) String() string {
	if !a.Changes() {
		return fmt.Sprintf("%s %d MB", a.Verdict, a.CurrentMB)
	}
	return fmt.Sprintf("%s memory from %d to %d MB", a.Verdict, a.CurrentMB, a.RecommendedMB)
}
