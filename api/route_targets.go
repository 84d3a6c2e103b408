package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

const (
	// maxSeriesSpan bounds the range of one request.
	maxSeriesSpan = 366 * 24 * time.Hour
	// maxSeriesValues bounds the answer; it is a week of five-second steps or two months of minutes.
	maxSeriesValues = 100_000
	// defaultSeriesSpan is the range without from.
	defaultSeriesSpan = 24 * time.Hour
)

// Targets is a page of targets.
type Targets struct {
	Items []Target `json:"items" nullable:"false" doc:"Sorted by id."`
	Next  string   `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

type targetsInput struct {
	Page
	Group string `query:"group" maxLength:"256" doc:"Only targets of this application or owner."`
	Data  string `query:"data" enum:"fresh,stale,missing" doc:"Only targets whose data is in this state."`
}

type targetsOutput struct {
	Link string `header:"Link" doc:"The next page, with rel=next."`
	Body Targets
}

// RefusedTarget is the wire form of models.RefusedTarget.
type RefusedTarget struct {
	ID        string `json:"id" doc:"What the collector calls it. Untrusted text."`
	Collector string `json:"collector" doc:"The collector that found it."`
	Why       string `json:"why" doc:"Why it cannot be used. Untrusted text."`
}

// RefusedTargets are all that cannot be used.
type RefusedTargets struct {
	Items []RefusedTarget `json:"items" nullable:"false" doc:"Sorted by id; at most 10,000."`
}

type refusedOutput struct{ Body RefusedTargets }

// TargetPath is the path of a request about a target.
type TargetPath struct {
	ID string `path:"id" maxLength:"256" example:"shop/checkout" doc:"ID of the target, escaped: a slash is %2F."`
}

// id returns the target the path names.
func (in *TargetPath) id() (models.TargetID, error) {
	id := models.TargetID(in.ID)
	if err := id.Validate(); err != nil {
		return "", invalid("path.id", err.Error())
	}
	return id, nil
}

type targetOutput struct{ Body Target }

type forecastOutput struct{ Body Forecast }

type seriesInput struct {
	TargetPath
	Signal string    `query:"signal" enum:"invocations,duration,concurrency,errors,cold_starts,memory,queue_depth" default:"invocations" doc:"What is measured."`
	From   time.Time `query:"from" example:"2026-01-05T00:00:00Z" doc:"Start of the range; a day before its end if left out."`
	To     time.Time `query:"to" example:"2026-01-06T00:00:00Z" doc:"End of the range; now if left out."`
}

type seriesOutput struct{ Body Series }

func (s *server) registerTargets() {
	tags := []string{"Targets"}
	register(s, huma.Operation{
		OperationID: "list-targets", Method: http.MethodGet, Path: prefix + "/targets", Tags: tags, Summary: "List targets",
		Description: "All targets with the latest that is known about them: data, load, capacity, recommendation, problems.",
	}, s.listTargets)
	register(s, huma.Operation{
		OperationID: "list-refused-targets", Method: http.MethodGet, Path: prefix + "/refused-targets", Tags: tags,
		Summary: "List what collectors have found and cannot be used", Description: "Each with the reason, such as a ref that its labels do not fill.",
	}, s.listRefused)
	register(s, huma.Operation{
		OperationID: "get-target", Method: http.MethodGet, Path: prefix + "/targets/{id}", Tags: tags, Summary: "Show a target",
		Errors: []int{http.StatusNotFound},
	}, s.getTarget)
	register(s, huma.Operation{
		OperationID: "get-forecast", Method: http.MethodGet, Path: prefix + "/targets/{id}/forecast", Tags: tags,
		Summary: "Show the latest forecast of a target",
		Description: "Its explanation says what each model counts for and why. If there is no forecast, the problem says why: " +
			"insufficient-history, no-data or stale-data.",
		Errors: []int{http.StatusNotFound},
	}, s.getForecast)
	register(s, huma.Operation{
		OperationID: "get-series", Method: http.MethodGet, Path: prefix + "/targets/{id}/series", Tags: tags,
		Summary:     "Show measured samples of a target",
		Description: "A regular series; steps without a sample are null.",
		Errors:      []int{http.StatusNotFound},
	}, s.getSeries)
}

func (s *server) listTargets(_ context.Context, in *targetsInput) (*targetsOutput, error) {
	page, next, err := pageOfTargets(s.deps.Fleet.Targets(), &in.Page, func(t *models.TargetStatus) bool {
		return (in.Group == "" || t.Target.Group == in.Group) && (in.Data == "" || string(t.Data) == in.Data)
	})
	if err != nil {
		return nil, err
	}
	out := &targetsOutput{Link: in.link(next), Body: Targets{Items: make([]Target, len(page)), Next: next}}
	for i := range page {
		out.Body.Items[i] = toTarget(&page[i])
	}
	return out, nil
}

func (s *server) listRefused(context.Context, *struct{}) (*refusedOutput, error) {
	all := s.deps.Refusals.Refused()
	out := &refusedOutput{Body: RefusedTargets{Items: make([]RefusedTarget, len(all))}}
	for i, r := range all {
		out.Body.Items[i] = RefusedTarget{ID: string(r.ID), Collector: r.Collector, Why: r.Why}
	}
	return out, nil
}

func (s *server) getTarget(_ context.Context, in *TargetPath) (*targetOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	status, err := s.deps.Fleet.Target(id)
	if err != nil {
		return nil, err
	}
	return &targetOutput{Body: toTarget(&status)}, nil
}

func (s *server) getForecast(_ context.Context, in *TargetPath) (*forecastOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	forecast, err := s.deps.Fleet.Forecast(id)
	if err != nil {
		return nil, err
	}
	explanation, err := s.deps.Explanations.Explain(id)
	if err != nil {
		return nil, err
	}
	return &forecastOutput{Body: toForecast(&forecast, &explanation)}, nil
}

func (s *server) getSeries(ctx context.Context, in *seriesInput) (*seriesOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	signal, err := models.ParseSignal(in.Signal)
	if err != nil {
		return nil, invalid("query.signal", err.Error())
	}
	to := in.To
	if to.IsZero() {
		to = s.deps.Now()
	}
	from := in.From
	if from.IsZero() {
		from = to.Add(-defaultSeriesSpan)
	}
	if err := checkRange(from, to); err != nil {
		return nil, err
	}
	if span := to.Sub(from); span > maxSeriesSpan {
		return nil, invalid("query.from", fmt.Sprintf("the range of %s is longer than %s; ask for parts of it", span, maxSeriesSpan))
	}
	series, err := s.deps.Fleet.Series(ctx, id, signal, from.UTC(), to.UTC())
	if err != nil {
		return nil, err
	}
	if n := series.Len(); n > maxSeriesValues {
		return nil, invalid("query.from", fmt.Sprintf("the range has %d steps, more than %d; ask for parts of it", n, maxSeriesValues))
	}
	return &seriesOutput{Body: toSeries(id, signal, series)}, nil
}

// checkRange refuses times that a clock in nanoseconds cannot hold, and an end that is not after the start. A zero time is
// open.
func checkRange(from, to time.Time) error {
	for _, bound := range []struct {
		name string
		time time.Time
	}{{"query.from", from}, {"query.to", to}} {
		if year := bound.time.UTC().Year(); !bound.time.IsZero() && (year < 1970 || year > 2261) {
			return invalid(bound.name, "the year is not between 1970 and 2261")
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return invalid("query.from", fmt.Sprintf("%s is not before the end, %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)))
	}
	return nil
}
