package engine

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// warmupBins is how many steps with a value a target needs before its capacity may be lowered.
const warmupBins = 10

// unit is everything about one target. Whoever holds own owns it; published is for readers.
type unit struct {
	own sync.Mutex

	id     models.TargetID
	source string
	labels map[string]string
	meta   collectors.Meta

	target   models.Target
	policy   *policy.Policy
	actuator actuators.Actuator

	predictor *predictor.Predictor
	memory    *policy.Memory
	// sizing is about the memory of instances, nil as long as its use was never measured.
	sizing *sizing
	// prepared says that the memory knows the target as it is now; it is to be unset when that changes.
	prepared bool
	// facts are those of the decision being made, kept here because a Step makes one for every target.
	facts policy.Facts
	step  time.Duration
	// next is the start of the step to be fed next; zero before the first.
	next time.Time
	// lastSample is the end of the newest step with a value.
	lastSample time.Time
	// known is how many steps with a value were fed.
	known  int
	recent recent
	bin    policy.Bin

	// heard is the turn of the book that lift goes by; lift is nil if no hint is about the target.
	heard uint64
	lift  *lift

	// rival names another source that reports the same target; "" is none.
	rival string

	observation models.Observation
	rise        rise
	observed    bool
	observedAt  time.Time
	observeErr  error
	// asked is the Step at which the platform was last asked ahead of the decisions.
	asked time.Time

	marks models.Marks
	// basis are the marks that the latest decision was made by.
	basis models.Marks
	// open is an intent whose outcome was never seen, often from before the start.
	open *models.Action
	// closed are outcomes that are not in the journal yet, to be recorded at the next Step.
	closed []models.Event
	// lost is the newest action whose end was never seen and which the platform did not show.
	lost *models.Action
	// foreign is what somebody else did to the capacity.
	foreign foreign
	// fallen is what the platform by itself made of what was set.
	fallen fallen
	// unseen and refused are the waits after readings and writes that were refused for a reason that lasts.
	unseen, refused backoff

	// forecast is of the steps that the policy reads. It is nil if there is none to go by, for the reason noForecast; unfit says
	// that there would be one, which must not be acted on.
	forecast   *models.Forecast
	noForecast *models.Reason
	unfit      bool
	// sheet is where forecast lies, and notes where the reasons of the decision being made do, if the engine is Alone; else nil.
	sheet  *predictor.Sheet
	notes  *policy.Notes
	latest *models.Recommendation
	// recommendations are where latest lies in turns, if the engine is Alone.
	recommendations *[2]models.Recommendation
	turn            int
	// recorded is the verdict of the newest decision in the journal, and recordedID its id.
	recorded   verdict
	recordedID string
	// rehearsed is what the platform said about the latest advice of dry-run mode.
	rehearsed rehearsal
	// approved is an approval from before the start that was not acted on.
	approved *models.Approval

	published atomic.Pointer[published]
}

// published is what readers see of a unit.
type published struct {
	status   models.TargetStatus
	forecast *models.Forecast
	reason   *models.Reason
	unfit    bool
}

// newUnit makes a unit and gives it what the journal remembers.
func (e *Engine) newUnit(sourceName string, found *collectors.TargetData, a Assignment) (*unit, error) {
	if err := a.Target.Validate(); err != nil {
		return nil, err
	}
	actuator := e.parts.Actuators[a.Target.Actuator]
	if actuator == nil {
		return nil, fmt.Errorf("target %q: there is no actuator %q: %w", found.ID, a.Target.Actuator, models.ErrNotFound)
	}
	step := e.parts.Settings.Step
	if e.predictorErr != nil {
		return nil, fmt.Errorf("target %q: %w", found.ID, e.predictorErr)
	}
	u := &unit{
		id: found.ID, source: sourceName, labels: found.Labels, meta: found.Meta,
		target: a.Target, policy: a.Policy, actuator: actuator,
		predictor: e.predictorOf(found.ID), memory: policy.NewMemory(), step: step,
		recent: newRecent(step, e.parts.Settings.Recent),
		bin:    policy.Bin{Invocations: math.NaN(), Duration: math.NaN(), Concurrency: math.NaN()},
	}
	if r := e.restored[u.id]; r != nil {
		u.recall(r)
		u.rehome(e.deps.Clock().UTC())
		u.tell()
		delete(e.restored, u.id)
	}
	return u, nil
}

// tell tells the actuator what the journal knows about the target.
func (u *unit) tell() {
	var asked models.Capacity
	if u.open != nil {
		asked = u.open.To
	}
	actuators.Recall(u.actuator, u.target, u.marks.Set, asked)
}

// recall gives a new unit what is remembered of it.
func (u *unit) recall(r *remembered) {
	u.marks, u.open, u.closed, u.foreign = r.marks, r.open(), r.closed, r.foreign
	if r.decision == nil {
		return
	}
	u.recorded, u.recordedID = verdictOf(r.decision), r.decision.ID
	u.latest = &models.Recommendation{Decision: *r.decision, Status: models.StatusExpired, Note: "from before the start"}
	switch a := r.approval; {
	case a == nil || a.Decision != r.decision.ID:
	case !a.Approved:
		u.latest.Status, u.latest.By, u.latest.Note = models.StatusRejected, a.By, a.Note
	case r.action == nil || r.action.Decision != a.Decision: // an approval is good for one action
		u.approved = a
	}
}

