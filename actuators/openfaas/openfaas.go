// Package openfaas sets the replicas of functions behind an OpenFaaS gateway.
//
// The platform has no floor that could be set without a new rollout of the function, only the number of replicas, which its
// own scaling changes too. So a floor is what this adapter raised the replicas to: more than that is the business of the
// platform's own scaling and left alone, fewer shows as a floor that was taken away.
package openfaas

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// The replicas that the Community Edition allows.
const (
	minCE = 1
	maxCE = 5
)

// Actuator sets the replicas of the functions behind one gateway. It is safe for concurrent use.
type Actuator struct {
	config Config
	client *webapi.Client

	mu sync.Mutex
	// found is the edition, EditionAuto until the gateway was asked.
	found Edition
	// floors are what was asked for last, of each target.
	floors map[models.TargetID]int
	// writes are those since the last look.
	writes map[models.TargetID]written
}

var (
	_ actuators.Actuator = (*Actuator)(nil)
	_ actuators.Reacher  = (*Actuator)(nil)
	_ actuators.Eroder   = (*Actuator)(nil)
	_ actuators.Recaller = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It reads the certificate files that the configuration names, and sends
// nothing. now is the clock for dates in Retry-After.
func New(name string, config Config, now func() time.Time) (*Actuator, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	client, err := webapi.New(name, config.HTTP, now)
	if err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	return &Actuator{config: config, client: client, found: EditionAuto, floors: make(map[models.TargetID]int), writes: make(map[models.TargetID]written)}, nil
}

// Close frees idle connections.
func (a *Actuator) Close() { a.client.Close() }

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever { return models.LeverWarm }

// Reach implements actuators.Reacher: the Community Edition keeps 1 to 5 replicas.
func (a *Actuator) Reach(_, want models.Capacity) models.Capacity {
	n, ok := want.Warm()
	if !ok {
		return want
	}
	return want.WithWarm(reach(a.edition(), n))
}

// reach returns the replicas that an edition gives when n are asked for.
func reach(edition Edition, n int) int {
	if edition == EditionCE {
		return min(max(n, minCE), maxCE)
	}
	return n
}

// Erodes implements actuators.Eroder: fewer replicas than the floor are what the platform's own scaling made, which no answer of the
// gateway tells from a person.
func (a *Actuator) Erodes(set, seen models.Capacity) bool {
	floor, _ := set.Warm()
	replicas, shown := seen.Warm()
	return shown && replicas < floor
}

// AssertEvery implements actuators.Eroder.
func (a *Actuator) AssertEvery() time.Duration { return a.config.AssertEvery.Std() }

// Recall implements actuators.Recaller, so that replicas above the floor are known as the platform's own after a restart too, and those
// of a write whose outcome was not seen as ours.
func (a *Actuator) Recall(target models.Target, set, asked models.Capacity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.floors[target.ID]
	if _, wrote := a.writes[target.ID]; known || wrote {
		return
	}
	if floor, ok := set.Warm(); ok {
		a.floors[target.ID] = floor
	}
	if want, ok := asked.Warm(); ok {
		a.writes[target.ID] = written{want: want}
	}
}

// Observe implements actuators.Actuator with one request, and one more the first time.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	r, err := a.refOf("observe", target)
	if err != nil {
		return models.Observation{}, err
	}
	edition, err := a.learn(ctx)
	if err != nil {
		return models.Observation{}, err
	}
	replicas, ready, err := a.get(ctx, r)
	if err != nil {
		return models.Observation{}, err
	}
	a.settle(target.ID, replicas)
	o := models.Observation{Capacity: models.Warm(replicas), Ready: ready}
	switch floor, known := a.floor(target.ID); {
	case known && replicas > floor:
		o.Capacity = models.Warm(floor)
		o.Note = fmt.Sprintf("OpenFaaS itself runs %d replicas, above the floor", replicas)
	case known && replicas < floor:
		o.Note = fmt.Sprintf("OpenFaaS or somebody else went below the floor of %d", floor)
	case edition == EditionCE && replicas >= maxCE:
		o.Note = fmt.Sprintf("the Community Edition allows at most %d replicas", maxCE)
	}
	return o, nil
}

