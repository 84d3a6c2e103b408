package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
)

const (
	// maxVariants bounds the configurations of forecasters that targets have of their own.
	maxVariants = 8
	// patternBlocks are the parts of the history that are scored apart, patternWins how many of them a proposal has to win, and
	// patternGain by what share of the loss in all: what is tried again and again must not get in by luck.
	patternBlocks = 8
	patternWins   = 7
	patternGain   = 0.03
	// minPatternSteps is how many steps of history there have to be.
	minPatternSteps = 480
)

// variant is what a target's predictor has beyond the configuration.
type variant struct {
	Member string `json:"member,omitempty"`
	Period int    `json:"period,omitempty"` // in steps
}

// variants are the predictors that targets have of their own.
type variants struct {
	shared map[variant]*predictor.Shared
	of     map[models.TargetID]variant
}

// savedVariants is the form in which variants are kept: they count beside the configuration that they were tried with.
type savedVariants struct {
	Config string                      `json:"config"`
	Of     map[models.TargetID]variant `json:"of"`
}

// variantsKey is where the variants of targets are kept in the store of states.
const variantsKey = "variants"

// extend returns a configuration with the variant in it.
func (v variant) extend(cfg predictor.Config, step time.Duration) (predictor.Config, error) {
	cfg.Models, cfg.Periods = slices.Clone(cfg.Models), slices.Clone(cfg.Periods)
	if v.Member == "" && v.Period == 0 {
		return cfg, fmt.Errorf("pattern: it proposes neither a forecaster nor a period: %w", models.ErrInvalid)
	}
	if v.Member != "" {
		if slices.Contains(cfg.Models, v.Member) {
			return cfg, fmt.Errorf("pattern: %q is one of the forecasters already: %w", v.Member, models.ErrConflict)
		}
		cfg.Models = append(cfg.Models, v.Member)
	}
	if v.Period != 0 {
		if v.Period < 2 || v.Period > models.MaxSeriesLen {
			return cfg, fmt.Errorf("pattern: a period of %d steps is not from 2 to %d: %w", v.Period, models.MaxSeriesLen, models.ErrInvalid)
		}
		p := models.Duration(time.Duration(v.Period) * step)
		if slices.Contains(cfg.Periods, p) {
			return cfg, fmt.Errorf("pattern: %s is one of the periods already: %w", p, models.ErrConflict)
		}
		cfg.Periods = append(cfg.Periods, p)
	}
	return cfg, nil
}

// TryPattern back-tests a proposal to forecast a target with one more forecaster (member), one more period, in steps, or both, on the
// samples that are kept in memory. Both predictors go through them, and are scored on the second half, from step to step, by the
// pinball loss of the steps that a decision reads; nothing that comes later is known to either. The proposal is accepted if the loss
// falls by 3 % and in 7 of 8 parts: then the target is forecast so from the next Step on, after its history was read anew, and
// over restarts, until the configuration of the predictor changes. A target has one variant at most, which is scored again
// when it is proposed again, and dropped where it has become worse; another one has to be better than that.
//
// It returns models.ErrNotFound for an unknown target, models.ErrInvalid for a proposal that cannot be, models.ErrConflict for one that
// is in the configuration already, and models.ErrInsufficientHistory.
func (e *Engine) TryPattern(ctx context.Context, id models.TargetID, label, member string, period int) (models.PatternTrial, error) {
	v := variant{member, period}
	t := models.PatternTrial{Target: id, At: e.deps.Clock().UTC(), Label: label, Member: member, Period: period}
	u, _, err := e.find(id)
	if err != nil {
		return t, err
	}
	e.step.Lock()
	cfg, step, has := e.parts.Predictor, u.step, e.variants.of[id]
	e.step.Unlock()
	with, err := v.extend(cfg, step)
	if err != nil {
		return t, err
	}
	other, err := predictor.NewShared(with, step)
	if err != nil {
		return t, fmt.Errorf("pattern: %w", err)
	}
	before := cfg
	if has != (variant{}) && has != v { // it has to be better than what the target has now
		if before, err = has.extend(cfg, step); err != nil {
			return t, err
		}
	}
	proposed, without, err := u.race(ctx, v, other.New(), before)
	if err != nil {
		return t, err
	}
	switch better := compare(&t, &proposed, &without); {
	case has == v && t.Loss > t.LossWithout:
		t.Why = "dropped again: " + t.Why
		return t, e.abandon(ctx, u)
	case has == v:
		t.Accepted = true
		return t, nil
	case better:
		err = e.adopt(ctx, u, v, other, &cfg)
		t.Accepted = err == nil
	}
	return t, err
}

