package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// Settings are the times and modes of the engine. The zero value of a duration other than Step, Interval and Lookback means
// "none" or "always".
type Settings struct {
	Mode models.Mode
	// Interval is the time from one Step to the next, Step the length of a sample.
	Interval, Step time.Duration
	// IngestionDelay is how long after the end of a step its samples may still arrive.
	IngestionDelay time.Duration
	// Lookback is how much history a new target is given.
	Lookback time.Duration
	// StaleAfter is how old the newest sample may be before the data counts as stale.
	StaleAfter time.Duration
	// ActionTTL is how long an action may wait before it expires.
	ActionTTL time.Duration
	// ObserveEvery is how long an observation of the platform is trusted when nothing changes; 0 observes at every Step.
	ObserveEvery time.Duration
	// OutOfBandBackoff is how long a target is left alone after somebody else changed its capacity.
	OutOfBandBackoff time.Duration
	// RestartHold is how long after the start no capacity is lowered.
	RestartHold time.Duration
	// CheckpointEvery is how often the state of each target is saved; 0 never.
	CheckpointEvery time.Duration
	// Recent is how much of the samples is kept in memory for the API.
	Recent time.Duration
	// Workers is how many targets are worked on at a time, at least 1.
	Workers int
	// Alone says that whoever calls Step is the only reader, and does not use what was read before it afterwards. What readers see
	// is then written in place.
	Alone bool
	// Unpriced leaves out what decisions cost and save, which is work for people who read it.
	Unpriced bool
	// Calls is how many calls to each platform may be under way at a time; 0 is as many as Workers, and reads each platform
	// along with the work on its target. Its own limits of calls per second hold besides.
	Calls int
	// ForgetAfter is how long no collector must have reported a target before it is forgotten; 0 is never.
	ForgetAfter time.Duration
	// Rehearse asks each platform that can tell whether it would accept what dry-run mode advises, once for each changed advice.
	Rehearse bool
	// ConfigHash identifies the configuration in every decision.
	ConfigHash string
}

