// Package baseline has the policies that Pilotlight is measured against: what platforms do by themselves, what is published, and
// what perfect foresight could do. Each is made for one function and sees its past only, except for the oracles.
package baseline

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
	"pilotlight/models"
)

// Kind says what may be concluded from a baseline.
type Kind string

// The kinds.
const (
	// Real is a policy that somebody could run.
	Real Kind = "baseline"
	// Oracle is one that knows the future: a bound, not a rival.
	Oracle Kind = "oracle"
)

// Baseline is a policy with its name.
type Baseline struct {
	Name string
	Kind Kind
	// What says in a few words what it does.
	What string
	// enter makes the entry for one function.
	enter func(f *trace.Function, on *sim.Config) sim.Entry
}

// Entry makes the baseline for one function of a trace, on a platform with this configuration.
func (b *Baseline) Entry(f *trace.Function, on *sim.Config) sim.Entry { return b.enter(f, on) }

// Bounds of the numbers in a name.
const (
	maxMinutes = 7 * 24 * 60
	maxPrice   = 1e9
)

// family makes baselines whose names begin alike and end in a number.
type family struct {
	prefix string
	most   float64
	whole  bool
	make   func(n float64) Baseline
}

func families() []family {
	return []family{
		{"fixed-", maxMinutes, true, fixed},
		{"floor-", sim.MaxFloor, true, floor},
		{"break-even-J", maxPrice, false, breakEven},
		{"oracle-keep-J", maxPrice, false, oracleKeep},
	}
}

func singles() []Baseline {
	return []Baseline{
		{"on-demand", Real, "no floor; the platform keeps idle instances for as long as it does", enterWith(nil)},
		{"histogram", Real, `hybrid histogram of "Serverless in the Wild"`, enterHistogram},
		{"kpa", Real, "Knative Pod Autoscaler with its defaults", enterKPA},
		{"hpa", Real, "Kubernetes Horizontal Pod Autoscaler at 70 % of the concurrency, at least 1", enterHPA},
		{"aws-target-tracking", Real, "AWS Application Auto Scaling at 70 % of the provisioned concurrency", enterTargetTracking},
		{"seasonal-naive-day", Real, "the peak of the same minute ± 2 a day before", enterSeasonal(24 * time.Hour)},
		{"seasonal-naive-week", Real, "the peak of the same minute ± 2 a week before", enterSeasonal(7 * 24 * time.Hour)},
		{"oracle-peak", Oracle, "knows the traffic: the floor of each minute is its peak", enterOraclePeak},
	}
}

// Parse returns the baseline of that name, or an error wrapping models.ErrInvalid that lists the names there are.
func Parse(name string) (Baseline, error) {
	for _, b := range singles() {
		if b.Name == name {
			return b, nil
		}
	}
	for _, f := range families() {
		text, ok := strings.CutPrefix(name, f.prefix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= f.most) || f.whole && n != math.Trunc(n) {
			return Baseline{}, fmt.Errorf("baseline %q: %q is not a number from 0 to %v: %w", name, text, f.most, models.ErrInvalid)
		}
		b := f.make(n)
		b.Name = name
		return b, nil
	}
	return Baseline{}, fmt.Errorf("there is no baseline %q; choose one of %s: %w", name, strings.Join(Names(), ", "), models.ErrInvalid)
}

// Names lists what Parse understands; N is a whole number and X a price in GB-seconds for each second of cold start.
func Names() []string {
	var names []string
	for _, b := range singles() {
		names = append(names, b.Name)
	}
	return append(names, "fixed-N (minutes)", "floor-N (instances)", "break-even-JX", "oracle-keep-JX")
}

// Standard returns the baselines to compare with in a setting, for these prices of a second of cold start.
func Standard(s sim.Setting, prices []float64) []Baseline {
	names := []string{"on-demand", "aws-target-tracking", "seasonal-naive-day", "seasonal-naive-week", "oracle-peak"}
	if s == sim.Provider {
		names = []string{"fixed-1", "fixed-5", "fixed-10", "fixed-20", "fixed-60"}
		for _, x := range prices {
			names = append(names, "break-even-J"+number(x))
		}
		names = append(names, "histogram", "kpa", "hpa", "aws-target-tracking", "seasonal-naive-day", "seasonal-naive-week", "oracle-peak")
		for _, x := range prices {
			names = append(names, "oracle-keep-J"+number(x))
		}
	}
	names = slices.Compact(names)
	out := make([]Baseline, 0, len(names))
	for _, name := range names {
		if b, err := Parse(name); err == nil { // a price that is no price has no baseline
			out = append(out, b)
		}
	}
	return out
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// enterWith makes entries of a policy that needs nothing but the platform's own lead and keep-alive.
func enterWith(policy func() sim.Policy) func(*trace.Function, *sim.Config) sim.Entry {
	return func(_ *trace.Function, on *sim.Config) sim.Entry {
		e := sim.Entry{Lead: on.Lead, KeepAlive: on.KeepAlive}
		if policy != nil {
			e.Policy = policy()
		}
		return e
	}
}

// enterPods makes entries of a policy that scales pods: a new one takes a cold start, and one that is not wanted ends at once.
func enterPods(policy func() sim.Policy) func(*trace.Function, *sim.Config) sim.Entry {
	return func(f *trace.Function, on *sim.Config) sim.Entry {
		return sim.Entry{Policy: policy(), Lead: f.ColdStart(on.ColdStart)}
	}
}

// nextTick returns the first multiple of the interval after the time.
func nextTick(at, interval time.Duration) time.Duration { return at - at%interval + interval }

// atTarget is how many instances carry a concurrency at 70 %, which is the default of Knative and usual elsewhere.
func atTarget(concurrency float64) int {
	const utilisation = 0.7
	// What is a whole number but for rounding is that number.
	return int(math.Ceil(concurrency/utilisation - 1e-9))
}
