package api

import (
	"time"

	"pilotlight/models"
)

// Limits is the wire form of models.Limits.
type Limits struct {
	MinWarm       int     `json:"min_warm" doc:"Least floor of warm instances."`
	MaxWarm       int     `json:"max_warm" doc:"Greatest floor of warm instances."`
	MaxKeepAliveS float64 `json:"max_keep_alive_s" doc:"Greatest keep-alive in seconds; 0 means the lever is left alone."`
	MinMemoryMB   int     `json:"min_memory_mb,omitempty" doc:"Least memory of an instance; absent is no bound."`
	MaxMemoryMB   int     `json:"max_memory_mb,omitempty" doc:"Greatest memory of an instance; absent is no bound."`
}

// Data says how fresh the samples of a target are.
type Data struct {
	State      string     `json:"state" enum:"fresh,stale,missing" doc:"How fresh the samples are."`
	LastSample *time.Time `json:"last_sample,omitempty" doc:"End of the newest step with a value; absent if there is none."`
}

// Load is the latest load of a target; null is unknown.
type Load struct {
	Invocations Number `json:"invocations" doc:"Invocations that arrived in the latest step."`
	DurationS   Number `json:"duration_s" doc:"Mean duration of an invocation in seconds."`
	Concurrency Number `json:"concurrency" doc:"Mean number of invocations in flight."`
}

// Observation is the wire form of models.Observation.
type Observation struct {
	Capacity Capacity `json:"capacity" doc:"The levers that the platform shows."`
	Ready    *int     `json:"ready,omitempty" doc:"Warm instances that are ready now; absent if unknown."`
	Pending  bool     `json:"pending" doc:"The platform is still carrying out an earlier change."`
	Note     string   `json:"note,omitempty" doc:"What is peculiar about the state. Untrusted text."`
}

// Target is the wire form of models.TargetStatus: a target and the latest that is known about it.
type Target struct {
	ID             string            `json:"id" example:"shop/checkout" doc:"Unique name of the target. Untrusted text; escape it in a path, a slash as %2F."`
	Group          string            `json:"group,omitempty" doc:"Application or owner."`
	Collector      string            `json:"collector" doc:"Configured name of the part that reads it."`
	Actuator       string            `json:"actuator" doc:"Configured name of the part that writes it."`
	Ref            string            `json:"ref,omitempty" doc:"How the platform names it."`
	Labels         map[string]string `json:"labels,omitempty" doc:"The labels the collector saw. Untrusted text."`
	MemoryMB       float64           `json:"memory_mb" doc:"Memory of one instance in MB of 1024*1024 bytes."`
	ColdStartS     float64           `json:"cold_start_s" doc:"How long a cold start takes, in seconds."`
	LeadS          float64           `json:"lead_s" doc:"Seconds from asking for a warm instance to having it."`
	Concurrency    int               `json:"concurrency" doc:"How many invocations one instance runs at a time."`
	Limits         Limits            `json:"limits" doc:"The bounds that no decision may leave."`
	Data           Data              `json:"data"`
	Load           Load              `json:"load"`
	Observed       *Observation      `json:"observed,omitempty" doc:"The state on the platform; absent if it could not be read."`
	Recommendation *Recommendation   `json:"recommendation,omitempty" doc:"The latest recommendation; absent before the first decision."`
	RightSizing    *RightSizing      `json:"right_sizing,omitempty" doc:"What its memory should be; absent if the use of memory is not measured."`
	Problems       []string          `json:"problems" nullable:"false" doc:"What stands in the way, in words that say what to do."`
}

func toTarget(s *models.TargetStatus) Target {
	t := &s.Target
	out := Target{
		ID: string(t.ID), Group: t.Group, Collector: t.Collector, Actuator: t.Actuator, Ref: t.Ref, Labels: t.Labels,
		MemoryMB: t.MemoryMB, ColdStartS: t.ColdStart.Seconds(), LeadS: t.Lead.Seconds(), Concurrency: t.Concurrency,
		Limits: Limits{
			MinWarm: t.Limits.MinWarm, MaxWarm: t.Limits.MaxWarm, MaxKeepAliveS: t.Limits.MaxKeepAlive.Seconds(),
			MinMemoryMB: int(t.Limits.MinMemoryMB), MaxMemoryMB: int(t.Limits.MaxMemoryMB),
		},
		Data: Data{State: string(s.Data), LastSample: timeOrNone(s.LastSample)},
		Load: Load{
			Invocations: Number(s.Invocations), DurationS: Number(s.Duration), Concurrency: Number(s.Concurrency),
		},
		Problems: append([]string{}, s.Problems...),
	}
	if s.Observed {
		o := &Observation{Capacity: toCapacity(s.Observation.Capacity), Pending: s.Observation.Pending, Note: s.Observation.Note}
		if ready := s.Observation.Ready; ready >= 0 {
			o.Ready = &ready
		}
		out.Observed = o
	}
	if s.Latest != nil {
		r := toRecommendation(s.Latest)
		out.Recommendation = &r
	}
	if s.Sizing != nil {
		r := toRightSizing(s.Sizing)
		out.RightSizing = &r
	}
	return out
}

