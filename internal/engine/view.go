package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

// view is the list of units that readers see.
type view struct {
	units   []*unit
	sources []string // what is wrong with sources, in words
	mode    models.Mode
	stepped time.Time
	refused []models.RefusedTarget // sorted by ID
}

// publish makes the present list of units the one that readers see.
func (e *Engine) publish() {
	v := &view{units: slices.Clone(e.units), mode: e.parts.Settings.Mode, stepped: e.stepped()}
	for _, r := range e.refused {
		v.refused = append(v.refused, r)
	}
	slices.SortFunc(v.refused, func(a, b models.RefusedTarget) int { return byID(a.ID, b.ID) })
	e.metrics.refusals.Set(float64(len(v.refused)))
	for _, s := range e.sources {
		switch {
		case s.err != nil:
			v.sources = append(v.sources, failure(s.Name, s.err))
		case s.cursor.IsZero():
			v.sources = append(v.sources, fmt.Sprintf("collector %q has not been read yet", s.Name))
		}
	}
	e.view.Store(v)
}

// stepped returns the time of the last Step, zero if there was none.
func (e *Engine) stepped() time.Time {
	if e.started.IsZero() {
		return time.Time{}
	}
	return e.last
}

// show makes the unit's state the one that readers see.
func (e *Engine) show(u *unit, now time.Time, sourceErr error) {
	p := u.published.Load()
	if p == nil || !e.parts.Settings.Alone {
		p = &published{}
	}
	p.forecast, p.reason, p.unfit = u.forecast, u.noForecast, u.unfit
	p.status = models.TargetStatus{
		Target: u.target, Data: u.state(now, sourceErr == nil, e.parts.Settings.StaleAfter), LastSample: u.lastSample,
		Invocations: u.bin.Invocations, Duration: u.bin.Duration, Concurrency: u.bin.Concurrency,
		Observation: u.observation, Observed: u.observed, Latest: u.latest,
		Sizing: u.advice(),
	}
	if sourceErr != nil {
		p.status.Problems = append(p.status.Problems, failure(u.source, sourceErr))
	}
	if u.observeErr != nil {
		p.status.Problems = append(p.status.Problems, u.observeErr.Error())
	}
	if why := u.sizingProblem(); why != "" {
		p.status.Problems = append(p.status.Problems, why)
	}
	u.published.Store(p)
}

// refresh publishes the recommendation and observation after an action.
func (u *unit) refresh() {
	old := u.published.Load()
	if old == nil {
		return
	}
	p := *old
	p.status.Latest, p.status.Observation, p.status.Observed = u.latest, u.observation, u.observed
	u.published.Store(&p)
}

// Targets returns the state of all targets, sorted by ID.
func (e *Engine) Targets() []models.TargetStatus {
	units := e.view.Load().units
	all := make([]models.TargetStatus, 0, len(units))
	for _, u := range units {
		if p := u.published.Load(); p != nil {
			all = append(all, p.status)
		}
	}
	return all
}

// Refused returns what collectors have found and cannot be used, with the reasons, sorted by ID; at most 10,000 of them.
func (e *Engine) Refused() []models.RefusedTarget { return e.view.Load().refused }

// find returns what is published of a target, or models.ErrNotFound.
func (e *Engine) find(id models.TargetID) (*unit, *published, error) {
	units := e.view.Load().units
	if at, ok := slices.BinarySearchFunc(units, id, byTarget); ok {
		if p := units[at].published.Load(); p != nil {
			return units[at], p, nil
		}
	}
	return nil, nil, fmt.Errorf("target %q: %w", id, models.ErrNotFound)
}

// Target returns the state of a target, or models.ErrNotFound.
func (e *Engine) Target(id models.TargetID) (models.TargetStatus, error) {
	_, p, err := e.find(id)
	if err != nil {
		return models.TargetStatus{}, err
	}
	return p.status, nil
}