// feed gives the unit the steps of the window from start to end that it has not had yet. Steps without a value are missing,
// except before the first value of all.
func (u *unit) feed(data *collectors.TargetData, start, end time.Time) {
	u.own.Lock()
	defer u.own.Unlock()
	if data.Meta != (collectors.Meta{}) && data.Meta != u.meta {
		u.learnMeta(data.Meta)
	}
	if !u.prepared {
		u.prepare()
	}
	load := data.Series[models.SignalInvocations]
	if u.next.IsZero() {
		first := 0
		for first < load.Len() && load.IsGap(first) {
			first++
		}
		if first == load.Len() {
			return
		}
		u.next = load.TimeAt(first)
	}
	if gap := start.Sub(u.next); gap > 0 {
		u.skip(start)
	}
	for u.next.Before(end) {
		u.push(data)
	}
	if u.predictor.RefitDue() {
		// A failed fit leaves the parameters as they were; the forecast itself says if there is none.
		_ = u.predictor.Refit()
	}
}

// learnMeta takes over what the collector knows about the target now. A memory that it does not tell any more stays as it was, and if
// the target has its memory from the collector, it follows.
func (u *unit) learnMeta(meta collectors.Meta) {
	if meta.MemoryMB == 0 {
		meta.MemoryMB = u.meta.MemoryMB
	}
	if u.target.MemoryMB == u.meta.MemoryMB && meta.MemoryMB > 0 {
		u.target.MemoryMB = meta.MemoryMB
	}
	u.meta, u.prepared = meta, false
}

// prepare tells the memory about the target, so that it weighs history as the decisions to come will.
func (u *unit) prepare() {
	u.policy.Prepare(&policy.Facts{
		Target: &u.target, Levers: u.actuator.Levers(), InstanceRate: actuators.InstanceRate(u.actuator),
		DurationP50: u.meta.DurationP50, DurationP99: u.meta.DurationP99,
	}, u.memory)
	u.prepared = true
}

// skip feeds missing steps up to the time.
func (u *unit) skip(to time.Time) {
	for !u.next.IsZero() && u.next.Before(to) {
		u.push(&collectors.TargetData{})
	}
}

// push feeds the next step.
func (u *unit) push(data *collectors.TargetData) {
	at := func(sig models.Signal) float64 {
		s := &data.Series[sig]
		if s.Len() == 0 {
			return math.NaN()
		}
		v := s.At(int(u.next.Sub(s.Start()) / u.step))
		if v < 0 || u.next.Before(s.Start()) {
			return math.NaN()
		}
		return v
	}
	u.bin = policy.Bin{
		Start: u.next, Step: u.step,
		Invocations: at(models.SignalInvocations), Duration: at(models.SignalDuration),
		Concurrency: at(models.SignalConcurrency), ColdStarts: at(models.SignalColdStarts),
		QueueDepth: at(models.SignalQueueDepth),
	}
	u.update(u.bin.Invocations)
	if u.lift == nil {
		u.memory.Observe(u.bin)
	} else {
		alive := u.memory.InUseWithin(u.memory.KeptFor())
		u.memory.Observe(u.bin)
		u.lift.trials.judge(u, alive)
	}
	u.recent.push(u.next, at)
	u.measure(at(models.SignalMemory))
	u.next = u.next.Add(u.step)
	if !math.IsNaN(u.bin.Invocations) {
		u.known++
		u.lastSample = u.next
	}
}

// state says how fresh the samples are at the time, given whether the source could be read.
func (u *unit) state(now time.Time, sourceOK bool, staleAfter time.Duration) models.DataState {
	switch {
	case u.lastSample.IsZero():
		return models.DataMissing
	case !sourceOK || now.Sub(u.lastSample) > staleAfter:
		return models.DataStale
	}
	return models.DataFresh
}

// predict makes the forecast of the steps that the policy reads, or the reason why there is none to go by; the others are made when
// somebody asks. What must not be acted on is not made at all, for no decision reads it.
func (u *unit) predict(from, to time.Time) {
	if why := u.predictor.Unfit(); why != nil {
		u.forecast, u.noForecast, u.unfit = nil, why, true
		return
	}
	u.unfit = false
	n := u.predictor.Horizon()
	lo, hi := models.Overlap(u.next, u.step, n, from, to)
	if lo == hi {
		lo, hi = 0, n // the policy says how far the forecast reaches
	}
	if f := u.forecast; f != nil && f.Horizon() == hi-lo && f.Start().Equal(u.next.Add(time.Duration(lo)*u.step)) {
		return // it has been made at this Step already
	}
	sheet := u.sheet
	if sheet == nil {
		sheet = &predictor.Sheet{}
	}
	f, err := u.predictor.ForecastOn(sheet, u.id, models.SignalInvocations, u.next, lo, hi)
	if err != nil {
		r := models.Because(models.ReasonShortHistory)
		r.Detail = err.Error()
		u.forecast, u.noForecast = nil, &r
		return
	}
	u.forecast, u.noForecast = f, nil
}

// newPredictor makes a predictor for a unit that is there, whose step may be from before a reload.
func (e *Engine) newPredictor(id models.TargetID, step time.Duration) *predictor.Predictor {
	if step != e.parts.Settings.Step {
		if p, err := predictor.New(e.parts.Predictor, step); err == nil {
			return p
		}
	}
	return e.predictorOf(id)
}

// reset forgets the history of a unit.
func (e *Engine) reset(u *unit) {
	u.own.Lock()
	defer u.own.Unlock()
	u.predictor = e.newPredictor(u.id, u.step)
	u.heard, u.lift = 0, nil
	u.memory, u.sizing, u.prepared = policy.NewMemory(), nil, false
	u.recent = newRecent(u.step, e.parts.Settings.Recent)
	u.next, u.lastSample, u.known = time.Time{}, time.Time{}, 0
}