// Apply implements actuators.Actuator with one request to read, and one to write if there is something to change. Replicas that
// the platform's own scaling added are never taken away, also by a restore.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	r, err := a.refOf("apply", target)
	if err != nil {
		return err
	}
	want, err := wanted(r, action.To)
	if err != nil || want < 0 {
		return err
	}
	edition, err := a.learn(ctx)
	if err != nil {
		return err
	}
	replicas, _, err := a.get(ctx, r)
	if err != nil {
		return err
	}
	a.settle(target.ID, replicas)
	want = reach(edition, want)
	if want > replicas || want < replicas && a.mayLower(edition, action, replicas) {
		err := a.scale(ctx, r, want)
		a.sent(target.ID, written{was: replicas, want: want}, err)
		return err
	}
	if err := actuators.MayWrite(ctx); err != nil {
		// Nothing is sent, but the floor that is remembered must not be one that was held back.
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.floors[target.ID] = want
	return nil
}

// written is a write whose effect no look has shown yet.
type written struct {
	// was and want are the replicas before and those asked for; was is told if accepted.
	was, want int
	// accepted says that the gateway answered that it is done.
	accepted bool
}

// sent remembers a write, unless it was held back.
func (a *Actuator) sent(id models.TargetID, w written, err error) {
	if _, failed := errors.AsType[*actuators.Error](err); err != nil && !failed {
		return
	}
	w.accepted = err == nil
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writes[id] = w
}

// settle makes the replicas of the last write the floor if it had its effect, as the replicas that are there now show. The answer
// alone is not enough: one that was lost would make our replicas seem OpenFaaS' own, and one of something in between, which
// did nothing, would do so with replicas that were to be taken away.
func (a *Actuator) settle(id models.TargetID, replicas int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, ok := a.writes[id]
	if ok && (replicas == w.want || w.accepted && (replicas != w.was || w.want > w.was)) {
		a.floors[id] = w.want
	}
	delete(a.writes, id)
}

// mayLower reports whether the replicas that there are may be lowered: they are what Pilotlight asked for, or, after a restart,
// what it decided from. Others were added by the platform, because of load. A restore takes away what Pilotlight raised whoever else
// lowers, also where the platform has taken a part of it already.
func (a *Actuator) mayLower(edition Edition, action models.Action, replicas int) bool {
	floor, known := a.floor(action.Target)
	seen, observed := action.From.Warm()
	switch {
	case action.Restores && known:
		return replicas <= floor
	case action.Restores:
		return observed && replicas <= seen
	case a.config.Lower == LowerLeave, a.config.Lower == LowerAuto && edition != EditionCE:
		return false
	case known:
		return floor == replicas
	}
	return !observed || seen == replicas
}

// floor returns what was asked for last.
func (a *Actuator) floor(id models.TargetID) (int, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, ok := a.floors[id]
	return n, ok
}

// refOf reads the reference of a target.
func (a *Actuator) refOf(op string, target models.Target) (ref, error) {
	r, err := parseRef(target.Ref, a.config.Namespace)
	if err != nil {
		return ref{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	return r, nil
}

// wanted returns the floor to set, -1 for none.
func wanted(r ref, to models.Capacity) (int, error) {
	warm, ok := to.Warm()
	op := "scale function " + r.String()
	switch {
	case to.Levers()&^models.LeverWarm != 0:
		return -1, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"%s was asked for, but OpenFaaS has the lever warm only: %w", to, models.ErrInvalid)}
	case warm > math.MaxInt32:
		return -1, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"%d is more than OpenFaaS can count: %w", warm, models.ErrInvalid)}
	case !ok:
		return -1, nil
	}
	return warm, nil
}