// Forecast returns the latest forecast of a target's invocations. It returns models.ErrNotFound for an unknown target, and
// models.ErrInsufficientHistory with the reason if there is no forecast.
func (e *Engine) Forecast(id models.TargetID) (models.Forecast, error) {
	u, p, err := e.find(id)
	switch {
	case err != nil:
		return models.Forecast{}, err
	case p.unfit, p.forecast != nil:
		u.own.Lock()
		defer u.own.Unlock()
		f, err := u.predictor.Forecast(u.id, models.SignalInvocations, u.next)
		return u.hinted(f), err
	case p.reason != nil:
		return models.Forecast{}, fmt.Errorf("forecast of %q: %s: %w", id, p.reason, models.ErrInsufficientHistory)
	}
	return models.Forecast{}, fmt.Errorf("forecast of %q: %w", id, models.ErrNoData)
}

// hinted is a forecast with the events that are announced for its time, as far as they count.
func (u *unit) hinted(f models.Forecast) models.Forecast {
	if u.lift == nil || len(u.lift.effects) == 0 {
		return f
	}
	return f.Scaled(func(h int) float64 {
		from := f.Start().Add(time.Duration(h) * f.Step())
		applied, _ := u.lift.times(from, from.Add(f.Step()))
		return applied
	})
}

// Explain says how a target's forecast comes about, or returns models.ErrNotFound. It is worked out when it is asked for, from what
// the predictor knows then, and waits for the work of a Step on that target.
func (e *Engine) Explain(id models.TargetID) (models.Explanation, error) {
	u, _, err := e.find(id)
	if err != nil {
		return models.Explanation{}, err
	}
	u.own.Lock()
	defer u.own.Unlock()
	return u.predictor.Explain(), nil
}

// ForecastAt is Forecast with at least the step that holds the time, or the one nearest to it; h is its number. It takes less work.
func (e *Engine) ForecastAt(id models.TargetID, at time.Time) (f models.Forecast, h int, err error) {
	u, p, err := e.find(id)
	if err != nil || !p.unfit && p.forecast == nil {
		f, err = e.Forecast(id) // which says why there is none
		return f, 0, err
	}
	u.own.Lock()
	defer u.own.Unlock()
	h = nearest(at.Sub(u.next), u.step, u.predictor.Horizon())
	if made := p.forecast; made != nil {
		if k := int(u.next.Add(time.Duration(h)*u.step).Sub(made.Start()) / u.step); k >= 0 && k < made.Horizon() {
			return u.hinted(*made), k, nil
		}
	}
	sheet := &e.sheet
	if !e.parts.Settings.Alone {
		sheet = &predictor.Sheet{}
	}
	made, err := u.predictor.ForecastOn(sheet, u.id, models.SignalInvocations, u.next, h, h+1)
	if err != nil {
		return models.Forecast{}, 0, err
	}
	return u.hinted(*made), 0, nil
}

// nearest is the step that holds what lies ahead, or the nearest one of n.
func nearest(ahead, step time.Duration, n int) int { return min(max(int(ahead/step), 0), n-1) }

// Series returns the samples of a target that are kept in memory, between from and to.
func (e *Engine) Series(_ context.Context, id models.TargetID, sig models.Signal, from, to time.Time) (models.Series, error) {
	u, _, err := e.find(id)
	if err != nil {
		return models.Series{}, err
	}
	u.own.Lock()
	defer u.own.Unlock()
	return u.recent.series(sig, from, to)
}

// Ready returns why the engine is not ready: it has not stepped yet, a collector fails, or the journal cannot be written.
func (e *Engine) Ready() []string {
	v := e.view.Load()
	why := slices.Clone(v.sources)
	if v.stepped.IsZero() {
		why = append(why, "the first step has not ended yet")
	}
	if err := e.journalErr.Load(); err != nil {
		why = append(why, fmt.Sprintf("journal: %v", *err))
	}
	return why
}

// Mode returns how far Pilotlight may go.
func (e *Engine) Mode() models.Mode { return e.view.Load().mode }

// LastStep returns the time of the last Step, zero if there was none.
func (e *Engine) LastStep() time.Time { return e.view.Load().stepped }
