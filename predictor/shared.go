package predictor

import (
	"fmt"
	"sync"
	"time"

	"pilotlight/models"
)

// Shared is what all predictors of one configuration and step have in common: the layout, the list of members and room to
// compute in. A fleet makes it once. It is safe for concurrent use.
type Shared struct {
	layout
	cfg         Config
	fingerprint uint32
	specs       []memberSpec
	// always says that a member is ready after the first value.
	always bool
	// rooms are scratch rooms: kept apart from the targets, because only those at work need one.
	rooms sync.Pool
}

// memberSpec says how one member of the pool is made and how its forecasts wait to be scored.
type memberSpec struct {
	name    string
	model   Model
	setting Setting
	kind    kind
	// twins, if not nil, makes the member faster and smaller than the model does.
	twins twinner
	// column is the place among the members of the same kind.
	column int
}

// kind says what a member's forecasts depend on, and so how much of them must be kept until their time has come.
type kind int

const (
	// kindPath forecasts each step from each origin anew: every lead keeps its own.
	kindPath kind = iota
	// kindFlat forecasts one value for all steps: one number for each origin serves all leads.
	kindFlat
	// kindClock forecasts a step from the past of its own position in a period, whatever the origin: its error is the same at
	// all leads.
	kindClock

	numKinds
)

// twinner is a forecaster that can make others of its kind, without history, that share its constants.
type twinner interface{ twin() Forecaster }

// flatForecaster is a forecaster whose forecasts are the same for all steps; ok is false if there is none yet.
type flatForecaster interface {
	flat() (value float64, ok bool)
}

// someForecaster is a forecaster that can leave out steps nobody reads.
type someForecaster interface {
	// forecastSome is Forecast that fills in the listed steps of dst only; they increase.
	forecastSome(steps []int, dst []float64) error
}

// room is where one predictor computes at a time. Nothing in it outlives a call.
type room struct {
	// now[m] are the forecasts of member m from the present origin; ready[m] says whether it has any.
	now   [][]float64
	ready []bool
	// weights[k*members+m] mix the members at lead k.
	weights []float64
	// offsets[k*levels+i] is what quantile i adds at lead k.
	offsets []float64
	column  []float64
	// steps are those that members are asked for.
	steps []int
}

// wanted lists the steps of the leads and those from lo to hi-1, in their order.
func (r *room) wanted(leads []int, lo, hi int) []int {
	steps := r.steps[:0]
	for _, lead := range leads {
		for ; lo < min(hi, lead-1); lo++ {
			steps = append(steps, lo)
		}
		if lo == lead-1 {
			lo++
		}
		steps = append(steps, lead-1)
	}
	for ; lo < hi; lo++ {
		steps = append(steps, lo)
	}
	r.steps = steps
	return steps
}

// NewShared prepares predictors for series with that step.
func NewShared(cfg Config, step time.Duration) (*Shared, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l, err := cfg.newLayout(step)
	if err != nil {
		return nil, err
	}
	s := &Shared{layout: l, cfg: cfg, fingerprint: fingerprint(cfg, step)}
	if err := s.specify(); err != nil {
		return nil, err
	}
	for i := range s.specs {
		spec := &s.specs[i]
		spec.column = s.width[spec.kind]
		s.width[spec.kind]++
	}
	s.members = len(s.specs)
	s.rooms.New = func() any { return s.newRoom() }
	return s, nil
}

// New makes a predictor for a series. It is asleep, and takes next to no memory, until the first value that is not zero.
func (s *Shared) New() *Predictor { return &Predictor{shared: s} }

// New makes a predictor for a single series with that step. Many with the same configuration are made by NewShared.
func New(cfg Config, step time.Duration) (*Predictor, error) {
	s, err := NewShared(cfg, step)
	if err != nil {
		return nil, err
	}
	return s.New(), nil
}

// specify lists the members of the configuration and tries each out.
func (s *Shared) specify() error {
	for _, name := range s.cfg.Models {
		model, _ := findModel(name)
		if !model.Seasonal {
			if err := s.add(name, model, 0); err != nil {
				return err
			}
			continue
		}
		for _, period := range s.periods {
			if period < model.MinPeriod {
				continue
			}
			if err := s.add(memberName(name, time.Duration(period)*s.step), model, period); err != nil {
				return err
			}
		}
	}
	if len(s.specs) == 0 {
		return fmt.Errorf("models: %v are all seasonal and no period has enough steps of %s, or its history is not kept; add a longer period, history, or persistence: %w",
			s.cfg.Models, s.step, models.ErrInvalid)
	}
	return nil
}

// add makes the member once, to see that it can be made and of what kind it is.
func (s *Shared) add(name string, model Model, period int) error {
	spec := memberSpec{name: name, model: model, setting: Setting{Step: s.step, Period: period, Scale: s.scale, Periods: s.periods}}
	f, err := model.New(spec.setting)
	if err != nil {
		return fmt.Errorf("model %s: %w", name, err)
	}
	spec.twins, _ = f.(twinner)
	switch f := f.(type) {
	case flatForecaster:
		spec.kind = kindFlat
	case *SeasonalNaive:
		if f.period > s.history { // it would not find its values in the history that is kept
			return nil
		}
		spec.kind = kindClock
	}
	s.specs = append(s.specs, spec)
	s.always = s.always || name == modelPersistence
	return nil
}

// newRoom makes a room to compute in.
func (s *Shared) newRoom() *room {
	r := &room{
		now: make([][]float64, s.members), ready: make([]bool, s.members), weights: make([]float64, len(s.leads)*s.members),
		offsets: make([]float64, len(s.leads)*len(s.levels)), column: make([]float64, s.members),
	}
	cells := make([]float64, s.members*s.horizon)
	for m := range r.now {
		r.now[m] = cells[m*s.horizon : (m+1)*s.horizon]
	}
	return r
}

// enter takes a room, which goes back by leave.
func (s *Shared) enter() *room {
	r, _ := s.rooms.Get().(*room)
	return r
}

func (s *Shared) leave(r *room) { s.rooms.Put(r) }