// race back-tests a predictor against one of another configuration.
func (u *unit) race(ctx context.Context, v variant, proposed *predictor.Predictor, cfg predictor.Config) (with, without [patternBlocks]float64, err error) {
	values, reads, err := u.patternHistory(v)
	if err != nil {
		return with, without, err
	}
	plain, err := predictor.New(cfg, u.step)
	if err != nil {
		return with, without, err
	}
	if without, err = losses(ctx, plain, values, reads); err != nil {
		return with, without, err
	}
	with, err = losses(ctx, proposed, values, reads)
	return with, without, err
}

// compare fills in what came of the back-test, and reports whether it speaks for the proposal.
func compare(t *models.PatternTrial, proposed, without *[patternBlocks]float64) bool {
	wins := 0
	for i := range without {
		t.LossWithout, t.Loss = t.LossWithout+without[i], t.Loss+proposed[i]
		if proposed[i] < without[i] {
			wins++
		}
	}
	t.Why = fmt.Sprintf("pinball loss %.4g against %.4g without it, and lower in %d of %d parts; it takes %d parts and %g %%",
		t.Loss, t.LossWithout, wins, patternBlocks, patternWins, 100*patternGain)
	return wins >= patternWins && t.Loss < t.LossWithout*(1-patternGain)
}

// patternHistory returns the kept load of a unit and which steps ahead its decisions read.
func (u *unit) patternHistory(v variant) (values []float64, reads [2]int, err error) {
	u.own.Lock()
	defer u.own.Unlock()
	s, err := u.recent.series(models.SignalInvocations, time.Time{}, u.next)
	if err != nil {
		return nil, reads, fmt.Errorf("pattern: %w", err)
	}
	if n := s.Len(); n < minPatternSteps || n < 4*v.Period {
		return nil, reads, fmt.Errorf("pattern: %d steps of the load are kept, and %d are needed; raise engine.recent, or wait: %w",
			n, max(minPatternSteps, 4*v.Period), models.ErrInsufficientHistory)
	}
	values = make([]float64, s.Len())
	for i := range values {
		values[i] = s.At(i)
	}
	lead := max(int(u.target.Lead/u.step), 0)
	last := min(lead+1, u.predictor.Horizon()-1)
	return values, [2]int{min(lead, last), last}, nil
}

// losses lets a predictor go through a history and returns its pinball loss in each part of the second half.
func losses(ctx context.Context, p *predictor.Predictor, values []float64, reads [2]int) (sums [patternBlocks]float64, err error) {
	var sheet predictor.Sheet
	half := len(values) / 2
	for i, y := range values {
		if i >= half && i+reads[1] < len(values) {
			if err := context.Cause(ctx); err != nil {
				return sums, err
			}
			f, err := p.ForecastOn(&sheet, "", models.SignalInvocations, time.Unix(0, 0), reads[0], reads[1]+1)
			if err != nil && !errors.Is(err, models.ErrInsufficientHistory) {
				return sums, err
			}
			if err == nil {
				sums[(i-half)*patternBlocks/(len(values)-half)] += pinball(f, values[i+reads[0]:i+reads[1]+1])
			}
		}
		p.Update(y)
		if p.RefitDue() {
			_ = p.Refit() // as for a target: the parameters stay as they were
		}
	}
	return sums, nil
}

// pinball is the mean pinball loss of a forecast over its levels, added up over the steps that are known.
func pinball(f *models.Forecast, values []float64) float64 {
	levels, sum := f.Levels(), 0.0
	for h, y := range values {
		if math.IsNaN(y) {
			continue
		}
		for _, l := range levels {
			over := y - f.Quantile(l, h)
			sum += max(l*over, (l-1)*over) / float64(len(levels))
		}
	}
	return sum
}