// timeOrNone returns nil for the zero time.
func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Skill is the wire form of models.Skill: mean absolute errors on the past; null is unknown.
type Skill struct {
	Windows          int    `json:"windows" doc:"How many past forecasts were scored."`
	MAE              Number `json:"mae" doc:"Mean absolute error of the model."`
	SeasonalNaiveMAE Number `json:"seasonal_naive_mae" doc:"The same of repeating the last season."`
	PersistenceMAE   Number `json:"persistence_mae" doc:"The same of repeating the last value."`
}

// ForecastRow is one step of a forecast.
type ForecastRow struct {
	At        time.Time `json:"at" doc:"Start of the step."`
	Mean      Number    `json:"mean" doc:"Point forecast."`
	Quantiles []Number  `json:"quantiles" nullable:"false" doc:"One for each of levels, not decreasing."`
}

// Forecast is the wire form of models.Forecast.
type Forecast struct {
	Target string        `json:"target" doc:"ID of the target. Untrusted text."`
	Signal string        `json:"signal" example:"invocations" doc:"What is forecast."`
	Start  time.Time     `json:"start" doc:"Start of the first step, the end of the last step known."`
	StepS  float64       `json:"step_s" example:"60" doc:"Length of a step in seconds."`
	Model  string        `json:"model" doc:"The forecaster that made it."`
	Fit    bool          `json:"fit" doc:"Whether decisions use it."`
	Unfit  *Reason       `json:"unfit,omitempty" doc:"Why decisions do not use it."`
	Skill  Skill         `json:"skill"`
	Levels []float64     `json:"levels" nullable:"false" doc:"Quantile levels, increasing, inside (0, 1)."`
	Rows   []ForecastRow `json:"rows" nullable:"false" doc:"The steps in order."`
	// Explanation is of the time of the request.
	Explanation *Explanation `json:"explanation" doc:"How the predictor comes to its forecasts, as of now; the forecast is that of the last step."`
}

func toSkill(s *models.Skill) Skill {
	return Skill{
		Windows: s.Windows, MAE: Number(s.MAE), SeasonalNaiveMAE: Number(s.SeasonalNaiveMAE), PersistenceMAE: Number(s.PersistenceMAE),
	}
}

func toForecast(f *models.Forecast, e *models.Explanation) Forecast {
	skill := f.Skill()
	out := Forecast{
		Target: string(f.Target()), Signal: f.Signal().String(), Start: f.Start(), StepS: f.Step().Seconds(), Model: f.Model(),
		Fit: f.Unfit() == nil, Levels: append([]float64{}, f.Levels()...), Rows: make([]ForecastRow, f.Horizon()),
		Skill: toSkill(&skill), Unfit: toReasonOrNone(f.Unfit()), Explanation: toExplanation(e),
	}
	for h := range out.Rows {
		row := ForecastRow{
			At: f.Start().Add(time.Duration(h) * f.Step()), Mean: Number(f.Mean(h)), Quantiles: make([]Number, len(out.Levels)),
		}
		for i, level := range out.Levels {
			row.Quantiles[i] = Number(f.Quantile(level, h))
		}
		out.Rows[h] = row
	}
	return out
}

// Series is the wire form of models.Series.
type Series struct {
	Target string    `json:"target" doc:"ID of the target. Untrusted text."`
	Signal string    `json:"signal" example:"invocations" doc:"What is measured."`
	Start  time.Time `json:"start" doc:"Start of the first step."`
	End    time.Time `json:"end" doc:"End of the last step."`
	StepS  float64   `json:"step_s" example:"60" doc:"Length of a step in seconds."`
	Values []Number  `json:"values" nullable:"false" doc:"One for each step; null is a gap."`
}

func toSeries(id models.TargetID, sig models.Signal, s models.Series) Series {
	return Series{
		Target: string(id), Signal: sig.String(), Start: s.Start(), End: s.End(), StepS: s.Step().Seconds(),
		Values: numbers(s.Values()),
	}
}
