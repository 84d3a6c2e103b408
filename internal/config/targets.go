package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"pilotlight/models"
	"pilotlight/policy"
)

// entry is one entry of the targets, ready to be matched.
type entry struct {
	path      string
	pattern   pattern
	collector string
	exclude   bool
	policy    int

	actuator    string
	ref, group  template
	memoryMB    float64
	coldStart   time.Duration
	lead        time.Duration
	concurrency int
	limits      models.Limits
}

// targets reads the target entries.
func (b *builder) targets() {
	if len(b.raw.Targets) == 0 {
		b.bad("targets", `is missing: say which functions to work on, such as {match: "*", limits: {max_warm: 10}}`)
	}
	var assumed []string
	collectors, actuators := newNames(len(b.raw.Collectors)), newNames(len(b.raw.Actuators))
	for _, c := range b.raw.Collectors {
		collectors.add(c.Name)
	}
	for _, a := range b.raw.Actuators {
		actuators.add(a.Name)
	}
	for i := range b.raw.Targets {
		r, path := &b.raw.Targets[i], indexPath("targets", i)
		e := entry{path: path, collector: r.Collector, exclude: r.Exclude}
		e.pattern = b.pattern(path, r)
		b.knownName(joinPath(path, "collector"), "collector", r.Collector, collectors)
		if !r.Exclude {
			b.worked(&e, r, actuators)
			if r.Limits.MaxWarm == nil {
				assumed = append(assumed, path)
			}
		}
		b.cfg.matcher.add(e)
	}
	b.noMaxWarm(assumed)
	b.unreachable()
}

// worked fills in an entry whose targets are worked on.
func (b *builder) worked(e *entry, r *rawTarget, actuators *names) {
	path := e.path
	if r.Actuator == "" && len(actuators.list) == 1 {
		r.Actuator = actuators.list[0]
	}
	b.knownName(joinPath(path, "actuator"), "actuator", r.Actuator, actuators)
	if r.Actuator == "" && b.cfg.engine.Mode != models.ModeDryRun {
		b.bad(joinPath(path, "actuator"), "is missing: mode %s needs to know which actuator writes", b.cfg.engine.Mode)
	}
	e.actuator, e.lead, e.concurrency = r.Actuator, r.Lead.Std(), r.Concurrency
	e.ref, e.group = b.template(joinPath(path, "ref"), r.Ref), b.template(joinPath(path, "group"), r.Group)
	if r.Ref == "" {
		b.bad(joinPath(path, "ref"), "is empty: write how the platform names the target, such as ${id}")
	}
	if r.MemoryMB != nil {
		if e.memoryMB = *r.MemoryMB; e.memoryMB <= 0 {
			b.bad(joinPath(path, "memory_mb"), "%v is not above 0", e.memoryMB)
		}
	}
	if r.ColdStart != nil {
		if e.coldStart = r.ColdStart.Std(); e.coldStart <= 0 {
			b.bad(joinPath(path, "cold_start"), "%s is not above 0", *r.ColdStart)
		}
	}
	if r.Lead < 0 {
		b.bad(joinPath(path, "lead"), "%s is negative", r.Lead)
	}
	if r.Concurrency < 1 {
		b.bad(joinPath(path, "concurrency"), "%d is below 1", r.Concurrency)
	}
	b.limits(e, r)
	e.policy = b.override(joinPath(path, "policy"), r)
	b.memoryLimits(e, r)
}

// memoryLimits fills in the bounds of the lever memory. Where it is to be set there is no default for them.
func (b *builder) memoryLimits(e *entry, r *rawTarget) {
	path := joinPath(e.path, "limits")
	low, high := r.Limits.MinMemoryMB, r.Limits.MaxMemoryMB
	e.limits.MinMemoryMB, e.limits.MaxMemoryMB = low, high
	for _, k := range []struct {
		key   string
		value int32
	}{{"min_memory_mb", low}, {"max_memory_mb", high}} {
		switch {
		case k.value < 0:
			b.bad(joinPath(path, k.key), "%d is negative: 0 is no bound", k.value)
		case k.value == 0 && b.cfg.policies[e.policy].RightSizing.Apply:
			b.bad(joinPath(path, k.key), "is missing: right_sizing.apply changes the memory of this target, so say between which sizes")
		}
	}
	if high > 0 && high < low {
		b.bad(joinPath(path, "max_memory_mb"), "%d is below min_memory_mb %d", high, low)
	}
}

// limits fills in the limits of an entry.
func (b *builder) limits(e *entry, r *rawTarget) {
	path := joinPath(e.path, "limits")
	e.limits = models.Limits{MinWarm: r.Limits.MinWarm, MaxWarm: dryRunMaxWarm, MaxKeepAlive: r.Limits.MaxKeepAlive.Std()}
	if r.Limits.MinWarm < 0 {
		b.bad(joinPath(path, "min_warm"), "%d is negative", r.Limits.MinWarm)
	}
	if r.Limits.MaxKeepAlive < 0 {
		b.bad(joinPath(path, "max_keep_alive"), "%s is negative: 0 leaves the keep-alive alone", r.Limits.MaxKeepAlive)
	}
	switch {
	case r.Limits.MaxWarm == nil && b.cfg.engine.Mode == models.ModeDryRun:
		e.limits.MaxWarm = max(dryRunMaxWarm, r.Limits.MinWarm)
	case r.Limits.MaxWarm == nil:
		b.bad(joinPath(path, "max_warm"), "is missing: mode %s spends money, so say how many warm instances a target may have at most", b.cfg.engine.Mode)
	default:
		e.limits.MaxWarm = *r.Limits.MaxWarm
		if e.limits.MaxWarm < r.Limits.MinWarm || e.limits.MaxWarm < 0 {
			b.bad(joinPath(path, "max_warm"), "%d is below min_warm %d", e.limits.MaxWarm, r.Limits.MinWarm)
		}
	}
}