// validate returns everything that is wrong with the settings.
func (s *Settings) validate() error {
	var errs []error
	if s.Step <= 0 || s.Interval <= 0 {
		errs = append(errs, fmt.Errorf("step %s and interval %s must be above 0", s.Step, s.Interval))
	}
	if s.Lookback < s.Step {
		errs = append(errs, fmt.Errorf("lookback %s is shorter than a step of %s", s.Lookback, s.Step))
	}
	if s.Workers < 1 {
		errs = append(errs, fmt.Errorf("workers %d is below 1", s.Workers))
	}
	if _, err := models.ParseMode(string(s.Mode)); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Source is a collector by its configured name.
type Source struct {
	Name      string
	Collector collectors.Collector
}

// Assignment is what configuration says about a target that a collector found.
type Assignment struct {
	Target models.Target
	Policy *policy.Policy
}

// Resolver turns what a collector found into a target. It returns false for a target that configuration does not name, and
// an error that says what to do for one that cannot be used.
type Resolver interface {
	Resolve(source string, found *collectors.TargetData) (Assignment, bool, error)
}

// Parts are what configuration builds, and what a reload replaces as a whole.
type Parts struct {
	Settings  Settings
	Sources   []Source
	Actuators map[string]actuators.Actuator
	Resolver  Resolver
	Predictor predictor.Config
	// Hints are events that configuration announces.
	Hints []models.Hint
	// Allocator shares quotas and budgets between the targets; nil shares none.
	Allocator *policy.Allocator
}

// Deps are what stays for the life of the process.
type Deps struct {
	Journal Journal
	State   StateStore
	// Gate decides whether writes may happen; it is shared with the gate decorators around the actuators.
	Gate *Gate
	// Lease says which targets this engine may write to; nil lets it write to all.
	Lease Lease
	// Clock is asked for the time of an operator's order.
	Clock      func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Engine runs the main job. Create it with New, restore it once with Restore, then call Step or Run.
type Engine struct {
	deps    Deps
	log     *slog.Logger
	metrics *metrics

	checks []check
	// live are the settings in force, for what runs beside a Step.
	live atomic.Pointer[Settings]

	// step serialises Step, Reload and Restore.
	step  sync.Mutex
	parts Parts
	// predictors makes the predictors of units; while predictorErr is not nil it cannot, and no target is taken.
	predictors   *predictor.Shared
	predictorErr error
	// variants are the predictors that targets have of their own.
	variants variants
	sources  []*source
	units    []*unit // sorted by ID
	byID     map[models.TargetID]*unit
	restored map[models.TargetID]*remembered
	// refused holds why a found target was not taken, so that each reason is logged once.
	refused map[models.TargetID]models.RefusedTarget
	started time.Time
	last    time.Time
	doubt   doubt
	// turn counts the Steps that saved states since the last reload.
	turn int64

	// book holds the hints in force; heard is the book that the running Step goes by, with the occasions near it.
	book      atomic.Pointer[book]
	heard     *book
	occasions []occasion
	// merits are the records of who gives hints, for the Step; scores are what readers see of them.
	merits map[meritKey]*merit
	scores atomic.Pointer[[]models.HintScore]

	// sheet is where a forecast lies that somebody asked for, if the engine is Alone.
	sheet predictor.Sheet

	// balance is what targets have of the limits that they share, since the last Step; nil if they share none.
	balance atomic.Pointer[policy.Balance]

	view atomic.Pointer[view]
	// orders serialises Pause, Resume and the changes of hints, so that journal and memory agree on which came last.
	orders sync.Mutex
	pause  atomic.Pointer[models.PauseState]
	// journalErr is the last error of the journal, nil when it works.
	journalErr atomic.Pointer[error]
}

// New builds an engine. It does no I/O and starts no goroutine.
func New(parts Parts, deps Deps) (*Engine, error) {
	if err := parts.validate(); err != nil {
		return nil, err
	}
	if deps.Journal == nil || deps.State == nil || deps.Gate == nil || deps.Clock == nil || deps.Logger == nil {
		return nil, fmt.Errorf("engine: journal, state, gate, clock and logger are needed: %w", models.ErrInvalid)
	}
	e := &Engine{
		deps: deps, log: deps.Logger, metrics: newMetrics(deps.Registerer), checks: checks(),
		byID: map[models.TargetID]*unit{}, restored: map[models.TargetID]*remembered{}, refused: map[models.TargetID]models.RefusedTarget{},
		merits: map[meritKey]*merit{}, variants: variants{map[variant]*predictor.Shared{}, map[models.TargetID]variant{}},
	}
	e.scores.Store(&[]models.HintScore{})
	e.pause.Store(&models.PauseState{})
	e.install(parts)
	e.publish()
	return e, nil
}

// validate returns everything that is wrong with the parts.
func (p *Parts) validate() error {
	errs := []error{p.Settings.validate()}
	seen := map[string]bool{}
	for _, s := range p.Sources {
		if seen[s.Name] {
			errs = append(errs, fmt.Errorf("two collectors are named %q", s.Name))
		}
		seen[s.Name] = true
	}
	if p.Resolver == nil {
		errs = append(errs, errors.New("resolver is missing"))
	}
	if _, err := compile(p.Hints); err != nil {
		errs = append(errs, err)
	}
	if err := p.Predictor.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("predictor: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// install makes parts the current ones and keeps what is known of sources that stay.
func (e *Engine) install(parts Parts) {
	old := map[string]*source{}
	for _, s := range e.sources {
		old[s.Name] = s
	}
	e.installHints(parts.Hints)
	if parts.Allocator == nil {
		// Without limits there may still be objectives that targets have in common.
		parts.Allocator = &policy.Allocator{}
	}
	e.parts, e.turn = parts, 0
	live := parts.Settings
	e.live.Store(&live)
	shared, err := predictor.NewShared(parts.Predictor, parts.Settings.Step)
	if e.predictorErr = err; err == nil {
		e.predictors = shared
	}
	e.sources = make([]*source, len(parts.Sources))
	for i, s := range parts.Sources {
		e.sources[i] = &source{Source: s}
		if before := old[s.Name]; before != nil {
			*e.sources[i] = source{Source: s, cursor: before.cursor, safe: before.safe, waiting: before.waiting}
		}
	}
	for name := range old {
		if !slices.ContainsFunc(e.sources, func(s *source) bool { return s.Name == name }) {
			e.metrics.forget(name)
		}
	}
	e.deps.Gate.SetMode(parts.Settings.Mode)
}

// settings returns the settings in force.
func (e *Engine) settings() *Settings { return e.live.Load() }

// Reload replaces collectors, actuators, policies and settings between two Steps. Targets keep their history; those that
// configuration no longer names are let go as they are on the platform.
func (e *Engine) Reload(parts Parts) error {
	if err := parts.validate(); err != nil {
		return err
	}
	e.step.Lock()
	defer e.step.Unlock()
	relearn := !reflect.DeepEqual(e.parts.Predictor, parts.Predictor)
	e.install(parts)
	e.refused = map[models.TargetID]models.RefusedTarget{}
	kept := e.units[:0:0]
	for _, u := range e.units {
		u.own.Lock()
		ok := e.reassign(u)
		u.own.Unlock()
		if ok {
			kept = append(kept, u)
		} else {
			delete(e.byID, u.id)
			e.restored[u.id] = &remembered{marks: u.marks, action: u.open, closed: u.closed, foreign: u.foreign}
		}
	}
	e.units = kept
	for _, s := range e.sources {
		s.waiting = slices.DeleteFunc(s.waiting, func(u *unit) bool { return e.byID[u.id] != u })
	}
	if relearn {
		e.relearn()
	}
	e.publish()
	return nil
}

// relearn lets all units begin anew with the predictors that configuration asks for now, from the history that the next Step reads.
func (e *Engine) relearn() {
	e.variants = variants{map[variant]*predictor.Shared{}, map[models.TargetID]variant{}} // they were found beside another configuration
	for _, u := range e.units {
		e.reset(u)
	}
	for _, s := range e.sources {
		s.waiting, s.backfilled = nil, time.Time{}
		for _, u := range e.units {
			if u.source == s.Name {
				s.waiting = append(s.waiting, u)
			}
		}
	}
}

// reassign gives a unit what the new configuration says about it, and reports whether it stays.
func (e *Engine) reassign(u *unit) bool {
	if !slices.ContainsFunc(e.sources, func(s *source) bool { return s.Name == u.source }) {
		return false
	}
	found := collectors.TargetData{ID: u.id, Labels: u.labels, Meta: u.meta}
	a, ok, err := e.parts.Resolver.Resolve(u.source, &found)
	if err != nil || !ok {
		return false
	}
	actuator := e.parts.Actuators[a.Target.Actuator]
	if actuator == nil {
		return false
	}
	u.target, u.policy, u.actuator = a.Target, a.Policy, actuator
	u.observedAt, u.prepared, u.heard = time.Time{}, false, 0
	u.resetAdvice()
	u.unseen, u.refused = backoff{}, backoff{} // what was refused may be allowed now
	u.rehome(e.deps.Clock().UTC())
	u.tell()
	return true
}

// Close saves the state of all targets. The platform is left as it is.
func (e *Engine) Close(ctx context.Context) error {
	e.step.Lock()
	defer e.step.Unlock()
	return errors.Join(e.recordClosed(ctx), e.saveMerits(ctx), e.saveAll(ctx))
}

// recordClosed records the outcomes that the journal could not take before.
func (e *Engine) recordClosed(ctx context.Context) error {
	var events []models.Event
	for _, u := range e.units {
		events = append(events, u.closed...)
	}
	for _, id := range slices.Sorted(maps.Keys(e.restored)) {
		events = append(events, e.restored[id].closed...)
	}
	if len(events) == 0 {
		return nil
	}
	if err := e.append(ctx, events...); err != nil {
		return err
	}
	for _, u := range e.units {
		u.closed = nil
	}
	return nil
}

// byTarget orders units by the ID of their target.
func byTarget(u *unit, id models.TargetID) int { return byID(u.id, id) }

// byID orders target IDs.
func byID(a, b models.TargetID) int { return strings.Compare(string(a), string(b)) }
