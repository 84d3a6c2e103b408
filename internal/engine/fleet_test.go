package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"pilotlight/actuators"
	"pilotlight/models"
)

// throttling is a platform that takes so many requests per second, reads and writes together, and answers 429 beyond.
type throttling struct {
	*fakePlatform
	bucket *rate.Limiter
	takes  time.Duration

	mu       sync.Mutex
	requests int
	refused  int
	order    []models.TargetID
	free     bool
}

func (p *throttling) admit() error {
	time.Sleep(p.takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free {
		return nil
	}
	p.requests++
	if !p.bucket.Allow() {
		p.refused++
		return &actuators.Error{Kind: models.KindThrottled, Op: "call", Err: errors.New("rate exceeded")}
	}
	return nil
}

func (p *throttling) Observe(ctx context.Context, t models.Target) (models.Observation, error) {
	if err := p.admit(); err != nil {
		return models.Observation{}, err
	}
	return p.fakePlatform.Observe(ctx, t)
}

func (p *throttling) Apply(ctx context.Context, t models.Target, a models.Action) error {
	if err := p.admit(); err != nil {
		return err
	}
	if err := actuators.MayWrite(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	p.order = append(p.order, t.ID)
	p.mu.Unlock()
	return p.fakePlatform.Apply(ctx, t, a)
}

// fleetSize is how many targets change at once.
const fleetSize = 10_000

// TestFleetBehindARateLimit changes 10,000 targets at once on a platform that takes 15 requests per second, for reads and writes
// together, each of which takes 200 ms. It runs on the clock of a bubble.
func TestFleetBehindARateLimit(t *testing.T) {
	t.Parallel()
	n, minutes := fleetSize, 5
	if testing.Short() {
		n, minutes = 2000, 3
	}
	synctest.Test(t, func(t *testing.T) {
		const perSecond = 15
		platform := &throttling{fakePlatform: newPlatform(), bucket: rate.NewLimiter(perSecond, perSecond), takes: 200 * time.Millisecond, free: true}
		loads := map[models.TargetID]load{}
		busy := false
		for i := range n {
			loads[models.TargetID(fmt.Sprintf("f%05d", i))] = func(int) float64 {
				if busy {
					return 60 + float64(i%997)
				}
				return 0
			}
		}
		r := newRig(t, loads, func(r *rig) {
			config := actuators.DefaultConfig()
			config.RateLimit = actuators.RateLimitConfig{PerSecond: perSecond, Burst: 10}
			a, err := actuators.Decorate(platform, "platform", config, actuators.Deps{Permit: r.gate.Permit, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			r.parts.Actuators = map[string]actuators.Actuator{"platform": bypass{a, platform}}
			r.parts.Settings.Calls, r.parts.Settings.ObserveEvery, r.parts.Settings.ActionTTL = 32, 24*time.Hour, 2*time.Minute
			r.parts.Settings.Lookback, r.parts.Settings.Recent = 10*time.Minute, 0
			r.platform, r.live, r.collector.from = platform.fakePlatform, true, -1<<40
		})
		step := func() {
			began := time.Now()
			if err := r.Step(t.Context(), began); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took >= time.Minute {
				t.Errorf("a step took %s, longer than the interval", took)
			}
			time.Sleep(time.Until(began.Add(time.Minute)))
		}
		step() // it sees the fleet idle, for free
		platform.free, busy = false, true
		began := time.Now()
		for range minutes {
			step()
		}
		took := time.Since(began).Seconds()
		verifyFleet(t, r, platform, perSecond, took, began)
	})
}

// bypass reads and writes without limit while the platform is free.
type bypass struct {
	actuators.Actuator
	platform *throttling
}

func (b bypass) Observe(ctx context.Context, t models.Target) (models.Observation, error) {
	if b.platform.free {
		return b.platform.fakePlatform.Observe(ctx, t)
	}
	return b.Actuator.Observe(ctx, t)
}

// verifyFleet checks the throughput, that nothing was refused, the order and the records.
func verifyFleet(t *testing.T, r *rig, platform *throttling, perSecond, took float64, began time.Time) {
	t.Helper()
	used := float64(platform.requests) / took / perSecond
	t.Logf("%d requests in %.0f s, %.1f%% of what the platform allows, %d writes, %d refused",
		platform.requests, took, 100*used, len(platform.order), platform.refused)
	if platform.refused != 0 {
		t.Errorf("the platform turned %d requests away", platform.refused)
	}
	if used < 0.95 {
		t.Errorf("only %.1f%% of the rate was used", 100*used)
	}
	// Every write that was not sent is recorded with its reason.
	status := map[models.OutcomeStatus]int{}
	outcomes := map[string]*models.Outcome{}
	for _, e := range r.journal.of(models.EventOutcome) {
		status[e.Outcome.Status]++
		outcomes[e.Outcome.Action] = e.Outcome
		if e.Outcome.Status == models.OutcomeExpired && (e.Outcome.Held != models.ReasonExpired || e.Outcome.Error == "") {
			t.Fatalf("expired without a reason: %+v", e.Outcome)
		}
	}
	t.Logf("outcomes %v", status)
	verifyVolume(t, r, len(platform.order), took)
	for _, e := range r.journal.of(models.EventAction) {
		if outcomes[e.Action.ID] == nil {
			t.Fatalf("action %s has no outcome", e.Action.ID)
		}
	}
	if status[models.OutcomeExpired] == 0 || status[models.OutcomeApplied] != len(platform.order) ||
		len(status) != 2 {
		t.Errorf("outcomes %v, %d writes", status, len(platform.order))
	}
	verifyOrder(t, r, platform.order, began)
}

// verifyVolume counts what the journal has taken.
func verifyVolume(t *testing.T, r *rig, writes int, took float64) {
	t.Helper()
	bytes, of := 0, map[models.EventType]int{}
	for _, kind := range models.EventTypes() {
		for _, e := range r.journal.of(kind) {
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			bytes += len(text)
			of[kind]++
		}
	}
	t.Logf("events %v, %d bytes", of, bytes)
	// Of the writes that waited in vain only those of the last lot of each Step are in the journal.
	steps := int(took/60 + 0.5)
	if most := writes + steps*2*leastLot; of[models.EventAction] > most || of[models.EventOutcome] != of[models.EventAction] {
		t.Errorf("%d intents and %d outcomes of %d writes in %d steps", of[models.EventAction], of[models.EventOutcome], writes, steps)
	}
	// Advice that waits is recorded once, until it changes or was acted on.
	repeated, last := 0, map[models.TargetID]*models.Decision{}
	for _, e := range r.journal.of(models.EventDecision) {
		if d := last[e.Target]; d != nil && d.Desired == e.Decision.Desired && d.Current == e.Decision.Current {
			repeated++
		}
		last[e.Target] = e.Decision
	}
	if repeated > of[models.EventOutcome] {
		t.Errorf("%d decisions say the same as the one before", repeated)
	}
	waiting := 0
	for _, s := range r.Targets() {
		if s.Latest.Status == models.StatusExpired && strings.Contains(s.Latest.Note, "it was to be sent before") {
			waiting++
		}
	}
	if want := len(r.byID) - writes; waiting < want-steps*2*leastLot {
		t.Errorf("%d recommendations say that their turn did not come, want about %d", waiting, want)
	}
}

// verifyOrder checks that those written in the first minute were the most valuable of all that had changed, but for the calls that
// were under way at a time.
func verifyOrder(t *testing.T, r *rig, order []models.TargetID, began time.Time) {
	t.Helper()
	written := map[models.TargetID]int{}
	for i, id := range order {
		if _, twice := written[id]; twice {
			t.Errorf("%s was written twice", id)
		}
		written[id] = i
	}
	var wanted []*write
	for _, e := range r.journal.of(models.EventDecision) {
		if e.Decision.At.Equal(began) {
			wanted = append(wanted, &write{unit: r.byID[e.Target], worth: worthOf(r.byID[e.Target], e.Decision)})
		}
	}
	slices.SortFunc(wanted, func(a, b *write) int { return a.worth.before(&b.worth) })
	if first, last := wanted[0].worth.seconds, wanted[len(wanted)-1].worth.seconds; first < 2*last {
		t.Fatalf("the worths are from %v to %v s: too close to prove an order", last, first)
	}
	const underWay = 32
	for i, w := range wanted[:250] {
		if at, ok := written[w.unit.id]; !ok || at < i-underWay || at > i+underWay {
			t.Errorf("number %d in value (%s, %.1f s) was written as number %d, %v", i, w.unit.id, w.worth.seconds, at, ok)
		}
	}
}