// adopt gives a unit a predictor of its own, which learns from the history that the next Step reads. cfg is the configuration that the
// variant was tried beside.
func (e *Engine) adopt(ctx context.Context, u *unit, v variant, shared *predictor.Shared, cfg *predictor.Config) error {
	e.step.Lock()
	defer e.step.Unlock()
	if e.byID[u.id] != u || !reflect.DeepEqual(e.parts.Predictor, *cfg) {
		return fmt.Errorf("pattern: the configuration was reloaded meanwhile; try again: %w", models.ErrConflict)
	}
	e.variants.prune(func(id models.TargetID) bool { return e.byID[id] != nil && id != u.id })
	if e.variants.shared[v] == nil && len(e.variants.shared) >= maxVariants {
		return fmt.Errorf("pattern: %d variants of the forecasters are in use, which is the most there may be; put the best into predictor.models and "+
			"predictor.periods: %w", maxVariants, models.ErrConflict)
	}
	next := maps.Clone(e.variants.of)
	next[u.id] = v
	if err := e.saveVariants(ctx, next); err != nil {
		return err
	}
	if e.variants.shared[v] == nil {
		e.variants.shared[v] = shared
	}
	e.variants.of = next
	e.begin(u)
	return nil
}

// abandon gives a unit the predictor of the configuration back.
func (e *Engine) abandon(ctx context.Context, u *unit) error {
	e.step.Lock()
	defer e.step.Unlock()
	next := maps.Clone(e.variants.of)
	delete(next, u.id)
	if err := e.saveVariants(ctx, next); err != nil {
		return err
	}
	e.variants.of = next
	e.variants.prune(func(id models.TargetID) bool { return e.byID[id] != nil })
	if e.byID[u.id] == u {
		e.begin(u)
	}
	return nil
}

// prune lets go of the configurations that no target uses of those that keep tells.
func (v *variants) prune(keep func(models.TargetID) bool) {
	used := map[variant]bool{}
	for id, one := range v.of {
		if keep(id) {
			used[one] = true
		}
	}
	maps.DeleteFunc(v.shared, func(one variant, _ *predictor.Shared) bool { return !used[one] })
}

// begin lets a unit begin anew, and its source read history for it at the next Step.
func (e *Engine) begin(u *unit) {
	e.reset(u)
	for _, s := range e.sources {
		if s.Name == u.source {
			s.backfilled = time.Time{}
			if !slices.Contains(s.waiting, u) {
				s.waiting = append(s.waiting, u)
			}
		}
	}
}

// saveVariants keeps which targets have a variant.
func (e *Engine) saveVariants(ctx context.Context, of map[models.TargetID]variant) error {
	data, err := json.Marshal(savedVariants{Config: fmt.Sprintf("%+v", e.parts.Predictor), Of: of})
	if err == nil {
		err = e.deps.State.SaveState(ctx, variantsKey, data)
	}
	if err != nil {
		return fmt.Errorf("pattern: the forecaster stays as it is, since a change could not be saved: %w", err)
	}
	return nil
}

// loadVariants takes the variants of before the start. What does not fit the configuration any more is left out.
func (e *Engine) loadVariants(ctx context.Context) {
	data, err := e.deps.State.LoadState(ctx, variantsKey)
	if errors.Is(err, models.ErrNotFound) {
		return
	}
	var saved savedVariants
	if err == nil {
		err = json.Unmarshal(data, &saved)
	}
	if err != nil {
		e.log.WarnContext(ctx, "forecasters that were proposed for targets cannot be read; they begin with those of the configuration", "err", err)
	}
	if saved.Config != fmt.Sprintf("%+v", e.parts.Predictor) {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(saved.Of)) {
		v := saved.Of[id]
		if e.variants.shared[v] == nil {
			cfg, err := v.extend(e.parts.Predictor, e.parts.Settings.Step)
			if err != nil || len(e.variants.shared) >= maxVariants {
				continue
			}
			shared, err := predictor.NewShared(cfg, e.parts.Settings.Step)
			if err != nil {
				continue
			}
			e.variants.shared[v] = shared
		}
		e.variants.of[id] = v
	}
}

// predictorOf makes an empty predictor for a target.
func (e *Engine) predictorOf(id models.TargetID) *predictor.Predictor {
	if v, ok := e.variants.of[id]; ok && e.variants.shared[v] != nil {
		return e.variants.shared[v].New()
	}
	return e.predictors.New()
}