// noMaxWarm warns of entries for which dry-run mode assumes a limit.
func (b *builder) noMaxWarm(paths []string) {
	if len(paths) == 0 || b.cfg.engine.Mode != models.ModeDryRun {
		return
	}
	more := ""
	if len(paths) > 1 {
		more = fmt.Sprintf(" (and %d more entries)", len(paths)-1)
	}
	b.warn(paths[0], "has no limits.max_warm%s: dry-run assumes %d, approve and auto will ask for it", more, dryRunMaxWarm)
}

// override reads the partial policy of an entry over the default one, and returns its index in Policies.
func (b *builder) override(path string, r *rawTarget) int {
	if isNull(&r.Policy) {
		return 0
	}
	effective := deepCopy(b.raw.Policy)
	before := len(b.list)
	b.value(&r.Policy, reflect.ValueOf(&effective).Elem(), path)
	if len(b.list) == before {
		b.overridden(path, effective)
	}
	b.cfg.policies = append(b.cfg.policies, effective)
	return len(b.cfg.policies) - 1
}

// overridden validates an effective policy. What is wrong with the default too is said there, not again here.
func (b *builder) overridden(path string, effective policy.Config) {
	var old, all problems
	nowhere := func(string) int { return 0 }
	old.addValidation("", b.raw.Policy.Validate(), hasField[policy.Config], nowhere)
	all.addValidation("", effective.Validate(), hasField[policy.Config], nowhere)
	for _, p := range all.list {
		if !slices.Contains(old.list, p) {
			b.bad(joinPath(path, p.Path), "%s", p.Text)
		}
	}
}

// knownName notes a problem if name is set and not one of those known.
func (b *builder) knownName(path, what, name string, known *names) {
	if name != "" && !known.has[name] {
		b.bad(path, "%s", unknownName(what, name, known.list))
	}
}

// names are the names of parts in the order of the file.
type names struct {
	list []string
	has  map[string]bool
}

// newNames returns no names, with room for n.
func newNames(n int) *names { return &names{has: make(map[string]bool, n)} }

// add adds a name.
func (n *names) add(name string) {
	n.list = append(n.list, name)
	n.has[name] = true
}

// Seen is what a collector found about a target; zero values are unknown.
type Seen struct {
	Collector string
	ID        models.TargetID
	Labels    map[string]string
	Group     string
	MemoryMB  float64
	ColdStart time.Duration
}

// Match builds the target from what was seen of it and the first entry that matches; policyIndex is the index of its policy
// in Policies. ok is false if no entry matches or the entry excludes it: the target is to be ignored. An error says what is
// missing to work on it, such as its memory; it wraps models.ErrInvalid. The target shares the map of labels.
func (c *Config) Match(seen Seen) (t models.Target, policyIndex int, ok bool, err error) {
	if err := seen.ID.Validate(); err != nil {
		return models.Target{}, 0, false, err
	}
	e := c.matcher.first(seen)
	if e == nil || e.exclude {
		return models.Target{}, 0, false, nil
	}
	t = models.Target{
		ID: seen.ID, Group: seen.Group, Collector: seen.Collector, Actuator: e.actuator, Labels: seen.Labels,
		MemoryMB: firstSet(e.memoryMB, seen.MemoryMB), ColdStart: firstSet(e.coldStart, seen.ColdStart),
		Lead: e.lead, Concurrency: e.concurrency, Limits: e.limits,
	}
	if t.Ref, err = e.ref.expand(seen); err != nil {
		return models.Target{}, 0, false, fmt.Errorf("target %q: %s.ref: %w", seen.ID, e.path, err)
	}
	if len(e.group) > 0 {
		if t.Group, err = e.group.expand(seen); err != nil {
			return models.Target{}, 0, false, fmt.Errorf("target %q: %s.group: %w", seen.ID, e.path, err)
		}
	}
	switch {
	case !(t.MemoryMB > 0):
		err = fmt.Errorf("target %q: its memory is unknown: set %s.memory_mb, or let the collector read it: %w", seen.ID, e.path, models.ErrInvalid)
	case t.ColdStart <= 0:
		err = fmt.Errorf("target %q: the time of its cold start is unknown: set %s.cold_start, or let the collector read it: %w", seen.ID, e.path, models.ErrInvalid)
	default:
		err = t.Validate()
	}
	if err != nil {
		return models.Target{}, 0, false, err
	}
	return t, e.policy, true, nil
}

// firstSet returns the first value that is not zero.
func firstSet[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

// labelNames lists labels for messages.
func labelNames(labels map[string]string) string {
	if len(labels) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
}
